//! The file of failures in the data directory: what an answer of 500 names. Its owner alone may read it.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Largest file, in bytes; one older file of that size is kept beside it. Source: ours; tens of thousands of
/// failures.
const LOG_FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The end of the name of the older file.
const OLDER: &str = ".1";
/// The rights to the file.
const OWNER_ONLY: u32 = 0o600;

/// Appends lines. A disk that is full or a file that cannot be written loses lines and stops nothing; the next lines
/// try again.
pub struct LogFile {
    path: PathBuf,
    bytes_max: u64,
    /// The last line was not written whole.
    is_cut: bool,
}

impl LogFile {
    /// Lines for the file at `path`, which is made with the first of them.
    pub fn at(path: PathBuf) -> Self {
        Self { path, bytes_max: LOG_FILE_BYTES_MAX, is_cut: false }
    }

    /// Opened for each batch of lines, of which there are few: whoever takes the file away gets a new one.
    fn append(&mut self, lines: &[u8]) -> std::io::Result<()> {
        let mut file = self.open()?;
        let bytes = file.metadata()?.len();
        if bytes > 0 && bytes.saturating_add(lines.len() as u64) > self.bytes_max {
            std::fs::rename(&self.path, self.older())?;
            file = self.open()?;
        }
        let was_cut = std::mem::replace(&mut self.is_cut, true);
        if was_cut {
            file.write_all(b"\n")?;
        }
        file.write_all(lines)?;
        self.is_cut = false;
        Ok(())
    }

    fn open(&self) -> std::io::Result<File> {
        let file = crate::open::append(&self.path).map_err(std::io::Error::other)?;
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
        Ok(file)
    }

    fn older(&self) -> OsString {
        let mut name = self.path.clone().into_os_string();
        name.push(OLDER);
        name
    }
}

impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> std::io::Result<usize> {
        // Lines that are lost here are on standard error.
        let _ = self.append(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_file_is_its_owners_alone_and_is_turned_before_it_is_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bonafide.log");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let mut file = LogFile { bytes_max: 10, ..LogFile::at(path.clone()) };
        for line in ["1234\n", "5678\n", "9\n", "a line longer than a file\n", "b\n"] {
            file.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "b\n");
        assert_eq!(fs::read_to_string(file.older()).unwrap(), "a line longer than a file\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(file.older()).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_cannot_be_written_stops_nothing_and_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log/bonafide.log");
        let mut file = LogFile::at(path.clone());
        file.write_all(b"lost\n").unwrap();
        fs::create_dir(path.parent().unwrap()).unwrap();
        let elsewhere = folder.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        file.write_all(b"lost, too\n").unwrap();
        assert!(!elsewhere.exists(), "a link is not followed");
        fs::remove_file(&path).unwrap();
        file.write_all(b"written\n").unwrap();
        fs::remove_file(&path).unwrap();
        file.write_all(b"written again\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "written again\n");
    }
}
