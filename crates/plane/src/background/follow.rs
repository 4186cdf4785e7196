//! Following the store: the view shows its changes, those of other replicas too.

use crate::control_plane::ControlPlane;
use bonafide_http::{Event, Stop};
use bonafide_store::Trouble;
use std::time::Duration;
use tokio::sync::watch;

/// Longest wait for a change; then the follower looks by itself (other replicas do not wake it).
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Keeps the view up with the store, and tells those who wait for it.
pub(super) fn follow(plane: &ControlPlane, revisions: &watch::Sender<u64>, stop: &Stop) {
    let mut told = Vec::new();
    while !*stop.borrow() {
        tell(plane, &mut told);
        if let Err(error) = plane.follow(FOLLOW_EVERY) {
            plane.log.event(&Event::named("followFailed"), &error);
            // A store that is down is asked again; the view stays as it is meanwhile.
            std::thread::sleep(FOLLOW_EVERY);
        }
        tell_damage(plane);
        let revision = plane.views.current().cursor().revision.0;
        revisions.send_if_modified(|known| std::mem::replace(known, revision) != revision);
    }
}

/// Logs each trouble of the store once, when it begins.
fn tell(plane: &ControlPlane, told: &mut Vec<Trouble>) {
    let troubles = plane.store.troubles();
    for trouble in troubles.iter().filter(|trouble| !told.contains(trouble)) {
        plane.log.event(&Event::named(name(trouble)), trouble);
    }
    *told = troubles;
}

fn name(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::WritesStopped(_) => "storeWritesStopped",
        Trouble::DeletionsOnly => "storeReserveUsed",
        Trouble::MarkNotKept(_) => "storeMarkNotKept",
        Trouble::SecretsLeft(_) => "storeSecretsLeft",
        Trouble::BelowMark(_) => "storeBelowMark",
    }
}

/// Logs each damaged row once, without its content.
pub(crate) fn tell_damage(plane: &ControlPlane) {
    for row in plane.store.newly_damaged() {
        let event = Event::named("rowDamaged").with("table", row.table).with("row", &row.name).with("key", &row.key);
        plane.log.event(&event.apart(&row.name), &"it is not what was stored; restore the store from a backup");
    }
}
