//! Unix sockets at paths that an operator chose.

use crate::bindings::row::{SocketFile, SocketFolder};
use bonafide_files::open_folder_by_own_links;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, chmod, fstat, openat, statat, unlinkat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};
use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Connections that wait to be accepted. Source: ours, as of other sockets.
const BACKLOG: i32 = 1_024;

/// The reason why there is no unix socket at a path.
#[derive(Debug, thiserror::Error)]
pub enum UnixSocketError {
    /// Something listens there.
    #[error("{0} is in use: another program listens there; stop it, or choose another path")]
    Taken(PathBuf),
    /// Something else is there.
    #[error("{0} is there already, and is no socket: it stays as it is; choose another path")]
    Occupied(PathBuf),
    /// Everybody can rename what is in the folder, and so decide who answers at the path.
    #[error(
        "every user can put a socket into {folder}, and clients would not notice; make a folder of its own for it, or set \
         the sticky bit", folder = .0.display()
    )]
    Open(PathBuf),
    /// Another user's folder has the path, or one that more users can enter.
    #[error(
        "the folder of {0} has another owner or other permissions than where it was attached: who may connect would be others; \
         put it right, or detach and attach it anew"
    )]
    OtherFolder(PathBuf),
    /// The folder is not there, or not for this user.
    #[error("cannot use the folder of {path}: {error}; make it first, where the user of the agent can write to it")]
    Folder {
        /// The path of the socket.
        path: PathBuf,
        /// The error.
        error: std::io::Error,
    },
    /// The system's.
    #[error("cannot listen at {path}: {error}")]
    Io {
        /// The path.
        path: PathBuf,
        /// The error.
        error: std::io::Error,
    },
}

/// Listens at a path, with these permissions. A socket of a program that has ended is replaced, and nothing else is. `before` is
/// the folder in which it was, if it was opened before.
pub(super) fn open(
    path: &Path,
    mode: u32,
    before: Option<SocketFolder>,
) -> Result<(OwnedFd, SocketFile, SocketFolder), UnixSocketError> {
    let failed = |error: Errno| UnixSocketError::Io { path: path.to_owned(), error: error.into() };
    let name = path.file_name().ok_or_else(|| failed(Errno::ISDIR))?;
    let folder = open_folder_by_own_links(path.parent().unwrap_or(Path::new("/")))
        .map_err(|error| UnixSocketError::Folder { path: path.to_owned(), error })?;
    let found = fstat(&folder).map_err(failed)?;
    if found.st_mode & 0o1002 == 0o002 {
        return Err(UnixSocketError::Open(path.parent().unwrap_or(Path::new("/")).to_owned()));
    }
    let opened = SocketFolder { owner: found.st_uid, group: found.st_gid, mode: found.st_mode & 0o7777 };
    if before.is_some_and(|before| !opened.is_as_closed_as(before)) {
        return Err(UnixSocketError::OtherFolder(path.to_owned()));
    }
    let address = address(name, &folder).map_err(failed)?;
    remove_stale(path, &folder, &address)?;
    let socket = new().map_err(failed)?;
    // Its permissions are those of the descriptor when it is bound: nobody gets in between.
    rustix::fs::fchmod(&socket, Mode::from_raw_mode(0o600)).map_err(failed)?;
    let bound = bind(&socket, &address);
    bound.map_err(|error| match error {
        Errno::ADDRINUSE => UnixSocketError::Occupied(path.to_owned()),
        other => failed(other),
    })?;
    let file = set_mode(&folder, name, Mode::from_raw_mode(mode)).map_err(failed)?;
    listen(&socket, BACKLOG).map_err(failed)?;
    Ok((socket, file, opened))
}

/// True where the socket that was made at a path is still there; also where that cannot be told.
pub(super) fn is_there(path: &Path, file: SocketFile) -> bool {
    let (Some(name), folder) = (path.file_name(), path.parent().unwrap_or(Path::new("/"))) else { return false };
    let found = match open_folder_by_own_links(folder) {
        Ok(folder) => statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW),
        Err(error) => return !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    };
    match found {
        Ok(found) => SocketFile::of(&found) == Some(file),
        Err(error) => error != Errno::NOENT,
    }
}

/// Removes the socket that was made at a path. Whatever else has the path by now stays, also where a folder above it is
/// another one.
pub(super) fn remove(path: &Path, file: SocketFile) -> Result<(), Errno> {
    let folder = open_folder_by_own_links(path.parent().unwrap_or(Path::new("/"))).map_err(|_| Errno::NOENT)?;
    let name = path.file_name().ok_or(Errno::ISDIR)?;
    let found = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match SocketFile::of(&found) == Some(file) {
        true => unlinkat(&folder, name, AtFlags::empty()),
        false => Err(Errno::NOTSOCK),
    }
}

impl SocketFile {
    fn of(found: &Stat) -> Option<Self> {
        let is_socket = FileType::from_raw_mode(found.st_mode) == FileType::Socket;
        is_socket.then_some(Self { device: found.st_dev, inode: found.st_ino })
    }
}

/// Sets the permissions of the socket at a name. Whoever owns the folder can put something else there at any time: a link to
/// another file, or a second name of one, stays as it is.
fn set_mode(folder: &File, name: &OsStr, mode: Mode) -> Result<SocketFile, Errno> {
    let there = openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let found = fstat(&there)?;
    let file = SocketFile::of(&found).filter(|_| found.st_nlink == 1).ok_or(Errno::NOTSOCK)?;
    chmod(format!("/proc/self/fd/{}", there.as_raw_fd()), mode)?;
    Ok(file)
}

/// Removes a socket that nobody listens on any more.
fn remove_stale(path: &Path, folder: &File, address: &SocketAddrUnix) -> Result<(), UnixSocketError> {
    let failed = |error: Errno| UnixSocketError::Io { path: path.to_owned(), error: error.into() };
    let name = path.file_name().unwrap_or_default();
    let found = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        found => found.map_err(failed)?,
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::Socket {
        return Err(UnixSocketError::Occupied(path.to_owned()));
    }
    match connect(&new().map_err(failed)?, address) {
        Err(Errno::CONNREFUSED) => unlinkat(folder, name, AtFlags::empty()).map_err(failed),
        // A queue that is full is somebody's; so is one of another kind of socket.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => Err(UnixSocketError::Taken(path.to_owned())),
        Err(error) => Err(failed(error)),
    }
}

/// A way to a socket in this very folder, whatever has the folder's path by now, and however long that is.
fn address(name: &OsStr, folder: &File) -> Result<SocketAddrUnix, Errno> {
    SocketAddrUnix::new(PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))
}

fn new() -> Result<OwnedFd, Errno> {
    socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_stale_socket_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let first = open(&path, 0o660, None).unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert!(found.file_type().is_socket() && found.permissions().mode() & 0o777 == 0o660);
        UnixStream::connect(&path).unwrap();
        assert!(matches!(open(&path, 0o600, None), Err(UnixSocketError::Taken(_))));
        drop(first);
        let _second = open(&path, 0o600, None).unwrap();
        UnixStream::connect(&path).unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "mine").unwrap();
        assert!(matches!(open(&file, 0o600, None), Err(UnixSocketError::Occupied(_))));
        std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
        assert!(matches!(open(&folder.path().join("link"), 0o600, None), Err(UnixSocketError::Occupied(_))));
        assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    }

    #[test]
    fn ha_05_the_permissions_of_nothing_but_the_socket_are_set() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, mode) = (folder.path().join("secret"), Mode::from_raw_mode(0o666));
        std::fs::write(&secret, "mine").unwrap();
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&secret, folder.path().join("link")).unwrap();
        let socket = folder.path().join("socket");
        let _listens = open(&socket, 0o600, None).unwrap();
        std::os::unix::fs::symlink(&socket, folder.path().join("to-socket")).unwrap();
        std::fs::hard_link(&socket, folder.path().join("second")).unwrap();
        let opened = open_folder_by_own_links(folder.path()).unwrap();
        for name in ["link", "secret", "to-socket", "second"] {
            assert_eq!(set_mode(&opened, OsStr::new(name), mode), Err(Errno::NOTSOCK), "{name}");
        }
        for path in [&secret, &socket] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn ha_05_nothing_but_the_socket_that_was_made_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (own, moved) = (folder.path().join("own"), folder.path().join("moved"));
        std::fs::create_dir(&own).unwrap();
        let path = own.join("a.sock");
        let (_listens, file, _) = open(&path, 0o600, None).unwrap();
        // The folder of the path is another one: by a link, and by a new folder with other things of the name.
        std::fs::rename(&own, &moved).unwrap();
        let victim = folder.path().join("victim");
        std::fs::create_dir(&victim).unwrap();
        std::fs::write(victim.join("a.sock"), "mine").unwrap();
        std::os::unix::fs::symlink(&victim, &own).unwrap();
        assert_eq!(remove(&path, file), Err(Errno::NOTSOCK));
        std::fs::remove_file(victim.join("a.sock")).unwrap();
        let (_other, ..) = open(&victim.join("a.sock"), 0o600, None).unwrap();
        assert_eq!(remove(&path, file), Err(Errno::NOTSOCK), "another socket");
        assert!(victim.join("a.sock").exists());
        std::fs::remove_file(&own).unwrap();
        std::fs::rename(&moved, &own).unwrap();
        assert_eq!(remove(&path, file), Ok(()));
        assert!(!path.exists());
    }

    #[test]
    fn ha_05_no_socket_is_made_again_where_others_may_enter_by_now() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own/a.sock");
        let make = |mode| {
            std::fs::create_dir(folder.path().join("own")).unwrap();
            std::fs::set_permissions(folder.path().join("own"), PermissionsExt::from_mode(mode)).unwrap();
        };
        make(0o750);
        let (first, file, before) = open(&path, 0o666, None).unwrap();
        assert!(is_there(&path, file));
        drop(first);
        for (mode, is_good) in [(0o755, false), (0o751, false), (0o770, false), (0o750, true), (0o700, true)] {
            std::fs::remove_dir_all(folder.path().join("own")).unwrap();
            assert!(!is_there(&path, file));
            make(mode);
            let again = open(&path, 0o666, Some(before));
            assert_eq!(again.is_ok(), is_good, "{mode:o}");
            assert!(is_good || matches!(again, Err(UnixSocketError::OtherFolder(_))) && !path.exists());
            assert!(!is_there(&path, file), "it is another one");
        }
        let anothers = SocketFolder { owner: before.owner + 1, ..before };
        assert!(matches!(open(&path, 0o666, Some(anothers)), Err(UnixSocketError::OtherFolder(_))));
    }

    #[test]
    fn a_path_may_be_longer_than_an_address() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join("a.sock");
        let first = open(&path, 0o600, None).unwrap();
        assert!(std::fs::metadata(&path).unwrap().file_type().is_socket());
        assert!(matches!(open(&path, 0o600, None), Err(UnixSocketError::Taken(_))));
        drop(first);
        open(&path, 0o600, None).unwrap();
    }

    #[test]
    fn a_folder_in_which_every_user_can_replace_the_socket_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let set = |mode| std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).unwrap();
        set(0o777);
        assert!(matches!(open(&folder.path().join("a"), 0o600, None), Err(UnixSocketError::Open(_))));
        set(0o1777);
        open(&folder.path().join("a"), 0o600, None).unwrap();
    }
}
