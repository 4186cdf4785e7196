//! Headers of the PROXY protocol, both versions.
#![no_main]

use bonafide_http::readers::proxied_client;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(client) = proxied_client(bytes) {
        assert!(bytes.len() <= 1_024, "{client}");
        // No beginning of a header is one.
        assert!((0..bytes.len()).all(|end| proxied_client(&bytes[..end]).is_none()), "{client}");
    }
});
