//! The address and the names of this installation: from configuration, never from a request.

use super::TokenVersion;
use bonafide_types::TenantId;
use std::fmt::Display;

/// Stands for the tenant in the issuers that the documents of `common` name.
pub const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// An origin or issuer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Not `https://host` or `https://host:port` in lower case.
    #[error("'{0}' is not an https origin in lower case without a path")]
    Origin(String),
}

/// The token service's own names, and how long its tokens live by configuration.
#[derive(Debug, Clone)]
pub struct Authority {
    origin: String,
    token_lifetime: Option<u32>,
}

impl Authority {
    /// The service at `origin`.
    ///
    /// # Errors
    /// [`AuthorityError::Origin`].
    pub fn new(origin: &str) -> Result<Self, AuthorityError> {
        check_origin(origin)?;
        Ok(Self { origin: origin.to_owned(), token_lifetime: None })
    }

    /// The lifetime of tokens in seconds where no policy of their tenant says another; `None` is the usual one.
    pub fn set_token_lifetime(&mut self, seconds: Option<u32>) {
        self.token_lifetime = seconds;
    }

    /// The lifetime that was set.
    pub(super) fn token_lifetime(&self) -> Option<u32> {
        self.token_lifetime
    }

    /// `https://host[:port]`, without a slash at the end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Host and port of the origin.
    pub fn host(&self) -> &str {
        self.origin.strip_prefix("https://").unwrap_or(&self.origin)
    }

    /// The issuer of a tenant's tokens of one version; `iss`.
    pub fn issuer(&self, version: TokenVersion, tenant: TenantId) -> String {
        self.issuer_of(version, tenant)
    }

    /// The issuer with [`TENANT_PLACEHOLDER`] where the tenant belongs, for the documents of `common`.
    pub fn issuer_of_any_tenant(&self, version: TokenVersion) -> String {
        self.issuer_of(version, TENANT_PLACEHOLDER)
    }

    /// Every token's issuer leads to its discovery document below the origin.
    fn issuer_of(&self, version: TokenVersion, tenant: impl Display) -> String {
        let origin = self.origin();
        match version {
            TokenVersion::V1 => format!("{origin}/{tenant}/"),
            TokenVersion::V2 => format!("{origin}/{tenant}/v2.0"),
        }
    }
}

fn check_origin(origin: &str) -> Result<(), AuthorityError> {
    let right = origin.strip_prefix("https://").is_some_and(|host| {
        !host.is_empty()
            && host.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']')
            })
    });
    if right { Ok(()) } else { Err(AuthorityError::Origin(origin.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    #[test]
    fn issuers_lie_below_the_origin() {
        let tenant = TENANT.parse().unwrap();
        let ours = Authority::new("https://localhost:8443").unwrap();
        assert_eq!(ours.issuer(TokenVersion::V1, tenant), format!("https://localhost:8443/{TENANT}/"));
        assert_eq!(ours.issuer(TokenVersion::V2, tenant), format!("https://localhost:8443/{TENANT}/v2.0"));
        assert_eq!(ours.issuer_of_any_tenant(TokenVersion::V2), "https://localhost:8443/{tenantid}/v2.0");
        assert_eq!(ours.host(), "localhost:8443");
    }

    #[test]
    fn an_authority_that_could_confuse_consumers_is_refused() {
        for wrong in ["", "http://a", "https://", "https://a/", "https://A", "https://a b", "https://u@a", "a"] {
            assert!(Authority::new(wrong).is_err(), "{wrong}");
        }
    }
}
