//! The claims of a token. Pure: a function of the directory's rows, the resource and the time.
//! Every claim is described in docs/wire/tokens.md.

use super::{Authority, TokenId, TokenVersion};
use crate::directory::{Resolved, TOKEN_SECONDS_MAX, TOKEN_SECONDS_MIN};
use bonafide_types::{ClientId, ObjectId, ResourceId, ResourceUuid, TenantId, Timestamp, World, base64url};
use serde::Serialize;
use uuid::Uuid;

/// Lifetime of a managed identity's access token after issue, in seconds. Source: docs/wire/tokens.md (`expires_in` "86400").
const IDENTITY_TOKEN_SECONDS: u64 = 86_400;
/// Lifetime of an application's access token after issue, in seconds. Source: docs/wire/tokens.md (`expires_in` 3599, `exp` − `iat` 3900).
const APPLICATION_TOKEN_SECONDS: u64 = 3_600;
/// The time by which `iat` and `nbf` precede the issue, in seconds. Source: docs/wire/tokens.md.
const TOKEN_BACKDATE_SECONDS: u64 = 300;

/// The claim that our own services find the workload of a token by. Source: ours; docs/wire/tokens.md.
pub(super) const WORKLOAD_CLAIM: &str = "bf_wl";

/// The means by which a client proved its identity; `appidacr` of version 1, `azpacr` of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A client secret: `"1"`.
    Secret,
    /// A client assertion: `"2"`.
    Certificate,
}

impl Method {
    fn acr(self) -> &'static str {
        match self {
            Self::Secret => "1",
            Self::Certificate => "2",
        }
    }
}

/// The subject of a token. Everything here comes from the directory, nothing from the request (JW-09).
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// `tid`.
    pub tenant: TenantId,
    /// `oid` and `sub`.
    pub object_id: ObjectId,
    /// `appid` or `azp`.
    pub client_id: ClientId,
    /// `xms_mirid`: the ARM id of a managed identity; `None` for an application.
    pub identity: Option<&'a ResourceId>,
    /// `roles`: the roles that it has at the resource.
    pub roles: Vec<&'a str>,
    /// The workload that uses an identity of another resource: a user-assigned one, or that of the scale set which it is
    /// an instance of.
    pub workload: Option<Workload<'a>>,
}

/// A workload, by both its ids: a token that names one carries the other too.
#[derive(Debug, Clone, Copy)]
pub struct Workload<'a> {
    /// Its internal id, which a move leaves alone: [`WORKLOAD_CLAIM`].
    pub id: ResourceUuid,
    /// Its ARM id: `xms_az_rid`.
    pub resource_id: &'a ResourceId,
}

/// Validity of a token, in seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// `iat` and `nbf`.
    pub not_before: u64,
    /// `exp`.
    pub expires_at: u64,
}

impl Validity {
    /// The lifetime of a token issued at `now`: what is asked for, within what a policy may say; else a day for a managed
    /// identity, an hour otherwise.
    pub fn of(subject: &Subject<'_>, now: Timestamp, seconds: Option<u32>) -> Self {
        let usual = if subject.identity.is_some() { IDENTITY_TOKEN_SECONDS } else { APPLICATION_TOKEN_SECONDS };
        let seconds = seconds.map_or(usual, |seconds| u64::from(seconds.clamp(TOKEN_SECONDS_MIN, TOKEN_SECONDS_MAX)));
        let now = now.unix_seconds();
        Self { not_before: now.saturating_sub(TOKEN_BACKDATE_SECONDS), expires_at: now.saturating_add(seconds) }
    }
}

/// The claims of one token, ready to be written.
#[derive(Debug, Serialize)]
pub struct Claims<'a> {
    aud: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bf_wl: Option<String>,
    iss: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    aio: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    appid: Option<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appidacr: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azpacr: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idp: Option<String>,
    idtyp: &'static str,
    oid: ObjectId,
    rh: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<&'a str>,
    sub: ObjectId,
    tid: TenantId,
    uti: String,
    ver: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    xms_az_rid: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    xms_cc: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    xms_mirid: Option<String>,
}

impl<'a> Claims<'a> {
    /// The claims of a token for `subject` at `resource`.
    pub fn new(
        authority: &Authority,
        world: &World<'_>,
        id: TokenId,
        subject: &Subject<'a>,
        method: Method,
        (resource, validity): (&'a Resolved, Validity),
        capabilities: &'a [String],
    ) -> Self {
        let Validity { not_before, expires_at } = validity;
        let iss = authority.issuer(resource.version, subject.tenant);
        let v1 = resource.version == TokenVersion::V1;
        let client = |this: bool| this.then_some(subject.client_id);
        let acr = |this: bool| this.then_some(method.acr());
        Self {
            aud: &resource.aud,
            bf_wl: subject.workload.map(|workload| workload_claim(workload.id)),
            iat: not_before,
            nbf: not_before,
            exp: expires_at,
            aio: opaque(world),
            appid: client(v1),
            appidacr: acr(v1),
            azp: client(!v1),
            azpacr: acr(!v1),
            idp: v1.then(|| iss.clone()),
            iss,
            idtyp: "app",
            oid: subject.object_id,
            rh: resource_hint(subject.tenant, resource.app_id),
            roles: subject.roles.clone(),
            sub: subject.object_id,
            tid: subject.tenant,
            uti: id.to_string(),
            ver: if v1 { "1.0" } else { "2.0" },
            xms_az_rid: subject.workload.map(|workload| spelled_as_entra(workload.resource_id)),
            xms_cc: capabilities,
            xms_mirid: subject.identity.map(spelled_as_entra),
        }
    }
}

/// The value of [`WORKLOAD_CLAIM`].
fn workload_claim(id: ResourceUuid) -> String {
    base64url::encode(id.uuid().as_bytes())
}

/// The workload of a value of [`WORKLOAD_CLAIM`]; `None` when it is none of ours.
pub(super) fn read_workload_claim(text: &str) -> Option<ResourceUuid> {
    let bytes = base64url::decode(text).ok()?.try_into().ok()?;
    Some(ResourceUuid::new(Uuid::from_bytes(bytes)))
}

/// `aio`: opaque to everybody, as long as Azure's usual one. Ours means nothing.
fn opaque(world: &World<'_>) -> String {
    let mut bytes = [0; 30];
    world.entropy.fill(&mut bytes);
    base64url::encode(&bytes)
}

/// `rh`: tenant and application of the resource, as Azure packs them: the GUIDs with their first
/// three fields in little-endian order, between bytes that do not vary with either.
fn resource_hint(tenant: TenantId, resource: Option<ClientId>) -> String {
    let mut bytes = [0; 38];
    bytes[..3].copy_from_slice(&[1, 0x1a, 0]);
    bytes[3..19].copy_from_slice(&tenant.uuid().to_bytes_le());
    bytes[19..35].copy_from_slice(&resource.map_or(Uuid::nil(), |id| id.uuid()).to_bytes_le());
    bytes[35..].copy_from_slice(&[0x1a, 0, 0]);
    format!("0.{}.", base64url::encode(&bytes))
}

/// An ARM id as tokens have it: `resourcegroups` in lower case, all else as written.
fn spelled_as_entra(id: &ResourceId) -> String {
    const GROUPS: &str = "resourcegroups";
    let text = id.as_str();
    let at = "/subscriptions/00000000-0000-0000-0000-000000000000/".len();
    match text.get(at..at + GROUPS.len()) {
        Some(segment) if segment.eq_ignore_ascii_case(GROUPS) => {
            format!("{}{GROUPS}{}", &text[..at], &text[at + GROUPS.len()..])
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_crypto::SystemEntropy;
    use serde_json::{Value, json};

    const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    const OBJECT: &str = "11111111-1111-1111-1111-111111111111";
    const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
    const GROUP: &str = "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/RG/providers";

    fn claims(subject: &Subject<'_>, version: TokenVersion, capabilities: &[String]) -> Value {
        let authority = Authority::new("https://localhost:8443").unwrap();
        let world = World { now: Timestamp::from_unix_micros(1_795_253_405_012_345), entropy: &SystemEntropy };
        let app_id: ClientId = "797f4846-ba00-4fd7-ba43-dac1f8f63013".parse().unwrap();
        let aud = match version {
            TokenVersion::V1 => "https://management.azure.com/".to_owned(),
            TokenVersion::V2 => app_id.to_string(),
        };
        let resource = Resolved { aud, version, app_id: Some(app_id) };
        let id = TokenId::new(&world);
        let validity = Validity::of(subject, world.now, None);
        let of = (&resource, validity);
        let claims = Claims::new(&authority, &world, id, subject, Method::Certificate, of, capabilities);
        let mut claims = serde_json::to_value(claims).unwrap();
        let members = claims.as_object_mut().unwrap();
        assert_eq!(members.remove("uti"), Some(json!(id.to_string())));
        assert_eq!(members.remove("aio").unwrap().as_str().unwrap().len(), 40);
        claims
    }

    fn subject() -> Subject<'static> {
        Subject {
            tenant: TENANT.parse().unwrap(),
            object_id: OBJECT.parse().unwrap(),
            client_id: CLIENT.parse().unwrap(),
            identity: None,
            roles: Vec::new(),
            workload: None,
        }
    }

    #[test]
    fn a_user_assigned_identity_has_the_claims_of_version_1_and_names_its_workload() {
        let identity =
            ResourceId::parse(&format!("{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/Id1")).unwrap();
        let workload = ResourceId::parse(&format!("{GROUP}/Microsoft.Compute/virtualMachines/VM1")).unwrap();
        let id = ResourceUuid::new(Uuid::from_u128(0x4444_4444_4444_4444_4444_4444_4444_4444));
        let workload = Some(Workload { id, resource_id: &workload });
        let subject = Subject { identity: Some(&identity), workload, ..subject() };
        let group = GROUP.replace("resourceGroups", "resourcegroups");
        assert_eq!(
            claims(&subject, TokenVersion::V1, &["CP1".to_owned()]),
            json!({
                "aud": "https://management.azure.com/",
                "bf_wl": "RERERERERERERERERERERA",
                "iss": format!("https://localhost:8443/{TENANT}/"),
                "iat": 1_795_253_105, "nbf": 1_795_253_105, "exp": 1_795_253_105 + 86_700,
                "appid": CLIENT, "appidacr": "2", "idp": format!("https://localhost:8443/{TENANT}/"), "idtyp": "app",
                "oid": OBJECT, "rh": "0.ARoAv4j5cvGGr0GRqy180BHbR0ZIf3kAutdPukPawfj2MBMaAAA.", "sub": OBJECT,
                "tid": TENANT, "ver": "1.0",
                "xms_az_rid": format!("{group}/Microsoft.Compute/virtualMachines/VM1"),
                "xms_cc": ["CP1"],
                "xms_mirid": format!("{group}/Microsoft.ManagedIdentity/userAssignedIdentities/Id1"),
            })
        );
    }

    #[test]
    fn a_lifetime_that_is_asked_for_is_kept_within_five_minutes_and_a_day() {
        let now = Timestamp::from_unix_seconds(1_795_253_405);
        for (asked, seconds) in
            [(None, 3_600), (Some(1), 300), (Some(300), 300), (Some(7_200), 7_200), (Some(u32::MAX), 86_400)]
        {
            let validity = Validity::of(&subject(), now, asked);
            assert_eq!(validity.expires_at, now.unix_seconds() + seconds, "{asked:?}");
        }
    }

    #[test]
    fn an_application_has_the_claims_of_version_2_for_an_hour() {
        assert_eq!(
            claims(&subject(), TokenVersion::V2, &[]),
            json!({
                "aud": "797f4846-ba00-4fd7-ba43-dac1f8f63013",
                "iss": format!("https://localhost:8443/{TENANT}/v2.0"),
                "iat": 1_795_253_105, "nbf": 1_795_253_105, "exp": 1_795_253_105 + 3_900,
                "azp": CLIENT, "azpacr": "2", "idtyp": "app",
                "oid": OBJECT, "rh": "0.ARoAv4j5cvGGr0GRqy180BHbR0ZIf3kAutdPukPawfj2MBMaAAA.", "sub": OBJECT,
                "tid": TENANT, "ver": "2.0",
            })
        );
    }
}
