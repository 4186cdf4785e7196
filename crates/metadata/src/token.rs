//! A token as the dialects hand it out.

use crate::flight::TokenFetch;
use bonafide_types::Timestamp;
use bonafide_wire::token::TokenV1;
use bytes::Bytes;
use std::sync::{Mutex, PoisonError};

/// A token with its reply, rendered but for the one member that changes by the second.
pub(crate) struct Token {
    /// The members before `expires_in`.
    head: Box<str>,
    /// The members of an IMDS reply after it.
    imds_tail: Box<str>,
    /// The IMDS reply of this second, by the seconds that are left.
    imds_latest: Mutex<(Option<u64>, Bytes)>,
    app_service: Bytes,
    expires_at: Timestamp,
}

impl Token {
    /// Renders login's reply for `fetch`. `None` when its times are not numbers, and when it has
    /// expired already.
    pub(crate) fn new(fetch: &TokenFetch, token: &TokenV1, now: Timestamp) -> Option<Self> {
        let seconds = |text: &str| text.parse::<u64>().ok();
        let (expires_on, not_before) = (seconds(&token.expires_on)?, seconds(&token.not_before)?);
        if expires_on <= now.unix_seconds() {
            return None;
        }
        // Login's own figure: one second less than the whole life, and not counted down, as on Azure.
        let ext_expires_in = seconds(&token.ext_expires_in)?;
        let resource = json(fetch.audience.as_str());
        let common = format!("\"resource\":{resource},\"token_type\":\"Bearer\"");
        let (access_token, client_id) = (json(&token.access_token), fetch.client_id);
        let head = format!("{{\"access_token\":{access_token},\"client_id\":\"{client_id}\",");
        let times = format!("\"expires_on\":\"{expires_on}\",\"not_before\":\"{not_before}\"");
        Some(Self {
            imds_tail: format!(
                "\"expires_on\":\"{expires_on}\",\"ext_expires_in\":\"{ext_expires_in}\",\"not_before\":\"{not_before}\",{common},\"refresh_token\":\"\"}}"
            )
            .into(),
            imds_latest: Mutex::default(),
            app_service: Bytes::from(format!("{head}{times},{common}}}")),
            head: head.into(),
            expires_at: Timestamp::from_unix_seconds(expires_on),
        })
    }

    /// The body of an IMDS reply. Within a second it is the same for everybody, and made once.
    pub(crate) fn imds_body(&self, now: Timestamp) -> Bytes {
        let seconds = self.seconds_left(now);
        let mut latest = self.imds_latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.0 != Some(seconds) {
            let body = format!("{}\"expires_in\":\"{seconds}\",{}", self.head, self.imds_tail);
            *latest = (Some(seconds), Bytes::from(body));
        }
        latest.1.clone()
    }

    /// The body of an App Service reply.
    pub(crate) fn app_service_body(&self) -> Bytes {
        self.app_service.clone()
    }

    /// When it expires.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whole seconds until it expires.
    pub(crate) fn seconds_left(&self, now: Timestamp) -> u64 {
        self.expires_at.unix_seconds().saturating_sub(now.unix_seconds())
    }

    /// True until it expires.
    pub(crate) fn is_valid(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
