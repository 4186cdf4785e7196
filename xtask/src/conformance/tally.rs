//! Results: counted, and said as they come.

use super::ConformanceError;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Lines of a failed script's own error output that are shown.
const SHOWN_LINES: usize = 20;

/// The number of scenarios by outcome. A client that could not be run counts as one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Scenarios that did what they should.
    pub passed: usize,
    /// Scenarios that did not, and scripts that broke.
    pub failed: usize,
    /// Clients whose toolchain this machine lacks.
    pub skipped: usize,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl Tally {
    pub(super) fn pass(&mut self, what: &str) {
        println!("ok {what}");
        self.passed += 1;
    }

    pub(super) fn fail(&mut self, what: &str, why: &str) {
        println!("FAIL {what}: {why}");
        self.failed += 1;
    }

    pub(super) fn skip(&mut self, what: &str, why: &str) {
        println!("skipped {what}: {why}");
        self.skipped += 1;
    }

    /// Runs a script and counts the `ok NAME` and `FAIL NAME: reason` lines that it prints. A
    /// script that says nothing, or exits as failed without a failure, has failed.
    pub(super) fn run(&mut self, title: &str, mut command: Command, log: &Path) -> Result<(), ConformanceError> {
        let before = *self;
        let errors = File::create(log).map_err(|error| ConformanceError::File(log.to_owned(), error))?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = child.map_err(|error| ConformanceError::Failed(format!("{title}: {error}")))?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                self.take(title, &String::from_utf8_lossy(&line));
            }
        }
        let status = child.wait().map_err(|error| ConformanceError::Failed(format!("{title}: {error}")))?;
        if !status.success() && self.failed == before.failed {
            self.fail(title, &format!("the script broke: {status}"));
        } else if *self == before {
            self.fail(title, "no scenario was run");
        }
        if self.failed > before.failed {
            let said = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().for_each(|line| println!("    {line}"));
        }
        Ok(())
    }

    fn take(&mut self, title: &str, line: &str) {
        if let Some(name) = line.strip_prefix("ok ") {
            self.pass(&format!("{title}: {name}"));
        } else if let Some(failure) = line.strip_prefix("FAIL ") {
            let (name, why) = failure.split_once(": ").unwrap_or((failure, "it gave no reason"));
            self.fail(&format!("{title}: {name}"), why);
        } else if !line.is_empty() {
            println!("    {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(script: &str) -> Tally {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut tally = Tally::default();
        tally.run("t", command, &folder.path().join("log")).unwrap();
        tally
    }

    #[test]
    fn every_line_of_a_script_counts_once() {
        let counts = tally("echo ok one; echo 'FAIL two: no'; echo chatter; exit 1");
        assert_eq!(counts, Tally { passed: 1, failed: 1, skipped: 0 });
    }

    #[test]
    fn a_script_that_breaks_or_says_nothing_has_failed() {
        assert_eq!(tally("echo ok one; exit 3"), Tally { passed: 1, failed: 1, skipped: 0 });
        assert_eq!(tally("exit 0"), Tally { passed: 0, failed: 1, skipped: 0 });
        assert_eq!(tally("echo 'FAIL one: no'; exit 0"), Tally { passed: 0, failed: 1, skipped: 0 });
    }
}
