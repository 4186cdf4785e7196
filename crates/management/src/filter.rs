//! `$filter`: the conjunctions that clients send.

use crate::fault::Fault;
use bonafide_types::Excerpt;
use bonafide_wire::odata::quoted;

/// Longest filter, in bytes. Source: ours; clients send at most a few hundred.
const FILTER_BYTES_MAX: usize = 2_048;
/// Terms in one filter. Source: ours.
const TERMS_MAX: usize = 16;

/// One term of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    /// `name eq 'value'`.
    Equals(String, String),
    /// `name ne 'value'`.
    Differs(String, String),
    /// `function()` or `function('value')`, also `substringof('value', name)`, in this order.
    Call(String, Vec<String>),
}

impl Term {
    /// The refusal of a term that is well formed and not offered.
    pub(crate) fn unsupported(&self) -> Fault {
        let (Self::Equals(name, _) | Self::Differs(name, _) | Self::Call(name, _)) = self;
        Fault::filter(&format!("'{}' cannot be filtered on here", Excerpt::of(name)))
    }
}

/// Reads a filter; an empty one has no terms. Terms are joined by `and`; anything else is refused rather
/// than passed over.
pub(crate) fn read(text: Option<&str>) -> Result<Vec<Term>, Fault> {
    let text = text.unwrap_or_default().trim();
    if text.len() > FILTER_BYTES_MAX {
        return Err(Fault::filter("it is too long"));
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let tokens = tokens(text).ok_or_else(|| Fault::filter("a quote or parenthesis is not closed"))?;
    let mut terms = Vec::new();
    for part in tokens.split(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("and"))) {
        terms.push(
            term(part).ok_or_else(|| {
                Fault::filter("only terms of the form name eq 'value', joined by 'and', are supported")
            })?,
        );
    }
    if terms.len() > TERMS_MAX {
        return Err(Fault::filter("it has too many terms"));
    }
    Ok(terms)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Call(String, Vec<String>),
}

fn term(tokens: &[Token]) -> Option<Term> {
    match tokens {
        [Token::Call(name, arguments)] => Some(Term::Call(name.clone(), arguments.clone())),
        [Token::Word(name), Token::Word(operator), Token::Text(value)] => {
            let (name, value) = (name.to_ascii_lowercase(), value.clone());
            match operator.to_ascii_lowercase().as_str() {
                "eq" => Some(Term::Equals(name, value)),
                "ne" => Some(Term::Differs(name, value)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Splits into words, quoted texts and calls; `None` when something is not closed.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if rest.starts_with('\'') {
            let (value, after) = quoted(rest)?;
            found.push(Token::Text(value));
            rest = after;
        } else {
            let end = rest.find([' ', '\'', '(']).unwrap_or(rest.len());
            let word = &rest[..end];
            rest = &rest[end..];
            if let Some(inner) = rest.strip_prefix('(') {
                let (arguments, after) = arguments(inner)?;
                found.push(Token::Call(word.to_ascii_lowercase(), arguments));
                rest = after;
            } else {
                found.push(Token::Word(word.to_owned()));
            }
        }
        rest = rest.trim_start();
    }
    Some(found)
}

/// The arguments up to the closing parenthesis: texts and names.
fn arguments(mut rest: &str) -> Option<(Vec<String>, &str)> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(')') {
            return Some((found, after));
        }
        if rest.starts_with('\'') {
            let (value, after) = quoted(rest)?;
            found.push(value);
            rest = after;
        } else {
            let end = rest.find([',', ')'])?;
            found.push(rest[..end].trim().to_owned());
            rest = &rest[end..];
        }
        rest = rest.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn equals(name: &str, value: &str) -> Term {
        Term::Equals(name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_filters_of_real_clients_are_read() {
        assert_eq!(read(None).unwrap(), []);
        assert_eq!(read(Some(" ")).unwrap(), []);
        assert_eq!(read(Some("roleName eq 'Owner''s'")).unwrap(), [equals("rolename", "Owner's")]);
        assert_eq!(
            read(Some("resourceGroup eq 'and' and resourceType eq 'A/b'")).unwrap(),
            [equals("resourcegroup", "and"), equals("resourcetype", "A/b")]
        );
        let call =
            |name: &str, values: &[&str]| Term::Call(name.to_owned(), values.iter().map(|v| (*v).to_owned()).collect());
        assert_eq!(
            read(Some("atScope() and assignedTo('x')")).unwrap(),
            [call("atscope", &[]), call("assignedto", &["x"])]
        );
        assert_eq!(read(Some("substringof('a', name)")).unwrap(), [call("substringof", &["a", "name"])]);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "a",
            "a eq",
            "a eq b",
            "a eq 'b",
            "a gt 'b'",
            "a eq 'b' or c eq 'd'",
            "a eq 'b' and",
            "f(",
            "f('a'",
            "'a'",
            "(((",
        ] {
            assert!(read(Some(text)).is_err(), "{text}");
        }
        assert!(read(Some(&"a eq 'b' and ".repeat(40))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-c'(), ]{0,40}") {
            let _ = read(Some(&text));
        }
    }
}
