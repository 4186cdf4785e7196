//! Hosts as resources of the control plane, for `host token`, `place`, `displace`, and for `list`, `enable` and `disable` from
//! elsewhere.

use crate::client::{Client, ClientError};
use bonafide_plane::can_have_identities;
use bonafide_types::{ResourceId, enumerate_some};
use http::Method;
use serde_json::{Value, json};

/// The group in which `host token create --resource-group` makes hosts.
const GROUP: &str = "bonafide";

/// The type of scale sets.
const SCALE_SETS: &str = "Microsoft.Compute/virtualMachineScaleSets";

/// A host.
pub(super) struct Host {
    /// Its ARM id.
    pub(super) id: String,
    /// Its id in certificates.
    pub(super) host_id: String,
}

impl Host {
    fn of(resource: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self { id: text(&resource["id"]), host_id: text(&resource["properties"]["hostId"]) }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }

    /// Asks for one of its actions.
    pub(super) async fn act(&self, client: &Client, action: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        client.send(Method::POST, &format!("{}/{action}", self.id), body).await
    }

    /// Its state, as its instance view tells it, and since when.
    pub(super) async fn state(&self, client: &Client) -> Result<(String, String), ClientError> {
        let shown = client.expanded(&self.id).await?["properties"]["instanceView"].take();
        let of_health = |status: &&Value| status["code"].as_str().is_some_and(|code| code.starts_with("HealthState/"));
        let status =
            shown["statuses"].as_array().and_then(|all| all.iter().find(of_health).cloned()).unwrap_or_default();
        let text = |name: &str| status[name].as_str().unwrap_or_default().to_owned();
        Ok((text("displayStatus"), text("time")))
    }
}

/// All hosts that the caller sees.
pub(super) async fn all(client: &Client) -> Result<Vec<Host>, ClientError> {
    let groups = format!("/subscriptions/{}/providers/Microsoft.Compute/hostGroups", client.subscription().await?);
    let mut found = Vec::new();
    for group in client.list(&groups).await? {
        let hosts = client.list(&format!("{}/hosts", group["id"].as_str().unwrap_or_default())).await?;
        found.extend(hosts.iter().map(Host::of));
    }
    Ok(found)
}

/// The host that a name, an ARM id or an id means.
pub(super) async fn find(client: &Client, wanted: &str) -> Result<Host, ClientError> {
    if wanted.starts_with('/') {
        return Ok(Host::of(&client.send(Method::GET, wanted, None).await?));
    }
    let hosts = all(client).await?;
    let known = enumerate_some(hosts.iter().map(|host| host.name()));
    let is_meant = |host: &Host| host.name().eq_ignore_ascii_case(wanted) || host.host_id.eq_ignore_ascii_case(wanted);
    let mut meant: Vec<Host> = hosts.into_iter().filter(is_meant).collect();
    let refusal = match (meant.pop(), meant.as_slice()) {
        (Some(one), []) => return Ok(one),
        (None, _) if known.is_empty() => format!("there is no host '{wanted}', nor any other"),
        (None, _) => format!("there is no host '{wanted}'; there are: {known}"),
        (Some(last), others) => {
            let ids = enumerate_some(others.iter().chain([&last]).map(|host| &host.id));
            format!("several hosts have the name '{wanted}'; give the ARM id of one: {ids}")
        }
    };
    Err(ClientError::Named(refusal))
}

/// The host with this name in a resource group's host group, made like that group if it is not there yet.
pub(super) async fn make(client: &Client, group: &str, name: &str) -> Result<Host, ClientError> {
    let group = match group.starts_with('/') {
        true => group.to_owned(),
        false => format!("/subscriptions/{}/resourceGroups/{group}", client.subscription().await?),
    };
    let location = client.send(Method::GET, &group, None).await?["location"].clone();
    let hosts = format!("{group}/providers/Microsoft.Compute/hostGroups/{GROUP}");
    for (id, properties) in
        [(hosts.clone(), json!({ "platformFaultDomainCount": 1 })), (format!("{hosts}/hosts/{name}"), json!({}))]
    {
        match client.send(Method::GET, &id, None).await {
            Err(ClientError::Refused { status, .. }) if status == http::StatusCode::NOT_FOUND => {
                let body = json!({ "location": location, "properties": properties });
                client.send(Method::PUT, &id, Some(&body)).await?;
            }
            found => drop(found?),
        }
    }
    Ok(Host::of(&client.send(Method::GET, &format!("{hosts}/hosts/{name}"), None).await?))
}

/// The ARM id of the workload that an id or a name means, as `attach` takes them.
pub(super) async fn workload(client: &Client, wanted: &str) -> Result<String, ClientError> {
    if wanted.starts_with('/') {
        return match ResourceId::parse(wanted) {
            Ok(id) => Ok(id.as_str().to_owned()),
            Err(error) => Err(ClientError::Named(format!(
                "--workload {wanted}: {error}; give a name, or an ARM id as `az vm show --query id` prints it"
            ))),
        };
    }
    let resources = format!("/subscriptions/{}/resources", client.subscription().await?);
    let resources = client.list(&resources).await?;
    let ids: Vec<ResourceId> =
        resources.iter().filter_map(|resource| ResourceId::parse(resource["id"].as_str()?).ok()).collect();
    let mut meant: Vec<ResourceId> =
        ids.iter().filter(|id| can_have_identities(id) && id.is_named(wanted)).cloned().collect();
    if let (Some((set, number)), true) = (wanted.split_once('/'), meant.is_empty()) {
        // Instances of a set are in no list of all resources.
        let sets =
            ids.iter().filter(|id| id.type_name().to_string().eq_ignore_ascii_case(SCALE_SETS) && id.is_named(set));
        let instances = sets.filter_map(|id| ResourceId::parse(&format!("{id}/virtualMachines/{number}")).ok());
        for instance in instances {
            match client.send(Method::GET, instance.as_str(), None).await {
                Ok(_) => meant.push(instance),
                Err(ClientError::Refused { status, .. }) if status == http::StatusCode::NOT_FOUND => {}
                Err(other) => return Err(other),
            }
        }
    }
    match meant.as_slice() {
        [one] => Ok(one.as_str().to_owned()),
        [] => Err(ClientError::Named(format!(
            "there is no workload '{wanted}' among the resources that you may read; give its ARM id where it is in another \
             subscription"
        ))),
        several => Err(ClientError::Named(format!(
            "several resources have the name '{wanted}'; give the ARM id of one: {}",
            enumerate_some(several)
        ))),
    }
}
