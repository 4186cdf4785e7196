//! The routes of this surface.

use crate::asked::Asked;
use crate::fault::Fault;
use crate::sign_in::SignIn;
use crate::{Cx, Form, discovery, instance, keys, token};
use bonafide_core::tokens::TokenVersion::{V1, V2};
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_wire::{Captures, NoRoute, Reply, Request, Route, find, path};
use http::Method;

/// The endpoints of this surface. Documents are served to `HEAD` too. Words of a path are compared without case, as in
/// `/OAuth2/Token`; Entra makes no difference.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::token("/{tenant}/oauth2/token", |asked| token::handle(asked, V1)),
    Endpoint::token("/{tenant}/oauth2/v2.0/token", |asked| token::handle(asked, V2)),
    Endpoint::document("/{tenant}/.well-known/openid-configuration", |asked| discovery::handle(asked, V1)),
    Endpoint::document("/{tenant}/v2.0/.well-known/openid-configuration", |asked| discovery::handle(asked, V2)),
    Endpoint::document("/{tenant}/discovery/keys", |asked| keys::handle(asked, V1)),
    Endpoint::document("/{tenant}/discovery/v2.0/keys", |asked| keys::handle(asked, V2)),
    Endpoint::document("/common/discovery/instance", |asked| instance::handle(asked.cx, asked.request)),
];

/// A route, and its answer.
pub(crate) struct Endpoint {
    route: Route,
    run: fn(Asked<'_>) -> Result<Reply, Fault>,
}

impl Endpoint {
    const fn token(path: &'static str, run: fn(Asked<'_>) -> Result<Reply, Fault>) -> Self {
        Self { route: Route::of_view(Method::POST, path, TOKEN_BODY_BYTES_MAX), run }
    }

    /// A body is read and not looked at, as Entra does.
    const fn document(path: &'static str, run: fn(Asked<'_>) -> Result<Reply, Fault>) -> Self {
        Self { route: Route::of_view(Method::GET, path, TOKEN_BODY_BYTES_MAX), run }
    }
}

impl AsRef<Route> for Endpoint {
    fn as_ref(&self) -> &Route {
        &self.route
    }
}

/// Answers a request by its path and method.
pub(crate) fn answer(cx: &Cx<'_>, request: &Request, form: Form, sign_in: &mut SignIn) -> Result<Reply, Fault> {
    let no_such_path = || Fault::NoSuchPath(request.path.clone());
    let segments = path::segments(&request.path).map_err(|_| no_such_path())?;
    let (endpoint, captures) = endpoint(&request.method, &segments).map_err(|none| match none {
        NoRoute::Path => no_such_path(),
        NoRoute::Method(methods) if methods.contains(&Method::POST) => Fault::PostOnly(request.method.clone()),
        NoRoute::Method(_) => Fault::GetOnly(request.method.clone()),
    })?;
    (endpoint.run)(Asked { cx, request, tenant: captures.get("tenant"), form, sign_in })
}

fn endpoint<'p>(method: &Method, segments: &'p [String]) -> Result<(&'static Endpoint, Captures<'p>), NoRoute> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    find(ENDPOINTS, method, &segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Option<(&'static str, String)> {
        let segments = path::segments(path).ok()?;
        let found = endpoint(&Method::HEAD, &segments).or_else(|_| endpoint(&Method::POST, &segments));
        found.ok().map(|(endpoint, captures)| (endpoint.route.path, captures.get("tenant").to_owned()))
    }

    #[test]
    fn a_path_has_one_meaning_however_its_slashes_and_words_are_written() {
        let token = Some(("/{tenant}/oauth2/v2.0/token", "t".to_owned()));
        for path in
            ["/t/oauth2/v2.0/token", "//t/oauth2//v2.0/token/", "/t/OAuth2/V2.0/Token", "/t/%6fauth2%2Fv2.0/token"]
        {
            assert_eq!(read(path), token, "{path}");
        }
        assert_eq!(read("/Common/Discovery/Instance").unwrap().0, "/common/discovery/instance");
        for path in [
            "/",
            "/t",
            "/oauth2/token",
            "/t/oauth2/v2.0/token/x",
            "/t/oauth2/v1.0/token",
            "/a/t/oauth2/token",
            "/t/../oauth2/token",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }
}
