//! The locations of Azure, read when first asked for.

use crate::fault::Fault;
use crate::types::catalogue;
use std::sync::LazyLock;

/// The location of what lies in no region.
const GLOBAL: &str = "global";

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
pub(crate) fn names() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let physical = rows().filter(|[_, _, _, _, geography, ..]| !geography.is_empty());
        physical.map(|[name, ..]| name).collect()
    });
    &NAMES
}

/// Refuses a place that Azure does not have, to a resource of a type whose resources lie in regions. Every region has all
/// types (**ours**); groups of regions, and `global`, are places of some.
pub(crate) fn check(type_name: &str, location: &str) -> Result<(), Fault> {
    static KNOWN: LazyLock<Vec<&'static str>> = LazyLock::new(|| rows().map(|[name, ..]| name).collect());
    if KNOWN.contains(&location) || location == GLOBAL || !catalogue::lies_in_regions(type_name) {
        return Ok(());
    }
    Err(Fault::LocationUnknown { location: location.to_owned(), type_name: type_name.to_owned(), known: names() })
}

/// The lines of the file, by fields.
pub(crate) fn rows() -> impl Iterator<Item = [&'static str; 9]> {
    include_str!("../data/locations.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('|').collect::<Vec<_>>().try_into().ok())
}
