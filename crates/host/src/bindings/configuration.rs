//! The file of bindings, which says what is to be attached. What the command line attached is none of its business.

use super::kept_rules::{NotTaken, WantedRules};
use super::place_options::{PlaceOptions, PlaceOptionsError};
use super::registry::{Attacher, Bindings, Missing};
use super::row::{BindingOptions, BindingRow, BindingState};
use super::wanted::{Wanted, WantedError};
use bonafide_files::{User, UserNameError, user_named};
use bonafide_http::Event;
use serde::Deserialize;
use std::net::Ipv6Addr;
use std::path::PathBuf;

/// Bindings of a file, at most. Source: ours; a host has a thousand namespaces.
const BINDINGS_MAX: usize = 10_000;

/// The reason why a file is not followed. What is attached stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It is no TOML, or has members that are not known.
    #[error("line {line}: {reason}")]
    Toml {
        /// The line.
        line: usize,
        /// The reason.
        reason: String,
    },
    /// A binding of it names no place.
    #[error("binding {at}: {error}")]
    Place {
        /// Its number in the file.
        at: usize,
        /// The reason.
        error: PlaceOptionsError,
    },
    /// A binding of it makes no sense.
    #[error("binding {at}: {error}")]
    Wanted {
        /// Its number in the file.
        at: usize,
        /// The reason.
        error: WantedError,
    },
    /// The permissions of a socket.
    #[error("binding {at}: '{mode}' are no permissions: give three octal digits, as in \"660\"")]
    Mode {
        /// Its number in the file.
        at: usize,
        /// The text.
        mode: String,
    },
    /// A user.
    #[error("binding {at}: {error}")]
    User {
        /// Its number in the file.
        at: usize,
        /// The reason.
        error: UserNameError,
    },
    /// Its rules.
    #[error("binding {at}: {error}")]
    Rules {
        /// Its number in the file.
        at: usize,
        /// The reason.
        error: NotTaken,
    },
    /// A place that is named twice.
    #[error("bindings {first} and {second} are for the same place, {place}")]
    Twice {
        /// The number of the first.
        first: usize,
        /// The number of the second.
        second: usize,
        /// The place.
        place: String,
    },
    /// Too many.
    #[error("the file has more than {BINDINGS_MAX} bindings")]
    TooMany,
}

/// The outcome of a file that was followed.
#[derive(Debug, Default)]
pub struct Applied {
    /// The number of bindings that were attached.
    pub attached: usize,
    /// The number of those that were detached.
    pub detached: usize,
    /// Sentences about those that could not be attached. The others are; these are tried again.
    pub failed: Vec<String>,
}

/// The occasion on which a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The start of the agent: a namespace or device that took the name of another since, while the machine ran on, does
    /// not inherit its identity. Those of another start of the machine are what the file says.
    Start,
    /// Somebody asked for it: what is there now is what is meant.
    Asked,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    binding: Vec<Member>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Member {
    workload: String,
    netns: Option<String>,
    tap: Option<String>,
    unix: Option<PathBuf>,
    vsock: Option<u32>,
    vsock_uds: Option<PathBuf>,
    vsock_port: Option<u32>,
    port: Option<u16>,
    ipv6: Option<Ipv6Addr>,
    mode: Option<String>,
    owner: Option<String>,
    dialect: Option<String>,
    #[serde(default)]
    any_user: bool,
    /// A dot would divide the name in two.
    #[serde(default, rename = "allow-http-1-0")]
    allow_http_1_0: bool,
    #[serde(default)]
    host_names: Vec<String>,
    #[serde(default)]
    require_session: bool,
    hop_limit: Option<std::num::NonZeroU8>,
    rules: Option<PathBuf>,
}

/// The bindings that a file says, read without a look at what is there.
pub struct WantedBindings(Vec<Wanted>);

impl WantedBindings {
    /// Those of a text, with the files of rules that it names.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        parse(text).map(Self)
    }

    /// Those of a configuration that names no file: none.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Refuses rules that would not be followed.
    pub fn check_rules(&self) -> Result<(), ConfigurationError> {
        let rules = self.0.iter().zip(1..).filter_map(|(wanted, at)| Some((at, &wanted.place, wanted.rules.as_ref()?)));
        for (at, place, rules) in rules {
            rules.good_at(place).map_err(|error| ConfigurationError::Rules { at, error })?;
        }
        Ok(())
    }
}

/// Reads a file of bindings.
fn parse(text: &str) -> Result<Vec<Wanted>, ConfigurationError> {
    let file: File = toml::from_str(text).map_err(|error| not_toml(text, &error))?;
    if file.binding.len() > BINDINGS_MAX {
        return Err(ConfigurationError::TooMany);
    }
    let members = file.binding.into_iter().zip(1..).map(|(member, at)| member.wanted(at));
    let wanted: Vec<Wanted> = members.collect::<Result<_, _>>()?;
    let mut places: Vec<(String, usize)> = wanted.iter().map(|wanted| wanted.place.to_string()).zip(1..).collect();
    places.sort();
    if let Some([(place, first), (_, second)]) = places.array_windows().find(|[one, other]| one.0 == other.0) {
        return Err(ConfigurationError::Twice { first: *first, second: *second, place: place.clone() });
    }
    Ok(wanted)
}

/// The error on one line.
fn not_toml(text: &str, error: &toml::de::Error) -> ConfigurationError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let reason = error.message().lines().map(str::trim).collect::<Vec<_>>().join("; ");
    ConfigurationError::Toml { line: before.matches('\n').count() + 1, reason }
}

impl Member {
    fn wanted(self, at: usize) -> Result<Wanted, ConfigurationError> {
        let mode =
            self.mode.map(|mode| u32::from_str_radix(&mode, 8).map_err(|_| ConfigurationError::Mode { at, mode }));
        let owner = self.owner.map(|owner| user_named(&owner).map_err(|error| ConfigurationError::User { at, error }));
        let place = PlaceOptions {
            netns: self.netns,
            tap: self.tap,
            unix: self.unix,
            vsock: self.vsock,
            vsock_uds: self.vsock_uds,
            vsock_port: self.vsock_port,
            port: self.port,
            ipv6: self.ipv6,
            mode: mode.transpose()?,
        };
        if let Some(path) = self.rules.as_deref().filter(|path| !path.is_absolute()) {
            return Err(ConfigurationError::Wanted { at, error: WantedError::Relative(path.display().to_string()) });
        }
        let place = place.place().map_err(|error| ConfigurationError::Place { at, error })?;
        let wanted = Wanted {
            workload: self.workload,
            place,
            dialect: self.dialect,
            options: BindingOptions {
                allow_http_1_0: self.allow_http_1_0,
                host_names: self.host_names,
                require_session: self.require_session,
                hop_limit: self.hop_limit,
            },
            any_user: self.any_user,
            owner: owner.transpose()?.map(User::id),
            rules: self.rules.as_deref().map(WantedRules::of_file),
        };
        let checked = wanted.check().and_then(|()| wanted.check_of_file());
        checked.map_err(|error| ConfigurationError::Wanted { at, error })?;
        Ok(wanted)
    }
}

impl Bindings {
    /// Follows a file of bindings: attaches what is new in it, detaches what is no more, and leaves all else alone.
    pub async fn follow(&self, WantedBindings(wanted): WantedBindings, occasion: Occasion) -> Applied {
        let _one_at_a_time = self.following_alone().await;
        let mut applied = Applied::default();
        let mut kept = Vec::new();
        for (row, state) in self.configured() {
            let is_gone = matches!(state, BindingState::Gone(_));
            let stays = occasion == Occasion::Start && self.is_of_this_start(&row);
            match self.place_in(&row, &wanted).await {
                Some(at) if stays || !is_gone => {
                    let failed = match self.set_rules(row.id, wanted[at].rules.as_ref()).await {
                        Ok(not_taken) => not_taken.map(|why| why.to_string()),
                        Err(why) => Some(why.to_string()),
                    };
                    applied.failed.extend(failed.map(|why| format!("binding {} ({}): {why}", at + 1, row.place)));
                    kept.push(at);
                }
                Some(_) | None => {
                    applied.detached += usize::from(self.end_configured(row.id).await);
                }
            }
        }
        let mut missing = Vec::new();
        for (at, wanted) in wanted.into_iter().enumerate().filter(|(at, _)| !kept.contains(at)) {
            match self.attach(&wanted, None, self.as_configuration()).await {
                Ok(_) => applied.attached += 1,
                Err(error) => {
                    let event = Event::named("bindingNotAttached").with("place", &wanted.place);
                    let not_attached = Missing::new(at + 1, wanted, &error);
                    self.tell(&event, &not_attached.why);
                    applied.failed.push(not_attached.why.clone());
                    missing.push(not_attached);
                }
            }
        }
        self.miss(missing);
        applied
    }

    /// The number of the attachment in a file that a row is the outcome of.
    async fn place_in(&self, row: &BindingRow, wanted: &[Wanted]) -> Option<usize> {
        for (at, wanted) in wanted.iter().enumerate() {
            if row.is_as_wanted(wanted, self.as_configuration().user)
                && self.means(&wanted.workload, row.workload).await
            {
                return Some(at);
            }
        }
        None
    }

    /// The one who attaches what the file says: the agent's own user.
    pub(super) fn as_configuration(&self) -> Attacher {
        Attacher { user: self.owner(), is_configuration: true }
    }
}

impl BindingRow {
    fn is_as_wanted(&self, wanted: &Wanted, by: User) -> bool {
        self.place == wanted.place
            && wanted.dialect().is_ok_and(|dialect| dialect.name() == self.dialect)
            && self.options == wanted.options
            && self.user == wanted.user(by).map(User::id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::place::{NetnsName, Place};

    #[test]
    fn a_file_says_all_that_the_command_line_can() {
        let text = r#"
            [[binding]]
            workload = "web"
            netns = "web"
            ipv6 = "fd00::254"
            host-names = ["metadata.example"]
            allow-http-1-0 = true

            [[binding]]
            workload = "db"
            unix = "/run/db/metadata.sock"
            mode = "660"
            owner = "root"
        "#;
        let [web, db] = &parse(text).unwrap()[..] else { panic!("others") };
        let netns = NetnsName::parse("web");
        assert_eq!(web.place, Place::Netns { netns, ipv6: Some("fd00::254".parse().unwrap()), port: None });
        assert!(web.options.allow_http_1_0 && web.options.host_names == ["metadata.example"]);
        assert_eq!(db.place, Place::Unix { path: "/run/db/metadata.sock".into(), mode: 0o660 });
        assert_eq!(db.owner, Some(0));
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn a_file_that_is_not_understood_says_where_and_why() {
        let said = |text: &str| parse(text).unwrap_err().to_string();
        let binding = |rest: &str| said(&format!("[[binding]]\nworkload = \"a\"\n{rest}\n"));
        assert!(binding("").starts_with("binding 1: name one place"));
        assert!(binding("port = 1\nunix = \"/a\"").starts_with("binding 1: name one place"));
        assert!(binding("port = 1\nnetwork = 2").contains("unknown field `network`"));
        assert!(binding("unix = \"a\"").contains("not a whole path"));
        assert!(binding("port = 1\nrules = \"rules.json\"").contains("rules.json is not a whole path"));
        assert!(binding("unix = \"/a\"\nmode = \"999\"").contains("'999' are no permissions"));
        assert!(binding("unix = \"/a\"\nowner = \"nobody-of-this-name\"").contains("nobody-of-this-name"));
        assert!(binding("netns = \"42\"").contains("process id"));
        let twice = "[[binding]]\nworkload = \"a\"\nport = 4000\n".repeat(2);
        assert_eq!(said(&twice), "bindings 1 and 2 are for the same place, --port 4000");
        assert!(said("binding = 1").starts_with("line 1: invalid type"));
        assert!(said("\n[[binding]\n").starts_with("line 2: "));
    }
}
