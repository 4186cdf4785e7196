//! The catalogue of extension types: `…/locations/{l}/publishers/{p}/artifacttypes/vmextension/types` and their versions,
//! from which az takes the version where none is named. Lists are bare arrays (azure-cli 2.91 reads `name` of each).

use super::subscriptions::right_of_any_role;
use super::{Fixed, Named};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::types::compute::extensions::{PUBLISHER, TYPES};
use bonafide_core::directory::System;
use bonafide_store::ReadTx;
use serde_json::{Value, json};

/// The only version. Source: 1.0 is what Microsoft's pages on the extension write; the rest is a guess.
const VERSION: &str = "1.0.0.0";

pub(super) static ENDPOINTS: &[Fixed] = &[
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/publishers/{publisher}/artifacttypes/vmextension/types",
        right_of_any_role,
        types,
    ),
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/publishers/{publisher}/artifacttypes/vmextension/types/{type}/versions",
        right_of_any_role,
        versions,
    ),
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/publishers/{publisher}/artifacttypes/vmextension/types/{type}/versions/{version}",
        right_of_any_role,
        version,
    ),
];

/// A type of the catalogue, with its place in Azure's spelling.
struct Entry {
    id: String,
    location: String,
    name: &'static str,
    system: System,
}

/// The types of a publisher; of one that is not known there are none.
fn entries(named: &Named) -> Result<Vec<Entry>, Fault> {
    if !named.text("publisher").eq_ignore_ascii_case(PUBLISHER) {
        return Ok(Vec::new());
    }
    let (subscription, location) = (named.subscription()?, named.text("location").to_ascii_lowercase());
    let above = format!(
        "/Subscriptions/{subscription}/Providers/Microsoft.Compute/Locations/{location}/Publishers/{PUBLISHER}/ArtifactTypes/VMExtension/Types"
    );
    let entry = |(name, system)| Entry { id: format!("{above}/{name}"), location: location.clone(), name, system };
    Ok(TYPES.into_iter().map(entry).collect())
}

/// The type that the path names.
fn entry(named: &Named) -> Result<Entry, Fault> {
    let wanted = named.text("type");
    let found = entries(named)?.into_iter().find(|entry| entry.name.eq_ignore_ascii_case(wanted));
    found.ok_or_else(|| Fault::ArtifactNotFound {
        publisher: named.text("publisher").to_owned(),
        name: wanted.to_owned(),
    })
}

fn types(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let shown = |entry: &Entry| json!({ "location": entry.location, "name": entry.name, "id": entry.id });
    Ok(Outcome::shown(entries(call.named()?)?.iter().map(shown).collect()))
}

fn versions(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    Ok(Outcome::shown(json!([show(&entry(call.named()?)?)])))
}

fn version(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let (named, entry) = (call.named()?, entry(call.named()?)?);
    if named.text("version") != VERSION {
        let name = format!("{}/{}", entry.name, named.text("version"));
        return Err(Fault::ArtifactNotFound { publisher: PUBLISHER.to_owned(), name });
    }
    let mut shown = show(&entry);
    shown["properties"] = json!({
        "operatingSystem": match entry.system { System::Linux => "Linux", System::Windows => "Windows" },
        "computeRole": "IaaS",
        "handlerSchema": null,
        "vmScaleSetEnabled": true,
        "supportsMultipleExtensions": false,
    });
    Ok(Outcome::shown(shown))
}

fn show(entry: &Entry) -> Value {
    json!({ "location": entry.location, "name": VERSION, "id": format!("{}/Versions/{VERSION}", entry.id) })
}
