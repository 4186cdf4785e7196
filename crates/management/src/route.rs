//! The routes of this surface. The right that each requires: `right.rs`.

use crate::command::{Target, Verb};
use crate::fault::Fault;
use crate::fixed::{self, Named};
use crate::resource_type::{Kind, Own, ResourceType, Rows};
use crate::types;
use crate::types::resources::groups;
use bonafide_types::limits::MANAGEMENT_BODY_BYTES_MAX;
use bonafide_types::{Excerpt, OperationId, ResourceId, Scope, SubscriptionId};
use bonafide_wire::{NoRoute, Route, path};
use http::Method;
use std::sync::LazyLock;

/// Longest name of a type that a refusal repeats, in characters. Source: ours.
const TYPE_CHARS_MAX: usize = 256;

/// Everything that is served: the fixed endpoints, the calls of each type, and those of every other type.
pub(crate) fn routes() -> Vec<&'static Route> {
    static OF_TYPES: LazyLock<Vec<Route>> = LazyLock::new(|| {
        let mut routes: Vec<Route> = types::TYPES.iter().flat_map(|of| of_type(of)).collect();
        let other = "/{scope...}/providers/{namespace}/{type}";
        routes.extend(of_resources(other, "{name}"));
        routes.extend(of_resources(&format!("{other}/{{name}}/{{child}}"), "{childName}"));
        routes
    });
    fixed::all().map(AsRef::as_ref).chain(&*OF_TYPES).collect()
}

fn of_type(of: &ResourceType) -> Vec<Route> {
    let (collection, name) = match of.collection {
        Some(collection) => (collection.to_owned(), "{group}"),
        None => collection_of(of.name),
    };
    let Rows::Own(own) = &of.rows else {
        let actions = of.actions.iter();
        let actions = actions.map(|action| route(&action.method, format!("{collection}/{name}/{}", action.name)));
        return of_resources(&collection, name).into_iter().chain(actions).collect();
    };
    let named = match own.only {
        Some(only) => format!("{collection}/{only}"),
        None => format!("{collection}/{name}"),
    };
    let offered = [
        (own.list.is_some(), Method::GET, &collection),
        (own.change(Verb::Put).is_some(), Method::PUT, &named),
        (own.change(Verb::Patch).is_some(), Method::PATCH, &named),
        (own.get.is_some(), Method::GET, &named),
        (own.head.is_some(), Method::HEAD, &named),
        (own.change(Verb::Delete).is_some(), Method::DELETE, &named),
    ];
    let offered = offered.into_iter().filter(|(is_offered, ..)| *is_offered);
    offered.map(|(_, method, path)| route(&method, path.clone())).collect()
}

/// The path of a type's list, and the placeholder of one of its resources; below the names of what lies above it.
fn collection_of(type_name: &str) -> (String, &'static str) {
    match type_name.split('/').collect::<Vec<_>>()[..] {
        [namespace, top, child, last] => {
            (format!("/{{scope...}}/providers/{namespace}/{top}/{{name}}/{child}/{{childName}}/{last}"), "{lastName}")
        }
        [namespace, top, child] => {
            (format!("/{{scope...}}/providers/{namespace}/{top}/{{name}}/{child}"), "{childName}")
        }
        _ => (format!("/{{scope...}}/providers/{type_name}"), "{name}"),
    }
}

fn of_resources(collection: &str, name: &str) -> Vec<Route> {
    let named = format!("{collection}/{name}");
    let verbs = [Method::PUT, Method::PATCH, Method::GET, Method::HEAD, Method::DELETE];
    let named = verbs.iter().map(|method| route(method, named.clone()));
    std::iter::once(route(&Method::GET, collection.to_owned())).chain(named).collect()
}

fn route(method: &Method, path: String) -> Route {
    Route::of_store(method.clone(), path.leak(), MANAGEMENT_BODY_BYTES_MAX)
}

/// Reads the method and path of a request.
pub(crate) fn read(method: &Method, path: &str) -> Result<(Verb, Target), Fault> {
    let path = path::decoded(path)?;
    let lower = path.to_ascii_lowercase();
    let (segments, words) = (path::segments_of(&path)?, path::segments_of(&lower)?);
    match fixed::find(method, &segments) {
        Ok((fixed, captures)) => return Ok((Verb::Get, Target::Fixed(fixed, Named::read(&captures)?))),
        Err(NoRoute::Method(_)) => return Err(Fault::MethodNotAllowed(method.to_string())),
        Err(NoRoute::Path) => {}
    }
    match words.as_slice() {
        ["subscriptions", id, "resourcegroups"] if method == Method::GET => {
            let above = ResourceId::of_subscription(subscription(id)?);
            Ok((Verb::List, Target::Resource(above, types::of_groups())))
        }
        ["subscriptions", _, "resourcegroups"] => Err(Fault::MethodNotAllowed(method.to_string())),
        ["subscriptions", id, "resourcegroups", _] => {
            let id = group_id(subscription(id)?, segments[3])?;
            Ok((verb_of(method)?, Target::Resource(id, types::of_groups())))
        }
        ["subscriptions", id, ..] => {
            subscription(id)?;
            below_provider(method, &segments, &words)
        }
        ["providers", ..] => below_provider(method, &segments, &words),
        _ => Err(Fault::NoSuchRoute),
    }
}

/// The verb of a request for a named resource.
fn verb_of(method: &Method) -> Result<Verb, Fault> {
    match *method {
        Method::PUT => Ok(Verb::Put),
        Method::PATCH => Ok(Verb::Patch),
        Method::GET => Ok(Verb::Get),
        Method::HEAD => Ok(Verb::Head),
        Method::DELETE => Ok(Verb::Delete),
        _ => Err(Fault::MethodNotAllowed(method.to_string())),
    }
}

/// `[scope]/providers/{namespace}/{type}/{name}…`: with a name at the end it is a resource, without one
/// a list (GET) or an action.
fn below_provider(method: &Method, segments: &[&str], words: &[&str]) -> Result<(Verb, Target), Fault> {
    let at = match providers_at(words).as_slice() {
        [.., at] if words.len() - at > 2 && !has_bare_namespace(words) => *at,
        _ => return Err(missing(segments, words)),
    };
    let scope = match &segments[..at] {
        [] => Scope::Root,
        above => scope_of(parse(&format!("/{}", above.join("/")))?)?,
    };
    let top = format!("{}/{}", segments[at + 1], segments[at + 2]);
    let depth = words.len() - at;
    if let Some((kind, own)) = types::with_own_rows(&top)
        && depth <= 4
    {
        return of_own_rows(method, scope, kind, own, segments.get(at + 3).copied());
    }
    // A part of a resource: the row is the resource above it.
    if let (Some(child), 5 | 6) = (segments.get(at + 4), depth)
        && let Some((kind, own)) = types::with_own_rows(&format!("{top}/{child}"))
    {
        let above = in_subscription(parse(&format!("/{}", segments[..at + 4].join("/")))?)?;
        return of_own_rows(method, Scope::Id(above), kind, own, segments.get(at + 5).copied());
    }
    if depth.is_multiple_of(2) {
        let id = parse(&format!("/{}", segments.join("/")))?;
        let kind = match *method {
            Method::DELETE => types::known_kind(&id.type_name())?,
            Method::PUT | Method::PATCH => match types::classic(&id.type_name()) {
                Some(classic) => classic,
                None => types::kind(&id.type_name())?,
            },
            _ => types::kind(&id.type_name())?,
        };
        return Ok((verb_of(method)?, Target::Resource(in_subscription(id)?, kind)));
    }
    if depth == 3 {
        let kind = types::kind(&top.parse().map_err(|_| Fault::NoSuchRoute)?)?;
        return match (method, scope) {
            (&Method::GET, Scope::Id(id)) => Ok((Verb::List, Target::Resource(id, kind))),
            (_, Scope::Root) => Err(Fault::NoSuchRoute),
            (_, Scope::ManagementGroup(_)) => Err(missing(segments, words)),
            _ => Err(Fault::MethodNotAllowed(method.to_string())),
        };
    }
    list_or_action(method, segments)
}

/// `{resource}/{word}`: an action of the resource's type, or the list of a child type.
fn list_or_action(method: &Method, segments: &[&str]) -> Result<(Verb, Target), Fault> {
    let Some((last, above)) = segments.split_last() else { return Err(Fault::NoSuchRoute) };
    let id = in_subscription(parse(&format!("/{}", above.join("/")))?)?;
    let kind = types::kind(&id.type_name())?;
    let is_asked = |action: &&crate::resource_type::Action| action.name.eq_ignore_ascii_case(last);
    match kind.of.actions.iter().find(is_asked) {
        Some(action) if action.method == *method => return Ok((Verb::Action(action), Target::Resource(id, kind))),
        Some(_) => return Err(Fault::MethodNotAllowed(method.to_string())),
        None => {}
    }
    match *method {
        Method::POST => {
            Err(Fault::ActionNotFound { type_name: kind.name.into_owned(), action: Excerpt::of(last).into() })
        }
        // `list`, `listKeys` and the like read secrets: each is a POST with a right of its own, never the list of a
        // child type, which every reader may have.
        Method::GET if begins_as_list(last) => Err(Fault::MethodNotAllowed(method.to_string())),
        Method::GET => {
            let child = format!("{}/{last}", kind.name);
            let kind = types::kind(&child.parse().map_err(|_| Fault::NoSuchRoute)?)?;
            Ok((Verb::List, Target::Resource(id, kind)))
        }
        _ => Err(Fault::MethodNotAllowed(method.to_string())),
    }
}

/// True for the last word of a path that reads secrets, if it is an action's.
fn begins_as_list(word: &str) -> bool {
    word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("list"))
}

fn of_own_rows(
    method: &Method,
    scope: Scope,
    kind: Kind,
    own: &Own,
    name: Option<&str>,
) -> Result<(Verb, Target), Fault> {
    let wrong = || Fault::MethodNotAllowed(method.to_string());
    let Some(name) = name else {
        let is_list = own.list.is_some() && method == Method::GET;
        return if is_list { Ok((Verb::List, Target::Own(scope, kind, String::new()))) } else { Err(wrong()) };
    };
    if own.only.is_some_and(|only| !only.eq_ignore_ascii_case(name)) {
        return Err(Fault::TypeNotFound { type_name: kind.name.into(), version: String::new(), supported: Vec::new() });
    }
    (own.check_name)(name)?;
    let verb = verb_of(method)?;
    let is_offered = match verb {
        Verb::Get => own.get.is_some(),
        Verb::Head => own.head.is_some(),
        verb => own.change(verb).is_some(),
    };
    if is_offered { Ok((verb, Target::Own(scope, kind, name.to_owned()))) } else { Err(wrong()) }
}

/// The positions of each `providers` that is a word and not a name.
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
fn missing(segments: &[&str], words: &[&str]) -> Fault {
    let providers = providers_at(words);
    let bare = providers.windows(2).find(|pair| pair[1] - pair[0] == 2).map(|pair| pair[0]);
    let (namespace, rest) = match (bare.or_else(|| providers.last().copied()), words.first()) {
        (Some(at), _) if at + 1 < words.len() => (segments[at + 1], &segments[at + 2..]),
        (_, Some(&"subscriptions")) => ("Microsoft.Resources", segments),
        _ => return Fault::NoSuchRoute,
    };
    let types = rest.iter().step_by(2).map(|word| match *word {
        word if word.eq_ignore_ascii_case("resourceGroups") => "resourceGroups",
        word => word,
    });
    let type_name: Vec<&str> = std::iter::once(namespace).chain(types).collect();
    let type_name = type_name.join("/").chars().take(TYPE_CHARS_MAX).collect();
    Fault::TypeNotFound { type_name, version: String::new(), supported: Vec::new() }
}

/// The scope that an id names: a management group, or something in a subscription.
fn scope_of(id: ResourceId) -> Result<Scope, Fault> {
    match Scope::of(id) {
        Scope::Id(id) => in_subscription(id).map(Scope::Id),
        scope => Ok(scope),
    }
}

/// An id that lies in a subscription. Any other id names a type of the tenant, none of which is served, or
/// lacks its subscription; it must not pass for the root.
fn in_subscription(id: ResourceId) -> Result<ResourceId, Fault> {
    if id.subscription().is_some() {
        return Ok(id);
    }
    types::kind(&id.type_name())?;
    Err(Fault::NoSuchRoute)
}

fn parse(text: &str) -> Result<ResourceId, Fault> {
    ResourceId::parse(text).map_err(|error| Fault::PathInvalid(error.to_string()))
}

pub(crate) fn group_id(subscription: SubscriptionId, name: &str) -> Result<ResourceId, Fault> {
    ResourceId::of_group(subscription, name).map_err(|error| match groups::check_name(name) {
        Err(fault) => fault,
        Ok(()) => Fault::PathInvalid(error.to_string()),
    })
}

pub(crate) fn subscription(text: &str) -> Result<SubscriptionId, Fault> {
    text.parse().map_err(|_| Fault::SubscriptionIdInvalid(Excerpt::of(text).into()))
}

pub(crate) fn operation_id(text: &str) -> Result<OperationId, Fault> {
    text.parse().map_err(|_| Fault::PathInvalid("an operation's id is a GUID".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SUBSCRIPTION: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    const GUID: &str = "72f988bf-86f1-41af-91ab-2d7cd011db48";

    /// The path with a value for each placeholder.
    fn filled(path: &str) -> String {
        let group = format!("subscriptions/{SUBSCRIPTION}/resourceGroups/g");
        let path = path.replace("{scope...}", &group).replace("{subscription}", SUBSCRIPTION);
        let path = path.replace("{namespace}/{type}", "Microsoft.Network/virtualNetworks");
        let path = path.replace("{namespace}", "Microsoft.Compute").replace("{child}", "subnets");
        path.replace("{operation}", GUID).replace(['{', '}'], "").replace("/name", &format!("/{GUID}"))
    }

    #[test]
    fn every_route_that_is_listed_is_read_and_by_no_other_method() {
        for route in routes() {
            let path = filled(route.path);
            assert!(read(&route.method, &path).is_ok(), "{} {path}", route.method);
            let refused = read(&Method::OPTIONS, &path);
            assert!(matches!(refused, Err(Fault::MethodNotAllowed(_))), "{path}: {refused:?}");
        }
    }

    #[test]
    fn tn_04_actions_that_list_are_posts_with_a_right_of_their_own() {
        let listing = types::TYPES.iter().flat_map(|of| of.actions).filter(|action| begins_as_list(action.name));
        for action in listing {
            let right = format!("{}/action", action.name);
            assert_eq!((&action.method, action.right), (&Method::POST, right.as_str()), "{}", action.name);
        }
    }

    #[test]
    fn a_name_that_is_also_a_word_is_a_name() {
        let text = "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/providers/providers/Microsoft.Compute/virtualMachines/providers";
        let (Verb::Get, Target::Resource(id, kind)) = read(&Method::GET, text).unwrap() else { panic!() };
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
            if let Err(fault) = read(&method.parse().unwrap(), &path) {
                prop_assert!(!is_in_subscription || !matches!(fault, Fault::NoSuchRoute), "{path}");
            }
        }
    }
}
