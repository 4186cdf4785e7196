//! Files that keep a namespace of the kernel's.

use crate::FilesError;
use crate::reading::without_waiting;
use rustix::fs::{OFlags, fstat, fstatfs};
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::path::Path;

/// The file system of namespaces (`NSFS_MAGIC`, <linux/magic.h>).
const NAMESPACES: u64 = 0x6e73_6673;

/// Opens a file that is to keep a namespace, without waiting for anything else that may be there.
pub fn open_namespace(path: &Path) -> Result<File, FilesError> {
    without_waiting(OpenOptions::new().read(true), OFlags::empty(), path)
}

/// The inode of a namespace, which is that of no other while it is there; `None` for a file of another kind.
pub fn inode_of_namespace(file: impl AsFd) -> Option<u64> {
    let kind = u64::try_from(fstatfs(&file).ok()?.f_type).ok()?;
    (kind == NAMESPACES).then_some(fstat(&file).ok()?.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_namespace_is_told_from_other_files() {
        let own = Path::new("/proc/self/ns/net");
        let inode = inode_of_namespace(open_namespace(own).unwrap());
        assert_eq!(inode, Some(std::fs::metadata(own).unwrap().ino()));
        assert_eq!(inode_of_namespace(open_namespace(Path::new("/proc/self/status")).unwrap()), None);
        assert_eq!(inode_of_namespace(open_namespace(Path::new("/dev/null")).unwrap()), None);
    }
}
