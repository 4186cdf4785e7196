//! The built-in role definitions, read from `data/roles.txt` when first asked for.

use super::{Condition, Permission, Plane};
use bonafide_types::RoleDefinitionId;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A built-in role definition: what its holder may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name on the wire.
    pub id: RoleDefinitionId,
    /// Its display name, `roleName` on the wire.
    pub name: &'static str,
    /// Its description; empty for a role that we have no words of our own for.
    pub description: &'static str,
    /// Its permissions; each grants on its own.
    pub permissions: Vec<Permission>,
}

impl Role {
    /// True when the role grants `action` on this plane. Actions never grant data actions.
    pub fn grants(&self, action: &str, plane: Plane) -> bool {
        self.permissions.iter().any(|permission| permission.grants(action, plane))
    }
}

struct Catalogue {
    roles: Vec<Role>,
    by_id: HashMap<RoleDefinitionId, usize>,
    by_name: HashMap<String, usize>,
}

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| read(include_str!("../../data/roles.txt"), include_str!("../../data/roles_descriptions.txt")));

/// All of them, by name.
pub fn all() -> &'static [Role] {
    &CATALOGUE.roles
}

/// The built-in role with this id.
pub fn by_id(id: RoleDefinitionId) -> Option<&'static Role> {
    CATALOGUE.by_id.get(&id).map(|at| &CATALOGUE.roles[*at])
}

/// The built-in role with this name, in any case.
pub fn by_name(name: &str) -> Option<&'static Role> {
    CATALOGUE.by_name.get(&name.to_ascii_lowercase()).map(|at| &CATALOGUE.roles[*at])
}

/// Reads the two files; a line that does not fit is left out, which the tests would show.
fn read(roles: &'static str, descriptions: &'static str) -> Catalogue {
    let descriptions: HashMap<&str, &str> = lines(descriptions).filter_map(|line| line.split_once(" = ")).collect();
    let mut found: Vec<Role> = Vec::new();
    for line in lines(roles) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "role" {
            let Some((id, name)) = rest.split_once(' ') else { continue };
            let Ok(id) = id.parse() else { continue };
            let description = descriptions.get(name).copied().unwrap_or_default();
            found.push(Role { id, name, description, permissions: vec![Permission::default()] });
            continue;
        }
        let Some(role) = found.last_mut() else { continue };
        if word == "also" {
            role.permissions.push(Permission::default());
            continue;
        }
        let Some(permission) = role.permissions.last_mut() else { continue };
        match word {
            "+" => permission.actions.push(rest.into()),
            "-" => permission.not_actions.push(rest.into()),
            "+data" => permission.data_actions.push(rest.into()),
            "-data" => permission.not_data_actions.push(rest.into()),
            "if" => permission.condition = Some(Condition::new(rest)),
            _ => {}
        }
    }
    let by_id = found.iter().enumerate().map(|(at, role)| (role.id, at)).collect();
    let by_name = found.iter().enumerate().map(|(at, role)| (role.name.to_ascii_lowercase(), at)).collect();
    Catalogue { roles: found, by_id, by_name }
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(role: &str, action: &str) -> bool {
        by_name(role).unwrap().grants(action, Plane::Control)
    }

    #[test]
    fn every_line_of_the_data_is_read() {
        let lines = |word: &str| {
            include_str!("../../data/roles.txt").lines().filter(|line| line.split(' ').next() == Some(word)).count()
        };
        assert_eq!((all().len(), lines("role")), (928, 928));
        let permissions = || all().iter().flat_map(|role| &role.permissions);
        assert_eq!(permissions().count(), 928 + lines("also"));
        assert_eq!(permissions().map(|p| p.actions.len()).sum::<usize>(), lines("+"));
        assert_eq!(permissions().map(|p| p.not_actions.len()).sum::<usize>(), lines("-"));
        assert_eq!(permissions().map(|p| p.data_actions.len()).sum::<usize>(), lines("+data"));
        assert_eq!(permissions().map(|p| p.not_data_actions.len()).sum::<usize>(), lines("-data"));
        assert_eq!(permissions().filter(|p| p.condition.is_some()).count(), lines("if"));
        let described = all().iter().filter(|role| !role.description.is_empty()).count();
        assert_eq!(described, 36, "a description names a role that does not exist");
        assert_eq!(all().len(), CATALOGUE.by_id.len());
        assert_eq!(all().len(), CATALOGUE.by_name.len());
    }

    #[test]
    fn a_role_is_found_by_id_and_by_name_in_any_case() {
        let reader = by_name("READER").unwrap();
        assert_eq!(reader.id.to_string(), "acdd72a7-3385-48ef-bd42-f606fba81ae7");
        assert_eq!(by_id(reader.id), Some(reader));
        assert_eq!(by_name("Reader "), None);
    }

    #[test]
    fn well_known_roles_grant_what_they_are_known_for() {
        let assign = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";
        for (role, action, expected) in [
            ("Owner", "Microsoft.Authorization/roleAssignments/write", true),
            ("Contributor", "Microsoft.Authorization/roleAssignments/write", false),
            ("Contributor", "Microsoft.Compute/virtualMachines/write", true),
            ("Contributor", assign, true),
            ("Reader", "Microsoft.Compute/virtualMachines/read", true),
            ("Reader", "Microsoft.Compute/virtualMachines/start/action", false),
            ("Managed Identity Operator", assign, true),
            ("Managed Identity Operator", "Microsoft.ManagedIdentity/userAssignedIdentities/read", true),
            ("Managed Identity Operator", "Microsoft.ManagedIdentity/userAssignedIdentities/write", false),
            ("Managed Identity Contributor", assign, false),
            ("Virtual Machine Contributor", assign, false),
            ("User Access Administrator", "Microsoft.Authorization/roleAssignments/write", true),
            ("User Access Administrator", "Microsoft.Compute/virtualMachines/write", false),
        ] {
            assert_eq!(grants(role, action), expected, "{role} {action}");
        }
    }

    #[test]
    fn actions_never_grant_data_actions() {
        let secret = "Microsoft.KeyVault/vaults/secrets/getSecret/action";
        assert!(!by_name("Owner").unwrap().grants(secret, Plane::Data));
        assert!(by_name("Key Vault Secrets User").unwrap().grants(secret, Plane::Data));
        assert!(!by_name("Key Vault Secrets User").unwrap().grants(secret, Plane::Control));
    }

    #[test]
    fn tn_13_what_a_condition_limits_is_not_granted() {
        let write = "Microsoft.Authorization/roleAssignments/write";
        // "… OR this role definition is one of those" on the write of role assignments.
        let role = "Key Vault Data Access Administrator";
        assert!(!grants(role, write));
        assert!(grants(role, "Microsoft.Authorization/roleAssignments/read"));
        // A condition without an operation limits all that its permission grants.
        assert!(!grants("Azure Sphere Owner", write));
    }
}
