//! Ids that are GUIDs: one type each, so that a client id cannot stand where an object id belongs.

use crate::{Entropy, Excerpt, World};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;
use uuid::{Builder, Uuid};

/// The id of a `K`. Prints and stores itself in the hyphenated form, in lower case.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// The kinds of ids. Never made: only named, as the parameter of [`Id`].
mod of {
    pub enum Tenant {}
    pub enum Subscription {}
    pub enum ManagementGroup {}
    pub enum Client {}
    pub enum Object {}
    pub enum Resource {}
    pub enum RoleAssignment {}
    pub enum RoleDefinition {}
    pub enum Host {}
    pub enum Credential {}
    pub enum Operation {}
    pub enum Binding {}
}

/// A tenant (directory). On the wire: `tid`, `tenantId`.
pub type TenantId = Id<of::Tenant>;
/// A subscription; it trusts one tenant.
pub type SubscriptionId = Id<of::Subscription>;
/// The internal key of a management group; that of a tenant's root group is the tenant's id.
pub type ManagementGroupUuid = Id<of::ManagementGroup>;
/// The id that an application or managed identity signs in with. On the wire: `appid`, `clientId`, `client_id`.
pub type ClientId = Id<of::Client>;
/// The object id of a service principal. On the wire: `oid`, `sub`, `principalId`, `object_id`.
pub type ObjectId = Id<of::Object>;
/// The internal key of a resource, constant while the resource moves. On the wire: `vmId` of a virtual machine.
pub type ResourceUuid = Id<of::Resource>;
/// The name of a role assignment.
pub type RoleAssignmentId = Id<of::RoleAssignment>;
/// The name of a role definition; built-in roles have the same everywhere.
pub type RoleDefinitionId = Id<of::RoleDefinition>;
/// A host: a machine that runs the agent.
pub type HostId = Id<of::Host>;
/// One credential (secret or certificate) of a service principal.
pub type CredentialId = Id<of::Credential>;
/// A long-running operation.
pub type OperationId = Id<of::Operation>;
/// A binding of a host's agent: an endpoint that belongs to one workload.
pub type BindingId = Id<of::Binding>;

impl<K> Id<K> {
    /// The id with this value.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// A new random id (version 4).
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self::new(entropy.guid())
    }

    /// A new id (version 7) that sorts behind those of earlier milliseconds: rows that are made one after the other
    /// lie side by side in the store, and are read together. It tells when it was made.
    pub fn ordered(world: &World<'_>) -> Self {
        let mut chance = [0; 10];
        world.entropy.fill(&mut chance);
        Self::new(Builder::from_unix_timestamp_millis(world.now.unix_micros() / 1_000, &chance).into_uuid())
    }

    /// Its value, which no longer says what it is the id of.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

// By hand, because a derive would ask the same of `K`.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::new)
    }
}

/// The text is not a GUID in its usual form (32 hexadecimal digits with four dashes).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a GUID")]
pub struct GuidError(Excerpt);

impl<K> FromStr for Id<K> {
    type Err = GuidError;

    /// Only the hyphenated form: `Uuid::parse_str` would also take braces, URNs and bare digits, and two
    /// spellings of one id would then pass for two ids.
    fn from_str(text: &str) -> Result<Self, GuidError> {
        let wrong = || GuidError(Excerpt::of(text));
        if text.len() != 36 {
            return Err(wrong());
        }
        Uuid::try_parse(text).map(Self::new).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    struct Highest;

    impl Entropy for Highest {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0xFF);
        }
    }

    #[test]
    fn an_ordered_id_sorts_behind_those_of_the_millisecond_before() {
        let at = |micros| ResourceUuid::ordered(&World { now: Timestamp::from_unix_micros(micros), entropy: &Highest });
        let (early, late) = (at(1_795_253_405_012_999), at(1_795_253_405_013_000));
        assert_eq!(early, at(1_795_253_405_012_000));
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(late.uuid().get_version_num(), 7);
    }

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

    #[test]
    fn an_id_is_stored_as_its_text() {
        let id: ObjectId = "72f988bf-86f1-41af-91ab-2d7cd011db47".parse().unwrap();
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(text, "\"72f988bf-86f1-41af-91ab-2d7cd011db47\"");
        assert_eq!(serde_json::from_str::<ObjectId>(&text).unwrap(), id);
    }
}
