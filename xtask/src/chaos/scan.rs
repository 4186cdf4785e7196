//! The log of the process under test: kept, and looked through for panics, failures that nothing explains, and secrets.

use super::shared::Shared;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes of the log that are kept of one process.
const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Processes whose logs are kept.
const KEPT_LOGS: u64 = 4;
/// Lines for the user that are remembered of one process.
const OWN_LINES_MAX: usize = 50;
const GLANCE: Duration = Duration::from_millis(50);

/// The log of one process, which a thread reads.
pub(super) struct Log {
    reader: JoinHandle<()>,
    own: Arc<Mutex<Vec<String>>>,
}

impl Log {
    /// The lines that are not of the log but for the user, once the process has ended.
    pub(super) fn own_lines(self) -> Vec<String> {
        // A reader that panicked has said so.
        let _ = self.reader.join();
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.clone()
    }
}

/// Reads the log of a process until that ends.
pub(super) fn follow(shared: &Arc<Shared>, child: &mut Child, life: u64) -> Result<Log, String> {
    let output = child.stderr.take().ok_or("the process has no standard error")?;
    let path = shared.folder.join(format!("up-{}.log", life % KEPT_LOGS));
    let mut kept = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let own = Arc::new(Mutex::new(Vec::new()));
    let (shared, lines) = (Arc::clone(shared), Arc::clone(&own));
    let reader = std::thread::spawn(move || {
        let mut bytes = 0;
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            while shared.log_is_unread() && !shared.is_over() {
                std::thread::sleep(GLANCE);
            }
            let line = String::from_utf8_lossy(&line);
            bytes += line.len();
            if bytes < KEPT_BYTES_MAX {
                // A log that cannot be kept is looked through all the same.
                let _ = writeln!(kept, "{line}");
            }
            look_at(&shared, &line, life);
            if !line.starts_with('{') {
                let mut own = lines.lock().unwrap_or_else(PoisonError::into_inner);
                if own.len() < OWN_LINES_MAX {
                    own.push(line.into_owned());
                }
            }
        }
    });
    Ok(Log { reader, own })
}

fn look_at(shared: &Shared, line: &str, life: u64) {
    if line.contains("panicked at") {
        shared.violation(format!("process {life} panicked: {line}"));
    }
    if line.contains("\"status\":500") {
        failure(shared, line);
    }
    secrets(shared, "the log", line);
}

/// A request that was answered with 500.
fn failure(shared: &Shared, line: &str) {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let surface = text("surface");
    if surface != "metadata" || !shared.excuse().told_now().no_new_tokens() {
        let (method, path, why) = (text("method"), text("path"), text("why"));
        shared.violation(format!("{surface} answered {method} {path} with 500: {why}"));
    }
}

/// Looks for tokens, private keys and the operator's secret; says where, and not what.
pub(super) fn secrets(shared: &Shared, place: &str, text: &str) {
    let Ok(cloud) = shared.cloud() else { return };
    let found = [
        ("a token", has_token(text)),
        ("a private key", text.contains("PRIVATE KEY")),
        ("the operator's secret", text.contains(&cloud.secret)),
    ];
    for (what, _) in found.iter().filter(|(_, found)| *found) {
        shared.violation(format!("{what} is in {place}"));
    }
}

/// Tells whether a text has the header of a token, which is JSON in base64url. Ids of tokens (`uti`) are shorter.
fn has_token(text: &str) -> bool {
    const HEADER_BYTES_MIN: usize = 30;
    let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let length = |at: usize| text.as_bytes()[at..].iter().take_while(|byte| is_base64url(byte)).count();
    text.match_indices("eyJ").any(|(at, _)| length(at) >= HEADER_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn av_12_a_token_is_told_from_its_id() {
        assert!(has_token("got eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsIng1dCI6.eyJhdWQi"));
        assert!(!has_token(r#""uti":"aaaeyJaaaaaaaaaaaaaaaa""#));
    }
}
