//! `/subscriptions/{s}/locations`.

use super::Fixed;
use super::subscriptions::right_of_any_role;
use crate::command::Call;
use crate::fault::Fault;
use crate::locations;
use crate::order::access::Access;
use crate::outcome::Outcome;
use bonafide_store::ReadTx;
use bonafide_types::SubscriptionId;
use serde_json::{Map, Value, json};

pub(super) static ENDPOINTS: &[Fixed] =
    &[Fixed::get("/subscriptions/{subscription}/locations", right_of_any_role, list)];

/// The locations of Azure. Resources can lie in any other place too: this list is what clients offer.
fn list(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    Ok(Outcome::shown(json!({ "value": all(call.named()?.subscription()?) })))
}

fn all(id: SubscriptionId) -> Vec<Value> {
    locations::rows().map(|fields| show(id, &fields)).collect()
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
        let names = locations::display_names();
        assert!(names.contains(&"West Europe") && !names.contains(&"Europe"), "{names:?}");
    }
}
