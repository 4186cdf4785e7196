//! The identity block of a request, with its rules for what is absent and what is null.
//!
//! | request | does |
//! |---|---|
//! | no `identity`, or null | keeps every identity (az updates a machine without sending it) |
//! | a type without `UserAssigned` | removes all user-assigned identities |
//! | a type without `SystemAssigned` | removes the system-assigned identity |
//! | `userAssignedIdentities` absent or null | keeps those that the type allows (az sends null) |
//! | PATCH with a map | adds what is named, removes what is null, keeps the rest |
//! | PUT with a map | has exactly what is named; null is refused, for it asks for nothing |
//! | `identityIds`, of any type in any api-version | has exactly what is named; beside a map it is refused |
//!
//! Sources: docs/wire/management-identity.md.

use crate::fault::Fault;
use crate::order::granting_body::{self, Grants};
use bonafide_core::directory::{Change, ResourceIdentity};
use bonafide_types::{Excerpt, ResourceId};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Longest id that a refusal repeats, in characters. Source: ours.
const ID_CHARS_MAX: usize = 256;
/// Ids that a refusal repeats. Source: ours.
const IDS_SHOWN_MAX: usize = 8;

/// The write that sends an identity block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Put,
    Patch,
}

/// The identity block of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    kind: Option<Types>,
    users: Option<Users>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Types {
    system: bool,
    users: bool,
}

/// The user-assigned identities that a request names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Users {
    named: Vec<ResourceId>,
    null: Vec<ResourceId>,
    /// True for `identityIds`, which is always the whole list.
    whole: bool,
}

/// Reads an identity block.
pub(crate) fn read(block: &Value) -> Result<Option<Asked>, Fault> {
    let block = match block {
        Value::Null => return Ok(None),
        Value::Object(block) => granting_body::read(block, &[Grants::Identity])?,
        _ => return Err(Fault::BodyInvalid("'identity' is not an object".to_owned())),
    };
    let kind = match block.get("type") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(types(text)?),
        Some(_) => return Err(Fault::BodyInvalid("'identity.type' is not a string".to_owned())),
    };
    let sent = |name: &str| block.get(name).filter(|value| !value.is_null());
    let wrong = |text: &str| Err(Fault::BodyInvalid(text.to_owned()));
    let users = match (sent("userAssignedIdentities"), sent("identityIds")) {
        (None, None) => None,
        (Some(Value::Object(map)), None) => Some(users(map)?),
        (None, Some(Value::Array(ids))) => Some(listed(ids)?),
        (Some(_), Some(_)) => {
            return wrong("'identity' has 'userAssignedIdentities' and 'identityIds': send one of them");
        }
        (Some(_), None) => return wrong("'identity.userAssignedIdentities' is not an object"),
        (None, Some(_)) => return wrong("'identity.identityIds' is not an array"),
    };
    Ok(Some(Asked { kind, users }))
}

/// The list that came before the map.
fn listed(ids: &[Value]) -> Result<Users, Fault> {
    let named = ids.iter().map(|id| identity_id(id.as_str().unwrap_or_default())).collect::<Result<_, _>>()?;
    unique(Users { named, null: Vec::new(), whole: true })
}

fn types(text: &str) -> Result<Types, Fault> {
    let mut found = Types { system: false, users: false };
    let wrong = || Fault::IdentityTypeInvalid(Excerpt::of(text).into());
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    for word in &words {
        let flag = match word.to_ascii_lowercase().as_str() {
            "systemassigned" => &mut found.system,
            "userassigned" => &mut found.users,
            "none" if words.len() == 1 => continue,
            _ => return Err(wrong()),
        };
        if std::mem::replace(flag, true) {
            return Err(wrong());
        }
    }
    Ok(found)
}

fn users(map: &Map<String, Value>) -> Result<Users, Fault> {
    let mut users = Users::default();
    for (id, value) in map {
        match value {
            Value::Null => users.null.push(identity_id(id)?),
            // Clients send back what they read: `clientId` and `principalId` are not theirs to say.
            Value::Object(sent) => {
                granting_body::read(sent, &[Grants::IdentityUser])?;
                users.named.push(identity_id(id)?);
            }
            _ => return Err(Fault::IdentityValuesInvalid(vec![id.chars().take(ID_CHARS_MAX).collect()])),
        }
    }
    unique(users)
}

/// Two spellings of one id are one identity, named twice.
fn unique(users: Users) -> Result<Users, Fault> {
    let mut seen = HashSet::new();
    for id in users.named.iter().chain(&users.null) {
        if !seen.insert(id.fold()) {
            return Err(Fault::BodyInvalid("an identity is named twice".to_owned()));
        }
    }
    Ok(users)
}

/// The id of an identity as a body names it.
fn identity_id(text: &str) -> Result<ResourceId, Fault> {
    let id =
        ResourceId::parse(text).map_err(|_| Fault::IdentityIdInvalid(text.chars().take(ID_CHARS_MAX).collect()))?;
    id.subscription().ok_or_else(|| Fault::IdentityIdInvalid(id.to_string()))?;
    Ok(id)
}

impl Asked {
    /// The identity type that is asked for, in Azure's spelling.
    pub(crate) fn type_text(&self) -> &'static str {
        let kind = self.kind.unwrap_or(Types { system: false, users: self.users.is_some() });
        match (kind.system, kind.users) {
            (false, false) => "None",
            (true, false) => "SystemAssigned",
            (false, true) => "UserAssigned",
            (true, true) => "SystemAssigned, UserAssigned",
        }
    }

    /// The identities that are named, to be looked up.
    pub(crate) fn named(&self) -> &[ResourceId] {
        self.users.as_ref().map_or(&[], |users| users.named.as_slice())
    }

    /// Applies the rules to what is there. `replaced` holds the ids (in lower case) of identities that
    /// are assigned already but whose name meanwhile belongs to another, newer identity.
    pub(crate) fn change(
        &self,
        verb: Verb,
        old: &ResourceIdentity,
        replaced: &HashSet<String>,
    ) -> Result<Change, Fault> {
        self.check_null(verb)?;
        let kind = self
            .kind
            .unwrap_or(Types { system: old.system.is_some(), users: self.users.is_some() || !old.users.is_empty() });
        if !kind.users {
            if !self.named().is_empty() {
                let identity_type = if kind.system { "SystemAssigned" } else { "None" };
                return Err(Fault::IdentitiesUnexpected { identity_type });
            }
            return Ok(Change { system: kind.system, remove_all_users: true, ..Change::default() });
        }
        let Some(users) = &self.users else {
            if old.users.is_empty() {
                return Err(Fault::IdentitiesMissing);
            }
            return Ok(Change { system: kind.system, ..Change::default() });
        };
        let assigned: HashSet<String> = old.users.iter().map(|user| user.id.fold()).collect();
        let named: HashSet<String> = users.named.iter().map(ResourceId::fold).collect();
        let null: HashSet<String> = users.null.iter().map(ResourceId::fold).collect();
        let whole = verb == Verb::Put || users.whole;
        let goes = |fold: &String| null.contains(fold) || (whole && !named.contains(fold));
        let add: Vec<ResourceId> = users
            .named
            .iter()
            .filter(|id| !assigned.contains(&id.fold()) || replaced.contains(&id.fold()))
            .cloned()
            .collect();
        let remove: Vec<ResourceId> =
            old.users.iter().filter(|user| goes(&user.id.fold())).map(|user| user.id.clone()).collect();
        if named.is_empty() && remove.is_empty() && old.users.is_empty() && null.is_empty() {
            return Err(Fault::IdentitiesMissing);
        }
        Ok(Change { system: kind.system, add, remove, ..Change::default() })
    }

    /// Null takes an identity away, which only a PATCH can do.
    fn check_null(&self, verb: Verb) -> Result<(), Fault> {
        match &self.users {
            Some(users) if verb == Verb::Put && !users.null.is_empty() => {
                let shown = users.null.iter().take(IDS_SHOWN_MAX).map(ResourceId::to_string).collect();
                Err(Fault::IdentityValuesInvalid(shown))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_core::directory::{AssignedIdentity, PrincipalRef};
    use bonafide_types::{ClientId, ObjectId, ResourceUuid};
    use serde_json::json;
    use uuid::Uuid;

    const A: &str = "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a";

    fn b() -> String {
        format!("{}b", &A[..A.len() - 1])
    }

    fn identity(system: bool, users: &[&str]) -> ResourceIdentity {
        let principal =
            PrincipalRef { principal_id: ObjectId::new(Uuid::nil()), client_id: ClientId::new(Uuid::nil()) };
        let users = users.iter().enumerate().map(|(at, id)| AssignedIdentity {
            identity: ResourceUuid::new(Uuid::from_u128(at as u128)),
            id: ResourceId::parse(id).unwrap(),
            since: 0,
            principal,
        });
        ResourceIdentity { system: system.then_some(principal), users: users.collect(), ..ResourceIdentity::default() }
    }

    /// The outcome as text: `S` when there is a system-assigned identity, then the users' last letters.
    fn after(verb: Verb, old: &ResourceIdentity, block: Value) -> Result<String, Fault> {
        let Some(asked) = read(&block)? else { return Ok("kept".to_owned()) };
        let change = asked.change(verb, old, &HashSet::new())?;
        let mut users: Vec<&str> = old
            .users
            .iter()
            .filter(|user| !change.remove_all_users && !change.remove.contains(&user.id))
            .map(|user| user.id.name())
            .collect();
        users.extend(change.add.iter().map(ResourceId::name));
        users.sort_unstable();
        Ok(format!("{}{}", if change.system { "S" } else { "" }, users.concat()))
    }

    #[test]
    fn every_null_rule_of_the_wire_holds() {
        let b = b();
        let (none, system, both) = (identity(false, &[]), identity(true, &[]), identity(true, &[A, &b]));
        let users = identity(false, &[A, &b]);
        for verb in [Verb::Put, Verb::Patch] {
            for (old, block, expected) in [
                (&both, json!(null), "kept"),
                (&none, json!({"type": "SystemAssigned"}), "S"),
                (&none, json!({"type": "systemassigned"}), "S"),
                (&none, json!({"type": "UserAssigned", "userAssignedIdentities": {A: {}}}), "a"),
                (&none, json!({"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {A: {}}}), "Sa"),
                (&system, json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {A: {}}}), "Sa"),
                (&both, json!({"type": "None"}), ""),
                (&both, json!({"type": "None", "userAssignedIdentities": null}), ""),
                (&both, json!({"type": "SystemAssigned"}), "S"),
                (&both, json!({"type": "SystemAssigned", "userAssignedIdentities": null}), "S"),
                (&both, json!({"type": "UserAssigned", "userAssignedIdentities": null}), "ab"),
                (&both, json!({"type": "SystemAssigned, UserAssigned"}), "Sab"),
                (&users, json!({"type": "UserAssigned"}), "ab"),
            ] {
                assert_eq!(after(verb, old, block.clone()).unwrap(), expected, "{verb:?} {block}");
            }
        }
    }

    #[test]
    fn a_patch_merges_the_map_and_a_put_replaces_it() {
        let b = b();
        let both = identity(true, &[A, &b]);
        let add = json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {A: {"clientId": "x"}}});
        assert_eq!(after(Verb::Patch, &both, add.clone()).unwrap(), "Sab");
        assert_eq!(after(Verb::Put, &both, add).unwrap(), "Sa");
        let remove = json!({"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {A.to_uppercase(): null}});
        assert_eq!(after(Verb::Patch, &both, remove).unwrap(), "Sb");
        let without_type = json!({"userAssignedIdentities": {A: null}});
        assert_eq!(after(Verb::Patch, &both, without_type).unwrap(), "Sb");
        let last = identity(false, &[A]);
        let remove = json!({"type": "UserAssigned", "userAssignedIdentities": {A: null}});
        assert_eq!(after(Verb::Patch, &last, remove).unwrap(), "");
        let remove = json!({"type": "SystemAssigned", "userAssignedIdentities": {A: null}});
        assert_eq!(after(Verb::Patch, &identity(true, &[A]), remove).unwrap(), "S");
        let list = json!({"type": "UserAssigned", "identityIds": [A]});
        assert_eq!(after(Verb::Patch, &both, list).unwrap(), "a");
    }

    #[test]
    fn a_put_with_null_for_an_identity_is_refused_whatever_its_type_says() {
        let b = b();
        let refused = |old: &ResourceIdentity, block: Value| match after(Verb::Put, old, block.clone()) {
            Err(Fault::IdentityValuesInvalid(ids)) => ids,
            other => panic!("{block}: {other:?}"),
        };
        for old in [identity(false, &[]), identity(true, &[A]), identity(false, &[A, &b])] {
            for block in [
                json!({"type": "UserAssigned", "userAssignedIdentities": {A: null}}),
                json!({"type": "userassigned", "UserAssignedIdentities": {A: null, &b: {}}}),
                json!({"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {&b: {}, A: null}}),
                json!({"type": "SystemAssigned", "userAssignedIdentities": {A: null}}),
                json!({"type": "None", "userAssignedIdentities": {A: null}}),
                json!({"userAssignedIdentities": {A: null}}),
                json!({"type": "UserAssigned", "userAssignedIdentities": {A: 1}}),
                json!({"type": "UserAssigned", "userAssignedIdentities": {A: "x"}}),
                json!({"type": "UserAssigned", "userAssignedIdentities": {A: []}}),
                json!({"type": "UserAssigned", "userAssignedIdentities": {A: true}}),
            ] {
                assert_eq!(refused(&old, block), [A]);
            }
            assert_eq!(
                refused(&old, json!({"type": "UserAssigned", "userAssignedIdentities": {A: null, &b: null}})),
                [A, &b]
            );
        }
    }

    #[test]
    fn a_block_that_contradicts_itself_is_refused() {
        let none = identity(false, &[]);
        for block in [
            json!([]),
            json!({"type": 1}),
            json!({"type": "Managed"}),
            json!({"type": ""}),
            json!({"type": "None, SystemAssigned"}),
            json!({"type": "SystemAssigned, SystemAssigned"}),
            json!({"type": "UserAssigned"}),
            json!({"type": "UserAssigned", "userAssignedIdentities": {}}),
            json!({"type": "SystemAssigned", "userAssignedIdentities": {A: {}}}),
            json!({"type": "None", "userAssignedIdentities": {A: {}}}),
            json!({"type": "UserAssigned", "userAssignedIdentities": [A]}),
            json!({"type": "UserAssigned", "userAssignedIdentities": {A: 1}}),
            json!({"type": "UserAssigned", "userAssignedIdentities": {"a": {}}}),
            json!({"type": "UserAssigned", "userAssignedIdentities": {A: {}, A.to_uppercase(): {}}}),
            json!({"type": "UserAssigned", "identityIds": [1]}),
            json!({"type": "UserAssigned", "identityIds": A}),
            json!({"type": "SystemAssigned", "identityIds": [A]}),
            json!({"type": "UserAssigned", "identityIds": [A], "userAssignedIdentities": {A: {}}}),
        ] {
            assert!(after(Verb::Put, &none, block.clone()).is_err(), "{block}");
        }
    }
}
