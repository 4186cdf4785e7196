//! Resource ids: what is read is written as it was, and case never makes a difference.
#![no_main]

use bonafide_types::ResourceId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(id) = ResourceId::parse(text) else { return };
    let again = ResourceId::parse(id.as_str()).expect("an id that was read is one");
    assert_eq!(again.as_str(), id.as_str());
    assert_eq!(again.fold(), id.fold());
    assert_eq!(ResourceId::parse(&id.fold()).expect("a folded id is one").fold(), id.fold());
    assert!(id.contains(&id));
    if let Some(parent) = id.parent() {
        assert!(parent.contains(&id));
        assert!(!id.contains(&parent));
    }
    if let Some(group) = id.group_id() {
        assert!(group.is_group());
        assert!(group.contains(&id));
    }
    let _ = (id.type_name(), id.name(), id.relative_name(), id.subscription());
});
