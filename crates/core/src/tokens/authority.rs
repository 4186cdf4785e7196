//! Where this deployment is and what it calls itself: from configuration, never from a request.

use super::TokenVersion;
use bonafide_types::TenantId;
use std::fmt::Display;

/// Stands for the tenant in an issuer, and literally in the documents of `common`.
pub const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// An origin or issuer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Not `https://host` or `https://host:port` in lower case.
    #[error("'{0}' is not an https origin in lower case without a path")]
    Origin(String),
    /// Not an https URL with [`TENANT_PLACEHOLDER`] in it once.
    #[error("'{0}' is not an https issuer with {TENANT_PLACEHOLDER} in it once")]
    Issuer(String),
    /// Tokens of two forms under one name could be taken for one another.
    #[error("the issuers of both token versions are the same")]
    SameIssuer,
}

/// The token service's own names.
#[derive(Debug, Clone)]
pub struct Authority {
    origin: String,
    issuer_v1: Template,
    issuer_v2: Template,
}

impl Authority {
    /// The service at `origin`, with issuers below it, so that every token's issuer leads to its
    /// discovery document.
    ///
    /// # Errors
    /// [`AuthorityError::Origin`].
    pub fn new(origin: &str) -> Result<Self, AuthorityError> {
        check_origin(origin)?;
        Ok(Self {
            origin: origin.to_owned(),
            issuer_v1: Template { before: format!("{origin}/"), after: "/".to_owned() },
            issuer_v2: Template { before: format!("{origin}/"), after: "/v2.0".to_owned() },
        })
    }

    /// The same service with other issuers, for consumers that insist on
    /// `https://sts.windows.net/{tenantid}/`.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn with_issuers(mut self, v1: &str, v2: &str) -> Result<Self, AuthorityError> {
        if v1 == v2 {
            return Err(AuthorityError::SameIssuer);
        }
        self.issuer_v1 = Template::parse(v1)?;
        self.issuer_v2 = Template::parse(v2)?;
        Ok(self)
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
        self.template(version).fill(tenant)
    }

    /// The issuer with [`TENANT_PLACEHOLDER`] where the tenant belongs, for the documents of `common`.
    pub fn issuer_of_any_tenant(&self, version: TokenVersion) -> String {
        self.template(version).fill(TENANT_PLACEHOLDER)
    }

    fn template(&self, version: TokenVersion) -> &Template {
        match version {
            TokenVersion::V1 => &self.issuer_v1,
            TokenVersion::V2 => &self.issuer_v2,
        }
    }
}

#[derive(Debug, Clone)]
struct Template {
    before: String,
    after: String,
}

impl Template {
    fn parse(text: &str) -> Result<Self, AuthorityError> {
        let wrong = || AuthorityError::Issuer(text.to_owned());
        let (before, after) = text.split_once(TENANT_PLACEHOLDER).ok_or_else(wrong)?;
        let right = before.starts_with("https://")
            && !after.contains(TENANT_PLACEHOLDER)
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\?#".contains(&byte));
        right.then(|| Self { before: before.to_owned(), after: after.to_owned() }).ok_or_else(wrong)
    }

    fn fill(&self, tenant: impl Display) -> String {
        format!("{}{tenant}{}", self.before, self.after)
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
    fn issuers_lie_below_the_origin_unless_told_otherwise() {
        let tenant = TENANT.parse().unwrap();
        let ours = Authority::new("https://localhost:8443").unwrap();
        assert_eq!(ours.issuer(TokenVersion::V1, tenant), format!("https://localhost:8443/{TENANT}/"));
        assert_eq!(ours.issuer(TokenVersion::V2, tenant), format!("https://localhost:8443/{TENANT}/v2.0"));
        assert_eq!(ours.issuer_of_any_tenant(TokenVersion::V2), "https://localhost:8443/{tenantid}/v2.0");
        let azure = ours
            .with_issuers("https://sts.windows.net/{tenantid}/", "https://login.microsoftonline.com/{tenantid}/v2.0")
            .unwrap();
        assert_eq!(azure.issuer(TokenVersion::V1, tenant), format!("https://sts.windows.net/{TENANT}/"));
        assert_eq!(azure.host(), "localhost:8443");
    }

    #[test]
    fn an_authority_that_could_confuse_consumers_is_refused() {
        for wrong in ["", "http://a", "https://", "https://a/", "https://A", "https://a b", "https://u@a", "a"] {
            assert!(Authority::new(wrong).is_err(), "{wrong}");
        }
        let ours = Authority::new("https://a").unwrap();
        for (v1, v2) in [
            ("https://a/{tenantid}/", "https://a/{tenantid}/"),
            ("https://a/", "https://a/{tenantid}/v2.0"),
            ("https://a/{tenantid}/", "http://a/{tenantid}/v2.0"),
            ("https://a/{tenantid}/{tenantid}", "https://a/{tenantid}/v2.0"),
            ("https://a/{tenantid}/\"", "https://a/{tenantid}/v2.0"),
        ] {
            assert!(ours.clone().with_issuers(v1, v2).is_err(), "{v1} {v2}");
        }
    }
}
