//! Members of bodies.

use crate::fault::Fault;
use crate::kind::Kind;
use bonafide_types::Timestamp;
use serde_json::{Map, Value};

/// Longest name of anything, in characters. Source: Microsoft Learn, "application resource type" (256).
const NAME_CHARS_MAX: usize = 256;

/// A name of a credential, if there is one.
pub(crate) fn member_text(sent: &Map<String, Value>, name: &'static str) -> Result<Option<String>, Fault> {
    match sent.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= NAME_CHARS_MAX => Ok(Some(text.clone())),
        Some(_) => Err(Fault::Value(name, Kind::Application)),
    }
}

/// A time, if there is one.
pub(crate) fn member_time(sent: &Map<String, Value>, name: &'static str) -> Result<Option<Timestamp>, Fault> {
    match sent.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let time = value.as_str().and_then(Timestamp::parse);
            time.map(Some).ok_or(Fault::Value(name, Kind::Application))
        }
    }
}

/// A name that an object must have.
pub(crate) fn required_name(value: Option<&Value>, of: Kind) -> Result<String, Fault> {
    let text = value.and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let text = text.filter(|text| text.chars().count() <= NAME_CHARS_MAX);
    text.map(str::to_owned).ok_or(Fault::Value("displayName", of))
}

/// `true` or `false`.
pub(crate) fn read_bool(value: &Value, name: &'static str, of: Kind) -> Result<bool, Fault> {
    value.as_bool().ok_or(Fault::Value(name, of))
}
