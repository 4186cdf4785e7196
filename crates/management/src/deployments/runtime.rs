//! The answers that a template asks for while it is deployed, in the transaction of the step and with its caller's rights.

use super::{DeploymentError, check};
use crate::Cx;
use crate::command::Call;
use crate::fault::Fault;
use crate::fixed::show_provider;
use crate::order::access;
use crate::perform::read_in;
use crate::types::catalogue;
use bonafide_core::tokens::Caller;
use bonafide_store::Read;
use bonafide_template::{Runtime, TemplateError};
use bonafide_types::{Excerpt, ResourceId, SubscriptionId};
use serde_json::Value;

/// The state of things at a step.
pub(super) struct AtStep<'a, R> {
    pub(super) tx: &'a R,
    pub(super) cx: &'a Cx<'a>,
    pub(super) by: &'a Caller,
    pub(super) subscription: SubscriptionId,
}

impl From<TemplateError> for Fault {
    fn from(error: TemplateError) -> Self {
        DeploymentError::Template(format!("Unable to process template language expressions: '{error}'.")).into()
    }
}

impl<R: Read> Runtime for AtStep<'_, R> {
    type Error = Fault;

    /// A resource as `reference(…, 'Full')` has it: what its GET shows, and a few members more.
    fn resource(&mut self, id: &str, version: Option<&str>) -> Result<Value, Fault> {
        let parsed = ResourceId::parse(id).map_err(|error| Fault::PathInvalid(error.to_string()))?;
        let version = version.unwrap_or_default();
        let command = check::get(self.cx, &parsed, version, self.by.clone())?;
        let mut whole = read_in(self.tx, &Call { cx: self.cx, command: &command })?;
        whole["apiVersion"] = version.into();
        whole["resourceId"] = id.into();
        if let Some(subscription) = parsed.subscription() {
            whole["subscriptionId"] = subscription.to_string().into();
        }
        if let Some(group) = parsed.resource_group() {
            whole["resourceGroupName"] = group.into();
        }
        Ok(whole)
    }

    /// A provider, for who may read it in the subscription.
    fn provider(&mut self, namespace: &str, type_name: Option<&str>) -> Result<Value, Fault> {
        let unknown = || Fault::NamespaceNotFound(Excerpt::of(namespace).into());
        let namespace = catalogue::namespace(namespace).ok_or_else(unknown)?;
        let command = check::get_provider(self.cx, self.subscription, namespace.name, self.by.clone())?;
        access::enter(self.tx, &Call { cx: self.cx, command: &command }, &command.right())?;
        let mut shown = show_provider(self.tx, self.subscription, namespace)?;
        let Some(type_name) = type_name else { return Ok(shown) };
        let types = shown["resourceTypes"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let is_asked =
            |entry: &Value| entry["resourceType"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(type_name));
        types.into_iter().find(is_asked).ok_or_else(|| Fault::TypeNotFound {
            type_name: Excerpt::of(&format!("{}/{type_name}", namespace.name)).into(),
            version: String::new(),
            supported: Vec::new(),
        })
    }
}
