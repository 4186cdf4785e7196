//! `bonafide restore`

use crate::data_dir::DataDir;
use crate::{DataDirOption, Failure, print};
use bonafide_plane::{look_before_restoring, restore};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data_dir: DataDirOption,
    /// A file of `bonafide backup`, or the database of a store
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Restore it although it is older than the store: what was deleted since is back
    #[arg(long)]
    accept_older: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    look_before_restoring(options.data_dir.choice().0, &options.file)?;
    let (dir, begun) = DataDir::create(&options.data_dir)?;
    let restored = restore(&dir.plane, &options.file, options.accept_older)?;
    begun.keep();
    let aside = restored.aside.map(|aside| {
        format!(" The one of before is in {}: delete it when it is not needed any more.", aside.display())
    });
    print(&format!(
        "The database is that of {}, as of revision {}; `bonafide up` starts with it.{}\n",
        options.file.display(),
        restored.backup.newest.cursor.revision.0,
        aside.unwrap_or_default(),
    ));
    Ok(ExitCode::SUCCESS)
}
