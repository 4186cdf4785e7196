//! Resource types. A type is one value, which owns its rights, its actions and its rules. The checks that all types
//! share are in `order/` and cannot be skipped.

mod action;
mod own;

pub(crate) use action::{Action, Beside, Run};
pub(crate) use own::{ChangeFn, Changes, ListRight, Own, ReadFn, Rows, TagFn};

use crate::fault::Fault;
use crate::order::linked::Link;
use crate::order::place::Found;
use crate::order::write::Write;
pub(crate) use crate::stored::{Remembered, Stored};
use bonafide_core::directory::Resource;
use bonafide_core::view::View as Directory;
use bonafide_types::{ApiVersion, HostId, ResourceUuid, Timestamp};
use bonafide_wire::Parameters;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// A resource type.
pub(crate) struct ResourceType {
    /// Its name in Azure's spelling, from which its rights are made: `{name}/read`, `/write`, `/delete`.
    pub(crate) name: &'static str,
    /// The name that replies say, where it is another one.
    pub(crate) shown_as: Option<&'static str>,
    /// The path of its list, where that does not lie under `providers`.
    pub(crate) collection: Option<&'static str>,
    /// The date of the oldest api-version.
    pub(crate) oldest: &'static str,
    /// True where the versions are those of Resource Manager, which refuses others with another code.
    pub(crate) is_of_manager: bool,
    /// The identities that resources of the type can have.
    pub(crate) identities: Identities,
    /// True if a resource must have a location.
    pub(crate) location_required: bool,
    /// Checks the location of a new resource, in its canonical form.
    pub(crate) check_location: fn(&str) -> Result<(), Fault>,
    /// Checks a new resource's name.
    pub(crate) check_name: fn(&str) -> Result<(), Fault>,
    /// The top-level members that are stored; `None`: all that are sent.
    pub(crate) stored: Option<&'static [&'static str]>,
    /// Members of `properties` that clients send back but cannot set.
    pub(crate) read_only: &'static [&'static str],
    /// Members that the type reads, at any depth, in the spelling in which they are stored.
    pub(crate) spelled: &'static [&'static str],
    /// The fate of members that a PUT leaves out.
    pub(crate) absent: Absent,
    /// Checks and completes every PUT and PATCH of a resource, after the checks that all types share: the body, the
    /// identities and the tags are those that are to be stored. What it writes is in the write's own transaction.
    pub(crate) put: fn(&mut Write<'_, '_>) -> Result<(), Fault>,
    /// The other resources that a PUT or PATCH involves, with the rights that they take (`order/linked.rs`).
    pub(crate) links: fn(&Write<'_, '_>) -> Result<Vec<Link>, Fault>,
    /// Does what follows from a PUT or PATCH that is stored, in the same transaction.
    pub(crate) saved: fn(&mut Write<'_, '_>) -> Result<(), Fault>,
    /// The answer to a PUT that made a resource.
    pub(crate) created: Created,
    /// True if a reply repeats the etag in its body.
    pub(crate) etag_in_body: bool,
    /// True if the answer to a deletion that is not done has `Azure-AsyncOperation` beside `Location`.
    pub(crate) status_address: bool,
    /// Operations on a resource beside reading, writing and deleting it.
    pub(crate) actions: &'static [Action],
    /// True if lists of resources of every type have those of this one.
    pub(crate) is_in_lists_of_all: bool,
    /// True for a type that serves the extensions of [`PUBLISHER`](crate::types::compute::extensions::PUBLISHER) that its
    /// bodies name.
    pub(crate) serves_extensions: bool,
    /// The child of the type that a resource has by what it says, beside those that are stored.
    pub(crate) derived: fn(ResourceUuid, &Resource) -> Option<Found>,
    /// The place of its rows.
    pub(crate) rows: Rows,
    /// Completes the properties that a reply shows.
    pub(crate) view: fn(&View<'_>, &mut Map<String, Value>) -> Result<(), Fault>,
    /// Completes the members beside `properties` that a reply shows.
    pub(crate) members: fn(&View<'_>, &mut Map<String, Value>) -> Result<(), Fault>,
}

impl ResourceType {
    /// A type that is stored as it was sent (docs/adr/0003-properties-stored-as-sent.md).
    pub(crate) const PLAIN: Self = Self {
        name: "",
        shown_as: None,
        collection: None,
        oldest: "2014-01-01",
        is_of_manager: false,
        identities: Identities::Map,
        location_required: false,
        check_location: |_| Ok(()),
        check_name: |_| Ok(()),
        stored: None,
        read_only: &["provisioningState"],
        spelled: &[],
        absent: Absent::Goes,
        put: |_| Ok(()),
        links: |_| Ok(Vec::new()),
        saved: |_| Ok(()),
        created: Created::As201,
        etag_in_body: false,
        status_address: false,
        actions: &[],
        is_in_lists_of_all: true,
        serves_extensions: false,
        derived: |_, _| None,
        rows: Rows::Resources,
        view: |_, _| Ok(()),
        members: |_, _| Ok(()),
    };
}

/// The identities that resources of a type can have, and the form in which replies show user-assigned ones.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Identities {
    /// They have none.
    None,
    /// They have those of the scale set that they belong to, and none of their own.
    OfSet,
    /// In `userAssignedIdentities`.
    Map,
    /// In `identityIds` until this api-version.
    MapFrom(&'static str),
}

/// The fate of the members that a PUT of a resource leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// They go.
    Goes,
    /// Those beside `properties`, and those in it, stay; each that is sent takes the place of the old one whole.
    Stays,
    /// They stay at every depth, as in a PATCH; a list is sent whole.
    StaysInside,
}

/// The status of a PUT that made a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Created {
    /// 200.
    As200,
    /// 201.
    As201,
}

/// The source of a view.
pub(crate) struct View<'a> {
    /// The revision that is shown.
    pub(crate) tx: &'a dyn Stored,
    pub(crate) uuid: ResourceUuid,
    pub(crate) resource: &'a Resource,
    pub(crate) version: &'a ApiVersion,
    pub(crate) query: &'a Parameters,
    /// True for the answer to a GET of the resource alone.
    pub(crate) is_get: bool,
    pub(crate) now: Timestamp,
    /// The directory in memory, which knows the hosts that are connected.
    pub(crate) directory: &'a Directory,
}

impl View<'_> {
    /// True for a host whose agent asks for news now.
    pub(crate) fn is_connected(&self, host: HostId) -> bool {
        self.directory.is_host_connected(host, self.now)
    }

    /// True if `$expand` names a part.
    pub(crate) fn expands(&self, name: &str) -> bool {
        let expand = self.query.get("$expand").unwrap_or_default();
        expand.split(',').any(|word| word.trim().eq_ignore_ascii_case(name))
    }
}

/// A type as a request names it: one of the catalogue's, whose rules may be those of many.
#[derive(Clone)]
pub(crate) struct Kind {
    /// Its name in Azure's spelling.
    pub(crate) name: Cow<'static, str>,
    /// Its rules.
    pub(crate) of: &'static ResourceType,
}

impl Kind {
    /// The right to do something with resources of the type.
    pub(crate) fn right(&self, verb: &str) -> String {
        format!("{}/{verb}", self.name)
    }

    /// True when a reply in this version shows user-assigned identities as a list.
    pub(crate) fn lists_identities(&self, version: &ApiVersion) -> bool {
        matches!(self.of.identities, Identities::MapFrom(date) if !version.at_least(date))
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
