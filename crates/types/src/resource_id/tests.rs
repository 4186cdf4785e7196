//! Tests of resource ids.

use super::*;
use proptest::prelude::*;

const VM: &str = "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1";

fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

#[test]
fn a_child_lies_directly_below_whatever_its_name_says() {
    let vm = id(VM);
    assert_eq!(vm.child("extensions", "e1").unwrap(), id(&format!("{VM}/extensions/e1")));
    for name in ["", "e1/extensions/e2", "e1/providers/Microsoft.Network/loadBalancers/q", "/e1", "e1/", ".."] {
        assert!(vm.child("extensions", name).is_err(), "{name}");
        assert!(vm.provider_child("Microsoft.Network/loadBalancers", name).is_err(), "{name}");
    }
}

#[test]
fn a_resource_id_knows_its_parts() {
    let vm = id(VM);
    assert_eq!(vm.type_name().as_str(), "Microsoft.Compute/virtualMachines");
    assert_eq!((vm.name(), vm.resource_group()), ("vm1", Some("rg")));
    let extension = id(&format!("{VM}/extensions/e1"));
    assert_eq!(extension.type_name().as_str(), "Microsoft.Compute/virtualMachines/extensions");
    assert_eq!(extension.relative_name(), "vm1/extensions/e1");
    assert_eq!(extension.parent(), Some(vm.clone()));
    let assignment = id(&format!("{VM}/providers/Microsoft.Authorization/roleAssignments/a"));
    assert_eq!(assignment.type_name().as_str(), "Microsoft.Authorization/roleAssignments");
    assert_eq!(assignment.parent(), Some(vm.clone()));
    assert_eq!(vm.parent(), vm.group_id());
    assert_eq!(vm.group_id().unwrap().type_name().as_str(), "Microsoft.Resources/subscriptions/resourceGroups");
    let subscription = vm.group_id().unwrap().parent().unwrap();
    assert_eq!((subscription.type_name().as_str(), subscription.parent()), ("Microsoft.Resources/subscriptions", None));
    assert_eq!(id("/providers/Microsoft.Authorization/roleDefinitions/x").parent(), None);
}

#[test]
fn a_resource_is_named_by_its_own_name_or_with_those_above_it() {
    let machine = id(&VM.replace("virtualMachines/vm1", "virtualMachineScaleSets/pool/virtualMachines/0"));
    for (wanted, is_it) in [
        ("0", true),
        ("Pool/0", true),
        ("pool/virtualMachines/0", true),
        ("pool", false),
        ("other/0", false),
        ("/0", false),
        ("", false),
    ] {
        assert_eq!(machine.is_named(wanted), is_it, "{wanted}");
    }
    assert!(id(VM).is_named("VM1") && !id(VM).is_named(VM));
}

#[test]
fn a_resource_named_providers_is_a_name() {
    let odd = id(
        "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/providers/providers/Microsoft.A/b/providers",
    );
    assert_eq!((odd.name(), odd.resource_group()), ("providers", Some("providers")));
    assert_eq!(odd.type_name().as_str(), "Microsoft.A/b");
}

#[test]
fn tn_05_ids_compare_without_case_and_print_as_written() {
    let upper = id(&VM.to_ascii_uppercase());
    assert_eq!(upper, id(VM));
    assert_eq!(upper.fold(), id(VM).fold());
    assert_eq!(upper.as_str(), VM.to_ascii_uppercase());
}

#[test]
fn id_14_dot_segments_confusables_and_encodings_are_refused() {
    for name in ["..", ".", "a%2f", "a\\b", "", "vm\u{0131}", "a\u{0}", "a.", "a ", " a", "a?b", "a;b"] {
        let text = VM.replace("vm1", name);
        assert!(ResourceId::parse(&text).is_err(), "{text:?}");
    }
    for text in
        ["", "/", "subscriptions/x", "/subscriptions", "/subscriptions/x", "/providers", "/providers/A.B/c", "/x/y"]
    {
        assert!(ResourceId::parse(text).is_err(), "{text:?}");
    }
    assert!(ResourceId::parse(&format!("{VM}/")).is_err());
    assert!(ResourceId::parse(&VM.replace("/providers", "//providers")).is_err());
}

#[test]
fn a_scope_contains_by_whole_segments() {
    let group = id(VM).group_id().unwrap();
    assert!(group.contains(&id(&VM.to_ascii_uppercase())) && group.contains(&group));
    assert!(!group.contains(&id(&VM.replace("/rg/", "/rg2/"))));
    assert!(!id(VM).contains(&group));
}

proptest! {
    #[test]
    fn tn_05_two_spellings_are_never_two_ids(name in "[a-zA-Z0-9_.()-]{1,12}[a-z]", flips in proptest::collection::vec(any::<bool>(), 200)) {
        let text = VM.replace("vm1", &name);
        let other: String = text.chars().zip(flips.into_iter().chain(std::iter::repeat(false)))
            .map(|(c, flip)| if flip && c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c }).collect();
        let (one, two) = (id(&text), id(&other));
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(one.fold(), two.fold());
        prop_assert!(one.contains(&two) && one.parent() == two.parent() && one.type_name() == two.type_name());
    }

    #[test]
    fn what_lies_above_an_id_is_known_as_if_it_was_read(
        above in "(/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47(/resourceGroups/(g|providers))?)?",
        providers in "(/providers/(A|Microsoft\\.A)(/(b|type)/(c|providers|name)){1,3}){0,3}",
    ) {
        let text = format!("{above}{providers}");
        let ids = std::iter::successors(ResourceId::parse(&text).ok(), ResourceId::parent);
        for id in ids.chain(ResourceId::parse(&text).ok().and_then(|id| id.group_id())) {
            let read = ResourceId::parse(id.as_str()).unwrap();
            let parts = |id: &ResourceId| (id.subscription, id.group_end, id.provider);
            prop_assert_eq!(parts(&id), parts(&read), "{}", id);
            prop_assert_eq!(id.is_group(), id.group_id().as_ref() == Some(&id), "{}", id);
            let name = id.type_name();
            prop_assert!(id.is_of(&name.as_str().to_ascii_uppercase()), "{}", id);
            for other in [format!("{name}/x"), name.namespace().to_owned(), name.as_str()[1..].to_owned()] {
                prop_assert!(!id.is_of(&other), "{} {}", id, other);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        if let Ok(id) = ResourceId::parse(&text) {
            prop_assert_eq!(ResourceId::parse(id.as_str()).unwrap(), id.clone());
            prop_assert!(id.type_name().as_str().contains('/'));
        }
    }
}
