//! Conditions are taken apart. They are texts of ours, not of callers: a client's own condition is refused.

use super::{Comparison, Expression, Of, Operator, Quantifier};

/// Levels of brackets. Source: ours; the deepest condition of a built-in role has four.
const DEPTH_MAX: usize = 16;

/// Reads a condition. Where it cannot be understood it is [`Expression::Unknown`], whole or in part.
pub(super) fn read(text: &str) -> Expression {
    let mut reader = Reader { rest: text, depth: 0 };
    match reader.any() {
        Some(expression) if reader.rest.trim_start().is_empty() => expression,
        _ => Expression::Unknown,
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// `a OR b`, weaker than `AND`.
    fn any(&mut self) -> Option<Expression> {
        let mut parts = vec![self.all()?];
        while self.takes("||") || self.takes_word("OR") {
            parts.push(self.all()?);
        }
        Some(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Option<Expression> {
        let mut parts = vec![self.not()?];
        while self.takes("&&") || self.takes_word("AND") {
            parts.push(self.not()?);
        }
        Some(one_or(parts, Expression::All))
    }

    fn not(&mut self) -> Option<Expression> {
        if self.takes("!") || self.takes_word("NOT") {
            return Some(Expression::Not(Box::new(self.deeper(Self::not)?)));
        }
        if self.takes("(") {
            let inner = self.deeper(Self::any)?;
            return self.takes(")").then_some(inner);
        }
        if self.takes_word("ActionMatches") {
            return match self.braced()?.as_slice() {
                [pattern] => Some(Expression::Action((*pattern).to_owned())),
                _ => None,
            };
        }
        self.comparison()
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Option<Expression>) -> Option<Expression> {
        self.depth += 1;
        let inner = if self.depth > DEPTH_MAX { None } else { read(self) };
        self.depth -= 1;
        inner
    }

    /// `@Request[name] operator values`.
    fn comparison(&mut self) -> Option<Expression> {
        let of = self.takes("@").then(|| self.word())?;
        let attribute = self.takes("[").then(|| self.until(']'))??;
        let operator = self.word();
        let values = if self.rest.trim_start().starts_with('{') { self.braced()? } else { vec![self.value()?] };
        let of = match of {
            "Request" => Of::Request,
            "Resource" => Of::Resource,
            _ => return Some(Expression::Unknown),
        };
        let Some((quantifier, operator)) = operator_of(operator) else { return Some(Expression::Unknown) };
        let (attribute, values) = (attribute.trim().to_owned(), values.into_iter().map(str::to_owned).collect());
        Some(Expression::Compare(Comparison { of, attribute, quantifier, operator, values }))
    }

    /// `{a, 'b'}`.
    fn braced(&mut self) -> Option<Vec<&'a str>> {
        if !self.takes("{") {
            return None;
        }
        let mut values = vec![self.value()?];
        while self.takes(",") {
            values.push(self.value()?);
        }
        self.takes("}").then_some(values)
    }

    /// A word, or text in quotation marks.
    fn value(&mut self) -> Option<&'a str> {
        if self.takes("'") { self.until('\'') } else { Some(self.word()).filter(|word| !word.is_empty()) }
    }

    fn until(&mut self, end: char) -> Option<&'a str> {
        let (inner, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(inner)
    }

    /// Letters, digits, dashes and colons.
    fn word(&mut self) -> &'a str {
        let text = self.rest.trim_start();
        let is_outside = |c: char| !c.is_ascii_alphanumeric() && !"-:".contains(c);
        let (word, rest) = text.split_at(text.find(is_outside).unwrap_or(text.len()));
        self.rest = rest;
        word
    }

    fn takes(&mut self, sign: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let before = self.rest;
        let is_it = self.word().eq_ignore_ascii_case(wanted);
        if !is_it {
            self.rest = before;
        }
        is_it
    }
}

fn one_or(mut parts: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => Expression::Unknown,
    }
}

/// `ForAnyOfAnyValues:GuidEquals`: the quantifier and the operator, in any case.
fn operator_of(text: &str) -> Option<(Quantifier, Operator)> {
    let (quantifier, operator) = match text.split_once(':') {
        None => (Quantifier::AnyOfAny, text),
        Some((quantifier, operator)) if quantifier.eq_ignore_ascii_case("ForAnyOfAnyValues") => {
            (Quantifier::AnyOfAny, operator)
        }
        Some((quantifier, operator)) if quantifier.eq_ignore_ascii_case("ForAllOfAnyValues") => {
            (Quantifier::AllOfAny, operator)
        }
        Some(_) => return None,
    };
    let operator = match operator.to_ascii_lowercase().as_str() {
        "guidequals" => Operator::Guid,
        "stringequals" => Operator::Text,
        "stringequalsignorecase" => Operator::TextOfAnyCase,
        "boolequals" => Operator::Bool,
        _ => return None,
    };
    Some((quantifier, operator))
}
