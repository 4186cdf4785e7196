//! The resources that a list's `$filter` passes.

use crate::command::Call;
use crate::fault::Fault;
use crate::filter::{self, Term};
use crate::types::{GROUP_TYPE, location_of};
use bonafide_core::directory::Resource;
use bonafide_types::TypeName;
use serde_json::Value;

/// A filter of resources: one passes when it passes all terms of one of the clauses, or when there is none.
pub(crate) struct Wanted(Vec<Vec<Term>>);

/// Members that are compared with `eq` and `ne`.
const NAMES: [&str; 8] = [
    "name",
    "resourcetype",
    "resourcegroup",
    "location",
    "tagname",
    "tagvalue",
    "identity/principalid",
    "virtualmachinescaleset/id",
];

impl Wanted {
    /// Reads `$filter`.
    pub(crate) fn read(call: &Call<'_>) -> Result<Self, Fault> {
        let clauses = filter::read_any(call.command.query.get("$filter"))?;
        match clauses.iter().flatten().find(|term| !is_known(term)) {
            Some(wrong) => Err(wrong.unsupported()),
            None => Ok(Self(clauses)),
        }
    }

    /// True when the filter passes a resource.
    pub(crate) fn passes(&self, resource: &Resource) -> bool {
        self.0.is_empty() || self.0.iter().any(|terms| passes(terms, resource))
    }

    /// The type of all that passes, in lower case, where the filter names just one: then only those of this type are
    /// looked at.
    pub(crate) fn only_type(&self) -> Option<String> {
        let [terms] = self.0.as_slice() else { return None };
        let named = terms.iter().find_map(|term| match term {
            Term::Equals(name, value) if name == "resourcetype" => Some(value),
            _ => None,
        });
        let name: TypeName = named?.parse().ok()?;
        // Groups are no resources: under their type there would be some.
        if name.is(GROUP_TYPE) { None } else { Some(name.fold()) }
    }
}

fn is_known(term: &Term) -> bool {
    match term {
        Term::Equals(name, _) | Term::Differs(name, _) => NAMES.contains(&name.as_str()),
        Term::Call(name, arguments) => match (name.as_str(), arguments.as_slice()) {
            ("substringof", [_, target]) => is_one_of(target, &["name", "resourcegroup"]),
            ("startswith", [target, _]) => is_one_of(target, &["name", "resourcegroup", "tagname"]),
            _ => false,
        },
    }
}

fn is_one_of(target: &str, known: &[&str]) -> bool {
    known.iter().any(|known| target.eq_ignore_ascii_case(known))
}

fn passes(terms: &[Term], resource: &Resource) -> bool {
    terms.iter().all(|term| match term {
        Term::Equals(name, value) => equals(terms, resource, name, value),
        Term::Differs(name, value) => !equals(terms, resource, name, value),
        Term::Call(name, arguments) => match (name.as_str(), arguments.as_slice()) {
            ("substringof", [part, target]) => text(resource, target).contains(&part.to_ascii_lowercase()),
            ("startswith", [target, part]) if target.eq_ignore_ascii_case("tagname") => {
                resource.tags.keys().any(|tag| tag.to_ascii_lowercase().starts_with(&part.to_ascii_lowercase()))
            }
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
        "identity/principalid" => {
            resource.identity.system.is_some_and(|system| same(Some(&system.principal_id.to_string())))
        }
        "virtualmachinescaleset/id" => {
            same(resource.body.member(&["properties", "virtualMachineScaleSet", "id"]).and_then(Value::as_str))
        }
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
