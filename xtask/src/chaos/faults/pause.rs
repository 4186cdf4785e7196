//! SIGSTOP for some seconds, and SIGCONT.

use super::super::scene::Scene;
use rustix::process::Signal;
use std::time::Duration;

pub(super) fn inject(scene: &mut Scene<'_>) -> Result<(), String> {
    let seconds = scene.chance.between(1, 7);
    scene.node.signal_all(Signal::STOP);
    std::thread::sleep(Duration::from_secs(seconds as u64));
    scene.node.signal_all(Signal::CONT);
    Ok(())
}
