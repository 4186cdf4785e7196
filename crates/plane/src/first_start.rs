//! The first start: a tenant, a subscription, an operator, and the demo resources. What an operator
//! could make is made in the name of the operator, by the order of every write, so that it is like everything
//! made later. A start that is interrupted goes on where it stopped.

use crate::control_plane::ControlPlane;
use crate::files::PlaneFiles;
use crate::first_keys::FirstKeys;
use crate::installation::{INSTALLATION, Installation};
use crate::operator::{OPERATOR, OperatorCredentials, OperatorError};
use crate::surfaces::{At, Round};
use bonafide_core::access::assignments::{self, AssignmentError, NewAssignment};
use bonafide_core::access::{Allowed, Chain, OWNER};
use bonafide_core::directory::{
    Application, SUBSCRIPTIONS, Subscription, TENANTS, Tenant, create_service_principal, find, register_application,
};
use bonafide_core::keys::{KeyRowError, SIGNING_KEYS, signing_key_of};
use bonafide_core::placement::resource_of;
use bonafide_core::tokens::{Caller, TokenId};
use bonafide_core::view::ViewsError;
use bonafide_crypto::SignError;
use bonafide_http::clock;
use bonafide_management::Refused;
use bonafide_store::{Read, StoreError};
use bonafide_types::{HostId, ResourceId, ResourceIdError, ResourceUuid, RoleAssignmentId, SubscriptionId, TenantId};
use http::StatusCode;
use serde_json::{Value, json};

/// Location of the demo resources.
const LOCATION: &str = "westeurope";
/// Reader. Source: Azure built-in roles.
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// The reason why the first start failed.
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
    /// A key pair could not be made.
    #[error(transparent)]
    Pair(#[from] SignError),
    /// The threads that make key pairs could not be started.
    #[error("cannot start threads: {0}")]
    Threads(#[from] std::io::Error),
    /// The operator could not be given its role.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// An id in a reply.
    #[error(transparent)]
    Id(#[from] ResourceIdError),
    /// The resource manager refused to make something.
    #[error("{id} was refused with {status}: {why}")]
    Refused {
        /// The resource.
        id: ResourceId,
        /// The status.
        status: u16,
        /// The reason.
        why: Box<Refused>,
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
        let mut complete =
            Installation { complete: true, local_host_is_resource: demo.is_some(), ..installation.clone() };
        if let Some(demo) = &demo {
            complete.demo_id = find(tx, demo)?.map(|(id, _)| id);
        }
        tx.put(&INSTALLATION, &(), &complete)?;
        Ok::<_, StoreError>(complete)
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
    let installation = plane.store.write(|tx| {
        tx.put(&TENANTS, &tenant, &Tenant { display_name: "Default Directory".into(), created_at: world.now })?;
        let row = Subscription::new(tenant, "Default Subscription", world.now);
        tx.put(&SUBSCRIPTIONS, &subscription, &row)?;
        tx.put(&SIGNING_KEYS, &(tenant, kid.clone()), &signing_key)?;
        let application = Application::new(&world, tenant, OPERATOR);
        let id = register_application(tx, &world, &application)?;
        credentials.add(tx, &world, id)?;
        let (operator, principal) = create_service_principal(tx, &world, &application)?;
        let name = RoleAssignmentId::random(world.entropy);
        let owns = NewAssignment { name, principal: operator, role: OWNER, description: None };
        assignments::create(tx, &world, &Allowed::system(tenant), &Chain::root(tenant), &owns)?;
        let installation = Installation {
            tenant,
            subscription,
            operator,
            operator_client: principal.client_id,
            local_host,
            demo_id: None,
            imds_port: None,
            applications: true,
            local_host_is_resource: false,
            complete: false,
        };
        tx.put(&INSTALLATION, &(), &installation)?;
        Ok::<_, AssignmentError>(installation)
    })?;
    Ok(installation)
}

/// The resource of the host that this machine is, in a group of its own: who deletes what else there is keeps the host. It
/// has the id that its agent's certificate names.
pub(crate) fn make_local_host(
    plane: &ControlPlane,
    installation: &Installation,
) -> Result<ResourceId, FirstStartError> {
    const VERSION: &str = "2024-11-01";
    let operator = Operator::new(plane, installation);
    let group = ResourceId::of_group(installation.subscription, "bonafide")?;
    operator.put_unless_there(&group, "2021-04-01", &json!({ "location": LOCATION }))?;
    let hosts = group.provider_child("Microsoft.Compute/hostGroups", "bonafide")?;
    let body = json!({ "location": LOCATION, "properties": { "platformFaultDomainCount": 1 } });
    operator.put_unless_there(&hosts, VERSION, &body)?;
    let host = hosts.child("hosts", "local")?;
    let key = resource_of(installation.local_host);
    let made = operator.send((&host, Some(key)), VERSION, &json!({ "location": LOCATION }));
    made.map(|_| host.clone()).map_err(|why| refused(&host, why))
}

/// The demo group with a machine, its two identities and what they may do.
fn make_demo(plane: &ControlPlane, installation: &Installation) -> Result<ResourceId, FirstStartError> {
    let host = make_local_host(plane, installation)?;
    let operator = Operator::new(plane, installation);
    let group = ResourceId::of_group(installation.subscription, "demo")?;
    operator.put(&group, "2021-04-01", &json!({ "location": LOCATION }))?;
    let identity = group.provider_child("Microsoft.ManagedIdentity/userAssignedIdentities", "demo-user")?;
    let user = operator.put(&identity, "2018-11-30", &json!({ "location": LOCATION }))?;
    let machine = group.provider_child("Microsoft.Compute/virtualMachines", "demo")?;
    let body = json!({
        "location": LOCATION,
        "identity": { "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { identity.as_str(): {} } },
        "properties": {
            "host": { "id": host.as_str() },
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

/// Makes resources in the name of the operator.
struct Operator<'a> {
    plane: &'a ControlPlane,
    caller: Caller,
}

impl<'a> Operator<'a> {
    fn new(plane: &'a ControlPlane, installation: &Installation) -> Self {
        let now = clock::now();
        let caller = Caller {
            tenant: installation.tenant,
            object_id: installation.operator,
            client_id: installation.operator_client,
            workload: None,
            token_id: TokenId::new(&clock::world()),
            expires_at: now,
        };
        Self { plane, caller }
    }

    fn put(&self, id: &ResourceId, api_version: &str, body: &Value) -> Result<Value, FirstStartError> {
        self.send((id, None), api_version, body).map_err(|why| refused(id, why))
    }

    /// The same, where it is good enough that it is there already.
    fn put_unless_there(&self, id: &ResourceId, api_version: &str, body: &Value) -> Result<(), FirstStartError> {
        match self.send((id, None), api_version, body) {
            Err(why) if why.status != StatusCode::CONFLICT.as_u16() => Err(refused(id, why)),
            _ => Ok(()),
        }
    }

    fn send(
        &self,
        resource: (&ResourceId, Option<ResourceUuid>),
        api_version: &str,
        body: &Value,
    ) -> Result<Value, Refused> {
        let view = self.plane.views.current();
        let at = At { parts: self.plane, view: &view, world: clock::world(), round: Round::default() };
        bonafide_management::put_with_key(&at.management(), self.caller.clone(), resource, api_version, body)
    }
}

fn refused(id: &ResourceId, why: Refused) -> FirstStartError {
    FirstStartError::Refused { id: id.clone(), status: why.status, why: Box::new(why) }
}
