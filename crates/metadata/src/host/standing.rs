//! The refusals of the hosts surface that are about the host itself, and what the host makes of each.

use bonafide_wire::hosts::{HostsError, code};

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

/// The standing that the body of a refusal tells; `None` where it is about something else.
pub fn host_refusal(body: &[u8]) -> Option<HostRefusal> {
    let error: HostsError = serde_json::from_slice(body).ok()?;
    match error.code.as_str() {
        code::NO_CERTIFICATE | code::CERTIFICATE_EXPIRED | code::JOIN_AGAIN | code::UNKNOWN_HOST => {
            Some(HostRefusal::JoinAgain)
        }
        code::HOST_FROZEN => Some(HostRefusal::Frozen),
        code::HOST_DISABLED => Some(HostRefusal::Disabled),
        _ => None,
    }
}
