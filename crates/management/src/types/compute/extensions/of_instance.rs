//! The extension that an instance of a scale set has of its set's model. It is no resource of its own: it is shown where
//! the extensions of the instance are, comes and goes with the model that the instance has applied, and is written there.

use super::asked::{PUBLISHER, type_name};
use super::provisioning::{Provisioning, provisioning};
use crate::order::place::Found;
use crate::resource_type::Stored;
use bonafide_core::directory::{Body, Resource, ResourceIdentity};
use bonafide_store::StoreError;
use bonafide_types::{ResourceId, ResourceUuid, Timestamp};
use serde_json::{Map, Value, json};

/// The extension of an instance's model, in the form of an extension on the instance.
pub(crate) fn of_model(uuid: ResourceUuid, instance: &Resource) -> Option<Found> {
    instance.set?;
    let of_model = instance.model_extension.as_deref()?;
    let id = ResourceId::parse(&format!("{}/extensions/{}", instance.id, of_model.name)).ok()?;
    let mut properties = json!({
        "publisher": PUBLISHER,
        "type": type_name(of_model.endpoint.system),
        "settings": { "port": of_model.endpoint.port },
    });
    if let Some(version) = &of_model.type_version {
        properties["typeHandlerVersion"] = version.as_str().into();
    }
    let mut body = Map::new();
    body.insert("location".to_owned(), instance.body.location().map_or(Value::Null, Value::from));
    body.insert("properties".to_owned(), properties);
    let extension = Resource {
        body: Body::kept(&id, body),
        id,
        parent: Some(uuid),
        tags: Map::new(),
        identity: ResourceIdentity::default(),
        set: None,
        host: None,
        host_resource: None,
        model: 0,
        extension: Some(of_model.endpoint),
        model_extension: None,
        below: None,
        ..instance.clone()
    };
    Some((uuid, extension))
}

/// The state of the extension that an instance has of its model; `None` where it has none, or is switched off.
pub(crate) fn state(
    tx: &dyn Stored,
    uuid: ResourceUuid,
    instance: &Resource,
    now: Timestamp,
) -> Result<Option<(Resource, Provisioning)>, StoreError> {
    if !instance.power.is_running() {
        return Ok(None);
    }
    let Some((_, extension)) = of_model(uuid, instance) else { return Ok(None) };
    let state = provisioning(tx, (uuid, instance), &extension, now)?;
    Ok(Some((extension, state)))
}
