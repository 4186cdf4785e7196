//! Which path means what.

use crate::fault::Fault;
use bonafide_core::tokens::TokenVersion;
use http::Method;

/// What a request asks for. The tenant is still as it stands in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call<'r> {
    Token { tenant: &'r str, version: TokenVersion },
    Discovery { tenant: &'r str, version: TokenVersion },
    Keys { tenant: &'r str, version: TokenVersion },
    Instance,
}

/// The call of a request: its decoded path, then its method.
pub(crate) fn route<'r>(path: &'r str, method: &Method) -> Result<Call<'r>, Fault> {
    let call = find(path).ok_or(Fault::NoSuchPath)?;
    match (call, method) {
        (Call::Token { .. }, &Method::POST) => Ok(call),
        (Call::Token { .. }, method) => Err(Fault::PostOnly(method.clone())),
        (_, &Method::GET | &Method::HEAD) => Ok(call),
        (_, method) => Err(Fault::GetOnly(method.clone())),
    }
}

/// What is served, one line for each arm of [`find`]. Documents are served to `HEAD` too.
pub const ROUTES: &[&str] = &[
    "POST /{tenant}/oauth2/token",
    "POST /{tenant}/oauth2/v2.0/token",
    "GET /{tenant}/.well-known/openid-configuration",
    "GET /{tenant}/v2.0/.well-known/openid-configuration",
    "GET /{tenant}/discovery/keys",
    "GET /{tenant}/discovery/v2.0/keys",
    "GET /common/discovery/instance",
];

/// The call of a path. Clients write slashes twice and at the end; both are collapsed.
pub(crate) fn find(path: &str) -> Option<Call<'_>> {
    use TokenVersion::{V1, V2};
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).take(6).collect();
    match segments[..] {
        [tenant, "oauth2", "token"] => Some(Call::Token { tenant, version: V1 }),
        [tenant, "oauth2", "v2.0", "token"] => Some(Call::Token { tenant, version: V2 }),
        [tenant, ".well-known", "openid-configuration"] => Some(Call::Discovery { tenant, version: V1 }),
        [tenant, "v2.0", ".well-known", "openid-configuration"] => Some(Call::Discovery { tenant, version: V2 }),
        [tenant, "discovery", "keys"] => Some(Call::Keys { tenant, version: V1 }),
        [tenant, "discovery", "v2.0", "keys"] => Some(Call::Keys { tenant, version: V2 }),
        ["common", "discovery", "instance"] => Some(Call::Instance),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_meaning_however_its_slashes_are_written() {
        use TokenVersion::V2;
        let token = Some(Call::Token { tenant: "t", version: V2 });
        for path in ["/t/oauth2/v2.0/token", "//t/oauth2//v2.0/token/", "/t/oauth2/v2.0/token/"] {
            assert_eq!(find(path), token, "{path}");
        }
        for path in [
            "/",
            "/t",
            "/oauth2/token",
            "/t/oauth2/v2.0/token/x",
            "/t/oauth2/v1.0/token",
            "/t/%6fauth2/token",
            "/a/t/oauth2/token",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
    }
}
