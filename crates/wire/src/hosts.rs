//! The hosts protocol: what an agent and the control plane say to each other over mTLS.
//!
//! | request | does |
//! |---|---|
//! | `POST /hosts/v1/join` | enrols a host with a one-use token; without a client certificate |
//! | `POST /hosts/v1/rejoin` | a new host certificate for the key of the last one, which may have expired; without a client certificate |
//! | `POST /hosts/v1/renew` | a new host certificate, before the old one expires |
//! | `GET /hosts/v1/deployment` | the facts of the installation that a host needs |
//! | `GET /hosts/v1/desired?after=CURSOR&wait=SECONDS` | what changed on this host since the cursor; waits for a change |
//! | `PUT /hosts/v1/identities/{principalId}/credential` | registers the public half of a key made on this host |
//! | `PUT /hosts/v1/dialects` | the dialects that the agent serves; one that never says so serves none that a host must name |
//! | `GET /hosts/v1/workloads/{workload}/instance` | the facts of a workload's machine, as the newest version of `/metadata/instance` has them |
//! | `POST /hosts/v1/workloads/{workload}/attested` | a signed document about a workload on this host |
//! | `POST /hosts/v1/workloads/{workload}/events` | says that a workload asks for scheduled events, and which may start |
//! | `PUT /hosts/v1/workloads/{workload}/extension` | how the endpoint of a workload's extension is |
//! | `POST /{tenant}/oauth2/[v2.0/]token` | the token service, for assertions signed by these keys |

mod events;

use bonafide_types::{ClientId, CredentialId, HostId, ObjectId, ResourceId, ResourceUuid, TenantId};
pub use events::{EVENTS_PATH, EVENTS_START_MAX, EventKind, EventsRequest, MachineEvent, MachineEvents, events_path};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;
use uuid::Uuid;

/// Path of [`JoinRequest`].
pub const JOIN_PATH: &str = "/hosts/v1/join";
/// Path of [`RejoinRequest`].
pub const REJOIN_PATH: &str = "/hosts/v1/rejoin";
/// Path of [`RenewRequest`].
pub const RENEW_PATH: &str = "/hosts/v1/renew";
/// Path of [`Installation`].
pub const INSTALLATION_PATH: &str = "/hosts/v1/deployment";
/// Path of [`Desired`].
pub const DESIRED_PATH: &str = "/hosts/v1/desired";
/// Longest wait for a change, in seconds. Source: ours; below common proxies' 60 s.
pub const DESIRED_WAIT_SECONDS_MAX: u64 = 30;

/// Path of [`DialectsRequest`].
pub const DIALECTS_PATH: &str = "/hosts/v1/dialects";
/// The dialect of the endpoint of a virtual machine extension, which a host names before anything waits for it.
pub const VM_EXTENSION: &str = "vm-extension";
/// Dialects that a host may name. Source: ours; a few times as many as there are protocols.
pub const DIALECTS_MAX: usize = 32;
/// Longest name of a dialect, in bytes. Source: ours.
pub const DIALECT_BYTES_MAX: usize = 32;

/// Path of [`ExtensionReport`], for any workload.
pub const EXTENSION_PATH: &str = "/hosts/v1/workloads/{workload}/extension";
/// Longest text of a report, in characters; the rest is cut off. Source: ours; a sentence or two.
pub const DETAIL_CHARS_MAX: usize = 256;

/// Path at which a host reports on the endpoint of one workload's extension.
pub fn extension_path(workload: ResourceUuid) -> String {
    EXTENSION_PATH.replace("{workload}", &workload.to_string())
}

/// Path of the instance document, for any workload.
pub const INSTANCE_PATH: &str = "/hosts/v1/workloads/{workload}/instance";

/// Path at which a host reads the instance document of one workload.
pub fn instance_path(workload: ResourceUuid) -> String {
    INSTANCE_PATH.replace("{workload}", &workload.to_string())
}

/// Path of [`AttestedRequest`], for any workload.
pub const ATTESTED_PATH: &str = "/hosts/v1/workloads/{workload}/attested";

/// Path at which a host has a document signed that speaks for one workload.
pub fn attested_path(workload: ResourceUuid) -> String {
    ATTESTED_PATH.replace("{workload}", &workload.to_string())
}

/// Asks for a signed document about a workload on this host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttestedRequest {
    /// The api-version of the metadata service, which decides what the document says.
    pub version: String,
    /// The text that a verifier gave; without one, the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// A signed document, as the metadata service answers it.
#[derive(Debug, Serialize, Deserialize)]
pub struct AttestedReply {
    /// `pkcs7`.
    pub encoding: String,
    /// The base64 of a DER PKCS#7 SignedData that has the document in it.
    pub signature: String,
}

/// Path of [`CredentialRequest`], for any identity.
pub const CREDENTIAL_PATH: &str = "/hosts/v1/identities/{principal}/credential";

/// Path at which a host registers the key of one identity.
pub fn credential_path(principal: ObjectId) -> String {
    CREDENTIAL_PATH.replace("{principal}", &principal.to_string())
}

/// Enrols a host.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinRequest {
    /// The one-use token that the control plane gave out for this host.
    pub token: String,
    /// A PKCS#10 request for the host's key, base64 of its DER.
    pub csr: String,
}

/// Asks for a new host certificate.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenewRequest {
    /// A PKCS#10 request, base64 of its DER.
    pub csr: String,
}

/// Asks for a new host certificate in place of one that opens no connection any more. Its proof is signed by the key of
/// that one.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RejoinRequest {
    /// A JWS, ES256: its header has the last certificate as `x5c`, its claims are [`RejoinClaims`].
    pub proof: String,
    /// A PKCS#10 request for the host's next key, base64 of its DER.
    pub csr: String,
}

/// The claims of the proof of a [`RejoinRequest`].
#[derive(Serialize, Deserialize)]
pub struct RejoinClaims {
    /// [`REJOIN_PATH`]: the key signs nothing else, and this could not be taken for it.
    pub aud: String,
    /// SHA-256 of the DER of the certificate request, hexadecimal: only for the key in it there is a certificate, whoever
    /// sends the proof again.
    pub csr_sha256: String,
}

/// A host certificate.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostCertificate {
    /// The host that it names.
    pub host_id: HostId,
    /// The certificate, base64url of its DER.
    pub certificate: String,
    /// The end of its validity, in seconds since the epoch.
    pub not_after: u64,
}

/// The facts of the installation that a host needs. They may change between two starts of the control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Installation {
    /// The token service's origin, which client assertions name as their audience.
    pub authority: String,
}

/// The workloads that are to run on a host: all of them, or the changes since a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Desired {
    /// The cursor from which to continue.
    pub cursor: String,
    /// True when `workloads` is everything there is, so that what is not named is gone.
    pub complete: bool,
    /// Workloads that are new or changed.
    pub workloads: Vec<Workload>,
    /// Workloads that are gone.
    pub removed: Vec<ResourceUuid>,
    /// The nonce of the token service at the other end, which assertions carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// One workload placed on a host, with the identities it may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// The resource's internal key; for a virtual machine its `vmId`.
    pub id: ResourceUuid,
    /// Its ARM id, as Azure would print it.
    pub resource_id: ResourceId,
    /// The tenant its subscription trusts.
    pub tenant_id: TenantId,
    /// Its location, canonical.
    pub location: String,
    /// Its identities: the system-assigned one, if any, first.
    pub identities: Vec<Identity>,
    /// The token endpoint that it is to have beside the metadata service, on its own loopback address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionEndpoint>,
    /// The etag of its instance document; without one there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The scheduled events of a machine that asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<MachineEvents>,
}

/// The endpoint of the extension `ManagedIdentityExtensionForLinux` or `…ForWindows`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionEndpoint {
    /// The port.
    pub port: NonZeroU16,
    /// The operating system that the extension is for.
    pub system: System,
    /// A value that changes when the endpoint is to be started anew, and that a report repeats.
    pub run: Uuid,
}

/// The operating system of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum System {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

/// One identity of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// System-assigned or user-assigned.
    pub kind: IdentityKind,
    /// Object id of its service principal.
    pub principal_id: ObjectId,
    /// The id that it signs in with.
    pub client_id: ClientId,
    /// ARM id of the identity: the workload's own, or that of the user-assigned identity.
    pub resource_id: ResourceId,
}

/// The two types of managed identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IdentityKind {
    /// Lives and dies with its resource.
    SystemAssigned,
    /// A resource of its own, assigned to many.
    UserAssigned,
}

/// Names the dialects that an agent serves, instead of those that it named before.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DialectsRequest {
    /// Their names, for instance [`VM_EXTENSION`].
    pub dialects: Vec<String>,
}

/// Reports on the endpoint of an extension.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtensionReport {
    /// The run that it is about.
    pub run: Uuid,
    /// The state of the endpoint.
    pub state: ExtensionState,
    /// A sentence for whoever made the extension.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The state of the endpoint of an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExtensionState {
    /// It answers.
    Answers,
    /// It answered, and does not any more.
    Stopped,
    /// The name of the token service is not resolved.
    LoginNotResolved,
    /// Another process has the port.
    PortTaken,
    /// The machine has a kernel of its own, and nothing in it passes requests on.
    NoForwarder,
    /// The machine runs another operating system.
    OtherSystem,
    /// Another reason; also one that a later version has a word for.
    #[serde(other)]
    Failed,
}

/// Registers the public half of an identity's key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialRequest {
    /// A workload on this host that has the identity.
    pub workload: ResourceUuid,
    /// The self-signed certificate of the key, base64 of its DER.
    pub certificate: String,
}

/// A registered key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialReply {
    /// Its id on the service principal.
    pub credential_id: CredentialId,
    /// The end of its validity, in seconds since the epoch.
    pub not_after: u64,
}

/// Codes of refusals that are about the host itself.
pub mod code {
    /// No client certificate.
    pub const NO_CERTIFICATE: &str = "NoCertificate";
    /// A client certificate that has expired on an open connection.
    pub const CERTIFICATE_EXPIRED: &str = "CertificateExpired";
    /// A client certificate that does not count any more: another one does.
    pub const JOIN_AGAIN: &str = "JoinAgain";
    /// No such host.
    pub const UNKNOWN_HOST: &str = "UnknownHost";
    /// Two used its certificates.
    pub const HOST_FROZEN: &str = "HostFrozen";
    /// The operator disabled it.
    pub const HOST_DISABLED: &str = "HostDisabled";
    /// The extension is not the one that the host speaks of: look at the desired state again.
    pub const OTHER_RUN: &str = "OtherRun";
    /// No event with an id that the host named.
    pub const NO_SUCH_EVENT: &str = "NoSuchEvent";
    /// The disk of the control plane is full.
    pub const DISK_FULL: &str = "DiskFull";
}

/// Any refusal of the hosts surface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsError {
    /// A stable code, for instance `Token`.
    pub code: String,
    /// The failure, and the way out of it.
    pub message: String,
}
