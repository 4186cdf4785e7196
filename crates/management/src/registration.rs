//! The registration of resource providers in subscriptions. Each is registered unless somebody took that back: az waits
//! ten seconds after each registration that it makes itself.

use crate::fault::Fault;
use crate::types::catalogue;
use bonafide_core::directory::RESOURCES_OF_SUBSCRIPTION;
use bonafide_store::{Absence, Read, StoreError, Table, Tx};
use bonafide_types::{ResourceUuid, SubscriptionId, Timestamp, TypeName};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Providers that are not registered in a subscription, by their name in lower case, and since when. Without a row
/// resources of the provider can be made.
pub const UNREGISTERED: Table<(SubscriptionId, String), Timestamp> =
    Table::new("unregistered-provider", Absence::Allows);

/// Providers of Resource Manager itself, which are there without a registration.
/// Source: `registrationPolicy` `RegistrationFree` in the recording behind `data/providers.txt`.
const FREE: [&str; 3] = ["Microsoft.Authorization", "Microsoft.Features", "Microsoft.Resources"];

/// Refuses to change a resource of a type whose provider is not registered in its subscription.
pub(crate) fn check(tx: &impl Read, subscription: Option<SubscriptionId>, type_name: &str) -> Result<(), Fault> {
    let Some(subscription) = subscription else { return Ok(()) };
    let namespace = type_name.split('/').next().unwrap_or_default();
    if is_free(namespace) || tx.get(&UNREGISTERED, &(subscription, namespace.to_ascii_lowercase()))?.is_none() {
        return Ok(());
    }
    Err(Fault::NotRegistered(named(namespace)))
}

/// True for a provider that needs no registration.
pub(crate) fn is_free(namespace: &str) -> bool {
    FREE.iter().any(|free| free.eq_ignore_ascii_case(namespace))
}

/// The providers that are not registered in a subscription, in lower case.
pub(crate) fn unregistered(tx: &impl Read, subscription: SubscriptionId) -> Result<BTreeSet<String>, StoreError> {
    let rows = tx.page(&UNREGISTERED, &subscription, None, usize::MAX)?;
    Ok(rows.into_iter().map(|((_, namespace), _)| namespace).collect())
}

/// Registers a provider.
pub(crate) fn register(tx: &mut Tx<'_>, subscription: SubscriptionId, namespace: &str) -> Result<(), Fault> {
    Ok(tx.delete(&UNREGISTERED, &(subscription, namespace.to_ascii_lowercase()))?)
}

/// Takes a registration back, where the subscription has no resource of the provider.
pub(crate) fn unregister(
    tx: &mut Tx<'_>,
    subscription: SubscriptionId,
    namespace: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    if is_free(namespace) {
        return Err(Fault::RegistrationFree(named(namespace)));
    }
    let fold = namespace.to_ascii_lowercase();
    // A slash sorts before all that a name of a type begins with.
    let before = (format!("{fold}/"), ResourceUuid::new(Uuid::nil()));
    let next = tx.many(&RESOURCES_OF_SUBSCRIPTION, &subscription, Some(&before), 1)?;
    if let Some((found, _)) = next.first()
        && found.parse::<TypeName>().is_ok_and(|name| name.namespace().eq_ignore_ascii_case(namespace))
    {
        return Err(Fault::ProviderInUse(named(namespace)));
    }
    Ok(tx.put(&UNREGISTERED, &(subscription, fold), &now)?)
}

/// A provider's name in Azure's spelling.
fn named(namespace: &str) -> String {
    catalogue::namespace(namespace).map_or(namespace, |known| known.name).to_owned()
}
