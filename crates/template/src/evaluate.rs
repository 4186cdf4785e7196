//! Evaluation, as far as it goes before a deployment begins: a value, or what is left of an expression that asks for
//! something deployed.

use crate::context::Context;
use crate::error::{TemplateError, shown};
use crate::expression::{Call, Expression, Text, parse, text};
use crate::functions::{self, Function, Run};
use crate::json::{Budget, Members};
use crate::limits::{DEPTH_MAX, EVALUATION_DEPTH_MAX};
use crate::member::{member, property_name};
use crate::residue::{Node, Residue};
use crate::scope::Table;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Memory of a parsed expression, in bytes for each of its own. Source: measured (tests/memory.rs); of `'',` it is most.
const PARSED_BYTES: usize = 128;

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

    /// Takes memory for what is kept beside the values.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), TemplateError> {
        self.budget.take(bytes)
    }

    /// One level deeper: every way back into [`Self::node`] or [`Self::expression`] passes here first.
    fn descend(&mut self) -> Result<(), TemplateError> {
        if self.depth == EVALUATION_DEPTH_MAX {
            return Err(TemplateError::new(format!(
                "The template's expressions and values, with the variables and parameters that they name, are nested more than {EVALUATION_DEPTH_MAX} deep."
            )));
        }
        self.depth += 1;
        Ok(())
    }

    fn node(&mut self, written: &Value, place: Place) -> Result<Node, TemplateError> {
        self.descend()?;
        let node = match written {
            Value::String(written) => self.text(written, place).map(|text| match text {
                Expression::Value(value) => Node::Value(value),
                Expression::Call(call) => Node::Call(call),
            }),
            Value::Array(items) => self.array(items, place),
            Value::Object(members) => self.object(members, place),
            other => self.copied(other).map(Node::Value),
        };
        self.depth -= 1;
        node
    }

    fn copied(&mut self, value: &Value) -> Result<Value, TemplateError> {
        self.budget.value(value)?;
        Ok(value.clone())
    }

    // Loops instead of iterators here and below: in a debug build each of them takes a dozen frames a level.
    fn array(&mut self, items: &[Value], place: Place) -> Result<Node, TemplateError> {
        self.budget.container(0)?;
        let mut nodes = Vec::with_capacity(items.len());
        for item in items {
            nodes.push(self.node(item, place)?);
        }
        Ok(if nodes.iter().all(is_known) {
            Node::Value(nodes.into_iter().filter_map(known).collect())
        } else {
            Node::Array(nodes)
        })
    }

    fn object(&mut self, members: &Map<String, Value>, place: Place) -> Result<Node, TemplateError> {
        self.budget.container(members.len())?;
        let mut nodes = Vec::with_capacity(members.len());
        for (name, value) in members {
            let is_written_out = matches!(text(name), Text::Plain(_));
            let name = self.text(name, place)?;
            nodes.push((name, is_written_out, self.node(value, place)?));
        }
        collected(nodes)
    }

    /// A text, which may be an expression.
    fn text(&mut self, written: &str, place: Place) -> Result<Expression, TemplateError> {
        match text(written) {
            Text::Plain(plain) => {
                self.budget.text(plain)?;
                Ok(Expression::Value(plain.into()))
            }
            Text::Expression(inside) => {
                // The parts of an expression last as long as its evaluation.
                let bytes = inside.len() * PARSED_BYTES;
                self.budget.take(bytes)?;
                // Each level of an expression is one of the evaluation.
                let expression = parse(inside, DEPTH_MAX.min(EVALUATION_DEPTH_MAX - self.depth))?;
                let result = self.expression(&expression, place);
                self.budget.give(bytes);
                result
            }
        }
    }

    fn expression(&mut self, expression: &Expression, place: Place) -> Result<Expression, TemplateError> {
        match expression {
            Expression::Value(value) => self.copied(value).map(Expression::Value),
            Expression::Call(call) => {
                self.descend()?;
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
        let arguments = self.all(&call.arguments, place)?;
        let path = self.all(&call.path, place)?;
        let value = match self.run(function, arguments)? {
            Expression::Value(value) => value,
            Expression::Call(call) => return Ok(Expression::Call(Call { path, ..call })),
        };
        path.into_iter()
            .try_fold(value, |value, step| member(value, &value_of(step).map_err(|_| deployed_only(function.name))?))
            .map(Expression::Value)
    }

    fn all(&mut self, list: &[Expression], place: Place) -> Result<Vec<Expression>, TemplateError> {
        let mut all = Vec::with_capacity(list.len());
        for one in list {
            all.push(self.expression(one, place)?);
        }
        Ok(all)
    }

    /// The value of a function, or what is left of its call.
    fn run(&mut self, function: &Function, arguments: Vec<Expression>) -> Result<Expression, TemplateError> {
        let open =
            |arguments| Expression::Call(Call { function: function.name.to_owned(), arguments, path: Vec::new() });
        let are_known = arguments.iter().all(|argument| matches!(argument, Expression::Value(_)));
        if !are_known {
            return match &function.run {
                Run::Deployed => (function.types)(function.name, &[]).map(|()| open(arguments)),
                Run::Pure(_) => Ok(open(arguments)),
                Run::Known(_) | Run::Symbol(_) => Err(deployed_only(function.name)),
            };
        }
        let values: Vec<Value> = arguments.into_iter().filter_map(|argument| value_of(argument).ok()).collect();
        (function.types)(function.name, &values)?;
        let value = match &function.run {
            Run::Deployed => return Ok(open(values.into_iter().map(Expression::Value).collect())),
            Run::Pure(run) => {
                // Its value is no larger than its arguments.
                values.iter().try_for_each(|value| self.budget.value(value))?;
                run(values)?
            }
            Run::Known(run) => {
                let value = run(self.context, &values)?;
                self.budget.value(&value)?;
                value
            }
            Run::Symbol(table) => {
                self.value_of_symbol(*table, values.first().and_then(Value::as_str).unwrap_or_default())?
            }
        };
        Ok(Expression::Value(value))
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
                let copy = self.budget.value(&value).map(|()| value.clone());
                *symbol = Symbol::Known(value);
                return copy;
            }
            Symbol::Running => return Err(self.cycle(name)),
            Symbol::Written(written) => written,
        };
        self.symbols.push(name.to_owned());
        self.descend()?;
        let value = self.value(written)?;
        self.depth -= 1;
        self.symbols.pop();
        let symbols = match table {
            Table::Parameters => &mut self.parameters,
            Table::Variables => &mut self.variables,
        };
        self.budget.value(&value)?;
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

/// Members in the making to a value, or to what is left of one.
fn collected(nodes: Vec<(Expression, bool, Node)>) -> Result<Node, TemplateError> {
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

fn is_known(node: &Node) -> bool {
    matches!(node, Node::Value(_))
}

fn known(node: Node) -> Option<Value> {
    match node {
        Node::Value(value) => Some(value),
        _ => None,
    }
}

/// The value, if it is one, or else the call.
fn value_of(expression: Expression) -> Result<Value, Call> {
    match expression {
        Expression::Value(value) => Ok(value),
        Expression::Call(call) => Err(call),
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
