//! `/subscriptions/{s}/locations`.

use super::Fixed;
use super::subscriptions::right_of_any_role;
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use bonafide_store::ReadTx;
use bonafide_types::SubscriptionId;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

pub(super) static ENDPOINTS: &[Fixed] =
    &[Fixed::get("/subscriptions/{subscription}/locations", right_of_any_role, list)];

/// The locations of Azure. Resources can lie in any other place too: this list is what clients offer.
fn list(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    Ok(Outcome::shown(json!({ "value": all(call.named()?.subscription()?) })))
}

fn all(id: SubscriptionId) -> Vec<Value> {
    rows().map(|fields| show(id, &fields)).collect()
}

/// The display names of the regions, as the types of providers list them. `Get-AzLocation` shows the locations that
/// both lists have (docs/wire/management.md).
pub(crate) fn display_names() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let physical = rows().filter(|[_, _, _, _, geography, ..]| !geography.is_empty());
        physical.map(|[_, display, ..]| display).collect()
    });
    &NAMES
}

/// The names of the regions.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    rows().filter(|[_, _, _, _, geography, ..]| !geography.is_empty()).map(|[name, ..]| name)
}

/// The lines of the file, by fields.
fn rows() -> impl Iterator<Item = [&'static str; 9]> {
    include_str!("../../data/locations.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('|').collect::<Vec<_>>().try_into().ok())
}

fn show(id: SubscriptionId, fields: &[&str; 9]) -> Value {
    let [name, display, regional, category, geography, longitude, latitude, place, pair] = *fields;
    let mut metadata = Map::new();
    let region_type = if geography.is_empty() { "Logical" } else { "Physical" };
    let texts = [
        ("regionType", region_type),
        ("regionCategory", category),
        ("geographyGroup", geography),
        ("longitude", longitude),
        ("latitude", latitude),
        ("physicalLocation", place),
    ];
    for (member, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        metadata.insert(member.to_owned(), text.into());
    }
    if !pair.is_empty() {
        let pair = json!([{ "name": pair, "id": format!("/subscriptions/{id}/locations/{pair}") }]);
        metadata.insert("pairedRegion".to_owned(), pair);
    }
    json!({
        "id": format!("/subscriptions/{id}/locations/{name}"),
        "name": name,
        "type": "Region",
        "displayName": display,
        "regionalDisplayName": regional,
        "metadata": metadata,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_location() {
        let all = all("72f988bf-86f1-41af-91ab-2d7cd011db47".parse().unwrap());
        assert_eq!(all.len(), 69);
        assert_eq!(all[0]["metadata"]["pairedRegion"][0]["name"], "westus");
        let names = display_names();
        assert!(names.contains(&"West Europe") && !names.contains(&"Europe"), "{names:?}");
    }
}
