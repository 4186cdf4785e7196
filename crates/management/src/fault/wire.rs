//! The form of a refusal, of whatever subject.

use http::StatusCode;

/// Status, code and message.
pub(super) type Wire<'a> = (StatusCode, &'a str, String);
