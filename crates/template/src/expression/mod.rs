//! Expressions: a text that begins with `[` and ends with `]`.

mod parse;
mod token;

pub(crate) use parse::parse;

use serde_json::Value;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// A literal, or what an expression has become.
    Value(Value),
    Call(Call),
}

/// A call of a function, and the members of its result that are taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// As it was written.
    pub(crate) function: String,
    pub(crate) arguments: Vec<Expression>,
    /// `.a` and `[…]`, in order.
    pub(crate) path: Vec<Expression>,
}

/// A text of a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    Plain(&'a str),
    /// The text between the brackets.
    Expression(&'a str),
}

/// Tells an expression from a text. `[[…]` is a text that begins with one bracket, if it ends with one.
pub(crate) fn text(text: &str) -> Text<'_> {
    match text.strip_prefix('[').and_then(|rest| Some((rest, rest.strip_suffix(']')?))) {
        Some((rest, _)) if rest.starts_with('[') => Text::Plain(rest),
        Some((_, inside)) => Text::Expression(inside),
        None => Text::Plain(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_in_brackets_is_an_expression() {
        for plain in ["abc", "", "[abc", "[", "]", "[[", "[[abc", " [a()]", "[a()] ", "x[a()]"] {
            assert_eq!(text(plain), Text::Plain(plain), "{plain}");
        }
        assert_eq!(text("[[abc]"), Text::Plain("[abc]"));
        assert_eq!(text("[[[abc]]"), Text::Plain("[[abc]]"));
        assert_eq!(text("[]"), Text::Expression(""));
        assert_eq!(text("[a()][b()]"), Text::Expression("a()][b()"));
    }
}
