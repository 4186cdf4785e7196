//! Serving without the control plane: what the agent knew when it ended is given back at its start, and kept meanwhile.

use crate::agent::AgentRuntime;
use crate::enrol::EnrolError;
use crate::kept::{Facts, RefusedFile};
use crate::state::StateError;
use bonafide_http::{Event, Stop, clock, stopped};
use bonafide_metadata::host::{HostRefusal, Watch};
use bonafide_types::ResourceUuid;
use bonafide_wire::hosts::Desired;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Time for which changes of tokens are gathered before they are kept. Source: ours; a start is often asked for several.
const LINGER: Duration = Duration::from_millis(250);
/// Workloads whose tokens are kept without a pause. Source: ours.
const BATCH: usize = 64;
/// Bytes that are written in a second on the average. Source: ours; 1,000 workloads take two seconds.
const BYTES_PER_SECOND: u64 = 1024 * 1024;
/// Pause after a failure. Source: ours.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Time between two records of the moment. Source: ours; a clock that is set back while the machine is off prolongs a token
/// by no more.
const RECORD_EVERY: Duration = Duration::from_secs(600);
/// Longest time that a start waits for what is to run here where there is something to serve without it. Source: ours; with
/// that for a connection, less than the patience of clients that look for an endpoint once (azure-identity: 1 s).
const START_WAIT: Duration = Duration::from_millis(300);

impl AgentRuntime {
    /// Gives back what was kept, and reads what is to run here. Where the control plane does not answer in time, what was kept
    /// is in force until it does. `settings` are those of this process that tokens depend on: others, other tokens.
    ///
    /// # Errors
    /// Nothing was kept, and the control plane gave no answer.
    pub async fn begin(self: &Arc<Self>, settings: &str) -> Result<Watch, EnrolError> {
        let agent = Arc::clone(self);
        settings.clone_into(&mut agent.settings.lock().unwrap_or_else(PoisonError::into_inner));
        let given_back = tokio::task::spawn_blocking(move || agent.give_back()).await.unwrap_or_default();
        if !given_back {
            return self.load().await;
        }
        if self.membership.usable().is_none() && self.status().refusal.is_none() {
            // It was waited for already.
            return Ok(Watch::default());
        }
        match tokio::time::timeout(START_WAIT, self.load()).await {
            Ok(Ok(watch)) => Ok(watch),
            Ok(Err(why)) => {
                self.log.event(&Event::named("watchFailed"), &why);
                Ok(Watch::default())
            }
            Err(_late) => Ok(Watch::default()),
        }
    }

    /// Gives back what was kept. True where there was something.
    fn give_back(&self) -> bool {
        if matches!(self.status().refusal, Some(HostRefusal::Frozen | HostRefusal::Disabled)) {
            self.kept.turn_off();
            return false;
        }
        let Some(found) = self.kept.read() else { return false };
        let is_current = |facts: &Facts| {
            let authority = self.membership.held().map(|link| link.authority.clone());
            facts.settings == self.settings() && authority.is_none_or(|authority| authority == facts.authority)
        };
        let tokens = if is_current(&found.facts) { found.tokens } else { Vec::new() };
        self.core.apply(Desired {
            cursor: String::new(),
            complete: true,
            workloads: found.workloads,
            removed: Vec::new(),
            nonce: None,
        });
        self.instances.give_back(&self.core);
        let present = self.kept.present();
        // Something may have changed since the end of the process before.
        self.core.fall_behind(present.now);
        for (id, written, tokens) in tokens {
            self.core.give_back(id, tokens, &written, &found.seen, &present, &clock::world_at(present.now));
        }
        self.changed.send_replace(());
        true
    }

    /// Keeps tokens as they come, until told to stop.
    pub(crate) async fn keep(self: Arc<Self>, mut stop: Stop) {
        loop {
            tokio::select! {
                () = self.kept.wake.notified() => {}
                () = tokio::time::sleep(RECORD_EVERY) => {
                    let agent = Arc::clone(&self);
                    let _ = tokio::task::spawn_blocking(move || agent.kept.keep_moment()).await;
                    continue;
                }
                () = stopped(&mut stop) => break,
            }
            tokio::select! {
                () = tokio::time::sleep(LINGER) => {}
                () = stopped(&mut stop) => break,
            }
            while let Some(pause) = self.keep_some().await {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stopped(&mut stop) => break,
                }
            }
        }
        while self.keep_some().await.is_some_and(|pause| pause != AFTER_FAILURE) {}
        let agent = Arc::clone(&self);
        let _ = tokio::task::spawn_blocking(move || agent.kept.keep_moment()).await;
    }

    /// Keeps the tokens of the workloads that are due: the pause until the next, `None` where there were none.
    async fn keep_some(self: &Arc<Self>) -> Option<Duration> {
        let agent = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let due = agent.kept.take_due(BATCH);
            (!due.is_empty()).then(|| agent.keep_tokens(&due))
        })
        .await
        .ok()?
    }

    fn keep_tokens(&self, due: &[ResourceUuid]) -> Duration {
        let mut bytes = 0;
        for (at, id) in due.iter().enumerate() {
            match self.kept.keep_tokens(*id, || self.core.kept(*id, clock::now())) {
                Ok(written) => bytes += written,
                Err(why) => {
                    self.log.event(&Event::named("stateNotKept").with("file", "agent/kept/tokens"), &why);
                    due[at..].iter().for_each(|id| self.kept.touch(*id));
                    return AFTER_FAILURE;
                }
            }
        }
        Duration::from_millis(bytes * 1_000 / BYTES_PER_SECOND)
    }

    /// Keeps what is to run here now, after an answer of the control plane whose cursor is `cursor`. Returns when it is on the
    /// disk, where something was taken away, and otherwise at once: a removal that was told to have been taken over does not
    /// come back with a restart.
    pub(crate) async fn keep_desired(self: &Arc<Self>, cursor: &str) -> Result<(), EnrolError> {
        let facts = Facts {
            authority: self.membership.held().map(|link| link.authority.clone()).unwrap_or_default(),
            epoch: cursor.split('.').next().unwrap_or_default().to_owned(),
            settings: self.settings(),
        };
        let agent = Arc::clone(self);
        let (tell, told) = tokio::sync::oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let mut tell = Some(tell);
            if agent.kept.facts().is_some_and(|before| before != facts) {
                // Tokens of another issuer, or of a history that was taken back, are of no use.
                agent.core.forget_tokens();
            } else if !agent.kept.has_more_than(&agent.core.workloads()) {
                tell.take().map(|tell| tell.send(Ok(())));
            }
            let kept = agent.kept.keep_desired(facts, || agent.core.workloads());
            tell.take().map(|tell| tell.send(kept))
        });
        match told.await {
            Ok(Err(RefusedFile::Files(error))) => Err(StateError::from(error).into()),
            Ok(Ok(()) | Err(_)) | Err(_) => Ok(()),
        }
    }

    /// Keeps again, once a host that was frozen or disabled is one again.
    pub(crate) async fn keep_again(self: &Arc<Self>, cursor: &str) {
        if self.status().refusal.is_some() || !self.kept.turn_on() {
            return;
        }
        let _ = self.keep_desired(cursor).await;
        self.core.workloads().iter().for_each(|workload| self.kept.touch(workload.id));
    }

    fn settings(&self) -> String {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
