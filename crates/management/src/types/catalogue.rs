//! The resource providers and types of `data/providers.txt`, read when first asked for.

use std::sync::LazyLock;

/// A resource provider.
pub(crate) struct Namespace {
    /// Its name in Azure's spelling.
    pub(crate) name: &'static str,
    /// Its types.
    pub(crate) types: Vec<Type>,
}

/// A resource type.
pub(crate) struct Type {
    /// Its name without the namespace.
    pub(crate) name: &'static str,
    /// Its name with the namespace.
    pub(crate) full_name: &'static str,
    /// The places in which Azure has it.
    pub(crate) places: Places,
    /// Its api-versions, stable ones first, newest first: `az resource` takes the first stable one.
    pub(crate) versions: Vec<&'static str>,
}

/// The places in which resources of a type can lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    /// In any region.
    Regions,
    /// In no region: their location is `global`.
    Global,
    /// Nowhere: they have no location.
    Nowhere,
}

/// True for a type whose resources lie in regions.
pub(crate) fn lies_in_regions(full_name: &str) -> bool {
    let namespace = full_name.split('/').next().and_then(namespace);
    let found = namespace.and_then(|namespace| namespace.types.iter().find(|of| of.full_name == full_name));
    found.is_some_and(|of| of.places == Places::Regions)
}

static NAMESPACES: LazyLock<Vec<Namespace>> = LazyLock::new(|| read(include_str!("../../data/providers.txt")));

/// All providers, by name.
pub(crate) fn namespaces() -> &'static [Namespace] {
    &NAMESPACES
}

/// The provider with this name, in any case.
pub(crate) fn namespace(name: &str) -> Option<&'static Namespace> {
    NAMESPACES.iter().find(|namespace| namespace.name.eq_ignore_ascii_case(name))
}

/// The api-versions that are known of a type, the newest first; none of a type that is not in the file.
pub(crate) fn versions(full_name: &str) -> Vec<&'static str> {
    let namespace = full_name.split_once('/').and_then(|(name, _)| namespace(name));
    let mut types = namespace.into_iter().flat_map(|namespace| &namespace.types);
    let found = types.find(|entry| entry.full_name.eq_ignore_ascii_case(full_name));
    let mut versions = found.map(|entry| entry.versions.clone()).unwrap_or_default();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
}

/// Reads the file; full names are made once and stay for the life of the process.
fn read(text: &'static str) -> Vec<Namespace> {
    let mut found: Vec<Namespace> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix("  "), found.last_mut()) {
            (None, _) => found.push(Namespace { name: line, types: Vec::new() }),
            (Some(entry), Some(namespace)) => {
                let mut words = entry.split(' ').peekable();
                let name = words.next().unwrap_or_default();
                let full_name = String::leak(format!("{}/{name}", namespace.name));
                let places = match words.peek() {
                    Some(&"global") => Places::Global,
                    Some(&"-") => Places::Nowhere,
                    _ => Places::Regions,
                };
                let versions = words.skip(usize::from(places != Places::Regions)).collect();
                namespace.types.push(Type { name, full_name, places, versions });
            }
            (Some(_), None) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_types::{ApiVersion, TypeName};

    #[test]
    fn every_line_of_the_catalogue_is_a_type_with_versions() {
        assert!(namespaces().len() > 150);
        for entry in namespaces().iter().flat_map(|namespace| &namespace.types) {
            assert!(entry.full_name.parse::<TypeName>().is_ok(), "{}", entry.full_name);
            assert!(!entry.versions.is_empty(), "{}", entry.full_name);
            assert!(entry.versions.iter().all(|version| version.parse::<ApiVersion>().is_ok()), "{}", entry.full_name);
        }
        assert_eq!(namespace("microsoft.compute").unwrap().name, "Microsoft.Compute");
        let places = |namespace: &str, name: &str| {
            let types = &super::namespace(namespace).unwrap().types;
            types.iter().find(|entry| entry.name == name).unwrap().places
        };
        assert_eq!(places("Microsoft.Compute", "virtualMachines"), Places::Regions);
        assert_eq!(places("Microsoft.Network", "dnszones"), Places::Global);
        assert_eq!(places("Microsoft.Authorization", "roleAssignments"), Places::Nowhere);
        assert_eq!(versions("microsoft.network/DnsZones"), ["2018-05-01", "2017-10-01", "2017-09-01"]);
        assert!(versions("Microsoft.Network/nothings").is_empty());
    }
}
