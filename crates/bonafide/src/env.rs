//! `bonafide env`

use crate::data_dir::DataDir;
use crate::shell::Shell;
use crate::{DataDirOption, Failure, print, variables};
use bonafide_plane::Description;
use clap::Args;
use std::process::ExitCode;

const EXAMPLES: &str = r#"Take them over into a shell:
  sh, bash, zsh  eval "$(bonafide env)"
  fish           bonafide env --shell fish | source
  PowerShell     bonafide env --shell powershell | Out-String | Invoke-Expression
Or into a file:
  docker         bonafide env --shell dotenv > .env; docker run --env-file .env …"#;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    data_dir: DataDirOption,
    /// The syntax of the output
    #[arg(long, value_enum, default_value_t = Shell::Sh)]
    shell: Shell,
    /// Print lines for the hosts file instead
    #[arg(long)]
    hosts: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let dir = DataDir::of_control_plane(&options.data_dir)?;
    let description = Description::read(&dir.plane)?;
    if options.hosts {
        print(&hosts(&description));
        return Ok(ExitCode::SUCCESS);
    }
    print(&options.shell.print(&variables::variables(&dir.plane, &description)?)?);
    Ok(ExitCode::SUCCESS)
}

/// Names that a system may not resolve by itself. `localhost` always does, so there are none while
/// there is no vault.
fn hosts(_description: &Description) -> String {
    "127.0.0.1 localhost\n".to_owned()
}
