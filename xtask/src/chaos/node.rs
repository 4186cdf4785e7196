//! The process under test: `bonafide up`, and the processes that it starts itself. It ends with the run, however that ends.

use super::keys::Cloud;
use super::preload::Preload;
use super::processes::{self, is_there, send};
use super::scan::{self, Log};
use super::shared::Shared;
use rustix::process::Signal;
use serde_json::Value as Json;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Longest time until `up` is ready, in a build without optimisation on a machine that does more than this.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Longest time from the request to stop to the end of the process. Source: row OP-01.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
/// Longest time for which a process outlives the one that started it.
const ORPHANS_WITHIN: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(20);

/// The process under test, running or not.
pub(super) struct Node<'a> {
    shared: Arc<Shared>,
    binary: PathBuf,
    pub(super) data: PathBuf,
    preload: &'a Preload,
    public: SocketAddr,
    hosts: SocketAddr,
    running: Option<(Child, Log)>,
}

/// The reason why a start did not end in a running process.
#[derive(Debug)]
pub(super) enum NotStarted {
    /// It was refused with one line.
    Refused(String),
    /// Anything else.
    Broken(String),
}

impl std::fmt::Display for NotStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(line) => write!(f, "the start was refused: {line}"),
            Self::Broken(why) => write!(f, "the start is broken: {why}"),
        }
    }
}

impl<'a> Node<'a> {
    pub(super) fn new(shared: &Arc<Shared>, binary: &Path, data: &Path, preload: &'a Preload) -> Result<Self, String> {
        let free =
            || TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).map_err(|error| error.to_string());
        let (public, hosts) = (free()?, free()?);
        Ok(Self {
            shared: Arc::clone(shared),
            binary: binary.to_owned(),
            data: data.to_owned(),
            preload,
            public,
            hosts,
            running: None,
        })
    }

    /// Starts it, and waits until it says that it is ready.
    pub(super) fn start(&mut self) -> Result<(), NotStarted> {
        let broken = |why: String| NotStarted::Broken(why);
        let life = self.shared.next_life();
        let mut up = self.command("up");
        up.args(["--json", "--throttle", "off", "--listen", &self.public.to_string()]);
        up.args(["--hosts-listen", &self.hosts.to_string()]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = up.spawn().map_err(|error| broken(format!("setpriv: {error}")))?;
        self.shared.set_process(child.id());
        let log = scan::follow(&self.shared, &mut child, life).map_err(broken)?;
        let first = first_line(&self.shared, &mut child);
        let described = first.recv_timeout(READY_WITHIN).ok().and_then(|line| serde_json::from_str::<Json>(&line).ok());
        self.running = Some((child, log));
        let Some(info) = described else { return Err(self.why_not()) };
        self.shared.set_cloud(Cloud::read(&info, self.shared.clock.clone()).map_err(broken)?);
        scan::secrets(&self.shared, "the output of `up --json`", &info.to_string());
        self.shared.tally().restarted();
        Ok(())
    }

    /// The reason why it is not there, which is one line and exit code 1.
    fn why_not(&mut self) -> NotStarted {
        let status = match self.wait(READY_WITHIN) {
            Ok(status) => status,
            Err(_) => {
                let _ = self.kill();
                return NotStarted::Broken(format!("it is not ready within {READY_WITHIN:?}, and did not end"));
            }
        };
        let lines = self.running.take().map(|(_, log)| log.own_lines()).unwrap_or_default();
        match (status.code(), lines.as_slice()) {
            (Some(1), [line]) => NotStarted::Refused(line.clone()),
            (code, lines) => NotStarted::Broken(format!("exit code {code:?}, and it said {lines:?}")),
        }
    }

    /// A command of the binary on the data directory, which ends with this thread.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&self.binary).arg(name).arg("--data-dir").arg(&self.data);
        command.stdin(Stdio::null());
        self.preload.load_into(&mut command);
        command
    }

    /// Runs a command of the binary to its end; what it says when it fails.
    pub(super) fn run(&self, name: &str, arguments: &[&str]) -> Result<(), String> {
        let output = self.command(name).args(arguments).output().map_err(|error| format!("{name}: {error}"))?;
        for text in [&output.stdout, &output.stderr] {
            scan::secrets(&self.shared, &format!("the output of `{name}`"), &String::from_utf8_lossy(text));
        }
        let said = |output: Output| String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(format!("`bonafide {name}`: {}", said(output))) }
    }

    /// The process and its descendants, the oldest first.
    pub(super) fn tree(&self) -> Vec<u32> {
        self.running.as_ref().map_or(Vec::new(), |(child, _)| processes::tree(child.id()))
    }

    /// Sends a signal to the process and all its descendants.
    pub(super) fn signal_all(&self, signal: Signal) {
        self.tree().into_iter().for_each(|process| send(process, signal));
    }

    /// Asks it to end, and waits; it must say success.
    pub(super) fn stop(&mut self) -> Result<(), String> {
        let Some((child, _)) = &self.running else { return Ok(()) };
        send(child.id(), Signal::TERM);
        let stopped = match self.wait(STOPPED_WITHIN) {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("after SIGTERM: {status}")),
            Err(why) => Err(format!("after SIGTERM: {why}")),
        };
        let killed = self.kill();
        stopped.and(killed)
    }

    /// Ends it without asking, all of it at once.
    pub(super) fn kill(&mut self) -> Result<(), String> {
        if self.running.is_none() {
            return Ok(());
        }
        self.signal_all(Signal::KILL);
        let ended = self.wait(ORPHANS_WITHIN).map(|_| ());
        self.running = None;
        ended
    }

    /// Ends the first of its processes without asking: the others must end by themselves.
    pub(super) fn kill_first(&mut self) -> Result<(), String> {
        let tree = self.tree();
        let Some((first, others)) = tree.split_first() else { return Ok(()) };
        send(*first, Signal::KILL);
        self.wait(ORPHANS_WITHIN)?;
        let killed = Instant::now();
        while others.iter().any(|other| is_there(*other)) {
            if killed.elapsed() > ORPHANS_WITHIN {
                others.iter().for_each(|other| send(*other, Signal::KILL));
                self.running = None;
                return Err(format!("processes {others:?} outlive `up`"));
            }
            std::thread::sleep(GLANCE);
        }
        self.running = None;
        Ok(())
    }

    /// Tells whether it ended by itself.
    pub(super) fn ended(&mut self) -> Option<String> {
        let (child, _) = self.running.as_mut()?;
        child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    fn wait(&mut self, limit: Duration) -> Result<std::process::ExitStatus, String> {
        let Some((child, _)) = self.running.as_mut() else { return Err("it does not run".to_owned()) };
        let asked = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if asked.elapsed() < limit => std::thread::sleep(GLANCE),
                Ok(None) => return Err(format!("it has not ended within {limit:?}")),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.kill();
    }
}

/// The first line on standard output, which is to be the only one.
fn first_line(shared: &Arc<Shared>, child: &mut Child) -> mpsc::Receiver<String> {
    let (first, line) = mpsc::channel();
    let (shared, output) = (Arc::clone(shared), child.stdout.take());
    std::thread::spawn(move || {
        let Some(output) = output else { return };
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        // Nobody may be waiting any more.
        let _ = first.send(lines.next().unwrap_or_default());
        lines.for_each(|line| shared.violation(format!("`up --json` says more than one line: {line}")));
    });
    line
}
