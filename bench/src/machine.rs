//! The machine: what it is, and where things run on it.

use crate::Failure;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use std::process::Command;
use std::time::Duration;

/// The core of the server that is measured.
pub(crate) const SERVER_CORE: usize = 0;
/// The core of the load generator.
pub(crate) const LOAD_CORE: usize = 1;

/// Processor, number of cores, the flags that decide how fast RSA is, kernel.
pub(crate) fn describe() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let flags = field("flags").unwrap_or_default();
    let has = |flag: &str| if flags.split(' ').any(|one| one == flag) { "yes" } else { "no" };
    let family = ["cpu family", "model\t"].map(|name| field(name).unwrap_or_default()).join("/");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{} (family/model {family}), {cores} cores, avx512ifma {}, avx2 {}, bmi2 {}, sha_ni {}, vaes {}; Linux {}",
        field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        has("avx512ifma"),
        has("avx2"),
        has("bmi2"),
        has("sha_ni"),
        has("vaes"),
        kernel.trim()
    )
}

/// True when server and load generator can have a core each.
pub(crate) fn has_two_cores() -> bool {
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() >= 2)
}

/// The day, in UTC.
pub(crate) fn today() -> Result<String, Failure> {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Keeps this thread on one core.
pub(crate) fn pin(core: usize) -> Result<(), Failure> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// Lets this thread run anywhere again.
pub(crate) fn unpin() -> Result<(), Failure> {
    let mut set = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|core| set.set(core));
    Ok(sched_setaffinity(None, &set)?)
}

/// Processor time that this thread has used.
pub(crate) fn thread_time() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

/// Processor time that all threads of this process have used.
pub(crate) fn process_time() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// True when a program can be run.
pub(crate) fn has_program(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).chain(["/usr/sbin".into()]).any(|folder| folder.join(name).exists())
}

/// True for root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
