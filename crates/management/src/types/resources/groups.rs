//! Resource groups.

use crate::fault::Fault;
use crate::locations;
use crate::resource_type::{Identities, ResourceType, View};
use crate::types::GROUP_TYPE;
use bonafide_types::limits::RESOURCE_GROUP_NAME_BYTES_MAX;
use serde_json::{Map, Value};

pub(crate) static GROUPS: ResourceType = ResourceType {
    name: GROUP_TYPE,
    shown_as: Some("Microsoft.Resources/resourceGroups"),
    collection: Some("/subscriptions/{subscription}/resourceGroups"),
    oldest: "2014-04-01",
    is_of_manager: true,
    identities: Identities::None,
    location_required: true,
    check_location,
    check_name,
    stored: Some(&["location", "managedBy"]),
    view,
    ..ResourceType::PLAIN
};

/// Refuses a name with a character that no group's name has.
pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
    let name: String = name.chars().take(RESOURCE_GROUP_NAME_BYTES_MAX).collect();
    let wrong: String = name.chars().filter(|c| !c.is_ascii_alphanumeric() && !"-_.()".contains(*c)).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Fault::GroupNameInvalid { name, wrong }) }
}

/// Refuses a place that Azure does not have; resources in a group can lie elsewhere.
fn check_location(location: &str) -> Result<(), Fault> {
    let is_known = locations::names().contains(&location);
    if is_known {
        Ok(())
    } else {
        Err(Fault::GroupLocationUnknown { location: location.to_owned(), known: locations::names() })
    }
}

fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    let state = if view.resource.is_being_deleted() { "Deleting" } else { "Succeeded" };
    properties.insert("provisioningState".to_owned(), state.into());
    Ok(())
}
