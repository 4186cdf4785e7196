//! The disk of the process under test: a small file system of its own, where the run may mount one, so that it can be full.
//! It lies in a mount namespace that ends with the run.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Size of the file system, in MiB.
const SIZE_MIB: u64 = 96;

pub(super) struct Disk {
    /// The folder for the data directory.
    pub(super) folder: PathBuf,
    /// True if it is a file system of its own.
    pub(super) own: bool,
}

impl Disk {
    /// An empty disk below `folder`; where none can be mounted, an empty folder.
    pub(super) fn make(folder: &Path, may_mount: bool) -> Result<Self, String> {
        let mount = folder.join("disk");
        let failed = |error: std::io::Error| format!("{}: {error}", mount.display());
        match fs::remove_dir_all(&mount) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => fs::create_dir_all(&mount).map_err(failed)?,
        }
        let own = may_mount && mounted(folder, &mount).map_err(|why| println!("no disk of its own: {why}")).is_ok();
        Ok(Self { folder: mount, own })
    }

    fn filling(&self) -> PathBuf {
        self.folder.join("filling")
    }

    /// Takes all the space that is left.
    pub(super) fn fill(&self) -> Result<(), String> {
        let path = self.filling();
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = File::options().create(true).append(true).open(&path).map_err(failed)?;
        for piece in [1024 * 1024, 4096, 512] {
            let zeros = vec![0; piece];
            loop {
                match file.write_all(&zeros) {
                    Ok(()) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(failed(error)),
                }
            }
        }
        // Nothing that is written late may find that there is space after all.
        match file.sync_all() {
            Err(error) if error.kind() != std::io::ErrorKind::StorageFull => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// Gives the space back.
    pub(super) fn make_room(&self) -> Result<(), String> {
        fs::remove_file(self.filling()).map_err(|error| format!("{}: {error}", self.filling().display()))
    }
}

/// Makes a file system in a file, and mounts it.
fn mounted(folder: &Path, mount: &Path) -> Result<(), String> {
    let image = folder.join("disk.img");
    let made = File::create(&image).and_then(|file| file.set_len(SIZE_MIB * 1024 * 1024));
    made.map_err(|error| format!("{}: {error}", image.display()))?;
    // No blocks are kept for root, who runs this.
    run(Command::new("mkfs.ext4").args(["-q", "-m", "0", "-F"]).arg(&image))?;
    run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(mount))
}

/// Runs a program of the system.
pub(super) fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
