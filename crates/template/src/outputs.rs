//! Outputs.

use crate::depth::check_depth;
use crate::error::{TemplateError, shown};
use crate::evaluate::Evaluator;
use crate::json::{find, kind};
use crate::parameters::{check_type, type_of};
use crate::residue::{Residue, Runtime};
use crate::secure::Secure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An output of a template, read when all is deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedOutput {
    /// Its name as Resource Manager shows it.
    pub name: String,
    /// True when its value may be made of a secure one.
    #[serde(default = "yes")]
    pub uses_secure: bool,
    type_name: String,
    value: Residue,
}

/// For those that were stored before it was known.
fn yes() -> bool {
    true
}

impl PlannedOutput {
    /// The type as a deployment shows it, and the value; none where it is secure, or made of what is.
    ///
    /// # Errors
    /// The runtime's, and a value of another type.
    pub fn finish<R: Runtime>(&self, runtime: &mut R) -> Result<(&'static str, Option<Value>), R::Error> {
        let wanted = type_of(Some(&self.type_name.as_str().into()))?;
        let value = self.value.finish(runtime)?;
        let place = format!("output '{}'", shown(&self.name));
        check_type(&place, wanted, &value)?;
        check_depth(&place, &value)?;
        Ok((wanted.shown, Some(value).filter(|_| !wanted.is_secure && !self.uses_secure)))
    }

    pub(crate) fn residue(&mut self) -> &mut Residue {
        &mut self.value
    }
}

/// Reads the outputs of a template.
pub(crate) fn read(
    evaluator: &mut Evaluator<'_>,
    outputs: &Map<String, Value>,
    secure: &Secure,
) -> Result<Vec<PlannedOutput>, TemplateError> {
    let mut read = Vec::new();
    for (name, output) in outputs {
        let invalid = |why: &str| {
            TemplateError::new(format!(
                "The template output '{}' is not valid. {why} Please see https://aka.ms/arm-syntax-outputs for usage details.",
                shown(name)
            ))
        };
        let Some(output) = output.as_object() else { return Err(invalid("It is no object.")) };
        if find(output, "copy").is_some_and(|copy| !copy.is_null()) {
            return Err(TemplateError::later(invalid("Outputs with 'copy' are not served here yet.").to_string()));
        }
        let is_wanted = match find(output, "condition").filter(|condition| !condition.is_null()) {
            None => true,
            Some(condition) => match evaluator.value(condition)? {
                Value::Bool(is_met) => is_met,
                other => {
                    return Err(invalid(&format!(
                        "Its condition is of type '{}', where 'Boolean' is expected.",
                        kind(&other)
                    )));
                }
            },
        };
        let wanted = type_of(find(output, "type"))?;
        let value = find(output, "value")
            .ok_or_else(|| invalid("The 'value' property must be specified if not for output copy."))?;
        if is_wanted {
            let (uses_secure, value) = (secure.is_used_by(value), evaluator.residue(value)?);
            let type_name = wanted.shown.to_owned();
            read.push(PlannedOutput { name: camel_cased(name), uses_secure, type_name, value });
        }
    }
    Ok(read)
}

/// A name as Resource Manager's serializer writes it: the capitals that it begins with become small, but the last of
/// them when a small letter follows. `VMSS` is `vmss`, `PrincipalId` is `principalId`, `IDOfIt` is `idOfIt`.
fn camel_cased(name: &str) -> String {
    let mut chars: Vec<char> = name.chars().collect();
    for at in 0..chars.len() {
        let is_next_small = chars.get(at + 1).is_some_and(|next| !next.is_uppercase());
        if !chars[at].is_uppercase() || (at > 0 && is_next_small) {
            break;
        }
        chars[at] = chars[at].to_ascii_lowercase();
    }
    chars.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_a_small_letter() {
        for (name, shown) in [
            ("VMSS", "vmss"),
            ("vmss", "vmss"),
            ("PrincipalId", "principalId"),
            ("IDOfIt", "idOfIt"),
            ("A", "a"),
            ("aB", "aB"),
            ("", ""),
            ("X1", "x1"),
        ] {
            assert_eq!(camel_cased(name), shown);
        }
    }
}
