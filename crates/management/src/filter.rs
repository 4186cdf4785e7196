//! `$filter`: the conditions that clients send, joined by `and` and `or`.

use crate::fault::Fault;
use bonafide_types::Excerpt;
use bonafide_wire::odata::quoted;

/// Longest filter, in bytes. Source: ours; clients send at most a few hundred.
const FILTER_BYTES_MAX: usize = 2_048;
/// Terms in one filter. Source: ours.
const TERMS_MAX: usize = 16;
/// Clauses that a filter is made into. Source: ours.
const CLAUSES_MAX: usize = 64;
/// Parentheses in one another. Source: ours.
const DEPTH_MAX: usize = 8;

/// The member by which machines of a scale set are listed.
pub(crate) const OF_SET: &str = "virtualMachineScaleSet/id";

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

/// Reads a filter whose terms are joined by `and` alone; an empty one has no terms. Anything else is refused rather than
/// passed over.
pub(crate) fn read(text: Option<&str>) -> Result<Vec<Term>, Fault> {
    let mut clauses = read_any(text)?;
    match (clauses.pop(), clauses.is_empty()) {
        (terms, true) => Ok(terms.unwrap_or_default()),
        (_, false) => Err(Fault::filter("'or' is not supported here")),
    }
}

/// Reads a filter whose terms are joined by `and` and `or`, with parentheses: it passes what passes all terms of one of
/// these clauses. An empty filter has none.
pub(crate) fn read_any(text: Option<&str>) -> Result<Vec<Vec<Term>>, Fault> {
    let text = text.unwrap_or_default().trim();
    if text.len() > FILTER_BYTES_MAX {
        return Err(Fault::filter("it is too long"));
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let tokens = tokens(text).ok_or_else(|| Fault::filter("a quote or parenthesis is not closed"))?;
    if tokens.iter().filter(|token| matches!(token, Token::Text(_) | Token::Call(..))).count() > TERMS_MAX {
        return Err(Fault::filter("it has too many terms"));
    }
    let mut rest = tokens.as_slice();
    match any_of(&mut rest) {
        Some(clauses) if rest.is_empty() && clauses.len() <= CLAUSES_MAX => Ok(clauses),
        Some(clauses) if clauses.len() > CLAUSES_MAX => Err(Fault::filter("it has too many alternatives")),
        _ => Err(Fault::filter("only terms of the form name eq 'value', joined by 'and' and 'or', are supported")),
    }
}

/// Alternatives joined by `or`, as clauses.
fn any_of(rest: &mut &[Token]) -> Option<Vec<Vec<Term>>> {
    let mut clauses = all_of(rest)?;
    while takes_word(rest, "or") {
        clauses.extend(all_of(rest)?);
    }
    Some(clauses)
}

/// Terms and parentheses joined by `and`, as clauses: each of one side with each of the other.
fn all_of(rest: &mut &[Token]) -> Option<Vec<Vec<Term>>> {
    let mut clauses = one(rest)?;
    while takes_word(rest, "and") {
        let others = one(rest)?;
        if clauses.len() * others.len() > CLAUSES_MAX {
            // More than anybody is answered for; the caller counts them.
            return Some(vec![Vec::new(); CLAUSES_MAX + 1]);
        }
        clauses = clauses
            .iter()
            .flat_map(|clause| others.iter().map(|other| [clause.as_slice(), other.as_slice()].concat()))
            .collect();
    }
    Some(clauses)
}

fn one(rest: &mut &[Token]) -> Option<Vec<Vec<Term>>> {
    if let [Token::Open, after @ ..] = *rest {
        *rest = after;
        let clauses = any_of(rest)?;
        let [Token::Close, after @ ..] = *rest else { return None };
        *rest = after;
        return Some(clauses);
    }
    let length = if matches!(rest.first(), Some(Token::Call(..))) { 1 } else { 3 };
    let (tokens, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(vec![vec![term(tokens)?]])
}

fn takes_word(rest: &mut &[Token], wanted: &str) -> bool {
    match *rest {
        [Token::Word(word), after @ ..] if word.eq_ignore_ascii_case(wanted) => {
            *rest = after;
            true
        }
        _ => false,
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Call(String, Vec<String>),
    Open,
    Close,
}

fn term(tokens: &[Token]) -> Option<Term> {
    match tokens {
        [Token::Call(name, arguments)] => Some(Term::Call(name.clone(), arguments.clone())),
        // The one name that stands in quotes, and with a value in none (`az vm list --vmss` of 2.91; compute 2024-11-01).
        [Token::Text(name), operator, Token::Text(value) | Token::Word(value)] if name.eq_ignore_ascii_case(OF_SET) => {
            term(&[Token::Word(name.clone()), operator.clone(), Token::Text(value.clone())])
        }
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
    let mut depth = 0_usize;
    while !rest.is_empty() {
        if rest.starts_with('\'') {
            let (value, after) = quoted(rest)?;
            found.push(Token::Text(value));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('(') {
            found.push(Token::Open);
            depth += 1;
            if depth > DEPTH_MAX {
                return None;
            }
            rest = after;
        } else if let Some(after) = rest.strip_prefix(')') {
            found.push(Token::Close);
            depth = depth.checked_sub(1)?;
            rest = after;
        } else {
            let end = rest.find([' ', '\'', '(', ')']).unwrap_or(rest.len());
            let word = &rest[..end];
            rest = &rest[end..];
            if let Some(inner) = rest.strip_prefix('(').filter(|_| !is_operator(word)) {
                let (arguments, after) = arguments(inner)?;
                found.push(Token::Call(word.to_ascii_lowercase(), arguments));
                rest = after;
            } else {
                found.push(Token::Word(word.to_owned()));
            }
        }
        rest = rest.trim_start();
    }
    (depth == 0).then_some(found)
}

/// True for a word before a parenthesis that calls nothing.
fn is_operator(word: &str) -> bool {
    ["and", "or"].iter().any(|operator| word.eq_ignore_ascii_case(operator))
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
            "a eq 'b' and",
            "f(",
            "f('a'",
            "'a'",
            "(((",
            "(a eq 'b'",
            "a eq 'b')",
            "()",
            "or",
            "a eq 'b' or",
            "a eq 'b' c eq 'd'",
            "((((((((((a eq 'b'))))))))))",
        ] {
            assert!(read(Some(text)).is_err(), "{text}");
        }
        assert!(read(Some(&"a eq 'b' and ".repeat(40))).is_err());
    }

    #[test]
    fn alternatives_become_clauses() {
        let read = |text| read_any(Some(text)).unwrap();
        let (a, b, c) = (equals("a", "1"), equals("b", "2"), equals("c", "3"));
        assert_eq!(read("a EQ '1' OR b eq '2' And c eQ '3'"), [vec![a.clone()], vec![b.clone(), c.clone()]]);
        let both = [vec![a.clone(), c.clone()], vec![b.clone(), c.clone()]];
        assert_eq!(read("(a eq '1' or b eq '2') and c eq '3'"), both);
        assert_eq!(read("(a eq '1' or(b eq '2'))and c eq '3'"), both);
        assert_eq!(read_any(Some("")).unwrap(), Vec::<Vec<Term>>::new());
        assert!(super::read(Some("a eq '1' or b eq '2'")).is_err());
        let pair = "(a eq '1' or b eq '2')";
        assert_eq!(read(&[pair; 6].join(" and ")).len(), 64);
        assert!(read_any(Some(&[pair; 7].join(" and "))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-c'(), ]{0,40}|(a eq 'b'|\\(|\\)| and | or ){0,12}") {
            let _ = read_any(Some(&text));
        }
    }
}
