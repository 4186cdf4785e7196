//! Flipped bits in the database or its log while the process is stopped: the start is refused with one line, or every
//! answer is right, or a row is missing and `/readyz` names it (row DU-05). The way back is the backup of before (row OP-05).

use super::super::caller::Caller;
use super::super::disk;
use super::super::node::NotStarted;
use super::super::scene::Scene;
use super::super::verify::read_back;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const BITS_MAX: usize = 40;
/// The database and its log, below the data directory.
const FILES: [&str; 2] = ["store/store.db", "store/store.db-wal"];

pub(super) fn inject(scene: &mut Scene<'_>) -> Result<(), String> {
    let shared = Arc::clone(&scene.shared);
    let _nobody = shared.nobody_writes();
    let backup = shared.folder.join("backup");
    let backup_text = backup.display().to_string();
    // A backup replaces none.
    let _ = std::fs::remove_file(&backup);
    if let Err(why) = scene.node.run("backup", &[&backup_text]) {
        shared.violation(why);
    }
    let model = shared.model().clone();
    match scene.chance.below(2) {
        0 => scene.node.kill()?,
        _ => scene.node.stop()?,
    }
    let cold = Cold::copy(&scene.node.data, &shared.folder)?;
    flip(scene)?;
    match scene.node.start() {
        Ok(()) => look(scene),
        Err(NotStarted::Refused(line)) => {
            shared
                .tally()
                .operation("start on flipped bits", format!("refused: {}", in_short(&line, &scene.node.data)));
        }
        Err(broken) => shared.violation(format!("on flipped bits {broken}")),
    }
    scene.node.kill()?;
    let restored = scene.node.run("restore", &[&backup_text, "--accept-older"]);
    clear(&scene.node.data)?;
    let started = restored.and_then(|()| scene.node.start().map_err(|why| format!("after a restore {why}")));
    if let Err(why) = started {
        shared.violation(why);
        scene.node.kill()?;
        cold.put_back(&scene.node.data)?;
        scene.start()?;
    }
    shared.model().put_back(&model);
    Ok(())
}

/// Deletes what a restore put aside: the disk is small.
fn clear(data: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", data.display());
    for entry in std::fs::read_dir(data).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains("before-") {
            std::fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// A refusal without the paths of the run.
fn in_short(line: &str, data: &Path) -> String {
    line.replace(&data.display().to_string(), "…").chars().take(120).collect()
}

/// Reads everything from a process that has started on flipped bits: what is missing is named, once it was read.
fn look(scene: &Scene<'_>) {
    let back = read_back(&scene.shared, scene.load, true);
    let outcome = match scene.readiness(&mut Caller::new(&scene.shared)) {
        Ok(ready) if ready["status"] != "ok" => "damage named",
        Ok(_) if back.missing.is_empty() => "nothing missing",
        Ok(ready) => {
            let missing = back.missing.join("\n      ");
            scene
                .shared
                .violation(format!("on flipped bits something is missing and nothing named: {ready}\n      {missing}"));
            "something missing"
        }
        Err(why) => return scene.shared.violation(format!("on flipped bits {why}")),
    };
    scene.shared.tally().operation("start on flipped bits", outcome.to_owned());
}

/// Flips some bits of one of the files.
fn flip(scene: &mut Scene<'_>) -> Result<(), String> {
    let files = FILES.map(|name| scene.node.data.join(name));
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |found| found.len());
    let there: Vec<&PathBuf> = files.iter().filter(|path| size(path) > 0).collect();
    let path = *there.get(scene.chance.below(there.len())).ok_or("there is no database")?;
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::options().read(true).write(true).open(path).map_err(failed)?;
    for _ in 0..scene.chance.between(1, BITS_MAX) {
        let at = scene.chance.below(usize::try_from(size(path)).unwrap_or(usize::MAX)) as u64;
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).map_err(failed)?;
        file.write_all_at(&[byte[0] ^ (1 << scene.chance.below(8))], at).map_err(failed)?;
    }
    Ok(())
}

/// A copy of the whole data directory, for the run itself: no violation may spoil what comes after it.
struct Cold(PathBuf);

impl Cold {
    fn copy(data: &Path, folder: &Path) -> Result<Self, String> {
        let copy = folder.join("cold");
        // There may be none.
        let _ = std::fs::remove_dir_all(&copy);
        disk::run(Command::new("cp").arg("-a").arg(data).arg(&copy))?;
        Ok(Self(copy))
    }

    fn put_back(&self, data: &Path) -> Result<(), String> {
        std::fs::remove_dir_all(data).map_err(|error| format!("{}: {error}", data.display()))?;
        disk::run(Command::new("cp").arg("-a").arg(&self.0).arg(data))
    }
}
