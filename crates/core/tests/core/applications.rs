//! Applications, and those of the time before they were objects of their own.

use bonafide_core::access::Allowed;
use bonafide_core::directory::{
    APPLICATIONS, Application, Audiences, CREDENTIALS, PRINCIPAL_BY_CLIENT, PRINCIPALS, RESOURCES_REGISTERED,
    RegisterError, RegisteredResource, TokenVersion, add_secret, adopt_applications, application_by_client,
    create_application, create_service_principal, principal_of, register, register_application,
};
use bonafide_core::lifecycle::{delete_application, delete_service_principal};
use bonafide_core::view::Views;
use bonafide_crypto::secret_hash::Pepper;
use bonafide_crypto::{Kek, SystemEntropy};
use bonafide_store::{Read, Store, StoreError};
use bonafide_types::{Audience, ClientId, CredentialId, ObjectId, Secret, TenantId, Timestamp, World};
use uuid::Uuid;

const TENANT: TenantId = TenantId::new(Uuid::from_u128(1));
const OTHER: TenantId = TenantId::new(Uuid::from_u128(2));

fn world() -> World<'static> {
    World { now: Timestamp::from_unix_seconds(1_800_000_000), entropy: &SystemEntropy }
}

fn views(store: &Store) -> Views {
    Views::load(store, Kek::from_bytes(Secret::new([7; 32]))).unwrap()
}

fn secret(store: &Store, owner: ObjectId) -> CredentialId {
    let id = CredentialId::random(&SystemEntropy);
    let hash = Pepper::new(&Secret::new([9; Pepper::BYTES])).hash(&id.to_string(), "secret");
    store.write(|tx| add_secret(tx, &world(), owner, id, hash, world().now.plus_seconds(60))).unwrap();
    id
}

/// The credentials that a client signs in with, as the view has them.
fn signs_in_with(store: &Store, tenant: TenantId, client: ClientId) -> Vec<CredentialId> {
    let views = views(store);
    let view = views.current();
    let found = view.principal_by_client(tenant, client);
    let found = found.map(|(id, row)| view.credentials_to_sign_in(id, row).map(|known| known.id).collect());
    found.unwrap_or_default()
}

#[test]
fn an_application_can_be_there_before_its_service_principal_with_its_secrets() {
    let store = Store::in_memory();
    let application = Application::new(&world(), TENANT, "early");
    let id = store.write(|tx| register_application(tx, &world(), &application)).unwrap();
    let secret = secret(&store, id);
    assert_eq!(signs_in_with(&store, TENANT, application.client_id), []);
    let made = store.write(|tx| create_service_principal(tx, &world(), &application)).unwrap();
    assert_ne!(made.0, id);
    assert_eq!(signs_in_with(&store, TENANT, application.client_id), [secret]);
    assert_eq!(signs_in_with(&store, OTHER, application.client_id), []);
}

#[test]
fn the_end_of_an_application_is_the_end_of_its_principal_its_secrets_and_its_names() {
    let store = Store::in_memory();
    let known = Audiences::new(&[]).unwrap();
    let uri = Audience::parse("api://Orders").unwrap();
    let (principal, row) = store.write(|tx| create_application(tx, &world(), TENANT, "app")).unwrap();
    let named = |client| store.write(|tx| register(tx, &known, TENANT, client, &uri, TokenVersion::V2));
    named(row.client_id).unwrap();
    let (id, found) = store.read(|tx| application_by_client(tx, TENANT, row.client_id)).unwrap().unwrap();
    assert_eq!(found.identifier_uris, ["api://Orders"]);
    secret(&store, id);
    secret(&store, principal);
    let (_, other) = store.write(|tx| create_application(tx, &world(), TENANT, "other")).unwrap();
    assert!(matches!(named(other.client_id), Err(RegisterError::Taken(_))));

    store.write(|tx| delete_application(tx, &Allowed::system(TENANT), id)).unwrap();
    let left = |tx: &bonafide_store::ReadTx<'_>| {
        let principal = tx.find(&PRINCIPAL_BY_CLIENT, &row.client_id)?;
        let credentials = tx.page(&CREDENTIALS, &(), None, 10)?.len();
        Ok::<_, StoreError>((principal, tx.get(&APPLICATIONS, &id)?, credentials))
    };
    assert_eq!(store.read(left).unwrap(), (None, None, 0));
    named(other.client_id).unwrap();
}

#[test]
fn an_application_outlives_its_service_principal_and_can_have_another() {
    let store = Store::in_memory();
    let (first, row) = store.write(|tx| create_application(tx, &world(), TENANT, "app")).unwrap();
    let (id, application) = store.read(|tx| application_by_client(tx, TENANT, row.client_id)).unwrap().unwrap();
    let of_application = secret(&store, id);
    secret(&store, first);
    store.write(|tx| delete_service_principal(tx, &Allowed::system(TENANT), first)).unwrap();
    assert_eq!(store.read(|tx| principal_of(tx, &application)).unwrap(), None);
    let (second, _) = store.write(|tx| create_service_principal(tx, &world(), &application)).unwrap();
    assert_ne!(first, second);
    assert_eq!(signs_in_with(&store, TENANT, row.client_id), [of_application], "that of the first one is gone with it");
}

#[test]
fn what_an_older_version_stored_becomes_applications_and_signs_in_as_before() {
    let store = Store::in_memory();
    let (principal, row) = store.write(|tx| create_application(tx, &world(), TENANT, "operator")).unwrap();
    let secret = secret(&store, principal);
    let by_id = row.client_id.to_string();
    // As an older version stored it.
    let old = |tx: &mut bonafide_store::Tx<'_>| {
        let (id, _) = application_by_client(tx, TENANT, row.client_id)?.unwrap();
        tx.delete(&APPLICATIONS, &id)?;
        for identifier in ["api://orders", &by_id] {
            let resource = RegisteredResource { app_id: row.client_id, identifier: identifier.to_owned() };
            tx.put(&RESOURCES_REGISTERED, &(TENANT, identifier.to_owned()), &resource)?;
        }
        Ok::<_, StoreError>(())
    };
    store.write(old).unwrap();
    assert_eq!(signs_in_with(&store, TENANT, row.client_id), [secret]);

    for _ in 0..2 {
        adopt_applications(&store, &world()).unwrap();
        let (id, made) = store.read(|tx| application_by_client(tx, TENANT, row.client_id)).unwrap().unwrap();
        assert_eq!((made.display_name.as_str(), made.identifier_uris), ("operator", vec!["api://orders".to_owned()]));
        let owners = store.read(|tx| tx.page(&CREDENTIALS, &(), None, 10)).unwrap();
        assert_eq!(owners.iter().map(|((owner, _), _)| *owner).collect::<Vec<_>>(), [id]);
        assert_eq!(signs_in_with(&store, TENANT, row.client_id), [secret]);
        assert_eq!(store.read(|tx| tx.page(&RESOURCES_REGISTERED, &TENANT, None, 10)).unwrap().len(), 1);
        assert_eq!(store.read(|tx| tx.page(&APPLICATIONS, &(), None, 10)).unwrap().len(), 1);
        assert!(store.read(|tx| tx.get(&PRINCIPALS, &principal)).unwrap().is_some());
    }
}
