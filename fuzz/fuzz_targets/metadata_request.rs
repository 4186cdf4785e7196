//! Requests of a workload to its metadata endpoint, as text, in every dialect: no data without the header that proves that
//! the caller may set headers.
#![no_main]

use bonafide_fuzz::{from_text, in_a_world};
use bonafide_metadata::{Binding, Endpoint, canonical, dialects};
use http::StatusCode;
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "5C1A2B3D4E5F60718293A4B5C6D7E8F9";

fuzz_target!(|text: &str| {
    let Some(asked) = from_text(text) else { return };
    if let Ok(path) = canonical(&asked.path) {
        assert_eq!(canonical(&path).as_deref(), Ok(&*path), "a canonical path is its own canonical form");
    }
    in_a_world(|world| {
        for dialect in dialects::ALL {
            let secret = dialect.has_secret().then(|| SECRET.to_owned().into());
            let binding = Binding::new(world.machine.uuid, dialect, Endpoint { port: 41_741, secret, names: Vec::new() });
            let reply = world.cloud.local.answer(&world.cloud, &binding, &asked);
            if reply.status == StatusCode::OK {
                let proofs = ["metadata", "x-identity-header", "secret"];
                assert!(proofs.iter().any(|name| asked.headers.contains_key(*name)), "{text}");
            }
            assert!(!reply.status.is_redirection());
        }
    });
});
