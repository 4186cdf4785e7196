//! Warnings of a start that are about its control plane, a line each.

use bonafide_plane::{Description, PlaneFiles, PlaneOptions, Running, operator_note};

/// Warnings to print after start.
pub(crate) fn plane_notes(options: &PlaneOptions, files: &PlaneFiles, plane: &Running) -> Vec<String> {
    let reset = options.reset_operator.then(|| {
        "the operator has a new secret and certificate, and the old ones have stopped working; tokens that were had \
         with them count until they expire, for up to an hour"
            .to_owned()
    });
    let authority = options.new_authority.then(|| {
        format!(
            "there is a new authority: clients are to trust {}, and hosts of other machines join again with it",
            files.ca_file().display()
        )
    });
    let uncertified = plane.uncertified.iter().map(|name| {
        format!(
            "no host can join under {name}: the hosts listener has a certificate of this installation's own authority, which \
             was made without that name; start once with --new-authority"
        )
    });
    let registered = plane.registered.iter().map(|audience| format!("tokens can be asked for {}", audience.as_str()));
    reset
        .into_iter()
        .chain(authority)
        .chain(uncertified)
        .chain(registered)
        .chain(operator_note(files))
        .chain(plane.strange_operator_note(files))
        .collect()
}

/// The issuer of tokens has its address from the listener or its public name; who was told the old one refuses the new
/// tokens.
pub(crate) fn moved_note(before: &Description, now: &Description) -> Option<String> {
    let (before, now) = (&before.endpoints.login, &now.endpoints.login);
    (before != now).then(|| {
        format!(
            "the address was {before} at the last start and is {now} now: tokens name it as their issuer, so tell it to \
             clients and services, or start with the --listen, or the public name, of before"
        )
    })
}
