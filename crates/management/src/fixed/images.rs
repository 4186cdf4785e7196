//! `/subscriptions/{s}/providers/Microsoft.Compute/locations/{l}/publishers/…`: the images that clients offer and look up
//! before they make a machine. Lists are bare arrays (docs/wire/management-compute.md).

use super::subscriptions::right_of_any_role;
use super::{Answer, Fixed, Named};
use crate::command::Call;
use crate::config::Config;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::right::Right;
use crate::types::compute::extensions::PUBLISHER;
use bonafide_store::ReadTx;
use bonafide_types::ApiVersion;
use bonafide_types::limits::MANAGEMENT_BODY_BYTES_MAX;
use bonafide_wire::Route;
use http::Method;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The document in which az looks up the short names of images, without a token.
pub(super) const ALIASES: &str = "/metadata/vmImageAliases";

pub(super) static ENDPOINTS: &[Fixed] = &[
    Fixed {
        route: Route::of_view(Method::GET, ALIASES, MANAGEMENT_BODY_BYTES_MAX),
        right: |_| Right::SignedIn,
        answer: Answer::Public(aliases),
    },
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/publishers",
        right_of_any_role,
        |_, call, _| list(call, &[], |image| image.publisher, &[PUBLISHER]),
    ),
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/publishers/{publisher}/artifacttypes/vmimage/offers",
        right_of_any_role,
        |_, call, _| list(call, &["publisher"], |image| image.offer, &[]),
    ),
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus",
        right_of_any_role,
        |_, call, _| list(call, &["publisher", "offer"], |image| image.sku, &[]),
    ),
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions",
        right_of_any_role,
        versions,
    ),
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions/{version}",
        right_of_any_role,
        version,
    ),
];

struct Image {
    publisher: &'static str,
    offer: &'static str,
    sku: &'static str,
    version: &'static str,
    system: &'static str,
    generation: &'static str,
    architecture: &'static str,
    alias: Option<&'static str>,
}

static IMAGES: LazyLock<Vec<Image>> = LazyLock::new(|| {
    let lines = include_str!("../../data/images.txt").lines().filter(|line| !line.starts_with('#'));
    let image = |line: &'static str| {
        let words: [&str; 8] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let [publisher, offer, sku, version, system, generation, architecture, alias] = words;
        let alias = Some(alias).filter(|alias| *alias != "-");
        Some(Image { publisher, offer, sku, version, system, generation, architecture, alias })
    };
    lines.filter_map(image).collect()
});

impl Image {
    fn member(&self, name: &str) -> &'static str {
        match name {
            "publisher" => self.publisher,
            "offer" => self.offer,
            "sku" => self.sku,
            _ => self.version,
        }
    }
}

/// The images whose members are those that the path names.
fn named<'a>(named: &'a Named, names: &'a [&str]) -> impl Iterator<Item = &'static Image> + 'a {
    IMAGES.iter().filter(|image| names.iter().all(|name| image.member(name).eq_ignore_ascii_case(named.text(name))))
}

/// One level of the tree: each name once, and `others` that have no images. Where there is nothing it is not found.
fn list(
    call: &Call<'_>,
    above: &[&str],
    name: fn(&Image) -> &'static str,
    others: &[&'static str],
) -> Result<Outcome, Fault> {
    let path = call.named()?;
    let mut names: Vec<&str> = named(path, above).map(name).chain(others.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Err(Fault::ImageNotFound);
    }
    let items = names.into_iter().map(|name| item(call, path, name));
    Ok(Outcome::shown(Value::Array(items.collect())))
}

fn versions(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let (path, query) = (call.named()?, &call.command.query);
    let top = match query.get("$top").filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map_err(|_| Fault::QueryInvalid("$top is not a number".to_owned()))?,
        None => usize::MAX,
    };
    let mut images: Vec<&Image> = named(path, &["publisher", "offer", "sku"]).collect();
    if images.is_empty() {
        return Err(Fault::ImageNotFound);
    }
    images.sort_by_key(|image| image.version);
    if query.get("$orderby").is_some_and(|order| order.trim().to_ascii_lowercase().ends_with(" desc")) {
        images.reverse();
    }
    let with_properties = query.get("$expand").is_some_and(|word| word.eq_ignore_ascii_case("properties"));
    let show = |image: &Image| {
        let mut shown = item(call, path, image.version);
        if with_properties {
            shown["properties"] = properties(image);
        }
        shown
    };
    Ok(Outcome::shown(Value::Array(images.into_iter().take(top).map(show).collect())))
}

fn version(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let path = call.named()?;
    let wanted = path.text("version");
    let mut images = named(path, &["publisher", "offer", "sku"]);
    let is_it = |image: &&Image| wanted.eq_ignore_ascii_case("latest") || image.version == wanted;
    let image = images.find(is_it).ok_or(Fault::ImageNotFound)?;
    let shown = json!({
        "location": path.text("location"),
        "name": image.version,
        "id": call.command.path,
        "properties": properties(image),
    });
    Ok(Outcome::shown(shown))
}

fn item(call: &Call<'_>, path: &Named, name: &str) -> Value {
    let above = call.command.path.trim_end_matches('/');
    json!({ "location": path.text("location"), "name": name, "id": format!("{above}/{name}") })
}

/// az reads `osDiskImage.operatingSystem`, `hyperVGeneration`, `features` and `architecture`.
fn properties(image: &Image) -> Value {
    let features = if image.generation == "V2" {
        json!([{ "name": "SecurityType", "value": "TrustedLaunchSupported" }])
    } else {
        json!([])
    };
    json!({
        "osDiskImage": { "operatingSystem": image.system },
        "dataDiskImages": [],
        "hyperVGeneration": image.generation,
        "architecture": image.architecture,
        "features": features,
        "imageDeprecationStatus": { "imageState": "Active" },
    })
}

/// The document of aliases, in the form of an output of a template (azure-cli 2.91, `_alias.py`).
fn aliases(_config: &Config, _version: Option<&ApiVersion>) -> Value {
    let of = |system: &str| {
        let named = IMAGES.iter().filter(|image| image.system == system);
        let entries = named.filter_map(|image| {
            let entry = json!({
                "publisher": image.publisher,
                "offer": image.offer,
                "sku": image.sku,
                "version": "latest",
                "architecture": image.architecture,
            });
            Some((image.alias?.to_owned(), entry))
        });
        Value::Object(entries.collect::<Map<_, _>>())
    };
    json!({ "outputs": { "aliases": { "type": "object", "value": { "Linux": of("Linux"), "Windows": of("Windows") } } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_file_is_an_image() {
        let lines = include_str!("../../data/images.txt").lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), IMAGES.len());
        assert!(
            IMAGES.iter().all(|image| matches!((image.system, image.generation), ("Linux" | "Windows", "V1" | "V2")))
        );
    }
}
