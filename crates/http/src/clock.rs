//! The sources of time and chance. All of the process, TLS included, reads the time here.

#[cfg(debug_assertions)]
use crate::tests_clock::shifted;
use bonafide_crypto::SystemEntropy;
use bonafide_types::{Timestamp, World};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::time_provider::TimeProvider;

/// The moment of the call. A clock before 1970 is at 1970.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    shifted(Timestamp::from_unix_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX)))
}

/// The world at the moment of the call.
pub fn world() -> World<'static> {
    world_at(now())
}

/// The world at a moment that was looked up before.
pub fn world_at(now: Timestamp) -> World<'static> {
    World { now, entropy: &SystemEntropy }
}

/// The time since the machine started, its sleep included, which `std::time::Instant` leaves out. No clock that is set
/// changes it.
pub fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(BOOT_CLOCK);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(target_os = "linux")]
const BOOT_CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
/// Other systems' monotonic clock may leave sleep out.
#[cfg(not(target_os = "linux"))]
const BOOT_CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

/// The clock by which TLS judges certificates.
pub fn of_tls() -> Arc<dyn TimeProvider> {
    Arc::new(Clock)
}

#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now().unix_seconds())))
    }
}

#[cfg(not(debug_assertions))]
fn shifted(time: Timestamp) -> Timestamp {
    time
}
