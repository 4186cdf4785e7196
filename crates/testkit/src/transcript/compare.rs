//! Comparing what came with what is expected.

use serde_json::{Map, Value};

/// Stands for anything.
const ANY: &str = "…";

/// The texts that `{name=…}` matched, by name.
pub(super) type Kept = Vec<(String, String)>;

/// True when a text is as the pattern says; what its names stood for is added to `kept`.
pub(super) fn text(pattern: &str, actual: &str, kept: &mut Kept) -> bool {
    let before = kept.len();
    let matches = from(&tokens(pattern), actual, kept);
    if !matches {
        kept.truncate(before);
    }
    matches
}

enum Token<'a> {
    Literal(&'a str),
    Any,
    Keep(&'a str),
}

fn tokens(pattern: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(ANY) {
        let (before, after) = (&rest[..at], &rest[at + ANY.len()..]);
        let name =
            before.strip_suffix('=').and_then(|head| head.rfind('{').map(|open| (&head[..open], &head[open + 1..])));
        match (name, after.strip_prefix('}')) {
            (Some((literal, name)), Some(after)) => {
                tokens.extend([Token::Literal(literal), Token::Keep(name)]);
                rest = after;
            }
            _ => {
                tokens.extend([Token::Literal(before), Token::Any]);
                rest = after;
            }
        }
    }
    tokens.push(Token::Literal(rest));
    tokens
}

fn from(tokens: &[Token<'_>], actual: &str, kept: &mut Kept) -> bool {
    let Some((first, rest)) = tokens.split_first() else { return actual.is_empty() };
    match first {
        Token::Literal(literal) => actual.strip_prefix(literal).is_some_and(|after| from(rest, after, kept)),
        Token::Any | Token::Keep(_) => {
            let ends = (0..=actual.len()).filter(|end| actual.is_char_boundary(*end));
            for end in ends {
                let before = kept.len();
                if let Token::Keep(name) = first {
                    kept.push(((*name).to_owned(), actual[..end].to_owned()));
                }
                if from(rest, &actual[end..], kept) {
                    return true;
                }
                kept.truncate(before);
            }
            false
        }
    }
}

/// The comparison of two JSON values.
pub(super) struct Comparison<'a> {
    /// True if members must come in the pattern's order.
    pub(super) in_order: bool,
    /// The texts that `{name=…}` matched.
    pub(super) kept: &'a mut Kept,
    /// The differences: a JSON pointer and the fault there.
    pub(super) problems: Vec<(String, String)>,
}

impl Comparison<'_> {
    /// Compares `actual` with the pattern, below `path`.
    pub(super) fn value(&mut self, path: &str, pattern: &Value, actual: &Value) {
        match (pattern, actual) {
            (Value::String(any), _) if any == ANY => {}
            (Value::String(pattern), Value::String(found)) if text(pattern, found, self.kept) => {}
            (Value::Object(pattern), Value::Object(found)) => self.object(path, pattern, found),
            (Value::Array(pattern), Value::Array(found)) => self.array(path, pattern, found),
            _ if pattern == actual => {}
            _ => self.problem(path, format!("expected {pattern}, got {actual}")),
        }
    }

    fn object(&mut self, path: &str, pattern: &Map<String, Value>, actual: &Map<String, Value>) {
        let named = || pattern.iter().filter(|(name, _)| *name != ANY);
        let mut seen = Vec::new();
        for (name, value) in named() {
            // A member's name can hold what varies too: user-assigned identities are named by their ids.
            let found = actual.iter().find(|(other, _)| !seen.contains(other) && text(name, other, self.kept));
            match found {
                Some((other, found)) => {
                    seen.push(other);
                    self.value(&format!("{path}/{name}"), value, found);
                }
                None => self.problem(&format!("{path}/{name}"), "expected, but absent".to_owned()),
            }
        }
        if !pattern.contains_key(ANY) {
            for (name, value) in actual.iter().filter(|(name, _)| !seen.contains(name)) {
                self.problem(&format!("{path}/{name}"), format!("not expected: {value}"));
            }
        }
        let order: Vec<&String> = actual.keys().filter(|name| seen.contains(name)).collect();
        if self.in_order && order != seen {
            self.problem(path, format!("the members come in the order {order:?}"));
        }
    }

    fn array(&mut self, path: &str, pattern: &[Value], actual: &[Value]) {
        let is_any = |value: &Value| value.as_str() == Some(ANY);
        let Some(any) = pattern.iter().position(is_any) else {
            if pattern.len() != actual.len() {
                let found = Value::Array(actual.to_vec());
                return self.problem(path, format!("expected {} elements, got {found}", pattern.len()));
            }
            for (at, (pattern, actual)) in pattern.iter().zip(actual).enumerate() {
                self.value(&format!("{path}/{at}"), pattern, actual);
            }
            return;
        };
        for (at, pattern) in pattern[..any].iter().enumerate() {
            match actual.get(at) {
                Some(actual) => self.value(&format!("{path}/{at}"), pattern, actual),
                None => self.problem(&format!("{path}/{at}"), "expected, but absent".to_owned()),
            }
        }
        // The elements between two "…" follow somewhere, in this order.
        let mut rest = actual.get(any..).unwrap_or_default();
        for pattern in pattern[any + 1..].iter().filter(|value| !is_any(value)) {
            match rest.iter().position(|actual| self.matches(pattern, actual)) {
                Some(found) => rest = &rest[found + 1..],
                None => {
                    return self
                        .problem(path, format!("expected an element {pattern}, got {}", Value::Array(rest.to_vec())));
                }
            }
        }
    }

    fn matches(&mut self, pattern: &Value, actual: &Value) -> bool {
        let before = self.kept.len();
        let mut trial = Comparison { in_order: self.in_order, kept: self.kept, problems: Vec::new() };
        trial.value("", pattern, actual);
        let matches = trial.problems.is_empty();
        if !matches {
            self.kept.truncate(before);
        }
        matches
    }

    fn problem(&mut self, path: &str, what: String) {
        let path = if path.is_empty() { "/" } else { path };
        self.problems.push((path.to_owned(), what));
    }
}

/// The pattern changed where `actual` is not as it says: what a transcript is rewritten to.
pub(super) fn merged(pattern: &Value, actual: &Value) -> Value {
    let mut kept = Kept::new();
    let mut comparison = Comparison { in_order: false, kept: &mut kept, problems: Vec::new() };
    comparison.value("", pattern, actual);
    if comparison.problems.is_empty() {
        return pattern.clone();
    }
    match (pattern, actual) {
        (Value::Object(pattern), Value::Object(actual)) => {
            let open = pattern.contains_key(ANY);
            let mut map: Map<String, Value> = actual
                .iter()
                .filter(|(name, _)| !open || pattern.contains_key(*name))
                .map(|(name, value)| {
                    (name.clone(), pattern.get(name).map_or(value.clone(), |known| merged(known, value)))
                })
                .collect();
            if open {
                map.insert(ANY.to_owned(), ANY.into());
            }
            Value::Object(map)
        }
        _ => actual.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differences(pattern: Value, actual: Value) -> usize {
        let mut kept = Kept::new();
        let mut comparison = Comparison { in_order: false, kept: &mut kept, problems: Vec::new() };
        comparison.value("", &pattern, &actual);
        comparison.problems.len()
    }

    #[test]
    fn what_varies_is_any_text_or_kept() {
        let mut kept = Kept::new();
        assert!(text("a/{x=…}?v=…", "a/b/c?v=1", &mut kept));
        assert_eq!(kept, [("x".to_owned(), "b/c".to_owned())]);
        assert!(!text("a…b", "ac", &mut kept) && !text("a", "ab", &mut kept) && text("…", "", &mut kept));
        assert_eq!(kept.len(), 1);
    }

    #[test]
    fn members_are_exact_unless_more_are_allowed() {
        assert_eq!(differences(json!({"a": 1}), json!({"a": 1, "b": 2})), 1);
        assert_eq!(differences(json!({"a": 1, "…": "…"}), json!({"b": 2, "a": 1})), 0);
        assert_eq!(differences(json!({"a": "…"}), json!({})), 1);
        assert_eq!(differences(json!({"a": "1"}), json!({"a": 1})), 1);
        assert_eq!(differences(json!({"/x/…": 1}), json!({"/x/y": 1})), 0);
        assert_eq!(differences(json!([1, "…"]), json!([1, 2, 3])), 0);
        assert_eq!(differences(json!(["…", 2, "…"]), json!([1, 2, 3])), 0);
        assert_eq!(differences(json!(["…", 4, "…"]), json!([1, 2, 3])), 1);
        assert_eq!(differences(json!([]), json!([1])), 1);
    }

    #[test]
    fn the_order_counts_when_it_is_asked_for() {
        let (pattern, actual) = (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}));
        let mut kept = Kept::new();
        let mut comparison = Comparison { in_order: true, kept: &mut kept, problems: Vec::new() };
        comparison.value("", &pattern, &actual);
        assert_eq!(comparison.problems.len(), 1);
    }
}
