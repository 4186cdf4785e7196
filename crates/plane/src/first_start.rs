//! The first start: a tenant, a subscription, an operator, and the demo resources. What an operator
//! could make is made as the operator, through the management surface, so that it is like everything
//! made later. A start that is interrupted goes on where it stopped.

use crate::control_plane::ControlPlane;
use crate::data_dir::DataDir;
use crate::deployment::{DEPLOYMENT, Deployment};
use crate::operator::{OperatorCredentials, OperatorError};
use bonafide_core::access::assignments::{self, AssignmentError, NewAssignment};
use bonafide_core::access::{Allowed, Chain};
use bonafide_core::directory::{SUBSCRIPTIONS, Subscription, TENANTS, Tenant, create_application, find};
use bonafide_core::keys::{KeyRowError, SIGNING_KEYS, make_signing_key};
use bonafide_core::lifecycle::{self, PlaceError};
use bonafide_core::tokens::{Authenticated, IssueError, Method as SignIn, issue, resolve};
use bonafide_core::view::ViewsError;
use bonafide_http::clock;
use bonafide_store::{Read, StoreError};
use bonafide_types::{
    Audience, HostId, ResourceId, ResourceIdError, RoleAssignmentId, RoleDefinitionId, SubscriptionId, TenantId,
};
use bonafide_wire::{Peer, Reply, Request};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};

/// Where the demo resources are.
const LOCATION: &str = "westeurope";
/// Owner, User Access Administrator included. Source: Azure built-in roles.
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
/// Reader. Source: Azure built-in roles.
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// Why the first start failed.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The operator's credentials could not be made.
    #[error(transparent)]
    Credentials(#[from] OperatorError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The view failed.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// A signing key could not be made.
    #[error(transparent)]
    SigningKey(#[from] KeyRowError),
    /// No token for the operator.
    #[error(transparent)]
    Token(#[from] IssueError),
    /// The operator could not be given its role.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// The operator's token cannot be asked for.
    #[error("the operator cannot sign in to the management surface")]
    Operator,
    /// The demo machine could not be placed.
    #[error(transparent)]
    Placement(#[from] PlaceError),
    /// An id in a reply.
    #[error(transparent)]
    Id(#[from] ResourceIdError),
    /// The management surface refused to make something.
    #[error("{method} {path} was refused with {status}: {body}")]
    Refused {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// The status.
        status: u16,
        /// The reason.
        body: String,
    },
}

/// Answers as the management surface does.
pub(crate) type Management<'a> = &'a dyn Fn(&Request) -> Reply;

/// Makes what is not there yet.
pub(crate) fn bootstrap(
    plane: &ControlPlane,
    dir: &DataDir,
    management: Management<'_>,
    empty: bool,
) -> Result<Deployment, BootstrapError> {
    let known = plane.store.read(|tx| tx.get(&DEPLOYMENT, &()))?;
    let deployment = match known {
        Some(deployment) => deployment,
        None => found(plane, dir)?,
    };
    if deployment.complete {
        return Ok(deployment);
    }
    plane.catch_up()?;
    let demo = if empty { None } else { Some(make_demo(plane, management, &deployment)?) };
    let complete = plane.store.write(|tx| {
        let mut complete = Deployment { complete: true, ..deployment.clone() };
        if let Some(demo) = &demo
            && let Some((id, resource)) = find(tx, demo)?
        {
            lifecycle::place(tx, &Allowed::system(resource.tenant), deployment.local_host, id, &resource)?;
            complete.demo_id = Some(id);
        }
        tx.put(&DEPLOYMENT, &(), &complete)?;
        Ok::<_, PlaceError>(complete)
    })?;
    plane.catch_up()?;
    Ok(complete)
}

/// Founds the tenant with its operator, in one transaction.
fn found(plane: &ControlPlane, dir: &DataDir) -> Result<Deployment, BootstrapError> {
    let world = clock::world();
    let (tenant, subscription) = (TenantId::random(world.entropy), SubscriptionId::random(world.entropy));
    let (kid, signing_key) = make_signing_key(plane.views.kek(), tenant, world.now)?;
    let credentials = OperatorCredentials::make(plane, dir, &world)?;
    let local_host = HostId::random(world.entropy);
    let owner: RoleDefinitionId = OWNER.parse().map_err(|_| BootstrapError::Operator)?;
    let deployment = plane.store.write(|tx| {
        tx.put(&TENANTS, &tenant, &Tenant { display_name: "Default Directory".into(), created_at: world.now })?;
        let row = Subscription { tenant, display_name: "Default Subscription".into(), created_at: world.now };
        tx.put(&SUBSCRIPTIONS, &subscription, &row)?;
        tx.put(&SIGNING_KEYS, &(tenant, kid.clone()), &signing_key)?;
        let (operator, principal) = create_application(tx, &world, tenant, "operator")?;
        credentials.add(tx, &world, operator)?;
        let name = RoleAssignmentId::random(world.entropy);
        let owns = NewAssignment { name, principal: operator, role: owner, description: None };
        assignments::create(tx, &world, &Allowed::system(tenant), &Chain::root(tenant), &owns)?;
        let deployment = Deployment {
            tenant,
            subscription,
            operator,
            operator_client: principal.client_id,
            local_host,
            demo_id: None,
            imds_port: None,
            complete: false,
        };
        tx.put(&DEPLOYMENT, &(), &deployment)?;
        Ok::<_, AssignmentError>(deployment)
    })?;
    Ok(deployment)
}

/// The demo group with a machine, its two identities and what they may do.
fn make_demo(
    plane: &ControlPlane,
    management: Management<'_>,
    deployment: &Deployment,
) -> Result<ResourceId, BootstrapError> {
    let operator = Operator { token: operator_token(plane, deployment)?, management };
    let group = ResourceId::of_group(deployment.subscription, "demo")?;
    operator.put(&group, "2021-04-01", &json!({ "location": LOCATION }))?;
    let identity = group.provider_child("Microsoft.ManagedIdentity/userAssignedIdentities", "demo-user")?;
    let user = operator.put(&identity, "2018-11-30", &json!({ "location": LOCATION }))?;
    let machine = group.provider_child("Microsoft.Compute/virtualMachines", "demo")?;
    let body = json!({
        "location": LOCATION,
        "identity": { "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { identity.as_str(): {} } },
        "properties": {
            "hardwareProfile": { "vmSize": "Standard_B1s" },
            "osProfile": { "computerName": "demo", "adminUsername": "demo" }
        }
    });
    let made = operator.put(&machine, "2024-11-01", &body)?;
    let principals = [&made["identity"]["principalId"], &user["properties"]["principalId"]];
    for principal in principals {
        let name = clock::world().entropy.guid().to_string();
        let assignment = group.provider_child("Microsoft.Authorization/roleAssignments", &name)?;
        let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{READER}");
        let properties =
            json!({ "roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal" });
        operator.put_unless_there(&assignment, "2022-04-01", &json!({ "properties": properties }))?;
    }
    Ok(machine)
}

fn operator_token(plane: &ControlPlane, deployment: &Deployment) -> Result<String, BootstrapError> {
    let view = plane.views.snapshot();
    let audience = Audience::parse("https://management.azure.com/").map_err(|_| BootstrapError::Operator)?;
    let resource =
        resolve(&view, &plane.login.audiences, deployment.tenant, &audience).ok_or(BootstrapError::Operator)?;
    let principal = view.principal(deployment.tenant, deployment.operator).ok_or(BootstrapError::Operator)?;
    let client =
        Authenticated { object_id: deployment.operator, principal, method: SignIn::Certificate, workload: None };
    Ok(issue(&view, &plane.login.authority, &clock::world(), &client, &resource, &[])?.token)
}

/// Makes requests to the management surface as the operator.
struct Operator<'a> {
    token: String,
    management: Management<'a>,
}

impl Operator<'_> {
    fn put(&self, id: &ResourceId, api_version: &str, body: &Value) -> Result<Value, BootstrapError> {
        let reply = self.send(id, api_version, body);
        if reply.status.is_success() {
            return Ok(serde_json::from_slice(&reply.body).unwrap_or_default());
        }
        Err(refused(id, &reply))
    }

    /// The same, where it is good enough that it is there already.
    fn put_unless_there(&self, id: &ResourceId, api_version: &str, body: &Value) -> Result<(), BootstrapError> {
        let reply = self.send(id, api_version, body);
        if reply.status.is_success() || reply.status == http::StatusCode::CONFLICT {
            return Ok(());
        }
        Err(refused(id, &reply))
    }

    fn send(&self, id: &ResourceId, api_version: &str, body: &Value) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", self.token)) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        (self.management)(&Request {
            method: Method::PUT,
            path: id.to_string(),
            query: format!("api-version={api_version}"),
            headers,
            body: Bytes::from(body.to_string()),
            peer: Peer::Anonymous(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        })
    }
}

fn refused(id: &ResourceId, reply: &Reply) -> BootstrapError {
    BootstrapError::Refused {
        method: Method::PUT,
        path: id.to_string(),
        status: reply.status.as_u16(),
        body: String::from_utf8_lossy(&reply.body).into_owned(),
    }
}
