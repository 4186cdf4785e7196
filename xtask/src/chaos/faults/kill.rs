//! `kill -9` under load, and a start: of all its processes at once, of the first one, or of the last (row DU-01).

use super::super::scene::Scene;
use rustix::process::{Pid, Signal, kill_process};

pub(super) fn inject(scene: &mut Scene<'_>) -> Result<(), String> {
    let tree = scene.node.tree();
    match (scene.chance.below(3), tree.as_slice()) {
        // The parent of the serving process starts it again.
        (0, [_, .., last]) => {
            let last = i32::try_from(*last).ok().and_then(Pid::from_raw);
            last.map_or(Ok(()), |last| kill_process(last, Signal::KILL)).map_err(|error| error.to_string())?;
            scene.shared.next_life();
            return Ok(());
        }
        (1, _) => {
            if let Err(why) = scene.node.kill_first() {
                scene.shared.violation(why);
            }
        }
        _ => scene.node.kill()?,
    }
    scene.start()
}
