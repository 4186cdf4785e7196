//! Workloads by the names that people call them.

use bonafide_types::ResourceId;

/// True for the name of a resource: its own, or with the names above it, as `site/slot` or `site/slots/slot`.
pub(crate) fn is_named(id: &ResourceId, wanted: &str) -> bool {
    if !wanted.contains('/') {
        return id.name().eq_ignore_ascii_case(wanted);
    }
    let whole = id.relative_name();
    let names = whole.split('/').step_by(2).collect::<Vec<_>>().join("/");
    [whole, names].iter().any(|name| name.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_called_by_its_name_or_with_the_names_above_it() {
        let group = "/subscriptions/3f5c8a0e-9f3a-4d0f-8a50-7c7dd0c30f7e/resourceGroups/rg/providers/";
        let named = |id: &str, name: &str| is_named(&ResourceId::parse(&format!("{group}{id}")).unwrap(), name);
        assert!(named("Microsoft.Compute/virtualMachines/vm", "VM"));
        let slot = "Microsoft.Web/sites/app/slots/blue";
        for (name, is_meant) in
            [("app/blue", true), ("app/slots/blue", true), ("blue", true), ("app", false), ("app/slots", false)]
        {
            assert_eq!(named(slot, name), is_meant, "{name}");
        }
    }
}
