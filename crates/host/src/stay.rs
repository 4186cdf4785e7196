//! Staying a host of the control plane, whatever the clock does, until an operator decides otherwise.

use crate::agent::AgentRuntime;
use crate::enrol::EnrolError;
use crate::link::Link;
use bonafide_http::{Event, Stop, clock, stopped};
use bonafide_types::Phase;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks at the clock. Source: ours; a timer set to the end of a certificate would not count sleep.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Shortest time after a renewal that failed before the next attempt, and half of the longest: the certificate in use is good
/// for hours. Source: ours.
const RENEW_EVERY: Duration = Duration::from_secs(30);

impl AgentRuntime {
    /// The connection to use now: as it is or, where its certificate opens nothing any more, under a new one.
    pub(crate) async fn link(&self) -> Result<Arc<Link>, EnrolError> {
        if let Some(link) = self.membership.usable() {
            return Ok(link);
        }
        let restored = self.membership.restored().await;
        match &restored {
            Err(EnrolError::Lately(_)) | Ok(_) => {}
            Err(why) => self.log.event(&Event::named("hostNotJoined"), why),
        }
        restored
    }

    /// Keeps the certificate good until told to stop, whether anybody asks for anything or not.
    pub async fn stay(self: Arc<Self>, mut stop: Stop) {
        let mut renew_at = Duration::ZERO;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stopped(&mut stop) => return,
            }
            self.core.look_at_clock(clock::now(), clock::since_boot());
            let held = self.membership.held();
            match held.as_ref().map_or(Phase::Outside, |link| link.phase()) {
                Phase::Fresh => {}
                // The log says the reason why not.
                Phase::Outside => drop(self.link().await),
                Phase::Due if clock::since_boot() < renew_at => {}
                Phase::Due => {
                    let Some(link) = held else { continue };
                    if let Err(why) = self.membership.renewed(&link).await {
                        renew_at = clock::since_boot() + RENEW_EVERY + clock::world().entropy.part_of(RENEW_EVERY);
                        self.log.event(&Event::named("hostCertificateNotRenewed"), &why);
                    }
                }
            }
        }
    }

    /// Forgets all that a host that is disabled must not have: what runs here, tokens, keys (KY-10). True when there was
    /// something.
    pub(crate) fn purge(&self) -> bool {
        let was_member = self.membership.forget();
        if was_member {
            self.core.forget_all();
            self.keys.keep_only(&HashSet::new());
            self.kept.turn_off();
            self.instances.keep_only(&HashSet::new());
            self.changed.send_replace(());
        }
        was_member
    }
}
