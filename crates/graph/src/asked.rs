//! One request, as the endpoints see it.

use crate::Cx;
use crate::about::{About, Named};
use crate::fault::Fault;
use crate::kind::Kind;
use crate::options::Options;
use crate::properties::Select;
use bonafide_core::directory::{
    APPLICATION_BY_CLIENT, APPLICATIONS, Application, PRINCIPAL_BY_CLIENT, PRINCIPALS, ServicePrincipal,
};
use bonafide_store::{Read, ReadTx, StoreError};
use bonafide_types::{ClientId, ObjectId, TenantId};
use bonafide_wire::{Captures, Request};
use serde_json::{Map, Value, json};

/// One request of a caller who may ask it.
pub(crate) struct Asked<'a, R = ReadTx<'a>> {
    pub(crate) cx: &'a Cx<'a>,
    pub(crate) tx: &'a R,
    /// The caller's tenant, the only one that exists here.
    pub(crate) tenant: TenantId,
    /// `v1.0` or `beta`.
    pub(crate) version: &'static str,
    pub(crate) about: About,
    pub(crate) captures: &'a Captures<'a>,
    pub(crate) options: &'a Options,
    pub(crate) request: &'a Request,
}

impl<R: Read> Asked<'_, R> {
    /// `@odata.context`: the address of the part of the model that the answer has the form of.
    pub(crate) fn context(&self, part: &str) -> String {
        format!("{}/{}/$metadata#{part}", self.cx.endpoint, self.version)
    }

    /// The answer that is one object.
    pub(crate) fn entity(&self, part: &str, object: Map<String, Value>) -> Value {
        let mut body = Map::from_iter([("@odata.context".to_owned(), self.context(part).into())]);
        body.extend(object);
        Value::Object(body)
    }

    /// The answer that is a list.
    pub(crate) fn list(&self, part: &str, items: Vec<Map<String, Value>>) -> Value {
        json!({ "@odata.context": self.context(part), "value": items })
    }

    /// `$select` on objects of a type.
    pub(crate) fn select(&self, of: Kind) -> Result<Select, Fault> {
        Select::read(self.options.select(), of)
    }

    /// A service principal of the caller's tenant. One of another tenant does not exist (TN-01).
    pub(crate) fn principal(&self, id: ObjectId) -> Result<Option<ServicePrincipal>, StoreError> {
        Ok(self.tx.get(&PRINCIPALS, &id)?.filter(|row| row.tenant == self.tenant))
    }

    /// An application of the caller's tenant. One of another tenant does not exist (TN-01).
    pub(crate) fn application(&self, id: ObjectId) -> Result<Option<Application>, StoreError> {
        Ok(self.tx.get(&APPLICATIONS, &id)?.filter(|row| row.tenant == self.tenant))
    }

    /// The object that the path names, by its id or by its application id, and the name as it is written.
    pub(crate) fn target(&self, of: Kind) -> Result<(ObjectId, &str), Fault> {
        let (id, by_client) = (self.captures.get("id"), self.captures.get("appId"));
        Ok(match by_client {
            "" => (read_id(id)?, id),
            text => (self.of_client(of, text)?.ok_or_else(|| Fault::NotFound(text.to_owned()))?, text),
        })
    }

    fn of_client(&self, of: Kind, text: &str) -> Result<Option<ObjectId>, Fault> {
        let client: ClientId = text.parse().map_err(|_| Fault::Value("appId", of))?;
        Ok(match of {
            Kind::Application => self.tx.find(&APPLICATION_BY_CLIENT, &client)?,
            _ => self.tx.find(&PRINCIPAL_BY_CLIENT, &client)?,
        })
    }

    /// The object that the path names, of the type that its endpoint is about.
    pub(crate) fn named(&self) -> Result<Named, Fault> {
        let kind = self.about.kind().unwrap_or(Kind::ServicePrincipal);
        let id = match kind {
            Kind::Application => self.named_application()?.0,
            _ => self.named_principal()?.0,
        };
        Ok(Named { id, kind })
    }

    /// The service principal that the path names.
    pub(crate) fn named_principal(&self) -> Result<(ObjectId, ServicePrincipal), Fault> {
        let (id, name) = self.target(Kind::ServicePrincipal)?;
        let row = self.principal(id)?.ok_or_else(|| Fault::NotFound(name.to_owned()))?;
        Ok((id, row))
    }

    /// The application that the path names.
    pub(crate) fn named_application(&self) -> Result<(ObjectId, Application), Fault> {
        let (id, name) = self.target(Kind::Application)?;
        let row = self.application(id)?.ok_or_else(|| Fault::NotFound(name.to_owned()))?;
        Ok((id, row))
    }
}

/// An object id of a path or a body.
pub(crate) fn read_id(text: &str) -> Result<ObjectId, Fault> {
    text.parse().map_err(|_| Fault::ObjectId(text.to_owned()))
}
