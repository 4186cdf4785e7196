//! Reading the configuration again while it is served.

use super::configuration::Configuration;
use crate::say;
use bonafide_http::{Event, Log};
use bonafide_plane::Running;
use bonafide_types::enumerate_some;
use std::path::PathBuf;
use std::sync::Arc;

/// A configuration in force, and what it is in force for.
pub(super) struct Reload {
    pub(super) file: PathBuf,
    pub(super) configuration: Configuration,
    pub(super) plane: Arc<Running>,
    pub(super) log: Arc<Log>,
}

impl Reload {
    /// Takes over what can be: the certificate's files, resources, throttle and log. A configuration that cannot be used
    /// changes nothing, and neither does a certificate (OP-06, NP-02).
    pub(super) async fn reload(&mut self) {
        match self.plane.read_certificate_again() {
            Ok(()) => {}
            Err(why) => self.failed("certificateNotReloaded", &why),
        }
        let read = match Configuration::read(&self.file) {
            Ok(read) => read,
            Err(why) => return self.failed("configurationNotReloaded", &why),
        };
        let wanted = read.plane();
        let (plane, resources) = (Arc::clone(&self.plane), wanted.resources);
        // It waits for the store.
        match tokio::task::spawn_blocking(move || plane.register_apis(&resources)).await {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => return self.failed("configurationNotReloaded", &why),
            Err(why) => return self.failed("configurationNotReloaded", &why),
        }
        self.plane.throttle(wanted.throttle);
        self.log.quieten(read.is_quiet());
        let later = read.for_the_next_start(&self.configuration);
        say("the configuration was read again");
        if !later.is_empty() {
            say(&format!(
                "these members are other than at the start, and count from the next one: {}",
                enumerate_some(&later)
            ));
        }
    }

    fn failed(&self, event: &'static str, why: &dyn std::fmt::Display) {
        self.log.event(&Event::named(event), why);
        say(&format!("{why}; what was in force stays in force"));
    }
}
