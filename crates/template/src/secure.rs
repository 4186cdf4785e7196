//! The parts of a template that may use a secure parameter. They are found in the template as it is written, so that they
//! are known whatever is evaluated, and when.

use crate::expression::{Call, Expression, Text, parse, text};
use crate::functions::{self, Run};
use crate::json::find;
use crate::limits::DEPTH_MAX;
use crate::scope::Table;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// A parameter or a variable, by its name in lower case.
type Symbol = (Table, String);

/// The parameters and variables that may have a secure value.
pub(crate) struct Secure(HashSet<Symbol>);

impl Secure {
    /// Finds them: parameters of a secure type, and whatever is made of them. `is_given` says that a parameter's default is
    /// not used.
    pub(crate) fn of(
        parameters: &Map<String, Value>,
        variables: &Map<String, Value>,
        is_secure: impl Fn(&Value) -> bool,
        is_given: impl Fn(&str) -> bool,
    ) -> Self {
        let symbol = |table: Table, name: &str| (table, name.to_ascii_lowercase());
        let mut found = HashSet::new();
        let mut made_of = Vec::new();
        for (name, declaration) in parameters {
            let own = symbol(Table::Parameters, name);
            if is_secure(declaration) {
                found.insert(own);
            } else if let Some(default) = declaration.as_object().and_then(|members| find(members, "defaultValue"))
                && !is_given(name)
            {
                made_of.push((own, Uses::of(default)));
            }
        }
        if found.is_empty() {
            return Self(found);
        }
        made_of.extend(variables.iter().map(|(name, written)| (symbol(Table::Variables, name), Uses::of(written))));
        let mut users: HashMap<&Symbol, Vec<&Symbol>> = HashMap::new();
        let mut open: Vec<Symbol> = found.iter().cloned().collect();
        for (own, uses) in &made_of {
            if uses.any && found.insert(own.clone()) {
                open.push(own.clone());
            }
            uses.named.iter().for_each(|used| users.entry(used).or_default().push(own));
        }
        while let Some(next) = open.pop() {
            for user in users.get(&next).into_iter().flatten() {
                if found.insert((*user).clone()) {
                    open.push((*user).clone());
                }
            }
        }
        Self(found)
    }

    /// True when a parameter may have a secure value.
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        self.0.contains(&(Table::Parameters, name.to_ascii_lowercase()))
    }

    /// True when a part of the template may use one.
    pub(crate) fn is_used_by(&self, written: &Value) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let uses = Uses::of(written);
        uses.any || uses.named.iter().any(|used| self.0.contains(used))
    }
}

/// The parameters and variables that a part of a template names.
#[derive(Default)]
struct Uses {
    named: HashSet<Symbol>,
    /// True when it may use any: a name is itself evaluated, or the expression cannot be read.
    any: bool,
}

impl Uses {
    fn of(written: &Value) -> Self {
        let (mut uses, mut open) = (Self::default(), vec![written]);
        while let Some(next) = open.pop() {
            match next {
                Value::String(written) => uses.add_text(written),
                Value::Array(items) => open.extend(items),
                Value::Object(members) => {
                    for (name, value) in members {
                        uses.add_text(name);
                        open.push(value);
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        uses
    }

    fn add_text(&mut self, written: &str) {
        let Text::Expression(inside) = text(written) else { return };
        let Ok(expression) = parse(inside, DEPTH_MAX) else {
            self.any = true;
            return;
        };
        let mut open = vec![&expression];
        while let Some(next) = open.pop() {
            if let Expression::Call(call) = next {
                self.add_call(call);
                open.extend(call.arguments.iter().chain(&call.path));
            }
        }
    }

    fn add_call(&mut self, call: &Call) {
        // A call of no function stops the template.
        let Ok(Run::Symbol(table)) = functions::find(&call.function).map(|function| &function.run) else { return };
        match call.arguments.first() {
            Some(Expression::Value(Value::String(name))) => {
                self.named.insert((*table, name.to_ascii_lowercase()));
            }
            _ => self.any = true,
        }
    }
}
