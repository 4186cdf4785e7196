//! `bonafide host place` and `displace`

use super::remote;
use crate::client::{Client, ClientOptions};
use crate::{DataDirOption, Failure, block_on, print};
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub(super) struct Options {
    /// The workload: the ARM id or the name of a machine or another resource that can have identities
    #[arg(long, value_name = "ID|NAME")]
    workload: String,
    /// The host: its name, ARM id or id
    #[arg(long, value_name = "NAME|ID")]
    host: String,
    #[command(flatten)]
    client: ClientOptions,
}

/// Puts a workload on a host, or takes it away, by one of the host's actions.
pub(super) fn run(option: &DataDirOption, options: &Options, action: &str) -> Result<(), Failure> {
    let said = block_on(async {
        let client = Client::sign_in(option, &options.client).await?;
        let workload = remote::workload(&client, &options.workload).await?;
        let host = remote::find(&client, &options.host).await?;
        host.act(&client, action, Some(&json!({ "workload": workload }))).await?;
        Ok::<_, crate::client::ClientError>(format!("{}  {}\n", host.name(), workload))
    })??;
    print(&said);
    Ok(())
}
