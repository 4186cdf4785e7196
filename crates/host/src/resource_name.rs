//! The name of a resource in the log.

use bonafide_http::shown;
use bonafide_types::Audience;

/// Longest resource that is logged, in bytes. Source: ours; resources in use are names of services and have
/// below 100.
const RESOURCE_BYTES_MAX: usize = 128;

/// A resource that somebody asked for, to be named in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl ResourceName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
