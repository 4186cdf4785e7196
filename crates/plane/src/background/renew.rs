//! Renewing the server's certificate.

use crate::tls::ServerIdentity;
use bonafide_http::{Event, Log, Stop, stopped};
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks at the certificate.
const RENEW_EVERY: Duration = Duration::from_secs(600);

/// Renews the certificate when half of its life is over.
pub(super) async fn renew(identity: Arc<ServerIdentity>, log: Arc<Log>, mut stop: Stop) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEW_EVERY) => {}
            () = stopped(&mut stop) => return,
        }
        // The old certificate has half of its life left; the next round tries again.
        if let Err(error) = identity.renew_if_due() {
            log.event(&Event::named("serverCertificateNotRenewed"), &error);
        }
    }
}
