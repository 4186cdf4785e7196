//! The one reading of a request's path, for every surface that decodes: the choice of the surface, its
//! routes, access, audit and the log. Decoded exactly once, before it is split, so that `%2F` is a slash
//! and `%73ubscriptions` is `subscriptions` for all of them.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Segments in one path. Source: ours; the deepest Azure resource ids have about 20.
const SEGMENTS_MAX: usize = 64;

/// The reason why a path is refused rather than read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with a slash: `http://host/…`, `host:port` or `*`.
    #[error("it does not begin with a slash")]
    Form,
    /// It does not decode to UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// It holds, once decoded, what another reader could read as another path: `%`, `\`, `?`, `#`, a
    /// control character.
    #[error("it has a character that no path can have")]
    Character,
    /// A segment is `.` or `..`.
    #[error("it has a dot segment")]
    Dot,
    /// More segments than there can be.
    #[error("it has too many segments")]
    TooMany,
}

/// A path, decoded once. What could still be read in two ways is refused, never repaired.
pub fn decoded(raw: &str) -> Result<Cow<'_, str>, PathError> {
    let path = percent_decode_str(raw).decode_utf8().map_err(|_| PathError::Encoding)?;
    if !path.starts_with('/') {
        return Err(PathError::Form);
    }
    if path.chars().any(|c| c.is_control() || matches!(c, '\\' | '%' | '?' | '#')) {
        return Err(PathError::Character);
    }
    if path.contains("/.") && path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(PathError::Dot);
    }
    Ok(path)
}

/// A path, decoded once; one that is refused, as it was sent. For the log of a surface that decodes.
pub fn decoded_or_as_sent(raw: &str) -> Cow<'_, str> {
    decoded(raw).unwrap_or(Cow::Borrowed(raw))
}

/// The segments of a decoded path; repeated and trailing slashes are collapsed (az sends
/// `…/Microsoft.Compute//virtualMachines/…`, docs/wire/management.md).
pub fn segments(raw: &str) -> Result<Vec<String>, PathError> {
    Ok(segments_of(&decoded(raw)?)?.into_iter().map(str::to_owned).collect())
}

/// As [`segments`], of a path that is decoded.
pub fn segments_of(decoded: &str) -> Result<Vec<&str>, PathError> {
    let segments: Vec<&str> = split(decoded).take(SEGMENTS_MAX + 1).collect();
    if segments.len() > SEGMENTS_MAX { Err(PathError::TooMany) } else { Ok(segments) }
}

/// The first segment of a path, also of one that is refused: it says whose words the refusal has.
pub fn first_segment(raw: &str) -> String {
    // It is asked of every request, and hardly any has something to decode.
    let path = if raw.contains('%') { percent_decode_str(raw).decode_utf8_lossy() } else { raw.into() };
    split(&path).next().unwrap_or_default().to_owned()
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once_and_before_it_is_split() {
        assert_eq!(segments("//a//b%20c/").unwrap(), ["a", "b c"]);
        assert_eq!(segments("/%24a").unwrap(), ["$a"]);
        assert_eq!(segments("/%2Fsubscriptions%2Fs%2f").unwrap(), ["subscriptions", "s"]);
        assert_eq!(segments("%2F%73ubscriptions/%53").unwrap(), ["subscriptions", "S"]);
        assert_eq!(segments("/").unwrap(), Vec::<String>::new());
        assert!(matches!(decoded("/plain/path"), Ok(Cow::Borrowed("/plain/path"))));
    }

    #[test]
    fn tn_05_a_path_with_two_readings_is_refused() {
        for (wrong, error) in [
            ("/a/../b", PathError::Dot),
            ("/a/./b", PathError::Dot),
            ("/a/%2e%2e/b", PathError::Dot),
            ("/a/%2E./b", PathError::Dot),
            ("/a%2F..%2Fb", PathError::Dot),
            ("/a%2f%2e", PathError::Dot),
            ("/a%5cb", PathError::Character),
            ("/a\\b", PathError::Character),
            ("/a%252fb", PathError::Character),
            ("/a%2573", PathError::Character),
            ("/a%", PathError::Character),
            ("/a%4", PathError::Character),
            ("/a%zz", PathError::Character),
            ("/a%25", PathError::Character),
            ("/a%00", PathError::Character),
            ("/a%0d%0ab", PathError::Character),
            ("/a%7f", PathError::Character),
            ("/a%c2%85", PathError::Character),
            ("/a%3fb", PathError::Character),
            ("/a%23b", PathError::Character),
            ("/%ff", PathError::Encoding),
            ("/%c0%af", PathError::Encoding),
            ("", PathError::Form),
            ("*", PathError::Form),
            ("http://localhost/a", PathError::Form),
        ] {
            assert_eq!(segments(wrong), Err(error), "{wrong}");
        }
        assert_eq!(segments(&"/a".repeat(SEGMENTS_MAX)).unwrap().len(), SEGMENTS_MAX);
        assert_eq!(segments(&"/a".repeat(SEGMENTS_MAX + 1)), Err(PathError::TooMany));
        assert_eq!(segments(&format!("/{}", "a%2f".repeat(SEGMENTS_MAX + 1))), Err(PathError::TooMany));
    }

    #[test]
    fn a_refused_path_has_a_first_segment_all_the_same() {
        for (path, first) in [
            ("/%73ubscriptions/%zz", "subscriptions"),
            ("/%2fsubscriptions/..", "subscriptions"),
            ("/%ff", "\u{fffd}"),
            ("//", ""),
        ] {
            assert_eq!(first_segment(path), first, "{path}");
        }
    }
}
