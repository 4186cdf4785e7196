//! Header fields by which a proxy gives itself away: `data/forwarding_headers.txt`, with a source for each.

use http::header::HeaderName;
use std::array;
use std::sync::LazyLock;

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::read(include_str!("../data/forwarding_headers.txt")));

/// The names and patterns of the file. A name is compared with the few that begin or end with the same letter: this is done
/// for each header field of each request.
struct Patterns {
    /// Names and beginnings of names, by their first byte.
    beginnings: [Vec<Beginning>; 256],
    /// Ends of names, by their last byte.
    ends: [Vec<&'static str>; 256],
}

struct Beginning {
    text: &'static str,
    is_whole: bool,
}

impl Patterns {
    fn read(file: &'static str) -> Self {
        let (mut beginnings, mut ends) = (array::from_fn(|_| Vec::new()), array::from_fn(|_| Vec::new()));
        let lines = file.lines().filter(|line| !line.starts_with('#'));
        for pattern in lines.filter_map(|line| line.split_whitespace().next()) {
            if let Some(text) = pattern.strip_prefix('*') {
                ends[last(text)].push(text);
            } else {
                let (text, is_whole) = pattern.strip_suffix('*').map_or((pattern, true), |text| (text, false));
                beginnings[first(text)].push(Beginning { text, is_whole });
            }
        }
        Self { beginnings, ends }
    }

    fn have(&self, name: &str) -> bool {
        let begins = |beginning: &Beginning| match beginning.is_whole {
            true => name == beginning.text,
            false => name.starts_with(beginning.text),
        };
        self.beginnings[first(name)].iter().any(begins) || self.ends[last(name)].iter().any(|end| name.ends_with(end))
    }
}

fn first(text: &str) -> usize {
    text.as_bytes().first().copied().map_or(0, usize::from)
}

fn last(text: &str) -> usize {
    text.as_bytes().last().copied().map_or(0, usize::from)
}

/// True for a field that only something between a client and us adds. Names are in lower case; `X_Forwarded_For` is the
/// same name to a CGI-style reader.
pub(crate) fn is_forwarding(name: &HeaderName) -> bool {
    let name = name.as_str();
    if name.contains('_') { PATTERNS.have(&name.replace('_', "-")) } else { PATTERNS.have(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_a_pattern_that_can_match_and_a_source() {
        for line in include_str!("../data/forwarding_headers.txt").lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (pattern, source) = line.split_once("  ").unwrap();
            assert!(!source.trim().is_empty(), "{line}");
            let text = pattern.trim_matches('*');
            assert!(text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{line}");
            let sample = pattern.replace('*', "x");
            assert!(is_forwarding(&HeaderName::try_from(&sample).unwrap()), "{line}");
            assert!(is_forwarding(&HeaderName::try_from(sample.replace('-', "_")).unwrap()), "{line}");
        }
    }

    #[test]
    fn md_02_proxies_are_known_by_what_they_add() {
        for name in [
            "mt-proxy-id",
            "x-cisco-via",
            "x-forward-for",
            "x-forwarder-for",
            "x-http-host-override",
            "x-imforwards",
            "x-queue-start",
            "x-request-start",
            "x-via",
        ] {
            assert!(is_forwarding(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn what_stock_clients_and_their_instruments_send_is_no_sign_of_a_proxy() {
        for name in [
            "accept",
            "accept-charset",
            "accept-encoding",
            "accept-language",
            "authorization",
            "cache-control",
            "client-request-id",
            "connection",
            "content-length",
            "content-type",
            "cookie",
            "expect",
            "host",
            "http2-settings",
            "keep-alive",
            "metadata",
            "origin",
            "pragma",
            "range",
            "referer",
            "return-client-request-id",
            "sec-fetch-mode",
            "secret",
            "te",
            "traceparent",
            "tracestate",
            "transfer-encoding",
            "upgrade",
            "user-agent",
            "x-amzn-trace-id",
            "x-anchormailbox",
            "x-app-name",
            "x-app-ver",
            "x-b3-traceid",
            "x-client-cpu",
            "x-client-current-telemetry",
            "x-client-last-telemetry",
            "x-client-os",
            "x-client-sku",
            "x-client-ver",
            "x-cloud-trace-context",
            "x-datadog-trace-id",
            "x-identity-header",
            "x-ms-client-request-id",
            "x-ms-correlation-request-id",
            "x-ms-date",
            "x-ms-lib-capability",
            "x-ms-return-client-request-id",
            "x-ms-version",
            "x-request-id",
            "x-secret",
        ] {
            assert!(!is_forwarding(&HeaderName::from_static(name)), "{name}");
        }
    }
}
