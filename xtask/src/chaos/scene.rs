//! The scene of a fault: the process under test, its disk and clock, and the load; and the return to normal.

use super::caller::{Caller, Write, access_token};
use super::chance::Chance;
use super::disk::Disk;
use super::excuse::Excuse;
use super::load::Load;
use super::model::Value;
use super::node::{Node, NotStarted};
use super::preload::Preload;
use super::shared::Shared;
use crate::connection::request;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const GLANCE: Duration = Duration::from_millis(100);

/// All that a fault works with.
pub(super) struct Scene<'a> {
    pub(super) shared: Arc<Shared>,
    pub(super) load: &'a Load,
    pub(super) node: Node<'a>,
    pub(super) disk: Disk,
    pub(super) preload: &'a Preload,
    pub(super) chance: Chance,
    /// The clock was set back: health may say so.
    pub(super) clock_is_behind: bool,
    /// The number of the run's own write.
    pub(super) number: u64,
    /// The program that runs, for parts in a process of their own.
    pub(super) program: PathBuf,
}

impl Scene<'_> {
    /// Starts the process again after something explains that it is away. An error ends the run.
    pub(super) fn start(&mut self) -> Result<(), String> {
        match self.node.start() {
            Ok(()) => Ok(()),
            // Another start tells whether it is one start or all.
            Err(first) => {
                self.shared.violation(format!("it does not start: {first}"));
                self.node.start().map_err(|second: NotStarted| format!("it does not start again: {second}"))
            }
        }
    }

    /// Stops it as an operator does, and starts it again.
    pub(super) fn restart(&mut self) -> Result<(), String> {
        self.shared.set_excuse(Excuse::AWAY);
        if let Err(why) = self.node.stop() {
            self.shared.violation(why);
        }
        self.start()
    }

    /// The time until everything works again: cached and new tokens, a write, health. Not within the limit is a violation,
    /// and the process starts again so that the run goes on.
    pub(super) fn recover(&mut self, limit: Duration) -> Result<Duration, String> {
        let started = Instant::now();
        if let Err(why) = self.works_within(limit) {
            self.shared.violation(why);
            self.restart()?;
            self.works_within(limit).map_err(|why| format!("nor after a start: {why}"))?;
        }
        Ok(started.elapsed())
    }

    /// Waits until everything works.
    pub(super) fn works_within(&mut self, limit: Duration) -> Result<(), String> {
        let started = Instant::now();
        loop {
            match self.works() {
                Err(why) if started.elapsed() > limit => {
                    return Err(format!("not everything works again within {limit:?}: {why}"));
                }
                Err(_) => std::thread::sleep(GLANCE),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn works(&mut self) -> Result<(), String> {
        if let Some(status) = self.node.ended() {
            return Err(format!("the process has ended: {status}"));
        }
        let shared = Arc::clone(&self.shared);
        let mut caller = Caller::new(&shared);
        access_token(&caller.metadata_token(None)?).map_err(|why| format!("cached token: {why}"))?;
        access_token(&caller.operator_token()?).map_err(|why| format!("new token: {why}"))?;
        let ready = self.readiness(&mut caller)?;
        let only_clock = self.clock_is_behind && ready["clock"].as_str().is_some_and(|said| said != "ok");
        if ready["status"] != "ok" && !only_clock {
            return Err(format!("/readyz: {ready}"));
        }
        self.write_steady(&mut caller)
    }

    /// The answer of `/readyz`.
    pub(super) fn readiness(&self, caller: &mut Caller<'_>) -> Result<serde_json::Value, String> {
        let answer = caller.public(&request("GET", "/readyz", &[], ""), true)?;
        serde_json::from_slice(&answer.body).map_err(|error| format!("/readyz: {error}"))
    }

    /// A write of the run's own key.
    pub(super) fn write_steady(&mut self, caller: &mut Caller<'_>) -> Result<(), String> {
        let cloud = self.shared.cloud()?;
        self.number += 1;
        let steady = &self.load.steady;
        let answer = caller.write("steady write", steady, &Write::put(&cloud, steady, self.number));
        let written = answer.as_ref().is_some_and(|answer| answer.status < 300);
        written.then_some(()).ok_or_else(|| format!("a write: {:?}", answer.map(|answer| answer.status)))
    }

    /// Grants the role that can be revoked.
    pub(super) fn grant_reserve(&mut self) -> Result<(), String> {
        let shared = Arc::clone(&self.shared);
        let cloud = shared.cloud()?;
        let role = &self.load.reserve;
        Caller::new(&shared).write("write role", role, &Write::put(&cloud, role, 0));
        Ok(())
    }

    /// Revokes it, which must succeed within a limit whatever the fault.
    pub(super) fn revoke_reserve(&mut self, limit: Duration) {
        let shared = Arc::clone(&self.shared);
        let mut caller = Caller::new(&shared);
        let (role, started) = (&self.load.reserve, Instant::now());
        let absent = || shared.model().definite(&role.name()).is_some_and(|(value, _)| value == Value::Absent);
        while !absent() {
            caller.write("revoke", role, &Write::delete(role));
            if started.elapsed() > limit {
                let wrong = shared.model().wrong(&role.name(), "cannot be revoked");
                return shared.check(Err(wrong));
            }
            std::thread::sleep(GLANCE);
        }
    }
}
