//! One request, as the endpoints see it.

use crate::Cx;
use crate::options::Options;
use bonafide_core::directory::{PRINCIPALS, ServicePrincipal};
use bonafide_store::{Read, ReadTx, StoreError};
use bonafide_types::{ObjectId, TenantId};
use bonafide_wire::{Captures, Request};

/// One request of a caller who may read the directory.
pub(crate) struct Asked<'a> {
    pub(crate) cx: &'a Cx<'a>,
    pub(crate) tx: &'a ReadTx<'a>,
    /// The caller's tenant, the only one that exists here.
    pub(crate) tenant: TenantId,
    /// `v1.0` or `beta`.
    pub(crate) version: &'static str,
    pub(crate) captures: &'a Captures<'a>,
    pub(crate) options: &'a Options,
    pub(crate) request: &'a Request,
}

impl Asked<'_> {
    /// `@odata.context`: the address of the part of the model that the answer has the form of.
    pub(crate) fn context(&self, part: &str) -> String {
        format!("{}/{}/$metadata#{part}", self.cx.endpoint, self.version)
    }

    /// A service principal of the caller's tenant. One of another tenant does not exist (TN-01).
    pub(crate) fn principal(&self, id: ObjectId) -> Result<Option<ServicePrincipal>, StoreError> {
        Ok(self.tx.get(&PRINCIPALS, &id)?.filter(|row| row.tenant == self.tenant))
    }
}
