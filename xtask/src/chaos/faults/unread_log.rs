//! Nobody reads the log for some seconds: lines are lost, and no request waits.

use super::super::scene::Scene;
use std::time::Duration;

const LASTS: Duration = Duration::from_secs(5);

pub(super) fn inject(scene: &mut Scene<'_>) -> Result<(), String> {
    scene.shared.leave_log_unread(true);
    std::thread::sleep(LASTS);
    scene.shared.leave_log_unread(false);
    Ok(())
}
