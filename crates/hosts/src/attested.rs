//! Attested documents: what the installation says of a machine that runs on the host that asks, signed for whoever the
//! machine shows it to (docs/wire/instance.md, "Attested document").

use crate::{Cx, Fault};
use bonafide_core::directory::RESOURCES;
use bonafide_core::placement::{HOSTS, Host, INSTANCE_FACTS, PLACEMENTS};
use bonafide_crypto::ca::{Attestor, ServerCa, ServerName};
use bonafide_store::Read;
use bonafide_types::{HostId, ResourceUuid, Timestamp, base64url};
use bonafide_wire::Reply;
use bonafide_wire::hosts::{AttestedReply, AttestedRequest};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// Time for which a document is good, in seconds. Source: the sample of 2018 in "Azure Instance Metadata Service"; it is in
/// the document, and a verifier may ask for less.
pub const ATTESTED_SECONDS: u64 = 6 * 3_600;
/// Life of a signer's certificate, in seconds (30 days). Source: ours.
const CERTIFICATE_SECONDS: u64 = 30 * 86_400;
/// Life that is left when a new signer takes over, in seconds (10 days). Source: ours; longer than any document's.
const CERTIFICATE_LEFT_SECONDS: u64 = 10 * 86_400;
/// Longest nonce, in characters. Source: Azure/azure-rest-api-specs, `imds.json` 2023-07-01.
const NONCE_CHARS_MAX: usize = 32;
/// The label before the installation's name, as in `metadata.azure.com`.
const LABEL: &str = "metadata";

/// The signer of a control plane.
pub struct Attestation {
    authority: ServerCa,
    name: ServerName,
    /// Time for which a document is good, in seconds.
    pub lifetime_seconds: u64,
    signer: Mutex<Option<Arc<Attestor>>>,
}

impl Attestation {
    /// The signer of an installation whose public name is `host`, under its authority. It is called `metadata.{host}`, or
    /// `metadata.localhost` where the authority may not certify that.
    pub fn new(authority: ServerCa, host: &str) -> Self {
        let named = |host: &str| ServerName::Dns(format!("{LABEL}.{}", host.to_ascii_lowercase()));
        let name = Some(named(host)).filter(|name| authority.may_certify(name)).unwrap_or_else(|| named("localhost"));
        Self { authority, name, lifetime_seconds: ATTESTED_SECONDS, signer: Mutex::new(None) }
    }

    /// The certificate that verifiers trust, PEM.
    pub fn trust_anchor_pem(&self) -> String {
        self.authority.trust_anchor_pem()
    }

    /// The signer now. The first to ask waits for a key to be made.
    fn signer(&self, now: Timestamp) -> Result<Arc<Attestor>, Fault> {
        let mut signer = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = |signer: &&Arc<Attestor>| {
            let life = signer.lifetime();
            life.not_before <= now && now.plus_seconds(CERTIFICATE_LEFT_SECONDS) < life.not_after
        };
        if let Some(signer) = signer.as_ref().filter(is_good) {
            return Ok(Arc::clone(signer));
        }
        let new =
            self.authority.attestor(&self.name, now.unix_seconds(), CERTIFICATE_SECONDS).map_err(Fault::Signer)?;
        Ok(Arc::clone(signer.insert(Arc::new(new))))
    }
}

/// Signs a document about a workload that runs on the host now.
pub(crate) fn sign(
    cx: &Cx<'_>,
    host: HostId,
    workload: ResourceUuid,
    request: &AttestedRequest,
) -> Result<Reply, Fault> {
    if request.nonce.as_deref().is_some_and(|nonce| !is_nonce(nonce)) {
        return Err(Fault::Malformed("'nonce' is not 1 to 32 letters and digits".into()));
    }
    let facts = cx.store.read(|tx| {
        tx.get(&HOSTS, &host)?.filter(Host::may_speak).ok_or(Fault::UnknownHost(host))?;
        tx.get(&PLACEMENTS, &(host, workload))?.ok_or(Fault::NotPlaced)?;
        // A machine that is switched off shows nobody anything.
        tx.get(&RESOURCES, &workload)?.filter(|row| row.power.is_running()).ok_or(Fault::NotPlaced)?;
        tx.get(&INSTANCE_FACTS, &workload)?.ok_or(Fault::NotFound)
    })?;
    let now = cx.world.now;
    let document = document(&facts.document["compute"], request, now, cx.attestation.lifetime_seconds);
    let signed = cx.attestation.signer(now)?.sign(document.to_string().as_bytes());
    let signature = base64url::encode_standard(&signed.map_err(|error| Fault::Signer(error.into()))?);
    Ok(Reply::json(StatusCode::OK, &AttestedReply { encoding: "pkcs7".to_owned(), signature }))
}

fn is_nonce(text: &str) -> bool {
    (1..=NONCE_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The members of an api-version, in the order of Azure's sample. Source: "Azure Instance Metadata Service", "Attested data".
fn document(compute: &Value, request: &AttestedRequest, now: Timestamp, lifetime_seconds: u64) -> Value {
    let is_since = |version: &str| request.version.as_str() >= version;
    let mut members = Map::new();
    if is_since("2020-09-01") {
        members.insert("licenseType".to_owned(), compute["licenseType"].clone());
    }
    let nonce = request.nonce.clone().unwrap_or_else(|| now.attested_nonce());
    members.insert("nonce".to_owned(), nonce.into());
    members.insert("plan".to_owned(), compute["plan"].clone());
    if is_since("2019-11-01") {
        members.insert("sku".to_owned(), compute["sku"].clone());
    }
    if is_since("2019-04-30") {
        members.insert("subscriptionId".to_owned(), compute["subscriptionId"].clone());
    }
    let times = json!({ "createdOn": now.attested(), "expiresOn": now.plus_seconds(lifetime_seconds).attested() });
    members.insert("timeStamp".to_owned(), times);
    members.insert("vmId".to_owned(), compute["vmId"].clone());
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_says_what_it_said_and_when() {
        let compute = json!({
            "licenseType": "l", "plan": {"name": "n", "product": "p", "publisher": "q"}, "sku": "s",
            "subscriptionId": "i", "vmId": "v", "userData": "secret",
        });
        let now = Timestamp::from_unix_seconds(1_606_771_159);
        let said = |version: &str, nonce: Option<&str>| {
            let request = AttestedRequest { version: version.to_owned(), nonce: nonce.map(str::to_owned) };
            document(&compute, &request, now, 5)
        };
        let times = json!({"createdOn": "11/30/20 21:19:19 -0000", "expiresOn": "11/30/20 21:19:24 -0000"});
        let plan = &compute["plan"];
        assert_eq!(said("2018-10-01", Some("1")), json!({"nonce": "1", "plan": plan, "timeStamp": times, "vmId": "v"}));
        assert_eq!(
            said("2025-04-07", None).to_string(),
            json!({
                "licenseType": "l", "nonce": "20201130-211919", "plan": plan, "sku": "s", "subscriptionId": "i",
                "timeStamp": times, "vmId": "v",
            })
            .to_string()
        );
        assert!(said("2019-04-30", None).get("sku").is_none());
    }
}
