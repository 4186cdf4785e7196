//! Failures of ours: the caller is told that there is one, and the log why.

use super::Fault;
use super::wire::Wire;
use bonafide_store::{EngineError, StoreError};
use bonafide_wire::Unserved;
use http::StatusCode;

pub(super) fn wire(fault: &Fault) -> Wire<'_> {
    match fault {
        Fault::WrongProof => internal(),
        Fault::Store(error) => store_error(error),
        Fault::ViewTooOld { .. } => unavailable(),
        Fault::Unserved(why) => unserved(*why),
        _ => internal(),
    }
}

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
        | StoreError::TooDeep { .. }
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

fn unserved(why: Unserved) -> (StatusCode, &'static str, String) {
    let code = match why {
        Unserved::OtherUser => "AuthorizationFailed",
        Unserved::CertificateExpired => "AuthenticationFailed",
        Unserved::TargetTooLong => "InvalidRequestUri",
        Unserved::HeadTooLarge => "RequestHeaderFieldsTooLarge",
        Unserved::HeadMalformed => "InvalidRequest",
        Unserved::BodyTooLarge => return Fault::BodyTooLarge.wire(),
        Unserved::BodyTooSlow => "RequestTimeout",
        Unserved::BodyBroken => "InvalidRequestContent",
        Unserved::Busy => return unavailable(),
        Unserved::ShareTaken => "TooManyRequests",
        Unserved::Failed => return internal(),
    };
    (why.status(), code, format!("The request is not served: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use bonafide_store::StoreError;

    #[test]
    fn a_name_that_is_taken_is_a_conflict_and_no_failure_of_ours() {
        let status = |error| Fault::from(error).wire().0;
        assert_eq!(status(StoreError::Taken { index: "resource-by-id" }), StatusCode::CONFLICT);
        assert_eq!(status(StoreError::Nested), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
