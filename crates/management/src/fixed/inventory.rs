//! `/subscriptions/{s}/resources` and `/resourceGroups/{g}/resources`: resources of every type, without
//! their properties.

use super::{Fixed, Named, everything};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::list::{self, Source};
use crate::order::read::head_of;
use crate::order::wanted::Wanted;
use crate::outcome::Outcome;
use crate::resource_type::Kind;
use crate::right::Right;
use crate::types;
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
    let asked = Wanted::read(call)?;
    let source = match (&access.place.group, scope.resource_group(), scope.subscription()) {
        (Some((group, _)), Some(_), _) => match asked.only_type() {
            Some(name) => Source::TypeInGroup(*group, name),
            None => Source::Group(*group),
        },
        (_, None, Some(subscription)) => match asked.only_type() {
            Some(name) => Source::TypeInSubscription(subscription, name),
            None => Source::Subscription(subscription),
        },
        (_, name, _) => return Err(Fault::GroupNotFound(name.unwrap_or_default().to_owned())),
    };
    let expand = call.command.query.get("$expand").unwrap_or_default().to_ascii_lowercase();
    let wanted =
        |resource: &Resource| list::belongs(&source, resource) && is_listed(resource) && asked.passes(resource);
    let items = list::Items { wanted, members: |name| SHOWN.contains(&name) };
    list::page(tx, call, access, &source, &items, |kind, _, resource, seen| {
        Ok(show(call, kind, resource, seen, &expand))
    })
}

/// True for a resource that lists of all types have; all that are no children are.
fn is_listed(resource: &Resource) -> bool {
    resource.parent.is_none() || types::kind_of(resource).is_none_or(|kind| kind.of.is_in_lists_of_all)
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
