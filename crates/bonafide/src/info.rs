//! `bonafide info`

use crate::data_dir::DataDir;
use crate::{DataDirOption, Failure, print, say};
use bonafide_plane::{Description, operator_note};
use bonafide_types::printable_json;
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
    let dir = DataDir::of_control_plane(&options.data_dir)?;
    let description = Description::read(&dir.plane)?;
    let text =
        if options.json { serde_json::to_string(&description)? } else { serde_json::to_string_pretty(&description)? };
    print(&format!("{}\n", printable_json(&text)));
    if let Some(note) = operator_note(&dir.plane) {
        say(&note);
    }
    Ok(ExitCode::SUCCESS)
}
