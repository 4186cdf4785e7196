//! `{scope}/providers/Microsoft.Authorization/roleDefinitions`: the built-in roles, and the custom ones of the
//! tenant.

mod read;
mod sent;
mod show;
mod write;

use crate::resource_type::{Changes, ListRight, Own, ResourceType, Rows};
pub(super) use show::{id_at, permission};

pub(crate) static ROLE_DEFINITIONS: ResourceType = ResourceType {
    name: "Microsoft.Authorization/roleDefinitions",
    rows: Rows::Own(&Own {
        get: Some(read::get),
        list: Some((ListRight::Granted, read::list)),
        changes: Some(Changes { etag: write::etag, put: Some(write::put), patch: None, delete: Some(write::delete) }),
        ..Own::NOTHING
    }),
    ..ResourceType::PLAIN
};
