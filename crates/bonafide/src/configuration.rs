//! Configuration files (TOML): every error names the file, the line and the member.

use bonafide_files::{FilesError, read_named};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use std::path::{Path, PathBuf};

/// The reason why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// It cannot be read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// It is no text.
    #[error("{} is not UTF-8: save it as a text file", .0.display())]
    NotText(PathBuf),
    /// Something in it is wrong.
    #[error("{}, {at}: {reason}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The place in it.
        at: String,
        /// The reason, and what helps.
        reason: String,
    },
}

/// A configuration file as it was read.
pub(crate) struct Read<T> {
    /// Its members.
    pub(crate) members: T,
    /// The same without meaning, to be compared with another reading.
    pub(crate) table: toml::Table,
}

/// Reads a configuration file. It belongs to this process's user or to root, and nobody else can write to it.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Read<T>, ConfigurationError> {
    let text = String::from_utf8(read_named(path)?).map_err(|_| ConfigurationError::NotText(path.to_owned()))?;
    let wrong = |error: toml::de::Error| {
        let (at, reason) = explained(&text, &error);
        ConfigurationError::Wrong { path: path.to_owned(), at, reason }
    };
    Ok(Read { members: toml::from_str(&text).map_err(wrong)?, table: toml::from_str(&text).map_err(wrong)? })
}

/// The place and the reason of an error, on one line.
fn explained(text: &str, error: &toml::de::Error) -> (String, String) {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..start).unwrap_or_default();
    let (number, from) = (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |at| at + 1));
    let line = text.get(from..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let at = match line.split_once('=') {
        Some((member, _)) if !member.trim().is_empty() => format!("line {number}, {}", member.trim()),
        _ => format!("line {number}"),
    };
    (at, error.message().lines().map(str::trim).collect::<Vec<_>>().join("; "))
}

/// A path of a configuration file: a relative one is meant from the folder of that file.
pub(crate) fn beside(file: &Path, path: &Path) -> PathBuf {
    file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
}

/// The names of members that differ between two readings, but for some.
pub(crate) fn changed(now: &toml::Table, before: &toml::Table, but_for: &[&str]) -> Vec<String> {
    let names = now.keys().chain(before.keys());
    let is_changed = |name: &&String| now.get(*name) != before.get(*name) && !but_for.contains(&name.as_str());
    let mut changed: Vec<String> = names.filter(is_changed).cloned().collect();
    changed.sort_unstable();
    changed.dedup();
    changed
}

/// A value that is a text with a meaning.
pub(crate) fn meaning<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A list of such values.
pub(crate) fn meanings<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| read(text).map_err(D::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    struct Members {
        #[serde(deserialize_with = "number")]
        #[allow(dead_code, reason = "only whether it can be read matters")]
        some_number: u8,
    }

    fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        meaning(deserializer, |text| text.parse().map_err(|_| "give a number".to_owned()))
    }

    #[test]
    fn op_06_an_error_names_its_line_and_member_and_says_what_helps() {
        for (text, said) in [
            ("\nsome-number = \"x\"", "line 2, some-number: give a number"),
            ("some-number = 7", "line 1, some-number: invalid type: integer `7`, expected a string"),
            ("some-number = \"1\"\nother = 1\n", "line 2, other: unknown field `other`, expected `some-number`"),
            ("some-number = \"1\"\nsome-number = \"1\"", "line 2, some-number: duplicate key"),
            ("", "line 1: missing field `some-number`"),
            ("# ä\nsome-number \"x\"", "line 2: "),
        ] {
            let error = toml::from_str::<Members>(text).unwrap_err();
            let (at, reason) = explained(text, &error);
            assert!(format!("{at}: {reason}").starts_with(said), "{text:?}: {at}: {reason}");
            assert!(!reason.contains('\n'));
        }
    }
}
