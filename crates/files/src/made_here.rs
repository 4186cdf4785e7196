//! The mark of a data directory that was made on this disk: what no copy of it has.
//!
//! A folder that was cloned, unpacked or copied can have a whole data directory in it, whose keys somebody else has. No
//! content, name or mode tells it from one of our own, but its files are others: the time of a file's last change of any
//! kind (`st_ctime`, stat(2)) is given by the file system alone, to the nanosecond, and nobody can choose it. So a file
//! that is written once, `.gitignore`, has its time written down beside it. To move the directory on its disk changes
//! neither.
//!
//! The mark vouches for itself only, and git writes over files that it was told to ignore. So it also has the digests of
//! the files that all others follow from ([`Vouched`]); who cannot know the time cannot write them. A digest is there
//! before its file, so that a crash between the two leaves a mark that is true.

use crate::open::{Readers, read};
use crate::{FilesError, KEY, io, key, write_private, write_public};
use bonafide_crypto::thumbprint::sha256_hex;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The file that is written once.
const ONCE: &str = ".gitignore";
/// The content of that file: git does not see the data directory.
const IGNORE_ALL: &[u8] = b"*\n";
/// The file with its time.
const MARK: &str = "made-here";

/// The files that all others of a data directory follow from: the store and the agent's files are authenticated by keys,
/// and `bundle.pem` and `truststore.p12` are made from `ca.pem` by who names them. The operator's credentials are checked
/// by the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouched {
    /// The key of the store.
    Key,
    /// The key of the agent.
    AgentKey,
    /// The authority to trust.
    Authority,
    /// The description that commands obey.
    Description,
}

impl Vouched {
    pub(crate) const ALL: [Self; 4] = [Self::Key, Self::AgentKey, Self::Authority, Self::Description];

    /// Its path in the data directory.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Key => KEY,
            Self::AgentKey => "agent/key",
            Self::Authority => "ca.pem",
            Self::Description => "info.json",
        }
    }

    /// The digest of the file as it is: of a key, its name.
    fn digest(self, folder: &Path) -> Result<String, FilesError> {
        let path = folder.join(self.name());
        Ok(match self {
            Self::Key | Self::AgentKey => key::name_of(&key::load(&path)?),
            Self::Authority | Self::Description => sha256_hex(&read(&path, Readers::Anybody)?),
        })
    }

    fn line(self, digest: &str) -> String {
        format!("{} {digest}\n", self.name())
    }
}

/// Makes the mark, if need be. It then vouches for all files as they are.
pub(crate) fn mark(folder: &Path) -> Result<(), FilesError> {
    let once = folder.join(ONCE);
    if read(&once, Readers::Anybody).ok().as_deref() != Some(IGNORE_ALL) {
        write_private(&once, IGNORE_ALL)?;
    }
    if is_marked(folder) {
        return Ok(());
    }
    let lines = Vouched::ALL.iter().filter_map(|file| Some(file.line(&file.digest(folder).ok()?)));
    write_private(&folder.join(MARK), (time_of(&once)? + &lines.collect::<String>()).as_bytes())
}

/// True for a folder with a mark of its own, which vouches for all files that there are.
pub(crate) fn is_marked(folder: &Path) -> bool {
    let vouches = |mark: &str, file: Vouched| {
        let is_absent = folder.join(file.name()).symlink_metadata().is_err();
        is_absent || file.digest(folder).is_ok_and(|digest| has(mark, &file.line(&digest)))
    };
    own_mark(folder).is_some_and(|mark| Vouched::ALL.iter().all(|file| vouches(&mark, *file)))
}

/// Has the mark vouch for a file that is about to be written with this digest, and no longer for what was there before
/// the present one.
pub(crate) fn vouch(folder: &Path, file: Vouched, digest: &str) -> Result<(), FilesError> {
    // One that is not ours, of a directory that was named, does not become ours by a part.
    let Some(mark) = own_mark(folder) else { return Ok(()) };
    let new = file.line(digest);
    if has(&mark, &new) {
        return Ok(());
    }
    let present = file.digest(folder).map(|digest| file.line(&digest)).ok();
    let of_others = format!("{} ", file.name());
    let kept =
        mark.split_inclusive('\n').filter(|line| !line.starts_with(&of_others) || present.as_deref() == Some(line));
    write_private(&folder.join(MARK), (kept.collect::<String>() + &new).as_bytes())
}

/// Writes a file that everybody may read and the mark vouches for; not again when that is its content.
pub(crate) fn write(folder: &Path, file: Vouched, content: &[u8]) -> Result<(), FilesError> {
    let path = folder.join(file.name());
    vouch(folder, file, &sha256_hex(content))?;
    match read(&path, Readers::Anybody) {
        Ok(found) if found == content => Ok(()),
        _ => write_public(&path, content),
    }
}

/// The mark, if it is this folder's own.
fn own_mark(folder: &Path) -> Option<String> {
    let mark = String::from_utf8(read(&folder.join(MARK), Readers::Owner).ok()?).ok()?;
    mark.starts_with(&time_of(&folder.join(ONCE)).ok()?).then_some(mark)
}

fn has(mark: &str, line: &str) -> bool {
    mark.split_inclusive('\n').any(|one| one == line)
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
    use bonafide_crypto::kek::Kek;
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

    #[test]
    fn ha_05_a_file_that_was_put_in_the_place_of_ours_has_no_mark() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::create_dir(folder.join("agent")).unwrap();
        mark(folder).unwrap();
        let key = |file: Vouched| {
            let before = |kek: &Kek| vouch(folder, file, &key::name_of(kek));
            key::key(&folder.join(file.name()), true, before).unwrap()
        };
        key(Vouched::Key);
        key(Vouched::AgentKey);
        for content in ["first", "second", "third", "third"] {
            write(folder, Vouched::Authority, content.as_bytes()).unwrap();
            write(folder, Vouched::Description, content.as_bytes()).unwrap();
            assert!(is_marked(folder), "{content}");
        }
        for file in Vouched::ALL {
            let (path, aside) = (folder.join(file.name()), folder.join("aside"));
            std::fs::rename(&path, &aside).unwrap();
            write_private(&path, &[7; 32]).unwrap();
            assert!(!is_marked(folder), "{file:?}");
            std::fs::rename(&aside, &path).unwrap();
            assert!(is_marked(folder), "{file:?}");
        }
        std::fs::write(folder.join("ca.pem"), "first").unwrap();
        assert!(!is_marked(folder), "what was there long before");
        mark(folder).unwrap();
        assert!(is_marked(folder), "the user has named it");
    }

    /// A crash between the mark and its file.
    #[test]
    fn ha_05_the_mark_is_true_before_and_after_its_file_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        mark(folder).unwrap();
        write(folder, Vouched::Authority, b"old").unwrap();
        vouch(folder, Vouched::Authority, &sha256_hex(b"new")).unwrap();
        assert!(is_marked(folder));
        std::fs::write(folder.join("ca.pem"), "new").unwrap();
        assert!(is_marked(folder));
    }

    #[test]
    fn ha_05_a_planted_gitignore_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(ONCE), "# nothing\n").unwrap();
        assert!(is_unused(folder.path()).unwrap());
        mark(folder.path()).unwrap();
        assert_eq!(std::fs::read(folder.path().join(ONCE)).unwrap(), IGNORE_ALL);
        assert!(is_marked(folder.path()));
    }
}
