//! A way to a socket whose path is longer than a socket address holds (108 bytes): through an open descriptor of its
//! folder.

use bonafide_files::open_folder;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Longest path that is given to the kernel as it is, in bytes. Source: unix(7), 108 with the final zero.
const ADDRESS_BYTES_MAX: usize = 100;

pub(super) struct Reachable {
    path: PathBuf,
    _folder: Option<std::fs::File>,
}

impl Reachable {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

pub(super) fn reachable(path: &Path) -> std::io::Result<Reachable> {
    if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
        return Ok(Reachable { path: path.to_owned(), _folder: None });
    }
    let folder = open_folder(path.parent().unwrap_or(Path::new(".")))?;
    let through = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    Ok(Reachable { path: through.join(path.file_name().unwrap_or_default()), _folder: Some(folder) })
}
