//! The values of `{name}`.

use super::script::{Script, found};
use crate::keys::{client_certificate, client_header, sign_as_client};
use bonafide_core::directory::{PRINCIPALS, application_by_client};
use bonafide_crypto::{AgentKey, Certificate, SelfSigned, thumbprint};
use bonafide_metadata::TokenFetch;
use bonafide_store::{Read, StoreError};
use bonafide_types::limits::IDENTITY_CREDENTIAL_SECONDS;
use bonafide_types::{Audience, Timestamp, base64url};
use serde_json::Value;

/// The secret of every `app-service` endpoint.
pub(super) const SECRET: &str = "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a";

impl Script {
    /// Puts what they stand for in the place of all variables of a text.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        let mut escaped = false;
        while let Some(at) = rest.find(['{', '}']) {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) =
                rest.strip_prefix("{{").filter(|after| after.starts_with(|c: char| c.is_ascii_lowercase()))
            {
                filled.push('{');
                rest = after;
                escaped = true;
                continue;
            }
            if let Some(after) = rest.strip_prefix("}}").filter(|_| escaped) {
                filled.push('}');
                rest = after;
                escaped = false;
                continue;
            }
            let name = rest.strip_prefix('{').and_then(enclosed);
            match name.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with("=…")) {
                Some(name) => {
                    // A change of an assertion can name a variable in its turn.
                    filled.push_str(&self.variable(&self.fill(name)?)?);
                    rest = &rest[name.len() + 2..];
                }
                None => {
                    filled.push_str(&rest[..1]);
                    rest = &rest[1..];
                }
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The value of a name.
    ///
    /// | name | stands for |
    /// |---|---|
    /// | `tenant`, `sub`, `tenant2`, `sub2`, `host` | the ids of the tenants, their subscriptions and the host |
    /// | `NAME.principal`, `NAME.client`, `NAME.id`, `NAME.uuid` | ids of a user, identity or machine |
    /// | `NAME.application` | the object id of a user's application |
    /// | `NAME.secret`, `NAME.basic` | a user's secret; client and secret as HTTP Basic has them |
    /// | `NAME.token RESOURCE` | an access token of a user |
    /// | `NAME.assertion [CHANGE …]` | a user's client assertion; `exp=+60` sets a time from now, `aud=TEXT` a text, `jti=` removes, `header.kid=TEXT` does so in the header; `-x5t`, `-signature` take those away |
    /// | `NAME.agent-assertion [CHANGE …]` | what the host signs for a machine's system-assigned, else first, identity |
    /// | `secret` | what `X-IDENTITY-HEADER` must hold |
    /// | `now`, `now+N`, `now-N` | seconds since the epoch |
    /// | `arm`, `sts`, `american`, `appservice` (`±N`) | the same as Resource Manager, login, error messages and App Service print times |
    /// | `csr`, `certificate`, `certificate N` | what a host sends of a new key; a certificate for N seconds instead of 90 days |
    /// | `thumbprint`, `thumbprint64` | the SHA-1 of the users' certificate, in upper-case hexadecimal; in base64url with padding, as Go writes it |
    /// | `thumbprint256` | its SHA-256, in base64url |
    /// | `x5c` | the users' certificate, as a string of `x5c` |
    pub fn variable(&self, name: &str) -> Result<String, String> {
        if let Some(kept) = self.kept.get(name) {
            return Ok(kept.clone());
        }
        let home = &self.cloud.home;
        let second = || self.second.as_ref().ok_or("there is no second tenant");
        Ok(match name {
            "tenant" => home.tenant.to_string(),
            "sub" => home.subscription.to_string(),
            "tenant2" => second()?.tenant.to_string(),
            "sub2" => second()?.subscription.to_string(),
            "host" => self.cloud.local.id.to_string(),
            "secret" => SECRET.to_owned(),
            "thumbprint" => thumbprint::hex(&client_certificate().sha1_thumbprint()).to_ascii_uppercase(),
            "thumbprint64" => format!("{}=", base64url::encode(&client_certificate().sha1_thumbprint())),
            "thumbprint256" => base64url::encode(&thumbprint::sha256(client_certificate().der())),
            "x5c" => base64url::encode_standard(client_certificate().der()),
            "csr" => base64url::encode_standard(&AgentKey::generate().unwrap().certificate_request().unwrap()),
            "certificate" => self.certificate(IDENTITY_CREDENTIAL_SECONDS),
            "certificate off the curve" => off_the_curve(&self.certificate(IDENTITY_CREDENTIAL_SECONDS)),
            _ => return self.composed(name),
        })
    }

    fn composed(&self, name: &str) -> Result<String, String> {
        if let Some(time) = self.time(name) {
            return Ok(time);
        }
        if let Some(seconds) = name.strip_prefix("certificate ") {
            return Ok(self.certificate(seconds.parse().map_err(|_| "a certificate lasts a number of seconds")?));
        }
        let (owner, what) = name.split_once('.').ok_or_else(|| format!("'{{{name}}}' is no variable"))?;
        let (what, rest) = what.split_once(' ').unwrap_or((what, ""));
        match what {
            "principal" => Ok(self.principal(owner)?.to_string()),
            "client" => self.client(owner),
            "id" => match self.identities.get(owner) {
                Some(identity) => Ok(identity.id.to_string()),
                None => Ok(found(&self.machines, owner)?.id.to_string()),
            },
            "uuid" => Ok(found(&self.machines, owner)?.uuid.to_string()),
            "host" => Ok(found(&self.hosts, owner)?.to_string()),
            "application" => self.application(owner),
            "secret" => Ok(found(&self.people, owner)?.secret.clone()),
            "basic" => {
                let person = found(&self.people, owner)?;
                Ok(base64url::encode_standard(format!("{}:{}", person.client, person.secret).as_bytes()))
            }
            "token" => Ok(self.cloud.token(found(&self.people, owner)?, rest)),
            "assertion" => self.assertion(owner, rest),
            "agent-assertion" => self.agent_assertion(owner),
            _ => Err(format!("'{{{name}}}' is no variable")),
        }
    }

    fn application(&self, owner: &str) -> Result<String, String> {
        let person = found(&self.people, owner)?;
        let found = self.cloud.store.read(|tx| application_by_client(tx, person.tenant, person.client));
        found.unwrap().map(|(id, _)| id.to_string()).ok_or_else(|| format!("'{owner}' has no application"))
    }

    /// A moment, now or some seconds away, in one of the spellings.
    fn time(&self, name: &str) -> Option<String> {
        let (word, offset) = match name.find(['+', '-']) {
            Some(at) => (&name[..at], name[at..].parse::<i64>().ok()?),
            None => (name, 0),
        };
        let now = self.cloud.world().now;
        let time = Timestamp::from_unix_micros(now.unix_micros().checked_add_signed(offset * 1_000_000)?);
        match word {
            "now" => Some(time.unix_seconds().to_string()),
            "arm" => Some(time.arm()),
            "sts" => Some(time.sts()),
            "american" => Some(time.american()),
            "appservice" => Some(time.american_with_offset()),
            _ => None,
        }
    }

    fn client(&self, owner: &str) -> Result<String, String> {
        if let Some(person) = self.people.get(owner) {
            return Ok(person.client.to_string());
        }
        if let Some(identity) = self.identities.get(owner) {
            return Ok(identity.client.to_string());
        }
        let principal = self.principal(owner)?;
        let row = self.cloud.store.read(|tx| tx.get(&PRINCIPALS, &principal));
        let row = row.map_err(|error: StoreError| error.to_string())?;
        Ok(row.ok_or("its principal is gone")?.client_id.to_string())
    }

    fn certificate(&self, seconds: u64) -> String {
        let now = self.cloud.world().now.unix_seconds();
        let spec = SelfSigned { common_name: "identity", not_before_seconds: now, not_after_seconds: now + seconds };
        base64url::encode_standard(&AgentKey::generate().unwrap().self_signed_certificate(&spec).unwrap())
    }

    fn assertion(&self, owner: &str, changes: &str) -> Result<String, String> {
        let mut claims = self.cloud.client_claims(found(&self.people, owner)?);
        let mut header = client_header();
        let now = self.cloud.world().now.unix_seconds();
        let mut whole = true;
        for change in changes.split_whitespace() {
            match change.split_once('=') {
                Some((name, value)) if name.starts_with("header.") => header[&name["header.".len()..]] = value.into(),
                Some((name, "")) => drop(claims.as_object_mut().unwrap().remove(name)),
                Some((name, value)) if value.starts_with(['+', '-']) => {
                    let offset: i64 = value.parse().map_err(|_| format!("'{value}' is no number of seconds"))?;
                    claims[name] = now.checked_add_signed(offset).into();
                }
                Some((name, value)) => claims[name] = Value::from(value),
                None if change == "-x5t" => drop(header.as_object_mut().unwrap().remove("x5t")),
                None if change == "-signature" => whole = false,
                None => return Err(format!("'{change}' changes nothing of an assertion")),
            }
        }
        let signed = sign_as_client(&header, &claims);
        Ok(if whole { signed } else { format!("{}.{}", signed.rsplit_once('.').unwrap().0, "A".repeat(342)) })
    }

    fn agent_assertion(&self, machine: &str) -> Result<String, String> {
        let machine = found(&self.machines, machine)?;
        let workloads = self.cloud.local.agent.workloads();
        let workload = workloads.iter().find(|workload| workload.id == machine.uuid).ok_or("it is not placed")?;
        let identity = workload.identities.first().ok_or("it has no identity")?;
        let fetch = TokenFetch {
            workload: machine.uuid,
            tenant: workload.tenant_id,
            principal: identity.principal_id,
            client_id: identity.client_id,
            audience: Audience::parse("https://vault.azure.net").unwrap(),
            capabilities: None,
        };
        self.cloud.local.assertion(&self.cloud, &fetch)
    }

    /// Puts names in the place of the ids that they stand for: for rewriting a transcript.
    pub(super) fn unfill(&self, text: &str) -> String {
        let mut known: Vec<(String, String)> =
            self.kept.iter().map(|(name, value)| (value.clone(), name.clone())).collect();
        let mut add = |name: String| known.extend(self.variable(&name).ok().map(|value| (value, name)));
        for name in self.identities.keys().chain(self.machines.keys()).chain(self.people.keys()) {
            for what in ["id", "principal", "client", "uuid"] {
                add(format!("{name}.{what}"));
            }
        }
        for name in ["tenant", "sub", "tenant2", "sub2", "host"] {
            add(name.to_owned());
        }
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        known.iter().fold(text.to_owned(), |text, (value, name)| text.replace(value.as_str(), &format!("{{{name}}}")))
    }
}

/// The text up to the brace that closes the one before it.
fn enclosed(text: &str) -> Option<&str> {
    let mut open = 1;
    let end = text.char_indices().find(|(_, c)| {
        open += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        open == 0
    });
    end.map(|(at, _)| &text[..at])
}

/// A certificate in base64 with another point for its P-256 key, which lies on no curve.
fn off_the_curve(certificate: &str) -> String {
    let mut der = base64url::decode_lenient(certificate).unwrap();
    let spki = Certificate::from_der(&der).unwrap().spki_der().to_vec();
    let at = der.windows(spki.len()).position(|window| window == spki).unwrap();
    der[at + spki.len() - 1] ^= 1;
    base64url::encode_standard(&der)
}
