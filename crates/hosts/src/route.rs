//! The routes of this surface.

use crate::{Cx, Fault, Wait, attested, credential, desired, dialects, events, extension, instance, join, rejoin};
use bonafide_types::HostId;
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_wire::hosts::{
    ATTESTED_PATH, CREDENTIAL_PATH, DESIRED_PATH, DIALECTS_PATH, EVENTS_PATH, EXTENSION_PATH, INSTALLATION_PATH,
    INSTANCE_PATH, Installation, JOIN_PATH, REJOIN_PATH, RENEW_PATH,
};
use bonafide_wire::{Answer, Captures, Outcome, Reply, Request, Route};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

/// The endpoints of this surface.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        route: Route::of_store(Method::POST, JOIN_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Anybody(|cx, request, _| answer(join::join(cx, &body(request)?)?)),
    },
    Endpoint {
        route: Route::of_store(Method::POST, REJOIN_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Anybody(|cx, request, _| rejoin::rejoin(cx, &body(request)?).map(Outcome::Answer)),
    },
    Endpoint {
        route: Route::of_store(Method::POST, RENEW_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Host(|cx, request, _, host| answer(join::renew(cx, host, &body(request)?)?)),
    },
    Endpoint {
        route: Route::of_view(Method::GET, INSTALLATION_PATH, 0),
        run: Run::Host(|cx, _, _, _| {
            answer(Reply::json(StatusCode::OK, &Installation { authority: cx.authority.to_owned() }))
        }),
    },
    Endpoint {
        route: Route::of_view(Method::GET, DESIRED_PATH, 0),
        run: Run::Host(|cx, request, _, host| desired::desired(cx, host, &request.query)),
    },
    Endpoint {
        route: Route::of_store(Method::PUT, DIALECTS_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Host(|cx, request, _, host| answer(dialects::take_down(cx, host, body(request)?)?)),
    },
    Endpoint {
        route: Route::of_store(Method::GET, INSTANCE_PATH, 0),
        run: Run::Host(|cx, _, captures, host| {
            let workload = captures.get("workload").parse().map_err(|_| Fault::NotFound)?;
            answer(instance::read(cx, host, workload)?)
        }),
    },
    Endpoint {
        route: Route::of_store(Method::POST, ATTESTED_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Host(|cx, request, captures, host| {
            let workload = captures.get("workload").parse().map_err(|_| Fault::NotFound)?;
            answer(attested::sign(cx, host, workload, &body(request)?)?)
        }),
    },
    Endpoint {
        route: Route::of_store(Method::POST, EVENTS_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Host(|cx, request, captures, host| {
            let workload = captures.get("workload").parse().map_err(|_| Fault::NotFound)?;
            answer(events::ask(cx, host, workload, &body(request)?)?)
        }),
    },
    Endpoint {
        route: Route::of_store(Method::PUT, EXTENSION_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Host(|cx, request, captures, host| {
            let workload = captures.get("workload").parse().map_err(|_| Fault::NotFound)?;
            answer(extension::report(cx, host, workload, &body(request)?)?)
        }),
    },
    Endpoint {
        route: Route::of_store(Method::PUT, CREDENTIAL_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Host(|cx, request, captures, host| {
            let principal = captures.get("principal").parse().map_err(|_| Fault::NotFound)?;
            answer(credential::register(cx, host, principal, &body(request)?)?)
        }),
    },
];

/// A route, and who may ask what there.
pub(crate) struct Endpoint {
    pub(crate) route: Route,
    pub(crate) run: Run,
}

type Result = std::result::Result<Outcome<Wait>, Fault>;

/// The answer of an endpoint.
pub(crate) enum Run {
    /// To anybody who could open the connection.
    Anybody(fn(&Cx<'_>, &Request, &Captures<'_>) -> Result),
    /// To a host that is known and enabled.
    Host(fn(&Cx<'_>, &Request, &Captures<'_>, HostId) -> Result),
}

impl AsRef<Route> for Endpoint {
    fn as_ref(&self) -> &Route {
        &self.route
    }
}

fn answer(reply: Reply) -> Result {
    Ok(Outcome::Answer(Answer::from(reply)))
}

fn body<T: DeserializeOwned>(request: &Request) -> std::result::Result<T, Fault> {
    serde_json::from_slice(&request.body).map_err(|error| Fault::Malformed(error.to_string()))
}
