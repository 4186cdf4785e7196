//! The form in which a residue is stored: a list of its parts, each before those that are in it. What reads a stored form
//! again takes 127 levels; calls in one another make none here.

use crate::depth::fits;
use crate::expression::{Call, Expression};
use crate::limits::EVALUATION_DEPTH_MAX;
use crate::residue::{Node, Residue};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::vec::IntoIter;

/// A part, without those that are in it.
#[derive(Serialize, Deserialize)]
enum Piece<'a> {
    Value(Cow<'a, Value>),
    /// The function, and how many of the parts that follow are its arguments and its path.
    Call(Cow<'a, str>, usize, usize),
    /// So many of the parts that follow are its items.
    Array(usize),
    /// So many of the parts that follow are its members, a name and a value each.
    Object(usize),
}

impl Serialize for Residue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pieces = Vec::new();
        write_node(&self.0, &mut pieces);
        pieces.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Residue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut pieces = Vec::deserialize(deserializer)?.into_iter();
        let node = read_node(&mut pieces, EVALUATION_DEPTH_MAX).filter(|_| pieces.next().is_none());
        node.map(Self).ok_or_else(|| D::Error::custom("the parts of an expression do not fit together"))
    }
}

impl Residue {
    /// True when no value in it is nested more deeply than what is stored may be.
    pub(crate) fn can_be_stored(&self) -> bool {
        let mut pieces = Vec::new();
        write_node(&self.0, &mut pieces);
        pieces.iter().all(|piece| if let Piece::Value(value) = piece { fits(value) } else { true })
    }
}

fn write_node<'a>(node: &'a Node, pieces: &mut Vec<Piece<'a>>) {
    match node {
        Node::Value(value) => pieces.push(Piece::Value(Cow::Borrowed(value))),
        Node::Call(call) => write_call(call, pieces),
        Node::Array(items) => {
            pieces.push(Piece::Array(items.len()));
            for item in items {
                write_node(item, pieces);
            }
        }
        Node::Object(members) => {
            pieces.push(Piece::Object(members.len()));
            for (name, value) in members {
                write_expression(name, pieces);
                write_node(value, pieces);
            }
        }
    }
}

fn write_call<'a>(call: &'a Call, pieces: &mut Vec<Piece<'a>>) {
    pieces.push(Piece::Call(Cow::Borrowed(&call.function), call.arguments.len(), call.path.len()));
    for inner in call.arguments.iter().chain(&call.path) {
        write_expression(inner, pieces);
    }
}

fn write_expression<'a>(expression: &'a Expression, pieces: &mut Vec<Piece<'a>>) {
    match expression {
        Expression::Value(value) => pieces.push(Piece::Value(Cow::Borrowed(value))),
        Expression::Call(call) => write_call(call, pieces),
    }
}

/// The next part with those that are in it, which are `levels` at most; `None` where that is not what follows.
fn read_node(pieces: &mut IntoIter<Piece<'_>>, levels: usize) -> Option<Node> {
    let inside = levels.checked_sub(1)?;
    Some(match pieces.next()? {
        Piece::Value(value) => Node::Value(value.into_owned()),
        Piece::Call(function, arguments, path) => Node::Call(read_call(function, arguments, path, pieces, inside)?),
        Piece::Array(count) => Node::Array((0..count).map(|_| read_node(pieces, inside)).collect::<Option<_>>()?),
        Piece::Object(count) => {
            let member = |_| Some((read_expression(pieces, inside)?, read_node(pieces, inside)?));
            Node::Object((0..count).map(member).collect::<Option<_>>()?)
        }
    })
}

fn read_expression(pieces: &mut IntoIter<Piece<'_>>, levels: usize) -> Option<Expression> {
    match read_node(pieces, levels)? {
        Node::Value(value) => Some(Expression::Value(value)),
        Node::Call(call) => Some(Expression::Call(call)),
        Node::Array(_) | Node::Object(_) => None,
    }
}

fn read_call(
    function: Cow<'_, str>,
    arguments: usize,
    path: usize,
    pieces: &mut IntoIter<Piece<'_>>,
    levels: usize,
) -> Option<Call> {
    let mut list = |count| (0..count).map(|_| read_expression(pieces, levels)).collect::<Option<Vec<_>>>();
    Some(Call { function: function.into_owned(), arguments: list(arguments)?, path: list(path)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_that_do_not_fit_together_are_no_residue() {
        let reads = |pieces: Value| serde_json::from_value::<Residue>(pieces).is_ok();
        assert!(reads(json!([{"Object": 1}, {"Value": "a"}, {"Call": ["concat", 1, 0]}, {"Value": 1}])));
        for pieces in [
            json!([]),
            json!([{"Array": 2}, {"Value": 1}]),
            json!([{"Value": 1}, {"Value": 1}]),
            json!([{"Call": ["concat", 1, 0]}, {"Array": 0}]),
            json!([{"Object": 1}, {"Array": 0}, {"Value": 1}]),
            json!([{"Array": 18_446_744_073_709_551_615_u64}]),
            vec![json!({"Array": 1}); 1_000].into(),
        ] {
            assert!(!reads(pieces.clone()), "{pieces}");
        }
    }
}
