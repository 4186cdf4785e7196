//! Selection of the identity that a request is answered for.

use crate::placement::Placement;
use crate::query::Selector;
use crate::refusal::Refusal;
use bonafide_wire::hosts::{Identity, IdentityKind};

/// The identity that `selector` means on this workload.
///
/// An identity that exists but is not assigned here and one that does not exist are the same
/// refusal: the index holds nothing but what is assigned, so that neither body nor time can tell
/// them apart (ID-09).
pub(crate) fn select<'a>(placement: &'a Placement, selector: &Selector) -> Result<&'a Identity, Refusal> {
    let identities = &placement.workload.identities;
    let at = match selector {
        Selector::Default => return by_default(identities),
        Selector::Client(id) => placement.by_client.get(id),
        Selector::Principal(id) => placement.by_principal.get(id),
        Selector::Resource(id) => placement.by_resource.get(id),
        Selector::Nobody => None,
    };
    if identities.is_empty() {
        return Err(Refusal::NoIdentityAtAll);
    }
    at.map(|at| &identities[*at]).ok_or(Refusal::IdentityNotFound)
}

/// The system-assigned identity; without it the only user-assigned one. In every dialect
/// (docs/wire/app-service.md says where Azure differs).
fn by_default(identities: &[Identity]) -> Result<&Identity, Refusal> {
    if let Some(system) = identities.iter().find(|identity| identity.kind == IdentityKind::SystemAssigned) {
        return Ok(system);
    }
    match identities {
        [] => Err(Refusal::NoDefaultIdentity),
        [only] => Ok(only),
        [_, _, ..] => Err(Refusal::Ambiguous),
    }
}
