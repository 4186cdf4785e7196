//! Points in time.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A point in time, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_unix_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the epoch.
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn unix_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn unix_seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// This moment and `seconds` more.
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Reads a time of RFC 3339, with any offset and fraction; `None` for other text, and for times before 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(time.as_microsecond()).ok().map(Self)
    }

    /// `2026-11-21T09:30:00.1234560Z`: seven decimals, as Azure Resource Manager prints times
    /// (data/transcripts of the SDK recordings, `createdOn`).
    pub fn arm(self) -> String {
        format!("{}.{:06}0Z", self.civil("%Y-%m-%dT%H:%M:%S"), self.0 % 1_000_000)
    }

    /// `2026-11-21T09:30:00Z`: whole seconds, as Microsoft Graph prints times (Microsoft Learn, "servicePrincipal
    /// resource type", `createdDateTime`).
    pub fn second(self) -> String {
        format!("{}Z", self.civil("%Y-%m-%dT%H:%M:%S"))
    }

    /// `2026-11-21 09:30:00Z`, as the token service's error objects print times.
    pub fn sts(self) -> String {
        format!("{}Z", self.civil("%Y-%m-%d %H:%M:%S"))
    }

    /// `Sat, 21 Nov 2026 09:30:00 GMT`, for HTTP headers.
    pub fn http(self) -> String {
        self.civil("%a, %d %b %Y %H:%M:%S GMT")
    }

    /// `11/21/2026 9:30:00 AM`, as Resource Manager spells times inside error messages
    /// (`ExpiredAuthenticationToken`).
    pub fn american(self) -> String {
        self.civil("%-m/%-d/%Y %-I:%M:%S %p")
    }

    /// `11/21/2026 09:30:00 +00:00`, as App Service spells times in version 2017-09-01 of its endpoint.
    pub fn american_with_offset(self) -> String {
        self.civil("%m/%d/%Y %H:%M:%S +00:00")
    }

    /// `11/30/20 21:19:19 -0000`, as attested documents of the metadata service spell times.
    pub fn attested(self) -> String {
        self.civil("%m/%d/%y %H:%M:%S -0000")
    }

    /// `20201130-211919`, the nonce of an attested document for which nobody gave one.
    pub fn attested_nonce(self) -> String {
        self.civil("%Y%m%d-%H%M%S")
    }

    fn civil(self, format: &str) -> String {
        let seconds = i64::try_from(self.unix_seconds()).unwrap_or(i64::MAX);
        jiff::Timestamp::from_second(seconds)
            .map(|time| time.strftime(format).to_string())
            .unwrap_or_else(|_| seconds.to_string())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arm())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_rfc_3339_are_read() {
        let read = |text: &str| Timestamp::parse(text).map(Timestamp::unix_micros);
        assert_eq!(read("2026-11-21T09:30:05Z"), Some(1_795_253_405_000_000));
        assert_eq!(read("2026-11-21T10:30:05.0123456+01:00"), Some(1_795_253_405_012_345));
        for wrong in
            ["", "2026-11-21", "2026-11-21T09:30:05", "1969-12-31T23:59:59Z", "soon", "9999999-01-01T00:00:00Z"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_format_prints_as_azure_does() {
        let time = Timestamp::from_unix_micros(1_795_253_405_012_345);
        assert_eq!(time.arm(), "2026-11-21T09:30:05.0123450Z");
        assert_eq!(time.sts(), "2026-11-21 09:30:05Z");
        assert_eq!(time.http(), "Sat, 21 Nov 2026 09:30:05 GMT");
        assert_eq!(time.american(), "11/21/2026 9:30:05 AM");
        assert_eq!(time.american_with_offset(), "11/21/2026 09:30:05 +00:00");
        assert_eq!(time.plus_seconds(9 * 3_600).american_with_offset(), "11/21/2026 18:30:05 +00:00");
    }
}
