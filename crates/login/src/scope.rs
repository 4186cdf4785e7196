//! The requested audience of a token: `resource` at the version 1 endpoint, `scope` at version 2.

use crate::fault::Fault;
use bonafide_core::tokens::TokenVersion;
use bonafide_types::{Audience, TenantId, resource_of_scope};
use bonafide_wire::Parameters;

/// The resource that a request names. Text that no resource can have is one that is not registered.
pub(crate) fn audience(form: &Parameters, version: TokenVersion, tenant: TenantId) -> Result<Audience, Fault> {
    let unknown = |asked: &str| Fault::UnknownResource { asked: asked.to_owned(), tenant: tenant.to_string() };
    let given = |name| form.get(name).filter(|value| !value.is_empty());
    match version {
        TokenVersion::V1 => {
            let resource = given("resource").ok_or(Fault::MissingParameter("resource"))?;
            Audience::parse(resource).map_err(|_| unknown(resource))
        }
        TokenVersion::V2 => {
            if given("resource").is_some() {
                return Err(Fault::ResourceParameter);
            }
            let scope = given("scope").ok_or(Fault::MissingField("scope"))?;
            let resource = resource_of(scope)?;
            Audience::parse(resource).map_err(|_| unknown(resource))
        }
    }
}

/// Scopes of users' sign-ins. MSAL for Go, for Java and old ones for Node add them to every scope, in any
/// order; for an application they mean nothing (docs/wire/login.md).
const OF_SIGN_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The one resource in a scope.
fn resource_of(scope: &str) -> Result<&str, Fault> {
    let is_of_sign_in = |one: &&str| OF_SIGN_IN.iter().any(|word| word.eq_ignore_ascii_case(one));
    let mut found: Option<&str> = None;
    for one in scope.split(' ').filter(|one| !one.is_empty() && !is_of_sign_in(one)) {
        // Exactly one is taken off: `X//.default` means the audience `X/` (docs/wire/login.md).
        let resource = resource_of_scope(one);
        let resource = resource.ok_or_else(|| Fault::Scope(scope.to_owned()))?;
        if found.is_some_and(|other| other != resource) {
            return Err(Fault::TwoResources(scope.to_owned()));
        }
        found = Some(resource);
    }
    found.ok_or_else(|| Fault::Scope(scope.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(form: &str, version: TokenVersion) -> Result<String, Fault> {
        let tenant = TenantId::new(Default::default());
        audience(&Parameters::parse(form).unwrap(), version, tenant).map(|audience| audience.as_str().to_owned())
    }

    #[test]
    fn version_2_asks_for_the_default_scope_of_one_resource() {
        let v2 = |form: &str| asked(form, TokenVersion::V2);
        assert_eq!(v2("scope=https://a/.default").unwrap(), "https://a");
        assert_eq!(v2("scope=https://a//.default").unwrap(), "https://a/");
        assert_eq!(v2("scope=https://a/.default+https://a/.default").unwrap(), "https://a");
        let two = || Err(Fault::TwoResources("https://a/.default https://b/.default".to_owned()));
        assert_eq!(v2("scope=https://a/.default+https://b/.default"), two());
        assert_eq!(v2("scope=https://a/.default&resource=https://a"), Err(Fault::ResourceParameter));
        assert_eq!(v2("scope=https://a/.default&resource=").unwrap(), "https://a", "an empty parameter is none");
        for missing in ["", "scope="] {
            assert_eq!(v2(missing), Err(Fault::MissingField("scope")), "{missing}");
        }
        for scope in ["https://a", "/.default", "+", "https://a/.default+https://a/read", "https://a/.DEFAULT"] {
            assert!(matches!(v2(&format!("scope={scope}")), Err(Fault::Scope(_))), "{scope}");
        }
    }

    #[test]
    fn scopes_of_a_user_s_sign_in_say_nothing_beside_the_resource() {
        let v2 = |scope: &str| asked(&format!("scope={scope}"), TokenVersion::V2);
        for scope in [
            "https://a/.default+openid+offline_access+profile",
            "openid+profile+offline_access+https://a/.default",
            "profile+https://a/.default+offline_access++openid+email",
            "https://a/.default+OpenID",
        ] {
            assert_eq!(v2(scope).unwrap(), "https://a", "{scope}");
        }
        for alone in ["openid", "openid+profile+email+offline_access"] {
            assert_eq!(v2(alone), Err(Fault::Scope(alone.replace('+', " "))));
        }
        let near = "https://a/.default+openid2";
        assert_eq!(v2(near), Err(Fault::Scope(near.replace('+', " "))));
        assert!(matches!(v2("openid+https://a/.default+https://b/.default"), Err(Fault::TwoResources(_))));
    }

    #[test]
    fn jw_08_text_that_no_resource_has_is_an_unknown_resource() {
        assert_eq!(asked("scope=https://a/.default", TokenVersion::V1), Err(Fault::MissingParameter("resource")));
        for form in ["resource=https://a%09", "resource=%00", "resource=%C3%A4", "resource=a+b"] {
            assert!(matches!(asked(form, TokenVersion::V1), Err(Fault::UnknownResource { .. })), "{form}");
        }
        assert!(matches!(asked("scope=https://a%09/.default", TokenVersion::V2), Err(Fault::UnknownResource { .. })));
    }
}
