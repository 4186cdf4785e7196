//! Failures of ours: the caller is told that there is one, and the log why.

use bonafide_store::{EngineError, StoreError};
use http::StatusCode;

pub(super) fn store_error(error: &StoreError) -> (StatusCode, &'static str, String) {
    match error {
        StoreError::Engine(EngineError::Full(_)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "The disk of the installation is full: only deletions, and what else takes something away, are done. Make space on it, and try again."
                .to_owned(),
        ),
        StoreError::Engine(EngineError::Stopped(_)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "The installation cannot write to its disk: it only reads until it is started again, once the disk is looked after."
                .to_owned(),
        ),
        StoreError::Engine(_)
        | StoreError::DamagedRow { .. }
        | StoreError::Contended { .. }
        | StoreError::Overloaded { .. }
        | StoreError::Stopped => unavailable(),
        StoreError::Taken { .. } => {
            (StatusCode::CONFLICT, "Conflict", "There is another of this name already.".to_owned())
        }
        StoreError::Encode { .. }
        | StoreError::Decode { .. }
        | StoreError::KeyTooLong { .. }
        | StoreError::ValueTooLarge { .. }
        | StoreError::TooManyOps { .. }
        | StoreError::TooManyReads { .. }
        | StoreError::MacsTakenAway
        | StoreError::Ignored(_)
        | StoreError::Nested => internal(),
    }
}

pub(super) fn unavailable() -> (StatusCode, &'static str, String) {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "ServiceUnavailable",
        "The service cannot answer at this time. Please try again.".to_owned(),
    )
}

pub(super) fn internal() -> (StatusCode, &'static str, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "Encountered an internal server error.".to_owned())
}
