//! The refusals of the hosts surface, and what the host makes of each.

use bonafide_wire::hosts::{HostsError, code};

/// A refusal of the hosts surface, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// The words.
    pub why: String,
    /// Its meaning.
    pub meaning: RefusedFor,
}

/// The meaning of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedFor {
    /// The host itself.
    Host(HostRefusal),
    /// A disk is full.
    DiskFull,
    /// Something else.
    Other,
}

/// The standing of a host with the control plane, as a refusal tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostRefusal {
    /// Its certificate does not open the way any more: a new one does.
    JoinAgain,
    /// An older certificate of its was used: until an operator decides, neither host gets anything. The host goes on
    /// with what it has.
    Frozen,
    /// It was disabled: it forgets its tokens and its keys.
    Disabled,
}

impl Refused {
    /// The refusal that has this body.
    pub fn read(body: &[u8]) -> Self {
        let Ok(HostsError { code, message }) = serde_json::from_slice(body) else {
            let why = "its answer is not that of a hosts listener, which has an address of its own (port 8444, unless \
                       `hosts-listen` says another)";
            return Self { why: why.to_owned(), meaning: RefusedFor::Other };
        };
        let meaning = match code.as_str() {
            code::NO_CERTIFICATE | code::CERTIFICATE_EXPIRED | code::JOIN_AGAIN | code::UNKNOWN_HOST => {
                RefusedFor::Host(HostRefusal::JoinAgain)
            }
            code::HOST_FROZEN => RefusedFor::Host(HostRefusal::Frozen),
            code::HOST_DISABLED => RefusedFor::Host(HostRefusal::Disabled),
            code::DISK_FULL => RefusedFor::DiskFull,
            _ => RefusedFor::Other,
        };
        Self { why: message, meaning }
    }

    /// An answer that should be none, and cannot be read.
    pub fn unreadable(why: &serde_json::Error) -> Self {
        Self { why: format!("its answer cannot be read: {why}"), meaning: RefusedFor::Other }
    }

    /// The standing that it tells; `None` where it is about something else.
    pub fn of_host(&self) -> Option<HostRefusal> {
        match self.meaning {
            RefusedFor::Host(refusal) => Some(refusal),
            RefusedFor::DiskFull | RefusedFor::Other => None,
        }
    }
}
