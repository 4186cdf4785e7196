//! Applications of the time before they were objects of their own: there was a service principal, which had the credentials.

use super::{
    APPLICATION_BY_CLIENT, Application, CREDENTIALS, PRINCIPALS, PrincipalKind, RESOURCES_REGISTERED, ServicePrincipal,
    register_application,
};
use bonafide_store::{Read, Store, StoreError, Tx};
use bonafide_types::{ObjectId, World};

/// Service principals that are read at once. Source: ours.
const READ_AT_ONCE: usize = 500;

/// Gives every service principal of an application the application that it stands for, with its credentials and its
/// identifiers: a transaction for each. One that was interrupted begins again, and does what is left.
///
/// # Errors
/// The store's.
pub fn adopt_applications(store: &Store, world: &World<'_>) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let rows = store.read(|tx| tx.page(&PRINCIPALS, &(), after.as_ref(), READ_AT_ONCE))?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = Some(*last);
        for (id, _) in rows.iter().filter(|(_, row)| row.kind == PrincipalKind::Application) {
            store.write(|tx| match tx.get(&PRINCIPALS, id)? {
                Some(row) => adopt(tx, world, *id, &row),
                None => Ok(()),
            })?;
        }
    }
}

fn adopt(tx: &mut Tx<'_>, world: &World<'_>, id: ObjectId, row: &ServicePrincipal) -> Result<(), StoreError> {
    if tx.find(&APPLICATION_BY_CLIENT, &row.client_id)?.is_some() {
        return Ok(());
    }
    let mut identifiers = Vec::new();
    for (key, resource) in tx.page(&RESOURCES_REGISTERED, &row.tenant, None, usize::MAX)? {
        if resource.app_id != row.client_id {
            continue;
        }
        if resource.identifier == row.client_id.to_string() {
            // Its application id needs no row any more.
            tx.delete(&RESOURCES_REGISTERED, &key)?;
        } else {
            identifiers.push(resource.identifier);
        }
    }
    let application = Application {
        client_id: row.client_id,
        created_at: row.created_at,
        identifier_uris: identifiers,
        ..Application::new(world, row.tenant, &row.display_name)
    };
    let own = register_application(tx, world, &application)?;
    for ((_, credential), value) in tx.page(&CREDENTIALS, &id, None, usize::MAX)? {
        tx.put(&CREDENTIALS, &(own, credential), &value)?;
        tx.delete(&CREDENTIALS, &(id, credential))?;
    }
    Ok(())
}
