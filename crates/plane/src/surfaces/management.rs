//! The resource manager as a surface.

use bonafide_management::Cx;
use bonafide_types::limits::MANAGEMENT_BODY_BYTES_MAX;
use bonafide_wire::{Answer, Outcome, Request, Route, Surface, Unserved, path};
use http::Method;
use std::convert::Infallible;

/// Its context.
pub(crate) struct Management<'a>(pub(crate) Cx<'a>);

/// Whether a path is the resource manager's.
pub(crate) fn is_management(head: &Request) -> bool {
    let first = path::first_segment(&head.path).to_ascii_lowercase();
    matches!(first.as_str(), "subscriptions" | "providers" | "tenants" | "metadata")
}

const fn anything(method: Method) -> Route {
    Route::of_store(method, "/{any...}", MANAGEMENT_BODY_BYTES_MAX)
}

static ROUTES: [Route; 9] = [
    anything(Method::GET),
    anything(Method::HEAD),
    anything(Method::PUT),
    anything(Method::PATCH),
    anything(Method::POST),
    anything(Method::DELETE),
    anything(Method::OPTIONS),
    anything(Method::TRACE),
    anything(Method::CONNECT),
];

impl Surface for Management<'_> {
    type Need = Infallible;

    fn routes() -> Vec<&'static Route> {
        ROUTES.iter().collect()
    }

    fn handle(&self, request: &Request) -> Outcome<Infallible> {
        Outcome::Answer(bonafide_management::handle(&self.0, request).into())
    }

    fn refuse(&self, head: &Request, why: Unserved) -> Answer {
        bonafide_management::refuse(self.0.config, head, why, &self.0.world).into()
    }
}
