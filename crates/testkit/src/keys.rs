//! RSA keys take long to make: one for each of two tenants and one for all applications, made once in
//! a process and shared by its clouds. Tenants never share a key: a token of one must fail at the other.

use crate::now::NOW;
use bonafide_core::keys::{SigningKeyRow, make_signing_key, open_signing_key};
use bonafide_crypto::{Certificate, Kek, SelfSigned, SigningKey};
use bonafide_types::{Secret, TenantId, base64url};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// The key-encryption key of every cloud.
pub(crate) fn kek() -> Kek {
    Kek::from_bytes(Secret::new([7; 32]))
}

/// A tenant's id with the id and row of its signing key.
type TenantKey = (TenantId, String, SigningKeyRow);

static TENANTS: LazyLock<[TenantKey; 2]> = LazyLock::new(|| {
    ["11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"].map(|id| {
        let tenant = id.parse().unwrap();
        let (kid, row) = make_signing_key(&kek(), tenant, NOW).unwrap();
        (tenant, kid, row)
    })
});

static CLIENT: LazyLock<SigningKey> = LazyLock::new(|| {
    let now = NOW.unix_seconds();
    let spec =
        SelfSigned { common_name: "client", not_before_seconds: now - 86_400, not_after_seconds: now + 365 * 86_400 };
    SigningKey::generate(&spec).unwrap()
});

/// The first or second tenant.
pub(crate) fn tenant(number: usize) -> &'static TenantKey {
    &TENANTS[number]
}

/// The certificate that every application of a cloud has.
pub fn client_certificate() -> Certificate {
    Certificate::from_der(CLIENT.certificate_der()).unwrap()
}

/// The header of an assertion signed with the key of [`client_certificate`], naming it by `x5t` as MSAL
/// for Python does.
pub fn client_header() -> Value {
    json!({"typ": "JWT", "alg": "RS256", "x5t": base64url::encode(&client_certificate().sha1_thumbprint())})
}

/// Signs a header and claims with the key of [`client_certificate`].
pub fn sign_as_client(header: &Value, claims: &Value) -> String {
    CLIENT.sign_jwt(header.to_string().as_bytes(), claims.to_string().as_bytes()).unwrap()
}

/// Signs claims with a tenant's own signing key, as login would sign a version 1 token with them: what
/// a token with other claims than login's would look like.
pub fn sign_as_tenant(tenant: TenantId, claims: &Value) -> String {
    let (_, kid, row) = TENANTS.iter().find(|(id, ..)| *id == tenant).unwrap();
    let key = open_signing_key(&kek(), tenant, kid, row).unwrap();
    let header = json!({"typ": "JWT", "alg": "RS256", "x5t": kid, "kid": kid});
    key.sign_jwt(header.to_string().as_bytes(), claims.to_string().as_bytes()).unwrap()
}
