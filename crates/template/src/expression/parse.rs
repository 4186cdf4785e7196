//! From tokens to a call: every expression is a literal or a call, whose arguments are expressions.

use super::token::{Token, tokens};
use super::{Call, Expression};
use crate::error::{TemplateError, shown};
use crate::limits::EXPRESSION_CHARS_MAX;
use std::iter::Peekable;
use std::vec::IntoIter;

/// Reads an expression, without its brackets, that may be nested so deep.
pub(crate) fn parse(text: &str, depth_max: usize) -> Result<Expression, TemplateError> {
    if text.len() > EXPRESSION_CHARS_MAX && text.chars().count() > EXPRESSION_CHARS_MAX {
        return Err(TemplateError::new(format!(
            "The language expression length limit exceeded. Limit: '{EXPRESSION_CHARS_MAX}' and actual: '{}'. Please see https://aka.ms/arm-functions for usage details.",
            text.chars().count()
        )));
    }
    let mut parser = Parser { text, depth_max, tokens: tokens(text)?.into_iter().peekable() };
    let expression = parser.expression(0)?;
    match parser.next() {
        Token::End => Ok(expression),
        other => Err(parser.expected("EndOfData", &other)),
    }
}

struct Parser<'a> {
    text: &'a str,
    depth_max: usize,
    tokens: Peekable<IntoIter<Token>>,
}

impl Parser<'_> {
    fn next(&mut self) -> Token {
        self.tokens.next().unwrap_or(Token::End)
    }

    fn is_next(&mut self, mark: char) -> bool {
        self.tokens.peek() == Some(&Token::Mark(mark))
    }

    fn take(&mut self, mark: char) -> Result<(), TemplateError> {
        match self.next() {
            Token::Mark(found) if found == mark => Ok(()),
            other => Err(self.expected(Token::Mark(mark).kind(), &other)),
        }
    }

    fn expected(&self, kind: &str, found: &Token) -> TemplateError {
        TemplateError::new(format!(
            "Unable to parse language expression '{}': expected token '{kind}' and actual '{}'.",
            shown(self.text),
            found.kind()
        ))
    }

    fn expression(&mut self, depth: usize) -> Result<Expression, TemplateError> {
        if depth > self.depth_max {
            return Err(TemplateError::new(format!(
                "The language expression '{}' is nested more than {} deep.",
                shown(self.text),
                self.depth_max
            )));
        }
        let mut function = match self.next() {
            Token::Text(text) => return Ok(Expression::Value(text.into())),
            Token::Integer(number) => return Ok(Expression::Value(number.into())),
            Token::Identifier(name) => name,
            other => return Err(self.expected("Identifier", &other)),
        };
        if self.is_next('.') {
            self.next();
            function = format!("{function}.{}", self.identifier()?);
        }
        self.take('(')?;
        let arguments = self.arguments(depth)?;
        let path = self.path(depth)?;
        Ok(Expression::Call(Call { function, arguments, path }))
    }

    fn identifier(&mut self) -> Result<String, TemplateError> {
        match self.next() {
            Token::Identifier(name) => Ok(name),
            other => Err(self.expected("Identifier", &other)),
        }
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Expression>, TemplateError> {
        let mut arguments = Vec::new();
        if self.is_next(')') {
            self.next();
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression(depth + 1)?);
            if !self.is_next(',') {
                self.take(')')?;
                return Ok(arguments);
            }
            self.next();
        }
    }

    fn path(&mut self, depth: usize) -> Result<Vec<Expression>, TemplateError> {
        let mut path = Vec::new();
        loop {
            if self.is_next('.') {
                self.next();
                path.push(Expression::Value(self.identifier()?.into()));
            } else if self.is_next('[') {
                self.next();
                path.push(self.expression(depth + 1)?);
                self.take(']')?;
            } else {
                return Ok(path);
            }
        }
    }
}
