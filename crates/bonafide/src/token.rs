//! `bonafide token`

use crate::data_dir::DataDir;
use crate::{DataDirOption, Failure, block_on, print};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bonafide_host::Session;
use bonafide_metadata::dialects::IMDS;
use bonafide_types::ClientId;
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data_dir: DataDirOption,
    /// The resource that the token is for, as https://management.azure.com/
    #[arg(long, value_name = "URI")]
    resource: String,
    /// Workload to be: ARM id or name [default: demo]
    #[arg(long, value_name = "ID|NAME")]
    workload: Option<String>,
    /// Identity to be, by its client id [default: the system-assigned one, or the only one]
    #[arg(long, value_name = "GUID")]
    client_id: Option<ClientId>,
    /// Print the token's claims instead of the token
    #[arg(long)]
    decode: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let dir = DataDir::at(&options.data_dir)?;
    let token = block_on(async {
        let session = Session::open(&dir.host, options.workload.as_deref(), &IMDS, false).await?;
        session.token(&options.resource, options.client_id).await
    })??;
    let text = if options.decode { claims(token.expose())? } else { token.expose().clone() };
    print(&format!("{text}\n"));
    Ok(ExitCode::SUCCESS)
}

/// The claims for people to read. Nothing is verified: the token came from our own agent.
fn claims(token: &str) -> Result<String, Failure> {
    let part = token.split('.').nth(1).ok_or("the token has no claims")?;
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?;
    Ok(serde_json::to_string_pretty(&claims)?)
}
