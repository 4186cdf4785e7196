//! Warnings of a start, a line each.

use super::link_local;
use super::options::UpOptions;
use bonafide_plane::{PlaneFiles, Running, operator_note};
use std::path::Path;

/// Warnings to print after start.
pub(super) fn notes(options: &UpOptions, files: &PlaneFiles, plane: &Running, moved_port: Option<u16>) -> Vec<String> {
    let (registered, hosts) = (&plane.registered, plane.hosts_address);
    let open = [
        ("--listen", options.plane.listen, "the token service and the resource manager"),
        ("--hosts-listen", options.plane.hosts_listen, "the hosts listener"),
    ];
    let open = open.into_iter().filter(|(_, address, _)| !address.ip().is_loopback()).map(|(option, address, what)| {
        format!("{option} {address} opens {what} to other machines; listen on 127.0.0.1 unless they need it")
    });
    let reset = options.plane.reset_operator.then(|| {
        "the operator has a new secret and certificate, and the old ones have stopped working; tokens that were had \
         with them count until they expire, for up to an hour"
            .to_owned()
    });
    let registered = registered.iter().map(|audience| format!("tokens can be asked for {}", audience.as_str()));
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
        .chain(reset)
        .chain(registered)
        .chain(operator_note(files))
        .chain(plane.strange_operator_note(files))
        .collect()
}

/// The issuer of tokens has its address from the listener; who was told the old one refuses the new tokens.
pub(super) fn moved_note(before: &str, now: &str) -> Option<String> {
    (before != now).then(|| {
        format!(
            "the address was {before} at the last start and is {now} now: tokens name it as their issuer, so tell it to \
             clients and services, or start with the --listen of before"
        )
    })
}

/// The files of another agent were in the place of this one.
pub(super) fn aside_note(aside: &Path) -> String {
    format!(
        "the folder agent/ was of another installation than the database: it is now {}, and the agent has joined anew; \
         delete it when that installation does not need it any more",
        aside.display()
    )
}
