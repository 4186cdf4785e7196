//! Roles of applications that many service principals have.

use bonafide_core::access::Allowed;
use bonafide_core::directory::{
    APP_ROLE_ASSIGNMENTS, APPLICATIONS, AppRoleAssignment, Application, Audiences, application_by_client,
    create_application,
};
use bonafide_core::lifecycle::{self, DirectoryError, NewAppRoleAssignment, assign_app_role, save_application};
use bonafide_core::view::Views;
use bonafide_crypto::{Kek, SystemEntropy};
use bonafide_store::{Read, Store, StoreError};
use bonafide_types::{ClientId, Entropy, ObjectId, Secret, TenantId, Timestamp, World};
use serde_json::{Value, json};
use uuid::Uuid;

const TENANT: TenantId = TenantId::new(Uuid::from_u128(1));
const READ: Uuid = Uuid::from_u128(7);

fn world() -> World<'static> {
    World { now: Timestamp::from_unix_seconds(1_800_000_000), entropy: &SystemEntropy }
}

/// A store with a service that defines the role: its service principal, and the id that it is known by.
fn with_service() -> (Store, ObjectId, ClientId) {
    let store = Store::in_memory();
    let made = store.write(|tx| {
        let (service, row) = create_application(tx, &world(), TENANT, "orders")?;
        let (id, application) = application_by_client(tx, TENANT, row.client_id)?.unwrap();
        tx.put(&APPLICATIONS, &id, &defining(&application, &[READ]))?;
        Ok::<_, StoreError>((service, row.client_id))
    });
    let (service, client) = made.unwrap();
    (store, service, client)
}

fn defining(application: &Application, roles: &[Uuid]) -> Application {
    let role = |id: &Uuid| json!({"id": id.to_string(), "value": format!("r{id}"), "isEnabled": true, "allowedMemberTypes": ["Application"]});
    let mut application = application.clone();
    application.properties.insert("appRoles".to_owned(), Value::Array(roles.iter().map(role).collect()));
    application
}

/// So many principals that have the role, without rows of their own.
fn hold(store: &Store, resource: ObjectId, many: usize) {
    let row = AppRoleAssignment { tenant: TENANT, resource, role: READ, created_at: world().now };
    for chunk in (0..many).collect::<Vec<_>>().chunks(500) {
        let put = |tx: &mut bonafide_store::Tx<'_>| {
            chunk.iter().try_for_each(|_| {
                tx.put(&APP_ROLE_ASSIGNMENTS, &(ObjectId::random(&SystemEntropy), SystemEntropy.guid()), &row)
            })
        };
        store.write(put).unwrap();
    }
}

fn held(store: &Store) -> usize {
    store.read(|tx| tx.page(&APP_ROLE_ASSIGNMENTS, &(), None, usize::MAX)).unwrap().len()
}

/// The roles of somebody's at the service, as the view has them.
fn roles(store: &Store, principal: ObjectId, client: ClientId) -> usize {
    let views = Views::load(store, Kek::from_bytes(Secret::new([7; 32]))).unwrap();
    let view = views.current();
    view.app_roles(TENANT, principal, Some(client)).len()
}

/// Replaces the roles that the service defines.
fn define(store: &Store, client: ClientId, roles: &[Uuid]) -> Result<(), DirectoryError> {
    let known = Audiences::new(&[]).unwrap();
    store.write(|tx| {
        let (id, application) = application_by_client(tx, TENANT, client)?.unwrap();
        save_application(tx, &Allowed::system(TENANT), &known, id, &defining(&application, roles))
    })
}

#[test]
fn tn_23_a_role_that_thousands_have_ends_with_its_service_however_long_that_takes() {
    let (store, service, client) = with_service();
    let (worker, _) = store.write(|tx| create_application(tx, &world(), TENANT, "worker")).unwrap();
    let new = NewAppRoleAssignment { tenant: TENANT, principal: worker, resource: service, role: READ };
    store.write(|tx| assign_app_role(tx, &world(), &Allowed::system(TENANT), new)).unwrap();
    hold(&store, service, 1_200);
    assert_eq!(roles(&store, worker, client), 1);
    store.write(|tx| lifecycle::delete_service_principal(tx, &Allowed::system(TENANT), service)).unwrap();
    assert!(held(&store) > 0, "the first commit takes some");
    assert_eq!(roles(&store, worker, client), 0);
    lifecycle::clear(&store).unwrap();
    assert_eq!(held(&store), 0);
}

#[test]
fn tn_23_a_definition_goes_with_all_that_hold_it_or_stays() {
    let (store, service, client) = with_service();
    hold(&store, service, 501);
    let refused = define(&store, client, &[]).unwrap_err();
    assert!(matches!(refused, DirectoryError::AppRoleHeld(role) if role == READ), "{refused}");
    assert_eq!(held(&store), 501);
    let one = store.read(|tx| tx.page(&APP_ROLE_ASSIGNMENTS, &(), None, 1)).unwrap()[0].0;
    store.write(|tx| tx.delete(&APP_ROLE_ASSIGNMENTS, &one)).unwrap();
    define(&store, client, &[Uuid::from_u128(8)]).unwrap();
    assert_eq!(held(&store), 0);
}

#[test]
fn the_proof_for_another_object_gives_no_role() {
    let (store, service, _) = with_service();
    let (worker, _) = store.write(|tx| create_application(tx, &world(), TENANT, "worker")).unwrap();
    let new = NewAppRoleAssignment { tenant: TENANT, principal: worker, resource: service, role: READ };
    let other = Allowed::system(TenantId::new(Uuid::from_u128(2)));
    let refused = store.write(|tx| assign_app_role(tx, &world(), &other, new)).unwrap_err();
    assert!(matches!(refused, DirectoryError::WrongProof(_)), "{refused}");
}
