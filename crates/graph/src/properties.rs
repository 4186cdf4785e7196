//! The properties of a service principal, and `$select`.

use crate::fault::Fault;
use serde_json::{Map, Value, json};

/// Every property in the order of Microsoft Learn, "servicePrincipal resource type", as it is for an object that has
/// no more than it must: those that nothing here fills have their empty value, as with Entra.
pub(crate) fn empty() -> Map<String, Value> {
    let properties = json!({
        "id": null,
        "deletedDateTime": null,
        "accountEnabled": null,
        "addIns": [],
        "alternativeNames": [],
        "appDescription": null,
        "appDisplayName": null,
        "appId": null,
        "applicationTemplateId": null,
        "appOwnerOrganizationId": null,
        "appRoleAssignmentRequired": false,
        "appRoles": [],
        "createdDateTime": null,
        "description": null,
        "disabledByMicrosoftStatus": null,
        "displayName": null,
        "homepage": null,
        "info": null,
        "keyCredentials": [],
        "loginUrl": null,
        "logoutUrl": null,
        "notes": null,
        "notificationEmailAddresses": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "preferredSingleSignOnMode": null,
        "preferredTokenSigningKeyThumbprint": null,
        "replyUrls": [],
        "resourceSpecificApplicationPermissions": [],
        "samlSingleSignOnSettings": null,
        "servicePrincipalNames": [],
        "servicePrincipalType": null,
        "signInAudience": null,
        "tags": [],
        "tokenEncryptionKeyId": null,
        "verifiedPublisher": null,
    });
    match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}

/// The properties that an answer has.
pub(crate) enum Select {
    /// Every property.
    All,
    /// These, in the order in which they were asked for.
    Some(Vec<String>),
}

impl Select {
    /// Reads `$select`; an empty one selects everything. Names are compared without case.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        let known = empty();
        let name = |name: &str| {
            let found = known.keys().find(|known| known.eq_ignore_ascii_case(name));
            found.cloned().ok_or_else(|| Fault::Select(name.to_owned()))
        };
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "*");
        let names = names.map(name).collect::<Result<Vec<String>, Fault>>()?;
        Ok(if names.is_empty() { Self::All } else { Self::Some(names) })
    }

    /// True when an answer has the property.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.iter().any(|selected| selected == name),
        }
    }

    /// The names in brackets, as `@odata.context` has them; nothing for every property.
    pub(crate) fn context(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Some(names) => format!("({})", names.join(",")),
        }
    }
}
