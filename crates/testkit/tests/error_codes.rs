//! Every error code of the resource manager has a transcript, or a test that is named here, and stands in docs/wire.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Codes that no transcript can bring about, each with the test that does: a file, and the name of the test in it.
const TESTED: &[(&str, &str, &str)] = &[
    ("ChildrenTooLarge", TABLE, LIMITS),
    ("DeploymentQuotaExceeded", TABLE, LIMITS),
    ("InternalServerError", TABLE, SHELL),
    ("InvalidRequest", TABLE, SHELL),
    ("LockLimitExceeded", TABLE, LIMITS),
    ("OperationCanceled", GROUPS, "an_operation_that_cannot_be_read_or_was_canceled_did_not_succeed"),
    ("RequestContentTooLarge", TABLE, SHELL),
    ("RequestHeaderFieldsTooLarge", TABLE, SHELL),
    ("RequestTimeout", TABLE, SHELL),
    ("ServiceUnavailable", TABLE, SHELL),
    ("TagNameLimitExceeded", TABLE, LIMITS),
    ("TooManyRequests", TABLE, SHELL),
];

const TABLE: &str = "crates/management/src/fault/table.rs";
const GROUPS: &str = "crates/management/tests/management/groups.rs";
const LIMITS: &str = "a_limit_is_refused_with_its_code_and_its_number";
const SHELL: &str = "what_the_shell_turns_away_is_refused_in_words_of_this_surface";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The texts of all files with one of the endings below a folder.
fn texts(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts(&path, ending));
        } else if path.to_str().is_some_and(|path| path.ends_with(ending)) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// The codes in a source: texts of several words in one, each with a capital.
fn codes(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let without_comments = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    without_comments.flat_map(|line| line.split('"').skip(1).step_by(2)).filter(|text| {
        let capitals = text.bytes().filter(u8::is_ascii_uppercase).count();
        capitals > 1
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_alphabetic())
    })
}

#[test]
fn every_error_code_has_a_transcript_or_a_test_and_is_documented() {
    let sources = texts(&root().join("crates/management/src/fault"), ".rs");
    let known: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| codes(text)).collect();
    assert!(known.len() > 60, "{known:?}");
    let transcripts = texts(&root().join("transcripts/management"), ".http");
    let pages = texts(&root().join("docs/wire"), ".md");
    let mut missing = Vec::new();
    for code in &known {
        let quoted = format!("\"code\": \"{code}\"");
        // Some are in the message of another error.
        let inside = format!("\\\"code\\\":\\\"{code}\\\"");
        let is_shown = transcripts.iter().any(|(_, text)| text.contains(&quoted) || text.contains(&inside));
        let test = TESTED.iter().find(|(of, ..)| of == code);
        match (is_shown, test) {
            (false, None) => missing.push(format!("{code}: no transcript")),
            (false, Some((_, file, name))) => {
                let text = fs::read_to_string(root().join(file)).unwrap_or_default();
                if !text.contains(&format!("fn {name}(")) || !text.contains(code) {
                    missing.push(format!("{code}: {file} has no test {name} that names it"));
                }
            }
            (true, _) => {}
        }
        if !pages.iter().any(|(_, text)| text.contains(&format!("`{code}`"))) {
            missing.push(format!("{code}: not in docs/wire"));
        }
    }
    missing.extend(TESTED.iter().filter(|(code, ..)| !known.contains(code)).map(|(code, ..)| format!("{code}: gone")));
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The statuses and codes of the replies of a transcript.
fn replies(text: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut status = String::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("< ")) {
        if line.len() == 3 && line.bytes().all(|b| b.is_ascii_digit()) {
            status = line.to_owned();
        }
        for name in ["\"code\": \"", "\"error\": \""] {
            let codes = line.split(name).skip(1).filter_map(|rest| rest.split('"').next());
            found.extend(codes.map(|code| (status.clone(), code.to_owned())));
        }
    }
    found
}

#[test]
fn every_error_of_azures_is_shown_by_the_transcripts_that_the_table_names_or_has_its_reason() {
    let page = fs::read_to_string(root().join("docs/wire/errors.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect::<Vec<_>>())
        .filter(|cells| !matches!(cells[0], "status" | "---"))
        .collect();
    assert!(rows.len() > 60, "{}", rows.len());
    let mut wrong = Vec::new();
    for cells in rows {
        let [status, code, _, shown_by] = cells[..] else { panic!("{cells:?}") };
        let code = code.trim_matches('`');
        if ["later: ", "never: "].iter().any(|reason| shown_by.starts_with(reason)) {
            continue;
        }
        for name in shown_by.split(", ").map(|name| name.trim_matches('`')) {
            let text = fs::read_to_string(root().join("transcripts").join(name)).unwrap_or_default();
            if !replies(&text).contains(&(status.to_owned(), code.to_owned())) {
                wrong.push(format!("{name}: no reply of {status} with {code}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
