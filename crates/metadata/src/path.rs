//! The one reading of a request's path: nothing that decides reads it otherwise. The log has it as it
//! was sent. The other surfaces decode (`bonafide_wire::path`); here a percent sequence is refused (MD-05).

use std::borrow::Cow;

/// The reason why a path is refused rather than read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with a slash: `http://host/…`, `host:port` or `*`.
    #[error("the request target is not a path")]
    Form,
    /// A byte that no path of ours has: `%`, `;`, `\`, `?`, `#`, a blank, a control character or
    /// one outside ASCII.
    #[error("the path has a character that is not allowed")]
    Character,
    /// A segment that begins or ends in a dot.
    #[error("the path has a dot segment")]
    Dot,
}

/// The canonical form of a path: runs of slashes count as one, a slash at the end does not count,
/// and a first segment that reads `metadata` in any case is in lower case. Clients send all three
/// (docs/wire/imds.md). Everything else is exact, and whatever could be read in two ways is
/// refused, not repaired; no percent sequence is ever decoded. Total, and
/// `canonical(canonical(x)) == canonical(x)`.
pub fn canonical(raw: &str) -> Result<Cow<'_, str>, PathError> {
    if !raw.starts_with('/') {
        return Err(PathError::Form);
    }
    // Every cached token comes this way: whole loops, which look at many bytes at once.
    let bytes = raw.as_bytes();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
    if !bytes.iter().fold(true, |all, byte| all & allowed(*byte)) {
        return Err(PathError::Character);
    }
    if bytes.contains(&b'.') && raw.split('/').any(|segment| segment.starts_with('.') || segment.ends_with('.')) {
        return Err(PathError::Dot);
    }
    let has_empty_segment =
        bytes.iter().zip(&bytes[1..]).fold(false, |any, (one, next)| any | ((*one == b'/') & (*next == b'/')));
    let lower =
        raw.starts_with("/metadata") || !raw.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("/metadata"));
    if lower && !has_empty_segment && !(raw.ends_with('/') && raw.len() > 1) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut path = String::with_capacity(raw.len());
    for segment in raw.split('/').filter(|segment| !segment.is_empty()) {
        path.push('/');
        if path.len() == 1 && segment.eq_ignore_ascii_case("metadata") {
            path.push_str("metadata");
        } else {
            path.push_str(segment);
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(Cow::Owned(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn md_05_what_clients_send_is_read_as_one_path() {
        for spelling in [
            "/metadata/identity/oauth2/token",
            "//metadata/identity/oauth2/token",
            "/metadata//identity/oauth2///token",
            "/metadata/identity/oauth2/token/",
            "/METADATA/identity/oauth2/token",
            "//Metadata/identity/oauth2/token//",
        ] {
            assert_eq!(canonical(spelling).unwrap(), "/metadata/identity/oauth2/token", "{spelling}");
        }
        assert_eq!(canonical("/").unwrap(), "/");
        assert_eq!(canonical("///").unwrap(), "/");
    }

    #[test]
    fn md_05_only_the_first_segment_is_read_without_case() {
        for path in ["/metadata/Identity/oauth2/token", "/metadata/identity/oauth2/TOKEN", "/MSI/token", "/METADATAx/y"]
        {
            assert_eq!(canonical(path).unwrap(), path);
        }
        assert_eq!(canonical("/a/METADATA").unwrap(), "/a/METADATA");
    }

    #[test]
    fn md_05_what_could_be_read_in_two_ways_is_refused() {
        for (path, error) in [
            ("/metadata%2Fidentity/oauth2/token", PathError::Character),
            ("/metadata/identity/oauth2/token%3Fapi-version=2018-02-01", PathError::Character),
            ("/metadata/%252e%252e/token", PathError::Character),
            ("/metadata/%69dentity/oauth2/token", PathError::Character),
            ("/metadata/identity/oauth2/token;x=y", PathError::Character),
            ("/metadata/identity/oauth2/token%00", PathError::Character),
            ("/metadata/identity/oauth2/token\0", PathError::Character),
            ("/metadata/identity/oauth2/token ", PathError::Character),
            ("/metadata\\identity\\oauth2\\token", PathError::Character),
            ("/metadata/identity/oauth2/tok\u{ff45}n", PathError::Character),
            ("/metadata/identity/oauth2/token%ff", PathError::Character),
            ("/metadata/identity/../identity/oauth2/token", PathError::Dot),
            ("/metadata/./identity/oauth2/token", PathError::Dot),
            ("/metadata/identity/oauth2/token.", PathError::Dot),
            ("/metadata/identity/oauth2/...", PathError::Dot),
            ("http://169.254.169.254/metadata/identity/oauth2/token", PathError::Form),
            ("169.254.169.254:80", PathError::Form),
            ("*", PathError::Form),
            ("", PathError::Form),
        ] {
            assert_eq!(canonical(path), Err(error), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn md_05_canonical_is_total_and_idempotent(raw in "[/a-zA-Z.%;?~ \\\\-]{0,40}|\\PC{0,40}|(/|//|metadata|METADATA|identity|token|\\.|%2F){0,12}") {
            if let Ok(once) = canonical(&raw) {
                let twice = canonical(&once);
                prop_assert_eq!(twice.as_deref(), Ok(once.as_ref()));
                prop_assert!(once.starts_with('/') && !once.contains("//"));
                prop_assert!(once.split('/').all(|segment| segment != "." && segment != ".."));
            }
        }
    }
}
