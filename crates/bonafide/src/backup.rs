//! `bonafide backup`

use crate::data_dir::DataDir;
use crate::{DataDirOption, Failure, print};
use bonafide_plane::back_up;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data_dir: DataDirOption,
    /// The file to make; one that is there is not written over
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let files = DataDir::of_control_plane(&options.data_dir)?.plane;
    let backup = back_up(&files, &options.file)?;
    print(&format!(
        "{} has the database, as of revision {}. The key that opens it, {}, is not in it: keep a copy of that, too, apart \
         from this file.\n",
        options.file.display(),
        backup.newest.cursor.revision.0,
        files.key_file().display(),
    ));
    Ok(ExitCode::SUCCESS)
}
