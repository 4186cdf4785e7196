//! Watching what is to run on this host: the policy is `bonafide_metadata::host`.

use crate::agent::AgentRuntime;
use crate::enrol::EnrolError;
use crate::upstream::UpstreamFailure;
use bonafide_http::{Event, Stop, clock, stopped};
use bonafide_metadata::host::{HostRefusal, HostRequest, Watch};
use bonafide_wire::hosts::DESIRED_WAIT_SECONDS_MAX;
use bytes::Bytes;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// Time that an answer may take beyond the wait itself.
const GRACE: Duration = Duration::from_secs(5);
/// Longest time of a look for the sake of a request that is held. Source: ours; the request is answered then.
const LOOK: Duration = Duration::from_millis(450);
/// Shortest time between two attempts to reach a control plane that does not answer, whoever waits. Source: ours.
const ATTEMPT_EVERY: Duration = Duration::from_millis(200);

impl AgentRuntime {
    /// Reads everything that is to run here, and applies it. Returns the place to watch from. Nothing is to run on a host
    /// that is frozen or disabled.
    pub async fn load(self: &Arc<Self>) -> Result<Watch, EnrolError> {
        let mut watch = Watch::default();
        if self.status().refusal.is_some() {
            self.heard();
        } else {
            match self.desired(&watch, 0).await {
                // It was not said before, where the connection was slow to open.
                Err(why) if why.is_for_an_operator() => self.heard(),
                answer => {
                    self.take_over(&mut watch, &answer?).await?;
                    self.begin_to_fetch_instances();
                }
            }
        }
        Ok(watch)
    }

    /// Follows changes, and keeps what there is for the next start, until told to stop. While the control plane is away, what
    /// is known stays in force.
    pub async fn watch(self: Arc<Self>, watch: Watch, stop: Stop) {
        tokio::join!(Arc::clone(&self).follow(watch, stop.clone()), self.keep(stop));
    }

    async fn follow(self: Arc<Self>, mut watch: Watch, mut stop: Stop) {
        loop {
            let answer = tokio::select! {
                answer = self.news(&watch) => answer,
                () = stopped(&mut stop) => return,
            };
            let taken_over = match answer {
                Ok(answer) => self.take_over(&mut watch, &answer).await,
                Err(why) => Err(why),
            };
            if taken_over.is_ok() {
                self.begin_to_fetch_instances();
            }
            if let Err(why) = taken_over {
                self.log.event(&Event::named("watchFailed"), &why);
                match self.status().refusal {
                    // An answer, too: nothing is to run here.
                    Some(HostRefusal::Disabled | HostRefusal::Frozen) => self.heard(),
                    Some(HostRefusal::JoinAgain) | None => self.core.miss(clock::now()),
                }
                match self.status().refusal {
                    // All that is to run here later is new to it.
                    Some(HostRefusal::Disabled) if self.purge() => watch = Watch::default(),
                    // It goes on with what it has, but no start does: which of the two is the right one nobody knows.
                    Some(HostRefusal::Frozen) => self.kept.turn_off(),
                    Some(HostRefusal::Disabled | HostRefusal::JoinAgain) | None => {}
                }
                let pause = watch.pause(clock::world().entropy);
                tokio::select! {
                    () = tokio::time::sleep(pause.min(ATTEMPT_EVERY)) => {}
                    () = stopped(&mut stop) => return,
                }
                tokio::select! {
                    () = tokio::time::sleep(pause.saturating_sub(ATTEMPT_EVERY)) => {}
                    () = self.look.notified() => {}
                    () = stopped(&mut stop) => return,
                }
            }
        }
    }

    /// The next answer that says something. A request that is held has the control plane asked at once, beside the poll that
    /// waits; an answer of before must not be taken over after one that came later, so the poll ends with that.
    async fn news(&self, watch: &Watch) -> Result<(StatusCode, Bytes), EnrolError> {
        let poll = self.desired(watch, DESIRED_WAIT_SECONDS_MAX);
        let mut poll = std::pin::pin!(poll);
        loop {
            tokio::select! {
                answer = &mut poll => return answer,
                () = self.look.notified() => {}
            }
            tokio::select! {
                answer = &mut poll => return answer,
                looked = tokio::time::timeout(LOOK, self.desired(watch, 0)) => match looked {
                    Ok(Ok((status, body))) if watch.is_quiet(status, &body) => self.heard(),
                    Ok(Ok(answer)) => return Ok(answer),
                    Ok(Err(_)) | Err(_) => {
                        self.core.miss(clock::now());
                        self.looks.send_replace(());
                    }
                },
            }
        }
    }

    /// The control plane has answered, and what it said is in force.
    fn heard(&self) {
        self.core.hear(clock::now());
        self.looks.send_replace(());
    }

    /// All that was taken away is on the disk before the next request says that it was taken over.
    async fn take_over(
        self: &Arc<Self>,
        watch: &mut Watch,
        (status, body): &(StatusCode, Bytes),
    ) -> Result<(), EnrolError> {
        let before = watch.cursor().map(str::to_owned);
        let placed = watch.apply(*status, body, &self.core);
        let placed = placed.map_err(|error| {
            if *status == StatusCode::OK {
                // It was to say something.
                self.core.fall_behind(clock::now());
            }
            UpstreamFailure::Answer(error.to_string())
        })?;
        self.heard();
        let cursor = watch.cursor().unwrap_or_default().to_owned();
        self.keep_again(&cursor).await;
        let Some(placed) = placed else { return Ok(()) };
        self.keys.keep_only(&placed);
        self.changed.send_replace(());
        let kept = self.keep_desired(&cursor).await;
        if kept.is_err() {
            watch.go_back_to(before);
        }
        kept
    }

    async fn desired(&self, watch: &Watch, wait_seconds: u64) -> Result<(StatusCode, Bytes), EnrolError> {
        let limit = Duration::from_secs(DESIRED_WAIT_SECONDS_MAX) + GRACE;
        let request = HostRequest::get(watch.path(wait_seconds));
        Ok(self.link().await?.send(request, limit).await?)
    }
}
