//! Telling the system's supervisor, systemd for instance, how far we are (sd_notify(3)).

use sd_notify::NotifyState;

/// The variable with the supervisor's socket. Source: sd_notify(3).
pub(super) const SOCKET: &str = "NOTIFY_SOCKET";

/// A state that the supervisor waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It serves, with the configuration that was read last.
    Ready,
    /// It reads its configuration again.
    Reloading,
    /// It stops.
    Stopping,
}

/// Tells the supervisor, where there is one. One that does not hear is no reason to stop.
pub(super) fn tell(state: State) {
    let _ = match (state, NotifyState::monotonic_usec_now()) {
        (State::Ready, _) => sd_notify::notify(&[NotifyState::Ready]),
        (State::Stopping, _) => sd_notify::notify(&[NotifyState::Stopping]),
        // Type=notify-reload takes no reload without the time at which it began.
        (State::Reloading, Ok(now)) => sd_notify::notify(&[NotifyState::Reloading, now]),
        (State::Reloading, Err(_)) => sd_notify::notify(&[NotifyState::Reloading]),
    };
}
