//! The text files of the working tree.

use super::TidyError;
use std::collections::BTreeMap;
use std::path::Path;

/// Text by path, relative to the root and with `/` between folders.
pub(super) type Tree = BTreeMap<String, String>;

/// Folders that hold nothing of the project's own.
const SKIPPED: [&str; 4] = ["target", "node_modules", "__pycache__", ".git"];
/// Hidden entries that do belong to the project.
const HIDDEN: [&str; 4] = [".cargo", ".ci", ".config", ".gitignore"];

/// Reads every text file below `root`. Works on an unpacked archive as on a clone, so it asks the
/// file system and not git.
pub(super) fn read(root: &Path) -> Result<Tree, TidyError> {
    let mut tree = Tree::new();
    read_folder(root, "", &mut tree)?;
    Ok(tree)
}

fn read_folder(root: &Path, folder: &str, tree: &mut Tree) -> Result<(), TidyError> {
    let failed = |path: &str, error| TidyError::Read { path: path.to_owned(), error };
    for entry in std::fs::read_dir(root.join(folder)).map_err(|error| failed(folder, error))? {
        let entry = entry.map_err(|error| failed(folder, error))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if SKIPPED.contains(&name.as_str()) || (name.starts_with('.') && !HIDDEN.contains(&name.as_str())) {
            continue;
        }
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(|error| failed(&path, error))?;
        if kind.is_dir() {
            read_folder(root, &path, tree)?;
        } else if kind.is_file() {
            let bytes = match std::fs::read(root.join(&path)) {
                Ok(bytes) => bytes,
                // An editor's or a build's temporary file, gone since the folder was listed.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(&path, error)),
            };
            if let Ok(text) = String::from_utf8(bytes) {
                tree.insert(path, text);
            }
        }
    }
    Ok(())
}
