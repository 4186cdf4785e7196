//! `/providers/Microsoft.Authorization/providerOperations`: the actions that a role can name, as who writes custom roles looks
//! them up. Each is one that is asked for here: of the types that are served, their own actions, and the fixed endpoints.
//!
//! Source: the answer for `Microsoft.Compute` recorded in azure-mgmt-authorization 1.0.0 for Python. Names for people are
//! **ours**, made of the action's words.

use super::{Fixed, Named, all, find};
use crate::command::{Call, Verb};
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::linked::ASSIGN;
use crate::outcome::Outcome;
use crate::page;
use crate::registration;
use crate::resource_type::Rows;
use crate::right::Right;
use crate::types::TYPES;
use crate::types::catalogue::{self, Namespace};
use bonafide_store::ReadTx;
use bonafide_types::ResourceUuid;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use uuid::Uuid;

const NAME: &str = "Microsoft.Authorization/providerOperations";

/// Providers on one page, whatever `$top` says: some have hundreds of operations. Source: ours.
const PROVIDERS_AT_ONCE: usize = 25;

pub(super) static ENDPOINTS: &[Fixed] = &[
    Fixed::get("/providers/Microsoft.Authorization/providerOperations", |_| Right::SignedIn, list),
    Fixed::get("/providers/Microsoft.Authorization/providerOperations/{namespace}", |_| Right::SignedIn, read),
];

/// The actions of all providers, by namespace in lower case and type; of the provider itself below the empty type.
static ACTIONS: LazyLock<BTreeMap<String, BTreeMap<String, BTreeSet<String>>>> = LazyLock::new(|| {
    let mut by_namespace = BTreeMap::<String, BTreeMap<String, BTreeSet<String>>>::new();
    for action in of_types().chain(of_endpoints()).chain([ASSIGN.to_owned()]) {
        let (namespace, type_name, _) = parts(&action);
        let types = by_namespace.entry(namespace.to_ascii_lowercase()).or_default();
        types.entry(type_name.to_owned()).or_default().insert(action.clone());
    }
    by_namespace
});

/// The actions on resources of each type that is listed, and of those that have calls of their own.
fn of_types() -> impl Iterator<Item = String> {
    let catalogued = catalogue::namespaces().iter().flat_map(|namespace| &namespace.types);
    let catalogued = catalogued.filter(|of| !TYPES.iter().any(|own| own.name.eq_ignore_ascii_case(of.full_name)));
    let catalogued =
        catalogued.flat_map(|of| ["read", "write", "delete"].map(|verb| format!("{}/{verb}", of.full_name)));
    let own = TYPES.iter().flat_map(|of| {
        let has = |verb| match &of.rows {
            Rows::Own(own) => own.change(verb).is_some(),
            Rows::Resources => true,
        };
        let verbs = [("read", true), ("write", has(Verb::Put)), ("delete", has(Verb::Delete))];
        let verbs = verbs.into_iter().filter(|(_, is_offered)| *is_offered).map(|(verb, _)| verb);
        verbs.chain(of.actions.iter().map(|action| action.right)).map(|verb| format!("{}/{verb}", of.name))
    });
    let registers = catalogue::namespaces().iter().filter(|namespace| !registration::is_free(namespace.name));
    let registers = registers.flat_map(|namespace| {
        ["register/action", "unregister/action"].map(|verb| format!("{}/{verb}", namespace.name))
    });
    catalogued.chain(own).chain(registers)
}

/// The actions that fixed endpoints ask for. Those whose action is made from a name in the path have none here.
fn of_endpoints() -> impl Iterator<Item = String> {
    all().filter_map(|fixed| {
        let path = fixed.route.path.replace("{subscription}", SAMPLE).replace("{operation}", SAMPLE);
        let path = path.replace(['{', '}'], "");
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let (_, captures) = find(&fixed.route.method, &segments).ok()?;
        match (fixed.right)(&Named::read(&captures).ok()?) {
            Right::Action(action, _) | Right::Placing(action, _) if action.starts_with("Microsoft.") => Some(action),
            _ => None,
        }
    })
}

/// An id that stands for any in the path of an endpoint.
const SAMPLE: &str = "00000000-0000-0000-0000-000000000000";

/// An action's namespace, type and verb; the type of a provider's own action is empty.
fn parts(action: &str) -> (&str, &str, &str) {
    let (namespace, rest) = action.split_once('/').unwrap_or((action, ""));
    let without = rest.strip_suffix("/action").unwrap_or(rest);
    let (type_name, _) = without.rsplit_once('/').unwrap_or(("", without));
    (namespace, type_name, rest[type_name.len()..].trim_start_matches('/'))
}

/// Lists the operations of all providers, a page at a time.
fn list(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let asked = page::read(call)?;
    let mut namespaces: Vec<&Namespace> = catalogue::namespaces().iter().collect();
    namespaces.sort_by_key(|namespace| namespace.name.to_ascii_lowercase());
    namespaces
        .retain(|namespace| asked.after.as_ref().is_none_or(|(after, _)| namespace.name.to_ascii_lowercase() > *after));
    let top = asked.top.min(PROVIDERS_AT_ONCE);
    let has_more = namespaces.len() > top;
    namespaces.truncate(top);
    let last = namespaces.last().filter(|_| has_more);
    let next = last.map(|last| (last.name.to_ascii_lowercase(), ResourceUuid::new(Uuid::nil())));
    let value = namespaces.into_iter().map(|namespace| show(call, namespace)).collect();
    Ok(Outcome::shown(page::list(call, value, next.as_ref())))
}

/// The operations of one provider.
fn read(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let name = call.named()?.text("namespace");
    let namespace = catalogue::namespace(name).ok_or_else(|| Fault::NamespaceNotFound(name.to_owned()))?;
    Ok(Outcome::shown(show(call, namespace)))
}

/// A provider; the operations of its types are shown where `$expand` asks for them.
fn show(call: &Call<'_>, namespace: &Namespace) -> Value {
    let none = BTreeMap::new();
    let types = ACTIONS.get(&namespace.name.to_ascii_lowercase()).unwrap_or(&none);
    let own: Vec<Value> = types.get("").into_iter().flatten().map(|action| operation(action)).collect();
    let expands = call.command.query.get("$expand").unwrap_or_default().eq_ignore_ascii_case("resourceTypes");
    let shown: Vec<Value> = types
        .iter()
        .filter(|(name, _)| expands && !name.is_empty())
        .map(|(name, actions)| {
            let operations: Vec<Value> = actions.iter().map(|action| operation(action)).collect();
            json!({ "name": name, "displayName": name, "operations": operations })
        })
        .collect();
    json!({
        "id": format!("/providers/{NAME}/{}", namespace.name),
        "type": NAME,
        "name": namespace.name,
        "displayName": namespace.name.replace('.', " "),
        "resourceTypes": shown,
        "operations": own,
    })
}

fn operation(action: &str) -> Value {
    let (namespace, type_name, verb) = parts(action);
    let words = match verb {
        "read" => format!("Read {type_name}"),
        "write" => format!("Create or change {type_name}"),
        "delete" => format!("Delete {type_name}"),
        other => format!(
            "{} {}",
            other.trim_end_matches("/action"),
            if type_name.is_empty() { namespace } else { type_name }
        ),
    };
    json!({
        "name": action,
        "displayName": words,
        "description": words,
        "origin": "user,system",
        "properties": null,
        "isDataAction": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_a_namespace_a_type_and_a_verb() {
        assert_eq!(parts("Microsoft.Compute/register/action"), ("Microsoft.Compute", "", "register/action"));
        assert_eq!(parts("Microsoft.Web/sites/slots/read"), ("Microsoft.Web", "sites/slots", "read"));
        let start = "Microsoft.Compute/virtualMachines/start/action";
        assert_eq!(parts(start), ("Microsoft.Compute", "virtualMachines", "start/action"));
    }

    #[test]
    fn whatever_a_type_or_an_endpoint_asks_for_is_listed() {
        let all: BTreeSet<&String> = ACTIONS.values().flat_map(BTreeMap::values).flatten().collect();
        for action in [
            "Microsoft.Compute/virtualMachines/start/action",
            "Microsoft.Compute/register/action",
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/locks/delete",
            "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
            "Microsoft.Management/managementGroups/subscriptions/write",
            "Microsoft.Resources/tags/write",
            "Microsoft.Resources/deployments/validate/action",
            "Microsoft.Resources/subscriptions/resourceGroups/write",
        ] {
            assert!(all.contains(&action.to_owned()), "{action}");
        }
        for action in ["Microsoft.Authorization/permissions/write", "Microsoft.ManagedIdentity/identities/delete"] {
            assert!(!all.contains(&action.to_owned()), "{action}");
        }
    }
}
