//! Users that an option names.

use bonafide_files::{User, read_of_system};
use std::path::Path;

/// The users of this machine. Source: passwd(5).
const USERS: &str = "/etc/passwd";

/// The id of a user that an option names, by name or number.
pub(crate) fn id(user: &str) -> Result<u32, String> {
    let id =
        user.parse().ok().or_else(|| id_in(&String::from_utf8_lossy(&read_of_system(Path::new(USERS)).ok()?), user));
    let id =
        id.ok_or_else(|| format!("there is no user '{user}' in {USERS}; give the number of a user from elsewhere"))?;
    let told = User::told(id).map(User::id);
    told.ok_or_else(|| {
        format!("the kernel shows many users as {id}, '{user}', so that it proves nothing; give it a user of its own")
    })
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
    }
}
