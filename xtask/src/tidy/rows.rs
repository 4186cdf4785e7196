//! The rows of the threat model and the tests that show them: no row without a test whose name begins with its id, and
//! no id of a test without a row (SC-02).

use super::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};

/// The document with the rows.
const DOCUMENT: &str = "THREAT_MODEL.md";
/// The folders with tests.
const TESTED: [&str; 2] = ["crates/", "xtask/"];

pub(super) fn check(files: &Tree) -> Vec<String> {
    let document = files.get(DOCUMENT).map(String::as_str).unwrap_or_default();
    let rows: Vec<_> = document.lines().filter_map(row_of).collect();
    let sources =
        files.iter().filter(|(path, _)| path.ends_with(".rs") && TESTED.iter().any(|at| path.starts_with(at)));
    let tests: BTreeMap<String, &str> =
        sources.flat_map(|(path, text)| text.lines().filter_map(tested).map(move |id| (id, path.as_str()))).collect();
    let mut known = BTreeSet::new();
    let twice = rows.iter().filter(|id| !known.insert(id.to_string()));
    let mut problems: Vec<_> = twice.map(|id| format!("{DOCUMENT}: row {id} is there twice")).collect();
    let untested = rows.iter().filter(|id| !tests.contains_key(**id));
    problems.extend(untested.map(|id| format!("{DOCUMENT}: row {id} has no test whose name begins with its id")));
    let rowless = tests.iter().filter(|(id, _)| !known.contains(*id));
    problems.extend(rowless.map(|(id, path)| format!("{path}: a test shows {id}, which {DOCUMENT} has no row of")));
    problems
}

/// The id of a row of the table.
fn row_of(line: &str) -> Option<&str> {
    let (id, _) = line.strip_prefix("| ")?.split_once(" |")?;
    is_id(id, '-', char::is_ascii_uppercase).then_some(id)
}

/// The id with which the name of a function begins, if it does, as the table has it.
fn tested(line: &str) -> Option<String> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    let id = name.get(..5).filter(|id| is_id(id, '_', char::is_ascii_lowercase) && name[5..].starts_with('_'))?;
    Some(id.replace('_', "-").to_ascii_uppercase())
}

/// True of two letters, a separator and two digits.
fn is_id(text: &str, separator: char, is_letter: fn(&char) -> bool) -> bool {
    let characters: Vec<_> = text.chars().collect();
    let [first, second, between, tens, ones] = characters[..] else { return false };
    is_letter(&first) && is_letter(&second) && between == separator && tens.is_ascii_digit() && ones.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(document: &str, source: &str) -> Vec<String> {
        let files = [(DOCUMENT, document), ("crates/x/src/a.rs", source)];
        check(&files.map(|(path, text)| (path.to_owned(), text.to_owned())).into())
    }

    #[test]
    fn sc_02_a_row_without_a_test_a_test_without_a_row_and_a_row_twice_are_problems() {
        let rows = "| row | promise |\n|---|---|\n| MD-01 | a |\n| MD-02 | b |\n| a thief | MD-09 |\n";
        let tests = "    fn md_01_a() {}\n    async fn md_01_b() {}\npub fn md_02_a<P: Place>() {}\nfn tn_1_a() {}\n";
        assert_eq!(problems(rows, tests), Vec::<String>::new());
        assert_eq!(
            problems(rows, "fn md_01_a() {}\n"),
            ["THREAT_MODEL.md: row MD-02 has no test whose name begins with its id"]
        );
        let more = format!("{tests}async fn md_03_a() {{}}\n");
        assert_eq!(
            problems(rows, &more),
            ["crates/x/src/a.rs: a test shows MD-03, which THREAT_MODEL.md has no row of"]
        );
        assert_eq!(problems(&format!("{rows}| MD-01 | c |\n"), tests), ["THREAT_MODEL.md: row MD-01 is there twice"]);
    }

    #[test]
    fn a_call_or_a_text_with_an_id_is_no_test() {
        assert_eq!(
            problems("", "    md_03_a();\n    let text = \"fn md_03_a() {}\";\n    fn md_03a() {}\n"),
            Vec::<String>::new()
        );
    }
}
