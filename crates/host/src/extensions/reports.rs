//! Reports to the control plane: the newest of each workload reaches it, whatever outage is between.

use crate::agent::AgentRuntime;
use crate::link::Link;
use bonafide_http::{Event, Log, Stop, clock, stopped};
use bonafide_metadata::host::{HostRequest, Refused};
use bonafide_types::ResourceUuid;
use bonafide_wire::hosts::{
    DETAIL_CHARS_MAX, DIALECTS_PATH, DialectsRequest, ExtensionReport, ExtensionState, VM_EXTENSION, extension_path,
};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// Longest time that one report may take. Source: ours.
const ANSWER: Duration = Duration::from_secs(5);
/// Shortest time between two reports on one workload: of what changes faster, the newest is told. Source: ours.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Pause after a report that did not get through, doubled up to the second figure. Source: ours, as when watching.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Time after which it is looked whether the agent has another certificate: it may be another host then.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The reports on all workloads.
pub(super) struct Reports {
    agent: Arc<AgentRuntime>,
    log: Arc<Log>,
    newest: Mutex<HashMap<ResourceUuid, Newest>>,
    news: Notify,
    /// The connection on which the dialects were told.
    announced_on: Mutex<Option<Arc<Link>>>,
}

/// The newest report on a workload.
struct Newest {
    run: Uuid,
    state: ExtensionState,
    detail: String,
    is_told: bool,
    not_before: Duration,
}

/// The outcome of sending something.
enum Told {
    Yes,
    /// The control plane does not want it: the workload is elsewhere, or another run is asked for.
    Unwanted,
    Later(String),
}

impl Reports {
    pub(super) fn new(agent: Arc<AgentRuntime>, log: Arc<Log>) -> Self {
        let (newest, news, announced_on) = (Mutex::default(), Notify::new(), Mutex::default());
        Self { agent, log, newest, news, announced_on }
    }

    /// The state of a workload's extension. The same once more is no news.
    pub(super) fn say(&self, workload: ResourceUuid, run: Uuid, state: ExtensionState, detail: String) {
        let detail: String = detail.chars().take(DETAIL_CHARS_MAX).collect();
        let mut newest = self.newest();
        let not_before = match newest.get(&workload) {
            Some(said) if (said.run, said.state, &said.detail) == (run, state, &detail) => return,
            Some(said) => said.not_before,
            None => Duration::ZERO,
        };
        newest.insert(workload, Newest { run, state, detail, is_told: false, not_before });
        self.news.notify_one();
    }

    /// Nothing is said any more of a workload.
    pub(super) fn forget(&self, workload: ResourceUuid) {
        self.newest().remove(&workload);
    }

    /// Tells that this agent serves the dialect, where that was not told on this connection.
    pub(super) async fn announce(&self) {
        if let Err(why) = self.try_announce().await {
            self.log.event(&Event::named("dialectsNotTold"), &why);
        }
    }

    async fn try_announce(&self) -> Result<(), String> {
        let link = self.agent.link().await.map_err(|error| error.to_string())?;
        let is_told = self.announced().as_ref().is_some_and(|on| Arc::ptr_eq(on, &link));
        if is_told {
            return Ok(());
        }
        match self.put(DIALECTS_PATH.to_owned(), &DialectsRequest { dialects: vec![VM_EXTENSION.to_owned()] }).await {
            Told::Later(why) => Err(why),
            Told::Yes | Told::Unwanted => {
                *self.announced() = Some(link);
                // A host that joined anew has said nothing yet.
                self.newest().values_mut().for_each(|report| report.is_told = false);
                Ok(())
            }
        }
    }

    /// Sends what is new until told to stop.
    pub(super) async fn send(self: Arc<Self>, mut stop: Stop) {
        let mut pause = PAUSE.0;
        loop {
            let sent = async {
                self.try_announce().await?;
                self.send_due().await
            };
            let wait = match sent.await {
                Ok(next) => {
                    pause = PAUSE.0;
                    next
                }
                Err(why) => {
                    self.log.event(&Event::named("extensionReportNotSent"), &why);
                    let wait = pause + clock::world().entropy.part_of(pause);
                    pause = (pause * 2).min(PAUSE.1);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = stopped(&mut stop) => return,
                    }
                    continue;
                }
            };
            tokio::select! {
                () = self.news.notified() => {}
                () = tokio::time::sleep(wait) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Sends every report whose time has come. Returns the time until the next has.
    async fn send_due(&self) -> Result<Duration, String> {
        let due: Vec<(ResourceUuid, ExtensionReport)> = {
            let now = clock::since_boot();
            let newest = self.newest();
            let due = newest.iter().filter(|(_, report)| !report.is_told && report.not_before <= now);
            due.map(|(id, report)| (*id, report.report())).collect()
        };
        for (workload, report) in due {
            let told = self.put(extension_path(workload), &report).await;
            if let Told::Later(why) = told {
                return Err(why);
            }
            let mut newest = self.newest();
            if let Some(said) = newest.get_mut(&workload) {
                said.not_before = clock::since_boot() + REPORT_EVERY;
                said.is_told |= (said.run, said.state, &said.detail) == (report.run, report.state, &report.detail);
            }
        }
        let newest = self.newest();
        let waiting = newest.values().filter(|report| !report.is_told).map(|report| report.not_before).min();
        Ok(waiting.map_or(LOOK_EVERY, |at| at.saturating_sub(clock::since_boot()).min(LOOK_EVERY)))
    }

    async fn put(&self, path: String, body: &impl Serialize) -> Told {
        let later = |why: &dyn std::fmt::Display| Told::Later(why.to_string());
        let link = match self.agent.link().await {
            Ok(link) => link,
            Err(error) => return later(&error),
        };
        let body = serde_json::to_vec(body).unwrap_or_default();
        match link.send(HostRequest::json(Method::PUT, path, Bytes::from(body)), ANSWER).await {
            Ok((status, _)) if status.is_success() => Told::Yes,
            Ok((status, answer)) => {
                let refused = Refused::read(&answer);
                let is_of_it = matches!(status, StatusCode::CONFLICT | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
                if is_of_it && refused.of_host().is_none() { Told::Unwanted } else { later(&refused) }
            }
            Err(error) => later(&error),
        }
    }

    fn newest(&self) -> MutexGuard<'_, HashMap<ResourceUuid, Newest>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announced(&self) -> MutexGuard<'_, Option<Arc<Link>>> {
        self.announced_on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Newest {
    fn report(&self) -> ExtensionReport {
        ExtensionReport { run: self.run, state: self.state, detail: self.detail.clone() }
    }
}
