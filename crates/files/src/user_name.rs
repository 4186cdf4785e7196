//! Users of the machine by name.

use crate::reading::read_of_system;
use crate::user::User;
use std::path::Path;

/// The users of this machine. Source: passwd(5).
const USERS: &str = "/etc/passwd";

/// The reason why a name is no user's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// No such user.
    #[error("there is no user '{0}' in {USERS}; give the number of a user from elsewhere")]
    Unknown(String),
    /// The kernel shows that id for many.
    #[error("the kernel shows many users as '{0}', so that it proves nothing: name another")]
    Many(String),
}

/// The user with a name, or a number.
pub fn user_named(name: &str) -> Result<User, UserNameError> {
    let listed = || id_in(&String::from_utf8_lossy(&read_of_system(Path::new(USERS)).ok()?), name);
    let id = name.parse().ok().or_else(listed).ok_or_else(|| UserNameError::Unknown(name.to_owned()))?;
    User::told(id).ok_or_else(|| UserNameError::Many(name.to_owned()))
}

fn id_in(users: &str, name: &str) -> Option<u32> {
    let fields = |line: &str| -> Option<u32> {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    };
    users.lines().find_map(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_the_list_of_users_whole() {
        let list = "root:x:0:0:root:/root:/bin/sh\nproxy2:x:14:14::/:\n\n#\nproxy:x:13:12::/:\n";
        assert_eq!(["root", "proxy", "prox", "x"].map(|name| id_in(list, name)), [Some(0), Some(13), None, None]);
        assert_eq!(user_named("root"), Ok(User::ROOT));
        assert!(matches!(user_named("4294967295"), Err(UserNameError::Many(_))));
    }
}
