//! What clients on this machine are to trust.

use crate::data_dir::{DataDir, DataDirError, io, write_public};
use std::path::PathBuf;

/// Where systems keep their authorities in one file: Debian and its kin, Fedora and its kin, Alpine,
/// macOS.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Writes the system's authorities and ours into one file, and returns its path.
pub fn write_bundle(dir: &DataDir) -> Result<PathBuf, DataDirError> {
    let own = dir.ca_file();
    let own = std::fs::read_to_string(&own).map_err(|error| io(&own, error))?;
    let system = SYSTEM_BUNDLES.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    let path = dir.bundle_file();
    let bundle = format!("{}\n{own}", system.trim_end());
    // Commands that run meanwhile read it; it is written again only when it has changed.
    if std::fs::read_to_string(&path).ok().as_deref() != Some(bundle.as_str()) {
        write_public(&path, bundle.as_bytes())?;
    }
    Ok(std::path::absolute(&path).unwrap_or(path))
}
