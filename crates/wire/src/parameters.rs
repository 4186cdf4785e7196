//! Query strings and forms.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The reason why parameters could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// A percent sequence is broken or does not decode to UTF-8.
    #[error("the parameters are not well formed")]
    Encoding,
    /// The name occurs more than once, perhaps in another case.
    #[error("the parameter '{0}' occurs more than once")]
    Duplicate(String),
    /// More parameters than [`Parameters::COUNT_MAX`].
    #[error("there are too many parameters")]
    TooMany,
}

/// The parameters of a query string or of an `application/x-www-form-urlencoded` body, decoded, in
/// their order.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
}

impl Parameters {
    /// Parameters in one request. Source: ours; the SDKs send at most about 20.
    pub const COUNT_MAX: usize = 100;

    /// Reads a query string or form. A name that occurs twice, in any case, is refused: two readers
    /// could otherwise each believe another one of the two values.
    pub fn parse(text: &str) -> Result<Self, ParameterError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if pairs.len() == Self::COUNT_MAX {
                return Err(ParameterError::TooMany);
            }
            if pairs.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                return Err(ParameterError::Duplicate(name.chars().take(64).collect()));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The value of `name`, compared without case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Name and value of every parameter, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn decode(text: &str) -> Result<String, ParameterError> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(text.to_owned());
    }
    let broken = bytes.iter().enumerate().any(|(at, byte)| {
        *byte == b'%' && !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    if broken {
        return Err(ParameterError::Encoding);
    }
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned).map_err(|_| ParameterError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded_once() {
        let query = Parameters::parse("resource=https%3A%2F%2Fvault.azure.net&x=a+b%2525&empty=&flag").unwrap();
        assert_eq!(query.get("RESOURCE"), Some("https://vault.azure.net"));
        assert_eq!(query.get("x"), Some("a b%25"));
        assert_eq!((query.get("empty"), query.get("flag"), query.get("none")), (Some(""), Some(""), None));
    }

    #[test]
    fn md_04_a_name_that_occurs_twice_is_refused_in_any_spelling() {
        for twice in ["resource=a&resource=b", "resource=a&Resource=b", "resource=a&%72esource=b", "a&a"] {
            assert!(matches!(Parameters::parse(twice), Err(ParameterError::Duplicate(_))), "{twice}");
        }
    }

    #[test]
    fn broken_encodings_are_refused() {
        for broken in ["a=%", "a=%4", "a=%zz", "a=%ff", "%=a"] {
            assert_eq!(Parameters::parse(broken).unwrap_err(), ParameterError::Encoding, "{broken}");
        }
    }
}
