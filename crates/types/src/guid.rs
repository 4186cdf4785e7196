//! Ids that are GUIDs: one type each, so that a client id cannot stand where an object id belongs.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The text is not a GUID in its usual form (32 hexadecimal digits with four dashes).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a GUID")]
pub struct GuidError(String);

macro_rules! guid_types {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new random id (version 4).
            pub fn random(entropy: &dyn crate::Entropy) -> Self {
                Self(entropy.guid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = GuidError;

            fn from_str(text: &str) -> Result<Self, GuidError> {
                parse(text).map(Self)
            }
        }
    )*};
}

guid_types! {
    /// A tenant (directory). On the wire: `tid`, `tenantId`.
    TenantId;
    /// A subscription; it trusts one tenant.
    SubscriptionId;
    /// What an application or managed identity signs in as. On the wire: `appid`, `clientId`, `client_id`.
    ClientId;
    /// The object id of a service principal. On the wire: `oid`, `sub`, `principalId`, `object_id`.
    ObjectId;
    /// The internal key of a resource, constant while the resource moves. On the wire: `vmId` of a virtual machine.
    ResourceUuid;
    /// The name of a role assignment.
    RoleAssignmentId;
    /// The name of a role definition; built-in roles have the same everywhere.
    RoleDefinitionId;
    /// A host: a machine that runs the agent.
    HostId;
    /// One credential (secret or certificate) of a service principal.
    CredentialId;
    /// A long-running operation.
    OperationId;
}

/// Only the hyphenated form: `Uuid::parse_str` would also take braces, URNs and bare digits, and
/// two spellings of one id would then pass for two ids.
fn parse(text: &str) -> Result<Uuid, GuidError> {
    if text.len() != 36 {
        return Err(GuidError(text.chars().take(64).collect()));
    }
    Uuid::try_parse(text).map_err(|_| GuidError(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_a_guid() {
        let id: TenantId = "72F988BF-86f1-41af-91ab-2d7cd011db47".parse().unwrap();
        assert_eq!(id.to_string(), "72f988bf-86f1-41af-91ab-2d7cd011db47");
        for wrong in [
            "",
            "72f988bf86f141af91ab2d7cd011db47",
            "{72f988bf-86f1-41af-91ab-2d7cd011db47}",
            "urn:uuid:72f988bf-86f1-41af-91ab-2d7cd011db47",
            "72f988bf-86f1-41af-91ab-2d7cd011db4g",
        ] {
            assert!(wrong.parse::<TenantId>().is_err(), "{wrong}");
        }
    }
}
