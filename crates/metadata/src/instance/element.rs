//! Elements of a document, and their form as text.

use serde_json::Value;

/// The element at the end of a path of names and of places in lists. Names are compared exactly.
pub(super) fn find<'d>(document: &'d Value, path: &str) -> Option<&'d Value> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.try_fold(document, |element, segment| match element {
        Value::Object(members) => members.get(segment),
        Value::Array(elements) => elements.get(place(segment)?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

fn place(segment: &str) -> Option<usize> {
    let is_number = segment.bytes().all(|byte| byte.is_ascii_digit()) && (segment == "0" || !segment.starts_with('0'));
    if is_number { segment.parse().ok() } else { None }
}

/// True for what has elements of its own, or could have.
pub(super) fn is_branch(element: &Value) -> bool {
    matches!(element, Value::Object(_) | Value::Array(_))
}

/// The elements of a branch, a line each, branches with a slash; a leaf as it is.
pub(super) fn text(element: &Value) -> String {
    match element {
        Value::Object(members) => lines(members.iter().map(|(name, below)| (name.clone(), below))),
        Value::Array(elements) => lines(elements.iter().enumerate().map(|(place, below)| (place.to_string(), below))),
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => element.to_string(),
    }
}

fn lines<'v>(elements: impl Iterator<Item = (String, &'v Value)>) -> String {
    let line = |(name, below): (String, &Value)| if is_branch(below) { name + "/" } else { name };
    elements.map(line).collect::<Vec<_>>().join("\n")
}
