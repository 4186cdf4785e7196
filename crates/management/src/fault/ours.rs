//! Failures of ours: the caller is told that there is one, and the log why.

use bonafide_store::StoreError;
use http::StatusCode;

pub(super) fn store_error(error: &StoreError) -> (StatusCode, &'static str, String) {
    match error {
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
