//! The cloud that a transcript plays in, and the words that prepare it.

use crate::agent::Host;
use crate::ask::Answer;
use crate::cloud::{Cloud, Realm};
use crate::people::Person;
use crate::resources::{Machine, ManagedIdentity};
use bonafide_core::placement::HOSTS;
use bonafide_core::tokens::TokenVersion;
use bonafide_metadata::dialects::IMDS;
use bonafide_metadata::{Dialect, Options};
use bonafide_store::Read;
use bonafide_types::HostId;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The group that machines and identities are made in.
pub(super) const GROUP: &str = "rg";

/// The objects that a transcript has prepared, and the values that it has kept.
pub struct Script {
    /// The cloud.
    pub cloud: Cloud,
    pub(super) second: Option<Realm>,
    pub(super) people: BTreeMap<String, Person>,
    pub(super) machines: BTreeMap<String, Machine>,
    pub(super) identities: BTreeMap<String, ManagedIdentity>,
    pub(super) hosts: BTreeMap<String, HostId>,
    pub(super) kept: BTreeMap<String, String>,
    pub(super) caller: Option<String>,
    pub(super) workload: Option<String>,
    pub(super) dialect: &'static Dialect,
    pub(super) from: Option<SocketAddr>,
    /// The host chosen with `over`; `None` is the surface's own choice.
    pub(super) over: Option<Option<HostId>>,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// A new cloud, in which the operator acts.
    pub fn new() -> Self {
        let cloud = Cloud::with(Options::default());
        let people = BTreeMap::from([("operator".to_owned(), cloud.home.operator.clone())]);
        let hosts = BTreeMap::from([("local".to_owned(), cloud.local.id)]);
        Self {
            cloud,
            second: None,
            people,
            machines: BTreeMap::new(),
            identities: BTreeMap::new(),
            hosts,
            kept: BTreeMap::new(),
            caller: Some("operator".to_owned()),
            workload: None,
            dialect: &IMDS,
            from: None,
            over: None,
        }
    }

    /// Prepares what a `given` line says.
    ///
    /// | words | prepare |
    /// |---|---|
    /// | `group NAME` | a resource group |
    /// | `identity NAME` | a user-assigned identity in group `rg`, which is made with the first |
    /// | `vm NAME [with identities [system, NAME, …]]` | a machine in group `rg`, placed on the host; identities that are not there are made |
    /// | `vm NAME with N children` | the same, with so many extensions below it |
    /// | `N role assignments`, `N custom roles` | so many at the subscription |
    /// | `user NAME` | an application with a secret and a certificate, and no role |
    /// | `role NAME… for WHOM at SCOPE` | a built-in role for a user or identity at `root`, `subscription`, `group NAME`, `vm NAME` or `identity NAME` |
    /// | `second tenant` | another tenant with its subscription; its operator is `operator2` |
    /// | `… in second tenant` | a user or identity of that tenant |
    /// | `vm NAME deleted`, `identity NAME deleted`, `group NAME deleted` | the deletion |
    /// | `identity NAME taken from VM` | the assignment ended |
    /// | `user NAME disabled`, `host NAME disabled` | what it says |
    /// | `resource URI of USER`, `… version 2` | an application registered as a resource, for tokens of version 1 or 2 |
    /// | `invitation NAME` | a one-use token to join as a host, `{NAME.invitation}` |
    /// | `host NAME` | another host, which has joined |
    /// | `host offline`, `host online` | the host's connection to the control plane |
    /// | `N token requests` | so many requests for a token, whose replies are not looked at |
    /// | `time passes N s` | what it says |
    pub fn given(&mut self, words: &str) -> Result<(), String> {
        let list: Vec<&str> = words.split_whitespace().collect();
        match list[..] {
            ["second", "tenant"] => {
                let realm = self.cloud.second_tenant();
                self.people.insert("operator2".to_owned(), realm.operator.clone());
                self.second = Some(realm);
            }
            ["group", name] => self.cloud.make_group(&self.cloud.home, name),
            ["group", name, "deleted"] => {
                let path = format!("{}/resourceGroups/{name}", self.cloud.home.root());
                let _ = self.cloud.call(&self.cloud.home.operator, "DELETE", &path, None).expect(200);
            }
            ["identity", name] => self.identity(name, false)?,
            ["identity", name, "in", "second", "tenant"] => self.identity(name, true)?,
            ["identity", name, "deleted"] => {
                let identity = found(&self.identities, name)?.clone();
                let _ = self.delete(identity.id.as_str()).expect(200);
            }
            ["identity", name, "disabled"] => {
                let identity = found(&self.identities, name)?;
                self.cloud.set_enabled(identity.principal, false);
            }
            ["identity", name, "taken", "from", machine] => self.take(name, machine)?,
            ["vm", name, "deleted"] => {
                let machine = found(&self.machines, name)?.clone();
                let _ = self.delete(machine.id.as_str()).expect(200);
            }
            ["vm", name] => self.machine(name, "")?,
            ["vm", name, "with", "identities", ..] => {
                let names = words.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
                self.machine(name, names.ok_or("identities stand in brackets")?)?;
            }
            ["vm", name, "with", count, "children"] => {
                self.machine(name, "")?;
                self.cloud.make_children(found(&self.machines, name)?, number(count)?);
            }
            ["user", name] => self.user(name, false)?,
            ["user", name, "in", "second", "tenant"] => self.user(name, true)?,
            ["user", name, "disabled"] => {
                let user = found(&self.people, name)?;
                self.cloud.set_enabled(user.principal, false);
            }
            ["role", ..] => self.role(&words["role ".len()..])?,
            ["resource", uri, "of", user] => self.register(uri, user, TokenVersion::V1)?,
            ["resource", uri, "of", user, "version", "2"] => self.register(uri, user, TokenVersion::V2)?,
            ["invitation", name] => {
                let (id, token) = Host::invite(&self.cloud, name);
                self.hosts.insert(name.to_owned(), id);
                self.kept.insert(format!("{name}.invitation"), token);
            }
            ["host", "offline"] => self.cloud.local.set_offline(true),
            ["host", "online"] => self.cloud.local.set_offline(false),
            ["host", name] => {
                let host = Host::join(&self.cloud, name, Options::default());
                self.hosts.insert(name.to_owned(), host.id);
            }
            ["host", name, "disabled"] => {
                let id = *found(&self.hosts, name)?;
                self.cloud.change(|tx| {
                    let mut host = tx.get(&HOSTS, &id)?.unwrap();
                    host.enabled = false;
                    tx.put(&HOSTS, &id, &host)
                });
            }
            ["time", "passes", seconds, "s"] => {
                self.cloud.advance(seconds.parse().map_err(|_| "a number of seconds is missing")?);
            }
            [count, "role", "assignments"] => {
                self.cloud.make_role_assignments(&self.cloud.home, number(count)?);
            }
            [count, "custom", "roles"] => self.cloud.make_custom_roles(&self.cloud.home, number(count)?),
            [count, "token", "requests"] => {
                let machine = self.chosen()?.clone();
                for _ in 0..number(count)? {
                    let _: Answer = self.cloud.workload_token(&machine, "https://vault.azure.net", "");
                }
            }
            _ => return Err(format!("no one knows how to prepare '{words}'")),
        }
        self.cloud.round();
        Ok(())
    }

    /// The machine whose endpoint is asked.
    pub(super) fn chosen(&self) -> Result<&Machine, String> {
        match &self.workload {
            Some(name) => found(&self.machines, name),
            None => Err("there is no machine".to_owned()),
        }
    }

    /// The host of this name, or whose id was kept under it.
    pub(super) fn host(&self, name: &str) -> Result<HostId, String> {
        let kept = self.kept.get(name).and_then(|id| id.parse().ok());
        kept.map_or_else(|| found(&self.hosts, name).copied(), Ok)
    }

    fn realm(&self, second: bool) -> Result<Realm, String> {
        if second {
            self.second.clone().ok_or("there is no second tenant".to_owned())
        } else {
            Ok(self.cloud.home.clone())
        }
    }

    fn user(&mut self, name: &str, second: bool) -> Result<(), String> {
        let realm = self.realm(second)?;
        self.people.insert(name.to_owned(), self.cloud.application(realm.tenant, name));
        Ok(())
    }

    fn identity(&mut self, name: &str, second: bool) -> Result<(), String> {
        let realm = self.realm(second)?;
        self.cloud.make_group(&realm, GROUP);
        self.identities.insert(name.to_owned(), self.cloud.make_identity(&realm, GROUP, name));
        Ok(())
    }

    fn machine(&mut self, name: &str, identities: &str) -> Result<(), String> {
        let names: Vec<&str> = identities.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        for name in names.iter().filter(|name| **name != "system") {
            if !self.identities.contains_key(*name) {
                self.identity(name, false)?;
            }
        }
        let realm = self.cloud.home.clone();
        self.cloud.make_group(&realm, GROUP);
        let users: Vec<&ManagedIdentity> =
            names.iter().filter(|name| **name != "system").map(|name| &self.identities[*name]).collect();
        let machine = self.cloud.make_machine(&realm, GROUP, name, names.contains(&"system"), &users);
        self.cloud.place(&machine.id);
        self.machines.insert(name.to_owned(), machine);
        self.workload.get_or_insert(name.to_owned());
        Ok(())
    }

    /// Registers an application as a resource, which has no surface yet.
    fn register(&self, uri: &str, user: &str, version: TokenVersion) -> Result<(), String> {
        let user = found(&self.people, user)?;
        self.cloud.register_resource(user, uri, version);
        Ok(())
    }

    fn take(&self, name: &str, machine: &str) -> Result<(), String> {
        let (identity, machine) = (found(&self.identities, name)?, found(&self.machines, machine)?);
        let body: Value = json!({"identity": {"userAssignedIdentities": {identity.id.as_str(): null}}});
        let _ = self.cloud.call(&self.cloud.home.operator, "PATCH", machine.id.as_str(), Some(&body)).expect(200);
        Ok(())
    }

    fn delete(&self, id: &str) -> Answer {
        self.cloud.call(&self.cloud.home.operator, "DELETE", id, None)
    }

    fn role(&self, words: &str) -> Result<(), String> {
        let (role, rest) = words.split_once(" for ").ok_or("a role is for somebody")?;
        let (whom, scope) = rest.split_once(" at ").ok_or("a role is at a scope")?;
        let home = &self.cloud.home;
        let scope = match scope.split_whitespace().collect::<Vec<_>>()[..] {
            ["root"] => String::new(),
            ["subscription"] => home.root(),
            ["group", name] => format!("{}/resourceGroups/{name}", home.root()),
            ["vm", name] => found(&self.machines, name)?.id.to_string(),
            ["identity", name] => found(&self.identities, name)?.id.to_string(),
            _ => return Err(format!("'{scope}' is no scope")),
        };
        self.cloud.grant(home, self.principal(whom)?, role, &scope);
        Ok(())
    }

    pub(super) fn principal(&self, name: &str) -> Result<bonafide_types::ObjectId, String> {
        if let Some(person) = self.people.get(name) {
            return Ok(person.principal);
        }
        if let Some(identity) = self.identities.get(name) {
            return Ok(identity.principal);
        }
        found(&self.machines, name)?.principal.ok_or(format!("'{name}' has no system-assigned identity"))
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("'{text}' is no number"))
}

/// The object of this name.
pub(super) fn found<'a, T>(map: &'a BTreeMap<String, T>, name: &str) -> Result<&'a T, String> {
    map.get(name).ok_or_else(|| format!("nothing is called '{name}'"))
}
