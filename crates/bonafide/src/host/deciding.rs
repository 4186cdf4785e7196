//! The hosts as they are, and decisions about them: asked of the process of this data directory, and where the control plane
//! is another process, or elsewhere, of that.

use super::remote;
use crate::client::{Client, ClientError, ClientOptions};
use crate::data_dir::{DataDir, DataDirError};
use crate::{DataDirOption, Failure};
use bonafide_host::{HostLine, HostOrder, HostState, order_about_hosts};
use serde_json::json;

/// The hosts that an order is about, as they are afterwards.
pub(super) async fn hosts(
    option: &DataDirOption,
    options: &ClientOptions,
    order: HostOrder,
) -> Result<Vec<HostLine>, Failure> {
    if options.is_elsewhere() {
        return Ok(of_client(&Client::sign_in(option, options).await?, &order).await?);
    }
    let dir = match DataDir::at(option) {
        Err(DataDirError::Nothing { likely: None, .. } | DataDirError::SomethingElse { likely: None, .. })
            if option.data_dir.is_none() =>
        {
            return Err(ClientError::NoControlPlane.into());
        }
        other => other?,
    };
    let refused = match order_about_hosts(&dir.host, order.clone()).await {
        Ok(hosts) => return Ok(hosts),
        Err(refused) if dir.host.socket().exists() => return Err(refused.into()),
        Err(refused) => refused,
    };
    // `serve` has no control socket: it is asked as it is by everybody.
    match Client::sign_in(option, options).await {
        Ok(client) => Ok(of_client(&client, &order).await?),
        Err(ClientError::NoControlPlane | ClientError::Unreachable { .. }) => Err(refused.into()),
        Err(other) => Err(other.into()),
    }
}

async fn of_client(client: &Client, order: &HostOrder) -> Result<Vec<HostLine>, ClientError> {
    let (wanted, action) = match order {
        HostOrder::List => {
            let mut lines = Vec::new();
            for host in remote::all(client).await? {
                lines.push(line(client, &host).await?);
            }
            return Ok(lines);
        }
        HostOrder::Enable(wanted) => (wanted, "enable"),
        HostOrder::Disable(wanted) => (wanted, "disable"),
    };
    let host = remote::find(client, wanted).await?;
    host.act(client, action, Some(&json!({}))).await?;
    Ok(vec![line(client, &host).await?])
}

async fn line(client: &Client, host: &remote::Host) -> Result<HostLine, ClientError> {
    let (shown, since) = host.state(client).await?;
    let state = match shown.as_str() {
        "Host disabled" => HostState::Disabled,
        frozen if frozen.starts_with("Host frozen") => HostState::Frozen,
        _ => HostState::Enabled,
    };
    let unreadable =
        || ClientError::Unreadable { url: host.id.clone(), reason: "properties.hostId is no id of a host".to_owned() };
    Ok(HostLine {
        id: host.host_id.parse().map_err(|_| unreadable())?,
        name: host.name().to_owned(),
        since: Some(since.clone()).filter(|_| state == HostState::Frozen),
        certificate_issued_at: Some(since).filter(|_| state == HostState::Enabled && shown != "Host not joined yet"),
        state,
    })
}
