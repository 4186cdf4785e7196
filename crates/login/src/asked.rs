//! A request on its way to its endpoint.

use crate::sign_in::SignIn;
use crate::{Cx, Form};
use bonafide_wire::Request;

/// A request whose route is known.
pub(crate) struct Asked<'a> {
    pub(crate) cx: &'a Cx<'a>,
    pub(crate) request: &'a Request,
    /// The tenant as it stands in the path.
    pub(crate) tenant: &'a str,
    /// The form of a token request; empty at a document.
    pub(crate) form: Form,
    /// The facts for the log.
    pub(crate) sign_in: &'a mut SignIn,
}
