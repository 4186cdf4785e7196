//! Paths as clients write them: repeated and trailing slashes are collapsed, every segment is decoded
//! once (az sends `…/Microsoft.Compute//virtualMachines/…`, docs/wire/management.md).

use crate::fault::Fault;
use percent_encoding::percent_decode_str;

/// Segments in one path. Source: ours; the deepest Azure resource ids have about 20.
const SEGMENTS_MAX: usize = 64;

/// The decoded, non-empty segments of a path. What could be another path when read again (an encoded
/// slash, a dot segment, a control character) is refused, never repaired.
pub(crate) fn segments(path: &str) -> Result<Vec<String>, Fault> {
    let raw: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if raw.len() > SEGMENTS_MAX {
        return Err(Fault::PathInvalid("it has too many segments".to_owned()));
    }
    raw.into_iter().map(decode).collect()
}

fn decode(segment: &str) -> Result<String, Fault> {
    let text = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| Fault::PathInvalid("a segment is not UTF-8".to_owned()))?
        .into_owned();
    let wrong = text.is_empty()
        || text == "."
        || text == ".."
        || text.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '%' | '?' | '#'));
    if wrong {
        return Err(Fault::PathInvalid("a segment has a character that no segment can have".to_owned()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_collapsed_and_segments_decoded_once() {
        assert_eq!(segments("//a//b%20c/").unwrap(), ["a", "b c"]);
        assert_eq!(segments("/%24a").unwrap(), ["$a"]);
    }

    #[test]
    fn tn_05_a_path_with_two_readings_is_refused() {
        for wrong in
            ["/a/../b", "/a/./b", "/a/%2e%2e/b", "/a%2fb", "/a%5cb", "/a\\b", "/a%252fb", "/a%00", "/%ff", "/a%3fb"]
        {
            assert!(segments(wrong).is_err(), "{wrong}");
        }
        assert!(segments(&"/a".repeat(SEGMENTS_MAX + 1)).is_err());
    }
}
