//! The load: writers, readers and token callers, each on a thread of its own, until the run is over.

mod claims;
mod lists;
mod memory;
mod probes;
mod tokens;
mod writers;

use super::caller::{Caller, Write};
use super::chance::Chance;
use super::keys::{Cloud, GROUP, Key};
use super::shared::Shared;
use std::thread::Scope;
use std::time::Duration;

/// Keys of each writer.
const KEYS: usize = 6;
/// Groups at which a role comes and goes.
const PROBES: usize = 4;

/// The resources of the load.
pub(super) struct Load {
    /// The keys of each writer, by the name of its operations.
    writers: Vec<(&'static str, Vec<Key>)>,
    /// Roles of the machine, each with its group.
    roles: Vec<(Key, Key)>,
    /// An identity that comes and goes at the machine.
    visitor: Visitor,
    /// The client id of an identity that is never at the machine.
    foreign_client: String,
    /// The principal of the machine's own identity.
    principal: String,
    /// A key that none but the run itself writes.
    pub(super) steady: Key,
    /// Another: a role that can be revoked.
    pub(super) reserve: Key,
}

struct Visitor {
    /// The identity at the machine.
    assigned: Key,
    client: String,
    principal: String,
    /// The group at which it may read.
    group: Key,
}

impl Load {
    /// Makes what the load needs before it begins.
    pub(super) fn make(shared: &Shared) -> Result<Self, String> {
        let cloud = shared.cloud()?;
        let mut caller = Caller::new(shared);
        let mut make = |key: &Key| -> Result<serde_json::Value, String> {
            let answer = caller.write("making", key, &Write::put(&cloud, key, 0)).ok_or("the load cannot be made")?;
            answer.json().map_err(|error| format!("{}: {error}", key.id))
        };
        let probes: Vec<Key> = (0..PROBES).map(|at| cloud.group(&format!("probe-{at}"))).collect();
        let (group, steady) = (cloud.group("visited"), cloud.group("steady"));
        for one in probes.iter().chain([&cloud.group(GROUP), &group, &steady]) {
            make(one)?;
        }
        let visitor = cloud.identity("visitor");
        let (client, principal) = ids(&make(&visitor)?)?;
        make(&cloud.assignment("visited", &principal))?;
        let (foreign_client, _) = ids(&make(&cloud.identity("foreign"))?)?;
        let assigned = cloud.assigned_identity(&visitor);
        let machine = caller.manage(("GET", &assigned.id, assigned.version()), None)?;
        let machine = machine.json().map_err(|error| error.to_string())?;
        let own = machine["identity"]["principalId"].as_str().ok_or("the machine has no identity")?.to_owned();
        Ok(Self {
            writers: writers(&cloud),
            roles: probes
                .into_iter()
                .enumerate()
                .map(|(at, group)| (cloud.assignment(&format!("probe-{at}"), &own), group))
                .collect(),
            visitor: Visitor { assigned, client, principal, group },
            foreign_client,
            reserve: cloud.assignment("steady", &own),
            principal: own,
            steady,
        })
    }

    /// All keys: what is read back.
    pub(super) fn keys(&self) -> Vec<&Key> {
        let written = self.writers.iter().flat_map(|(_, keys)| keys);
        let probes = self.roles.iter().flat_map(|(role, group)| [role, group]);
        written
            .chain(probes)
            .chain([&self.visitor.assigned, &self.visitor.group, &self.steady, &self.reserve])
            .collect()
    }

    /// Starts all threads.
    pub(super) fn start<'s>(&'s self, scope: &'s Scope<'s, '_>, shared: &'s Shared, chance: &mut Chance) {
        for (name, keys) in &self.writers {
            let chance = chance.branch();
            scope.spawn(move || writers::write(shared, name, keys, chance));
        }
        let roles = chance.branch();
        scope.spawn(move || probes::grant_and_revoke(shared, &self.roles, roles));
        scope.spawn(move || probes::use_roles(shared, &self.roles));
        scope.spawn(move || probes::visit(shared, &self.visitor));
        scope.spawn(move || lists::read(shared));
        scope.spawn(move || memory::watch(shared));
        scope.spawn(move || tokens::cached(shared, &self.principal));
        scope.spawn(move || tokens::cached(shared, &self.principal));
        scope.spawn(move || tokens::new(shared));
        scope.spawn(move || tokens::foreign(shared, &self.foreign_client));
    }
}

fn writers(cloud: &Cloud) -> Vec<(&'static str, Vec<Key>)> {
    let keys = |key: &dyn Fn(usize) -> Key| (0..KEYS).map(key).collect();
    vec![
        ("write group", keys(&|at| cloud.group(&format!("group-{at}")))),
        ("write machine", keys(&|at| cloud.machine(&format!("machine-{at}")))),
        ("write machine", keys(&|at| cloud.machine(&format!("other-{at}")))),
        ("write identity", keys(&|at| cloud.identity(&format!("identity-{at}")))),
    ]
}

/// The client id and principal id of a user-assigned identity.
fn ids(identity: &serde_json::Value) -> Result<(String, String), String> {
    let id = |name: &str| identity["properties"][name].as_str().map(str::to_owned);
    id("clientId").zip(id("principalId")).ok_or_else(|| "an identity without ids".to_owned())
}

/// Waits between two operations; false when the run is over.
fn pause(shared: &Shared, time: Duration) -> bool {
    std::thread::sleep(time);
    !shared.is_over()
}
