//! Who may make a call: one exhaustive match, so that a call without a rule does not compile (TN-06).

use crate::providers::Kind;
use crate::route::Call;
use bonafide_types::{OperationId, ResourceId, Scope, SubscriptionId};

/// Who may make a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Anybody, without a token.
    Public,
    /// Whoever has a token that counts; the answer holds nothing but what the caller has a role for, or
    /// what is the same for all.
    SignedIn,
    /// Whoever holds any role in the subscription.
    AnyRole(SubscriptionId),
    /// Whoever holds a role that grants the action at the scope.
    Action(String, Scope),
    /// As `Action`; whoever holds any role at the scope, above it or inside it sees what those roles let them
    /// read.
    Listing(String, ResourceId),
    /// Whoever started the operation, or may read operations in the subscription.
    Operation(SubscriptionId, OperationId),
}

impl Call {
    /// The call's rule.
    pub(crate) fn rule(&self) -> Rule {
        let group = |verb: &str| format!("Microsoft.Resources/subscriptions/resourceGroups/{verb}");
        let in_subscription = |what: &str, id: &SubscriptionId| {
            Rule::Action(
                format!("Microsoft.Resources/subscriptions/{what}"),
                Scope::Id(ResourceId::of_subscription(*id)),
            )
        };
        let at = |id: &ResourceId, action: String| Rule::Action(action, Scope::Id(id.clone()));
        let on = |id: &ResourceId, kind: &Kind, verb: &str| at(id, format!("{}/{verb}", kind.name));
        let access = |scope: &Scope, what: &str| Rule::Action(format!("Microsoft.Authorization/{what}"), scope.clone());
        match self {
            Self::MetadataEndpoints => Rule::Public,
            Self::ListTenants
            | Self::ListSubscriptions
            | Self::ListProviders(None)
            | Self::ReadProvider(None, _)
            | Self::ListIdentityOperations => Rule::SignedIn,
            Self::ReadSubscription(id) | Self::ListLocations(id) => Rule::AnyRole(*id),
            Self::ListProviders(Some(id)) | Self::ReadProvider(Some(id), _) => in_subscription("providers/read", id),
            Self::RegisterProvider(id, namespace) => {
                Rule::Action(format!("{namespace}/register/action"), Scope::Id(ResourceId::of_subscription(*id)))
            }
            Self::PollOperation(id, operation) | Self::PollResult(id, operation) => Rule::Operation(*id, *operation),
            Self::ListGroups(id) => Rule::Listing(group("read"), ResourceId::of_subscription(*id)),
            Self::PutGroup(id) | Self::PatchGroup(id) => at(id, group("write")),
            Self::ReadGroup(id) | Self::HeadGroup(id) => at(id, group("read")),
            Self::DeleteGroup(id) => at(id, group("delete")),
            Self::ListResources(id) => {
                let action = match id.resource_group() {
                    Some(_) => "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
                    None => "Microsoft.Resources/subscriptions/resources/read",
                };
                Rule::Listing(action.to_owned(), id.clone())
            }
            Self::ListOfType(id, kind) => Rule::Listing(format!("{}/read", kind.name), id.clone()),
            Self::PutResource(id, kind) | Self::PatchResource(id, kind) => on(id, kind, "write"),
            Self::ReadResource(id, kind) | Self::HeadResource(id, kind) => on(id, kind, "read"),
            Self::DeleteResource(id, kind) => on(id, kind, "delete"),
            Self::InstanceView(id, kind) => on(id, kind, "instanceView/read"),
            Self::ListAssociatedResources(id, kind) => on(id, kind, "listAssociatedResources/action"),
            Self::ReadSystemIdentity(id) => at(id, "Microsoft.ManagedIdentity/identities/read".to_owned()),
            Self::ListRoleAssignments(scope) | Self::ReadRoleAssignment(scope, _) => {
                access(scope, "roleAssignments/read")
            }
            // Everybody may know its own permissions; a caller without a role near the scope learns nothing of it.
            Self::ListPermissions(Scope::Root) => Rule::SignedIn,
            Self::ListPermissions(Scope::Id(id)) => {
                Rule::Listing("Microsoft.Authorization/permissions/read".to_owned(), id.clone())
            }
            Self::PutRoleAssignment(scope, _) => access(scope, "roleAssignments/write"),
            Self::DeleteRoleAssignment(scope, _) => access(scope, "roleAssignments/delete"),
            Self::ListRoleDefinitions(scope) | Self::ReadRoleDefinition(scope, _) => {
                access(scope, "roleDefinitions/read")
            }
        }
    }
}
