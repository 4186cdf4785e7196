//! Certificate requests: a certificate is given only for a request that its own key signed.
#![no_main]

use bonafide_crypto::Certificate;
use bonafide_fuzz::{in_a_world, must_not_fail, request};
use bonafide_types::base64url;
use bonafide_wire::Peer;
use bonafide_wire::hosts::{HostCertificate, RENEW_PATH};
use http::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|der: &[u8]| {
    in_a_world(|world| {
        let body = json!({ "csr": base64url::encode_standard(der) }).to_string();
        let mut asked = request(Method::POST, RENEW_PATH, body);
        asked.peer = Peer::Host(world.cloud.local.id);
        let reply = must_not_fail(world.cloud.hosts(&asked));
        if reply.status == StatusCode::OK {
            let given: HostCertificate = serde_json::from_slice(&reply.body).expect("a certificate");
            let certificate = base64url::decode(&given.certificate).expect("base64url");
            let certificate = Certificate::from_der(&certificate).expect("a certificate that we read ourselves");
            assert!(!certificate.is_ca());
            assert!(der.windows(certificate.spki_der().len()).any(|part| part == certificate.spki_der()));
            assert_eq!(
                bonafide_crypto::ca::host_name(certificate.der()).ok().map(|name| name.host),
                Some(world.cloud.local.id)
            );
        }
    });
});
