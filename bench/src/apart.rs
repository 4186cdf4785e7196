//! Measurements with network namespaces: each is taken by a process that has a network and mounts of its own. Namespaces that it
//! makes have names there alone, so that they end with the last process in it, however that ends, and nothing of this
//! machine's network is touched.

use crate::child::{command, done};
use crate::machine::{has_program, is_root};
use crate::report::Row;
use crate::{Bench, Failure};
use std::process::Command;

/// Takes a measurement apart; `what` is the row that says why it was not taken.
pub(crate) fn measure(bench: &Bench, name: &str, what: &str) -> Result<Vec<Row>, Failure> {
    if !is_root() || !has_program("unshare") || !has_program("ip") {
        return Ok(vec![Row::skipped(what, "", "network namespaces need root, `unshare` and `ip`")]);
    }
    let rows = bench.work.join(format!("{name}.rows"));
    let mut apart = command("unshare", None);
    apart.args(["--mount", "--net", "--propagation", "private"]).arg(std::env::current_exe()?);
    apart.args(["apart", name]).arg(&rows).args(bench.quick.then_some("--quick"));
    if !apart.status()?.success() {
        return Err("the process that has a network of its own failed".into());
    }
    let rows = serde_json::from_slice(&std::fs::read(rows)?)?;
    Row::read_all(&rows).ok_or_else(|| "rows that cannot be read".into())
}

/// The beginning of such a process: `ip netns` keeps its names in a folder that nobody else sees, and there is loopback.
pub(crate) fn begin() -> Result<(), Failure> {
    done(Command::new("mount").args(["-t", "tmpfs", "bench", "/run"]))?;
    done(Command::new("ip").args(["link", "set", "lo", "up"]))
}
