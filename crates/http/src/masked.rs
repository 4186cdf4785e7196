//! Paths in the log. A token or a password that was pasted into a path is refused, and must not stay in the log.

use http::{Method, StatusCode};

/// Characters of a UUID as it is usually written.
const UUID_CHARS: usize = 36;

/// True of an answer that is no refusal and no failure: all of its path is then known.
pub fn is_served(status: StatusCode) -> bool {
    !(status.is_client_error() || status.is_server_error())
}

/// A path in which each segment that `is_word` does not know, and that is no UUID, is `…` and the number of its bytes.
pub fn masked_path(path: &str, is_word: impl Fn(&str) -> bool) -> String {
    let shown = |segment: &str| segment.is_empty() || is_uuid(segment) || is_word(segment);
    let segments = path.split('/').map(|segment| match shown(segment) {
        true => segment.to_owned(),
        false => format!("…({})", segment.len()),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The name of a method; anything can stand in its place, too.
pub(super) fn logged_method(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            method.as_str()
        }
        Method::CONNECT | Method::TRACE => method.as_str(),
        _ => "…",
    }
}

fn is_uuid(segment: &str) -> bool {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    segment.len() == UUID_CHARS
        && segment
            .bytes()
            .enumerate()
            .all(|(at, byte)| if is_dash(at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_and_ids_are_left_of_a_path() {
        let is_word = |segment: &str| ["subscriptions", "oauth2", "token"].contains(&segment);
        for (path, left) in [
            ("/subscriptions/6f1a3b52-7a4e-4c11-9d6e-0123456789ab", None),
            ("/eyJhbGciOiJSUzI1NiJ9.e30.c2ln/oauth2/token", Some("/…(29)/oauth2/token")),
            ("/oauth2/token/hunter2!", Some("/oauth2/token/…(8)")),
            ("//oauth2/", None),
            ("*", Some("…(1)")),
            ("/6f1a3b52x7a4e-4c11-9d6e-0123456789ab", Some("/…(36)")),
        ] {
            assert_eq!(masked_path(path, is_word), left.unwrap_or(path));
        }
    }
}
