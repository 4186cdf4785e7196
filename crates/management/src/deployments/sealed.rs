//! The secrets of a deployment until it has ended: the bodies of its resources, in which secure parameters stand
//! as their values, and its outputs. All is sealed; nothing of it is left afterwards
//! (docs/adr/0023-a-deployment-is-commands.md).

use super::DeploymentError;
use crate::Cx;
use crate::fault::Fault;
use bonafide_crypto::seal::{self, SealContext, SealError, Sealed};
use bonafide_store::{Absence, Read, StoreError, Table, Tx};
use bonafide_template::{PlannedOutput, Residue};
use bonafide_types::ResourceUuid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The form of what is sealed.
const VERSION: &str = "2";

/// Sealed parts of deployments: by the deployment's own key, and the place of a resource or [`END`].
pub(super) const SEALED: Table<(ResourceUuid, u64), Sealed> = Table::new("deployment-sealed", Absence::Withholds);

/// The place of what is read at the end.
pub(super) const END: u64 = u64::MAX;

/// The part that is read at the end.
#[derive(Serialize, Deserialize)]
pub(super) struct End {
    pub(super) outputs: Vec<PlannedOutput>,
}

/// Seals and stores the body of a resource, or the end.
pub(super) fn put(
    tx: &mut Tx<'_>,
    cx: &Cx<'_>,
    (deployment, at): (ResourceUuid, u64),
    what: &impl Serialize,
) -> Result<(), Fault> {
    let plain = serde_json::to_vec(what).map_err(|_| Fault::BodyTooLarge)?;
    let (name, place) = (deployment.to_string(), at.to_string());
    match seal::seal(cx.kek, &context(&name, &place), &plain) {
        Ok(sealed) => Ok(tx.create(&SEALED, &(deployment, at), &sealed)?),
        Err(SealError::TooLarge) => Err(Fault::BodyTooLarge),
        Err(_) => Err(DeploymentError::NotSealed.into()),
    }
}

/// Opens one again; `None` when there is none, or nobody can open it.
pub(super) fn open<T: DeserializeOwned>(
    tx: &impl Read,
    cx: &Cx<'_>,
    (deployment, at): (ResourceUuid, u64),
) -> Result<Option<T>, StoreError> {
    let Some(sealed) = tx.get(&SEALED, &(deployment, at))? else { return Ok(None) };
    let (name, place) = (deployment.to_string(), at.to_string());
    let plain = seal::open(cx.kek, &context(&name, &place), &sealed).ok();
    Ok(plain.and_then(|plain| serde_json::from_slice(plain.expose()).ok()))
}

/// The body of a resource.
pub(super) fn body(
    tx: &impl Read,
    cx: &Cx<'_>,
    deployment: ResourceUuid,
    at: u64,
) -> Result<Option<Residue>, StoreError> {
    open(tx, cx, (deployment, at))
}

fn context<'a>(deployment: &'a str, place: &'a str) -> SealContext<'a> {
    // The place is part of the name by its length, which the context keeps apart.
    SealContext { purpose: "deployment", tenant: deployment, name: place, version: VERSION }
}
