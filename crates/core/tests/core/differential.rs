//! The check beside a naive one, which reads every row and follows the words of the documentation.

use bonafide_core::access::{
    Allowed, Assignable, CUSTOM_ROLES, Chain, CustomRole, Grants, Permission, Plane, ROLE_ASSIGNMENTS, RoleAssignment,
    ScopeKey, chain_of_subscription, check, roles,
};
use bonafide_core::directory::{
    MANAGEMENT_GROUPS, ManagementGroup, PRINCIPALS, SUBSCRIPTIONS, Subscription, create_application, root_group_of,
};
use bonafide_core::tokens::{Caller, TokenId};
use bonafide_crypto::SystemEntropy;
use bonafide_store::{Read, Store, StoreError, Tx};
use bonafide_types::{
    ManagementGroupUuid, ObjectId, ResourceId, ResourceUuid, RoleAssignmentId, RoleDefinitionId, SubscriptionId,
    TenantId, Timestamp, World,
};
use proptest::prelude::*;
use uuid::Uuid;

const TENANT: TenantId = TenantId::new(Uuid::from_u128(1));
const OTHER: TenantId = TenantId::new(Uuid::from_u128(2));
const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
/// The number of custom roles.
const ROLES: u128 = 3;
/// Built-in roles, one with a condition on what it does with role assignments.
const BUILT_IN: [&str; 3] = ["Reader", "User Access Administrator", "Key Vault Data Access Administrator"];
const ACTIONS: [&str; 6] = [
    "A.B/c/read",
    "A.B/c/d/read",
    "A.B/c/start/action",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleAssignments/read",
    "a.b/C/READ",
];

/// A tree, and what two principals hold in it.
#[derive(Debug, Clone)]
struct Scene {
    /// The parent of each management group: the root group, or one before it.
    groups: Vec<usize>,
    /// The group of each subscription: the root group, or one of them.
    subscriptions: Vec<usize>,
    roles: Vec<(Vec<String>, Vec<String>, Vec<Place>)>,
    held: Vec<(bool, Place, usize)>,
}

/// A place in the tree, by numbers that are taken modulo what there is.
#[derive(Debug, Clone, Copy)]
struct Place {
    kind: u8,
    at: usize,
    inner: u8,
}

fn place() -> impl Strategy<Value = Place> {
    (0_u8..5, 0_usize..4, 0_u8..2).prop_map(|(kind, at, inner)| Place { kind, at, inner })
}

fn pattern() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "*",
        "*/read",
        "A.B/*",
        "a.b/c/*/read",
        "A.B/c/read",
        "A.B/*/action",
        "Microsoft.Authorization/*",
        "Microsoft.Authorization/*/write",
        "nothing/at/all",
    ])
    .prop_map(str::to_owned)
}

fn scene() -> impl Strategy<Value = Scene> {
    let patterns = || prop::collection::vec(pattern(), 0..3);
    let role = (patterns(), patterns(), prop::collection::vec(place(), 1..3));
    let held = (any::<bool>(), place(), 0..ROLES as usize + BUILT_IN.len());
    (
        prop::collection::vec(0_usize..4, 0..4),
        prop::collection::vec(0_usize..5, 1..4),
        prop::collection::vec(role, ROLES as usize),
        prop::collection::vec(held, 0..6),
    )
        .prop_map(|(groups, subscriptions, roles, held)| Scene { groups, subscriptions, roles, held })
}

fn group(n: usize) -> ManagementGroupUuid {
    ManagementGroupUuid::new(Uuid::from_u128(100 + n as u128))
}

fn subscription(n: usize) -> SubscriptionId {
    SubscriptionId::new(Uuid::from_u128(200 + n as u128))
}

fn role_id(n: usize) -> RoleDefinitionId {
    match BUILT_IN.get(n) {
        Some(name) => roles::by_name(name).unwrap().id,
        None => RoleDefinitionId::new(Uuid::from_u128(300 + n as u128)),
    }
}

impl Scene {
    /// The scope at a place, with everything above it, by the tree as it is described.
    fn scopes(&self, place: Place) -> Vec<ScopeKey> {
        let (kind, at) = (place.kind, place.at);
        let mut above = vec![ScopeKey::Root];
        if kind == 0 {
            return above;
        }
        above.push(ScopeKey::ManagementGroup(root_group_of(TENANT)));
        let groups_to = |mut n: usize, above: &mut Vec<ScopeKey>| {
            let mut inner = Vec::new();
            while n > 0 {
                inner.push(ScopeKey::ManagementGroup(group(n - 1)));
                n = self.parent(n - 1);
            }
            above.extend(inner.into_iter().rev());
        };
        if kind == 1 {
            groups_to(at % (self.groups.len() + 1), &mut above);
            return above;
        }
        let at = at % self.subscriptions.len();
        groups_to(self.group_of(at), &mut above);
        above.push(ScopeKey::Subscription(subscription(at)));
        let uuid = |level: usize| {
            ResourceUuid::new(Uuid::from_u128((level * 1_000 + at * 10) as u128 + u128::from(place.inner)))
        };
        if kind > 2 {
            above.push(ScopeKey::Group(uuid(1)));
        }
        if kind > 3 {
            above.push(ScopeKey::Resource(uuid(2)));
        }
        above
    }

    /// 0 is the root group, and n the group before n.
    fn parent(&self, n: usize) -> usize {
        self.groups[n] % (n + 1)
    }

    fn group_of(&self, subscription: usize) -> usize {
        self.subscriptions[subscription] % (self.groups.len() + 1)
    }

    fn store(&self, tx: &mut Tx<'_>, world: &World<'_>) -> Result<[ObjectId; 2], StoreError> {
        let key = |n: usize| n.checked_sub(1).map(group);
        for n in 0..self.groups.len() {
            let row = ManagementGroup {
                name: format!("g{n}"),
                display_name: String::new(),
                parent: key(self.parent(n)),
                version: 1,
                updated_at: NOW,
                updated_by: None,
            };
            tx.put(&MANAGEMENT_GROUPS, &(TENANT, group(n)), &row)?;
        }
        for n in 0..self.subscriptions.len() {
            let row = Subscription { management_group: key(self.group_of(n)), ..Subscription::new(TENANT, "s", NOW) };
            tx.put(&SUBSCRIPTIONS, &subscription(n), &row)?;
        }
        let principals = [(); 2].map(|()| create_application(tx, world, TENANT, "p").unwrap().0);
        for (n, (actions, not_actions, places)) in self.roles.iter().enumerate() {
            let patterns = |texts: &[String]| texts.iter().map(|text| text.clone().into()).collect();
            let permission =
                Permission { actions: patterns(actions), not_actions: patterns(not_actions), ..Permission::default() };
            let id = ResourceId::of_subscription(subscription(0));
            let assignable = |place: &Place| Assignable { scope: *self.scopes(*place).last().unwrap(), id: id.clone() };
            let role = CustomRole {
                name: format!("r{n}"),
                description: String::new(),
                permissions: vec![permission],
                assignable: places.iter().map(assignable).collect(),
                created_at: NOW,
                created_by: None,
                updated_at: NOW,
                updated_by: None,
                mark: None,
            };
            tx.put(&CUSTOM_ROLES, &(TENANT, role_id(n + BUILT_IN.len())), &role)?;
        }
        for (first, place, role) in &self.held {
            let principal = principals[usize::from(*first)];
            let row = RoleAssignment {
                scope: *self.scopes(*place).last().unwrap(),
                subscription: None,
                role: role_id(*role),
                description: None,
                created_at: NOW,
                created_by: None,
                updated_at: NOW,
                updated_by: None,
                mark: None,
            };
            // The same twice would be refused; here the second one is left out.
            let known = tx.page(&ROLE_ASSIGNMENTS, &(TENANT, principal), None, usize::MAX)?;
            if !known.iter().any(|(_, other)| other.scope == row.scope && other.role == row.role) {
                let name = RoleAssignmentId::random(world.entropy);
                tx.put(&ROLE_ASSIGNMENTS, &(TENANT, principal, name), &row)?;
            }
        }
        Ok(principals)
    }

    /// The answer by the words of the documentation, from the rows.
    fn naive(&self, tx: &Tx<'_>, principal: ObjectId, scopes: &[ScopeKey], action: &str) -> bool {
        let rows = tx.page(&ROLE_ASSIGNMENTS, &(), None, usize::MAX).unwrap();
        rows.iter().any(|((tenant, holder, _), row)| {
            let permissions: Vec<Permission> = match roles::by_id(row.role) {
                Some(role) => role.permissions.clone(),
                None => {
                    let role = tx.get(&CUSTOM_ROLES, &(TENANT, row.role)).unwrap().unwrap();
                    let is_valid = role.assignable.iter().any(|one| scopes.contains(&one.scope));
                    if is_valid { role.permissions } else { Vec::new() }
                }
            };
            *tenant == TENANT
                && *holder == principal
                && scopes.contains(&row.scope)
                && permissions.iter().any(|one| {
                    let matches = |patterns: &[_]| {
                        patterns.iter().any(|pattern: &std::borrow::Cow<'_, str>| {
                            matches(pattern.to_ascii_lowercase().as_bytes(), action.to_ascii_lowercase().as_bytes())
                        })
                    };
                    // Of a condition nothing is known here: what it names is not granted.
                    let limited = one.condition.as_ref().is_some_and(|text| text.as_str().contains(action));
                    matches(&one.actions) && !matches(&one.not_actions) && !limited
                })
        })
    }
}

/// The rules of patterns, word for word.
fn matches(pattern: &[u8], action: &[u8]) -> bool {
    match pattern {
        [] => action.is_empty(),
        [b'*', rest @ ..] => matches(rest, action) || (!action.is_empty() && matches(pattern, &action[1..])),
        [byte, rest @ ..] => {
            (pattern.starts_with(b"/*/") && matches(&pattern[2..], action))
                || (action.first() == Some(byte) && matches(rest, &action[1..]))
        }
    }
}

fn caller(tx: &impl Read, principal: ObjectId) -> Caller {
    let row = tx.get(&PRINCIPALS, &principal).unwrap().unwrap();
    let world = World { now: NOW, entropy: &SystemEntropy };
    let token_id = TokenId::new(&world);
    Caller { tenant: TENANT, object_id: principal, client_id: row.client_id, workload: None, token_id, expires_at: NOW }
}

/// The chain as the check gets it: from the rows of the tree.
fn chain(tx: &impl Read, scopes: &[ScopeKey]) -> Chain {
    let subscription = scopes.iter().position(|scope| matches!(scope, ScopeKey::Subscription(_)));
    let begin = match subscription.map(|at| (at, scopes[at])) {
        Some((at, ScopeKey::Subscription(id))) => {
            let row = tx.get(&SUBSCRIPTIONS, &id).unwrap().unwrap();
            return scopes[at + 1..].iter().copied().fold(chain_of_subscription(tx, id, &row).unwrap(), Chain::then);
        }
        _ => Chain::root(TENANT),
    };
    match scopes.last() {
        Some(ScopeKey::ManagementGroup(uuid)) => {
            bonafide_core::access::chain_of_management_group(tx, TENANT, Some(*uuid)).unwrap()
        }
        _ => begin,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn tn_13_the_check_agrees_with_a_naive_one(scene in scene(), places in prop::collection::vec(place(), 1..4)) {
        let world = World { now: NOW, entropy: &SystemEntropy };
        let asked: Vec<Vec<ScopeKey>> = places.iter().map(|place| scene.scopes(*place)).collect();
        let found: Result<Vec<String>, StoreError> = Store::in_memory().write(|tx| {
            let principals = scene.store(tx, &world)?;
            let mut wrong = Vec::new();
            for principal in principals {
                // One for all questions, as in a request: what it remembers must not answer another one.
                let grants = Grants::of(tx, &caller(tx, principal))?.unwrap();
                for (scopes, action) in asked.iter().flat_map(|scopes| ACTIONS.map(|action| (scopes, action))) {
                    let chain = chain(tx, scopes);
                    if chain.scopes() != scopes.as_slice() {
                        wrong.push(format!("the scopes {:?} are {scopes:?}", chain.scopes()));
                    }
                    let granted = check(tx, &grants, &chain, action, Plane::Control)?;
                    let expected = scene.naive(tx, principal, scopes, action);
                    if granted.is_ok() != expected {
                        wrong.push(format!("{action} at {scopes:?}: {granted:?}, naive {expected}"));
                    }
                    if let Ok(allowed) = granted {
                        let holds = allowed.confirm(TENANT, chain.scope(), action, Plane::Control).is_ok();
                        let elsewhere = allowed.confirm(OTHER, chain.scope(), action, Plane::Control).is_ok();
                        if !holds || elsewhere || allowed == Allowed::system(TENANT) {
                            wrong.push(format!("the proof of {action}"));
                        }
                    }
                    let of_others = scopes.iter().copied().skip(1).fold(Chain::root(OTHER), Chain::then);
                    if check(tx, &grants, &of_others, action, Plane::Control)?.is_ok() {
                        wrong.push(format!("{action} in another tenant"));
                    }
                    if check(tx, &grants, &chain, action, Plane::Data)?.is_ok() {
                        wrong.push(format!("{action} as a data action"));
                    }
                }
            }
            Ok(wrong)
        });
        prop_assert_eq!(found.unwrap(), Vec::<String>::new());
    }
}
