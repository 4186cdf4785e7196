//! The functions of the language: one line each. A function that is not here is refused by name.

mod concat;
mod resource_ids;

use crate::arguments::{all_texts, between};
use crate::context::Context;
use crate::error::{TemplateError, shown};
use crate::scope::Table;
use serde_json::Value;

/// A function.
pub(crate) struct Function {
    /// Its name; templates write it in any case.
    pub(crate) name: &'static str,
    /// Refuses a wrong number of arguments.
    pub(crate) count: fn(&str, usize) -> Result<(), TemplateError>,
    /// Refuses arguments of other types.
    pub(crate) types: fn(&str, &[Value]) -> Result<(), TemplateError>,
    pub(crate) run: Run,
}

/// The time at which a function has its value.
pub(crate) enum Run {
    /// Whenever its arguments have theirs.
    Pure(fn(Vec<Value>) -> Result<Value, TemplateError>),
    /// Before the deployment begins.
    Known(fn(&Context, &[Value]) -> Result<Value, TemplateError>),
    /// When it is first asked for.
    Symbol(Table),
    /// In the deployment only.
    Deployed,
}

static FUNCTIONS: [Function; 11] = [
    Function { name: "concat", count: any, types: |_, _| Ok(()), run: Run::Pure(concat::concat) },
    known("extensionResourceId", any, resource_ids::of_extension),
    symbol("parameters", Table::Parameters),
    deployed("providers", |name, given| between(name, given, 1, 2)),
    deployed("reference", |name, given| between(name, given, 1, 3)),
    known("resourceGroup", |name, given| between(name, given, 0, 0), |context, _| Ok(context.resource_group())),
    known("resourceId", any, resource_ids::in_group),
    known("subscription", |name, given| between(name, given, 0, 0), |context, _| Ok(context.subscription())),
    known("subscriptionResourceId", any, resource_ids::in_subscription),
    known("tenantResourceId", any, resource_ids::in_tenant),
    symbol("variables", Table::Variables),
];

const fn known(
    name: &'static str,
    count: fn(&str, usize) -> Result<(), TemplateError>,
    run: fn(&Context, &[Value]) -> Result<Value, TemplateError>,
) -> Function {
    Function { name, count, types: all_texts, run: Run::Known(run) }
}

const fn symbol(name: &'static str, table: Table) -> Function {
    Function { name, count: only_one, types: all_texts, run: Run::Symbol(table) }
}

const fn deployed(name: &'static str, count: fn(&str, usize) -> Result<(), TemplateError>) -> Function {
    Function { name, count, types: all_texts, run: Run::Deployed }
}

/// The function of this name.
pub(crate) fn find(name: &str) -> Result<&'static Function, TemplateError> {
    FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        TemplateError::new(format!(
            "The template function '{}' is not valid. Please see https://aka.ms/arm-functions for usage details.",
            shown(name)
        ))
    })
}

/// The value of a function that needs nothing but its arguments.
pub(crate) fn pure(name: &str, arguments: Vec<Value>) -> Result<Value, TemplateError> {
    match find(name)?.run {
        Run::Pure(run) => run(arguments),
        _ => Err(TemplateError::new(format!(
            "The template function '{}' is not expected at this location.",
            shown(name)
        ))),
    }
}

fn any(_: &str, _: usize) -> Result<(), TemplateError> {
    Ok(())
}

fn only_one(name: &str, given: usize) -> Result<(), TemplateError> {
    if given == 1 {
        return Ok(());
    }
    Err(TemplateError::new(format!(
        "The template language function '{name}' must have only one parameter. Please see https://aka.ms/arm-functions for usage details."
    )))
}
