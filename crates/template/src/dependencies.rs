//! The order of deployment: a resource comes after all that it names in `dependsOn`, and after all that it reads by
//! `reference`.

use crate::error::{TemplateError, shown};
use crate::expression::{Call, Expression};
use crate::ids;
use crate::limits::{DEPENDENCIES_MAX, EVALUATED_BYTES_MAX};
use crate::residue::{Node, Residue};
use crate::resource::Read;
use serde_json::Value;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The resources of a template, by all that they can be named by.
pub(crate) struct Index {
    /// By id, by type and name in both forms, and by name: in lower case. `None` where several have it.
    by_text: HashMap<String, Option<usize>>,
    ids: Vec<String>,
    versions: Vec<String>,
    /// Bytes of ids and versions that references may still be filled up with.
    left: Cell<usize>,
}

impl Index {
    pub(crate) fn of(resources: &[Read]) -> Result<Self, TemplateError> {
        let mut index = Self {
            by_text: HashMap::new(),
            ids: Vec::new(),
            versions: Vec::new(),
            left: Cell::new(EVALUATED_BYTES_MAX),
        };
        for (at, resource) in resources.iter().enumerate() {
            let id = resource.id.to_ascii_lowercase();
            if index.by_text.insert(id, Some(at)).is_some() {
                return Err(TemplateError::new(format!(
                    "The resource '{}/{}' is defined multiple times in a template. Please see https://aka.ms/arm-syntax-resources for usage details.",
                    shown(&resource.type_name),
                    shown(&resource.name)
                )));
            }
            index.ids.push(resource.id.clone());
            index.versions.push(resource.api_version.clone());
        }
        for (at, resource) in resources.iter().enumerate() {
            let names: Vec<&str> = resource.name.split('/').collect();
            let mut texts = vec![resource.name.clone(), format!("{}/{}", resource.type_name, resource.name)];
            texts.extend(ids::tail(&resource.type_name, &names));
            texts.iter_mut().for_each(|text| text.make_ascii_lowercase());
            texts.sort_unstable();
            texts.dedup();
            for text in texts {
                index.by_text.entry(text).and_modify(|known| *known = None).or_insert(Some(at));
            }
        }
        Ok(index)
    }

    /// The resource that a text names.
    pub(crate) fn find(&self, text: &str) -> Result<Option<usize>, TemplateError> {
        match self.by_text.get(&text.to_ascii_lowercase()) {
            Some(Some(at)) => Ok(Some(*at)),
            Some(None) => Err(TemplateError::new(format!(
                "The name '{}' is that of several resources of the template. Please see https://aka.ms/arm-syntax for usage details.",
                shown(text)
            ))),
            None => Ok(None),
        }
    }

    /// Writes each `reference` in full, with an id and an api-version, and tells which resources of the template are read.
    pub(crate) fn settle(&self, residue: &mut Residue) -> Result<Vec<usize>, TemplateError> {
        let mut read = Vec::new();
        settle_node(&mut residue.0, &mut |call| self.settle_reference(call, &mut read))?;
        Ok(read)
    }

    /// The resources of the template that a settled body reads.
    pub(crate) fn read_by(&self, body: &Residue) -> Vec<usize> {
        let mut read = Vec::new();
        body.calls(&mut |call| {
            if let ("reference", Some(Expression::Value(Value::String(id)))) = (&*call.function, call.arguments.first())
            {
                read.extend(self.by_text.get(&id.to_ascii_lowercase()).copied().flatten());
            }
        });
        read
    }

    fn settle_reference(&self, call: &mut Call, read: &mut Vec<usize>) -> Result<(), TemplateError> {
        let Some(Expression::Value(Value::String(name))) = call.arguments.first() else { return Ok(()) };
        let is_id = name.starts_with('/');
        match self.find(name)? {
            Some(at) => {
                read.push(at);
                // A short name may stand for a long id, and many times.
                let bytes = self.ids[at].len() + self.versions[at].len();
                self.left.set(self.left.get().checked_sub(bytes).ok_or_else(too_large)?);
                call.arguments[0] = Expression::Value(self.ids[at].clone().into());
                if call.arguments.len() == 1 {
                    call.arguments.push(Expression::Value(self.versions[at].clone().into()));
                }
                Ok(())
            }
            None if !is_id => Err(TemplateError::new(format!(
                "The template reference '{}' is not valid: could not find template resource or resource copy with this name. Please see https://aka.ms/arm-function-reference for usage details.",
                shown(name)
            ))),
            None if call.arguments.len() == 1 => Err(TemplateError::new(format!(
                "The template reference to '{}' requires an API version. Please see https://aka.ms/arm-template for usage details.",
                shown(name)
            ))),
            None => Ok(()),
        }
    }
}

fn too_large() -> TemplateError {
    TemplateError::new(format!(
        "The template's references, with ids written out, have more than {EVALUATED_BYTES_MAX} bytes."
    ))
}

fn settle_node(
    node: &mut Node,
    settle: &mut impl FnMut(&mut Call) -> Result<(), TemplateError>,
) -> Result<(), TemplateError> {
    match node {
        Node::Value(_) => Ok(()),
        Node::Call(call) => settle_call(call, settle),
        Node::Array(items) => items.iter_mut().try_for_each(|item| settle_node(item, settle)),
        Node::Object(members) => members.iter_mut().try_for_each(|(name, value)| {
            if let Expression::Call(call) = name {
                settle_call(call, settle)?;
            }
            settle_node(value, settle)
        }),
    }
}

fn settle_call(
    call: &mut Call,
    settle: &mut impl FnMut(&mut Call) -> Result<(), TemplateError>,
) -> Result<(), TemplateError> {
    for inner in call.arguments.iter_mut().chain(&mut call.path) {
        if let Expression::Call(inner) = inner {
            settle_call(inner, settle)?;
        }
    }
    if call.function == "reference" { settle(call) } else { Ok(()) }
}

/// The order in which resources are deployed, as places in the list; those without dependencies in the template's own.
pub(crate) fn order(resources: &[Read], reads: &[Vec<usize>], index: &Index) -> Result<Vec<usize>, TemplateError> {
    let count: usize = resources.iter().map(|resource| resource.depends_on.len()).sum();
    if count > DEPENDENCIES_MAX {
        return Err(TemplateError::new(format!(
            "The template's resources have more than {DEPENDENCIES_MAX} dependencies."
        )));
    }
    let mut waiting = vec![0_usize; resources.len()];
    let mut followers = vec![Vec::new(); resources.len()];
    for (at, resource) in resources.iter().enumerate() {
        let mut befores = reads[at].clone();
        for name in &resource.depends_on {
            befores.push(index.find(name)?.ok_or_else(|| {
                TemplateError::new(format!(
                    "The resource '{}' is not defined in the template. Please see https://aka.ms/arm-syntax for usage details.",
                    shown(name)
                ))
            })?);
        }
        befores.sort_unstable();
        befores.dedup();
        waiting[at] = befores.len();
        befores.into_iter().for_each(|before| followers[before].push(at));
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..resources.len()).filter(|at| waiting[*at] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(resources.len());
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for follower in &followers[at] {
            waiting[*follower] -= 1;
            if waiting[*follower] == 0 {
                ready.push(Reverse(*follower));
            }
        }
    }
    match (0..resources.len()).find(|at| waiting[*at] > 0) {
        None => Ok(order),
        Some(at) => Err(TemplateError::new(format!(
            "Circular dependency detected on resource: '{}'. Please see https://aka.ms/arm-syntax-resources for usage details.",
            shown(&resources[at].id)
        ))),
    }
}
