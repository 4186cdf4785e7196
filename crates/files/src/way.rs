//! Folders that an operator named, reached without a link that somebody else put on the way.

use crate::User;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Links on the way, at most. Source: Linux, path_resolution(7).
const LINKS_MAX: usize = 40;

/// Opens a folder by a path on which every link is this process's user's or root's. Whoever owns a folder on the way may put a
/// link into it at any time, and would choose the folder.
///
/// # Errors
/// The system's, and `PermissionDenied` where there is a link of another user.
pub fn open_folder_by_own_links(path: &Path) -> io::Result<File> {
    let me = User::of_this_process().map_err(io::Error::other)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = openat(CWD, ".", flags, Mode::empty())?;
    let (mut rest, mut links) = (steps(path), 0);
    while let Some(step) = rest.pop() {
        let next = openat(&at, &step, flags, Mode::empty())?;
        let found = fstat(&next)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
            at = next;
            continue;
        }
        if !User::told(found.st_uid).is_some_and(|owner| owner.may_use_what_belongs_to(me)) {
            let why =
                "a link of another user's is on the way, who could lead it elsewhere: name the folder where it ends";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        links += 1;
        if links > LINKS_MAX {
            return Err(Errno::LOOP.into());
        }
        let to = readlinkat(&next, "", Vec::new())?;
        rest.extend(steps(Path::new(OsStr::from_bytes(to.as_bytes()))));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(&at, ".", flags, Mode::empty())?.into())
}

/// The steps of a path, the first one last.
fn steps(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|step| step.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{AtFlags, chownat};
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn ha_05_links_of_others_are_not_followed_on_the_way_and_own_ones_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("a/b")).unwrap();
        std::fs::write(path("file"), "").unwrap();
        symlink("a", path("relative")).unwrap();
        symlink(path("relative/b/.."), path("whole")).unwrap();
        symlink("loop", path("loop")).unwrap();
        let number = |name: &str| open_folder_by_own_links(&path(name)).map(|file| file.metadata().unwrap().ino()).ok();
        let wanted = Some(std::fs::metadata(path("a/b")).unwrap().ino());
        for name in ["a/b", "relative/b", "whole/b", "a/../relative/./b"] {
            assert_eq!(number(name), wanted, "{name}");
        }
        for name in ["loop", "file", "none", "file/b"] {
            assert_eq!(number(name), None, "{name}");
        }
        let other = rustix::process::Uid::from_raw(4_001);
        if chownat(CWD, path("relative"), Some(other), None, AtFlags::SYMLINK_NOFOLLOW).is_err() {
            return eprintln!("skipped: to give a link away takes root");
        }
        for name in ["relative", "relative/b", "whole/b"] {
            let why = open_folder_by_own_links(&path(name)).unwrap_err();
            assert_eq!(why.kind(), io::ErrorKind::PermissionDenied, "{name}");
        }
    }
}
