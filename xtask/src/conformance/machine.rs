//! A machine for one script: the first process of new namespaces (processes, mounts, network), in which it makes the
//! namespaces, devices and processes that it needs. However it ends, the kernel takes all of them away with it.

use std::path::Path;
use std::process::Command;

/// When `unshare` ends, the first process in its namespaces is killed, and with it all others.
const NAMESPACES: [&str; 8] =
    ["--mount", "--propagation=private", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"];
/// A shell stays the first process, which has to wait for what others leave behind. Named network namespaces are files,
/// which must not stay in the machine's own folder.
const FIRST: &str = "mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up && \"$@\"; exit $?";

/// The command that runs `script` on a machine of its own, for as long as `seconds`. It has no environment yet.
pub(super) fn command(script: &Path, seconds: u32) -> Command {
    let mut command = Command::new("timeout");
    // `unshare` takes no signal but this one to heart.
    command.args(["--signal=KILL", &seconds.to_string(), "unshare"]).args(NAMESPACES);
    command.args(["sh", "-c", FIRST, "sh"]).arg(script);
    command
}
