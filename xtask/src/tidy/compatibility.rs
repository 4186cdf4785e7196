//! The table of what the original states: each statement is there once, and what shows it exists.

use super::tree::Tree;
use std::collections::BTreeSet;

/// The document with the tables. In two parts, for the tree without it is checked, too.
const DOCUMENT: &str = concat!("docs/", "compatibility.md");
/// Number of the statements, and of those that follow from them (`M1` …). Source: the document's first lines.
const STATEMENTS: u16 = 204;
const FOLLOWING: u16 = 16;
/// The first words that say what became of a statement.
const STATUSES: [&str; 5] = ["works", "partly", "not yet", "other by decision", "n/a"];
/// The statuses that nothing need show.
const UNSHOWN: [&str; 2] = ["not yet", "n/a"];

pub(super) fn check(files: &Tree) -> Vec<String> {
    let Some(document) = files.get(DOCUMENT) else {
        return vec![format!("{DOCUMENT}: missing; it tells what each statement of the original became")];
    };
    let rows: Vec<_> = document.lines().filter_map(row).collect();
    let problems = rows.iter().flat_map(|row| problems_of(files, row)).chain(problems_of_numbers(&rows));
    problems.map(|problem| format!("{DOCUMENT}: {problem}")).collect()
}

/// A row of a table: numbers, statement, what it became, what shows it.
type Row<'a> = [&'a str; 4];

/// The row on a line, heads and rules of tables left out.
fn row(line: &str) -> Option<Row<'_>> {
    let inside = line.strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<_> = inside.split('|').map(str::trim).collect();
    let is_row = cells[0].contains(|c: char| c.is_ascii_digit());
    is_row.then(|| [0, 1, 2, 3].map(|at| cells.get(at).copied().unwrap_or_default()))
}

/// The problems of one row by itself.
fn problems_of(files: &Tree, [numbers, _, became, shown_by]: &Row<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(status) = STATUSES.into_iter().find(|status| became.starts_with(status)) else {
        return vec![format!("row {numbers} begins with none of {}", STATUSES.join(", "))];
    };
    if shown_by.is_empty() && !UNSHOWN.contains(&status) {
        problems.push(format!("row {numbers} says '{status}' and nothing shows it"));
    }
    let (shows, between): (Vec<_>, Vec<_>) = shown_by.split('`').enumerate().partition(|(at, _)| at % 2 == 1);
    if between.iter().any(|(_, text)| !text.trim_matches([' ', ',']).is_empty()) {
        problems.push(format!("row {numbers} is shown by something that is not between backticks"));
    }
    let missing = shows.iter().filter(|(_, shows)| !exists(files, shows));
    problems.extend(missing.map(|(_, shows)| format!("row {numbers} is shown by '{shows}', which is not there")));
    problems
}

/// True of a transcript, `crate::test`, or `script: scenario`, that is there.
fn exists(files: &Tree, shows: &str) -> bool {
    if let Some((script, scenario)) = shows.split_once(": ") {
        return files.get(&format!("conformance/{script}")).is_some_and(|text| names(text, scenario));
    }
    if let Some((name, test)) = shows.split_once("::") {
        let folder = if name == "xtask" { "xtask/".to_owned() } else { format!("crates/{name}/") };
        let mut sources = files.iter().filter(|(path, _)| path.starts_with(&folder) && path.ends_with(".rs"));
        return sources.any(|(_, text)| has_test(text, test));
    }
    files.contains_key(&format!("transcripts/{shows}"))
}

/// True of a script with the scenario as a whole text.
fn names(script: &str, scenario: &str) -> bool {
    ['"', '\''].into_iter().any(|quote| script.contains(&format!("{quote}{scenario}{quote}")))
}

/// True of a source with the function `name` below an attribute of a test.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim_start).collect();
    let is_it = |line: &str| {
        let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with('('))
    };
    lines.iter().enumerate().filter(|(_, line)| is_it(line)).any(|(at, _)| {
        let mut attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        attributes.any(|line| line.contains("test]") || line.contains("test("))
    })
}

/// The numbers that are in no row, in two, or that no statement has.
fn problems_of_numbers(rows: &[Row<'_>]) -> Vec<String> {
    let all = (1..=STATEMENTS).map(|number| number.to_string());
    let mut left: BTreeSet<String> = all.chain((1..=FOLLOWING).map(|number| format!("M{number}"))).collect();
    let mut problems = Vec::new();
    for part in rows.iter().flat_map(|[numbers, ..]| numbers.split(", ")) {
        match numbers(part) {
            Some(numbers) => problems
                .extend(numbers.filter(|number| !left.remove(number)).map(|number| format!("{number} is there twice"))),
            None => problems.push(format!("'{part}' is neither a statement nor a range of them")),
        }
    }
    problems.extend(left.iter().map(|number| format!("{number} is in no row")));
    problems
}

/// The statements of `7`, `7-9`, `M7` or `M7-M9`.
fn numbers(part: &str) -> Option<impl Iterator<Item = String>> {
    let (letter, last) = if part.starts_with('M') { ("M", FOLLOWING) } else { ("", STATEMENTS) };
    let number = |text: &str| text.strip_prefix(letter)?.parse().ok();
    let (from, to): (u16, u16) = match part.split_once('-') {
        Some((from, to)) => (number(from)?, number(to)?),
        None => (number(part)?, number(part)?),
    };
    (1 <= from && from <= to && to <= last).then(|| (from..=to).map(move |number| format!("{letter}{number}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Problems of a document with the other statements in one row, in a tree with one of each that can show something.
    fn problems(rows: &str, others: &str) -> Vec<String> {
        let document =
            format!("| number | statement | here | shown by |\n|---|---|---|---|\n{rows}\n| {others} | | n/a | |\n");
        let test = "    #[test]\n    #[ignore]\n    fn a_test() {}\nfn no_test() {}\n#[tokio::test(start_paused = true)]\nasync fn b_test() {}\n";
        let files = [
            (DOCUMENT, document.as_str()),
            ("transcripts/login/keys.http", ""),
            ("crates/login/src/keys.rs", test),
            ("conformance/az/power.py", "@scenario(\"stop: and start\")\n"),
        ];
        let problems = check(&files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
        problems.into_iter().map(|problem| problem.replace(&format!("{DOCUMENT}: "), "")).collect()
    }

    #[test]
    fn what_shows_a_statement_must_be_there() {
        let row = |shows: &str| problems(&format!("| 1 | a | works: so | {shows} |"), "2-204, M1-M16");
        for shows in ["`login/keys.http`", "`login::a_test`", "`login::b_test`, `az/power.py: stop: and start`"] {
            assert_eq!(row(shows), Vec::<String>::new(), "{shows}");
        }
        for shows in
            ["login/key.http", "login::no_test", "login::a_tes", "graph::a_test", "az/power.py: stop", "az/a.py: b"]
        {
            let problem = format!("row 1 is shown by '{shows}', which is not there");
            assert_eq!(row(&format!("`login/keys.http`, `{shows}`")), [problem]);
        }
        assert_eq!(row("a test"), ["row 1 is shown by something that is not between backticks"]);
    }

    #[test]
    fn only_what_is_not_there_yet_need_not_be_shown() {
        let row = |became: &str| problems(&format!("| 1 | a | {became} | |"), "2-204, M1-M16");
        assert_eq!(row("not yet"), Vec::<String>::new());
        assert_eq!(row("n/a"), Vec::<String>::new());
        for status in ["works", "partly", "other by decision"] {
            assert_eq!(row(&format!("{status}: so")), [format!("row 1 says '{status}' and nothing shows it")]);
        }
        assert_eq!(row("some day").len(), 1);
    }

    #[test]
    fn each_statement_is_there_once() {
        let numbers = |numbers: &str, others: &str| problems(&format!("| {numbers} | a | n/a | |"), others);
        assert_eq!(numbers("1-3, 5, M1", "4, 6-204, M2-M16"), Vec::<String>::new());
        assert_eq!(numbers("1-3", "3-203, M1-M15"), ["3 is there twice", "204 is in no row", "M16 is in no row"]);
        for part in ["0", "2-1", "205", "M17", "M1-2", "1a"] {
            let problem = format!("'{part}' is neither a statement nor a range of them");
            assert_eq!(numbers(part, "1-204, M1-M16"), [problem], "{part}");
        }
    }
}
