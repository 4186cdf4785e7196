//! The request target: a path, or the whole address of this endpoint.

/// A target, read: `/path`, or `http://authority/path` (RFC 9112 section 3.2.2 requires servers to take
/// both). Anything else stays whole as a path that does not begin with a slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// Of an address, what stands between `http://` and the path.
    pub(crate) authority: Option<&'a str>,
    /// The path, `/` where an address has none.
    pub(crate) path: &'a str,
}

impl<'a> Target<'a> {
    /// Reads the target of a request, without its query.
    pub(crate) fn read(raw: &'a str) -> Self {
        const SCHEME: &str = "http://";
        match raw.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                Self { authority: Some(authority), path: if path.is_empty() { "/" } else { path } }
            }
            _ => Self { authority: None, path: raw },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_or_an_address() {
        for (raw, authority, path) in [
            ("/metadata/versions", None, "/metadata/versions"),
            ("//metadata", None, "//metadata"),
            ("http://169.254.169.254/metadata/versions", Some("169.254.169.254"), "/metadata/versions"),
            ("HTTP://[::1]:80//a", Some("[::1]:80"), "//a"),
            ("http://a@b/c", Some("a@b"), "/c"),
            ("http://a", Some("a"), "/"),
            ("http:///a", Some(""), "/a"),
            ("https://a/b", None, "https://a/b"),
            ("a:80", None, "a:80"),
            ("*", None, "*"),
            ("", None, ""),
        ] {
            assert_eq!(Target::read(raw), Target { authority, path }, "{raw}");
        }
    }
}
