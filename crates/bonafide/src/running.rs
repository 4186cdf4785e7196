//! A process that serves until it is told to stop: what `up`, `serve` and `host run` share.

use crate::keeper::{self, Keeper};
use crate::privileges;
use bonafide_http::{HttpLimits, Log, Sockets, Stop};
use bonafide_opener::Opener;
use rustix::thread::CapabilitySet;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections open at once on one listener. Source: ours; each costs about 40 KiB at most.
const CONNECTIONS_MAX: usize = 10_000;
/// Descriptors of the process that listeners leave alone, for the store, files, the agent's own connections
/// and passing endpoints: this many, or half of a small limit. Source: ours.
const DESCRIPTORS_KEPT: usize = 256;
/// Listeners that divide the rest: public, hosts, and the metadata endpoint's two. Source: ours.
const DESCRIPTOR_SHARES: usize = 4;

/// The keeper of this process, and the sockets that it has.
pub(crate) struct Given {
    pub(crate) keeper: Keeper,
    pub(crate) sockets: Sockets,
    pub(crate) opener: Arc<dyn Opener>,
}

/// The limits of each listener, as many descriptors as this process may have.
pub(crate) fn http_limits() -> HttpLimits {
    HttpLimits { connections: connections_max(privileges::raise_descriptor_limit()), ..HttpLimits::default() }
}

/// Connections that one listener takes, so that a flood of one leaves the others theirs.
fn connections_max(descriptors: usize) -> usize {
    let kept = DESCRIPTORS_KEPT.min(descriptors / 2);
    ((descriptors - kept) / DESCRIPTOR_SHARES).clamp(1, CONNECTIONS_MAX)
}

/// The capabilities that are needed while there are threads: to take ports that are for the system's services, unless
/// their sockets are there.
pub(crate) fn needed(ports: &[(&str, Option<u16>)], sockets: &Sockets) -> CapabilitySet {
    const FOR_SERVICES: std::ops::Range<u16> = 1..1_024;
    let is_for_services = |port: Option<u16>| port.is_some_and(|port| FOR_SERVICES.contains(&port));
    match ports.iter().any(|(name, port)| is_for_services(*port) && sockets.address(name).is_none()) {
        true => CapabilitySet::NET_BIND_SERVICE,
        false => CapabilitySet::empty(),
    }
}

/// The tasks that go on for as long as the process.
pub(crate) struct Tasks {
    pub(crate) set: JoinSet<()>,
    stop: watch::Sender<bool>,
    /// Those that the others ask.
    asked: JoinSet<()>,
    stop_asked: watch::Sender<bool>,
}

impl Tasks {
    /// None yet, and the signal by which they are told to stop.
    pub(crate) fn new() -> (Self, Stop) {
        let (stop, stopped) = watch::channel(false);
        let stop_asked = watch::Sender::new(false);
        (Self { set: JoinSet::new(), stop, asked: JoinSet::new(), stop_asked }, stopped)
    }

    /// Room for those that the others ask, as an agent asks the control plane beside it, and the signal by which these are told
    /// to stop: when nobody is left who would ask. A token that is being fetched is still had.
    pub(crate) fn asked(&mut self) -> (&mut JoinSet<()>, Stop) {
        (&mut self.asked, self.stop_asked.subscribe())
    }

    /// Waits until one of them panics.
    async fn broken(&mut self) {
        loop {
            let ended = tokio::select! {
                Some(ended) = self.set.join_next() => ended,
                Some(ended) = self.asked.join_next() => ended,
                else => std::future::pending().await,
            };
            if ended.is_err_and(|error| error.is_panic()) {
                return;
            }
        }
    }

    /// Stops accepting, lets requests in flight end, and returns when everything has stopped.
    async fn stop(mut self) {
        for (stop, tasks) in [(&self.stop, &mut self.set), (&self.stop_asked, &mut self.asked)] {
            // The tasks hold the receivers; when all are gone there is nobody to tell.
            let _ = stop.send(true);
            while tasks.join_next().await.is_some() {}
        }
    }

    /// Lets them run until a signal comes, and then stop. `reload` is what SIGHUP asks for.
    pub(crate) async fn run(mut self, mut signals: Signals, log: &Log, mut reload: impl AsyncFnMut()) -> ExitCode {
        loop {
            tokio::select! {
                told = signals.next() => match told {
                    Told::Stop => break,
                    Told::Reload => reload().await,
                },
                // Without it the rest would go on, and nobody would renew or follow or listen any more: the next process
                // does.
                () = self.broken() => {
                    log.flush();
                    return ExitCode::from(keeper::PANICKED);
                }
            }
        }
        self.stop().await;
        log.flush();
        ExitCode::SUCCESS
    }
}

/// The signals that a process listens to.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
}

/// The wish of a signal.
enum Told {
    Stop,
    Reload,
}

impl Signals {
    /// Listens before anything is started, so that an early signal is not lost.
    pub(crate) fn listen(keeper: &keeper::Command) -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: keeper.reloads.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    async fn next(&mut self) -> Told {
        let hung_up = async {
            match &mut self.hang_up {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.terminate.recv() => Told::Stop,
            () = hung_up => Told::Reload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_leave_descriptors_to_each_other_and_to_the_rest() {
        for (descriptors, each) in [(0, 1), (96, 12), (1_024, 192), (1_048_576, 10_000), (usize::MAX, 10_000)] {
            assert_eq!(connections_max(descriptors), each, "{descriptors}");
        }
    }

    /// A control plane that ended first would leave its agent's last callers without a token.
    #[tokio::test]
    async fn av_04_who_is_asked_stops_after_those_who_ask() {
        let (mut tasks, mut stopped) = Tasks::new();
        let (asked, mut asked_stopped) = tasks.asked();
        let (answer, mut answered) = tokio::sync::oneshot::channel::<()>();
        asked.spawn(async move {
            bonafide_http::stopped(&mut asked_stopped).await;
            drop(answer);
        });
        let (last, found) = tokio::sync::oneshot::channel();
        tasks.set.spawn(async move {
            bonafide_http::stopped(&mut stopped).await;
            let patience = std::time::Duration::from_millis(50);
            let _ = last.send(tokio::time::timeout(patience, &mut answered).await.is_err());
        });
        tasks.stop().await;
        assert_eq!(found.await, Ok(true), "who is asked was there to the end");
    }

    #[tokio::test]
    async fn np_07_a_task_that_panics_is_missed_and_one_that_ends_is_not() {
        let (mut tasks, _stop) = Tasks::new();
        tasks.set.spawn(async {});
        let patience = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(patience, tasks.broken()).await.is_err());
        tasks.set.spawn(async { panic!("the test says so") });
        tasks.broken().await;
        tasks.asked().0.spawn(async { panic!("the test says so") });
        tasks.broken().await;
    }
}
