//! A run: the faults in a random order, again and again until the time is over, each followed by reading all back.

use super::chance::Chance;
use super::disk::Disk;
use super::excuse::Excuse;
use super::faults::{FAULTS, Fault};
use super::load::Load;
use super::node::Node;
use super::preload::Preload;
use super::scan;
use super::scene::Scene;
use super::shared::Shared;
use super::verify::read_back;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time without a fault before each.
const CALM: Duration = Duration::from_millis(1_500);
/// The time for which an excuse goes on after all works again, for requests that were under way.
const AFTERMATH: Duration = Duration::from_millis(1_000);
/// Longest time until all works at the beginning.
const FIRST: Duration = Duration::from_secs(30);

/// The orders of a run.
pub(super) struct Plan {
    pub(super) root: PathBuf,
    pub(super) binary: PathBuf,
    pub(super) duration: Duration,
    pub(super) seed: u64,
    /// The names of faults, or none for all.
    pub(super) only: Vec<String>,
    /// True if file systems may be mounted, in a namespace that ends with this process.
    pub(super) may_mount: bool,
}

/// Carries out a run below `target/chaos/`; false when there were violations.
pub(super) fn run(plan: &Plan) -> Result<bool, String> {
    let folder = plan.root.join("target/chaos");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let disk = Disk::make(&folder, plan.may_mount)?;
    let preload = Preload::make(&plan.root, &folder)?;
    let shared = Arc::new(Shared::new(folder.clone(), preload.clock()?));
    let mut node = Node::new(&shared, &plan.binary, &disk.folder.join("data"), &preload)?;
    node.start().map_err(|why| why.to_string())?;
    let load = Load::make(&shared)?;
    let chance = Chance::new(plan.seed);
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut scene = Scene {
        shared: Arc::clone(&shared),
        load: &load,
        node,
        disk,
        preload: &preload,
        chance,
        clock_is_behind: false,
        number: 0,
        program,
    };
    let done = std::thread::scope(|scope| {
        let mut chance = scene.chance.branch();
        load.start(scope, &shared, &mut chance);
        let done = faults(plan, &mut scene);
        shared.end();
        done
    });
    if let Err(why) = done {
        shared.violation(format!("the run has ended early: {why}"));
    }
    if let Err(why) = scene.node.stop() {
        shared.violation(why);
    }
    let report = format!("seed {}\n{}", plan.seed, shared.tally().report());
    println!("{report}");
    let path = folder.join("report.md");
    std::fs::write(&path, &report).map_err(|error| format!("{}: {error}", path.display()))?;
    let violations = shared.tally().violations();
    if violations > 0 {
        keep(&scene.node.data, &folder);
    }
    Ok(violations == 0)
}

/// The faults until the time is over.
fn faults(plan: &Plan, scene: &mut Scene<'_>) -> Result<(), String> {
    let until = Instant::now() + plan.duration;
    scene.recover(FIRST)?;
    let wanted = |fault: &&Fault| plan.only.is_empty() || plan.only.iter().any(|name| name == fault.name);
    let (now, skipped): (Vec<_>, Vec<_>) =
        FAULTS.iter().filter(wanted).partition(|it| scene.disk.own || !it.needs_disk);
    for fault in skipped {
        scene.shared.tally().skipped(fault.name, "it needs root, to mount a small disk");
    }
    if now.is_empty() {
        return Err("there is no such fault".to_owned());
    }
    loop {
        let mut order = now.clone();
        scene.chance.shuffle(&mut order);
        for fault in order {
            if Instant::now() >= until {
                return Ok(());
            }
            one(scene, fault)?;
        }
    }
}

/// One fault, from the calm before it to reading all back.
fn one(scene: &mut Scene<'_>, fault: &Fault) -> Result<(), String> {
    std::thread::sleep(CALM);
    let shared = Arc::clone(&scene.shared);
    shared.tally().begin_fault();
    println!("{}", fault.name);
    shared.set_excuse(fault.excuse);
    let injected = Instant::now();
    (fault.inject)(scene)?;
    let lasted = injected.elapsed();
    let recovered_after = scene.recover(fault.recovery)?;
    std::thread::sleep(AFTERMATH);
    shared.set_excuse(Excuse::NONE);
    let keys = {
        let _nobody = shared.nobody_writes();
        read_back(&shared, scene.load, false).read
    };
    look_at_files(scene);
    let violations = shared.tally().end_fault(fault.name, recovered_after);
    println!(
        "  lasted {:.1} s, all works again after {:.2} s, {keys} keys read back, {violations} violations",
        lasted.as_secs_f64(),
        recovered_after.as_secs_f64()
    );
    Ok(())
}

/// Secrets in the log that the process keeps itself.
fn look_at_files(scene: &Scene<'_>) {
    let Ok(files) = std::fs::read_dir(scene.node.data.join("log")) else { return };
    for file in files.flatten() {
        let text = std::fs::read(file.path()).unwrap_or_default();
        scan::secrets(&scene.shared, &file.path().display().to_string(), &String::from_utf8_lossy(&text));
    }
}

/// Keeps the data directory where the run's disk is gone with it.
fn keep(data: &Path, folder: &Path) {
    let kept = folder.join("data-of-violation");
    // There may be none.
    let _ = std::fs::remove_dir_all(&kept);
    if let Err(why) = super::disk::run(std::process::Command::new("cp").arg("-a").arg(data).arg(&kept)) {
        eprintln!("the data directory cannot be kept: {why}");
    }
}
