//! From a request to its answer: route, rule, then the call itself, in one read or one transaction.

use crate::Cx;
use crate::fault::Fault;
use crate::headers::Correlation;
use crate::operations;
use crate::pipeline::access::{self, Access};
use crate::pipeline::delete::{self, Deleted};
use crate::pipeline::list::{self, Source};
use crate::pipeline::{Input, api_version, body, caller, read, write};
use crate::providers::Kind;
use crate::providers::authorization::{role_assignments, role_definitions};
use crate::providers::compute::virtual_machines::instance_view;
use crate::providers::managed_identity::{associated, operations as identity_operations, system_assigned};
use crate::providers::resources::{endpoints, groups, inventory, locations, providers, subscriptions};
use crate::route::{Call, route};
use crate::rule::Rule;
use bonafide_core::access::Allowed;
use bonafide_core::directory::Resource;
use bonafide_store::{Read, ReadTx, Tx};
use bonafide_types::{OperationId, ResourceId, SubscriptionId};
use bonafide_wire::{Parameters, Reply, Request};
use http::StatusCode;
use serde_json::Value;

/// Steps of a deletion that its own request takes; polling takes one each. Source: ours; bounds the
/// request to some thousand resources.
const STEPS_AT_ONCE: usize = 16;

/// Answers a request.
pub(crate) fn perform(cx: &Cx<'_>, request: &Request, correlation: &Correlation) -> Result<Reply, Fault> {
    let query = Parameters::parse(&request.query).map_err(|error| Fault::QueryInvalid(error.to_string()));
    let asked = query.as_ref().ok().and_then(|query| query.get("api-version")).unwrap_or_default();
    let call = route(&request.method, &request.path).map_err(|fault| fault.of_version(asked))?;
    let query = query?;
    let rule = call.rule();
    if rule == Rule::Public {
        return endpoints::endpoints(cx.config, &query);
    }
    let version = api_version::read(&query, call.kind())?;
    let caller = caller::authenticate(cx, request)?;
    let body = body::read(&request.body);
    let input = &Input { cx, request, query, version, caller, correlation, body };

    let reading = |answer: &dyn Fn(&ReadTx<'_>, &Access) -> Result<Reply, Fault>| {
        cx.store.read(|tx| answer(tx, &access::enter(tx, input, &rule)?))
    };
    let writing = |answer: &dyn Fn(&mut Tx<'_>, Access, &Allowed) -> Result<Reply, Fault>| {
        cx.store.write(|tx| {
            let access = access::enter(tx, input, &rule)?;
            let allowed = access.proof(input, &rule)?;
            answer(tx, access, &allowed)
        })
    };
    match &call {
        Call::MetadataEndpoints => endpoints::endpoints(cx.config, &input.query),
        Call::ListTenants => reading(&|tx, _| subscriptions::tenants(tx, input)),
        Call::ListSubscriptions => reading(&|tx, _| subscriptions::list(tx, input)),
        Call::ReadSubscription(id) => reading(&|tx, _| subscriptions::read(tx, *id)),
        Call::ListLocations(id) => reading(&|_, _| Ok(locations::list(*id))),
        Call::ListProviders(subscription) => reading(&|_, _| Ok(providers::list(*subscription))),
        Call::ReadProvider(subscription, name) => reading(&|_, _| providers::read(*subscription, name)),
        Call::RegisterProvider(subscription, name) => reading(&|_, _| providers::read(Some(*subscription), name)),
        Call::ListIdentityOperations => reading(&|_, _| Ok(identity_operations::list())),
        Call::PollOperation(subscription, id) | Call::PollResult(subscription, id) => {
            poll(input, &rule, &call, *subscription, *id)
        }
        Call::ListGroups(subscription) => reading(&|tx, access| groups::page(tx, input, access, *subscription)),
        Call::PutGroup(id) => writing(&|tx, access, allowed| groups::put(tx, input, &access, allowed, id)),
        Call::PatchGroup(id) => writing(&|tx, access, allowed| groups::patch(tx, input, &access, allowed, id)),
        Call::ReadGroup(id) => reading(&|_, access| groups::get(input, access, id)),
        Call::HeadGroup(id) => reading(&|_, access| groups::head(input, access, id)),
        Call::DeleteGroup(id) => delete_group(input, &rule, id),
        Call::ListResources(id) => reading(&|tx, access| inventory::page(tx, input, access, id)),
        Call::ListOfType(id, kind) => reading(&|tx, access| list_of_type(tx, input, access, id, kind)),
        Call::PutResource(id, kind) => writing(&|tx, access, allowed| write::put(tx, input, access, allowed, id, kind)),
        Call::PatchResource(id, kind) => {
            writing(&|tx, access, allowed| write::patch(tx, input, access, allowed, id, kind))
        }
        Call::ReadResource(id, kind) => reading(&|_, access| read::get(input, access, id, kind)),
        Call::HeadResource(id, kind) => reading(&|_, access| read::head(input, access, id, kind)),
        Call::DeleteResource(id, kind) => delete_resource(input, &rule, id, kind),
        Call::InstanceView(id, kind) => reading(&|_, access| {
            let (_, resource) = read::existing(input, access, id, kind)?;
            Ok(Reply::json(StatusCode::OK, &instance_view(resource)))
        }),
        Call::ListAssociatedResources(id, kind) => reading(&|tx, access| associated::list(tx, input, access, id, kind)),
        Call::ReadSystemIdentity(id) => reading(&|_, access| system_assigned::get(access, id)),
        Call::ListRoleAssignments(scope) => reading(&|tx, access| role_assignments::list(tx, input, access, scope)),
        Call::ReadRoleAssignment(_, name) => reading(&|tx, access| role_assignments::get(tx, input, access, *name)),
        Call::PutRoleAssignment(scope, name) => {
            writing(&|tx, access, allowed| role_assignments::put(tx, input, &access, allowed, scope, *name))
        }
        Call::DeleteRoleAssignment(scope, name) => {
            writing(&|tx, access, allowed| role_assignments::delete(tx, input, &access, allowed, scope, *name))
        }
        Call::ListRoleDefinitions(scope) => reading(&|_, _| role_definitions::list(input, scope)),
        Call::ReadRoleDefinition(scope, name) => reading(&|_, _| role_definitions::get(scope, name)),
    }
}

fn list_of_type(
    tx: &impl Read,
    input: &Input<'_>,
    access: &Access,
    id: &ResourceId,
    kind: &Kind,
) -> Result<Reply, Fault> {
    api_version::check(input, kind, None)?;
    let fold = kind.name.to_ascii_lowercase();
    let source = match (&access.place.group, &access.place.found, id.subscription()) {
        (_, _, Some(subscription)) if id.parent().is_none() => Source::TypeInSubscription(subscription, fold),
        (None, _, _) if id.resource_group().is_some() => {
            return Err(Fault::GroupNotFound(id.resource_group().unwrap_or_default().to_owned()));
        }
        (Some((group, row)), _, _) if row.id == *id => Source::TypeInGroup(*group, fold),
        (_, Some((uuid, _)), _) => Source::TypeBelow(*uuid, fold),
        _ => return Err(Fault::ResourceNotFound(id.clone())),
    };
    let wanted = |resource: &Resource| list::belongs(&source, resource);
    list::page(tx, input, access, &source, wanted, |kind, uuid, resource| {
        Value::Object(read::show(input, kind, uuid, resource))
    })
}

/// Deletes a group: one transaction closes it, further ones empty it. When they have, it is answered as done.
fn delete_group(input: &Input<'_>, rule: &Rule, id: &ResourceId) -> Result<Reply, Fault> {
    let (cx, subscription) = (input.cx, id.subscription().ok_or(Fault::NoSuchRoute)?);
    let operation = cx.store.write(|tx| {
        let access = access::enter(tx, input, rule)?;
        let allowed = access.proof(input, rule)?;
        groups::delete(tx, input, &access, &allowed, id, subscription)
    })?;
    let operation = (subscription, operation);
    if first_steps(input, operation) {
        return Ok(Reply::empty(StatusCode::OK));
    }
    Ok(operations::accepted(cx.config, &input.version, operation))
}

/// Deletes a resource: in one transaction, or, when that cannot hold all that lies below, in several. One that
/// is not there is gone already: 204.
fn delete_resource(input: &Input<'_>, rule: &Rule, id: &ResourceId, kind: &Kind) -> Result<Reply, Fault> {
    let begin = |batch: usize| {
        input.cx.store.write(|tx| {
            let access = access::enter(tx, input, rule)?;
            let allowed = access.proof(input, rule)?;
            delete::resource(tx, input, &access, &allowed, (id, kind), batch)
        })
    };
    let deleted = match begin(operations::STEP_ITEMS_MAX) {
        // Few things, but large ones: the operation finds out how many of them a commit holds.
        Err(Fault::TooMuchAtOnce) => begin(0)?,
        other => other?,
    };
    let (operation, location) = match deleted {
        Deleted::Absent => return Ok(Reply::empty(StatusCode::NO_CONTENT)),
        Deleted::Begun { operation, location } if !first_steps(input, operation) => (operation, location),
        Deleted::Gone | Deleted::Begun { .. } => return Ok(Reply::empty(StatusCode::OK)),
    };
    let config = input.cx.config;
    let reply = operations::accepted(config, &input.version, operation);
    Ok(match location.filter(|_| kind.provider.status_address()) {
        Some(location) => operations::with_status_address(reply, config, &input.version, operation, &location),
        None => reply,
    })
}

/// Takes the first steps of an operation in the request that started it; true when they were the last ones,
/// too. A failure of theirs is none of the request, which was accepted: who polls the operation takes more
/// steps, and so does `operations::advance_all`.
fn first_steps(input: &Input<'_>, operation: (SubscriptionId, OperationId)) -> bool {
    operations::advance(input.cx.store, &input.cx.world, operation, STEPS_AT_ONCE)
        .is_ok_and(|operation| operation.is_some_and(|operation| operation.ended_at.is_some()))
}

/// Polls an operation, and takes a step of it when it is not done.
fn poll(
    input: &Input<'_>,
    rule: &Rule,
    call: &Call,
    subscription: SubscriptionId,
    id: OperationId,
) -> Result<Reply, Fault> {
    let cx = input.cx;
    cx.store.read(|tx| access::enter(tx, input, rule))?;
    let operation = operations::advance(cx.store, &cx.world, (subscription, id), 1)?;
    let operation =
        operation.filter(|operation| operation.tenant == input.caller.tenant).ok_or(Fault::OperationNotFound(id))?;
    Ok(match call {
        Call::PollOperation(..) => operations::poll(id, &operation),
        _ => operations::result(cx.config, &input.version, subscription, id, &operation),
    })
}
