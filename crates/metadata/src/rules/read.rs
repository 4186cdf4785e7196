//! Reading rules. Whatever could be meant in two ways, or means nothing, is refused: half of what somebody wrote down is
//! another policy.

use super::{Grant, Identity, Mode, Privilege, Rules};
use crate::dialects;
use crate::path::canonical;
use bonafide_types::json::{JsonError, parse_object_bounded};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest file of rules, in bytes. Source: ours; some hundred rules.
pub const RULES_BYTES_MAX: usize = 64 * 1024;
/// Members and elements in it. Source: ours.
const MEMBERS_MAX: usize = 8_192;
/// The number of no user (`(uid_t) -1`).
const NOBODYS_UID: u32 = u32::MAX;

/// The reason why rules are not taken, and the line of the file that it is about, where it is about one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", in_line(*line))]
pub struct RulesError {
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// The reason.
    pub fault: RulesFault,
}

fn in_line(line: Option<usize>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}

/// The reason why rules are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesFault {
    /// It is not JSON of one meaning.
    #[error("{0}")]
    Json(JsonError),
    /// A member is missing, unknown or of another type.
    #[error("{0}")]
    Form(String),
    /// Two of a kind have one name.
    #[error("two {kind} have the name '{name}'")]
    Twice {
        /// The list.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Something is named that is not there.
    #[error("'{by}' names '{name}', which is none of the {kind}")]
    Dangling {
        /// The one that names it.
        by: String,
        /// The list in which it should be.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A path that no request has.
    #[error("privilege '{0}': its path is none in the canonical form, as in /metadata/identity/oauth2/token")]
    Path(String),
    /// A dialect that there is not.
    #[error("privilege '{0}': there is no such dialect")]
    Dialect(String),
    /// A caller that is nobody, or might be anybody.
    #[error(
        "identity '{0}': give a 'uid', a 'cgroup' as a whole path like /system.slice/web.service, or both; or \"anyone\": true \
         alone"
    )]
    Identity(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    mode: FileMode,
    #[serde(default)]
    privileges: Vec<FilePrivilege>,
    #[serde(default)]
    roles: Vec<FileRole>,
    #[serde(default)]
    identities: Vec<FileIdentity>,
    #[serde(default)]
    role_assignments: Vec<FileAssignment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum FileMode {
    Disabled,
    Audit,
    Enforce,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FilePrivilege {
    name: String,
    path: String,
    dialect: Option<String>,
    method: Option<String>,
    #[serde(default)]
    query_parameters: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRole {
    name: String,
    privileges: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileIdentity {
    name: String,
    #[serde(default)]
    anyone: bool,
    uid: Option<u32>,
    cgroup: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAssignment {
    role: String,
    identities: Vec<String>,
}

impl Rules {
    /// Reads the text of a file of rules.
    pub fn parse(text: &[u8]) -> Result<Self, RulesError> {
        Self::read(text).map_err(|fault| fault.in_text(text))
    }

    fn read(text: &[u8]) -> Result<Self, RulesFault> {
        let object = parse_object_bounded(text, RULES_BYTES_MAX, MEMBERS_MAX).map_err(RulesFault::Json)?;
        let file: File =
            serde_json::from_value(Value::Object(object)).map_err(|error| RulesFault::Form(error.to_string()))?;
        let mode = match file.mode {
            FileMode::Disabled => Mode::Disabled,
            FileMode::Audit => Mode::Audit,
            FileMode::Enforce => Mode::Enforce,
        };
        let privileges = named("privileges", file.privileges.into_iter().map(FilePrivilege::read))?;
        let identities = named("identities", file.identities.into_iter().map(FileIdentity::read))?;
        let read_role =
            |role: FileRole| Ok((role.name.clone(), all(&role.name, "privileges", &role.privileges, &privileges)?));
        let roles = named("roles", file.roles.into_iter().map(read_role))?;
        let mut grants = Vec::new();
        for FileAssignment { role, identities: names } in file.role_assignments {
            let privileges = one("roleAssignments", "roles", &role, &roles)?;
            grants.push(Grant { privileges, identities: all(&role, "identities", &names, &identities)? });
        }
        Ok(Self { mode, grants, are_missing: false })
    }
}

impl RulesFault {
    /// The fault with its line in a text, which a parser of text alone can tell.
    fn in_text(self, text: &[u8]) -> RulesError {
        match &self {
            // Too large to be read once more.
            Self::Json(JsonError::TooLarge | JsonError::TooMany | JsonError::TooDeep) => {
                RulesError { line: None, fault: self }
            }
            Self::Json(_) | Self::Form(_) => match serde_json::from_slice::<File>(text) {
                Err(error) => {
                    let said = error.to_string();
                    let place = format!(" at line {} column {}", error.line(), error.column());
                    let reason = said.strip_suffix(&place).unwrap_or(&said).to_owned();
                    RulesError { line: Some(error.line()), fault: Self::Form(reason) }
                }
                Ok(_) => RulesError { line: None, fault: self },
            },
            // These name what they are about.
            _ => RulesError { line: None, fault: self },
        }
    }
}

/// A list by names, each of which it has once.
fn named<T>(
    kind: &'static str,
    list: impl Iterator<Item = Result<(String, T), RulesFault>>,
) -> Result<BTreeMap<String, T>, RulesFault> {
    let mut by_name = BTreeMap::new();
    for item in list {
        let (name, value) = item?;
        if by_name.contains_key(&name) {
            return Err(RulesFault::Twice { kind, name });
        }
        by_name.insert(name, value);
    }
    Ok(by_name)
}

fn one<T: Clone>(by: &str, kind: &'static str, name: &str, list: &BTreeMap<String, T>) -> Result<T, RulesFault> {
    let dangling = || RulesFault::Dangling { by: by.to_owned(), kind, name: name.to_owned() };
    list.get(name).cloned().ok_or_else(dangling)
}

fn all<T: Clone>(
    by: &str,
    kind: &'static str,
    names: &[String],
    list: &BTreeMap<String, T>,
) -> Result<Vec<T>, RulesFault> {
    names.iter().map(|name| one(by, kind, name, list)).collect()
}

impl FilePrivilege {
    fn read(self) -> Result<(String, Privilege), RulesFault> {
        let Self { name, path, dialect, method, query_parameters } = self;
        if canonical(&path).ok().as_deref() != Some(path.as_str()) {
            return Err(RulesFault::Path(name));
        }
        if dialect.as_deref().is_some_and(|dialect| dialects::named(dialect).is_none()) {
            return Err(RulesFault::Dialect(name));
        }
        let parameters: Vec<(String, String)> = query_parameters.into_iter().collect();
        for (at, (one, _)) in parameters.iter().enumerate() {
            if parameters[..at].iter().any(|(other, _)| other.eq_ignore_ascii_case(one)) {
                return Err(RulesFault::Twice { kind: "queryParameters", name: one.clone() });
            }
        }
        Ok((name, Privilege { path, dialect, method, parameters }))
    }
}

impl FileIdentity {
    fn read(self) -> Result<(String, Identity), RulesFault> {
        let Self { name, anyone, uid, cgroup } = self;
        let is_path = cgroup.as_deref().is_none_or(is_cgroup);
        match (anyone, uid, &cgroup) {
            (true, None, None) => Ok((name, Identity::Anyone)),
            (false, Some(NOBODYS_UID), _) | (false, None, None) | (true, ..) => Err(RulesFault::Identity(name)),
            (false, ..) if !is_path => Err(RulesFault::Identity(name)),
            (false, ..) => Ok((name, Identity::Is { uid, cgroup })),
        }
    }
}

/// True of a whole path of a control group, without steps that lead elsewhere.
fn is_cgroup(path: &str) -> bool {
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_name))
}
