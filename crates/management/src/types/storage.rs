//! `Microsoft.Storage/storageAccounts`, stored as they were sent. Encryption and network rules are shown of every account:
//! `az storage account update` and `network-rule` change what they read (azure-cli 2.91, `account.py`).

use crate::fault::Fault;
use crate::resource_type::{Created, ResourceType, View};
use bonafide_types::Timestamp;
use serde_json::{Map, Value, json};

pub(super) static STORAGE_ACCOUNTS: ResourceType =
    ResourceType { name: "Microsoft.Storage/storageAccounts", created: Created::As200, view, ..ResourceType::PLAIN };

/// For accounts and what lies below them.
fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    if view.resource.id.is_of(STORAGE_ACCOUNTS.name) {
        complete(properties, "encryption", encryption(view.resource.created_at));
        complete(properties, "networkAcls", open());
    }
    properties.insert("provisioningState".to_owned(), "Succeeded".into());
    Ok(())
}

/// The encryption of an account that asks for no other. Source: azure-mgmt-storage of azure-cli 2.91, whose
/// `Encryption` has these members.
fn encryption(since: Timestamp) -> Value {
    let service = json!({ "enabled": true, "keyType": "Account", "lastEnabledTime": since.arm() });
    json!({ "keySource": "Microsoft.Storage", "services": { "blob": service, "file": service } })
}

/// The network rules of an account that has none.
fn open() -> Value {
    json!({ "bypass": "AzureServices", "virtualNetworkRules": [], "ipRules": [], "defaultAction": "Allow" })
}

/// Adds the members that an object lacks.
fn complete(properties: &mut Map<String, Value>, name: &str, with: Value) {
    let spelled = properties.keys().find(|other| other.eq_ignore_ascii_case(name)).cloned();
    let slot = properties.entry(spelled.unwrap_or_else(|| name.to_owned())).or_insert(Value::Null);
    match (slot, with) {
        (Value::Object(there), Value::Object(with)) => {
            for (name, value) in with {
                if !there.iter().any(|(other, value)| other.eq_ignore_ascii_case(&name) && !value.is_null()) {
                    there.insert(name, value);
                }
            }
        }
        (slot, with) if slot.is_null() => *slot = with,
        _ => {}
    }
}
