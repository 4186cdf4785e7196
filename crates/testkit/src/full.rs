//! Rows up to a limit, straight in the store: so many requests would take their time.

use crate::cloud::{Cloud, Realm};
use bonafide_core::access::{
    Assignable, CUSTOM_ROLES, CustomRole, Permission, ROLE_ASSIGNMENTS, RoleAssignment, ScopeKey, roles,
};
use bonafide_store::{StoreError, Tx};
use bonafide_types::{ObjectId, ResourceId, RoleAssignmentId, RoleDefinitionId};

/// Rows written in one transaction.
const ROWS_AT_ONCE: usize = 200;

impl Cloud {
    /// Gives Reader at a subscription to so many principals who are gone.
    pub fn make_role_assignments(&self, realm: &Realm, count: usize) {
        let world = self.world();
        let row = RoleAssignment {
            scope: ScopeKey::Subscription(realm.subscription),
            subscription: Some(realm.subscription),
            role: roles::by_name("Reader").unwrap().id,
            description: None,
            created_at: world.now,
            created_by: None,
            updated_at: world.now,
            updated_by: None,
            mark: None,
        };
        self.in_parts(count, |tx, _| {
            let (name, principal) = (world.entropy.guid(), ObjectId::new(world.entropy.guid()));
            tx.put(&ROLE_ASSIGNMENTS, &(realm.tenant, principal, RoleAssignmentId::new(name)), &row)
        });
    }

    /// Makes so many custom roles that can be assigned at a subscription.
    pub fn make_custom_roles(&self, realm: &Realm, count: usize) {
        let world = self.world();
        let row = CustomRole {
            name: String::new(),
            description: String::new(),
            permissions: vec![Permission::default()],
            assignable: vec![Assignable {
                scope: ScopeKey::Subscription(realm.subscription),
                id: ResourceId::of_subscription(realm.subscription),
            }],
            created_at: world.now,
            created_by: None,
            updated_at: world.now,
            updated_by: None,
            mark: None,
        };
        self.in_parts(count, |tx, n| {
            let id = RoleDefinitionId::new(world.entropy.guid());
            tx.put(&CUSTOM_ROLES, &(realm.tenant, id), &CustomRole { name: format!("role {n}"), ..row.clone() })
        });
    }

    fn in_parts(&self, count: usize, write: impl Fn(&mut Tx<'_>, usize) -> Result<(), StoreError>) {
        let numbers: Vec<usize> = (0..count).collect();
        for part in numbers.chunks(ROWS_AT_ONCE) {
            self.change(|tx| part.iter().try_for_each(|n| write(tx, *n)));
        }
    }
}
