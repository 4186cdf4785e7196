//! Evaluation, as far as it goes before a deployment begins: a value, or what is left of an expression that asks for
//! something deployed.

use crate::context::Context;
use crate::error::{TemplateError, shown};
use crate::expression::{Call, Expression, Text, parse, text};
use crate::functions::{self, Run};
use crate::json::{Budget, Members};
use crate::limits::DEPTH_MAX;
use crate::member::{member, property_name};
use crate::residue::{Node, Residue};
use crate::scope::{Scope, Table};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The part of a template in which an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is known before the deployment begins: names, types, dependencies, variables, defaults.
    Before,
    /// It is read when the resource's turn comes, or at the end.
    Body,
}

/// A parameter or a variable.
pub(crate) enum Symbol<'a> {
    /// Its value as the template has it, with expressions.
    Written(&'a Value),
    /// It is being evaluated.
    Running,
    Known(Value),
}

/// Evaluates the expressions of one template.
pub(crate) struct Evaluator<'a> {
    pub(crate) context: &'a Context,
    /// By name in lower case.
    pub(crate) parameters: HashMap<String, Symbol<'a>>,
    pub(crate) variables: HashMap<String, Symbol<'a>>,
    budget: Budget,
    depth: usize,
    /// The symbols that are being evaluated, outermost first.
    symbols: Vec<String>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        Self {
            context,
            parameters: HashMap::new(),
            variables: HashMap::new(),
            budget: Budget::new(),
            depth: 0,
            symbols: Vec::new(),
        }
    }

    /// A value of the template, with all its expressions.
    pub(crate) fn value(&mut self, written: &Value) -> Result<Value, TemplateError> {
        match self.node(written, Place::Before)? {
            Node::Value(value) => Ok(value),
            // Nothing else is left where nothing may ask for what is deployed.
            _ => Err(TemplateError::new("An expression could not be evaluated before the deployment.")),
        }
    }

    /// A part of the template that may ask for what is deployed.
    pub(crate) fn residue(&mut self, written: &Value) -> Result<Residue, TemplateError> {
        self.node(written, Place::Body).map(Residue)
    }

    fn node(&mut self, written: &Value, place: Place) -> Result<Node, TemplateError> {
        match written {
            Value::String(written) => Ok(match self.text(written, place)? {
                Expression::Value(value) => Node::Value(value),
                Expression::Call(call) => Node::Call(call),
            }),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.node(item, place)).collect::<Result<Vec<_>, _>>()?;
                Ok(if items.iter().all(is_known) {
                    Node::Value(items.into_iter().filter_map(known).collect())
                } else {
                    Node::Array(items)
                })
            }
            Value::Object(members) => self.object(members, place),
            other => Ok(Node::Value(other.clone())),
        }
    }

    fn object(&mut self, members: &Map<String, Value>, place: Place) -> Result<Node, TemplateError> {
        let mut nodes = Vec::with_capacity(members.len());
        for (name, value) in members {
            let is_written_out = matches!(text(name), Text::Plain(_));
            let name = self.text(name, place)?;
            nodes.push((name, is_written_out, self.node(value, place)?));
        }
        let is_all_known = nodes.iter().all(|(name, _, node)| matches!(name, Expression::Value(_)) && is_known(node));
        if !is_all_known {
            return Ok(Node::Object(nodes.into_iter().map(|(name, _, node)| (name, node)).collect()));
        }
        let mut object = Members::default();
        for (name, is_written_out, node) in nodes {
            if let (Expression::Value(name), Some(value)) = (name, known(node)) {
                object.add(property_name(&name)?, value, is_written_out)?;
            }
        }
        Ok(Node::Value(object.object()))
    }

    /// A text, which may be an expression.
    fn text(&mut self, written: &str, place: Place) -> Result<Expression, TemplateError> {
        match text(written) {
            Text::Plain(plain) => Ok(Expression::Value(plain.into())),
            Text::Expression(inside) => {
                let expression = parse(inside)?;
                self.expression(&expression, place)
            }
        }
    }

    fn expression(&mut self, expression: &Expression, place: Place) -> Result<Expression, TemplateError> {
        match expression {
            Expression::Value(value) => Ok(Expression::Value(value.clone())),
            Expression::Call(call) => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(TemplateError::new(format!(
                        "The template's expressions, with the variables and parameters that they name, are nested more than {DEPTH_MAX} deep."
                    )));
                }
                let result = self.call(call, place);
                self.depth -= 1;
                result
            }
        }
    }

    fn call(&mut self, call: &Call, place: Place) -> Result<Expression, TemplateError> {
        self.budget.call()?;
        let function = functions::find(&call.function)?;
        (function.count)(function.name, call.arguments.len())?;
        if let (Run::Deployed, Place::Before) = (&function.run, place) {
            return Err(TemplateError::new(format!(
                "The template function '{}' is not expected at this location. Please see https://aka.ms/arm-functions for usage details.",
                function.name
            )));
        }
        let mut all = |list: &[Expression]| -> Result<Vec<Expression>, TemplateError> {
            list.iter().map(|one| self.expression(one, place)).collect()
        };
        let (arguments, path) = (all(&call.arguments)?, all(&call.path)?);
        let values: Option<Vec<Value>> = arguments.iter().map(value_of).collect();
        let value = match (&function.run, values) {
            (Run::Deployed, values) => {
                (function.types)(function.name, values.as_deref().unwrap_or_default())?;
                return Ok(Expression::Call(Call { function: function.name.to_owned(), arguments, path }));
            }
            (Run::Pure(_), None) => {
                return Ok(Expression::Call(Call { function: function.name.to_owned(), arguments, path }));
            }
            (Run::Pure(run), Some(values)) => run(values)?,
            (Run::Known(_), None) => return Err(deployed_only(function.name)),
            (Run::Known(run), Some(values)) => {
                (function.types)(function.name, &values)?;
                run(self, &values)?
            }
        };
        self.budget.value(&value)?;
        path.iter()
            .try_fold(value, |value, step| member(value, &value_of(step).ok_or_else(|| deployed_only(function.name))?))
            .map(Expression::Value)
    }

    /// The value of a parameter or a variable, evaluated when it is first asked for.
    pub(crate) fn value_of_symbol(&mut self, table: Table, name: &str) -> Result<Value, TemplateError> {
        let folded = name.to_ascii_lowercase();
        let symbols = match table {
            Table::Parameters => &mut self.parameters,
            Table::Variables => &mut self.variables,
        };
        let Some(symbol) = symbols.get_mut(&folded) else { return Err(unknown(table, name)) };
        let written = match std::mem::replace(symbol, Symbol::Running) {
            Symbol::Known(value) => {
                let copy = value.clone();
                *symbol = Symbol::Known(value);
                return Ok(copy);
            }
            Symbol::Running => return Err(self.cycle(name)),
            Symbol::Written(written) => written,
        };
        self.symbols.push(name.to_owned());
        let value = self.value(written)?;
        self.symbols.pop();
        let symbols = match table {
            Table::Parameters => &mut self.parameters,
            Table::Variables => &mut self.variables,
        };
        symbols.insert(folded, Symbol::Known(value.clone()));
        Ok(value)
    }

    fn cycle(&self, name: &str) -> TemplateError {
        let from = self.symbols.iter().position(|symbol| symbol.eq_ignore_ascii_case(name)).unwrap_or_default();
        let round = &self.symbols[from..];
        match round {
            [_] => TemplateError::new(format!(
                "The '{}' symbol references itself in its own definition, which is not allowed.",
                shown(name)
            )),
            _ => {
                let first = round.first().map_or(name, String::as_str);
                let round: Vec<String> = round.iter().map(|symbol| shown(symbol)).collect();
                TemplateError::new(format!(
                    "The '{0}' symbol's definition cycles back to itself ({1} -> {0}).",
                    shown(first),
                    round.join(" -> ")
                ))
            }
        }
    }
}

impl Scope for Evaluator<'_> {
    fn context(&self) -> &Context {
        self.context
    }

    fn symbol(&mut self, table: Table, name: &str) -> Result<Value, TemplateError> {
        self.value_of_symbol(table, name)
    }
}

fn is_known(node: &Node) -> bool {
    matches!(node, Node::Value(_))
}

fn known(node: Node) -> Option<Value> {
    match node {
        Node::Value(value) => Some(value),
        _ => None,
    }
}

fn value_of(expression: &Expression) -> Option<Value> {
    match expression {
        Expression::Value(value) => Some(value.clone()),
        Expression::Call(_) => None,
    }
}

fn unknown(table: Table, name: &str) -> TemplateError {
    let (word, link) = match table {
        Table::Parameters => ("parameter", "arm-syntax-parameters"),
        Table::Variables => ("variable", "arm-syntax-variables"),
    };
    TemplateError::new(format!(
        "The template {word} '{}' is not found. Please see https://aka.ms/{link} for usage details.",
        shown(name)
    ))
}

/// The refusal of a function that is evaluated before the deployment and whose arguments are known only in it.
fn deployed_only(function: &str) -> TemplateError {
    TemplateError::new(format!(
        "The template function '{function}' is given, or indexed by, what is known only once its resources are deployed; that is not supported."
    ))
}
