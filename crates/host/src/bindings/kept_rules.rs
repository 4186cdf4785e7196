//! The rules of a binding as its row keeps them: the last good version, sealed with the row (MD-11).

use super::place::Place;
use bonafide_files::read_named;
use bonafide_metadata::rules::{RULES_BYTES_MAX, Rules, RulesError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Rules that are wanted: the text of a file, or the reason why that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WantedRules {
    /// The text.
    Text {
        /// The file.
        path: PathBuf,
        /// Its text.
        text: String,
    },
    /// The reason.
    Unread(String),
}

/// The rules of a binding that has some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KeptRules {
    /// The text of the last good version; without one nothing is allowed.
    good: Option<String>,
}

/// The reason why rules that are wanted are not in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// There is no text.
    #[error("{0}")]
    Unread(String),
    /// The text is none of rules.
    #[error("{} is not followed: {error}", path.display())]
    Rules {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: RulesError,
    },
    /// They are for another kind of place.
    #[error(
        "the rules name callers by uid or cgroup, which cannot be seen at {0}: who calls is on its other side. If that is on this \
         machine attach its network namespace instead (--netns); else narrow by paths, with \"anyone\": true as the identity"
    )]
    UnseenCallers(String),
}

impl WantedRules {
    /// Those of a file. One that cannot be read is a version that is no good.
    pub fn of_file(path: &Path) -> Self {
        match read_named(path) {
            Err(why) => Self::Unread(why.to_string()),
            Ok(bytes) if bytes.len() > RULES_BYTES_MAX => {
                Self::Unread(format!("{} is larger than {RULES_BYTES_MAX} bytes", path.display()))
            }
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Self::Text { path: path.to_owned(), text },
                Err(_) => Self::Unread(format!("{} is not text in UTF-8", path.display())),
            },
        }
    }

    /// The text, if rules of this text can be followed at a place.
    pub(super) fn good_at(&self, place: &Place) -> Result<&str, NotTaken> {
        let (path, text) = match self {
            Self::Unread(why) => return Err(NotTaken::Unread(why.clone())),
            Self::Text { path, text } => (path, text),
        };
        match Rules::parse(text.as_bytes()) {
            Err(error) => Err(NotTaken::Rules { path: path.clone(), error }),
            Ok(rules) if rules.name_callers() && !place.shows_callers() => {
                Err(NotTaken::UnseenCallers(place.to_string()))
            }
            Ok(_) => Ok(text),
        }
    }

    /// Refuses rules that no file could mend at a place.
    pub(super) fn check_at(&self, place: &Place) -> Result<(), NotTaken> {
        match self.good_at(place) {
            Err(why @ NotTaken::UnseenCallers(_)) => Err(why),
            Ok(_) | Err(NotTaken::Unread(_) | NotTaken::Rules { .. }) => Ok(()),
        }
    }
}

impl KeptRules {
    /// The rules to keep once a version is wanted, after those that were kept before: a version that is no good changes nothing
    /// and, where there was none, denies all.
    pub(crate) fn after(before: Option<&Self>, wanted: &WantedRules, place: &Place) -> (Self, Option<NotTaken>) {
        match wanted.good_at(place) {
            Ok(text) => (Self { good: Some(text.to_owned()) }, None),
            Err(why) => (before.cloned().unwrap_or(Self { good: None }), Some(why)),
        }
    }

    /// The rules that are in force by it.
    pub(crate) fn rules(&self) -> Rules {
        let parsed = self.good.as_ref().and_then(|text| Rules::parse(text.as_bytes()).ok());
        // A version that is good no more, after an upgrade, allows nothing.
        parsed.unwrap_or_else(Rules::denying_all)
    }

    /// True while nothing is allowed for want of a good version.
    pub(crate) fn denies_all(&self) -> bool {
        self.good.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::place::NetnsName;

    #[test]
    fn md_11_the_last_good_version_stays_and_without_one_nothing_is_allowed() {
        let text = |text: &str| WantedRules::Text { path: "r".into(), text: text.to_owned() };
        let (watched, bad) = (text("{\"mode\":\"audit\"}"), text("{\"mode\":\"audit\",\"mode\":\"disabled\"}"));
        let place = Place::Port { number: 4000 };
        let (none, why) = KeptRules::after(None, &bad, &place);
        assert!(none.denies_all() && why.is_some() && none.rules() == Rules::denying_all());
        let (good, why) = KeptRules::after(Some(&none), &watched, &place);
        assert!(why.is_none() && good.rules() == Rules::parse(b"{\"mode\":\"audit\"}").unwrap());
        let missing = WantedRules::of_file(Path::new("/there/is/none"));
        for wanted in [&bad, &missing] {
            let (kept, why) = KeptRules::after(Some(&good), wanted, &place);
            assert!(kept == good && why.is_some());
        }
        let kept: KeptRules = serde_json::from_str(&serde_json::to_string(&good).unwrap()).unwrap();
        assert_eq!(kept, good, "over a restart");
    }

    #[test]
    fn md_11_rules_that_name_callers_are_for_places_whose_callers_are_seen() {
        let rules = |identity: &str| {
            let text = format!(
                r#"{{"mode":"audit","privileges":[{{"name":"p","path":"/"}}],"roles":[{{"name":"r","privileges":["p"]}}],
                    "identities":[{{"name":"i",{identity}}}],"roleAssignments":[{{"role":"r","identities":["i"]}}]}}"#
            );
            WantedRules::Text { path: "r".into(), text }
        };
        let path = || "/run/vm.sock".into();
        let tap = Place::Interface { name: "tap0".to_owned(), netns: None, ipv6: None };
        let monitor = Place::VsockUnix { path: path(), port: 80, mode: 0o600 };
        for place in [tap, monitor, Place::Vsock { cid: 3, port: 80 }] {
            let why = rules(r#""uid":0"#).check_at(&place).unwrap_err().to_string();
            assert!(why.contains(&format!("at {place}: who calls is on its other side")), "{why}");
            assert!(rules(r#""cgroup":"/a""#).check_at(&place).is_err());
            assert!(rules(r#""anyone":true"#).check_at(&place).is_ok());
            let (kept, why) = KeptRules::after(None, &rules(r#""uid":0"#), &place);
            assert!(kept.denies_all() && why.is_some(), "{place}");
        }
        let netns = Place::Netns { netns: NetnsName::parse("web"), ipv6: None, port: None };
        for place in [Place::Port { number: 4000 }, Place::Unix { path: path(), mode: 0o600 }, netns] {
            assert!(rules(r#""uid":0,"cgroup":"/a""#).check_at(&place).is_ok(), "{place}");
        }
    }

    #[test]
    fn md_11_a_file_of_rules_is_text_of_a_bounded_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.json");
        for (bytes, is_text) in
            [(vec![b' '; RULES_BYTES_MAX], true), (vec![b' '; RULES_BYTES_MAX + 1], false), (vec![0xff], false)]
        {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(matches!(WantedRules::of_file(&path), WantedRules::Text { .. }), is_text);
        }
    }
}
