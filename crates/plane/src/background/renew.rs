//! Renewing the server's certificate and the signing keys, and looking at the clock.

use super::signing_keys;
use crate::clock_check;
use crate::control_plane::ControlPlane;
use crate::lanes::Lanes;
use crate::tls::ServerIdentity;
use bonafide_http::{Event, Stop, clock, stopped};
use bonafide_wire::Lane;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks at the clock. Source: ours; as long as this a machine that wakes shows a certificate that
/// expired in its sleep. No timer runs meanwhile, so that none could be set to the moment itself.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Renews the certificate when half of its life is over, and when a clock that was set has put it out of its life; and
/// the signing key of a tenant that has none which is valid.
pub(super) async fn renew(plane: Arc<ControlPlane>, lanes: Arc<Lanes>, identity: Arc<ServerIdentity>, mut stop: Stop) {
    let log = &plane.log;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stopped(&mut stop) => return,
        }
        // The old certificate has half of its life left; the next round tries again.
        if let Err(error) = identity.renew_if_due() {
            log.event(&Event::named("serverCertificateNotRenewed"), &error);
        }
        if let Err(why) = clock_check::check(&plane.views.current(), clock::now()) {
            log.event(&Event::named("clockImplausible"), &why);
        }
        if !signing_keys::without(&plane).is_empty() {
            let at_work = Arc::clone(&plane);
            let renewed = lanes
                .of(Lane::System)
                .run(move || signing_keys::renew(&at_work).map_err(|error| error.to_string()))
                .await;
            if let Err(why) = renewed.unwrap_or_else(|error| Err(error.to_string())) {
                log.event(&Event::named("signingKeyNotRenewed"), &why);
            }
        }
    }
}
