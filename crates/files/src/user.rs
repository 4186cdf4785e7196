//! Users of the machine, as the kernel tells them: the one type in which they are compared.

use crate::FilesError;
use crate::listed_users::name_of;
use crate::reading::read_of_system;
use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

/// The id that is shown for users without one, unless the system names another. Source: Linux, `DEFAULT_OVERFLOWUID`.
const OVERFLOW_ID: u32 = 65_534;
/// Ids that a user can have: all 32-bit numbers but the last, which means none. Source: user_namespaces(7).
const ALL_IDS: u64 = u32::MAX as u64;

/// A user whom the kernel can tell from all others.
///
/// For every user who has no id in this process's user namespace the kernel shows the same id, the overflow id. In such
/// a namespace there is no value of this type with that id, whether or not somebody has it there as well: two values
/// that are equal are one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct User(u32);

impl User {
    /// The superuser of this user namespace.
    pub const ROOT: Self = Self(0);

    /// The user with an id that the kernel gave; `None` where that is not one user's.
    pub fn told(id: u32) -> Option<Self> {
        (id != u32::MAX && Some(id) != id_of_unknown_users()).then_some(Self(id))
    }

    /// Its id.
    pub fn id(self) -> u32 {
        self.0
    }

    /// The user that this process acts as.
    pub fn of_this_process() -> Result<Self, FilesError> {
        let id = rustix::process::geteuid().as_raw();
        Self::told(id).ok_or(FilesError::NoUser(id))
    }

    /// The rule for everything that belongs to a user, files, endpoints and control sockets: the user and root may use it,
    /// and nobody else (THREAT_MODEL.md, ID-01).
    pub fn may_use_what_belongs_to(self, owner: Self) -> bool {
        self == owner || self == Self::ROOT
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            &Self::ROOT => f.write_str("root"),
            Self(id) => match name_of(*id) {
                Some(name) => write!(f, "user {id} ({name})"),
                None => write!(f, "user {id}"),
            },
        }
    }
}

/// An owner in words.
pub(crate) fn shown(owner: Option<User>) -> String {
    owner.map_or_else(|| "a user whom the kernel cannot tell".to_owned(), |owner| owner.to_string())
}

/// The id that is shown for all users whom the kernel cannot tell; `None` where there are none.
fn id_of_unknown_users() -> Option<u32> {
    static ID: OnceLock<Option<u32>> = OnceLock::new();
    *ID.get_or_init(|| {
        let read = |path: &str| read_of_system(Path::new(path)).ok().and_then(|text| String::from_utf8(text).ok());
        // If neither can be read the id is taken for nobody's.
        if maps_every_user(&read("/proc/self/uid_map").unwrap_or_default()) {
            return None;
        }
        Some(read("/proc/sys/kernel/overflowuid").and_then(|id| id.trim().parse().ok()).unwrap_or(OVERFLOW_ID))
    })
}

/// Reads a `uid_map`: lines of the first id inside, the first outside, and their number.
fn maps_every_user(map: &str) -> bool {
    let lengths = map.lines().filter_map(|line| line.split_ascii_whitespace().nth(2)?.parse::<u64>().ok());
    lengths.sum::<u64>() >= ALL_IDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_01_every_user_has_an_id_only_where_all_are_mapped() {
        assert!(maps_every_user("         0          0 4294967295\n"));
        assert!(maps_every_user("0 0 65534\n65534 65534 4294901761\n"));
        for some in ["", "0 1000 1\n", "0 1000 1\n1 100000 65536\n", "0 0 4294967294\n", "garbage"] {
            assert!(!maps_every_user(some), "{some}");
        }
    }

    #[test]
    fn id_01_the_owner_and_root_may_and_nobody_else() {
        let (owner, other) = (User(1_000), User(1_001));
        assert!(owner.may_use_what_belongs_to(owner) && User::ROOT.may_use_what_belongs_to(owner));
        assert!(!other.may_use_what_belongs_to(owner) && !owner.may_use_what_belongs_to(User::ROOT));
        assert_eq!(User::told(u32::MAX), None);
    }
}
