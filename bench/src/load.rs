//! The load generator: one thread. Under an open load it never sleeps, so that what it measures is
//! the server's time and not that of its own wake-ups.

use crate::Failure;
use crate::stats::Latencies;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::time::Timespec;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use xtask::connection::Connection;

/// Longest time that answers may still take after the last request was sent.
const DRAIN: Duration = Duration::from_secs(20);

/// Longest time that a saturating load waits for an answer before it looks at the clock.
const WAIT: Duration = Duration::from_millis(100);

/// Requests one after the other on every connection: what a server can do at most.
pub(crate) struct Saturated {
    pub(crate) answered: u64,
    pub(crate) took: Duration,
}

impl Saturated {
    pub(crate) fn per_second(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }
}

/// The connections that have something to read.
struct Ready {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Ready {
    fn of(connections: &[Connection]) -> Result<Self, Failure> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for (at, connection) in connections.iter().enumerate() {
            epoll::add(&epoll, connection.socket(), EventData::new_u64(at as u64), EventFlags::IN)?;
        }
        Ok(Self { epoll, events: Vec::with_capacity(connections.len().max(1)) })
    }

    fn wait(&mut self, at_most: Duration) -> Result<Vec<usize>, Failure> {
        let timeout = Timespec::try_from(at_most)?;
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.events.iter().map(|event| Ok(usize::try_from(event.data.u64())?)).collect()
    }
}

/// Keeps every connection busy for a while. `requests` are sent in turn, again from the first after the last.
pub(crate) fn saturate(
    connections: &mut [Connection],
    requests: &[Vec<u8>],
    duration: Duration,
) -> Result<Saturated, Failure> {
    let mut turn = requests.iter().cycle();
    let mut next = || turn.next().ok_or("no requests");
    let mut ready = Ready::of(connections)?;
    let started = Instant::now();
    for connection in &mut *connections {
        connection.send(next()?)?;
    }
    let (mut answered, mut took, mut flying) = (0, Duration::ZERO, connections.len());
    while flying > 0 {
        for at in ready.wait(WAIT)? {
            let connection = &mut connections[at];
            let Some(status) = connection.poll()? else { continue };
            if !(200..300).contains(&status) {
                return Err(refused(status, connection));
            }
            let now = Instant::now();
            if now - started < duration {
                answered += 1;
                took = now - started;
                connection.send(next()?)?;
            } else {
                flying -= 1;
            }
        }
        if started.elapsed() > duration + DRAIN {
            return Err("the server stopped answering".into());
        }
    }
    Ok(Saturated { answered, took })
}

fn refused(status: u16, connection: &Connection) -> Failure {
    format!("a request was answered with {status}: {}", String::from_utf8_lossy(connection.body())).into()
}

/// Requests at random moments (a Poisson process), whether or not the earlier ones were answered.
/// Latency counts from the moment at which a request was meant to be sent, so that a server that
/// stalls cannot hide it by slowing its client down.
pub(crate) struct OpenLoad<'a> {
    connections: Vec<Connection>,
    ready: Ready,
    intended: Vec<Option<Instant>>,
    requests: &'a [Vec<u8>],
    turn: usize,
    idle: Vec<usize>,
    waiting: VecDeque<Instant>,
    gap: f64,
    next: Instant,
    chance: Chance,
    latencies: Vec<Duration>,
    failures: Vec<String>,
}

/// The results of an open load.
pub(crate) struct Seen {
    pub(crate) latencies: Latencies,
    /// Requests that got no answer, or another than 200; with the first such answer.
    pub(crate) failed: usize,
    pub(crate) first_failure: Option<String>,
}

impl<'a> OpenLoad<'a> {
    /// A load of `rate` requests a second over some connections. The same `seed` gives the same moments.
    pub(crate) fn new(
        connections: Vec<Connection>,
        requests: &'a [Vec<u8>],
        rate: f64,
        seed: u64,
    ) -> Result<Self, Failure> {
        if requests.is_empty() {
            return Err("no requests".into());
        }
        Ok(Self {
            ready: Ready::of(&connections)?,
            intended: vec![None; connections.len()],
            idle: (0..connections.len()).collect(),
            connections,
            requests,
            turn: 0,
            waiting: VecDeque::new(),
            gap: 1.0 / rate,
            next: Instant::now(),
            chance: Chance(seed | 1),
            latencies: Vec::new(),
            failures: Vec::new(),
        })
    }

    fn step(&mut self, now: Instant, until: Instant) -> Result<(), Failure> {
        while self.next <= now && self.next < until {
            self.waiting.push_back(self.next);
            self.next += Duration::from_secs_f64(self.gap * self.chance.exponential());
        }
        while let (Some(connection), Some(_)) = (self.idle.last().copied(), self.waiting.front()) {
            let intended = self.waiting.pop_front().unwrap_or(now);
            self.idle.pop();
            let request = &self.requests[self.turn % self.requests.len()];
            self.turn += 1;
            self.connections[connection].send(request)?;
            self.intended[connection] = Some(intended);
        }
        for at in self.ready.wait(Duration::ZERO)? {
            let connection = &mut self.connections[at];
            let Some(status) = connection.poll()? else { continue };
            let Some(intended) = self.intended[at].take() else { continue };
            self.idle.push(at);
            match status {
                200 => self.latencies.push(intended.elapsed()),
                status => self.failures.push(refused(status, connection).to_string()),
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.idle.len() == self.connections.len() && self.waiting.is_empty()
    }
}

/// Runs loads beside each other, and says what each saw.
pub(crate) fn run(mut loads: Vec<OpenLoad<'_>>, duration: Duration) -> Result<Vec<Seen>, Failure> {
    let started = Instant::now();
    let until = started + duration;
    for load in &mut loads {
        load.next = started;
    }
    loop {
        let now = Instant::now();
        for load in &mut loads {
            load.step(now, until)?;
        }
        if now >= until && (loads.iter().all(OpenLoad::is_done) || now > until + DRAIN) {
            break;
        }
    }
    let seen = loads.into_iter().map(|load| {
        let unanswered = load.connections.len() - load.idle.len() + load.waiting.len();
        let first_failure = load.failures.first().cloned();
        Seen { failed: load.failures.len() + unanswered, first_failure, latencies: Latencies::new(load.latencies) }
    });
    Ok(seen.collect())
}

/// Repeatable chance (xorshift64*).
struct Chance(u64);

impl Chance {
    /// Exponentially distributed with mean 1.
    fn exponential(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        -(1.0 - bits as f64 / (1_u64 << 53) as f64).ln()
    }
}
