//! Properties that a write may not ask for, because they would be stored and nothing would act on them.

use crate::command::Call;
use crate::fault::Fault;
use crate::resource_type::Kind;
use crate::types::compute::extensions::PUBLISHER;
use serde_json::{Map, Value};

/// The last word of the types that run a script on a machine when they are put. Nothing runs it.
const RUN_COMMANDS: &str = "runCommands";

/// Refuses a write of such a type, and one whose body has such an extension.
pub(crate) fn check(call: &Call<'_>, kind: &Kind, sent: &Map<String, Value>) -> Result<(), Fault> {
    if kind.name.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(RUN_COMMANDS)) {
        let (type_name, version) = (kind.name.to_string(), call.command.version.to_string());
        return Err(Fault::TypeNotFound { type_name, version, supported: Vec::new() });
    }
    if kind.of.serves_extensions { Ok(()) } else { check_extensions(sent) }
}

/// Refuses an extension of [`PUBLISHER`] in a type that does not serve it, wherever it stands: in a type that makes
/// machines out of sight, for instance.
fn check_extensions(sent: &Map<String, Value>) -> Result<(), Fault> {
    if is_unserved(sent) {
        let type_name = sent.get("type").and_then(Value::as_str).unwrap_or_default();
        return Err(Fault::ExtensionNotServed { type_name: type_name.chars().take(TYPE_CHARS_MAX).collect() });
    }
    sent.values().try_for_each(descend)
}

/// Characters of a type's name that the refusal repeats. Source: ours.
const TYPE_CHARS_MAX: usize = 64;

fn descend(value: &Value) -> Result<(), Fault> {
    match value {
        Value::Object(object) => check_extensions(object),
        Value::Array(elements) => elements.iter().try_for_each(descend),
        _ => Ok(()),
    }
}

/// True of the properties of an extension of [`PUBLISHER`]. Names of members are compared without case, as
/// everywhere in Resource Manager.
pub(crate) fn is_unserved(properties: &Map<String, Value>) -> bool {
    properties.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("publisher")
            && value.as_str().is_some_and(|publisher| publisher.trim().eq_ignore_ascii_case(PUBLISHER))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_extension_that_nothing_runs_is_found_wherever_it_stands() {
        let extension = |publisher: &str| json!({"properties": {"Publisher": publisher, "type": "ManagedIdentityExtensionForLinux"}});
        let check = |body: &Value| check_extensions(body.as_object().unwrap()).is_err();
        for publisher in ["Microsoft.ManagedIdentity", "MICROSOFT.managedidentity", " Microsoft.ManagedIdentity "] {
            let one = extension(publisher);
            let profile = json!({"extensionProfile": {"extensions": [extension("Microsoft.Azure.Extensions"), one]}});
            assert!(check(&one) && check(&json!({"properties": {"virtualMachineProfile": profile}})), "{publisher}");
        }
        assert!(!check(&extension("Microsoft.Azure.Extensions")));
        assert!(!check(&json!({"tags": {"a": "Microsoft.ManagedIdentity"}, "publisher": null})));
    }
}
