//! HTTP on one side, commands and outcomes on the other: with `fault/` the only file that knows requests
//! and replies.

use crate::Cx;
use crate::command::{Call, Command, Conditions, Tags, Target, Verb};
use crate::config::Config;
use crate::deployments;
use crate::fault::{Fault, Trace};
use crate::fixed::Answer;
use crate::operations;
use crate::order::{api_version, body, caller};
use crate::outcome::{Accepted, Begun, Outcome, Shown, StatusAddress};
use crate::perform::{may_perform, perform};
use crate::route;
use bonafide_core::tokens::Caller;
use bonafide_store::Revision;
use bonafide_types::{ApiVersion, Entropy, World};
use bonafide_wire::{Lane, Parameters, Reply, Request, Unserved, path};
use http::{Method, StatusCode};
use uuid::Uuid;

/// The api-version of `/metadata/endpoints` that is none: Azure Stack's name of the oldest document, which
/// Azure PowerShell and go-autorest ask for.
const STACK: &str = "1.0";

/// Answers a request.
pub(crate) fn answer(cx: &Cx<'_>, request: &Request) -> Reply {
    let correlation = Correlation::of(request, cx.world.entropy);
    let performed = open(cx, request).and_then(|opened| match opened {
        Opened::Public(reply) => Ok(reply),
        Opened::Asked(asked) => perform_asked(cx, request, asked, &correlation),
    });
    let reply = performed.unwrap_or_else(|fault| refusal(cx, request, fault, &correlation));
    correlation.mark(reply, &cx.world)
}

/// The refusal of a request that needs no store to be refused, or the lane in which it waits for the store.
pub(crate) fn admit(cx: &Cx<'_>, request: &Request) -> Result<Lane, Box<Reply>> {
    match open(cx, request) {
        Ok(Opened::Public(_)) => Ok(Lane::Stranger),
        Ok(Opened::Asked(Asked { verb, target, .. })) => Ok(lane(verb, &target)),
        Err(fault) => {
            let correlation = Correlation::of(request, cx.world.entropy);
            Err(Box::new(correlation.mark(refusal(cx, request, fault, &correlation), &cx.world)))
        }
    }
}

fn lane(verb: Verb, target: &Target) -> Lane {
    match (verb, target) {
        _ if deployments::evaluates(verb, target) => Lane::Template,
        (_, Target::Fixed(fixed, _)) => match fixed.answer {
            // A poll takes a step of the work.
            Answer::Operation(_) => Lane::Write,
            Answer::Change(..) if fixed.route.method == Method::DELETE => Lane::Removal,
            Answer::Change(..) => Lane::Write,
            Answer::Read(_) | Answer::Public(_) => Lane::List,
        },
        (Verb::Delete, _) => Lane::Removal,
        (Verb::Put | Verb::Patch | Verb::Action(_), _) => Lane::Write,
        (Verb::Get | Verb::Head, _) => Lane::Read,
        (Verb::List, _) => Lane::List,
    }
}

fn refusal(cx: &Cx<'_>, request: &Request, fault: Fault, correlation: &Correlation) -> Reply {
    let query = Parameters::parse(&request.query).ok();
    let filter = query.as_ref().and_then(|query| query.get("$filter"));
    let trace = correlation.trace(cx.config.log_file.as_deref());
    fault.of_filter(filter).reply(|| authority(cx, request), &trace)
}

/// Answers a request that the shell does not serve; its body need not be there.
pub(crate) fn refuse(cx: &Cx<'_>, head: &Request, why: Unserved) -> Reply {
    let correlation = Correlation::of(head, cx.world.entropy);
    let trace = correlation.trace(cx.config.log_file.as_deref());
    let reply = Fault::Unserved(why).reply(|| format!("{}/common", cx.config.login), &trace);
    correlation.mark(reply, &cx.world)
}

/// The reply to a write that is done, where hosts that it is about have not heard of it up to a revision: with the address
/// at which its client sees when they have. Where there can be none it is the reply that it was.
pub(crate) fn while_hosts_hear(cx: &Cx<'_>, request: &Request, reply: Reply, past: Revision) -> Reply {
    let is_done = [StatusCode::OK, StatusCode::CREATED].contains(&reply.status);
    if !is_done || reply.headers.contains_key("azure-asyncoperation") {
        return reply;
    }
    let Ok(Opened::Asked(asked)) = open(cx, request) else { return reply };
    let command = command(request, asked, &Correlation::of(request, cx.world.entropy));
    let (Target::Resource(id, kind), Verb::Put | Verb::Patch | Verb::Action(_)) = (&command.target, command.verb)
    else {
        return reply;
    };
    let Some(subscription) = id.subscription() else { return reply };
    let call = &Call { cx, command: &command };
    let begun = cx.store.write(|tx| {
        operations::Begun::Allowed(operations::telling::work(past, cx.world.now)).store(tx, call, subscription)
    });
    // It is done all the same.
    let Ok(operation) = begun else { return reply };
    let status = Some(StatusAddress::of(kind, "global".to_owned()));
    let accepted = Accepted { subscription, operation, status };
    with_status(cx.config, &command.version, &accepted, reply.with("retry-after", "1"))
}

/// Tells whether a caller may do what the head of a request asks for. Where it may not, or the head is at fault, the
/// answer needs no body.
pub(crate) fn takes_body(cx: &Cx<'_>, head: &Request) -> bool {
    let Ok(Opened::Asked(asked)) = open(cx, head) else { return false };
    may_perform(cx, &command(head, asked, &Correlation::of(head, cx.world.entropy)))
}

/// A request, as far as it can be read without the store.
enum Opened {
    /// The answer to what everybody may ask.
    Public(Reply),
    Asked(Asked),
}

/// A request of somebody with a token.
struct Asked {
    verb: Verb,
    target: Target,
    query: Parameters,
    version: ApiVersion,
    by: Caller,
}

fn open(cx: &Cx<'_>, request: &Request) -> Result<Opened, Fault> {
    let query = Parameters::parse(&request.query).map_err(|error| Fault::QueryInvalid(error.to_string()));
    let asked = query.as_ref().ok().and_then(|query| query.get("api-version")).unwrap_or_default();
    let (verb, target) = route::read(&request.method, &request.path).map_err(|fault| fault.of_version(asked))?;
    let query = query?;
    if let Target::Fixed(fixed, _) = &target
        && let Answer::Public(public) = fixed.answer
    {
        let version = match query.get("api-version") {
            Some(STACK) => None,
            _ => Some(api_version::read(&query, None)?),
        };
        return Ok(Opened::Public(Reply::json(StatusCode::OK, &public(cx.config, version.as_ref()))));
    }
    let version = api_version::read(&query, target.kind())?;
    let by = caller::authenticate(cx, request.header("authorization"))?;
    Ok(Opened::Asked(Asked { verb, target, query, version, by }))
}

fn perform_asked(cx: &Cx<'_>, request: &Request, asked: Asked, correlation: &Correlation) -> Result<Reply, Fault> {
    let command = command(request, asked, correlation);
    let performed = perform(cx, &command).map_err(|fault| fault.of_version(command.version.as_str()));
    Ok(write(cx.config, &command.version, performed?))
}

fn command(request: &Request, asked: Asked, correlation: &Correlation) -> Command {
    let Asked { verb, target, query, version, by } = asked;
    let read_body = if deployments::is_lenient(&target) { deployments::read_body } else { body::read };
    Command {
        verb,
        target,
        path: request.path.clone(),
        query,
        version,
        by,
        correlation: correlation.correlation,
        conditions: Conditions { if_match: tags(request, "if-match"), if_none_match: tags(request, "if-none-match") },
        uuid: None,
        body: read_body(&request.body),
    }
}

fn tags(request: &Request, name: &str) -> Tags {
    match request.header(name) {
        Some(list) => Tags::Listed(list.to_owned()),
        None if request.headers.contains_key(name) => Tags::Unreadable,
        None => Tags::Absent,
    }
}

/// Writes an outcome. Every reply that is not final carries `Retry-After: 1`: without it clients wait 30
/// seconds (docs/wire/management-operations.md).
fn write(config: &Config, version: &ApiVersion, outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Shown(shown) => write_shown(StatusCode::OK, &shown),
        Outcome::Created(shown) => write_shown(StatusCode::CREATED, &shown),
        Outcome::Done => Reply::empty(StatusCode::OK),
        Outcome::Nothing => Reply::empty(StatusCode::NO_CONTENT),
        Outcome::Accepted(accepted) => write_accepted(config, version, &accepted),
        Outcome::Begun(begun) => write_begun(config, version, &begun),
        Outcome::Running(body) => Reply::json(StatusCode::OK, &body).with("retry-after", "1"),
    }
}

fn write_shown(status: StatusCode, shown: &Shown) -> Reply {
    let reply = Reply::json(status, &shown.body);
    match &shown.etag {
        Some(etag) => reply.with("etag", etag),
        None => reply,
    }
}

/// A write that goes on: clients read its status, or its error, at `Azure-AsyncOperation`, and the resource again
/// afterwards.
fn write_begun(config: &Config, version: &ApiVersion, begun: &Begun) -> Reply {
    let status = if begun.is_new { StatusCode::CREATED } else { StatusCode::OK };
    with_status(config, version, &begun.operation, write_shown(status, &begun.shown).with("retry-after", "1"))
}

/// The only place that makes a `Location`, an absolute one with an api-version: clients of 2017 take a
/// relative one for a file, and send the address as it stands (docs/wire/management-operations.md).
fn write_accepted(config: &Config, version: &ApiVersion, accepted: &Accepted) -> Reply {
    let Accepted { subscription, operation, .. } = accepted;
    let above = format!("{}/subscriptions/{subscription}", config.management);
    let reply = Reply::empty(StatusCode::ACCEPTED)
        .with("location", &format!("{above}/operationresults/{operation}?api-version={version}"))
        .with("retry-after", "1");
    with_status(config, version, accepted, reply)
}

/// Adds the address of an operation's status, where its type has one.
fn with_status(config: &Config, version: &ApiVersion, accepted: &Accepted, reply: Reply) -> Reply {
    let Accepted { subscription, operation, status } = accepted;
    let (management, id) = (&config.management, operation);
    let url = match status {
        None => return reply,
        Some(StatusAddress::OfLocation { namespace, location }) => {
            let above = format!("{management}/subscriptions/{subscription}/providers/{namespace}");
            format!("{above}/locations/{location}/operations/{id}?api-version={version}")
        }
        Some(StatusAddress::Below(path)) => format!("{management}{path}/{id}?api-version={version}"),
    };
    reply.with("azure-asyncoperation", &url).with("azure-asyncnotification", "Enabled")
}

/// The authority at which a token for a request can be had: at the tenant that its subscription trusts, which Azure
/// tells everybody who asks, or else at any tenant.
fn authority(cx: &Cx<'_>, request: &Request) -> String {
    let segments = path::segments(&request.path).unwrap_or_default();
    let subscription = match segments.as_slice() {
        [first, id, ..] if first.eq_ignore_ascii_case("subscriptions") => id.parse().ok(),
        _ => None,
    };
    let tenant = subscription.and_then(|id| cx.view.tenant_of_subscription(id));
    let tenant = tenant.map_or_else(|| "common".to_owned(), |tenant| tenant.to_string());
    format!("{}/{tenant}", cx.config.login)
}

/// The ids by which a request is found again: ours, and the ones its client gave it.
#[derive(Debug, Clone)]
struct Correlation {
    request: Uuid,
    correlation: Uuid,
    client: Option<String>,
}

/// Longest client request id that is sent back, in bytes. Source: ours; clients send GUIDs.
const CLIENT_REQUEST_ID_BYTES_MAX: usize = 128;

impl Correlation {
    fn of(request: &Request, entropy: &dyn Entropy) -> Self {
        let id = entropy.guid();
        let given = request.header("x-ms-correlation-request-id").and_then(|text| Uuid::try_parse(text).ok());
        let client = request
            .header("x-ms-client-request-id")
            .filter(|text| text.len() <= CLIENT_REQUEST_ID_BYTES_MAX)
            .map(str::to_owned);
        Self { request: id, correlation: given.unwrap_or(id), client }
    }

    /// The request id and the log file by which the cause of a failure is found.
    fn trace<'a>(&self, log_file: Option<&'a str>) -> Trace<'a> {
        Trace { request: self.request, log_file }
    }

    /// Adds what Resource Manager sends with every answer (recordings of the SDKs, 2021 to 2026).
    fn mark(&self, reply: Reply, world: &World<'_>) -> Reply {
        let request = self.request.to_string();
        let routing = format!("LOCAL:{}:{request}", world.now.arm().replace(['-', ':', '.'], ""));
        let mut reply = reply
            .with("x-ms-request-id", &request)
            .with("x-ms-correlation-request-id", &self.correlation.to_string())
            .with("x-ms-routing-request-id", &routing)
            .with("cache-control", "no-cache")
            .with("pragma", "no-cache")
            .with("expires", "-1")
            .with("x-content-type-options", "nosniff");
        if let Some(client) = &self.client {
            reply = reply.with("x-ms-client-request-id", client);
        }
        reply
    }
}
