//! A full disk, and room again: tokens go on, writes fail cleanly, revocations succeed, and a start succeeds (rows DU-04,
//! AU-05).

use super::super::excuse::Excuse;
use super::super::scene::Scene;
use std::time::Duration;

const LASTS: Duration = Duration::from_secs(4);
/// Longest time until a revocation succeeds.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

/// Fills it, and makes room.
pub(super) fn inject(scene: &mut Scene<'_>) -> Result<(), String> {
    scene.grant_reserve()?;
    scene.disk.fill()?;
    std::thread::sleep(LASTS);
    scene.revoke_reserve(REVOKED_WITHIN);
    scene.disk.make_room()
}

/// The same with a start in between.
pub(super) fn start(scene: &mut Scene<'_>) -> Result<(), String> {
    scene.grant_reserve()?;
    scene.disk.fill()?;
    std::thread::sleep(LASTS);
    scene.shared.set_excuse(Excuse::AWAY);
    if let Err(why) = scene.node.stop() {
        scene.shared.violation(why);
    }
    // A process that ends gives space back.
    scene.disk.fill()?;
    let started = scene.node.start();
    if let Err(why) = &started {
        scene.shared.violation(format!("on a full disk {why}"));
    } else {
        scene.shared.set_excuse(Excuse::NO_WRITES);
        scene.revoke_reserve(REVOKED_WITHIN);
    }
    scene.disk.make_room()?;
    if started.is_err() {
        scene.start()?;
    }
    Ok(())
}
