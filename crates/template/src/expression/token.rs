//! The tokens of an expression, with the position of the first one that is wrong.

use crate::error::{TemplateError, shown};

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Identifier(String),
    Text(String),
    Integer(i64),
    Mark(char),
    End,
}

impl Token {
    /// The engine's own name of its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Identifier(_) => "Identifier",
            Self::Text(_) | Self::Integer(_) => "Literal",
            Self::Mark('(') => "LeftParenthesis",
            Self::Mark(')') => "RightParenthesis",
            Self::Mark('[') => "LeftSquareBracket",
            Self::Mark(']') => "RightSquareBracket",
            Self::Mark(',') => "Comma",
            Self::Mark(_) => "Dot",
            Self::End => "EndOfData",
        }
    }
}

/// Reads the tokens of an expression, the end included.
pub(super) fn tokens(expression: &str) -> Result<Vec<Token>, TemplateError> {
    let chars: Vec<char> = expression.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&next) = chars.get(at) {
        if next.is_whitespace() {
            at += 1;
        } else if "()[],.".contains(next) {
            tokens.push(Token::Mark(next));
            at += 1;
        } else if next == '\'' {
            let (text, end) = string(&chars, at).ok_or_else(|| unterminated(expression, at))?;
            tokens.push(Token::Text(text));
            at = end;
        } else if next.is_ascii_digit() || next == '-' || next == '+' {
            let (number, end) = integer(expression, &chars, at)?;
            tokens.push(number);
            at = end;
        } else if is_letter(next) {
            let end = run(&chars, at, |c| is_letter(c) || c.is_ascii_digit());
            tokens.push(Token::Identifier(chars[at..end].iter().collect()));
            at = end;
        } else {
            return Err(unexpected(expression, next, at));
        }
    }
    tokens.push(Token::End);
    Ok(tokens)
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

/// The end of the run of characters of one kind.
fn run(chars: &[char], from: usize, is_of: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| !is_of(*c)).map_or(chars.len(), |length| from + length)
}

/// A text in quotes, in which two of them are one.
fn string(chars: &[char], start: usize) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut at = start + 1;
    loop {
        match (chars.get(at)?, chars.get(at + 1)) {
            ('\'', Some('\'')) => {
                text.push('\'');
                at += 2;
            }
            ('\'', _) => return Some((text, at + 1)),
            (other, _) => {
                text.push(*other);
                at += 1;
            }
        }
    }
}

fn integer(expression: &str, chars: &[char], start: usize) -> Result<(Token, usize), TemplateError> {
    let is_signed = !chars[start].is_ascii_digit();
    let digits = run(chars, start + usize::from(is_signed), |c| c.is_ascii_digit());
    let is_float = chars.get(digits) == Some(&'.');
    let end = if is_float { run(chars, digits + 1, |c| c.is_ascii_digit()) } else { digits };
    if let Some(next) = chars.get(end).filter(|next| is_letter(**next)) {
        return Err(unexpected(expression, *next, end));
    }
    if is_float {
        return Err(TemplateError::new(format!(
            "The language expression '{}' at position '{start}' is not valid: float point numbers are not supported.",
            shown(expression)
        )));
    }
    let text: String = chars[start..end].iter().collect();
    let number = text.parse().map_err(|_| {
        TemplateError::new(format!(
            "The language expression '{}' is not valid: the value '{}' at position '{start}' cannot be converted to number.",
            shown(expression),
            shown(&text)
        ))
    })?;
    Ok((Token::Integer(number), end))
}

fn unterminated(expression: &str, at: usize) -> TemplateError {
    TemplateError::new(format!(
        "The language expression '{}' is not valid: the string constant at position '{at}' is not terminated. String constants must be enclosed within a pair of single quotes.",
        shown(expression)
    ))
}

fn unexpected(expression: &str, found: char, at: usize) -> TemplateError {
    TemplateError::new(format!(
        "The language expression '{}' is not valid: the string character '{found}' at position '{at}' is not expected.",
        shown(expression)
    ))
}
