//! The table at the end of a run: client × scenario × result.

use std::fmt;

/// Longest text of a failed check in the table, in characters; the line that was printed as it failed has all of it.
const REASON_CHARS_MAX: usize = 160;

/// The result of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    /// The check that failed, with what was there instead.
    Failed(String),
    /// The part of the toolchain that this machine lacks.
    Skipped(String),
}

/// A scenario of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The client, its variant, and the part: `python-azure-identity-1.5/imds`.
    pub(super) client: String,
    pub(super) scenario: String,
    pub(super) outcome: Outcome,
}

/// All scenarios of a run, in their order.
#[derive(Debug, Default)]
pub(super) struct Table(pub(super) Vec<Row>);

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Passed => f.write_str("passed"),
            Outcome::Failed(why) => write!(f, "FAILED: {}", shortened(why)),
            Outcome::Skipped(why) => write!(f, "skipped: {}", shortened(why)),
        }
    }
}

impl fmt::Display for Table {
    /// A table of Markdown whose columns stand below each other, also on a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.0.iter().map(|row| row.client.chars().count()).max().unwrap_or(0).max("client".len());
        let scenario = self.0.iter().map(|row| row.scenario.chars().count()).max().unwrap_or(0).max("scenario".len());
        writeln!(f, "| {:client$} | {:scenario$} | result |", "client", "scenario")?;
        writeln!(f, "|-{:-<client$}-|-{:-<scenario$}-|--------|", "", "")?;
        for row in &self.0 {
            writeln!(f, "| {:client$} | {:scenario$} | {} |", cell(&row.client), cell(&row.scenario), row.outcome)?;
        }
        Ok(())
    }
}

/// A text without the character that ends a cell.
fn cell(text: &str) -> String {
    text.replace('|', "/")
}

fn shortened(text: &str) -> String {
    let text = cell(text);
    match text.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_client_scenario_and_failed_check() {
        let row =
            |client: &str, scenario: &str, outcome| Row { client: client.into(), scenario: scenario.into(), outcome };
        let table = Table(vec![
            row("az/management", "locks", Outcome::Passed),
            row("go/imds", "a | b", Outcome::Failed(format!("line 3: {}", "x".repeat(200)))),
            row("java", "prepare", Outcome::Skipped("mvn is not installed".into())),
        ]);
        let shown = table.to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "| client        | scenario | result |");
        assert_eq!(lines[1], "|---------------|----------|--------|");
        assert_eq!(lines[2], "| az/management | locks    | passed |");
        assert!(lines[3].starts_with("| go/imds       | a / b    | FAILED: line 3: xxx"), "{shown}");
        assert!(lines[3].ends_with("x… |") && lines[3].len() < 220, "{shown}");
        assert_eq!(lines[4], "| java          | prepare  | skipped: mvn is not installed |");
    }
}
