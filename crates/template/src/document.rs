//! The sections of a template.

use crate::error::{TemplateError, shown};
use crate::json::{find, kind};
use crate::limits::{OUTPUTS_MAX, VARIABLES_MAX};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The versions of the schema of group templates. Source: Microsoft's deployments engine.
const SCHEMAS: [&str; 5] = ["2014-04-01-preview", "2015-01-01", "2018-05-01", "2019-04-01", "2019-08-01"];

/// Sections that are read here, and those that say nothing to a deployment.
const SECTIONS: [&str; 8] =
    ["$schema", "contentVersion", "parameters", "variables", "resources", "outputs", "metadata", "_generator"];
/// Sections of the language that are not served yet.
const LATER: [&str; 7] =
    ["functions", "definitions", "imports", "extensions", "asserts", "apiProfile", "languageVersion"];

static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// A template, by its sections.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) content_version: &'a str,
    pub(crate) parameters: &'a Map<String, Value>,
    pub(crate) variables: &'a Map<String, Value>,
    pub(crate) resources: &'a [Value],
    pub(crate) outputs: &'a Map<String, Value>,
}

/// Reads the sections of a template.
pub(crate) fn read(template: &Map<String, Value>) -> Result<Document<'_>, TemplateError> {
    for (name, value) in template {
        let is_one_of = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
        let is_empty =
            value.is_null() || value.as_object().is_some_and(Map::is_empty) || *value == Value::Array(Vec::new());
        if is_one_of(&LATER) && !is_empty {
            return Err(TemplateError::later(format!(
                "Templates with the section '{}' are not served here yet.",
                shown(name)
            )));
        }
        if !is_one_of(&SECTIONS) && !is_one_of(&LATER) {
            return Err(TemplateError::new(format!(
                "Could not find member '{}' on object of type 'Template'.",
                shown(name)
            )));
        }
    }
    check_schema(required_text(template, "$schema")?)?;
    let document = Document {
        content_version: required_text(template, "contentVersion")?,
        parameters: section(template, "parameters")?,
        variables: section(template, "variables")?,
        resources: match find(template, "resources") {
            Some(Value::Array(resources)) => resources,
            Some(Value::Object(_)) => {
                return Err(TemplateError::later(
                    "Templates with symbolic names of resources are not served here yet.",
                ));
            }
            None | Some(Value::Null) => return Err(missing("resources")),
            Some(other) => return Err(wrong("resources", "Array", other)),
        },
        outputs: section(template, "outputs")?,
    };
    check_count("variables", "arm-syntax-variables", document.variables.len(), VARIABLES_MAX)?;
    check_count("outputs", "arm-syntax-outputs", document.outputs.len(), OUTPUTS_MAX)?;
    Ok(document)
}

/// Refuses more members of a section than there may be.
pub(crate) fn check_count(section: &str, link: &str, count: usize, most: usize) -> Result<(), TemplateError> {
    if count <= most {
        return Ok(());
    }
    Err(TemplateError::new(format!(
        "The number of template {section} limit exceeded. Limit: '{most}' and actual: '{count}'. Please see https://aka.ms/{link} for usage details."
    )))
}

/// The schema says for which scope a template is.
fn check_schema(schema: &str) -> Result<(), TemplateError> {
    let bare = schema.trim_end_matches('#');
    let (above, file) = bare.rsplit_once('/').unwrap_or(("", bare));
    let version = above.rsplit('/').next().unwrap_or_default();
    if !SCHEMAS.iter().any(|known| known.eq_ignore_ascii_case(version)) {
        return Err(TemplateError::new(format!(
            "Template schema '{}' is not supported. Supported versions are '{}'. Please see https://aka.ms/arm-syntax for usage details.",
            shown(schema),
            SCHEMAS.join(",")
        )));
    }
    if !file.eq_ignore_ascii_case("deploymentTemplate.json") {
        return Err(TemplateError::new(format!(
            "Template schema '{}' is not that of a deployment to a resource group. Please see https://aka.ms/arm-syntax for usage details.",
            shown(schema)
        )));
    }
    Ok(())
}

fn section<'a>(template: &'a Map<String, Value>, name: &str) -> Result<&'a Map<String, Value>, TemplateError> {
    match find(template, name) {
        None | Some(Value::Null) => Ok(&NONE),
        Some(Value::Object(section)) => Ok(section),
        Some(other) => Err(wrong(name, "Object", other)),
    }
}

fn required_text<'a>(template: &'a Map<String, Value>, name: &str) -> Result<&'a str, TemplateError> {
    match find(template, name) {
        Some(Value::String(text)) => Ok(text),
        None | Some(Value::Null) => Err(missing(name)),
        Some(other) => Err(wrong(name, "String", other)),
    }
}

fn missing(name: &str) -> TemplateError {
    TemplateError::new(format!("Required property '{name}' not found in JSON."))
}

fn wrong(name: &str, wanted: &str, found: &Value) -> TemplateError {
    TemplateError::new(format!("The template's '{name}' is of type '{}', where '{wanted}' is expected.", kind(found)))
}
