//! The number of a host's certificate.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of one certificate of a host. Two certificates can have one generation, after an older copy of the database
/// was put back; they differ by their serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CertificateNumber {
    /// Its place among the certificates of the host, in the order of their issue. Those of the time before there were
    /// generations have none, 0.
    pub generation: u64,
    /// Its serial number.
    pub serial: Serial,
}

/// The serial number of a certificate: 16 bytes, as ours are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial([u8; 16]);

/// A text or bytes that are no serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the serial number of a host's certificate")]
pub struct NotASerial;

impl TryFrom<&[u8]> for Serial {
    type Error = NotASerial;

    fn try_from(bytes: &[u8]) -> Result<Self, NotASerial> {
        bytes.try_into().map(Self).map_err(|_| NotASerial)
    }
}

impl TryFrom<String> for Serial {
    type Error = NotASerial;

    fn try_from(text: String) -> Result<Self, NotASerial> {
        let number = u128::from_str_radix(&text, 16).map_err(|_| NotASerial)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> Self {
        serial.to_string()
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
