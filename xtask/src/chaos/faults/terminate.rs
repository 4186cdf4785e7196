//! SIGTERM under load, and a start (row OP-01).

use super::super::scene::Scene;

pub(super) fn inject(scene: &mut Scene<'_>) -> Result<(), String> {
    scene.restart()
}
