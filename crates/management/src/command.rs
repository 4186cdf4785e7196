//! Commands, apart from their transport: HTTP makes a command of a request, the first start of each resource that it
//! needs.

use crate::Cx;
use crate::fault::Fault;
use crate::fixed::{Fixed, Named};
use crate::order::body::BodyError;
use crate::resource_type::{Action, Kind};
use bonafide_core::tokens::Caller;
use bonafide_types::{ApiVersion, ResourceId, ResourceUuid, Scope};
use bonafide_wire::Parameters;
use serde_json::{Map, Value};
use uuid::Uuid;

/// A command to the resource manager.
pub(crate) struct Command {
    pub(crate) verb: Verb,
    pub(crate) target: Target,
    /// The path as it was written, for the link to the next page.
    pub(crate) path: String,
    pub(crate) query: Parameters,
    pub(crate) version: ApiVersion,
    /// The caller.
    pub(crate) by: Caller,
    /// The id that the audit record carries.
    pub(crate) correlation: Uuid,
    pub(crate) conditions: Conditions,
    /// The internal key that a new resource gets; `None`: one of its own. Only the first start gives one.
    pub(crate) uuid: Option<ResourceUuid>,
    /// The body, or what is wrong with it: said only to who may write.
    pub(crate) body: Result<Map<String, Value>, BodyError>,
}

/// The verb of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    Put,
    Patch,
    Get,
    Head,
    Delete,
    List,
    Action(&'static Action),
}

/// The object of a command.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// An endpoint that is no resource.
    Fixed(&'static Fixed, Named),
    /// A stored resource, or with [`Verb::List`] those of the type on or below an id.
    Resource(ResourceId, Kind),
    /// The rows of a type with rows of its own at a scope: the one of this name, or with [`Verb::List`] all.
    Own(Scope, Kind, String),
}

/// The entity tags that a write depends on (RFC 9110, section 13).
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    pub(crate) if_match: Tags,
    pub(crate) if_none_match: Tags,
}

/// A list of entity tags as it was sent.
#[derive(Debug, Clone, Default)]
pub(crate) enum Tags {
    /// There is none.
    #[default]
    Absent,
    /// The text of the list, or `*`.
    Listed(String),
    /// Several fields, or no text: no list that could be met.
    Unreadable,
}

impl Conditions {
    /// True where there is none.
    pub(crate) fn are_absent(&self) -> bool {
        matches!((&self.if_match, &self.if_none_match), (Tags::Absent, Tags::Absent))
    }
}

impl Command {
    /// The scope that it is about, as it was written.
    pub(crate) fn scope_text(&self) -> String {
        match &self.target {
            Target::Resource(id, _) => id.to_string(),
            Target::Own(scope, ..) => scope.to_string(),
            Target::Fixed(..) => self.path.clone(),
        }
    }
}

/// A command with what it is answered from.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) cx: &'a Cx<'a>,
    pub(crate) command: &'a Command,
}

impl<'a> Call<'a> {
    /// The body of a write.
    pub(crate) fn body(&self) -> Result<&'a Map<String, Value>, Fault> {
        self.command.body.as_ref().map_err(|error| error.clone().into())
    }

    /// The body of an action, which need not have one.
    pub(crate) fn body_if_any(&self) -> Result<Option<&'a Map<String, Value>>, Fault> {
        match &self.command.body {
            Err(BodyError::Absent) => Ok(None),
            Err(error) => Err(error.clone().into()),
            Ok(body) => Ok(Some(body)),
        }
    }

    /// The action that the command is.
    pub(crate) fn action(&self) -> Option<&'static Action> {
        match self.command.verb {
            Verb::Action(action) => Some(action),
            _ => None,
        }
    }

    /// The resource that the command is about, and its type.
    pub(crate) fn resource(&self) -> Result<(&'a ResourceId, &'a Kind), Fault> {
        match &self.command.target {
            Target::Resource(id, kind) => Ok((id, kind)),
            _ => Err(Fault::NoSuchRoute),
        }
    }

    /// The scope and name of a target with rows of its own.
    pub(crate) fn own(&self) -> Result<(&'a Scope, &'a str), Fault> {
        match &self.command.target {
            Target::Own(scope, _, name) => Ok((scope, name)),
            _ => Err(Fault::NoSuchRoute),
        }
    }

    /// The parameters in the path of a fixed endpoint.
    pub(crate) fn named(&self) -> Result<&'a Named, Fault> {
        match &self.command.target {
            Target::Fixed(_, named) => Ok(named),
            _ => Err(Fault::NoSuchRoute),
        }
    }
}

impl Target {
    /// The type that it is about.
    pub(crate) fn kind(&self) -> Option<&Kind> {
        match self {
            Self::Fixed(..) => None,
            Self::Resource(_, kind) | Self::Own(_, kind, _) => Some(kind),
        }
    }
}
