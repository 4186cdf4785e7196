//! What the log says besides requests: failures whose reason no reply tells. Each reason is said at
//! once; when it comes again it is counted, and said again after a minute, so that an outage does not
//! flood the log.

use bonafide_types::{Audience, ClientId, ObjectId, ResourceUuid, TenantId};
use serde::Serialize;
use std::collections::BTreeSet;
use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

/// How long a reason that was said is only counted. Source: ours.
const QUIET: Duration = Duration::from_secs(60);
/// Reasons of one kind of event that are kept apart; further ones are left out while these are new.
/// Source: ours; peers choose among the reasons for which they are refused.
const REASONS_MAX: usize = 16;
/// Resources that are kept apart for each of those reasons. Source: ours; workloads choose what they ask for.
const RESOURCES_MAX: usize = 16;
/// Longest reason, in bytes. Source: ours.
const WHY_BYTES_MAX: usize = 512;
/// Longest resource, in bytes. Source: ours; resources in use are names of services and have below 100.
const RESOURCE_BYTES_MAX: usize = 128;

/// What failed. Nothing in it is a secret or comes from a request, but for ids and the name of a resource.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub(crate) enum Event {
    /// The agent got no token from login. Who waited for it got a 500, or what is left of an old one.
    TokenFetchFailed {
        workload: ResourceUuid,
        tenant: TenantId,
        principal: ObjectId,
        resource: ResourceName,
        /// Login refused this resource, and may give tokens for others.
        #[serde(skip)]
        is_refused: bool,
    },
    /// The agent could not renew an identity's key; the old one counts until it expires.
    IdentityKeyNotRenewed { workload: ResourceUuid, principal: ObjectId },
    /// The agent could not renew its host's certificate.
    HostCertificateNotRenewed,
    /// The agent does not hear what is to run; what it knows stays in force.
    WatchFailed,
    /// The view does not follow the store.
    FollowFailed,
    /// Operations that nobody polls, and what deletions left, do not go on.
    UpkeepFailed,
    /// The public certificate could not be renewed.
    ServerCertificateNotRenewed,
    /// Login could not issue a token that nothing speaks against.
    TokenNotIssued { tenant: Option<TenantId>, client: Option<ClientId> },
    /// A signature did not verify and was withheld (JW-11). The machine's memory or processor is at
    /// fault, or keys are mixed up: look into it at once.
    SignatureCheckFailed { tenant: Option<TenantId>, client: Option<ClientId> },
    /// A connection ended before it could carry a request, or its client certificate names no host: it then
    /// counts as one without.
    ConnectionRefused { surface: &'static str, peer: String },
}

impl Event {
    /// What makes the same reason news: a resource that login refuses. An outage is the same for all.
    fn resource(&self) -> &str {
        match self {
            Self::TokenFetchFailed { resource, is_refused: true, .. } => &resource.0,
            Self::TokenFetchFailed { is_refused: false, .. }
            | Self::IdentityKeyNotRenewed { .. }
            | Self::HostCertificateNotRenewed
            | Self::WatchFailed
            | Self::FollowFailed
            | Self::UpkeepFailed
            | Self::ServerCertificateNotRenewed
            | Self::TokenNotIssued { .. }
            | Self::SignatureCheckFailed { .. }
            | Self::ConnectionRefused { .. } => "",
        }
    }
}

/// A resource that somebody asked for, to be named in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct ResourceName(Box<str>);

impl From<&Audience> for ResourceName {
    /// Short, and without what may be a secret in an address that was given by mistake: a name with a password
    /// before the host, a signature in the query.
    fn from(audience: &Audience) -> Self {
        let text = audience.as_str();
        let text = &text[..text.find(['?', '#']).unwrap_or(text.len())];
        let (scheme, rest) =
            text.split_once("://").map_or(("", text), |(scheme, rest)| (&text[..scheme.len() + 3], rest));
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        Self(shown(&format!("{scheme}{rest}"), RESOURCE_BYTES_MAX).into())
    }
}

/// The reasons that were said lately.
#[derive(Default)]
pub(crate) struct Said(Vec<Reason>);

struct Reason {
    kind: Discriminant<Event>,
    why: String,
    /// See [`Event::resource`].
    resource: Box<str>,
    said_at: Instant,
    unsaid: u64,
}

impl Said {
    /// The line of an event, if it is to be said now.
    pub(crate) fn line(&mut self, event: &Event, why: &str, now: Instant, time_micros: u64) -> Option<Vec<u8>> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Line<'a> {
            time_micros: u64,
            #[serde(flatten)]
            event: &'a Event,
            why: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            repeated: Option<u64>,
        }
        let why = shown(why, WHY_BYTES_MAX);
        let repeated = self.repeated(discriminant(event), &why, event.resource(), now)?;
        let line = Line { time_micros, event, why: &why, repeated: Some(repeated).filter(|times| *times > 0) };
        serde_json::to_vec(&line).ok()
    }

    /// How often it was left unsaid since it was said last, if it is to be said now.
    fn repeated(&mut self, kind: Discriminant<Event>, why: &str, resource: &str, now: Instant) -> Option<u64> {
        let is_same = |known: &&mut Reason| known.kind == kind && known.why == why && *known.resource == *resource;
        if let Some(known) = self.0.iter_mut().find(is_same) {
            if now.duration_since(known.said_at) < QUIET {
                known.unsaid += 1;
                return None;
            }
            known.said_at = now;
            return Some(std::mem::take(&mut known.unsaid));
        }
        if !self.has_room(kind, why) {
            let old = |known: &Reason| known.kind == kind && now.duration_since(known.said_at) >= QUIET;
            self.0.retain(|known| !old(known));
            if !self.has_room(kind, why) {
                return None;
            }
        }
        self.0.push(Reason { kind, why: why.to_owned(), resource: resource.into(), said_at: now, unsaid: 0 });
        Some(0)
    }

    /// True when another resource of this reason may be kept. However many resources are asked for, another
    /// reason is still said.
    fn has_room(&self, kind: Discriminant<Event>, why: &str) -> bool {
        let same_kind = || self.0.iter().filter(|known| known.kind == kind);
        match same_kind().filter(|known| known.why == why).count() {
            0 => same_kind().map(|known| known.why.as_str()).collect::<BTreeSet<_>>().len() < REASONS_MAX,
            resources => resources < RESOURCES_MAX,
        }
    }
}

/// A text, short enough to log and without characters that steer a terminal.
pub(crate) fn shown(text: &str, bytes_max: usize) -> String {
    let text = &text[..text.floor_char_boundary(bytes_max)];
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_crypto::SystemEntropy;
    use serde_json::{Value, json};

    fn said(all: &mut Said, event: &Event, why: &str, now: Instant) -> Option<Value> {
        all.line(event, why, now, 7).map(|line| serde_json::from_slice(&line).unwrap())
    }

    #[test]
    fn a_reason_is_said_at_once_and_then_once_a_minute_with_how_often_it_came() {
        let (mut all, start) = (Said::default(), Instant::now());
        let line = json!({ "timeMicros": 7, "event": "followFailed", "why": "no disk" });
        assert_eq!(said(&mut all, &Event::FollowFailed, "no disk", start), Some(line));
        for _ in 0..300 {
            assert_eq!(said(&mut all, &Event::FollowFailed, "no disk", start + QUIET / 2), None);
        }
        // Another reason, and another kind with the same, are news.
        assert!(said(&mut all, &Event::FollowFailed, "no network", start + QUIET / 2).is_some());
        assert!(said(&mut all, &Event::UpkeepFailed, "no disk", start + QUIET / 2).is_some());
        let line = json!({ "timeMicros": 7, "event": "followFailed", "why": "no disk", "repeated": 300 });
        assert_eq!(said(&mut all, &Event::FollowFailed, "no disk", start + QUIET), Some(line));
    }

    #[test]
    fn a_flood_of_reasons_is_bounded_and_hides_no_other_event() {
        let (mut all, start) = (Said::default(), Instant::now());
        let refused = Event::ConnectionRefused { surface: "hosts", peer: "127.0.0.1:1".to_owned() };
        let flood = (0..1_000).filter(|n| said(&mut all, &refused, &n.to_string(), start).is_some()).count();
        assert_eq!(flood, REASONS_MAX);
        let alarm = Event::SignatureCheckFailed { tenant: None, client: None };
        assert!(said(&mut all, &alarm, "withheld", start).is_some());
        assert!(said(&mut all, &refused, "new", start + QUIET).is_some());
    }

    fn no_token(resource: &str, is_refused: bool) -> Event {
        Event::TokenFetchFailed {
            workload: ResourceUuid::random(&SystemEntropy),
            tenant: TenantId::random(&SystemEntropy),
            principal: ObjectId::random(&SystemEntropy),
            resource: ResourceName::from(&Audience::parse(resource).unwrap()),
            is_refused,
        }
    }

    #[test]
    fn each_resource_that_login_refuses_is_named_and_many_of_them_hide_no_other_reason() {
        let (mut all, start) = (Said::default(), Instant::now());
        let why = "login refused: invalid_resource [500011]";
        for resource in ["https://nobody.example", "https://other.example/"] {
            let line = said(&mut all, &no_token(resource, true), why, start).unwrap();
            assert_eq!((&line["event"], &line["resource"]), (&"tokenFetchFailed".into(), &resource.into()));
            assert_eq!(line.as_object().unwrap().len(), 7, "{line}");
            assert_eq!(said(&mut all, &no_token(resource, true), why, start), None);
        }
        let many = |n: &i32| no_token(&n.to_string(), true);
        let more = (0..1_000).filter(|n| said(&mut all, &many(n), why, start).is_some()).count();
        assert_eq!(more, RESOURCES_MAX - 2);
        assert!(said(&mut all, &no_token("new", true), why, start + QUIET).is_some());
        // An outage is said once, with the resource that met it first.
        let line = said(&mut all, &no_token("https://nobody.example", false), "no control plane", start).unwrap();
        assert_eq!(line["resource"], "https://nobody.example");
        assert_eq!(said(&mut all, &no_token("https://other.example/", false), "no control plane", start), None);
    }

    #[test]
    fn a_resource_is_named_short_and_without_what_may_be_secret() {
        for (resource, named) in [
            ("https://vault.azure.net/", "https://vault.azure.net/"),
            ("api://AzureADTokenExchange", "api://AzureADTokenExchange"),
            ("00000002-0000-0000-c000-000000000000", "00000002-0000-0000-c000-000000000000"),
            ("https://a.blob.core.windows.net/c?sv=1&sig=S3CRET", "https://a.blob.core.windows.net/c"),
            ("https://me:S3CRET@host/x#S3CRET", "https://host/x"),
            ("me:S3CRET@host", "host"),
        ] {
            assert_eq!(*ResourceName::from(&Audience::parse(resource).unwrap()).0, *named);
        }
        let long = ResourceName::from(&Audience::parse(&"x".repeat(500)).unwrap());
        assert_eq!(long.0.len(), RESOURCE_BYTES_MAX);
    }

    #[test]
    fn a_reason_is_short_and_steers_no_terminal() {
        let why = format!("\u{1b}[2J\n\u{9b}\"{}", "ä".repeat(1_000));
        let line = Said::default().line(&Event::WatchFailed, &why, Instant::now(), 7).unwrap();
        let text = String::from_utf8(line).unwrap();
        assert!(text.len() < 600 && !text.chars().any(char::is_control), "{text}");
    }
}
