//! The parameters in the path of a fixed endpoint.

use crate::fault::Fault;
use crate::route::{group_id, operation_id, subscription};
use bonafide_types::{OperationId, ResourceId, SubscriptionId};
use bonafide_wire::Captures;

/// The values of the placeholders in the path of a fixed endpoint. Those that are ids are read; of a group its
/// name must be one that a group can have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named {
    pub(crate) subscription: Option<SubscriptionId>,
    pub(crate) group: Option<ResourceId>,
    operation: Option<OperationId>,
    /// The other ones, as they were written.
    texts: Vec<(&'static str, String)>,
}

impl Named {
    /// Reads the values. Ids are `{subscription}`, `{group}`, `{operation}`.
    pub(crate) fn read(captures: &Captures<'_>) -> Result<Self, Fault> {
        let mut named = Self::default();
        for (name, value) in captures.iter() {
            match (name, named.subscription) {
                ("subscription", _) => named.subscription = Some(subscription(value)?),
                ("group", Some(above)) => named.group = Some(group_id(above, value)?),
                ("operation", _) => named.operation = Some(operation_id(value)?),
                _ => named.texts.push((name, value.to_owned())),
            }
        }
        Ok(named)
    }

    /// The value of a placeholder that is no id; empty when the path has no such placeholder.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.texts.iter().find(|(of, _)| *of == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn subscription(&self) -> Result<SubscriptionId, Fault> {
        self.subscription.ok_or(Fault::NoSuchRoute)
    }

    pub(crate) fn operation(&self) -> Result<(SubscriptionId, OperationId), Fault> {
        Ok((self.subscription()?, self.operation.ok_or(Fault::NoSuchRoute)?))
    }

    /// The group, or else the subscription.
    pub(crate) fn scope(&self) -> Result<ResourceId, Fault> {
        match &self.group {
            Some(group) => Ok(group.clone()),
            None => Ok(ResourceId::of_subscription(self.subscription()?)),
        }
    }
}
