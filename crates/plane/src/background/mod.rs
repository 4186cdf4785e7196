//! What goes on beside the listeners until `up` stops.

use crate::control_plane::ControlPlane;
use crate::tls::ServerIdentity;
use bonafide_http::Event;
use bonafide_http::Log;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long the view's follower waits before it looks by itself (other replicas do not wake it).
const FOLLOW_EVERY: Duration = Duration::from_millis(200);
/// How often certificates are looked at.
const RENEW_EVERY: Duration = Duration::from_secs(600);

/// Keeps the view up with the store, and tells who waits for it.
pub(crate) fn follow(
    tasks: &mut JoinSet<()>,
    plane: &Arc<ControlPlane>,
    revisions: watch::Sender<u64>,
    stopped: watch::Receiver<bool>,
) {
    let plane = Arc::clone(plane);
    tasks.spawn_blocking(move || {
        while !*stopped.borrow() {
            if let Err(error) = plane.follow(FOLLOW_EVERY) {
                plane.log.event(&Event::named("followFailed"), &error);
                // A store that is down is asked again; the view stays as it is meanwhile.
                std::thread::sleep(FOLLOW_EVERY);
            }
            let revision = plane.views.current().cursor().revision.0;
            revisions.send_if_modified(|known| std::mem::replace(known, revision) != revision);
        }
    });
}

/// Keeps the server's certificate young.
pub(crate) async fn renew(identity: Arc<ServerIdentity>, log: Arc<Log>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEW_EVERY) => {}
            () = bonafide_http::stopped(&mut stopped) => return,
        }
        // The old certificate has half of its life left; the next round tries again.
        if let Err(error) = identity.renew_if_due() {
            log.event(&Event::named("serverCertificateNotRenewed"), &error);
        }
    }
}
