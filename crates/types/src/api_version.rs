//! API versions: a date, with an optional suffix.

use crate::Excerpt;
use std::fmt;
use std::str::FromStr;

/// The text is not `YYYY-MM-DD` with an optional `-suffix`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an api-version")]
pub struct ApiVersionError(Excerpt);

/// An `api-version`: ordered by date; a preview of a date sorts before the release of that date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersion {
    text: Box<str>,
}

impl ApiVersion {
    /// The date part, `YYYY-MM-DD`.
    pub fn date(&self) -> &str {
        &self.text[..10]
    }

    /// True when there is a suffix such as `-preview`.
    pub fn is_preview(&self) -> bool {
        self.text.len() > 10
    }

    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when this version's date is `date` (`YYYY-MM-DD`) or later.
    pub fn at_least(&self, date: &str) -> bool {
        self.date() >= date
    }
}

impl FromStr for ApiVersion {
    type Err = ApiVersionError;

    fn from_str(text: &str) -> Result<Self, ApiVersionError> {
        let wrong = || ApiVersionError(Excerpt::of(text));
        let bytes = text.as_bytes();
        if bytes.len() < 10 || bytes.len() > 40 || !text.is_ascii() {
            return Err(wrong());
        }
        let date_is_right = bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        let (month, day) = (&text[5..7], &text[8..10]);
        let suffix = &bytes[10..];
        let suffix_is_right = suffix.is_empty()
            || (suffix.len() > 1
                && suffix[0] == b'-'
                && suffix[1..].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-'));
        if !date_is_right || !suffix_is_right || !("01"..="12").contains(&month) || !("01"..="31").contains(&day) {
            return Err(wrong());
        }
        Ok(Self { text: text.to_ascii_lowercase().into() })
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_date_with_an_optional_suffix() {
        let version: ApiVersion = "2018-02-01".parse().unwrap();
        assert!(version.at_least("2018-02-01") && !version.at_least("2018-02-02"));
        assert!("2022-01-31-PREVIEW".parse::<ApiVersion>().unwrap().is_preview());
        for wrong in [
            "",
            "2018",
            "2018-2-1",
            "2018-13-01",
            "2018-00-01",
            "2018-01-32",
            "2018-01-01-",
            "2018-01-01x",
            "2018_01_01",
        ] {
            assert!(wrong.parse::<ApiVersion>().is_err(), "{wrong}");
        }
    }
}
