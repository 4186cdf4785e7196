//! The keys that sign, and those that verify.

use super::*;

#[test]
fn jw_03_a_key_signs_for_its_own_tenant_only() {
    let fixture = Fixture::new();
    let claims = fixture.claims();
    assert!(fixture.verify(&sign(&key(0), &claims)).is_ok());
    assert_eq!(fixture.verify(&sign(&key(1), &claims)), Err(TokenError::UnknownKey), "another tenant's key");
    assert_eq!(fixture.verify(&sign(&key(2), &claims)), Err(TokenError::UnknownKey), "a key that is not stored");
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": key(0).kid()}).to_string();
    let disguised = key(1).sign_jwt(header.as_bytes(), &serde_json::to_vec(&claims).unwrap()).unwrap();
    assert_eq!(fixture.verify(&disguised), Err(TokenError::Signature), "another key under the right name");
}

#[test]
fn a_signing_key_and_its_certificate_count_from_the_time_that_its_first_token_names() {
    let fixture = Fixture::new();
    let token = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token;
    let (nbf, row) = (claims_of(&token)["nbf"].as_u64().unwrap(), &KEYS[0].2);
    let certificate = Certificate::from_der(&base64url::decode(&row.certificate).unwrap()).unwrap();
    assert!(nbf < NOW.unix_seconds());
    assert_eq!((certificate.not_before_seconds(), row.not_before.unix_seconds()), (nbf, nbf));
}

#[test]
fn jw_04_a_retired_key_verifies_nothing_and_a_future_key_signs_nothing() {
    let mut fixture = Fixture::new();
    let token = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token;
    let (tenant, kid, row) = &KEYS[0];
    for (not_before, not_after, at) in
        [(row.not_before, NOW.plus_seconds(60), NOW.plus_seconds(60)), (NOW.plus_seconds(60), row.not_after, NOW)]
    {
        let retired = SigningKeyRow { not_before, not_after, ..row.clone() };
        fixture.store.write(|tx| tx.put(&SIGNING_KEYS, &(*tenant, kid.clone()), &retired)).unwrap();
        fixture.reload();
        assert_eq!(fixture.verify_at(&token, at), Err(TokenError::UnknownKey));
        let published: Vec<_> =
            published_keys(&fixture.view, Some(*tenant), at).into_iter().map(|(_, key)| key.kid()).collect();
        assert_eq!(published.contains(&kid.as_str()), at < not_after, "a future key is published before it signs");
    }
    assert!(matches!(fixture.issue(fixture.tenant, fixture.app, MANAGEMENT), Err(IssueError::NoSigningKey)));
}
