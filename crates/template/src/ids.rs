//! Types and names to ids.

/// The number of names that a resource of a type has.
pub(crate) fn names_of(type_name: &str) -> usize {
    type_name.split('/').count().saturating_sub(1)
}

/// `{namespace}/{type}/{name}/{child type}/{child name}…`; `None` when there are more or fewer names than types.
pub(crate) fn tail(type_name: &str, names: &[&str]) -> Option<String> {
    let mut words = type_name.split('/');
    let namespace = words.next()?;
    let types: Vec<&str> = words.collect();
    if types.is_empty() || types.len() != names.len() {
        return None;
    }
    let mut tail = namespace.to_owned();
    for (word, name) in types.iter().zip(names) {
        for part in [word, name] {
            tail.push('/');
            tail.push_str(part);
        }
    }
    Some(tail)
}
