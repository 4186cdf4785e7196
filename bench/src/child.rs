//! Processes that a measurement starts. Each ends with it.

use crate::Failure;
use std::ffi::OsStr;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest time from the request to stop to the end of the process.
const ENDED_WITHIN: Duration = Duration::from_secs(15);

/// A running process.
pub(crate) struct Process(Child);

/// A command that runs on one core, or on any.
pub(crate) fn command(program: impl AsRef<OsStr>, core: Option<usize>) -> Command {
    let mut command = match core {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(core.to_string()).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.stdin(Stdio::null());
    command
}

/// Runs a command that is to succeed.
pub(crate) fn done(command: &mut Command) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let name = command.get_program().display().to_string();
    Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let name = command.get_program().to_owned();
        Ok(Self(command.spawn().map_err(|error| format!("{}: {error}", name.display()))?))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Processor time of all its threads and those of its children, so far.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let mut total = threads_cpu(self.id())?;
        for child in children(self.id()) {
            total += threads_cpu(child)?;
        }
        Ok(total)
    }

    /// Resident memory of it and its children, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64, Failure> {
        let mut total = 0;
        for process in std::iter::once(self.id()).chain(children(self.id())) {
            total += resident_kib(&fs::read_to_string(format!("/proc/{process}/status"))?)?;
        }
        Ok(total)
    }

    /// Memory of it and its children, in KiB, of what they share each its part: `Pss` of `proc_pid_smaps_rollup(5)`.
    pub(crate) fn proportional_kib(&self) -> Result<u64, Failure> {
        let mut total = 0;
        for process in std::iter::once(self.id()).chain(children(self.id())) {
            let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss")?;
            total += line.trim().trim_end_matches(" kB").parse::<u64>()?;
        }
        Ok(total)
    }

    /// Descriptors and threads of it and its children.
    pub(crate) fn held(&self) -> Result<[usize; 2], Failure> {
        let mut held = [0, 0];
        for process in std::iter::once(self.id()).chain(children(self.id())) {
            for (count, folder) in held.iter_mut().zip(["fd", "task"]) {
                *count += fs::read_dir(format!("/proc/{process}/{folder}"))?.count();
            }
        }
        Ok(held)
    }

    /// Asks it to end, and waits; an error when it does not.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").args(["-TERM", &self.id().to_string()]).status()?;
        let asked = Instant::now();
        while asked.elapsed() < ENDED_WITHIN {
            if self.0.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(format!("process {} did not end within {ENDED_WITHIN:?}", self.id()).into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for child in children(self.id()) {
            let _ = Command::new("kill").args(["-TERM", &child.to_string()]).stderr(Stdio::null()).status();
        }
        // Both fail when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `VmRSS` of a `proc(5)` status file.
pub(crate) fn resident_kib(status: &str) -> Result<u64, Failure> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The time on the processor in `/proc/PID/task/TID/schedstat`, in nanoseconds; `/proc/PID/stat` counts in hundredths
/// of a second.
fn threads_cpu(process: u32) -> Result<Duration, Failure> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread can end meanwhile.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanos += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Processor time of all threads of this process, so far.
pub(crate) fn own_cpu() -> Result<Duration, Failure> {
    threads_cpu(std::process::id())
}

/// Processor time of the processes that this one has waited for, and of those that they waited for, to a hundredth of a second:
/// `cutime` and `cstime` of `proc(5)`.
pub(crate) fn ended_cpu() -> Result<Duration, Failure> {
    /// Source: `getconf CLK_TCK`, which is this everywhere on Linux.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(") ").ok_or("no name in /proc/self/stat")?.1;
    let mut ticks = 0;
    for field in after_name.split(' ').skip(13).take(2) {
        ticks += field.parse::<u32>()?;
    }
    Ok(TICK * ticks)
}

fn children(process: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect()
}
