//! The registration of resource providers in subscriptions. Each is registered unless somebody took that back: az waits
//! ten seconds after each registration that it makes itself.

use crate::fault::Fault;
use crate::order::place::Place;
use crate::types::catalogue;
use bonafide_core::directory::{RESOURCES_OF_SUBSCRIPTION, SUBSCRIPTIONS};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ResourceUuid, SubscriptionId, TypeName};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Providers of Resource Manager itself, which are there without a registration.
/// Source: `registrationPolicy` `RegistrationFree` in the recording behind `data/providers.txt`.
const FREE: [&str; 3] = ["Microsoft.Authorization", "Microsoft.Features", "Microsoft.Resources"];

/// Refuses to change a resource of a type whose provider is not registered in its subscription.
pub(crate) fn check(place: &Place, type_name: &str) -> Result<(), Fault> {
    let namespace = type_name.split('/').next().unwrap_or_default();
    if place.unregistered.is_empty() || !place.unregistered.contains(&namespace.to_ascii_lowercase()) {
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
    Ok(tx.get(&SUBSCRIPTIONS, &subscription)?.map(|row| row.unregistered).unwrap_or_default())
}

/// Registers a provider.
pub(crate) fn register(tx: &mut Tx<'_>, subscription: SubscriptionId, namespace: &str) -> Result<(), Fault> {
    change(tx, subscription, |unregistered| unregistered.remove(&namespace.to_ascii_lowercase()))
}

/// Writes the row of a subscription if that changes something.
fn change(
    tx: &mut Tx<'_>,
    id: SubscriptionId,
    change: impl FnOnce(&mut BTreeSet<String>) -> bool,
) -> Result<(), Fault> {
    let mut row = tx.get(&SUBSCRIPTIONS, &id)?.ok_or(Fault::SubscriptionNotFound(id))?;
    if change(&mut row.unregistered) {
        tx.put(&SUBSCRIPTIONS, &id, &row)?;
    }
    Ok(())
}

/// Takes a registration back, where the subscription has no resource of the provider.
pub(crate) fn unregister(tx: &mut Tx<'_>, subscription: SubscriptionId, namespace: &str) -> Result<(), Fault> {
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
    change(tx, subscription, |unregistered| unregistered.insert(fold))
}

/// A provider's name in Azure's spelling.
fn named(namespace: &str) -> String {
    catalogue::namespace(namespace).map_or(namespace, |known| known.name).to_owned()
}
