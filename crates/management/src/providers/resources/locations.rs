//! `/subscriptions/{s}/locations`, and which of them resources can lie in.

use bonafide_types::SubscriptionId;
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The fields of a line of `data/locations.txt`.
type Fields = [&'static str; 9];

static LOCATIONS: LazyLock<Vec<Fields>> = LazyLock::new(|| {
    let lines = include_str!("../../../data/locations.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split('|').collect::<Vec<_>>().try_into().ok()).collect()
});

/// The locations of Azure.
pub(crate) fn list(id: SubscriptionId) -> Reply {
    let value: Vec<Value> = LOCATIONS.iter().map(|fields| show(id, fields)).collect();
    Reply::json(StatusCode::OK, &json!({ "value": value }))
}

/// The names of the regions and, if `logical`, of what is no single region: `global`, `europe`.
pub(crate) fn names(logical: bool) -> impl Iterator<Item = &'static str> {
    LOCATIONS.iter().filter(move |fields| logical || is_region(fields)).map(|fields| fields[0])
}

fn is_region(fields: &Fields) -> bool {
    let [.., geography, _, _, _, _] = fields;
    !geography.is_empty()
}

fn show(id: SubscriptionId, fields: &Fields) -> Value {
    let [name, display, regional, category, geography, longitude, latitude, place, pair] = *fields;
    let mut metadata = Map::new();
    let region_type = if is_region(fields) { "Physical" } else { "Logical" };
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
    use bonafide_types::Location;

    #[test]
    fn every_line_is_a_location() {
        let reply = list("72f988bf-86f1-41af-91ab-2d7cd011db47".parse().unwrap());
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["value"].as_array().unwrap().len(), 83);
        assert_eq!(body["value"][0]["metadata"]["pairedRegion"][0]["name"], "westus");
        assert!(names(true).all(|name| Location::parse(name).is_some_and(|location| location.as_str() == name)));
        assert!(names(true).any(|name| name == "global") && names(false).all(|name| name != "global"));
    }
}
