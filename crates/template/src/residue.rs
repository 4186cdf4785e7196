//! A part of a template as far as it can be evaluated before its deployment: values, and expressions that ask for what is
//! deployed by then.

use crate::error::{TemplateError, shown};
use crate::expression::{Call, Expression};
use crate::functions;
use crate::json::{Budget, Members, find, size};
use crate::member::{member, property_name};
use serde_json::{Map, Value};

/// A value with expressions in it that the deployment finishes.
#[derive(Debug, Clone, PartialEq)]
pub struct Residue(pub(crate) Node);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Value(Value),
    Call(Call),
    Object(Vec<(Expression, Node)>),
    Array(Vec<Node>),
}

/// The answers that only the deployment has, at the time of a resource's turn.
pub trait Runtime {
    /// The reason why there is no answer.
    type Error: From<TemplateError>;

    /// A resource, whole, as a GET of this api-version shows it, or of the one it was deployed with.
    ///
    /// # Errors
    /// There is none, or the deployer may not read it.
    fn resource(&mut self, id: &str, version: Option<&str>) -> Result<Value, Self::Error>;

    /// A namespace's types, or one of them, as the list of providers shows it.
    ///
    /// # Errors
    /// There is none.
    fn provider(&mut self, namespace: &str, type_name: Option<&str>) -> Result<Value, Self::Error>;
}

impl Residue {
    /// A value without expressions.
    pub(crate) fn value(value: Value) -> Self {
        Self(Node::Value(value))
    }

    /// About its bytes.
    pub(crate) fn size(&self) -> usize {
        size_of(&self.0)
    }

    /// The text of a member that is evaluated already.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match &self.0 {
            Node::Value(Value::Object(members)) => find(members, name)?.as_str(),
            Node::Object(members) => members.iter().find_map(|(other, node)| match (other, node) {
                (Expression::Value(Value::String(other)), Node::Value(Value::String(text)))
                    if other.eq_ignore_ascii_case(name) =>
                {
                    Some(text.as_str())
                }
                _ => None,
            }),
            Node::Value(_) | Node::Call(_) | Node::Array(_) => None,
        }
    }

    /// The value, once the deployment answers what is open in it.
    ///
    /// # Errors
    /// The runtime's, and those of functions that get other values than they take.
    pub fn finish<R: Runtime>(&self, runtime: &mut R) -> Result<Value, R::Error> {
        let mut budget = Budget::new();
        finish(&self.0, runtime, &mut budget)
    }

    /// The calls in it that are open.
    pub(crate) fn calls(&self, visit: &mut impl FnMut(&Call)) {
        calls_of(&self.0, visit);
    }
}

fn finish<R: Runtime>(node: &Node, runtime: &mut R, budget: &mut Budget) -> Result<Value, R::Error> {
    match node {
        Node::Value(value) => copied(value, budget).map_err(R::Error::from),
        Node::Call(call) => finish_call(call, runtime, budget),
        Node::Array(items) => {
            budget.container(0)?;
            items.iter().map(|item| finish(item, runtime, budget)).collect::<Result<_, _>>().map(Value::Array)
        }
        Node::Object(members) => {
            budget.container(members.len())?;
            let mut object = Members::default();
            for (name, value) in members {
                let is_written_out = matches!(name, Expression::Value(_));
                let name = property_name(&finish_expression(name, runtime, budget)?)?;
                object.add(name, finish(value, runtime, budget)?, is_written_out)?;
            }
            Ok(object.object())
        }
    }
}

fn finish_expression<R: Runtime>(
    expression: &Expression,
    runtime: &mut R,
    budget: &mut Budget,
) -> Result<Value, R::Error> {
    match expression {
        Expression::Value(value) => copied(value, budget).map_err(R::Error::from),
        Expression::Call(call) => finish_call(call, runtime, budget),
    }
}

fn copied(value: &Value, budget: &mut Budget) -> Result<Value, TemplateError> {
    budget.value(value)?;
    Ok(value.clone())
}

fn finish_call<R: Runtime>(call: &Call, runtime: &mut R, budget: &mut Budget) -> Result<Value, R::Error> {
    budget.call()?;
    let arguments: Vec<Value> =
        call.arguments.iter().map(|argument| finish_expression(argument, runtime, budget)).collect::<Result<_, _>>()?;
    let mut value = match call.function.to_ascii_lowercase().as_str() {
        "reference" => reference(&arguments, runtime)?,
        "providers" => {
            let text = |at: usize| arguments.get(at).and_then(Value::as_str);
            runtime.provider(text(0).unwrap_or_default(), text(1))?
        }
        _ => {
            // Its value is no larger than its arguments.
            arguments.iter().try_for_each(|argument| budget.value(argument))?;
            functions::pure(&call.function, arguments)?
        }
    };
    budget.value(&value)?;
    for step in &call.path {
        let step = finish_expression(step, runtime, budget)?;
        value = member(value, &step)?;
    }
    Ok(value)
}

/// `reference(id[, version[, 'Full']])`: the properties of a resource, or all of it.
fn reference<R: Runtime>(arguments: &[Value], runtime: &mut R) -> Result<Value, R::Error> {
    let text = |at: usize| arguments.get(at).and_then(Value::as_str);
    let id = text(0).unwrap_or_default();
    let is_full = match text(2) {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("Full") => true,
        Some(other) => {
            return Err(TemplateError::new(format!(
                "Unable to evaluate template language function 'reference': the third argument '{}' is not 'Full'. Please see https://aka.ms/arm-resource-functions/#reference for usage details.",
                shown(other)
            ))
            .into());
        }
    };
    let mut whole = runtime.resource(id, text(1))?;
    if is_full {
        return Ok(whole);
    }
    Ok(whole.get_mut("properties").map_or_else(|| Value::Object(Map::new()), Value::take))
}

fn size_of(node: &Node) -> usize {
    match node {
        Node::Value(value) => size(value),
        Node::Call(call) => size_of_call(call),
        Node::Array(items) => items.iter().map(size_of).sum(),
        Node::Object(members) => members.iter().map(|(name, value)| size_of_expression(name) + size_of(value)).sum(),
    }
}

fn size_of_call(call: &Call) -> usize {
    call.function.len() + call.arguments.iter().chain(&call.path).map(size_of_expression).sum::<usize>()
}

fn size_of_expression(expression: &Expression) -> usize {
    match expression {
        Expression::Value(value) => size(value),
        Expression::Call(call) => size_of_call(call),
    }
}

fn calls_of(node: &Node, visit: &mut impl FnMut(&Call)) {
    match node {
        Node::Value(_) => {}
        Node::Call(call) => calls_in(call, visit),
        Node::Array(items) => items.iter().for_each(|item| calls_of(item, visit)),
        Node::Object(members) => {
            for (name, value) in members {
                if let Expression::Call(call) = name {
                    calls_in(call, visit);
                }
                calls_of(value, visit);
            }
        }
    }
}

fn calls_in(call: &Call, visit: &mut impl FnMut(&Call)) {
    visit(call);
    for inner in call.arguments.iter().chain(&call.path) {
        if let Expression::Call(inner) = inner {
            calls_in(inner, visit);
        }
    }
}
