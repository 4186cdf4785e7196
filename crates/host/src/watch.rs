//! Watching what is to run on this host.

use crate::agent::AgentRuntime;
use crate::enrol::refusal;
use crate::upstream::UpstreamFailure;
use bonafide_http::Event;
use bonafide_http::{Stop, stopped};
use bonafide_wire::hosts::{DESIRED_PATH, DESIRED_WAIT_SECONDS_MAX, Desired};
use bytes::Bytes;
use http::{Method, StatusCode};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Pause after a failure, doubled up to the second figure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How much longer than the wait itself an answer may take.
const GRACE: Duration = Duration::from_secs(5);

impl AgentRuntime {
    /// Reads everything that is to run here, and applies it. Returns the cursor to watch from.
    pub async fn load(&self) -> Result<String, UpstreamFailure> {
        let desired = self.desired(None).await?;
        Ok(self.take_over(desired))
    }

    /// Follows changes from a cursor until told to stop. While the control plane is away, what is
    /// known stays in force.
    pub async fn watch(self: Arc<Self>, mut cursor: String, mut stop: Stop) {
        let mut pause = PAUSE.0;
        loop {
            let desired = tokio::select! {
                desired = self.desired(Some(&cursor)) => desired,
                () = stopped(&mut stop) => return,
            };
            match desired {
                Ok(desired) => {
                    pause = PAUSE.0;
                    cursor = self.take_over(desired);
                }
                Err(why) => {
                    self.log.event(&Event::named("watchFailed"), &why);
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = stopped(&mut stop) => return,
                    }
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
            // A renewal that fails is tried again after the next wait, for half a certificate's life.
            if let Err(why) = self.renew_if_due().await {
                self.log.event(&Event::named("hostCertificateNotRenewed"), &why);
            }
        }
    }

    fn take_over(&self, desired: Desired) -> String {
        let cursor = desired.cursor.clone();
        if desired.complete || !desired.workloads.is_empty() || !desired.removed.is_empty() {
            self.core.apply(desired);
            let workloads = self.core.workloads();
            let placed: HashSet<_> =
                workloads.iter().flat_map(|workload| workload.identities.iter().map(|one| one.principal_id)).collect();
            self.keys.keep_only(&placed);
        }
        cursor
    }

    async fn desired(&self, after: Option<&str>) -> Result<Desired, UpstreamFailure> {
        let path = match after {
            None => DESIRED_PATH.to_owned(),
            Some(after) => format!("{DESIRED_PATH}?after={after}&wait={DESIRED_WAIT_SECONDS_MAX}"),
        };
        let limit = Duration::from_secs(DESIRED_WAIT_SECONDS_MAX) + GRACE;
        let (status, body) =
            self.link().upstream.send(Method::GET, &path, "application/json", Bytes::new(), limit).await?;
        if status != StatusCode::OK {
            return Err(UpstreamFailure::Answer(refusal(&body)));
        }
        serde_json::from_slice(&body).map_err(|error| UpstreamFailure::Answer(error.to_string()))
    }
}
