//! Index entries belong to their rows.

use super::Place;
use crate::absence::Absence;
use crate::error::StoreError;
use crate::index::{Index, Unique};
use crate::limits::COMMIT_OPS_MAX;
use crate::read::Read;
use crate::store::Store;
use crate::table::Table;
use bonafide_types::{ClientId, ObjectId, ResourceUuid};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Principal {
    client: ClientId,
    used_by: Vec<ResourceUuid>,
}

const PRINCIPALS: Table<ObjectId, Principal> =
    Table::indexed("principal", Absence::Withholds, |_, principal, entries| {
        entries.unique(&BY_CLIENT, &principal.client);
        principal.used_by.iter().for_each(|resource| entries.many(&BY_RESOURCE, resource));
    });
const BY_CLIENT: Unique<ClientId, ObjectId> = Unique::new("principal-by-client");
const BY_RESOURCE: Index<ResourceUuid, ObjectId> = Index::new("principal-by-resource");

pub fn index_entries_follow_their_rows<P: Place>() {
    let place = P::default();
    let store = place.store();
    put(&store, 1, &principal(10, &[100, 101, 101])).unwrap();
    put(&store, 2, &principal(20, &[101])).unwrap();
    assert_eq!((found(&store, 10), found(&store, 20)), (Some(object(1)), Some(object(2))));
    assert_eq!(users(&store, 100), [object(1)]);
    assert_eq!(users(&store, 101), [object(1), object(2)]);

    put(&store, 1, &principal(11, &[101, 102])).unwrap();
    assert_eq!((found(&store, 10), found(&store, 11)), (None, Some(object(1))));
    assert_eq!(users(&store, 100), []);
    assert_eq!(users(&store, 101), [object(1), object(2)]);
    assert_eq!(users(&store, 102), [object(1)]);

    let deleted: Result<(), StoreError> = store.write(|tx| tx.delete(&PRINCIPALS, &object(1)));
    deleted.unwrap();
    assert_eq!(found(&store, 11), None);
    assert_eq!(users(&store, 101), [object(2)]);
    assert_eq!(users(&store, 102), []);
    let one_after = store.read(|tx| tx.many(&BY_RESOURCE, &resource(101), Some(&object(1)), 1));
    assert_eq!(one_after.unwrap(), [object(2)]);
}

pub fn a_taken_unique_entry_is_an_error<P: Place>() {
    let place = P::default();
    let store = place.store();
    put(&store, 1, &principal(10, &[])).unwrap();
    let error = put(&store, 2, &principal(10, &[])).unwrap_err();
    assert!(matches!(error, StoreError::Taken { index: "principal-by-client" }), "{error}");
    // Its own entry is not in a row's way, and an entry given up in the same transaction is free.
    put(&store, 1, &principal(10, &[100])).unwrap();
    let handed_over: Result<(), StoreError> = store.write(|tx| {
        tx.delete(&PRINCIPALS, &object(1))?;
        tx.put(&PRINCIPALS, &object(2), &principal(10, &[]))
    });
    handed_over.unwrap();
    assert_eq!(found(&store, 10), Some(object(2)));
    let both: Result<(), StoreError> = store.write(|tx| {
        tx.put(&PRINCIPALS, &object(3), &principal(30, &[]))?;
        tx.put(&PRINCIPALS, &object(4), &principal(30, &[]))
    });
    assert!(matches!(both, Err(StoreError::Taken { .. })));
    assert_eq!(found(&store, 30), None);
}

pub fn a_thousand_identities_on_one_resource_are_one_commit<P: Place>() {
    let place = P::default();
    let store = place.store();
    let used: Result<(), StoreError> = store.write(|tx| {
        tx.audit("1,000 identities assigned")?;
        (0..1000).try_for_each(|n| tx.put(&PRINCIPALS, &object(n), &principal(n, &[7])))
    });
    used.unwrap();
    assert_eq!(users(&store, 7).len(), 1000);
    assert_eq!(store.head().unwrap().revision.0, 1);
    let gone: Result<(), StoreError> = store.write(|tx| (0..1000).try_for_each(|n| tx.delete(&PRINCIPALS, &object(n))));
    gone.unwrap();
    assert_eq!(users(&store, 7), []);
    let rows = COMMIT_OPS_MAX as u128 / 3;
    let too_many: Result<(), StoreError> =
        store.write(|tx| (0..=rows).try_for_each(|n| tx.put(&PRINCIPALS, &object(n), &principal(n, &[7]))));
    assert!(matches!(too_many, Err(StoreError::TooManyOps { .. })));
}

pub fn equal_names_in_different_tables_do_not_meet<P: Place>() {
    const SHORT: Table<String, u64> = Table::new("na", Absence::Withholds);
    const LONG: Table<String, u64> = Table::new("name", Absence::Withholds);
    let place = P::default();
    let store = place.store();
    let done: Result<(), StoreError> = store.write(|tx| {
        tx.put(&SHORT, &"me".to_owned(), &1)?;
        tx.put(&LONG, &"me".to_owned(), &2)?;
        tx.put(&LONG, &String::new(), &3)
    });
    done.unwrap();
    let rows = store.read(|tx| Ok::<_, StoreError>((tx.page(&SHORT, &(), None, 9)?, tx.page(&LONG, &(), None, 9)?)));
    let (short, long) = rows.unwrap();
    assert_eq!(short, [("me".to_owned(), 1)]);
    assert_eq!(long, [(String::new(), 3), ("me".to_owned(), 2)]);
    // A whole string is a prefix of keys only as a part of its own.
    let none = store.read(|tx| tx.page(&LONG, &"m", None, 9));
    assert_eq!(none.unwrap(), []);
}

fn object(n: u128) -> ObjectId {
    ObjectId::new(Uuid::from_u128(n))
}

fn resource(n: u128) -> ResourceUuid {
    ResourceUuid::new(Uuid::from_u128(n))
}

fn principal(client: u128, used_by: &[u128]) -> Principal {
    let used_by = used_by.iter().copied().map(resource).collect();
    Principal { client: ClientId::new(Uuid::from_u128(client)), used_by }
}

fn put(store: &Store, key: u128, value: &Principal) -> Result<(), StoreError> {
    store.write(|tx| tx.put(&PRINCIPALS, &object(key), value))
}

fn found(store: &Store, client: u128) -> Option<ObjectId> {
    store.read(|tx| tx.find(&BY_CLIENT, &ClientId::new(Uuid::from_u128(client)))).unwrap()
}

fn users(store: &Store, key: u128) -> Vec<ObjectId> {
    store.read(|tx| tx.many(&BY_RESOURCE, &resource(key), None, usize::MAX)).unwrap()
}
