//! The locations of Azure, read when first asked for.

use std::sync::LazyLock;

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

/// The lines of the file, by fields.
pub(crate) fn rows() -> impl Iterator<Item = [&'static str; 9]> {
    include_str!("../data/locations.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('|').collect::<Vec<_>>().try_into().ok())
}
