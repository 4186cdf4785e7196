//! Listeners of endpoints at a place of one workload: those of its binding, and of its extension.

use crate::caller::user_of;
use bonafide_http::{HttpLimits, Listener, Listening, Log, Service, Stop};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Connections open at once on each socket. Source: ours; all of a namespace's come from one address, which may have half of them,
/// and a busy server of .NET keeps some hundreds.
const CONNECTIONS_MAX: usize = 4_096;
/// Longest time that a request in flight may take once its endpoint was taken away. Source: ours; who takes it away waits for it,
/// and a token that is cached is answered in microseconds.
const LAST_REQUESTS: Duration = Duration::from_millis(100);

/// The reason why a listener ended that nobody told to stop, and that did not panic.
pub(crate) const CLOSED: &str = "its listening socket was closed from within its network namespace";

/// Listeners at work. Dropped, they end at once.
pub(crate) struct Listeners {
    stop: watch::Sender<bool>,
    stopped: Stop,
    tasks: JoinSet<()>,
}

impl Listeners {
    /// None yet.
    pub(crate) fn begin() -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, stopped, tasks: JoinSet::new() }
    }

    /// Serves on one socket more.
    pub(crate) fn serve<S: Service>(&mut self, socket: Listening, service: S, log: &Arc<Log>) {
        self.tasks.spawn(listener(socket, service, log).serve(self.stopped.clone()));
    }

    /// Waits at the end for a listener that was told to stop otherwise.
    pub(crate) fn await_at_end(&mut self, listener: JoinHandle<()>) {
        self.tasks.spawn(async { drop(listener.await) });
    }

    /// The reason why one of them has ended by itself, if one has. Root of its network namespace can end a socket (`ss --kill`).
    pub(crate) fn why_ended(&mut self) -> Option<&'static str> {
        match self.tasks.try_join_next()? {
            Ok(()) => Some(CLOSED),
            Err(_panicked) => Some("what served it ended"),
        }
    }

    /// Ends all connections, and waits for it: requests in flight have a moment.
    pub(crate) async fn end(mut self) {
        let _ = self.stop.send(true);
        let over = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_REQUESTS, over).await.is_err() {
            self.tasks.shutdown().await;
        }
    }

    /// The same where the whole agent ends: requests in flight are answered.
    pub(crate) async fn end_in_peace(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// A listener without proxies in front of it.
pub(crate) fn listener<S: Service>(socket: Listening, service: S, log: &Arc<Log>) -> Listener<S> {
    Listener {
        socket,
        tls: None,
        service: Arc::new(service),
        limits: HttpLimits { connections: CONNECTIONS_MAX, ..HttpLimits::default() },
        user_of,
        proxies: Arc::default(),
        log: Arc::clone(log),
    }
}
