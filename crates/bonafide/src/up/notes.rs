//! Warnings of a start, a line each.

use super::link_local;
use super::options::UpOptions;
use crate::plane_notes::plane_notes;
use bonafide_plane::{PlaneFiles, Running};
use std::path::Path;

/// Warnings to print after start.
pub(super) fn notes(options: &UpOptions, files: &PlaneFiles, plane: &Running, moved_port: Option<u16>) -> Vec<String> {
    let hosts = plane.hosts_address;
    let open = [
        ("--listen", options.plane.listen, "the token service and the resource manager"),
        ("--hosts-listen", options.plane.hosts_listen, "the hosts listener"),
    ];
    let open = open.into_iter().filter(|(_, address, _)| !address.ip().is_loopback()).map(|(option, address, what)| {
        format!("{option} {address} opens {what} to other machines; listen on 127.0.0.1 unless they need it")
    });
    let moved_port = moved_port.map(|port| {
        format!(
            "port {port} of workload demo's metadata endpoint is taken by another program, which gets what is asked there; \
             in this run the endpoint is at another port (`bonafide info`): find out whose program it is, and stop it"
        )
    });
    let wanted = options.plane.hosts_listen;
    let moved_hosts = Some(hosts)
        .filter(|hosts| wanted.port() != 0 && hosts.port() != wanted.port())
        .map(|hosts| format!("{wanted} is taken by another program; in this run the hosts listener is at {hosts}"));
    let link_local = options.link_local.then(|| {
        format!(
            "169.254.169.254 stays on this machine when `up` stops, so that nobody else on the network answers for it; \
             to take it away: {}",
            link_local::REMOVE
        )
    });
    open.chain(moved_port)
        .chain(moved_hosts)
        .chain(link_local)
        .chain(plane_notes(&options.plane, files, plane))
        .collect()
}

/// The files of another agent were in the place of this one.
pub(super) fn aside_note(aside: &Path) -> String {
    format!(
        "the folder agent/ was of another installation than the database: it is now {}, and the agent has joined anew; \
         delete it when that installation does not need it any more",
        aside.display()
    )
}
