//! Which path means what.

<<<<<<< HEAD
use crate::{Cx, Fault, Wait, credential, desired, join};
use bonafide_types::HostId;
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_wire::hosts::{CREDENTIAL_PATH, DEPLOYMENT_PATH, DESIRED_PATH, Deployment, JOIN_PATH, RENEW_PATH};
use bonafide_wire::{Answer, Captures, Outcome, Reply, Request, Route};
use http::{Method, StatusCode};
=======
use crate::fault::Fault;
use bonafide_types::ObjectId;
use bonafide_wire::hosts::{CredentialRequest, DESIRED_WAIT_SECONDS_MAX, JoinRequest, RenewRequest};
use bonafide_wire::{Parameters, Request, path};
use http::Method;
>>>>>>> mgmt-requests
use serde::de::DeserializeOwned;

/// What is served.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        route: Route::of_store(Method::POST, JOIN_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Anybody(|cx, request, _| answer(join::join(cx, &body(request)?)?)),
    },
    Endpoint {
        route: Route::of_store(Method::POST, RENEW_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Host(|cx, request, _, host| answer(join::renew(cx, host, &body(request)?)?)),
    },
    Endpoint {
        route: Route::of_view(Method::GET, DEPLOYMENT_PATH, 0),
        run: Run::Host(|cx, _, _, _| {
            answer(Reply::json(StatusCode::OK, &Deployment { authority: cx.authority.to_owned() }))
        }),
    },
    Endpoint {
        route: Route::of_view(Method::GET, DESIRED_PATH, 0),
        run: Run::Host(|cx, request, _, host| desired::desired(cx, host, &request.query)),
    },
    Endpoint {
        route: Route::of_store(Method::PUT, CREDENTIAL_PATH, TOKEN_BODY_BYTES_MAX),
        run: Run::Host(|cx, request, captures, host| {
            let principal = captures.get("principal").parse().map_err(|_| Fault::NotFound)?;
            answer(credential::register(cx, host, principal, &body(request)?)?)
        }),
    },
];

<<<<<<< HEAD
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
=======
pub(crate) fn route(request: &Request) -> Result<Call, Fault> {
    let segments = path::segments(&request.path).map_err(|_| Fault::NotFound)?;
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&request.method, words.as_slice()) {
        (&Method::POST, ["hosts", "v1", "join"]) => Ok(Call::Join(body(request)?)),
        (&Method::POST, ["hosts", "v1", "renew"]) => Ok(Call::Renew(body(request)?)),
        (&Method::GET, ["hosts", "v1", "deployment"]) => Ok(Call::Deployment),
        (&Method::GET, ["hosts", "v1", "desired"]) => {
            let query = Parameters::parse(&request.query).map_err(|error| Fault::Malformed(error.to_string()))?;
            let wait = query.get("wait").unwrap_or("0").parse::<u64>();
            let wait = wait.map_err(|_| Fault::Malformed("'wait' is not a number of seconds".into()))?;
            Ok(Call::Desired(query.get("after").map(str::to_owned), wait.min(DESIRED_WAIT_SECONDS_MAX)))
        }
        (&Method::PUT, ["hosts", "v1", "identities", principal, "credential"]) => {
            let principal = principal.parse().map_err(|_| Fault::NotFound)?;
            Ok(Call::Register(principal, body(request)?))
        }
        _ => Err(Fault::NotFound),
>>>>>>> mgmt-requests
    }
}

fn answer(reply: Reply) -> Result {
    Ok(Outcome::Answer(Answer::from(reply)))
}

fn body<T: DeserializeOwned>(request: &Request) -> std::result::Result<T, Fault> {
    serde_json::from_slice(&request.body).map_err(|error| Fault::Malformed(error.to_string()))
}
