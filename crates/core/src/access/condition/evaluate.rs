//! The truth of a condition.

use super::{Attributes, Comparison, Expression, Of, Operator, Quantifier, Truth};
use crate::access::matching::matches;
use uuid::Uuid;

/// True of a call that somebody makes in somebody else's name. Nobody does here.
/// Source: its name; the conditions that ask for it are of Azure's own services.
const ON_BEHALF_OF: &str = "HasObotoken";

/// The truth of an expression for an action. An attribute that `attributes` do not have is unknown.
pub(super) fn truth(expression: &Expression, action: &str, attributes: &Attributes) -> Truth {
    let of = |inner: &Expression| truth(inner, action, attributes);
    match expression {
        Expression::All(parts) => !any(parts.iter().map(|part| !of(part))),
        Expression::Any(parts) => any(parts.iter().map(of)),
        Expression::Not(inner) => !of(inner),
        Expression::Action(pattern) => Truth::from(matches(pattern, action)),
        Expression::Compare(comparison) => compare(comparison, attributes),
        Expression::Unknown => Truth::Unknown,
    }
}

fn any(parts: impl Iterator<Item = Truth>) -> Truth {
    parts.fold(Truth::False, |so_far, part| match (so_far, part) {
        (Truth::True, _) | (_, Truth::True) => Truth::True,
        (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
        (Truth::False, Truth::False) => Truth::False,
    })
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

fn compare(comparison: &Comparison, attributes: &Attributes) -> Truth {
    if comparison.attribute.eq_ignore_ascii_case(ON_BEHALF_OF) {
        return Truth::from(holds(comparison, &["false"]));
    }
    let known = match comparison.of {
        Of::Request => &attributes.request,
        Of::Resource => &attributes.resource,
    };
    let own: Vec<&str> = known
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(&comparison.attribute))
        .map(|(_, value)| value.as_str())
        .collect();
    if own.is_empty() { Truth::Unknown } else { Truth::from(holds(comparison, &own)) }
}

fn holds(comparison: &Comparison, own: &[&str]) -> bool {
    let is_listed = |own: &&str| comparison.values.iter().any(|value| are_equal(comparison.operator, own, value));
    match comparison.quantifier {
        Quantifier::AnyOfAny => own.iter().any(is_listed),
        Quantifier::AllOfAny => own.iter().all(is_listed),
    }
}

fn are_equal(operator: Operator, own: &str, value: &str) -> bool {
    match operator {
        // With or without dashes: the roles have both.
        Operator::Guid => {
            matches!((Uuid::try_parse(own), Uuid::try_parse(value)), (Ok(own), Ok(value)) if own == value)
        }
        Operator::Text => own == value,
        Operator::TextOfAnyCase | Operator::Bool => own.eq_ignore_ascii_case(value),
    }
}
