//! The first start: a tenant, a subscription, an operator, and the demo resources. What an operator
//! could make is made as the operator, through the management surface, so that it is like everything
//! made later. A start that is interrupted goes on where it stopped.

use crate::control_plane::ControlPlane;
use crate::files::PlaneFiles;
use crate::first_keys::FirstKeys;
use crate::installation::{INSTALLATION, Installation};
use crate::operator::{OperatorCredentials, OperatorError};
use crate::surfaces::{self, At, On, Round};
use bonafide_core::access::assignments::{self, AssignmentError, NewAssignment};
use bonafide_core::access::{Allowed, Chain};
use bonafide_core::directory::{SUBSCRIPTIONS, Subscription, TENANTS, Tenant, create_application, find};
use bonafide_core::keys::{KeyRowError, SIGNING_KEYS, signing_key_of};
use bonafide_core::lifecycle::{self, PlaceError};
use bonafide_core::names::PUBLIC_MANAGEMENT;
use bonafide_core::tokens::{Authenticated, IssueError, Method as SignIn, issue, resolve};
use bonafide_core::view::ViewsError;
use bonafide_crypto::SignError;
use bonafide_http::clock;
use bonafide_store::{Read, StoreError};
use bonafide_types::{
    Audience, HostId, ResourceId, ResourceIdError, RoleAssignmentId, RoleDefinitionId, SubscriptionId, TenantId,
};
use bonafide_wire::{Outcome, Peer, Reply, Request};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};

/// Location of the demo resources.
const LOCATION: &str = "westeurope";
/// Owner, User Access Administrator included. Source: Azure built-in roles.
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
/// Reader. Source: Azure built-in roles.
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// Why the first start failed.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
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
    /// A key pair could not be made.
    #[error(transparent)]
    Pair(#[from] SignError),
    /// The threads that make key pairs could not be started.
    #[error("cannot start threads: {0}")]
    Threads(#[from] std::io::Error),
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

/// Makes what is not there yet. `keys` are made by the caller as early as possible.
pub(crate) fn first_start(
    plane: &ControlPlane,
    files: &PlaneFiles,
    keys: Option<FirstKeys>,
    empty: bool,
) -> Result<Installation, FirstStartError> {
    let known = plane.store.read(|tx| tx.get(&INSTALLATION, &()))?;
    let installation = match known {
        Some(installation) => installation,
        None => create_tenant(plane, files, &keys.map_or_else(FirstKeys::start, Ok)?)?,
    };
    if installation.complete {
        return Ok(installation);
    }
    plane.catch_up()?;
    let demo = if empty { None } else { Some(make_demo(plane, &installation)?) };
    let complete = plane.store.write(|tx| {
        let mut complete = Installation { complete: true, ..installation.clone() };
        if let Some(demo) = &demo
            && let Some((id, resource)) = find(tx, demo)?
        {
            lifecycle::place(tx, &Allowed::system(resource.tenant), installation.local_host, id, &resource)?;
            complete.demo_id = Some(id);
        }
        tx.put(&INSTALLATION, &(), &complete)?;
        Ok::<_, PlaceError>(complete)
    })?;
    plane.catch_up()?;
    Ok(complete)
}

/// Creates the tenant with its operator, in one transaction.
fn create_tenant(plane: &ControlPlane, files: &PlaneFiles, keys: &FirstKeys) -> Result<Installation, FirstStartError> {
    let world = clock::world();
    let (tenant, subscription) = (TenantId::random(world.entropy), SubscriptionId::random(world.entropy));
    let (kid, signing_key) = signing_key_of(plane.views.kek(), tenant, world.now, keys.next()?)?;
    let credentials = OperatorCredentials::make(plane, files, keys.next()?, &world)?;
    let local_host = HostId::random(world.entropy);
    let owner: RoleDefinitionId = OWNER.parse().map_err(|_| FirstStartError::Operator)?;
    let installation = plane.store.write(|tx| {
        tx.put(&TENANTS, &tenant, &Tenant { display_name: "Default Directory".into(), created_at: world.now })?;
        let row = Subscription { tenant, display_name: "Default Subscription".into(), created_at: world.now };
        tx.put(&SUBSCRIPTIONS, &subscription, &row)?;
        tx.put(&SIGNING_KEYS, &(tenant, kid.clone()), &signing_key)?;
        let (operator, principal) = create_application(tx, &world, tenant, "operator")?;
        credentials.add(tx, &world, operator)?;
        let name = RoleAssignmentId::random(world.entropy);
        let owns = NewAssignment { name, principal: operator, role: owner, description: None };
        assignments::create(tx, &world, &Allowed::system(tenant), &Chain::root(tenant), &owns)?;
        let installation = Installation {
            tenant,
            subscription,
            operator,
            operator_client: principal.client_id,
            local_host,
            demo_id: None,
            imds_port: None,
            complete: false,
        };
        tx.put(&INSTALLATION, &(), &installation)?;
        Ok::<_, AssignmentError>(installation)
    })?;
    Ok(installation)
}

/// The demo group with a machine, its two identities and what they may do.
fn make_demo(plane: &ControlPlane, installation: &Installation) -> Result<ResourceId, FirstStartError> {
    let operator = Operator { token: operator_token(plane, installation)?, plane };
    let group = ResourceId::of_group(installation.subscription, "demo")?;
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

fn operator_token(plane: &ControlPlane, installation: &Installation) -> Result<String, FirstStartError> {
    let view = plane.views.snapshot();
    let audience = Audience::parse(PUBLIC_MANAGEMENT).map_err(|_| FirstStartError::Operator)?;
    let resource =
        resolve(&view, &plane.login.audiences, installation.tenant, &audience).ok_or(FirstStartError::Operator)?;
    let principal = view.principal(installation.tenant, installation.operator).ok_or(FirstStartError::Operator)?;
    let client =
        Authenticated { object_id: installation.operator, principal, method: SignIn::Certificate, workload: None };
    Ok(issue(&view, &plane.login.authority, &clock::world(), &client, &resource, &[])?.token)
}

/// Makes requests to the management surface as the operator.
struct Operator<'a> {
    token: String,
    plane: &'a ControlPlane,
}

impl Operator<'_> {
    fn put(&self, id: &ResourceId, api_version: &str, body: &Value) -> Result<Value, FirstStartError> {
        let reply = self.send(id, api_version, body);
        if reply.status.is_success() {
            return Ok(serde_json::from_slice(&reply.body).unwrap_or_default());
        }
        Err(refused(id, &reply))
    }

    /// The same, where it is good enough that it is there already.
    fn put_unless_there(&self, id: &ResourceId, api_version: &str, body: &Value) -> Result<(), FirstStartError> {
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
        let request = Request {
            method: Method::PUT,
            path: id.to_string(),
            query: format!("api-version={api_version}"),
            headers,
            body: Bytes::from(body.to_string()),
            peer: Peer::Anonymous(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        };
        manage(self.plane, &request)
    }
}

fn manage(plane: &ControlPlane, request: &Request) -> Reply {
    let view = plane.views.current();
    let at = At { parts: plane, view: &view, world: clock::world(), round: Round::default() };
    match surfaces::of(On::Public, request).handle(at, request) {
        Outcome::Answer(answer) => answer.reply,
        // The resource manager needs nothing from the shell.
        Outcome::Need(_) => Reply::empty(http::StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn refused(id: &ResourceId, reply: &Reply) -> FirstStartError {
    FirstStartError::Refused {
        method: Method::PUT,
        path: id.to_string(),
        status: reply.status.as_u16(),
        body: String::from_utf8_lossy(&reply.body).into_owned(),
    }
}
