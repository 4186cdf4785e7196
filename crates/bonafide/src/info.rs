//! `bonafide info`

use crate::data_dir::DataDir;
use crate::{DataDirOption, Failure, print};
use bonafide_plane::{Description, operator_note};
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data_dir: DataDirOption,
    /// Print one JSON object on a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let dir = DataDir::at(&options.data_dir)?;
    let description = Description::read(&dir.plane)?;
    let text =
        if options.json { serde_json::to_string(&description)? } else { serde_json::to_string_pretty(&description)? };
    print(&format!("{text}\n"));
    if let Some(note) = operator_note(&dir.plane) {
        eprintln!("bonafide: {note}");
    }
    Ok(ExitCode::SUCCESS)
}
