//! `$filter` on applications and service principals: the conjunctions that clients send.

use crate::fault::Fault;
use crate::kind::Kind;
use bonafide_types::{ClientId, ObjectId};
use bonafide_wire::odata::quoted;

/// Longest filter, in bytes. Source: ours; clients send at most a few hundred.
const FILTER_BYTES_MAX: usize = 2_048;
/// Terms in one filter. Source: ours.
const FILTER_TERMS_MAX: usize = 16;

/// One condition on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// `id eq '…'`.
    Id(ObjectId),
    /// `appId eq '…'`.
    AppId(ClientId),
    /// `displayName eq '…'`, in lower case.
    DisplayName(String),
    /// `startswith(displayName, '…')`, in lower case.
    DisplayNameBegins(String),
    /// `servicePrincipalNames/any(c:c eq '…')`, `identifierUris/any(c:c eq '…')`.
    Named(String),
    /// `servicePrincipalType eq '…'`, in lower case.
    Type(String),
}

/// Reads a filter; an empty one has no conditions. Terms are joined by `and`; anything else is refused rather than
/// passed over. Names and operators are compared without case, blanks may stand between any two words and marks.
pub(crate) fn read(text: &str, of: Kind) -> Result<Vec<Condition>, Fault> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(Fault::Filter("it is too long"));
    }
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let tokens = tokens(text)?;
    let terms: Vec<&[Token<'_>]> = tokens.split(|token| token.is_word("and")).collect();
    if terms.len() > FILTER_TERMS_MAX {
        return Err(Fault::Filter("it has too many terms"));
    }
    terms.into_iter().map(|term| condition(read_term(term)?, of)).collect()
}

/// A term as it is written.
enum Term<'t> {
    Equals(&'t str, &'t str),
    Begins(&'t str, &'t str),
    AnyEquals(&'t str, &'t str),
}

fn read_term<'t>(tokens: &'t [Token<'_>]) -> Result<Term<'t>, Fault> {
    use Token::{Mark, Text, Word};
    match tokens {
        [Word(name), operator, Text(value)] if operator.is_word("eq") => Ok(Term::Equals(name, value)),
        [function, Mark('('), Word(name), Mark(','), Text(value), Mark(')')] if function.is_word("startswith") => {
            Ok(Term::Begins(name, value))
        }
        [
            Word(name),
            Mark('/'),
            any,
            Mark('('),
            Word(each),
            Mark(':'),
            Word(same),
            operator,
            Text(value),
            Mark(')'),
        ] if any.is_word("any") && each == same && operator.is_word("eq") => Ok(Term::AnyEquals(name, value)),
        _ => Err(Fault::Filter(
            "only terms of the forms name eq 'value', startswith(name,'value') and name/any(c:c eq 'value'), joined by \
             'and', are supported",
        )),
    }
}

fn condition(term: Term<'_>, of: Kind) -> Result<Condition, Fault> {
    let (Term::Equals(name, value) | Term::Begins(name, value) | Term::AnyEquals(name, value)) = term;
    let is = |property: &str| name.eq_ignore_ascii_case(property);
    let (names, has_type) = match of {
        Kind::ServicePrincipal => ("servicePrincipalNames", true),
        Kind::Application | Kind::AppRoleAssignment | Kind::Organization | Kind::TokenLifetimePolicy => {
            ("identifierUris", false)
        }
    };
    match term {
        Term::Equals(..) if is("id") => value.parse().map(Condition::Id).map_err(|_| Fault::Value("id", of)),
        Term::Equals(..) if is("appId") => value.parse().map(Condition::AppId).map_err(|_| Fault::Value("appId", of)),
        Term::Equals(..) if is("displayName") => Ok(Condition::DisplayName(value.to_lowercase())),
        Term::Equals(..) if has_type && is("servicePrincipalType") => Ok(Condition::Type(value.to_lowercase())),
        Term::Begins(..) if is("displayName") => Ok(Condition::DisplayNameBegins(value.to_lowercase())),
        Term::AnyEquals(..) if is(names) && !value.is_empty() => Ok(Condition::Named(value.to_owned())),
        _ => Err(Fault::FilterProperty(name.to_owned(), of)),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Text(String),
    Mark(char),
}

impl Token<'_> {
    fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word(this) if this.eq_ignore_ascii_case(word))
    }
}

/// Splits a filter into words, quoted texts and marks.
fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let (value, after) = quoted(rest).ok_or(Fault::Filter("there is an unterminated string literal"))?;
            tokens.push(Token::Text(value));
            rest = after;
        } else if is_mark(first) {
            tokens.push(Token::Mark(first));
            rest = &rest[first.len_utf8()..];
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '\'' || is_mark(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(&rest[..end]));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

fn is_mark(c: char) -> bool {
    matches!(c, '(' | ')' | ',' | ':' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Vec<Condition>, Fault> {
        super::read(text, Kind::ServicePrincipal)
    }

    const ID: &str = "00000000-0000-4000-8000-000000000008";

    fn named(text: &str) -> Vec<Condition> {
        vec![Condition::Named(text.to_owned())]
    }

    #[test]
    fn the_filters_of_real_clients_are_read() {
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read(" ").unwrap(), []);
        let app = vec![Condition::AppId(ID.parse().unwrap())];
        for text in ["appId eq", "AppId eq", "appid EQ", "  APPID   Eq  "] {
            assert_eq!(read(&format!("{text} '{ID}'")).unwrap(), app, "{text}");
        }
        assert_eq!(read(&format!("id eq '{ID}'")).unwrap(), [Condition::Id(ID.parse().unwrap())]);
        for text in [
            "servicePrincipalNames/any(c:c eq 'api://x')",
            "servicePrincipalNames/any(c: c eq 'api://x')",
            "serviceprincipalnames / Any ( spn : spn EQ 'api://x' ) ",
        ] {
            assert_eq!(read(text).unwrap(), named("api://x"), "{text}");
        }
        assert_eq!(read("displayName eq 'Ada''s'").unwrap(), [Condition::DisplayName("ada's".to_owned())]);
        let both = [Condition::DisplayNameBegins("d".to_owned()), Condition::Type("managedidentity".to_owned())];
        for text in ["startswith(displayName,'d')", "StartsWith ( displayName , 'D' )"] {
            let text = format!("{text} and servicePrincipalType eq 'ManagedIdentity'");
            assert_eq!(read(&text).unwrap(), both, "{text}");
        }
    }

    #[test]
    fn applications_have_identifier_uris_and_no_type() {
        let of = |text: &str| super::read(text, Kind::Application);
        assert_eq!(of("identifierUris/any(s:s eq 'api://x')").unwrap(), named("api://x"));
        assert!(of("servicePrincipalNames/any(s:s eq 'api://x')").is_err());
        assert!(of("servicePrincipalType eq 'Application'").is_err());
        assert!(read("identifierUris/any(s:s eq 'api://x')").is_err());
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "appId",
            "appId eq",
            "appId eq 'x'",
            "id eq '1'",
            "displayName eq demo",
            "displayName eq 'demo",
            "displayName ne 'demo'",
            "displayName eq 'a' or displayName eq 'b'",
            "displayName eq 'a' and",
            "not displayName eq 'a'",
            "contains(displayName,'a')",
            "startswith(appId,'a')",
            "startswith(displayName 'a')",
            "servicePrincipalNames/any(c:d eq 'x')",
            "servicePrincipalNames/all(c:c eq 'x')",
            "servicePrincipalNames/any(c:c eq '')",
            "servicePrincipalNames eq 'x'",
            "tags/any(c:c eq 'x')",
            "homepage eq 'x'",
            "(((",
            "'a'",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&"displayName eq 'a' and ".repeat(17)).is_err());
        assert!(read(&" ".repeat(FILTER_BYTES_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-c'(),:/ €]{0,40}") {
            let _ = read(&text);
        }
    }
}
