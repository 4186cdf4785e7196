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
        let certificate = self.plane.read_certificate_again().map_err(|why| {
            self.log.event(&Event::named("certificateNotReloaded"), &why);
            why.to_string()
        });
        let read = match Configuration::read(&self.file) {
            Ok(read) => read,
            Err(why) => return self.failed(&why, certificate),
        };
        let wanted = read.plane();
        let (plane, resources) = (Arc::clone(&self.plane), wanted.resources);
        // It waits for the store.
        match tokio::task::spawn_blocking(move || plane.register_apis(&resources)).await {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => return self.failed(&why, certificate),
            Err(why) => return self.failed(&why, certificate),
        }
        self.plane.throttle(wanted.throttle);
        self.log.quieten(read.is_quiet());
        let later = read.for_the_next_start(&self.configuration);
        say(&match certificate {
            Ok(()) => "the configuration was read again".to_owned(),
            Err(why) => format!(
                "the configuration was read again, but not its certificate: {why}; for that what was in force stays in force"
            ),
        });
        if !later.is_empty() {
            say(&format!(
                "these members are other than at the start, and count from the next one: {}",
                enumerate_some(&later)
            ));
        }
    }

    /// Tells of a configuration that is not taken over, with the certificate that is not either.
    fn failed(&self, why: &dyn std::fmt::Display, certificate: Result<(), String>) {
        self.log.event(&Event::named("configurationNotReloaded"), why);
        let certificate = certificate.err().map(|why| format!("; {why}")).unwrap_or_default();
        say(&format!("{why}{certificate}; what was in force stays in force"));
    }
}
