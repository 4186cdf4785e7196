//! The configuration file of `host run`. docs/guide/serve.md describes each member.

use crate::configuration::{self, ConfigurationError, beside, meaning};
use crate::options::{self, Throttle};
use serde::{Deserialize, Deserializer};
use std::path::{Path, PathBuf};

/// The members that are read anew on SIGHUP.
const RELOADED: [&str; 2] = ["bindings", "log"];

/// The members of the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Members {
    data_dir: Option<PathBuf>,
    #[serde(default, deserialize_with = "throttle")]
    throttle: Throttle,
    #[serde(default)]
    refresh_ahead: Ahead,
    #[serde(default)]
    any_user: bool,
    bindings: Option<PathBuf>,
    opener: Option<PathBuf>,
    #[serde(default)]
    log: options::LogChoice,
}

/// True unless the file says otherwise.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
struct Ahead(bool);

impl Default for Ahead {
    fn default() -> Self {
        Self(true)
    }
}

fn throttle<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Throttle, D::Error> {
    meaning(deserializer, options::throttle)
}

/// A configuration; that without a file has every default.
#[derive(Default)]
pub(super) struct Configuration {
    file: Option<PathBuf>,
    members: Members,
    table: toml::Table,
}

impl Configuration {
    /// Reads a file, if there is one.
    pub(super) fn read(file: Option<&Path>) -> Result<Self, ConfigurationError> {
        let Some(file) = file else { return Ok(Self::default()) };
        let configuration::Read { members, table } = configuration::read(file)?;
        Ok(Self { file: Some(file.to_owned()), members, table })
    }

    /// The data directory, where the file names one.
    pub(super) fn data_dir(&self) -> Option<PathBuf> {
        Some(beside(self.file.as_deref()?, self.members.data_dir.as_deref()?))
    }

    /// The file with what is to be attached.
    pub(super) fn bindings(&self) -> Option<PathBuf> {
        Some(beside(self.file.as_deref()?, self.members.bindings.as_deref()?))
    }

    /// The socket of the privileged opener.
    pub(super) fn opener(&self) -> Option<PathBuf> {
        Some(beside(self.file.as_deref()?, self.members.opener.as_deref()?))
    }

    /// The options of the agent.
    pub(super) fn agent(&self) -> bonafide_metadata::Options {
        self.members.throttle.agent(self.members.refresh_ahead.0)
    }

    /// True where endpoints of loopback take connections of any user of this machine.
    pub(super) fn any_user(&self) -> bool {
        self.members.any_user
    }

    /// True where only failures are logged, and only in the data directory.
    pub(super) fn is_quiet(&self) -> bool {
        self.members.log == options::LogChoice::Off
    }

    /// The members that differ from those of `before`, and count from the next start only.
    pub(super) fn for_the_next_start(&self, before: &Self) -> Vec<String> {
        configuration::changed(&self.table, &before.table, &RELOADED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_06_a_member_that_is_not_known_or_cannot_be_is_refused_by_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("host.toml");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Configuration::read(Some(&file)).map_err(|error| error.to_string())
        };
        for (text, said) in [
            ("throttle = \"0,1\"", "line 1, throttle: give two numbers above zero"),
            ("refresh-ahead = \"yes\"", "line 1, refresh-ahead: invalid type"),
            ("listen = \"x\"", "line 1, listen: unknown field `listen`"),
        ] {
            let error = read(text).err().unwrap();
            assert!(error.contains(said), "{text}: {error}");
        }
        let all = read("data-dir = \"d\"\nthrottle = \"off\"\nrefresh-ahead = false\nany-user = true\nlog = \"off\"")
            .unwrap();
        assert_eq!(all.data_dir(), Some(dir.path().join("d")));
        assert!(all.agent().throttle.is_none() && !all.agent().refresh_ahead && all.any_user() && all.is_quiet());
        let none = Configuration::read(None).unwrap();
        assert!(none.agent().throttle.is_some() && none.agent().refresh_ahead && !none.any_user());
        assert_eq!(all.for_the_next_start(&none), ["any-user", "data-dir", "refresh-ahead", "throttle"]);
    }
}
