//! Resource types. A type is one value, which owns its rights, its actions and its rules. The checks that all types
//! share are in `order/` and cannot be skipped.

use crate::command::{Call, Verb};
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::linked::Link;
use crate::order::place::Found;
use crate::order::write::Write;
use crate::outcome::Outcome;
pub(crate) use crate::stored::{Remembered, Stored};
use bonafide_core::access::{Allowed, Attributes};
use bonafide_core::directory::Resource;
use bonafide_core::view::View as Directory;
use bonafide_store::{ReadTx, Tx};
use bonafide_types::{ApiVersion, HostId, ResourceUuid, Timestamp};
use bonafide_wire::Parameters;
use http::Method;
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

/// An operation on a resource of a type beside reading, writing and deleting it.
#[derive(Debug)]
pub(crate) struct Action {
    /// The method.
    pub(crate) method: Method,
    /// The last segment of the path.
    pub(crate) name: &'static str,
    /// The action that a role must grant, without the type: `start/action`.
    pub(crate) right: &'static str,
    /// The function that runs it.
    pub(crate) run: Run,
}

impl Action {
    /// Changes the resource, where it does that.
    pub(crate) fn change(&self, write: &mut Write<'_, '_>) -> Result<(), Fault> {
        match self.run {
            Run::Read(_) | Run::Beside(_) => Ok(()),
            Run::Change(change) | Run::Quietly(change) => change(write),
        }
    }

    /// True for one that answers nothing, whatever goes on.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self.run, Run::Quietly(_))
    }
}

/// The function that runs an action.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    /// It answers from what is stored.
    Read(ReadFn),
    /// It changes the resource, by the same order as every write.
    Change(fn(&mut Write<'_, '_>) -> Result<(), Fault>),
    /// The same, and the answer is 204, though it may go on.
    Quietly(fn(&mut Write<'_, '_>) -> Result<(), Fault>),
    /// It changes what is no part of the resource, by the same order, and has an answer of its own.
    Beside(&'static Beside),
}

/// An action that changes what is no part of its resource.
#[derive(Debug)]
pub(crate) struct Beside {
    /// The other resources that it involves, with the rights that they take (`order/linked.rs`).
    pub(crate) links: fn(&Write<'_, '_>) -> Result<Vec<Link>, Fault>,
    /// The function that runs it.
    pub(crate) run: fn(&mut Write<'_, '_>) -> Result<Value, Fault>,
}

/// Answers from what is stored.
pub(crate) type ReadFn = fn(&ReadTx<'_>, &Call<'_>, &Access) -> Result<Outcome, Fault>;
/// Gives what a condition of a role may ask of a call beside its action.
pub(crate) type AttributesFn = fn(&Tx<'_>, &Call<'_>, &Access) -> Result<Attributes, Fault>;
/// Gives the etag of what a change is about, as it is; `None` if it is not there.
pub(crate) type TagFn = fn(&Tx<'_>, &Call<'_>, &Access) -> Result<Option<String>, Fault>;
/// Changes what is stored.
pub(crate) type ChangeFn = fn(&mut Tx<'_>, &Call<'_>, &Access, &Allowed) -> Result<Outcome, Fault>;

/// The place of a type's rows.
pub(crate) enum Rows {
    /// They are resources.
    Resources,
    /// The type has a table of its own, or none.
    Own(&'static Own),
}

/// The calls of a type whose rows are no resources. What is `None` is not offered.
pub(crate) struct Own {
    /// The only name that there is, where there is only one.
    pub(crate) only: Option<&'static str>,
    pub(crate) check_name: fn(&str) -> Result<(), Fault>,
    pub(crate) get: Option<ReadFn>,
    /// Says only whether a row is there.
    pub(crate) head: Option<ReadFn>,
    pub(crate) list: Option<(ListRight, ReadFn)>,
    /// True if locks do not stop it: a lock can be taken away.
    pub(crate) is_above_locks: bool,
    pub(crate) changes: Option<Changes>,
    /// The attributes of a change; of a type without any, what is granted under a condition is not granted.
    pub(crate) attributes: AttributesFn,
}

impl Own {
    /// A type that offers nothing.
    pub(crate) const NOTHING: Self = Self {
        only: None,
        check_name: |_| Ok(()),
        get: None,
        head: None,
        list: None,
        is_above_locks: false,
        changes: None,
        attributes: |_, _, _| Ok(Attributes::default()),
    };

    /// The function that does a change.
    pub(crate) fn change(&self, verb: Verb) -> Option<ChangeFn> {
        let changes = self.changes.as_ref()?;
        match verb {
            Verb::Put => changes.put,
            Verb::Patch => changes.patch,
            Verb::Delete => changes.delete,
            Verb::Get | Verb::Head | Verb::List | Verb::Action(_) => None,
        }
    }
}

/// The changes of rows that are no resources. What is `None` is not offered.
pub(crate) struct Changes {
    /// The etag of a row: no change is offered whose preconditions could not be checked.
    pub(crate) etag: TagFn,
    pub(crate) put: Option<ChangeFn>,
    pub(crate) patch: Option<ChangeFn>,
    pub(crate) delete: Option<ChangeFn>,
}

/// The roles that a list requires.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ListRight {
    /// A role that grants `{type}/read` at the scope.
    Granted,
    /// Any role near the scope: the list shows what belongs to the caller.
    Near,
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
