//! The process that `up`, `serve` or `host run` is started as. It holds the listening sockets and nothing else: no key,
//! no store, no thread but its own. What serves is a process below it, which it starts again after a crash, with the same sockets, so that nobody
//! else can take their ports meanwhile. Neither outlives the other (ADR 19).

mod command;
mod line;
mod opening;
mod passed;
mod restarts;
mod server;
mod system;

pub(crate) use command::{Command, Kept, Passed};
pub(crate) use restarts::PANICKED;
pub(crate) use server::{Keeper, KeptError, OpenerLine};

use crate::{Failure, exit_code, privileges, say};
use line::{Message, pair, receive, send};
use opening::{Capsules, Opening, hear as kept, stream};
use restarts::{CRASHES_MAX, Crashes, DOWN_MAX, WITHIN, is_crash};
use rustix::net::RecvFlags;
use rustix::process::{Pid, Signal, getpid, kill_process};
use rustix::thread::CapabilitySet;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus, Stdio};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::process::{Child, Command as Process};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// This program, also where its file was replaced since.
const OURSELVES: &str = "/proc/self/exe";
/// Variables of passed sockets, which are for this process alone. Source: sd_listen_fds(3).
const PASSED: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// Runs a command in a process below this one until it ends by itself or is told to. Until that serves, this process keeps the
/// privileges that it may ask for.
pub(crate) fn keep(command: &Command) -> Result<ExitCode, Failure> {
    // A runtime of this thread alone: capabilities belong to threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut keeping = Keeping {
            name: command.name,
            sockets: passed::passed(command)?
                .into_iter()
                .map(|(name, socket)| Held { name, socket, is_passed: true })
                .collect(),
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: command.reloads.then(|| signal(SignalKind::hangup())).transpose()?,
            is_reload_due: false,
            is_stopping: false,
            has_served: false,
            is_ready: false,
            down_since: None,
            capsules: Capsules::new(),
            opening: if command.opens { Opening::new()? } else { None },
        };
        keeping.run().await
    })
}

/// A socket that outlives the process that serves on it.
struct Held {
    name: String,
    socket: TcpListener,
    /// The process that passed it has it as well, and decides what becomes of connections.
    is_passed: bool,
}

struct Keeping {
    /// The name of the command.
    name: &'static str,
    sockets: Vec<Held>,
    interrupt: Signals,
    terminate: Signals,
    /// SIGHUP, for a command that reads its configuration again.
    hang_up: Option<Signals>,
    /// It was told to before it served.
    is_reload_due: bool,
    is_stopping: bool,
    /// One of the processes that served was ready once.
    has_served: bool,
    /// The one that runs now is.
    is_ready: bool,
    /// The time of the crash since which the sockets are this process's alone, until connections are refused.
    down_since: Option<Instant>,
    /// All that the opener holds, or the process that serves where there is none.
    capsules: Capsules,
    /// `None` where this process lacks the privileges for it.
    opening: Option<Opening>,
}

impl Keeping {
    async fn run(&mut self) -> Result<ExitCode, Failure> {
        let mut crashes = Crashes::default();
        loop {
            let end = self.serve_once().await?;
            // Of one that is to go on where another crashed, a start that fails is no more meant than that crash: what it
            // met, a machine that stood still or a disk that was full, is as likely to pass.
            let is_meant = if self.is_ready { !is_crash(end) } else { !self.has_served };
            if self.is_stopping || is_meant {
                return Ok(exit_code(end));
            }
            let now = Instant::now();
            self.down_since.get_or_insert(now);
            let Some(pause) = crashes.next(now.into_std()) else {
                return Err(format!(
                    "`{}` crashed {CRASHES_MAX} times within {} s, the last time by {}, and is not started again; the log \
                     says more of a panic, the system's log of a signal",
                    self.name,
                    WITHIN.as_secs(),
                    by(end)
                )
                .into());
            };
            let name = self.name;
            say(&format!("`{name}` ended by {} and is started again; sessions of `exec` ended with it", by(end)));
            if !self.rest(now + pause).await {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }

    /// Starts the process that serves, and waits for its end.
    async fn serve_once(&mut self) -> Result<ExitStatus, Failure> {
        self.is_ready = false;
        let (mut child, line) = self.start()?;
        let line = stream(line)?;
        loop {
            let until = self.down_since.map(|since| since + DOWN_MAX);
            tokio::select! {
                end = child.wait() => return Ok(end?),
                _ = self.interrupt.recv() => self.stop(&child, Signal::INT),
                _ = self.terminate.recv() => self.stop(&child, Signal::TERM),
                () = received(&mut self.hang_up) => self.reload(&child),
                went_on = go_on(&mut self.opening, &mut self.capsules) => went_on?,
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => self.refuse(),
                ready = line.readable() => {
                    ready?;
                    match line.try_io(Interest::READABLE, || receive(&line, RecvFlags::DONTWAIT)) {
                        Ok(Some(message)) => {
                            self.hear(message, &line)?;
                            if self.is_ready && self.is_reload_due {
                                self.reload(&child);
                            }
                        }
                        // It is ending.
                        Ok(None) => return Ok(child.wait().await?),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
    }

    fn start(&self) -> Result<(Child, OwnedFd), Failure> {
        let (ours, theirs) = pair()?;
        let mut arguments = std::env::args_os();
        let mut command = Process::new(OURSELVES);
        command.arg0(arguments.next().unwrap_or_else(|| "bonafide".into())).args(arguments);
        command.arg(format!("--kept-by={}", getpid().as_raw_nonzero()));
        if self.has_served {
            command.arg("--resumed");
        }
        unnamed(&mut command);
        let child = command.stdin(Stdio::from(theirs)).kill_on_drop(true).spawn();
        let child =
            child.map_err(|error| format!("cannot start {OURSELVES}: {error}; it needs /proc and one more process"))?;
        let given = self.sockets.iter().map(|kept| Ok((kept.name.clone(), kept.socket.try_clone()?)));
        let mut given = given.collect::<std::io::Result<Vec<_>>>()?;
        match &self.opening {
            Some(opening) => given.push((opening.line_name().to_owned(), opening.asks()?.into())),
            None => {
                for (name, capsule) in &self.capsules {
                    send(&ours, &Message::Put(name.clone(), capsule.try_clone()?))?;
                }
            }
        }
        send(&ours, &Message::Given(given))?;
        Ok((child, ours))
    }

    fn hear(&mut self, message: Message, line: &UnixStream) -> Result<(), Failure> {
        let Some(message) = kept(message, &mut self.capsules) else { return Ok(()) };
        match message {
            Message::Keep(name, socket) => self.keep(name, socket),
            Message::HandOver => {
                self.down_since = None;
                send(line, &Message::HandedOver)?;
            }
            Message::Ready => {
                (self.has_served, self.is_ready) = (true, true);
                // The process that is started here needs them; this one never uses them.
                match self.opening {
                    Some(_) => privileges::lay_aside(privileges::OPENER)?,
                    None => privileges::give_up_capabilities(CapabilitySet::empty())?,
                }
                system::tell(system::State::Ready);
            }
            Message::Given(_) | Message::HandedOver | Message::Put(..) | Message::Remove(_) => {
                return Err(line::Garbled.into());
            }
        }
        Ok(())
    }

    fn keep(&mut self, name: String, socket: TcpListener) {
        self.sockets.retain(|kept| kept.name != name);
        if !self.is_stopping {
            self.sockets.push(Held { name, socket, is_passed: false });
        }
    }

    /// Has the process that serves stop. Its sockets end with it: nobody is to wait at them.
    fn stop(&mut self, child: &Child, signal: Signal) {
        self.is_stopping = true;
        self.sockets.clear();
        self.opening = None;
        self.capsules.clear();
        system::tell(system::State::Stopping);
        pass_on(child, signal);
    }

    /// Has the process that serves read its configuration again, once it serves: then it says so.
    fn reload(&mut self, child: &Child) {
        self.is_reload_due = !self.is_ready;
        if self.is_ready && !self.is_stopping {
            system::tell(system::State::Reloading);
            pass_on(child, Signal::HUP);
        }
    }

    /// Refuses connections from now on, and keeps the ports.
    fn refuse(&mut self) {
        self.down_since = None;
        self.sockets.iter().filter(|kept| !kept.is_passed).for_each(|kept| bonafide_http::refuse(&kept.socket));
    }

    /// Waits before the next start; false when it is told to stop meanwhile.
    async fn rest(&mut self, until: Instant) -> bool {
        tokio::select! {
            () = sleep_until(until) => true,
            _ = self.interrupt.recv() => false,
            _ = self.terminate.recv() => false,
        }
    }
}

/// Waits for a signal; for ever where none is listened to.
async fn received(signals: &mut Option<Signals>) {
    match signals {
        Some(signals) => drop(signals.recv().await),
        None => std::future::pending().await,
    }
}

/// Goes on with the opener, where there is one.
async fn go_on(opening: &mut Option<Opening>, capsules: &mut Capsules) -> Result<(), Failure> {
    match opening {
        Some(opening) => opening.go_on(capsules).await,
        None => std::future::pending().await,
    }
}

fn pass_on(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    // One that is gone already needs no signal.
    let _ = pid.map(|pid| kill_process(pid, signal));
}

/// Takes the variables of passed sockets and of the supervisor from a process that is started: both are for this one, which
/// alone the system knows.
fn unnamed(command: &mut Process) {
    for name in PASSED.into_iter().chain([system::SOCKET]) {
        command.env_remove(name);
    }
}

/// A crash in words.
fn by(end: ExitStatus) -> String {
    match end.signal() {
        Some(signal) => format!("signal {signal}"),
        None if is_crash(end) => "a panic".to_owned(),
        None => "an error at its start".to_owned(),
    }
}
