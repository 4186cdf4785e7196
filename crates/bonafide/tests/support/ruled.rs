//! Rules of bindings, and callers that they are about.

use super::run;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The number of the next control group.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Tokens for whoever is meant, and nothing else for anybody.
pub(crate) fn tokens_for(mode: &str, identity: &Value) -> Value {
    json!({
        "mode": mode,
        "privileges": [{ "name": "tokens", "path": "/metadata/identity/oauth2/token" }],
        "roles": [{ "name": "tokens", "privileges": ["tokens"] }],
        "identities": [identity],
        "roleAssignments": [{ "role": "tokens", "identities": ["it"] }],
    })
}

/// A control group of the test's own, which ends with it.
pub(crate) struct ControlGroup {
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
}

impl ControlGroup {
    pub(crate) fn new() -> Option<Self> {
        Self::named(&format!("/bonafide-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let root = roots.into_iter().find(|root| root.join("cgroup.controllers").exists())?;
        let folder = root.join(&name[1..]);
        std::fs::create_dir(&folder).ok()?;
        Some(Self { folder, name: name.to_owned() })
    }

    /// The status that curl prints in this group.
    pub(crate) fn asks(&self, arguments: &[&str]) -> String {
        let mut shell = Command::new("bash");
        shell.args(["-c", "echo $$ > \"$0/cgroup.procs\" && exec curl -s -o /dev/null -w '%{http_code}' \"$@\""]);
        shell.arg(&self.folder).args(["-H", "Metadata: true"]).args(arguments);
        String::from_utf8(run(shell).stdout).unwrap()
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // Processes that have ended leave it a moment later.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
