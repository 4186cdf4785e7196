//! The wall clock is set, forward or backward, while the process runs, and some time later set back (rows AV-07, AV-08,
//! KY-09, KY-12).

use super::super::caller::{Caller, access_token};
use super::super::scene::Scene;
use std::sync::Arc;
use std::time::Duration;

const HOUR: i64 = 3_600;
/// Steps, in seconds.
const STEPS: [i64; 6] = [-20, 30, -HOUR, HOUR, 26 * HOUR, 40];
const LASTS: Duration = Duration::from_secs(3);
/// Longest time until all works again: what has expired is made anew, and an agent that failed waits before it tries again.
pub(super) const RECOVERY: Duration = Duration::from_secs(30);

pub(super) fn inject(scene: &mut Scene<'_>) -> Result<(), String> {
    let step = STEPS[scene.chance.below(STEPS.len())];
    let clock = scene.shared.clock.clone();
    println!("  the clock is set {step} s ahead");
    clock.set(step)?;
    scene.clock_is_behind = step < 0;
    match scene.works_within(RECOVERY) {
        Ok(()) => {
            std::thread::sleep(LASTS);
            serves(scene, step);
        }
        Err(why) => scene.shared.violation(format!("{step} s ahead: {why}")),
    }
    clock.set(0)?;
    scene.clock_is_behind = false;
    Ok(())
}

/// Some time after the step, tokens and writes are as ever.
fn serves(scene: &mut Scene<'_>, step: i64) {
    let shared = Arc::clone(&scene.shared);
    let mut caller = Caller::new(&shared);
    let token = caller.metadata_token(None).and_then(|answer| access_token(&answer));
    let served = token.and_then(|_| scene.write_steady(&mut caller));
    if let Err(why) = served {
        shared.violation(format!("{step} s ahead: {why}"));
    }
}
