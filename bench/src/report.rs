//! The measurements, on the terminal and in `RESULTS.md`.

use crate::{Before, Failure, machine};
use serde_json::{Value, json};
use std::fmt;
use std::path::PathBuf;

/// The relation of a figure to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The target is met.
    Met,
    /// It is not.
    Missed,
    /// There is no target: the figure explains another.
    Orientation,
    /// The machine did not let it be measured in the way that the target says.
    Undecided,
    /// Not measured, because something it needs is not here.
    Skipped,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Missed => "**not met**",
            Self::Orientation => "for orientation",
            Self::Undecided => "undecided",
            Self::Skipped => "skipped",
        })
    }
}

/// One figure.
pub(crate) struct Row {
    what: String,
    target: String,
    measured: String,
    verdict: Verdict,
}

impl Row {
    pub(crate) fn new(what: &str, target: &str, measured: String, verdict: Verdict) -> Self {
        Self { what: what.to_owned(), target: target.to_owned(), measured, verdict }
    }

    /// A figure with a target that is met or not.
    pub(crate) fn judged(what: &str, target: &str, measured: String, met: bool) -> Self {
        Self::new(what, target, measured, if met { Verdict::Met } else { Verdict::Missed })
    }

    /// A figure without a target.
    pub(crate) fn plain(what: &str, measured: String) -> Self {
        Self::new(what, "", measured, Verdict::Orientation)
    }

    pub(crate) fn skipped(what: &str, target: &str, why: &str) -> Self {
        Self::new(what, target, why.to_owned(), Verdict::Skipped)
    }

    pub(crate) fn failed(what: &str, why: &str) -> Self {
        Self::new(what, "", format!("could not be measured: {why}"), Verdict::Undecided)
    }
}

/// Rows as another process of this program reads them.
impl Row {
    pub(crate) fn write_all(rows: &[Self]) -> Value {
        let written = |row: &Self| json!([row.what, row.target, row.measured, row.verdict as usize]);
        rows.iter().map(written).collect()
    }

    pub(crate) fn read_all(rows: &Value) -> Option<Vec<Self>> {
        let read = |row: &Value| {
            let text = |at: usize| row.get(at)?.as_str();
            let verdict = VERDICTS.get(usize::try_from(row.get(3)?.as_u64()?).ok()?)?;
            Some(Self::new(text(0)?, text(1)?, text(2)?.to_owned(), *verdict))
        };
        rows.as_array()?.iter().map(read).collect()
    }
}

/// All of them, in their order.
const VERDICTS: [Verdict; 5] =
    [Verdict::Met, Verdict::Missed, Verdict::Orientation, Verdict::Undecided, Verdict::Skipped];

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.measured)?;
        if !self.target.is_empty() {
            write!(f, " (target {})", self.target)?;
        }
        write!(f, " - {}", self.verdict.to_string().trim_matches('*'))
    }
}

const HEAD: &str = "# Results

Written by `cargo xtask bench` and not by hand. Every ratio is of two sides measured in one run, in turns, on one
machine; figures of different machines cannot be compared, and absolute figures mean little on a shared one. A run of
some of the measurements replaces their lines and keeps the others, as long as the machine is the same. What each of
them does is said at the top of its file in `src/items/`.
";

const TABLE: &str = "| measurement | what | target | measured | | command | date |\n|---|---|---|---|---|---|---|\n";

/// Puts rows, each with the name of its measurement, in place of those of an earlier run; those against another older build
/// stay.
pub(crate) fn write(rows: &[(&str, Row)], older: Option<&Before>) -> Result<(), Failure> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    let machine = machine::describe();
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let command = |name: &str| match older.filter(|_| name == crate::items::BEFORE) {
        Some(older) => format!("`cargo xtask bench {name} --before BINARY --label '{}'`", older.label),
        None => format!("`cargo xtask bench {name}`"),
    };
    let is_kept = |line: &&str| {
        let name = line.strip_prefix("| ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let is_replaced = rows.iter().any(|(measured, _)| *measured == name);
        crate::items::ITEMS.iter().any(|item| item.name == name)
            && (!is_replaced
                || (name == crate::items::BEFORE && line.contains("--label") && !line.contains(&command(name))))
    };
    let mut lines: Vec<String> = match before.contains(&machine) {
        true => before.lines().filter(is_kept).map(str::to_owned).collect(),
        false => Vec::new(),
    };
    let date = machine::today()?;
    for (name, row) in rows {
        let Row { what, target, measured, verdict } = row;
        let (verdict, command) = (verdict.to_string(), command(name));
        let cells = [*name, what, target, measured, &verdict, &command, &date];
        lines.push(format!("| {} |", cells.map(|cell| cell.replace('|', "/")).join(" | ")));
    }
    let order =
        |line: &String| crate::items::ITEMS.iter().position(|item| line.starts_with(&format!("| {} ", item.name)));
    lines.sort_by_key(order);
    std::fs::write(&path, format!("{HEAD}\nMachine: {machine}\n\n{TABLE}{}\n", lines.join("\n")))?;
    println!("\nwritten to {}", path.display());
    Ok(())
}
