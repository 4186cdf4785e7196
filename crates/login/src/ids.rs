//! The ids by which one request is found again.

use crate::Cx;
use bonafide_wire::{Parameters, Request};
use uuid::Uuid;

/// The ids of one request.
pub(crate) struct Ids {
    pub(crate) trace: Uuid,
    pub(crate) correlation: Uuid,
}

impl Ids {
    /// A new trace id, and the correlation id that the client gave as header, in the query or, as
    /// MSAL for JavaScript does, in the form.
    pub(crate) fn of(cx: &Cx<'_>, request: &Request, form: Option<&Parameters>) -> Self {
        const NAME: &str = "client-request-id";
        let query = Parameters::parse(&request.query).unwrap_or_default();
        let given = [request.header(NAME), query.get(NAME), form.and_then(|form| form.get(NAME))]
            .into_iter()
            .flatten()
            .find_map(|text| Uuid::try_parse(text).ok());
        let trace = cx.world.entropy.guid();
        Self { trace, correlation: given.unwrap_or_else(|| cx.world.entropy.guid()) }
    }
}
