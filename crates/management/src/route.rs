//! Which path means what. Who may ask it: `rule.rs`.

use crate::fault::Fault;
use crate::providers::resources::groups;
use crate::providers::{self, Kind};
use bonafide_types::{OperationId, ResourceId, RoleAssignmentId, Scope, SubscriptionId};
use bonafide_wire::path;
use http::Method;

/// One thing that can be asked of the resource manager.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    MetadataEndpoints,
    ListTenants,
    ListSubscriptions,
    ReadSubscription(SubscriptionId),
    ListLocations(SubscriptionId),
    ListProviders(Option<SubscriptionId>),
    ReadProvider(Option<SubscriptionId>, String),
    RegisterProvider(SubscriptionId, String),
    ListIdentityOperations,
    PollOperation(SubscriptionId, OperationId),
    PollResult(SubscriptionId, OperationId),
    ListGroups(SubscriptionId),
    PutGroup(ResourceId),
    PatchGroup(ResourceId),
    ReadGroup(ResourceId),
    HeadGroup(ResourceId),
    DeleteGroup(ResourceId),
    ListResources(ResourceId),
    ListOfType(ResourceId, Kind),
    PutResource(ResourceId, Kind),
    PatchResource(ResourceId, Kind),
    ReadResource(ResourceId, Kind),
    HeadResource(ResourceId, Kind),
    DeleteResource(ResourceId, Kind),
    InstanceView(ResourceId, Kind),
    ListAssociatedResources(ResourceId, Kind),
    ReadSystemIdentity(ResourceId),
    ListRoleAssignments(Scope),
    ReadRoleAssignment(Scope, RoleAssignmentId),
    PutRoleAssignment(Scope, RoleAssignmentId),
    DeleteRoleAssignment(Scope, RoleAssignmentId),
    ListPermissions(Scope),
    ListRoleDefinitions(Scope),
    ReadRoleDefinition(Scope, String),
}

impl Call {
    /// The resource type that it is about.
    pub(crate) fn kind(&self) -> Option<&Kind> {
        match self {
            Self::ListOfType(_, kind)
            | Self::PutResource(_, kind)
            | Self::PatchResource(_, kind)
            | Self::ReadResource(_, kind)
            | Self::HeadResource(_, kind)
            | Self::DeleteResource(_, kind)
            | Self::InstanceView(_, kind)
            | Self::ListAssociatedResources(_, kind) => Some(kind),
            _ => None,
        }
    }
}

/// Every route, for people, for tests and for `cargo xtask tidy`. `{name}` is one segment, `{scope...}` an
/// ARM id or nothing.
pub const ROUTES: &[&str] = &[
    "GET /metadata/endpoints",
    "GET /tenants",
    "GET /providers",
    "GET /providers/{namespace}",
    "GET /providers/Microsoft.ManagedIdentity/operations",
    "GET /subscriptions",
    "GET /subscriptions/{subscription}",
    "GET /subscriptions/{subscription}/locations",
    "GET /subscriptions/{subscription}/providers",
    "GET /subscriptions/{subscription}/providers/{namespace}",
    "POST /subscriptions/{subscription}/providers/{namespace}/register",
    "GET /subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/operations/{operation}",
    "GET /subscriptions/{subscription}/operationresults/{operation}",
    "GET /subscriptions/{subscription}/resources",
    "GET /subscriptions/{subscription}/resourceGroups",
    "PUT /subscriptions/{subscription}/resourceGroups/{group}",
    "PATCH /subscriptions/{subscription}/resourceGroups/{group}",
    "GET /subscriptions/{subscription}/resourceGroups/{group}",
    "HEAD /subscriptions/{subscription}/resourceGroups/{group}",
    "DELETE /subscriptions/{subscription}/resourceGroups/{group}",
    "GET /subscriptions/{subscription}/resourceGroups/{group}/resources",
    "GET /{scope...}/providers/Microsoft.Compute/virtualMachines",
    "PUT /{scope...}/providers/Microsoft.Compute/virtualMachines/{name}",
    "PATCH /{scope...}/providers/Microsoft.Compute/virtualMachines/{name}",
    "GET /{scope...}/providers/Microsoft.Compute/virtualMachines/{name}",
    "DELETE /{scope...}/providers/Microsoft.Compute/virtualMachines/{name}",
    "GET /{scope...}/providers/Microsoft.Compute/virtualMachines/{name}/instanceView",
    "GET /{scope...}/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
    "PUT /{scope...}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
    "PATCH /{scope...}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
    "GET /{scope...}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
    "DELETE /{scope...}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
    "POST /{scope...}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}/listAssociatedResources",
    "GET /{scope...}/providers/Microsoft.ManagedIdentity/identities/default",
    "GET /{scope...}/providers/Microsoft.Authorization/roleAssignments",
    "PUT /{scope...}/providers/Microsoft.Authorization/roleAssignments/{name}",
    "GET /{scope...}/providers/Microsoft.Authorization/roleAssignments/{name}",
    "DELETE /{scope...}/providers/Microsoft.Authorization/roleAssignments/{name}",
    "GET /{scope...}/providers/Microsoft.Authorization/permissions",
    "GET /{scope...}/providers/Microsoft.Authorization/roleDefinitions",
    "GET /{scope...}/providers/Microsoft.Authorization/roleDefinitions/{name}",
    "GET /{scope...}/providers/{namespace}/{type}",
    "PUT /{scope...}/providers/{namespace}/{type}/{name}",
    "PATCH /{scope...}/providers/{namespace}/{type}/{name}",
    "GET /{scope...}/providers/{namespace}/{type}/{name}",
    "HEAD /{scope...}/providers/{namespace}/{type}/{name}",
    "DELETE /{scope...}/providers/{namespace}/{type}/{name}",
    "GET /{scope...}/providers/{namespace}/{type}/{name}/{child}",
    "PUT /{scope...}/providers/{namespace}/{type}/{name}/{child}/{childName}",
];

/// Longest name of a type that a refusal repeats, in characters. Source: ours.
const TYPE_CHARS_MAX: usize = 256;

/// Reads the method and path of a request.
pub(crate) fn route(method: &Method, path: &str) -> Result<Call, Fault> {
    let segments = path::segments(path)?;
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();
    let (get, post) = (method == Method::GET, method == Method::POST);
    let found = match words.as_slice() {
        ["metadata", "endpoints"] if get => Call::MetadataEndpoints,
        ["tenants"] if get => Call::ListTenants,
        ["subscriptions"] if get => Call::ListSubscriptions,
        ["providers"] if get => Call::ListProviders(None),
        ["providers", "microsoft.managedidentity", "operations"] if get => Call::ListIdentityOperations,
        ["providers", _] if get => Call::ReadProvider(None, segments[1].clone()),
        ["subscriptions", id] if get => Call::ReadSubscription(subscription(id)?),
        ["subscriptions", id, "locations"] if get => Call::ListLocations(subscription(id)?),
        ["subscriptions", id, "resources"] if get => {
            Call::ListResources(ResourceId::of_subscription(subscription(id)?))
        }
        ["subscriptions", id, "resourcegroups"] if get => Call::ListGroups(subscription(id)?),
        ["subscriptions", id, "operationresults", operation] if get => {
            Call::PollResult(subscription(id)?, operation_id(operation)?)
        }
        ["subscriptions", id, "resourcegroups", _] => group(method, subscription(id)?, &segments[3])?,
        ["subscriptions", id, "resourcegroups", _, "resources"] if get => {
            Call::ListResources(group_id(subscription(id)?, &segments[3])?)
        }
        ["subscriptions", id, "providers"] if get => Call::ListProviders(Some(subscription(id)?)),
        ["subscriptions", id, "providers", _] if get => {
            Call::ReadProvider(Some(subscription(id)?), segments[3].clone())
        }
        ["subscriptions", id, "providers", _, "register"] if post => {
            Call::RegisterProvider(subscription(id)?, segments[3].clone())
        }
        ["subscriptions", id, "providers", "microsoft.compute", "locations", _, "operations", operation] if get => {
            Call::PollOperation(subscription(id)?, operation_id(operation)?)
        }
        ["metadata", "endpoints"]
        | ["tenants" | "subscriptions" | "providers"]
        | ["providers", _]
        | ["subscriptions", _]
        | ["subscriptions", _, "locations" | "resources" | "resourcegroups" | "providers"]
        | ["subscriptions", _, "resourcegroups", _, "resources"]
        | ["subscriptions", _, "providers", _]
        | ["subscriptions", _, "providers", _, "register"]
        | ["subscriptions", _, "operationresults", _] => {
            return Err(Fault::MethodNotAllowed(method.to_string()));
        }
        ["subscriptions", id, ..] => {
            subscription(id)?;
            below_provider(method, &segments, &words)?
        }
        ["providers", ..] => below_provider(method, &segments, &words)?,
        _ => return Err(Fault::NoSuchRoute),
    };
    Ok(found)
}

fn group(method: &Method, subscription: SubscriptionId, name: &str) -> Result<Call, Fault> {
    let id = group_id(subscription, name)?;
    Ok(match *method {
        Method::PUT => Call::PutGroup(id),
        Method::PATCH => Call::PatchGroup(id),
        Method::GET => Call::ReadGroup(id),
        Method::HEAD => Call::HeadGroup(id),
        Method::DELETE => Call::DeleteGroup(id),
        _ => return Err(Fault::MethodNotAllowed(method.to_string())),
    })
}

/// `[scope]/providers/{namespace}/{type}/{name}…`: with a name at the end it is a resource, without one
/// a list (GET) or an action (POST).
fn below_provider(method: &Method, segments: &[String], words: &[&str]) -> Result<Call, Fault> {
    let at = match providers_at(words).as_slice() {
        [.., at] if words.len() - at > 2 && !has_bare_namespace(words) => *at,
        _ => return Err(missing(segments, words)),
    };
    let provider = &words[at + 1..];
    let scope = match &segments[..at] {
        [] => Scope::Root,
        above => Scope::Id(in_subscription(parse(&format!("/{}", above.join("/")))?)?),
    };
    let named = provider.len() % 2 == 1;
    let method_wrong = || Fault::MethodNotAllowed(method.to_string());
    match (method.as_str(), provider) {
        ("GET", ["microsoft.authorization", "roleassignments"]) => Ok(Call::ListRoleAssignments(scope)),
        (_, ["microsoft.authorization", "roleassignments", name]) => {
            let name = name.parse().map_err(|_| Fault::AssignmentNameInvalid(name.chars().take(64).collect()))?;
            match *method {
                Method::GET => Ok(Call::ReadRoleAssignment(scope, name)),
                Method::PUT => Ok(Call::PutRoleAssignment(scope, name)),
                Method::DELETE => Ok(Call::DeleteRoleAssignment(scope, name)),
                _ => Err(method_wrong()),
            }
        }
        ("GET", ["microsoft.authorization", "permissions"]) => Ok(Call::ListPermissions(scope)),
        ("GET", ["microsoft.authorization", "roledefinitions"]) => Ok(Call::ListRoleDefinitions(scope)),
        ("GET", ["microsoft.authorization", "roledefinitions", name]) => {
            Ok(Call::ReadRoleDefinition(scope, (*name).to_owned()))
        }
        (_, ["microsoft.authorization", "permissions"])
        | (_, ["microsoft.authorization", "roledefinitions" | "roleassignments", ..]) => Err(method_wrong()),
        ("GET", ["microsoft.managedidentity", "identities", "default"]) => match scope {
            Scope::Id(id) => Ok(Call::ReadSystemIdentity(id)),
            Scope::Root => Err(Fault::NoSuchRoute),
        },
        _ if named => {
            let id = parse(&format!("/{}", segments.join("/")))?;
            let kind = providers::kind(&id.type_name())?;
            let id = in_subscription(id)?;
            match *method {
                Method::PUT => Ok(Call::PutResource(id, kind)),
                Method::PATCH => Ok(Call::PatchResource(id, kind)),
                Method::GET => Ok(Call::ReadResource(id, kind)),
                Method::HEAD => Ok(Call::HeadResource(id, kind)),
                Method::DELETE => Ok(Call::DeleteResource(id, kind)),
                _ => Err(method_wrong()),
            }
        }
        _ => unnamed(method, segments, words, at, scope),
    }
}

fn unnamed(method: &Method, segments: &[String], words: &[&str], at: usize, scope: Scope) -> Result<Call, Fault> {
    let last = words[words.len() - 1];
    let above = format!("/{}", segments[..segments.len() - 1].join("/"));
    // Namespace and one type: a list in a subscription, a group or on a resource.
    if words.len() - at == 3 {
        let type_name = format!("{}/{}", segments[at + 1], segments[at + 2]);
        let kind = providers::kind(&type_name.parse().map_err(|_| Fault::NoSuchRoute)?)?;
        return match (method, scope) {
            (&Method::GET, Scope::Id(id)) => Ok(Call::ListOfType(id, kind)),
            (_, Scope::Root) => Err(Fault::NoSuchRoute),
            _ => Err(Fault::MethodNotAllowed(method.to_string())),
        };
    }
    let id = in_subscription(parse(&above)?)?;
    let kind = providers::kind(&id.type_name())?;
    match (method, kind.name.as_ref(), last) {
        (&Method::GET, providers::VIRTUAL_MACHINE, "instanceview") => Ok(Call::InstanceView(id, kind)),
        (&Method::POST, providers::USER_ASSIGNED_IDENTITY, "listassociatedresources") => {
            Ok(Call::ListAssociatedResources(id, kind))
        }
        (&Method::POST, name, _) => Err(Fault::ActionNotFound {
            type_name: name.to_owned(),
            action: segments[segments.len() - 1].chars().take(64).collect(),
        }),
        (&Method::GET, name, _) => {
            let child = format!("{name}/{}", segments[segments.len() - 1]);
            let kind = providers::kind(&child.parse().map_err(|_| Fault::NoSuchRoute)?)?;
            Ok(Call::ListOfType(id, kind))
        }
        _ => Err(Fault::MethodNotAllowed(method.to_string())),
    }
}

/// Where each `providers` stands that is a word and not a name.
fn providers_at(words: &[&str]) -> Vec<usize> {
    let mut at = match words {
        ["subscriptions", _, "resourcegroups", _, ..] => 4,
        ["subscriptions", _, ..] => 2,
        _ => 0,
    };
    let mut found = Vec::new();
    while words.get(at) == Some(&"providers") {
        found.push(at);
        let from = at + 1;
        at = (from..words.len()).find(|i| words[*i] == "providers" && (i - from) % 2 == 1).unwrap_or(words.len());
    }
    found
}

/// True when a namespace is followed by `providers` at once, as in the paths of `Microsoft.Features`.
fn has_bare_namespace(words: &[&str]) -> bool {
    providers_at(words).windows(2).any(|pair| pair[1] - pair[0] == 2)
}

/// The refusal of a path that no route has: it names the resource type in the path, which Azure may have.
/// A path without a subscription and without a provider names none.
fn missing(segments: &[String], words: &[&str]) -> Fault {
    let providers = providers_at(words);
    let bare = providers.windows(2).find(|pair| pair[1] - pair[0] == 2).map(|pair| pair[0]);
    let (namespace, rest) = match (bare.or_else(|| providers.last().copied()), words.first()) {
        (Some(at), _) if at + 1 < words.len() => (segments[at + 1].as_str(), &segments[at + 2..]),
        (_, Some(&"subscriptions")) => ("Microsoft.Resources", segments),
        _ => return Fault::NoSuchRoute,
    };
    let types = rest.iter().step_by(2).map(|word| match word.as_str() {
        word if word.eq_ignore_ascii_case("resourceGroups") => "resourceGroups",
        word => word,
    });
    let type_name: Vec<&str> = std::iter::once(namespace).chain(types).collect();
    let type_name = type_name.join("/").chars().take(TYPE_CHARS_MAX).collect();
    Fault::TypeNotFound { type_name, version: String::new(), supported: Vec::new() }
}

/// An id that lies in a subscription. Any other id names a type of the tenant, none of which is served, or
/// lacks its subscription; it must not pass for the root.
fn in_subscription(id: ResourceId) -> Result<ResourceId, Fault> {
    if id.subscription().is_some() {
        return Ok(id);
    }
    providers::kind(&id.type_name())?;
    Err(Fault::NoSuchRoute)
}

fn parse(text: &str) -> Result<ResourceId, Fault> {
    ResourceId::parse(text).map_err(|error| Fault::PathInvalid(error.to_string()))
}

fn group_id(subscription: SubscriptionId, name: &str) -> Result<ResourceId, Fault> {
    ResourceId::of_group(subscription, name).map_err(|error| match groups::check_name(name) {
        Err(fault) => fault,
        Ok(()) => Fault::PathInvalid(error.to_string()),
    })
}

fn subscription(text: &str) -> Result<SubscriptionId, Fault> {
    text.parse().map_err(|_| Fault::SubscriptionIdInvalid(text.chars().take(64).collect()))
}

fn operation_id(text: &str) -> Result<OperationId, Fault> {
    text.parse().map_err(|_| Fault::PathInvalid("an operation's id is a GUID".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rule;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The names of all calls, as the source has them.
    fn calls() -> BTreeSet<String> {
        let source = include_str!("route.rs");
        let start = source.find("pub(crate) enum Call {").unwrap();
        source[start..]
            .lines()
            .skip(1)
            .take_while(|line| *line != "}")
            .map(|line| line.trim().split(['(', ',']).next().unwrap().to_owned())
            .collect()
    }

    const SUBSCRIPTION: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    const GUID: &str = "72f988bf-86f1-41af-91ab-2d7cd011db48";

    fn read(line: &str) -> Call {
        let (method, path) = line.split_once(' ').unwrap();
        route(&method.parse().unwrap(), path).unwrap_or_else(|fault| panic!("{line}: {fault:?}"))
    }

    fn names(calls: &[Call]) -> BTreeSet<String> {
        calls.iter().map(|call| format!("{call:?}").split('(').next().unwrap().to_owned()).collect()
    }

    /// A call for each route.
    fn samples() -> Vec<Call> {
        let filled = |line: &&str| {
            let group = format!("subscriptions/{SUBSCRIPTION}/resourceGroups/g");
            let line = line.replace("{scope...}", &group).replace("{subscription}", SUBSCRIPTION);
            let line = line.replace("{namespace}/{type}", "Microsoft.Network/virtualNetworks");
            let line = line.replace("{namespace}", "Microsoft.Compute").replace("{child}", "subnets");
            line.replace("{operation}", GUID).replace(['{', '}'], "").replace("/name", &format!("/{GUID}"))
        };
        ROUTES.iter().map(filled).map(|line| read(&line)).collect()
    }

    #[test]
    fn the_list_of_routes_is_what_the_match_reads() {
        assert_eq!(names(&samples()), calls());
    }

    #[test]
    fn tn_06_only_one_call_is_public_and_few_need_no_role() {
        let samples = samples();
        let ruled = |rule: Rule| names(&samples.iter().filter(|call| call.rule() == rule).cloned().collect::<Vec<_>>());
        assert_eq!(ruled(Rule::Public).into_iter().collect::<Vec<_>>(), ["MetadataEndpoints"]);
        let open = ["ListIdentityOperations", "ListProviders", "ListSubscriptions", "ListTenants", "ReadProvider"];
        assert_eq!(ruled(Rule::SignedIn).into_iter().collect::<Vec<_>>(), open);
    }

    #[test]
    fn a_name_that_is_also_a_word_is_a_name() {
        let text = "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/providers/providers/Microsoft.Compute/virtualMachines/providers";
        let Call::ReadResource(id, kind) = route(&Method::GET, text).unwrap() else { panic!() };
        assert_eq!(
            (id.name(), id.resource_group(), kind.name.as_ref()),
            ("providers", Some("providers"), "Microsoft.Compute/virtualMachines")
        );
    }

    proptest! {
        #[test]
        fn any_path_is_a_route_or_a_refusal(
            words in proptest::collection::vec("subscriptions|72f988bf-86f1-41af-91ab-2d7cd011db47|resourceGroups|g|providers|Microsoft\\.(Compute|Features|Authorization)|virtualMachines|permissions|x", 0..12),
            method in "GET|PUT|POST|HEAD|DELETE",
        ) {
            let path = format!("/{}", words.join("/"));
            let is_in_subscription = words.len() > 1 && words[0] == "subscriptions" && words[1] == SUBSCRIPTION;
            if let Err(fault) = route(&method.parse().unwrap(), &path) {
                prop_assert!(!is_in_subscription || !matches!(fault, Fault::NoSuchRoute), "{path}");
            }
        }
    }
}
