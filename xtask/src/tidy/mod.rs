//! Checks beyond the compiler's: which crate may use which, that every route has a transcript, that cited documents
//! exist, that no file names a path of one machine, that every row of the threat model has a test, that every statement of the
//! original has a row and what shows it exists, and that comments are in plain English.

mod circles;
mod compatibility;
mod docs;
mod edges;
mod opening;
mod rows;
mod size;
mod system_rights;
mod tree;
mod words;

use std::path::Path;

/// The findings of a check of the tree.
#[derive(Debug, Default)]
pub struct Findings {
    /// The problems, which must be mended: one line each, beginning with the file or crate.
    pub problems: Vec<String>,
    /// The notes, which are only reported: one line each.
    pub notes: Vec<String>,
}

/// The reason why the tree could not be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum TidyError {
    /// A file or folder could not be read.
    #[error("{path}: {error}")]
    Read {
        /// The file or folder, as it was asked for.
        path: String,
        /// The system's error.
        error: std::io::Error,
    },
    /// `cargo metadata` failed or printed something else than its JSON.
    #[error("cargo metadata: {0}")]
    Metadata(String),
}

/// Checks the working tree whose root (the folder of the workspace manifest) is `root`. Reads only.
pub fn check(root: &Path) -> Result<Findings, TidyError> {
    let files = tree::read(root)?;
    let mut findings = Findings::default();
    findings.problems.extend(edges::check(&edges::metadata(root)?)?);
    findings.problems.extend(docs::check(&files));
    findings.problems.extend(compatibility::check(&files));
    findings.problems.extend(words::check(&files));
    findings.problems.extend(circles::check(&files));
    findings.problems.extend(system_rights::check(&files));
    findings.problems.extend(opening::check(&files));
    findings.problems.extend(rows::check(&files));
    findings.notes.extend(size::report(&files));
    Ok(findings)
}
