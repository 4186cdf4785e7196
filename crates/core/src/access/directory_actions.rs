//! The actions by which a role is a right to the directory (docs/adr/0021-who-may-change-the-directory.md).

/// The right to read the directory, at the root of the tenant. Source: Microsoft Learn, "Microsoft Entra built-in roles" (of
/// Directory Readers). That a role assignment at the root grants it is **ours**: there are no directory roles yet
/// (docs/wire/graph.md).
pub const READ_DIRECTORY: &str = "Microsoft.Directory/servicePrincipals/standard/read";

/// The right to change the directory, at the root of the tenant. Source: ours; who gives an application a new secret can do
/// all that its roles allow, which is as much as assigning those roles to oneself.
pub const CHANGE_DIRECTORY: &str = "Microsoft.Authorization/roleAssignments/write";
