//! The reason why the query of a request is refused.

use bonafide_wire::ParameterError;

/// The reason why options cannot be read.
#[derive(Debug, Clone)]
pub(crate) enum OptionsError {
    /// A system query option that is not served.
    Unserved(String),
    /// The query cannot be read.
    Query(ParameterError),
}
