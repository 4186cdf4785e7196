//! `xms_cc`: what a client says it can do, copied into its token.

use crate::fault::Fault;
use bonafide_types::json::parse_object_strict;
use bonafide_wire::Parameters;
use serde_json::Value;

/// Capabilities in one token. Source: ours; clients know one, `CP1`.
const COUNT_MAX: usize = 8;
/// Longest capability, in bytes. Source: ours.
const BYTES_MAX: usize = 32;

/// The capabilities in `claims` (`{"access_token":{"xms_cc":{"values":["CP1"]}}}`, as SDKs send them)
/// and in `xms_cc` (comma-separated, as agents pass them on). What is not a capability is left out.
pub(crate) fn read(form: &Parameters) -> Result<Vec<String>, Fault> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |text: &str| {
        let right = (1..=BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if right && found.len() < COUNT_MAX && !found.iter().any(|known| known == text) {
            found.push(text.to_owned());
        }
    };
    if let Some(claims) = form.get("claims").filter(|claims| !claims.is_empty()) {
        let claims = parse_object_strict(claims.as_bytes()).map_err(|_| Fault::Malformed)?;
        let wanted = claims.get("access_token").and_then(|token| token.get("xms_cc"));
        let values = wanted.and_then(|wanted| wanted.get("values")).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(Value::as_str).for_each(&mut add);
    }
    if let Some(list) = form.get("xms_cc") {
        list.split(',').map(str::trim).for_each(&mut add);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_come_from_both_parameters_once_and_bounded() {
        let read = |form: &str| read(&Parameters::parse(form).unwrap());
        let claims = r#"claims={"access_token":{"xms_cc":{"values":["CP1",1,"a b"]},"nbf":{"essential":true}}}"#;
        assert_eq!(read(&format!("{claims}&xms_cc=CP1,CP2,%22")).unwrap(), ["CP1", "CP2"]);
        assert!(read("x=1").unwrap().is_empty() && read("claims=&xms_cc=").unwrap().is_empty());
        assert_eq!(read("xms_cc=1,2,3,4,5,6,7,8,9,10").unwrap().len(), COUNT_MAX);
        for claims in ["x", "[]", r#"{"a":1,"a":2}"#] {
            assert_eq!(read(&format!("claims={claims}")), Err(Fault::Malformed), "{claims}");
        }
    }
}
