//! Opening a file without waiting for anybody, and reading it whole.

use crate::{FilesError, io};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Largest file that is read whole, in bytes. Source: ours; the authorities of a system take less than one of them.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The files in which systems keep their authorities: Debian and its kin, Fedora and its kin, Alpine,
/// macOS.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The authorities of the system (PEM); `None` where it has none.
pub fn system_authorities() -> Option<String> {
    SYSTEM_BUNDLES.iter().find_map(|path| String::from_utf8(read_of_system(Path::new(path)).ok()?).ok())
}

/// Reads a file of the system's own, such as its authorities and what the kernel tells. Whoever can change those has the
/// machine.
pub fn read_of_system(path: &Path) -> Result<Vec<u8>, FilesError> {
    let file = without_waiting(OpenOptions::new().read(true), OFlags::empty(), path)?;
    match file.metadata() {
        Ok(found) if found.is_file() => whole(path, file),
        Ok(_) => Err(FilesError::NotAFile(path.to_owned())),
        Err(error) => Err(io(path, error)),
    }
}

/// Opens a file that is there, or is made; a pipe that nobody reads or writes is not waited for.
pub(crate) fn without_waiting(options: &mut OpenOptions, flags: OFlags, path: &Path) -> Result<File, FilesError> {
    let flags = (flags | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    options.custom_flags(flags).open(path).map_err(|error| match error.raw_os_error().map(Errno::from_raw_os_error) {
        // A link; a pipe that nobody reads; a socket.
        Some(Errno::LOOP | Errno::NXIO) => FilesError::NotAFile(path.to_owned()),
        _ => io(path, error),
    })
}

/// The content of a file.
pub(crate) fn whole(path: &Path, file: File) -> Result<Vec<u8>, FilesError> {
    let mut content = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content).map_err(|error| io(path, error))?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(FilesError::TooLarge(path.to_owned()));
    }
    Ok(content)
}
