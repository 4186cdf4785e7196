//! `bonafide info`

use crate::{DataDirOption, Failure, print};
use bonafide_server::{DataDir, Description};
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
    let description = Description::read(&DataDir::at(&options.data_dir.data_dir)?)?;
    let text =
        if options.json { serde_json::to_string(&description)? } else { serde_json::to_string_pretty(&description)? };
    print(&format!("{text}\n"));
    Ok(ExitCode::SUCCESS)
}
