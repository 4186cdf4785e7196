//! `definition` of a token lifetime policy: one text, which is JSON in its turn. Source: Microsoft Learn, "Configurable token
//! lifetimes in the Microsoft identity platform".

use crate::fault::Fault;
use bonafide_core::directory::{TOKEN_SECONDS_MAX, TOKEN_SECONDS_MIN};
use bonafide_types::json::parse_object_strict;
use serde_json::{Map, Value};

const HOUR_SECONDS: u32 = 3_600;
const DAY_SECONDS: u32 = 86_400;

/// The text of a definition and the lifetime of access tokens in it, in seconds.
pub(crate) fn read(value: &Value) -> Result<(String, u32), Fault> {
    let text = match value.as_array().map(Vec::as_slice) {
        Some([Value::String(text)]) => text,
        _ => return Err(Fault::Lifetime("it must be one text")),
    };
    let outer = parse_object_strict(text.as_bytes()).map_err(|_| Fault::Lifetime("it is no JSON object"))?;
    let policy = match only(&outer, "TokenLifetimePolicy") {
        Some(Value::Object(policy)) => policy,
        _ => return Err(Fault::Lifetime("it must have TokenLifetimePolicy and nothing else")),
    };
    if policy.get("Version").is_some_and(|version| version != 1) {
        return Err(Fault::Lifetime("its Version must be 1"));
    }
    if policy.keys().any(|name| name != "Version" && name != "AccessTokenLifetime") {
        return Err(Fault::Lifetime("only the AccessTokenLifetime of tokens can be set"));
    }
    let lifetime = policy.get("AccessTokenLifetime").and_then(Value::as_str).and_then(seconds);
    let lifetime = lifetime.filter(|seconds| (TOKEN_SECONDS_MIN..=TOKEN_SECONDS_MAX).contains(seconds));
    let lifetime = lifetime.ok_or(Fault::Lifetime("AccessTokenLifetime must lie between 00:05:00 and 1.00:00:00"))?;
    Ok((text.clone(), lifetime))
}

fn only<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    members.get(name).filter(|_| members.len() == 1)
}

/// A time of .NET: `[d.]hh:mm:ss`.
fn seconds(text: &str) -> Option<u32> {
    let (days, time) = match text.split_once('.') {
        Some((days, time)) => (number(days, u32::MAX)?, time),
        None => (0, text),
    };
    let [hours, minutes, seconds] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let time = number(hours, 24)? * HOUR_SECONDS + number(minutes, 59)? * 60 + number(seconds, 59)?;
    days.checked_mul(DAY_SECONDS)?.checked_add(time)
}

fn number(text: &str, max: u32) -> Option<u32> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number <= max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lifetime(text: &str) -> Option<u32> {
        let text = format!(r#"{{"TokenLifetimePolicy":{{"Version":1,"AccessTokenLifetime":"{text}"}}}}"#);
        read(&json!([text])).ok().map(|(_, seconds)| seconds)
    }

    #[test]
    fn a_lifetime_of_five_minutes_to_a_day_is_read() {
        for (text, seconds) in
            [("00:05:00", 300), ("8:00:00", 28_800), ("23:59:59", 86_399), ("1.00:00:00", 86_400), ("24:00:00", 86_400)]
        {
            assert_eq!(lifetime(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "00:04:59",
            "1.00:00:01",
            "2.00:00:00",
            "99999999.00:00:00",
            "-1:00:00",
            "01:00",
            "01:60:00",
            "+1:00:00",
            "1:0:0:0",
        ] {
            assert_eq!(lifetime(text), None, "{text}");
        }
    }

    #[test]
    fn anything_else_in_a_definition_is_refused() {
        for definition in [
            json!([]),
            json!("x"),
            json!([1]),
            json!(["x"]),
            json!(["{}"]),
            json!([r#"{"TokenLifetimePolicy":{"Version":2,"AccessTokenLifetime":"01:00:00"}}"#]),
            json!([
                r#"{"TokenLifetimePolicy":{"Version":1,"AccessTokenLifetime":"01:00:00","MaxAgeSessionSingleFactor":"01:00:00"}}"#
            ]),
            json!([r#"{"TokenLifetimePolicy":{"AccessTokenLifetime":"01:00:00"},"X":1}"#]),
        ] {
            assert!(read(&definition).is_err(), "{definition}");
        }
    }
}
