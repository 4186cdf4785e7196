//! The mark of a data directory that was made on this disk: what no copy of it has.
//!
//! A folder that was cloned, unpacked or copied can have a whole data directory in it, whose keys somebody else has. No
//! content, name or mode tells it from one of our own, but its files are others: the time of a file's last change of any
//! kind (`st_ctime`, stat(2)) is given by the file system alone, to the nanosecond, and nobody can choose it. So a file
//! that is written once, `.gitignore`, has its time written down beside it. To move the directory on its disk changes
//! neither.

use crate::open::{Readers, read};
use crate::{FilesError, io, write_private};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The file that is written once.
const ONCE: &str = ".gitignore";
/// The content of that file: git does not see the data directory.
const IGNORE_ALL: &[u8] = b"*\n";
/// The file with its time.
const MARK: &str = "made-here";

/// Makes the mark, if need be.
pub(crate) fn mark(folder: &Path) -> Result<(), FilesError> {
    let once = folder.join(ONCE);
    if once.symlink_metadata().is_err() {
        write_private(&once, IGNORE_ALL)?;
    }
    if is_marked(folder) {
        return Ok(());
    }
    write_private(&folder.join(MARK), time_of(&once)?.as_bytes())
}

/// True for a folder with a mark of its own.
pub(crate) fn is_marked(folder: &Path) -> bool {
    let marked = read(&folder.join(MARK), Readers::Owner).ok();
    marked.is_some_and(|marked| time_of(&folder.join(ONCE)).is_ok_and(|time| time.as_bytes() == marked))
}

/// True for a folder in which nothing is but what comes before the mark.
pub(crate) fn is_unused(folder: &Path) -> Result<bool, FilesError> {
    /// Besides the two files and their drafts: the log's folder, and the one that every new file system has.
    const BEFORE: [&str; 2] = ["log", "lost+found"];
    for entry in std::fs::read_dir(folder).map_err(|error| io(folder, error))? {
        let name = entry.map_err(|error| io(folder, error))?.file_name();
        let name = name.to_string_lossy();
        if !BEFORE.contains(&&*name) && !name.starts_with(ONCE) && !name.starts_with(MARK) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn time_of(file: &Path) -> Result<String, FilesError> {
    let found = file.symlink_metadata().map_err(|error| io(file, error))?;
    Ok(format!("{}.{:09}\n", found.ctime(), found.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn ha_05_a_mark_moves_with_its_folder_and_no_copy_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let (made, moved, copy) = (folder.path().join("made"), folder.path().join("moved"), folder.path().join("copy"));
        std::fs::create_dir(&made).unwrap();
        assert!(!is_marked(&made) && is_unused(&made).unwrap());
        mark(&made).unwrap();
        assert!(is_marked(&made) && is_unused(&made).unwrap());
        std::fs::rename(&made, &moved).unwrap();
        assert!(is_marked(&moved));
        assert!(Command::new("cp").arg("-a").args([&moved, &copy]).status().unwrap().success());
        assert!(!is_marked(&copy));
        mark(&copy).unwrap();
        assert!(is_marked(&copy) && is_marked(&moved));
        std::fs::write(moved.join("key"), "").unwrap();
        assert!(!is_unused(&moved).unwrap());
    }
}
