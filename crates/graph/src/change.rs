//! One request that changes the directory, as its endpoint sees it.

use crate::about::{About, Named};
use crate::asked::{Asked, read_id};
use crate::fault::Fault;
use crate::limits::BODY_BYTES_MAX;
use bonafide_core::access::Allowed;
use bonafide_core::audit::{self, Record};
use bonafide_core::lifecycle::CredentialOwner;
use bonafide_core::tokens::Caller;
use bonafide_store::{StoreError, Tx};
use bonafide_types::ObjectId;
use bonafide_types::json::parse_object_bounded;
use bonafide_types::limits::JSON_MEMBERS_MAX;
use http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

/// One request of a caller who may do what it asks.
pub(crate) struct Change<'a, 't> {
    pub(crate) tx: &'a mut Tx<'t>,
    /// The proof that the caller may.
    pub(crate) allowed: &'a Allowed,
    pub(crate) request: &'a Requested<'a>,
}

/// All of a request but its transaction.
pub(crate) struct Requested<'a> {
    pub(crate) cx: &'a crate::Cx<'a>,
    pub(crate) who: &'a Caller,
    pub(crate) version: &'static str,
    pub(crate) about: About,
    pub(crate) captures: &'a bonafide_wire::Captures<'a>,
    pub(crate) options: &'a crate::options::Options,
    pub(crate) request: &'a bonafide_wire::Request,
    pub(crate) correlation: Uuid,
}

impl<'a> Requested<'a> {
    /// The same as a question, in a transaction.
    pub(crate) fn asked<R>(&'a self, tx: &'a R) -> Asked<'a, R> {
        Asked {
            cx: self.cx,
            tx,
            tenant: self.who.tenant,
            version: self.version,
            about: self.about,
            captures: self.captures,
            options: self.options,
            request: self.request,
        }
    }
}

/// The answer to a change that was made.
pub(crate) struct Done {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
    /// The object that was changed, as the audit record names it.
    pub(crate) scope: String,
}

impl Done {
    /// 201, with the new object.
    pub(crate) fn created(body: Value, scope: String) -> Self {
        Self { status: StatusCode::CREATED, body: Some(body), scope }
    }

    /// 200, with an answer.
    pub(crate) fn shown(body: Value, scope: String) -> Self {
        Self { status: StatusCode::OK, body: Some(body), scope }
    }

    /// 204.
    pub(crate) fn nothing(scope: String) -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, scope }
    }
}

impl<'a> Change<'a, '_> {
    /// The object that the path names.
    pub(crate) fn named(&self) -> Result<Named, Fault> {
        self.asked().named()
    }

    /// The credentials of an object, to be changed.
    pub(crate) fn credentials_of(&self, id: ObjectId) -> CredentialOwner<'a> {
        CredentialOwner { allowed: self.allowed, tenant: self.request.who.tenant, id }
    }

    /// The request as a question at this point of the transaction.
    pub(crate) fn asked(&self) -> Asked<'_, Tx<'_>> {
        self.request.asked(&*self.tx)
    }

    /// The members of the body, without annotations of OData. A client may send none at all.
    pub(crate) fn body(&self) -> Result<Map<String, Value>, Fault> {
        let bytes = &self.request.request.body;
        if bytes.is_empty() {
            return Ok(Map::new());
        }
        let members = parse_object_bounded(bytes, BODY_BYTES_MAX, JSON_MEMBERS_MAX);
        let mut members = members.map_err(|error| Fault::Body(error.to_string()))?;
        members.retain(|name, _| !name.contains('@'));
        Ok(members)
    }

    /// The object that the body of a `$ref` names: the end of an address, which is never fetched (TN-07).
    pub(crate) fn reference(&self) -> Result<ObjectId, Fault> {
        let bytes = &self.request.request.body;
        let members = parse_object_bounded(bytes, BODY_BYTES_MAX, JSON_MEMBERS_MAX);
        let members = members.map_err(|error| Fault::Body(error.to_string()))?;
        let address = members.get("@odata.id").and_then(Value::as_str).ok_or(Fault::Missing("@odata.id"))?;
        read_id(address.rsplit('/').next().unwrap_or_default())
    }

    /// Adds the audit record of the change to its commit (AU-01).
    pub(crate) fn record(&mut self, action: &str, scope: &str) -> Result<(), StoreError> {
        let Requested { cx, who, correlation, .. } = self.request;
        let request = audit::Asked {
            client: who.client_id.to_string(),
            token: who.token_id.to_string(),
            correlation: *correlation,
        };
        let record = Record {
            at: cx.world.now,
            surface: "graph",
            tenant: Some(who.tenant),
            principal: Some(who.object_id),
            action,
            scope,
            request: Some(request),
        };
        audit::record(self.tx, record)
    }
}
