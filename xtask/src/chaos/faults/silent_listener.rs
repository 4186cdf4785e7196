//! While the process is down, somebody takes the port of its metadata endpoint, accepts all and says nothing: it starts all
//! the same, with that endpoint on another port (row ID-07).

use super::super::scene::Scene;
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Longest time until the port of a process that has ended is free.
const FREE_WITHIN: Duration = Duration::from_secs(5);
const LASTS: Duration = Duration::from_secs(2);

pub(super) fn inject(scene: &mut Scene<'_>) -> Result<(), String> {
    let address = scene.shared.cloud()?.metadata.address;
    if let Err(why) = scene.node.stop() {
        scene.shared.violation(why);
    }
    let stopped = Instant::now();
    let silent = loop {
        match TcpListener::bind(address) {
            Ok(listener) => break listener,
            Err(error) if stopped.elapsed() > FREE_WITHIN => return Err(format!("{address}: {error}")),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let started = scene.node.start();
    if let Err(why) = &started {
        scene.shared.violation(format!("with {address} taken {why}"));
    } else {
        // The kernel accepts for the listener.
        std::thread::sleep(LASTS);
    }
    drop(silent);
    if started.is_ok() { scene.restart() } else { scene.start() }
}
