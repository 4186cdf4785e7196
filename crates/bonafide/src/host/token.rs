//! `bonafide host token`

use super::remote;
use crate::client::{Client, ClientOptions};
use crate::shell::sh_quoted;
use crate::{DataDirOption, Failure, block_on, print, say};
use bonafide_crypto::thumbprint;
use bonafide_files::{Readers, read};
use bonafide_plane::Description;
use clap::{Args, Subcommand};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a token with which one machine joins as a host, once, within ten minutes
    Create(Create),
}

#[derive(Args)]
struct Create {
    /// The host: its name, ARM id or id
    #[arg(long, value_name = "NAME|ID")]
    host: String,
    /// Resource group, by name or ARM id, in which the host is made if it is not there (host group `bonafide`)
    #[arg(long, value_name = "GROUP")]
    resource_group: Option<String>,
    /// Print one JSON object on a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientOptions,
}

pub(super) fn run(option: &DataDirOption, options: Options) -> Result<(), Failure> {
    let Action::Create(options) = options.action;
    let (answer, description) = block_on(create(option, &options))??;
    let token = answer["token"].as_str().unwrap_or_default();
    let ends = answer["expiresOn"].as_str().unwrap_or_default();
    let known = description.as_ref().map(|description| (description.endpoints.hosts.clone(), digest(description)));
    let (url, digest) = known.unwrap_or_default();
    if options.json {
        let mut object = answer.clone();
        if !url.is_empty() {
            object["url"] = url.into();
            object["caSha256"] = digest.into();
        }
        print(&format!("{object}\n"));
        return Ok(());
    }
    print(&format!("{token}\n"));
    let (url, ca) = match url.is_empty() {
        true => ("https://NAME:8444".to_owned(), " --ca FILE".to_owned()),
        false => (sh_quoted(&url), format!(" --ca-sha256 {digest}")),
    };
    say(&format!("one machine can join with it until {ends}: bonafide host join --url {url}{ca} --token -"));
    Ok(())
}

async fn create(option: &DataDirOption, options: &Create) -> Result<(Value, Option<Description>), Failure> {
    let client = Client::sign_in(option, &options.client).await?;
    let host = match &options.resource_group {
        Some(group) => remote::make(&client, group, &options.host).await?,
        None => remote::find(&client, &options.host)
            .await
            .map_err(|error| format!("{error}; --resource-group GROUP makes a host that is not there"))?,
    };
    let answer = host.act(&client, "createJoinToken", Some(&json!({}))).await?;
    Ok((answer, client.description().cloned()))
}

/// The digest by which a machine knows the control plane of a data directory.
fn digest(description: &Description) -> String {
    let text = read(&description.ca_file, Readers::Anybody).unwrap_or_default();
    CertificateDer::from_pem_slice(&text).map(|der| thumbprint::sha256_hex(&der)).unwrap_or_default()
}
