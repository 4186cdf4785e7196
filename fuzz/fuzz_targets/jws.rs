//! Compact JWS, as tokens and assertions are: nothing that the fuzzer writes is signed.
#![no_main]

use bonafide_crypto::{AgentKey, jws};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<AgentKey> = LazyLock::new(|| AgentKey::generate().expect("there is entropy"));

fuzz_target!(|text: &str| {
    for parse in [jws::parse_strict, jws::parse_lenient] {
        let Ok(token) = parse(text) else { continue };
        let _ = (token.header(), token.algorithm(), token.key_id(), token.unverified_claims());
        assert!(token.verify(KEY.verifying_key()).is_err(), "nobody signed {text}");
    }
    // Bytes that were signed, with a header and claims of the fuzzer's: what is read is what was signed.
    let (header, claims) = text.split_once('\n').unwrap_or(("{\"alg\":\"ES256\"}", text));
    let Ok(signed) = KEY.sign_jwt(header.as_bytes(), claims.as_bytes()) else { return };
    if let Ok(verified) = jws::parse_strict(&signed).and_then(|token| token.verify(KEY.verifying_key())) {
        let read: serde_json::Map<_, _> = serde_json::from_str(claims).expect("claims that were taken are JSON");
        assert_eq!(verified.claims(), &read);
    }
});
