//! A template and its parameters to a plan: all that can be known before the first resource is made.

use crate::context::Context;
use crate::dependencies::{self, Index};
use crate::document;
use crate::error::{TemplateError, shown};
use crate::evaluate::{Evaluator, Symbol};
use crate::json::find;
use crate::limits::{EVALUATED_BYTES_MAX, RESOURCES_MAX, STORED_DEPTH_MAX};
use crate::outputs::{self, PlannedOutput};
use crate::parameters::{self, ShownParameter};
use crate::residue::Residue;
use crate::resource::{self, Read, Written};
use crate::scope::Table;
use crate::secure::Secure;
use serde_json::{Map, Value};

/// A deployment before it begins.
#[derive(Debug, Default)]
pub struct Plan {
    /// The template's own version.
    pub content_version: String,
    /// The parameters, with the values that are used.
    pub parameters: Vec<ShownParameter>,
    /// The resources, in the order in which they are deployed.
    pub resources: Vec<Planned>,
    /// The outputs.
    pub outputs: Vec<PlannedOutput>,
}

/// A resource to deploy.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Its id.
    pub id: String,
    /// Its type, as the template writes it.
    pub type_name: String,
    /// Its name, with that of what it is a child of.
    pub name: String,
    /// Its api-version.
    pub api_version: String,
    /// Its location as it was written, expressions evaluated; none that is made of a secure value.
    pub location: Option<String>,
    /// Its body.
    pub body: Residue,
    /// True when its body may use a secure value: no error may repeat what is in it.
    pub uses_secure: bool,
    /// The resources that it comes after, as places in the plan.
    pub after: Vec<usize>,
}

/// Plans a deployment.
///
/// # Errors
/// [`TemplateError`]: a template that cannot be deployed, or parameters that do not fit it.
pub fn plan(
    template: &Map<String, Value>,
    given: &Map<String, Value>,
    context: &Context,
) -> Result<Plan, TemplateError> {
    let document = document::read(template)?;
    let mut evaluator = Evaluator::new(context);
    for (name, value) in document.variables {
        if value.is_null() {
            return Err(TemplateError::new(
                "One of template variables has empty or invalid content. Please see https://aka.ms/arm-syntax-variables for usage details.",
            ));
        }
        if evaluator.variables.insert(name.to_ascii_lowercase(), Symbol::Written(value)).is_some() {
            return Err(TemplateError::new(format!("The template defines the variable '{name}' twice.")));
        }
    }
    let secure = parameters::secure(document.parameters, document.variables, given);
    let parameters = parameters::declare(&mut evaluator, document.parameters, given, &secure)?;
    // Errors in variables that nobody uses stop the template, too.
    for name in document.variables.keys() {
        if name.eq_ignore_ascii_case("copy") {
            return Err(TemplateError::later("Variables with 'copy' are not served here yet."));
        }
        evaluator.value_of_symbol(Table::Variables, name).map_err(|error| error.of_variable(name))?;
    }
    let (resources, outputs) = read_all(&mut evaluator, &document, &secure)?;
    Ok(Plan { content_version: document.content_version.to_owned(), parameters, resources, outputs })
}

fn read_all(
    evaluator: &mut Evaluator<'_>,
    document: &document::Document<'_>,
    secure: &Secure,
) -> Result<(Vec<Planned>, Vec<PlannedOutput>), TemplateError> {
    let mut resources = Vec::new();
    for written in document.resources {
        nested(evaluator, secure, written, None, &mut resources)?;
    }
    let mut outputs = outputs::read(evaluator, document.outputs, secure)?;
    let index = Index::of(&resources)?;
    let mut reads = Vec::with_capacity(resources.len());
    for resource in &mut resources {
        let Read { body, name, .. } = resource;
        let read = body.as_mut().map_or(Ok(Vec::new()), |body| index.settle(body));
        reads.push(read.map_err(|error| error.of_resource(name))?);
    }
    for output in &mut outputs {
        index.settle(output.residue())?;
    }
    let order = dependencies::order(&resources, &reads, &index)?;
    let planned = planned(resources, &order, &index)?;
    check_stored(&planned, &mut outputs)?;
    let size = planned.iter().map(|planned| planned.body.size()).sum::<usize>();
    if size + outputs.iter_mut().map(|output| output.residue().size()).sum::<usize>() > EVALUATED_BYTES_MAX {
        return Err(TemplateError::new(format!(
            "The template with its expressions evaluated has more than {EVALUATED_BYTES_MAX} bytes."
        )));
    }
    Ok((planned, outputs))
}

/// Refuses values that are nested too deeply to be stored until the turn of what they are part of.
fn check_stored(planned: &[Planned], outputs: &mut [PlannedOutput]) -> Result<(), TemplateError> {
    let too_deep = |place: String| {
        TemplateError::new(format!(
            "The template {place} has a value that is nested more than {STORED_DEPTH_MAX} deep."
        ))
    };
    if let Some(planned) = planned.iter().find(|planned| !planned.body.can_be_stored()) {
        return Err(too_deep(format!("resource '{}'", shown(&planned.name))));
    }
    match outputs.iter_mut().find_map(|output| (!output.residue().can_be_stored()).then(|| output.name.clone())) {
        Some(name) => Err(too_deep(format!("output '{}'", shown(&name)))),
        None => Ok(()),
    }
}

/// Reads a resource, and those that are written inside it.
fn nested(
    evaluator: &mut Evaluator<'_>,
    secure: &Secure,
    written: &Value,
    parent: Option<(String, String)>,
    read: &mut Vec<Read>,
) -> Result<(), TemplateError> {
    let Some(members) = written.as_object() else {
        return Err(TemplateError::new("A resource of the template is no object."));
    };
    if read.len() == RESOURCES_MAX {
        return Err(TemplateError::new(format!(
            "The number of resources in the template is over the limit of '{RESOURCES_MAX}'. Please see https://aka.ms/arm-template-limits for usage details."
        )));
    }
    let written = Written { members, parent, secure };
    resource::check_served(members)?;
    let head = resource::head(evaluator, &written)?;
    read.push(resource::read(evaluator, &written, head.clone())?);
    match find(members, "resources") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(inner)) => {
            inner.iter().try_for_each(|inner| nested(evaluator, secure, inner, Some(head.clone()), read))
        }
        Some(_) => Err(TemplateError::new("its 'resources' is not a list").of_resource(&head.1)),
    }
}

/// The resources in their order, without those whose condition is not met.
fn planned(resources: Vec<Read>, order: &[usize], index: &Index) -> Result<Vec<Planned>, TemplateError> {
    let mut resources: Vec<Option<Read>> = resources.into_iter().map(Some).collect();
    let mut at_of: Vec<Option<usize>> = vec![None; resources.len()];
    let mut planned: Vec<Planned> = Vec::new();
    for at in order {
        let Some(Read { id, type_name, name, api_version, depends_on, location, body, uses_secure }) =
            resources[*at].take()
        else {
            continue;
        };
        let Some(body) = body else { continue };
        let mut after: Vec<usize> = Vec::new();
        for name in &depends_on {
            after.extend(index.find(name)?.and_then(|at| at_of[at]));
        }
        after.extend(index.read_by(&body).into_iter().filter_map(|at| at_of[at]));
        after.sort_unstable();
        after.dedup();
        at_of[*at] = Some(planned.len());
        planned.push(Planned { id, type_name, name, api_version, location, body, uses_secure, after });
    }
    Ok(planned)
}
