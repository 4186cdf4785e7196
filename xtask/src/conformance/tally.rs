//! Results: said as they come, counted, and kept for the table at the end.

use super::ConformanceError;
use super::table::{Outcome, Row, Table};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Lines of a failed script's own error output that are shown.
const SHOWN_LINES: usize = 20;
/// The scenario of a row that says something of a whole script or client.
const ALL_SCENARIOS: &str = "(all)";

/// The scenarios of a run by outcome. A client that could not be run counts as one.
#[derive(Debug, Default)]
pub struct Tally {
    /// Scenarios that did what they should.
    pub passed: usize,
    /// Scenarios that did not, and scripts that broke.
    pub failed: usize,
    /// Clients whose toolchain this machine lacks.
    pub skipped: usize,
    table: Table,
}

impl std::fmt::Display for Tally {
    /// The counts, without the table.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl Tally {
    /// One row a scenario: client, scenario, result.
    pub fn table(&self) -> String {
        self.table.to_string()
    }

    pub(super) fn pass(&mut self, client: &str, scenario: &str) {
        println!("ok {client}: {scenario}");
        self.passed += 1;
        self.keep(client, scenario, Outcome::Passed);
    }

    pub(super) fn fail(&mut self, client: &str, scenario: &str, why: &str) {
        println!("FAIL {client}: {scenario}: {why}");
        self.failed += 1;
        self.keep(client, scenario, Outcome::Failed(why.to_owned()));
    }

    pub(super) fn skip(&mut self, client: &str, why: &str) {
        println!("skipped {client}: {why}");
        self.skipped += 1;
        self.keep(client, ALL_SCENARIOS, Outcome::Skipped(why.to_owned()));
    }

    fn keep(&mut self, client: &str, scenario: &str, outcome: Outcome) {
        self.table.0.push(Row { client: client.to_owned(), scenario: scenario.to_owned(), outcome });
    }

    /// Runs a script and counts the `ok NAME` and `FAIL NAME: reason` lines that it prints. A
    /// script that says nothing, or exits as failed without a failure, has failed.
    pub(super) fn run(&mut self, title: &str, mut command: Command, log: &Path) -> Result<(), ConformanceError> {
        let (passed, failed) = (self.passed, self.failed);
        let errors = File::create(log).map_err(|error| ConformanceError::File(log.to_owned(), error))?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = child.map_err(|error| ConformanceError::Failed(format!("{title}: {error}")))?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                self.take(title, &String::from_utf8_lossy(&line));
            }
        }
        let status = child.wait().map_err(|error| ConformanceError::Failed(format!("{title}: {error}")))?;
        if !status.success() && self.failed == failed {
            self.fail(title, ALL_SCENARIOS, &format!("the script broke: {status}"));
        } else if (self.passed, self.failed) == (passed, failed) {
            self.fail(title, ALL_SCENARIOS, "no scenario was run");
        }
        if self.failed > failed {
            let said = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().for_each(|line| println!("    {line}"));
        }
        Ok(())
    }

    fn take(&mut self, title: &str, line: &str) {
        if let Some(name) = line.strip_prefix("ok ") {
            self.pass(title, name);
        } else if let Some(failure) = line.strip_prefix("FAIL ") {
            let (name, why) = failure.split_once(": ").unwrap_or((failure, "it gave no reason"));
            self.fail(title, name, why);
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

    fn counts(script: &str) -> (usize, usize, usize) {
        let Tally { passed, failed, skipped, .. } = tally(script);
        (passed, failed, skipped)
    }

    #[test]
    fn every_line_of_a_script_counts_once() {
        assert_eq!(counts("echo ok one; echo 'FAIL two: no'; echo chatter; exit 1"), (1, 1, 0));
    }

    #[test]
    fn a_script_that_breaks_or_says_nothing_has_failed() {
        assert_eq!(counts("echo ok one; exit 3"), (1, 1, 0));
        assert_eq!(counts("exit 0"), (0, 1, 0));
        assert_eq!(counts("echo 'FAIL one: no'; exit 0"), (0, 1, 0));
    }

    #[test]
    fn the_table_has_each_scenario_and_the_check_that_failed() {
        let table = tally("echo ok one; echo 'FAIL two: line 7: equal(a, b): 1 is not 2'; exit 1").table();
        assert!(table.contains("| t      | one      | passed |"), "{table}");
        assert!(table.contains("| t      | two      | FAILED: line 7: equal(a, b): 1 is not 2 |"), "{table}");
        let table = tally("exit 3").table();
        assert!(table.contains("| t      | (all)    | FAILED: the script broke"), "{table}");
    }
}
