//! An attachment, as it is asked for, and what can be said about it before anything is opened.

use super::kept_rules::WantedRules;
use super::place::{NetnsName, Place};
use super::row::BindingOptions;
use bonafide_files::User;
use bonafide_metadata::{Dialect, dialects};
use bonafide_types::enumerate_some;
use serde::{Deserialize, Serialize};

/// The dialects that are spoken at a port of loopback, where their clients look for them.
const AT_A_PORT: [&str; 3] = ["app-service", "cloud-shell", "vm-extension"];
/// Names that one binding answers to beside its own, at most. Source: ours.
const HOST_NAMES_MAX: usize = 16;
/// Longest of them, in bytes. Source: RFC 1035 section 2.3.4 (255), a port included.
const HOST_NAME_BYTES_MAX: usize = 261;

/// An attachment that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wanted {
    /// ARM id or name of the workload.
    pub workload: String,
    /// The place.
    pub place: Place,
    /// The name of a dialect; that of the place if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// The binding's way of answering.
    #[serde(default)]
    pub options: BindingOptions,
    /// True where a port takes connections of every user.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_user: bool,
    /// The user whose connections alone a unix socket takes, root's aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// Its rules, in place of those that it has already (MD-11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<WantedRules>,
}

/// The reason why an attachment makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// No such dialect.
    #[error("there is no dialect '{wanted}'; there are: {known}")]
    Dialect {
        /// The name.
        wanted: String,
        /// Those that there are.
        known: String,
    },
    /// A dialect whose clients do not look at that place.
    #[error(
        "clients of {0} look for it at a port of 127.0.0.1: attach it with --port, in a namespace with --netns too"
    )]
    NotThere(String),
    /// A name that no `Host` header has.
    #[error(
        "'{0}' is no name that a Host header could have: give a host, with a port if it is another than the endpoint's"
    )]
    HostName(String),
    /// Too many names.
    #[error("a binding answers to {HOST_NAMES_MAX} names at most beside its own")]
    HostNames,
    /// Permission bits that a socket does not have.
    #[error("{0:o} are no permissions of a socket: give three digits, as in 660")]
    Mode(u32),
    /// A user of a place that takes whoever is in it.
    #[error("an owner is for a unix socket: who reaches {0} is whose it is")]
    Owner(String),
    /// Every user, where none is refused.
    #[error("{0} takes connections of every user: leave any-user out")]
    AnyUser(String),
    /// A hop limit, where there are no hops.
    #[error("a hop limit is for a place that is reached by IP, and not for {0}: leave it out")]
    HopLimit(String),
    /// A relative path.
    #[error("{0} is not a whole path: begin it with a slash")]
    Relative(String),
    /// A port that is none.
    #[error("0 is no port that a client could be told: name one")]
    Port,
    /// A name of a device that no device has.
    #[error("'{0}' is no name of a network device")]
    Device(String),
    /// A number that no guest has.
    #[error("{0} is the number of no guest: guests have those from 3 on")]
    Guest(u32),
    /// A process id, where a namespace must be found again later.
    #[error(
        "{0} is of a process id, which another process has after the end of this one: name the namespace by another path \
         or a name of `ip netns`"
    )]
    Process(String),
}

impl Wanted {
    /// The dialect that is meant.
    pub(crate) fn dialect(&self) -> Result<&'static Dialect, WantedError> {
        let at_a_port = matches!(self.place, Place::Port { .. } | Place::Netns { port: Some(_), .. });
        let name = self.dialect.as_deref().unwrap_or(if at_a_port { "app-service" } else { "imds" });
        let dialect = dialects::named(name).ok_or_else(|| WantedError::Dialect {
            wanted: name.to_owned(),
            known: enumerate_some(dialects::ALL.iter().map(|dialect| dialect.name())),
        })?;
        match at_a_port || !AT_A_PORT.contains(&name) {
            true => Ok(dialect),
            false => Err(WantedError::NotThere(name.to_owned())),
        }
    }

    /// Refuses what no place and no client could have.
    pub(crate) fn check(&self) -> Result<(), WantedError> {
        self.dialect()?;
        let names = &self.options.host_names;
        if names.len() > HOST_NAMES_MAX {
            return Err(WantedError::HostNames);
        }
        if let Some(name) = names.iter().find(|name| !is_host(name)) {
            return Err(WantedError::HostName(name.clone()));
        }
        if let Some(NetnsName::Path(path)) = self.place.netns().filter(|netns| !is_whole(netns)) {
            return Err(WantedError::Relative(path.display().to_string()));
        }
        if self.owner.is_some() && self.place.socket_path().is_none() {
            return Err(WantedError::Owner(self.place.to_string()));
        }
        if self.any_user && !matches!(self.place, Place::Port { .. }) {
            return Err(WantedError::AnyUser(self.place.to_string()));
        }
        let has_hops = matches!(self.place, Place::Netns { .. } | Place::Interface { .. } | Place::Port { .. });
        if self.options.hop_limit.is_some() && !has_hops {
            return Err(WantedError::HopLimit(self.place.to_string()));
        }
        match &self.place {
            Place::Unix { mode, .. } | Place::VsockUnix { mode, .. } if mode & !0o777 != 0 => {
                Err(WantedError::Mode(*mode))
            }
            Place::Unix { path, .. } | Place::VsockUnix { path, .. } if !path.is_absolute() => {
                Err(WantedError::Relative(path.display().to_string()))
            }
            // Source: vsock(7): 0 the hypervisor, 1 local, 2 the host, the last any.
            Place::Vsock { cid: cid @ (0..=2 | u32::MAX), .. } => Err(WantedError::Guest(*cid)),
            Place::Port { number: 0 } | Place::Netns { port: Some(0), .. } => Err(WantedError::Port),
            Place::Interface { name, .. } if !is_device(name) => Err(WantedError::Device(name.clone())),
            _ => Ok(()),
        }
    }

    /// Refuses what a file must not name, because it is found again by that name after a restart.
    pub(crate) fn check_of_file(&self) -> Result<(), WantedError> {
        let Some(NetnsName::Path(path)) = self.place.netns() else { return Ok(()) };
        let mut parts = path.iter().skip(1);
        let is_process = parts.next().is_some_and(|part| part == "proc")
            && parts.next().is_some_and(|part| part.as_encoded_bytes().iter().all(u8::is_ascii_digit));
        if is_process { Err(WantedError::Process(path.display().to_string())) } else { Ok(()) }
    }

    /// The user whose connections alone the binding takes, for one that `caller` attaches.
    pub(crate) fn user(&self, caller: User) -> Option<User> {
        match self.place {
            Place::Port { .. } => Some(caller).filter(|_| !self.any_user),
            Place::Unix { .. } | Place::VsockUnix { .. } => self.owner.and_then(User::told),
            Place::Netns { .. } | Place::Interface { .. } | Place::Vsock { .. } => None,
        }
    }
}

fn is_whole(netns: &NetnsName) -> bool {
    match netns {
        NetnsName::Host => true,
        NetnsName::Path(path) => path.is_absolute(),
    }
}

fn is_host(name: &str) -> bool {
    let is_of_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']');
    !name.is_empty() && name.len() <= HOST_NAME_BYTES_MAX && name.chars().all(is_of_one)
}

/// Source: `dev_valid_name` of Linux (net/core/dev.c): up to 15 bytes, no slash, colon or blank.
fn is_device(name: &str) -> bool {
    let is_of_one = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | ':');
    !matches!(name, "" | "." | "..") && name.len() <= 15 && name.chars().all(is_of_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(place: Place, dialect: Option<&str>) -> Wanted {
        Wanted {
            workload: "demo".to_owned(),
            place,
            dialect: dialect.map(str::to_owned),
            options: BindingOptions::default(),
            any_user: false,
            owner: None,
            rules: None,
        }
    }

    fn netns(port: Option<u16>) -> Place {
        Place::Netns { netns: NetnsName::parse("web"), ipv6: None, port }
    }

    #[test]
    fn a_place_has_the_dialect_that_its_clients_look_for() {
        let name = |place, dialect| wanted(place, dialect).dialect().map(|dialect| dialect.name());
        assert_eq!(name(netns(None), None), Ok("imds"));
        assert_eq!(name(netns(Some(4000)), None), Ok("app-service"));
        assert_eq!(name(Place::Port { number: 4000 }, Some("imds")), Ok("imds"));
        assert_eq!(name(netns(None), Some("app-service")), Err(WantedError::NotThere("app-service".to_owned())));
        assert!(matches!(name(netns(None), Some("aws")), Err(WantedError::Dialect { .. })));
    }

    #[test]
    fn what_no_client_could_use_is_refused() {
        let check = |place| wanted(place, None).check();
        assert_eq!(check(Place::Port { number: 0 }), Err(WantedError::Port));
        assert_eq!(check(Place::Unix { path: "/a".into(), mode: 0o4600 }), Err(WantedError::Mode(0o4600)));
        assert_eq!(check(Place::Unix { path: "a".into(), mode: 0o600 }), Err(WantedError::Relative("a".to_owned())));
        let any = |place| Wanted { any_user: true, ..wanted(place, None) }.check();
        assert_eq!(any(Place::Port { number: 4000 }), Ok(()));
        assert!(matches!(any(netns(Some(4000))), Err(WantedError::AnyUser(_))));
        let near = |place| {
            let options = BindingOptions { hop_limit: std::num::NonZeroU8::new(1), ..BindingOptions::default() };
            Wanted { options, ..wanted(place, None) }.check()
        };
        assert_eq!(near(netns(None)), Ok(()));
        assert!(matches!(near(Place::Vsock { cid: 3, port: 80 }), Err(WantedError::HopLimit(_))));
        let owned = |place| Wanted { owner: Some(1_000), ..wanted(place, None) }.check();
        assert_eq!(owned(Place::Unix { path: "/a".into(), mode: 0o600 }), Ok(()));
        assert!(matches!(owned(netns(None)), Err(WantedError::Owner(_))));
        assert!(matches!(owned(Place::Port { number: 4000 }), Err(WantedError::Owner(_))));
        for device in ["", "a/b", "a b", "a:1", "sixteen-bytes-xx", ".."] {
            let place = Place::Interface { name: device.to_owned(), netns: None, ipv6: None };
            assert_eq!(check(place), Err(WantedError::Device(device.to_owned())));
        }
        for (name, good) in
            [("vault", true), ("a.b:8080", true), ("[fd00::1]", true), ("a b", false), ("", false), ("a/b", false)]
        {
            let mut wanted = wanted(netns(None), None);
            wanted.options.host_names = vec![name.to_owned()];
            assert_eq!(wanted.check().is_ok(), good, "{name}");
        }
    }
}
