//! The members of a body that was sent: those that are stored, and those that the order reads. A child that its resource
//! lists is checked as by its own path.

use super::body::known;
use super::write::NOT_STORED;
use super::{spelling, unserved};
use crate::command::Call;
use crate::fault::Fault;
use crate::identity_block;
use crate::locations;
use crate::resource_type::{Identities, Kind};
use crate::types::location_of;
use bonafide_core::directory::{Body, Resource};
use bonafide_types::{Excerpt, Location, ResourceId};
use serde_json::{Map, Value};

/// The body of a child, with its tags and identities left out: an element has none.
pub(crate) fn element(
    call: &Call<'_>,
    kind: &Kind,
    (id, old): (&ResourceId, Option<&Resource>),
    members: Map<String, Value>,
) -> Result<Body, Fault> {
    let sent = known(members)?;
    let mut body = Body::kept(id, stored(kind, &sent)?);
    body.set_location(location(kind, (id, old), &sent)?);
    unserved::check(call, kind, &sent)?;
    identity(kind, &sent)?;
    Ok(body)
}

/// The members that are stored.
pub(crate) fn stored(kind: &Kind, sent: &Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    if sent.get("managedBy").is_some_and(|manager| !manager.is_string() && !manager.is_null()) {
        return Err(Fault::BodyInvalid("'managedBy' is not a string".to_owned()));
    }
    if sent.get("properties").is_some_and(|properties| !properties.is_object() && !properties.is_null()) {
        return Err(Fault::BodyInvalid("'properties' is not an object".to_owned()));
    }
    let mut body = sent.clone();
    spelling::put_right(&mut body, kind.of.spelled)?;
    body.retain(|name, _| match kind.of.stored {
        Some(stored) => stored.contains(&name.as_str()),
        None => !NOT_STORED.contains(&name.as_str()),
    });
    if let Some(Value::Object(properties)) = body.get_mut("properties") {
        properties.retain(|name, _| !kind.of.read_only.iter().any(|other| other.eq_ignore_ascii_case(name)));
    }
    Ok(body)
}

/// The location in its canonical form; it cannot change.
pub(crate) fn location(
    kind: &Kind,
    (id, old): (&ResourceId, Option<&Resource>),
    sent: &Map<String, Value>,
) -> Result<Option<String>, Fault> {
    let is = old.and_then(location_of);
    let location = match sent.get("location") {
        None | Some(Value::Null) => is.map(str::to_owned),
        Some(Value::String(text)) => {
            let name: String = Excerpt::of(text).into();
            let location = Location::parse(text);
            let location = location.ok_or_else(|| Fault::BodyInvalid(format!("'{name}' is not a location")))?;
            Some(location.to_string())
        }
        Some(_) => return Err(Fault::BodyInvalid("'location' is not a string".to_owned())),
    };
    match (is, location) {
        (Some(is), Some(asked)) if is != asked => {
            Err(Fault::OtherLocation { id: id.clone(), is: is.to_owned(), asked })
        }
        (_, None) if kind.of.location_required => Err(Fault::LocationMissing),
        (is, location) => {
            if let (None, Some(location)) = (is, &location) {
                (kind.of.check_location)(location)?;
                locations::check(&kind.name, location)?;
            }
            Ok(location)
        }
    }
}

/// The identity block, where there is one.
pub(crate) fn identity(kind: &Kind, sent: &Map<String, Value>) -> Result<Option<identity_block::Asked>, Fault> {
    let block = match sent.get("identity") {
        None | Some(Value::Null) => return Ok(None),
        Some(block) => block,
    };
    let asked = identity_block::read(block)?;
    match asked.as_ref().map_or("None", identity_block::Asked::type_text) {
        wanted if wanted != "None" && matches!(kind.of.identities, Identities::None | Identities::OfSet) => {
            Err(Fault::IdentityNotSupported { type_name: kind.name.to_string(), asked: wanted })
        }
        _ => Ok(asked),
    }
}
