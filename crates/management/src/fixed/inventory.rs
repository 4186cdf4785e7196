//! `/subscriptions/{s}/resources` and `/resourceGroups/{g}/resources`: resources of every type, without
//! their properties.

use super::{Fixed, Named, everything};
use crate::command::Call;
use crate::fault::Fault;
use crate::filter::{self, Term};
use crate::order::access::Access;
use crate::order::list::{self, Source};
use crate::order::read::head_of;
use crate::outcome::Outcome;
use crate::resource_type::Kind;
use crate::right::Right;
use crate::types::location_of;
use bonafide_core::directory::{Resource, Shown};
use bonafide_store::ReadTx;
use bonafide_types::{ResourceId, Scope};
use serde_json::Value;

pub(super) static ENDPOINTS: &[Fixed] = &[
    Fixed::get("/subscriptions/{subscription}/resources", right, page),
    Fixed::get("/subscriptions/{subscription}/resourceGroups/{group}/resources", right, page),
];

fn right(named: &Named) -> Right {
    let action = |of: &str| format!("Microsoft.Resources/subscriptions{of}/resources/read");
    match (named.subscription, &named.group) {
        (_, Some(group)) => Right::Listing(action("/resourceGroups"), Scope::Id(group.clone())),
        (Some(id), None) => Right::Listing(action(""), Scope::Id(ResourceId::of_subscription(id))),
        (None, None) => everything(),
    }
}

/// Top-level members that a list shows beside those of every resource.
const SHOWN: [&str; 6] = ["kind", "sku", "plan", "zones", "managedBy", "extendedLocation"];

/// One page of the resources in a subscription or group that pass `$filter`.
fn page(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let scope = call.named()?.scope()?;
    let terms = filter::read(call.command.query.get("$filter"))?;
    if let Some(wrong) = terms.iter().find(|term| !known(term)) {
        return Err(wrong.unsupported());
    }
    let source = match (&access.place.group, scope.resource_group(), scope.subscription()) {
        (Some((group, _)), Some(_), _) => Source::Group(*group),
        (_, None, Some(subscription)) => Source::Subscription(subscription),
        (_, name, _) => return Err(Fault::GroupNotFound(name.unwrap_or_default().to_owned())),
    };
    let expand = call.command.query.get("$expand").unwrap_or_default().to_ascii_lowercase();
    let wanted = |resource: &Resource| list::belongs(&source, resource) && passes(&terms, resource);
    let items = list::Items { wanted, members: |name| SHOWN.contains(&name) };
    list::page(tx, call, access, &source, &items, |kind, _, resource, seen| {
        Ok(show(call, kind, resource, seen, &expand))
    })
}

fn show(call: &Call<'_>, kind: &Kind, resource: &Resource, mut seen: Shown, expand: &str) -> Value {
    let mut shown = head_of(call, kind, resource);
    shown.insert("name".to_owned(), resource.id.relative_name().into());
    shown.append(&mut seen.members);
    for (word, value) in [
        ("createdTime", resource.created_at.arm()),
        ("changedTime", resource.changed_at.arm()),
        ("provisioningState", "Succeeded".to_owned()),
    ] {
        if expand.split(',').any(|asked| asked.trim() == word.to_ascii_lowercase()) {
            shown.insert(word.to_owned(), value.into());
        }
    }
    Value::Object(shown)
}

const NAMES: [&str; 6] = ["name", "resourcetype", "resourcegroup", "location", "tagname", "tagvalue"];

/// True for a term that a list of resources can be filtered by.
pub(crate) fn known(term: &Term) -> bool {
    match term {
        Term::Equals(name, _) | Term::Differs(name, _) => NAMES.contains(&name.as_str()),
        Term::Call(name, arguments) => {
            let target = match (name.as_str(), arguments.as_slice()) {
                ("substringof", [_, target]) => target,
                ("startswith", [target, _]) => target,
                _ => return false,
            };
            ["name", "resourcegroup"].iter().any(|known| target.eq_ignore_ascii_case(known))
        }
    }
}

/// True when a resource passes the terms.
pub(crate) fn passes(terms: &[Term], resource: &Resource) -> bool {
    terms.iter().all(|term| match term {
        Term::Equals(name, value) => equals(terms, resource, name, value),
        Term::Differs(name, value) => !equals(terms, resource, name, value),
        Term::Call(name, arguments) => match (name.as_str(), arguments.as_slice()) {
            ("substringof", [part, target]) => text(resource, target).contains(&part.to_ascii_lowercase()),
            ("startswith", [target, part]) => text(resource, target).starts_with(&part.to_ascii_lowercase()),
            _ => false,
        },
    })
}

fn text(resource: &Resource, target: &str) -> String {
    let text =
        if target.eq_ignore_ascii_case("name") { Some(resource.id.name()) } else { resource.id.resource_group() };
    text.unwrap_or_default().to_ascii_lowercase()
}

/// `tagValue` belongs to the `tagName` beside it.
fn equals(terms: &[Term], resource: &Resource, name: &str, value: &str) -> bool {
    let same = |text: Option<&str>| text.is_some_and(|text| text.eq_ignore_ascii_case(value));
    match name {
        "name" => same(Some(resource.id.name())),
        "resourcetype" => resource.id.is_of(value),
        "resourcegroup" => same(resource.id.resource_group()),
        "location" => same(location_of(resource)),
        "tagname" => resource.tags.keys().any(|tag| tag.eq_ignore_ascii_case(value)),
        "tagvalue" => terms.iter().any(|term| match term {
            Term::Equals(other, tag) if other == "tagname" => {
                resource.tags.iter().any(|(name, text)| name.eq_ignore_ascii_case(tag) && text.as_str() == Some(value))
            }
            _ => false,
        }),
        _ => false,
    }
}
