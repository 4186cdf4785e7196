//! `bench`: builds what is measured and what measures it, and runs that.

use std::path::Path;
use std::process::Command;

/// Runs the measurements that `arguments` name; false when one could not be taken. The binary is built
/// by itself, so that it is the one that is shipped: cargo would otherwise unite the features of both.
///
/// # Errors
/// What could not be built or run.
pub fn run(root: &Path, arguments: &[&str]) -> Result<bool, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = |arguments: &[&str]| {
        let status = Command::new(&cargo).args(arguments).current_dir(root).status();
        status.map_err(|error| format!("{}: {error}", cargo.display()))
    };
    if !run(&["build", "--release", "--package", "bonafide"])?.success() {
        return Err("the binary could not be built".to_owned());
    }
    let measured = run(&[&["run", "--quiet", "--release", "--package", "bench", "--"], arguments].concat())?;
    Ok(measured.success())
}
