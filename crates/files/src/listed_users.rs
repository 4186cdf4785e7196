//! The list of this machine's users.

use crate::reading::read_of_system;
use std::path::Path;

/// The users of this machine. Source: passwd(5).
pub(crate) const USERS: &str = "/etc/passwd";

/// The number of the user with a name.
pub(crate) fn id_of(name: &str) -> Option<u32> {
    id_in(&users()?, name)
}

/// The name of the user with a number.
pub(crate) fn name_of(id: u32) -> Option<String> {
    name_in(&users()?, id)
}

fn users() -> Option<String> {
    Some(String::from_utf8_lossy(&read_of_system(Path::new(USERS)).ok()?).into_owned())
}

fn id_in(users: &str, name: &str) -> Option<u32> {
    each(users).find(|(listed, _)| *listed == name).map(|(_, id)| id)
}

fn name_in(users: &str, id: u32) -> Option<String> {
    each(users).find(|(_, listed)| *listed == id).map(|(name, _)| name.to_owned())
}

fn each(users: &str) -> impl Iterator<Item = (&str, u32)> {
    users.lines().filter_map(|line| {
        let mut fields = line.split(':');
        Some((fields.next()?, fields.nth(1)?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_the_list_of_users_whole_and_by_its_number() {
        let list = "root:x:0:0:root:/root:/bin/sh\nproxy2:x:14:14::/:\n\n#\nproxy:x:13:12::/:\n";
        assert_eq!(["root", "proxy", "prox", "x"].map(|name| id_in(list, name)), [Some(0), Some(13), None, None]);
        assert_eq!([0, 13, 12].map(|id| name_in(list, id)), [Some("root".to_owned()), Some("proxy".to_owned()), None]);
    }
}
