//! The hosts protocol from both sides: requests to the control plane, as text, from a host and from anybody; and what an
//! agent makes of any answer.
#![no_main]

use bonafide_fuzz::{from_text, in_a_world, must_not_fail};
use bonafide_metadata::host::Watch;
use bonafide_metadata::{Agent, Options};
use bonafide_wire::Peer;
use http::StatusCode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let agent = Agent::new(Options::default());
    let mut watch = Watch::default();
    let _ = watch.apply(StatusCode::OK, text.as_bytes(), &agent);
    let _ = watch.path(0);
    let Some(mut asked) = from_text(text) else { return };
    in_a_world(|world| {
        must_not_fail(world.cloud.hosts(&asked));
        asked.peer = Peer::Host(world.cloud.local.id);
        must_not_fail(world.cloud.hosts(&asked));
    });
});
