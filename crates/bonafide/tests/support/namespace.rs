//! Network namespaces that a test makes itself.

use super::{is_root, skip};
use std::process::Command;

/// A network namespace with a loopback device and nothing else.
pub(crate) struct Namespace(pub(crate) String);

impl Namespace {
    pub(crate) fn create(name: &str) -> Option<Self> {
        if !is_root() {
            skip("network namespaces need root");
            return None;
        }
        let name = format!("bonafide-{name}-{}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).output().is_ok_and(|made| made.status.success());
        if !made {
            skip("there are no network namespaces here");
            return None;
        }
        let namespace = Self(name);
        namespace.ip(&["link", "set", "lo", "up"]);
        Some(namespace)
    }

    pub(crate) fn ip(&self, arguments: &[&str]) -> String {
        let output = Command::new("ip").args(["-netns", &self.0]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Sets a value of the kernel's, inside.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let script = format!("echo {value} > /proc/sys/{name}");
        let output = Command::new("ip").args(["netns", "exec", &self.0, "sh", "-c", &script]).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn has_address(&self) -> bool {
        self.ip(&["address", "show", "dev", "lo"]).contains("169.254.169.254")
    }

    /// The same command, inside.
    pub(crate) fn command(&self, inner: Command) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).arg(inner.get_program()).args(inner.get_args());
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).output();
    }
}
