//! The operating system of a machine, or of those of a scale set.

use bonafide_core::directory::{Body, System};
use serde_json::{Map, Value};

/// Begins the publishers whose images have Windows, where a body names nothing but its image. Source: images.txt; the
/// body of `New-AzVM -Image` in Az 14.4.
const WINDOWS: &str = "MicrosoftWindows";

/// The operating system of a machine, where its body says it.
pub(crate) fn of_machine(body: &Body) -> Option<System> {
    below(|path| body.member(&[&["properties"], path].concat()))
}

/// The same of the machines of a scale set.
pub(crate) fn of_profile(body: &Body) -> Option<System> {
    below(|path| body.member(&[&["properties", "virtualMachineProfile"], path].concat()))
}

/// The same of a machine's `properties`.
pub(crate) fn of_properties(properties: &Map<String, Value>) -> Option<System> {
    below(|path| {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(named(properties, first)?, |value, name| named(value.as_object()?, name))
    })
}

/// A member, in any case of its name.
fn named<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn below<'a>(member: impl Fn(&[&str]) -> Option<&'a Value>) -> Option<System> {
    let text = |path: &[&str]| member(path).and_then(Value::as_str).unwrap_or_default();
    let is_there = |path: &[&str]| member(path).is_some_and(|value| !value.is_null());
    let disk = text(&["storageProfile", "osDisk", "osType"]);
    if disk.eq_ignore_ascii_case("Windows") || is_there(&["osProfile", "windowsConfiguration"]) {
        return Some(System::Windows);
    }
    if disk.eq_ignore_ascii_case("Linux") || is_there(&["osProfile", "linuxConfiguration"]) {
        return Some(System::Linux);
    }
    let publisher = text(&["storageProfile", "imageReference", "publisher"]);
    let start = publisher.get(..WINDOWS.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(WINDOWS).then_some(System::Windows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn disk_configuration_and_image_tell_the_system_in_this_order() {
        let of = |properties: Value| of_properties(properties.as_object().unwrap());
        let image = |publisher: &str| json!({"IMAGEREFERENCE": {"publisher": publisher}});
        assert_eq!(of(json!({"storageProfile": image("microsoftwindowsServer")})), Some(System::Windows));
        assert_eq!(of(json!({"storageProfile": image("Canonical")})), None);
        assert_eq!(
            of(json!({"storageProfile": image("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}")})),
            None
        );
        let linux = json!({"storageProfile": image("MicrosoftWindowsServer"), "osProfile": {"linuxConfiguration": {}}});
        assert_eq!(of(linux), Some(System::Linux));
        let disk =
            json!({"storageProfile": {"osDisk": {"osType": "windows"}}, "osProfile": {"linuxConfiguration": {}}});
        assert_eq!(of(disk), Some(System::Windows));
        assert_eq!(of(json!({"osProfile": {"windowsConfiguration": null}})), None);
    }
}
