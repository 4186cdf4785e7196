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

impl AgentRuntime {
    /// Reads everything that is to run here, and applies it. Returns the place to watch from. Nothing is to run on a host
    /// that is frozen or disabled.
    pub async fn load(&self) -> Result<Watch, EnrolError> {
        let mut watch = Watch::default();
        if self.status().refusal.is_none() {
            let answer = self.desired(&watch).await?;
            self.take_over(&mut watch, &answer)?;
            self.fetch_instances().await;
        }
        Ok(watch)
    }

    /// Follows changes until told to stop. While the control plane is away, what is known stays in force.
    pub async fn watch(self: Arc<Self>, mut watch: Watch, mut stop: Stop) {
        loop {
            let answer = tokio::select! {
                answer = self.desired(&watch) => answer,
                () = stopped(&mut stop) => return,
            };
            let taken = answer.and_then(|answer| Ok(self.take_over(&mut watch, &answer)?));
            if taken.is_ok() {
                self.begin_to_fetch_instances();
            }
            if let Err(why) = taken {
                self.log.event(&Event::named("watchFailed"), &why);
                if self.status().refusal == Some(HostRefusal::Disabled) && self.purge() {
                    // All that is to run here later is new to it.
                    watch = Watch::default();
                }
                tokio::select! {
                    () = tokio::time::sleep(watch.pause(clock::world().entropy)) => {}
                    () = stopped(&mut stop) => return,
                }
            }
        }
    }

    fn take_over(&self, watch: &mut Watch, (status, body): &(StatusCode, Bytes)) -> Result<(), UpstreamFailure> {
        let placed = watch.apply(*status, body, &self.core);
        if let Some(placed) = placed.map_err(|error| UpstreamFailure::Answer(error.to_string()))? {
            self.keys.keep_only(&placed);
            self.changed.send_replace(());
        }
        Ok(())
    }

    async fn desired(&self, watch: &Watch) -> Result<(StatusCode, Bytes), EnrolError> {
        let limit = Duration::from_secs(DESIRED_WAIT_SECONDS_MAX) + GRACE;
        let request = HostRequest::get(watch.path(DESIRED_WAIT_SECONDS_MAX));
        Ok(self.link().await?.send(request, limit).await?)
    }
}
