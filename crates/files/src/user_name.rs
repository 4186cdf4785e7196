//! Users of the machine by name.

use crate::listed_users::{USERS, id_of};
use crate::user::User;

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
    let id = name.parse().ok().or_else(|| id_of(name)).ok_or_else(|| UserNameError::Unknown(name.to_owned()))?;
    User::told(id).ok_or_else(|| UserNameError::Many(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_or_a_number() {
        assert_eq!(user_named("root"), Ok(User::ROOT));
        assert!(matches!(user_named("4294967295"), Err(UserNameError::Many(_))));
    }
}
