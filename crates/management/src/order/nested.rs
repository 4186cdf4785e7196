//! User-assigned identities that a body names outside of its identity block: naming one takes the right to assign it,
//! as the identity block does (TN-03). A type of which this knows that the member assigns the identity has it on its hosts.

use crate::fault::Fault;
use bonafide_core::directory::{Named, RESOURCE_BY_ID, Resource};
use bonafide_store::Read;
use bonafide_types::ResourceId;
use bonafide_types::limits::USER_ASSIGNED_IDENTITIES_MAX;
use std::collections::HashSet;

/// The members that assign an identity: type, and the names down to the id.
/// Source: `ManagedClusterProperties.identity_profile` of azure-mgmt-containerservice 41.6.0, whose only key is `kubeletidentity`.
const ASSIGNING: [(&str, &[&str]); 1] = [(
    "Microsoft.ContainerService/managedClusters",
    &["properties", "identityprofile", "kubeletidentity", "resourceid"],
)];

/// The identities that the body of a write names.
pub(crate) struct Nested {
    /// Those that the body did not name before, or whose name meanwhile belongs to another identity.
    pub(crate) added: Vec<ResourceId>,
    /// Those that are to be assigned; `None` when these are the same as before.
    pub(crate) assigned: Option<Vec<ResourceId>>,
}

/// Reads the bodies before and after a write.
///
/// # Errors
/// [`Fault::BodyInvalid`] for more than [`USER_ASSIGNED_IDENTITIES_MAX`] that are new.
pub(crate) fn read(tx: &impl Read, old: Option<&Resource>, new: &Resource) -> Result<Nested, Fault> {
    let named = new.body.named();
    if named.is_empty() && new.identity.nested.is_empty() {
        return Ok(Nested { added: Vec::new(), assigned: None });
    }
    let assigns = |named: &&Named| {
        ASSIGNING.iter().any(|(of, at)| new.id.is_of(of) && named.at.iter().map(String::as_str).eq(at.iter().copied()))
    };
    let assigned: Vec<ResourceId> = named.iter().filter(assigns).map(|named| named.id.clone()).collect();
    let before: HashSet<String> =
        old.map(|old| old.body.named()).into_iter().flatten().map(|one| one.id.fold()).collect();
    let (mut added, mut seen) = (Vec::new(), HashSet::new());
    for Named { id, .. } in &named {
        let fold = id.fold();
        let is_new = !before.contains(&fold) || (assigned.contains(id) && !is_assigned(tx, new, id)?);
        if seen.insert(fold) && is_new {
            added.push(id.clone());
        }
        if added.len() > USER_ASSIGNED_IDENTITIES_MAX {
            let text = format!("it names more than {USER_ASSIGNED_IDENTITIES_MAX} user-assigned identities");
            return Err(Fault::BodyInvalid(text));
        }
    }
    let is_same = added.iter().all(|id| !assigned.contains(id))
        && new.identity.nested.iter().all(|was| assigned.contains(&was.id))
        && assigned.iter().all(|id| new.identity.nested.iter().any(|was| was.id == *id));
    Ok(Nested { added, assigned: (!is_same).then_some(assigned) })
}

/// True when a resource has the identity that has this name now, or had the last one of the name, which is gone.
fn is_assigned(tx: &impl Read, resource: &Resource, id: &ResourceId) -> Result<bool, Fault> {
    let Some(was) = resource.identity.nested.iter().find(|was| was.id == *id) else { return Ok(false) };
    Ok(tx.find(&RESOURCE_BY_ID, &id.fold())?.is_none_or(|now| now == was.identity))
}
