//! The extension that serves tokens, as a request asks for it: known by publisher and type, whatever its name.

use crate::fault::Fault;
use bonafide_core::directory::{Body, System};
use bonafide_types::Excerpt;
use serde_json::{Map, Value};
use std::num::NonZeroU16;

/// The publisher of the extension.
pub(crate) const PUBLISHER: &str = "Microsoft.ManagedIdentity";

/// Its types.
pub(crate) const TYPES: [(&str, System); 2] =
    [("ManagedIdentityExtensionForLinux", System::Linux), ("ManagedIdentityExtensionForWindows", System::Windows)];

/// The port of an extension whose settings name none. Source: Microsoft's page on the extension ("50342 is the default").
const PORT: NonZeroU16 = NonZeroU16::new(50_342).unwrap();

/// An extension that serves tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) system: System,
    pub(crate) port: NonZeroU16,
}

/// Reads the properties of an extension; `None` for another publisher's, which is stored as it was sent.
///
/// # Errors
/// [`Fault::ExtensionNotFound`] for another type of this publisher; [`Fault::ExtensionInvalid`] for settings that say no
/// port.
pub(crate) fn read(properties: &Map<String, Value>) -> Result<Option<Asked>, Fault> {
    let Some(system) = system(properties)? else { return Ok(None) };
    Ok(Some(Asked { system, port: port(member(properties, "settings"))? }))
}

/// The type for an operating system.
pub(super) fn type_name(system: System) -> &'static str {
    TYPES.iter().find(|(_, of)| *of == system).map_or("", |(name, _)| *name)
}

/// The operating system that an extension of this publisher is for.
pub(crate) fn system(properties: &Map<String, Value>) -> Result<Option<System>, Fault> {
    let text = |name| member(properties, name).and_then(Value::as_str).unwrap_or_default().trim();
    if !text("publisher").eq_ignore_ascii_case(PUBLISHER) {
        return Ok(None);
    }
    match TYPES.iter().find(|(name, _)| text("type").eq_ignore_ascii_case(name)) {
        Some((_, system)) => Ok(Some(*system)),
        None => Err(Fault::ExtensionNotFound { type_name: Excerpt::of(text("type")).into() }),
    }
}

fn port(settings: Option<&Value>) -> Result<NonZeroU16, Fault> {
    let invalid = |message: String| Fault::ExtensionInvalid { target: "settings.port", message };
    let settings = match settings {
        None | Some(Value::Null) => return Ok(PORT),
        Some(Value::Object(settings)) => settings,
        Some(_) => {
            return Err(Fault::ExtensionInvalid {
                target: "settings",
                message: "The settings of the extension are not an object: send {\"port\": 50342}.".to_owned(),
            });
        }
    };
    let mut ports = settings.iter().filter(|(name, _)| name.eq_ignore_ascii_case("port"));
    let (port, more) = (ports.next(), ports.next());
    if more.is_some() {
        return Err(invalid("The settings of the extension name a port twice.".to_owned()));
    }
    let port = match port {
        None | Some((_, Value::Null)) => return Ok(PORT),
        Some((_, port)) => port,
    };
    let number = port.as_u64().and_then(|port| u16::try_from(port).ok()).and_then(NonZeroU16::new);
    number.ok_or_else(|| {
        let sent: String = Excerpt::of(&port.to_string()).into();
        invalid(format!("The port {sent} is not an integer between 1 and 65535; without one it is {PORT}."))
    })
}

/// The properties of a body.
pub(super) fn properties(body: &Body) -> Map<String, Value> {
    body.member(&["properties"]).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// A member of an object, in any case of its name.
pub(crate) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(properties: Value) -> Result<Option<Asked>, String> {
        read(properties.as_object().unwrap()).map_err(|fault| fault.parts().2)
    }

    fn linux(settings: Value) -> Value {
        json!({"publisher": PUBLISHER, "type": "ManagedIdentityExtensionForLinux", "settings": settings})
    }

    #[test]
    fn the_extension_is_known_by_publisher_and_type_in_any_case() {
        let port = NonZeroU16::new(1).unwrap();
        for (publisher, of, system) in [
            ("Microsoft.ManagedIdentity", "ManagedIdentityExtensionForWindows", System::Windows),
            ("MICROSOFT.managedidentity", "managedidentityextensionforlinux", System::Linux),
            (" Microsoft.ManagedIdentity ", "ManagedIdentityExtensionForLinux ", System::Linux),
        ] {
            let sent = json!({"Publisher": publisher, "TYPE": of, "Settings": {"PORT": 1}});
            assert_eq!(asked(sent), Ok(Some(Asked { system, port })), "{publisher} {of}");
        }
        for other in
            [json!({}), json!({"publisher": "Microsoft.Azure.Extensions", "type": "ManagedIdentityExtensionForLinux"})]
        {
            assert_eq!(asked(other), Ok(None));
        }
        let unknown = json!({"publisher": PUBLISHER, "type": "ManagedIdentityExtensionForMac"});
        assert!(asked(unknown).unwrap_err().contains("ManagedIdentityExtensionForMac"));
    }

    #[test]
    fn a_port_is_an_integer_that_a_socket_can_have() {
        for (settings, port) in [
            (json!(null), 50_342),
            (json!({}), 50_342),
            (json!({"port": null}), 50_342),
            (json!({"port": 1, "other": "x"}), 1),
            (json!({"port": 65_535}), 65_535),
        ] {
            assert_eq!(asked(linux(settings)).unwrap().unwrap().port.get(), port);
        }
        for wrong in [
            json!({"port": 0}),
            json!({"port": 65_536}),
            json!({"port": -1}),
            json!({"port": 50_342.5}),
            json!({"port": "50342"}),
            json!({"port": [50_342]}),
            json!({"port": 1e30}),
            json!({"port": true}),
            json!({"port": 1, "Port": 2}),
            json!("50342"),
            json!([]),
        ] {
            assert!(asked(linux(wrong.clone())).is_err(), "{wrong}");
        }
    }
}
