//! A running `bonafide up` with a data directory of its own, in a network namespace of its own
//! where there is one.

use super::namespace::Namespace;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longest time until `up` is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Longest time that `up` takes to stop once it was asked to.
const STOPPED_WITHIN: Duration = Duration::from_secs(15);

/// The variable that names the file with the line that `up --json` printed.
const INFO: &str = "BONAFIDE_INFO";
/// An API of the user's own, whose service principal has this name.
const API: &str = "api://conformance";

pub(super) struct Cloud {
    pub(super) binary: PathBuf,
    /// The client's folder below `target/conformance/`.
    pub(super) folder: PathBuf,
    pub(super) data: PathBuf,
    info: PathBuf,
    up: Child,
    /// The output of `up` after its first line.
    rest: Receiver<Vec<u8>>,
    // Dropped last: removing a namespace ends what still runs in it.
    namespace: Option<Namespace>,
}

impl Cloud {
    /// Starts `up` on a fresh data directory below `folder` and waits until it is ready.
    pub(super) fn start(binary: &Path, folder: &Path, namespace: Option<Namespace>) -> Result<Self, String> {
        let data = folder.join("data");
        let info = folder.join("info.json");
        fresh(folder, &data)?;
        let log = folder.join("up.log");
        let errors = File::create(&log).map_err(|error| said(&log, &error))?;
        let command = command_in(namespace.as_ref(), binary.as_os_str());
        let mut command = environment(command, binary, folder, &data);
        command.env(INFO, &info);
        command.args(["up", "--json", "--resource", API, "--data-dir"]).arg(&data);
        match namespace {
            Some(_) => command.arg("--link-local"),
            // Ports that nobody else has.
            None => command.args(["--listen", "127.0.0.1:0", "--hosts-listen", "127.0.0.1:0", "--imds-port", "0"]),
        };
        let up = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
        let mut up = up.map_err(|error| said(binary, &error))?;
        let (first, rest) = read(&mut up);
        let mut cloud = Self { binary: binary.into(), folder: folder.into(), data, info, up, rest, namespace };
        match first.recv_timeout(READY_WITHIN) {
            Ok(line) if is_object(&line) => {
                fs::write(&cloud.info, line).map_err(|error| said(&cloud.info, &error))?;
                Ok(cloud)
            }
            Ok(line) if !line.is_empty() => Err(format!("`up --json` printed '{}'", line.trim_end())),
            _ => {
                let why =
                    cloud.up.try_wait().ok().flatten().map_or("not ready".to_owned(), |status| status.to_string());
                let text = fs::read_to_string(&log).unwrap_or_default();
                Err(format!("{why}: {}", text.lines().last().unwrap_or("it said nothing")))
            }
        }
    }

    /// A command that runs where the cloud does, with an environment that holds nothing but this
    /// cloud: what the machine says of proxies and other identities must not reach a client.
    pub(super) fn command(&self, program: &str) -> Command {
        let command = command_in(self.namespace.as_ref(), program.as_ref());
        let mut command = environment(command, &self.binary, &self.folder, &self.data);
        command.env(INFO, &self.info);
        command
    }

    /// Asks `up` to stop; an error when it does not, or does not say success, or has said more
    /// than its one line.
    pub(super) fn stop(mut self) -> Result<(), String> {
        let early = self.up.try_wait().map_err(|error| error.to_string())?;
        if let Some(status) = early {
            return Err(format!("it ended before it was asked to: {status}"));
        }
        let asked = Command::new("kill").args(["-TERM", &self.up.id().to_string()]).status();
        asked.map_err(|error| format!("kill: {error}"))?;
        let status = self.wait().ok_or_else(|| format!("SIGTERM did not stop it within {STOPPED_WITHIN:?}"))?;
        if !status.success() {
            return Err(format!("after SIGTERM: {status}"));
        }
        match self.rest.recv_timeout(STOPPED_WITHIN) {
            Ok(rest) if rest.is_empty() => Ok(()),
            Ok(rest) => Err(format!("`up --json` printed more than one line: {}", String::from_utf8_lossy(&rest))),
            Err(_) => Err("something still holds its standard output".to_owned()),
        }
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        let asked = Instant::now();
        while asked.elapsed() < STOPPED_WITHIN {
            if let Ok(Some(status)) = self.up.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // Both fail when it has ended already, as it should have.
        let _ = self.up.kill();
        let _ = self.up.wait();
    }
}

/// The first line that the child prints, and later the rest.
fn read(child: &mut Child) -> (Receiver<String>, Receiver<Vec<u8>>) {
    let (first, line) = channel();
    let (all, rest) = channel();
    let output = child.stdout.take();
    std::thread::spawn(move || {
        let Some(output) = output else { return };
        let mut output = BufReader::new(output);
        let (mut line, mut rest) = (String::new(), Vec::new());
        // A failed read is an early end, which the receivers notice. Nobody may be receiving.
        let _ = output.read_line(&mut line);
        let _ = first.send(line);
        let _ = output.read_to_end(&mut rest);
        let _ = all.send(rest);
    });
    (line, rest)
}

fn is_object(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value.is_object())
}

fn command_in(namespace: Option<&Namespace>, program: &OsStr) -> Command {
    match namespace {
        Some(namespace) => namespace.command(program),
        None => Command::new(program),
    }
}

/// Empties the folders that a script may fill, its data directory among them.
pub(super) fn fresh(folder: &Path, data: &Path) -> Result<(), String> {
    for fresh in [data, &folder.join("home"), &folder.join("tmp")] {
        match fs::remove_dir_all(fresh) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(said(fresh, &error)),
            _ => fs::create_dir_all(fresh).map_err(|error| said(fresh, &error))?,
        }
    }
    Ok(())
}

/// An environment that holds nothing of the machine's but `PATH`.
pub(super) fn environment(mut command: Command, binary: &Path, folder: &Path, data: &Path) -> Command {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", folder.join("home"))
        .env("TMPDIR", folder.join("tmp"))
        .env("BONAFIDE", binary)
        .env("BONAFIDE_DATA", data);
    command
}

fn said(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
