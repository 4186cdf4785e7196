//! The data directory, with the files of each part in it.

use crate::shell::sh_quoted;
use crate::{DEFAULT_DATA_DIR, DataDirOption, say};
use bonafide_files::{FilesError, Root, User};
use bonafide_host::HostFiles;
use bonafide_plane::PlaneFiles;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// A data directory.
pub(crate) struct DataDir {
    root: Root,
    pub(crate) plane: PlaneFiles,
    pub(crate) host: HostFiles,
}

/// The reason why there is no data directory at a path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// There is something else.
    #[error("{} is not a data directory: {}", path.display(), remedy(likely.as_deref()))]
    SomethingElse {
        /// The path.
        path: PathBuf,
        /// A data directory nearby.
        likely: Option<PathBuf>,
    },
    /// There is nothing.
    #[error("{} is not there: {}", path.display(), remedy(likely.as_deref()))]
    Nothing {
        /// The path.
        path: PathBuf,
        /// A data directory nearby.
        likely: Option<PathBuf>,
    },
    /// It is a folder with other files, to which a data directory would add a `.gitignore` for all of them.
    #[error("{} has files of others in it, such as {}: {}", path.display(), found.escape_debug(), way_out(likely.as_deref()))]
    Occupied {
        /// The path.
        path: PathBuf,
        /// One of the files.
        found: String,
        /// A data directory in it.
        likely: Option<PathBuf>,
    },
    /// It has a control plane, and is to be a host's of another one.
    #[error(
        "{} has a control plane of its own, and its host is that of `bonafide up`: name another folder for a host of a \
         control plane elsewhere", .0.display()
    )]
    OfControlPlane(PathBuf),
    /// It is a host's alone, and has no control plane.
    #[error(
        "{} is of a host, whose control plane is elsewhere: this command is for the data directory of that. Here are \
         `bonafide exec`, `token` and `host`", .0.display()
    )]
    OfHost(PathBuf),
    /// Only root's privileges lead to it.
    #[error(
        "{} cannot be reached without root's privileges, which `up` gives up before it serves: choose a directory of root's \
         own, such as --data-dir /var/lib/bonafide", .0.display()
    )]
    OutOfReach(PathBuf),
    /// It cannot be used.
    #[error(transparent)]
    Files(#[from] FilesError),
}

/// The entries of a folder in which a first start ended before it had a database, and the one that every new file system
/// has.
const BEGUN: [&str; 11] = [
    ".gitignore",
    "made-here",
    "log",
    "store",
    "mark",
    "operator",
    "agent",
    "agent.lock",
    "key",
    "key.new",
    "lost+found",
];

/// The beginnings of the names of the half-written files that are made first.
const DRAFTS: [&str; 2] = [".gitignore.", "made-here."];

fn way_out(likely: Option<&Path>) -> String {
    likely.map_or_else(|| "name an empty folder with --data-dir".to_owned(), |path| remedy(Some(path)))
}

fn remedy(likely: Option<&Path>) -> String {
    match likely {
        Some(path) => format!("add --data-dir {}, where there is one", sh_quoted(&path.display().to_string())),
        None => "start `bonafide up` on this data directory first, or name another with --data-dir".to_owned(),
    }
}

impl DataDir {
    /// Makes the directory if need be.
    pub(crate) fn create(option: &DataDirOption) -> Result<(Self, Begun), DataDirError> {
        let (path, chosen) = option.choice();
        if let Some(found) = occupant(path) {
            let likely = Some(path.join(DEFAULT_DATA_DIR)).filter(|path| is_one(path));
            return Err(DataDirError::Occupied { path: path.to_owned(), found, likely });
        }
        let root = Root::create(path, chosen)?;
        let begun = Begun(root.clone());
        Ok((Self { plane: PlaneFiles::create(&root)?, host: HostFiles::create(&root)?, root }, begun))
    }

    /// Makes the directory of a host of a control plane elsewhere, if need be.
    pub(crate) fn create_for_host(option: &DataDirOption) -> Result<(Self, Begun), DataDirError> {
        let (path, chosen) = option.choice();
        if let Some(found) = occupant(path).filter(|_| !is_one(path)) {
            let likely = Some(path.join(DEFAULT_DATA_DIR)).filter(|path| is_one(path));
            return Err(DataDirError::Occupied { path: path.to_owned(), found, likely });
        }
        let root = Root::create(path, chosen)?;
        let (plane, begun) = (PlaneFiles::at(&root), Begun(root.clone()));
        match plane.database().exists() {
            true => Err(DataDirError::OfControlPlane(path.to_owned())),
            false => Ok((Self { plane, host: HostFiles::create(&root)?, root }, begun)),
        }
    }

    /// The directory as it is, without making anything.
    pub(crate) fn at(option: &DataDirOption) -> Result<Self, DataDirError> {
        let (path, chosen) = option.choice();
        match Root::at(path).and_then(|root| root.check(chosen).map(|()| root)) {
            Ok(_) if !is_one(path) => Err(DataDirError::SomethingElse { path: path.to_owned(), likely: nearby(path) }),
            Ok(root) => {
                // Once, however often a command looks.
                static SAID: Once = Once::new();
                if let Some(owner) = root.other_owner() {
                    SAID.call_once(|| say(&format!("{} belongs to {owner}", path.display())));
                }
                Ok(Self { plane: PlaneFiles::at(&root), host: HostFiles::at(&root)?, root })
            }
            Err(FilesError::NotThere(_)) => Err(DataDirError::Nothing { path: path.to_owned(), likely: nearby(path) }),
            Err(other) => Err(other.into()),
        }
    }
}

impl DataDir {
    /// True for that of a host whose control plane is elsewhere.
    pub(crate) fn is_of_host(&self) -> bool {
        self.host.has_joined()
    }

    /// The same directory, where there is a control plane.
    pub(crate) fn of_control_plane(option: &DataDirOption) -> Result<Self, DataDirError> {
        let dir = Self::at(option)?;
        match dir.is_of_host() {
            true => Err(DataDirError::OfHost(option.choice().0.to_owned())),
            false => Ok(dir),
        }
    }

    /// Refuses a directory to which this process has no way, under the whole path that its engine opens it by.
    pub(crate) fn check_in_reach(&self) -> Result<(), DataDirError> {
        let store = self.plane.store();
        let store = std::path::absolute(&store).unwrap_or(store);
        match store.metadata() {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(DataDirError::OutOfReach(store)),
            _ => Ok(()),
        }
    }

    /// The user whose it is.
    pub(crate) fn owner(&self) -> User {
        self.root.owner()
    }
}

/// A first start, or a command in its place, that may fail before it made anything that is to stay: then nothing stays, which
/// a later command would take for a data directory.
pub(crate) struct Begun(Root);

impl Begun {
    /// Has everything stay, whatever it is.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.remove_if_unused();
    }
}

/// True for a folder in which a start of `up` or `serve` has made the folders of every part, and for that of a host that
/// joined a control plane elsewhere.
pub(crate) fn is_one(path: &Path) -> bool {
    let Ok(root) = Root::at(path) else { return false };
    HostFiles::at(&root).is_ok_and(|host| host.has_joined() || PlaneFiles::at(&root).store().is_dir())
}

/// A file of others in a folder where nothing was ever started.
fn occupant(path: &Path) -> Option<String> {
    let plane = PlaneFiles::at(&Root::at(path).ok()?);
    if [plane.database(), plane.operator_secret(), plane.operator_certificate()].iter().any(|file| file.exists()) {
        return None;
    }
    let names = std::fs::read_dir(path).ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| !BEGUN.contains(&name.as_str()) && !DRAFTS.iter().any(|draft| name.starts_with(draft))).min()
}

/// The data directory that is likely meant: in the folder itself, or the nearest on the way up, as `up` makes it by
/// default, and never one that came with a folder.
fn nearby(path: &Path) -> Option<PathBuf> {
    let from = std::path::absolute(path).ok()?;
    let on_the_way = from.ancestors().skip(1).flat_map(|folder| [folder.to_owned(), folder.join(DEFAULT_DATA_DIR)]);
    std::iter::once(path.join(DEFAULT_DATA_DIR))
        .chain(on_the_way)
        .find(|path| is_one(path) && Root::at(path).is_ok_and(|root| root.is_made_here()))
}
