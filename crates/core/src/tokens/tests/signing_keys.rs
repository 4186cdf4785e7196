//! The keys that sign, and those that verify, also a token that was accepted before.

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
fn a_signing_key_and_its_certificate_count_from_before_the_time_that_its_first_token_names() {
    let fixture = Fixture::new();
    let token = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token;
    let (nbf, row) = (claims_of(&token)["nbf"].as_u64().unwrap(), &KEYS[0].2);
    let certificate = Certificate::from_der(&base64url::decode(&row.certificate).unwrap()).unwrap();
    assert!(row.not_before.unix_seconds() <= nbf && nbf < NOW.unix_seconds());
    assert_eq!(certificate.not_before_seconds(), row.not_before.unix_seconds());
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
            published_keys(&fixture.view, Some(*tenant), at).into_iter().map(|key| key.kid()).collect();
        assert_eq!(published.contains(&kid.as_str()), at < not_after, "a future key is published before it signs");
    }
    assert!(matches!(fixture.issue(fixture.tenant, fixture.app, MANAGEMENT), Err(IssueError::NoSigningKey)));
}

#[test]
fn jw_04_a_token_that_was_accepted_before_is_refused_like_any_other() {
    let mut fixture = Fixture::new();
    let views = Views::load(&fixture.store, kek()).unwrap();
    fixture.view = views.snapshot();
    let issued = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap();
    let (token, expires_at) = (&issued.token, Timestamp::from_unix_seconds(issued.validity.expires_at));
    let accepted = fixture.verify(token);
    assert!(accepted.is_ok());
    assert_eq!(fixture.verify(token), accepted);
    assert_eq!(fixture.verify_at(token, expires_at), Err(TokenError::Expired { at: expires_at }));
    let others = AcceptedAudiences::new(ARM.parse().unwrap(), ["https://graph.microsoft.com"]);
    let elsewhere = verify(&fixture.view, &fixture.authority, &others, &world(NOW), token);
    assert_eq!(elsewhere, Err(TokenError::Audience { aud: MANAGEMENT.to_owned() }));
    let (tenant, kid, row) = &KEYS[0];
    let stored = |row: Option<&SigningKeyRow>| {
        let key = (*tenant, kid.clone());
        let written = fixture.store.write(|tx| match row {
            Some(row) => tx.put(&SIGNING_KEYS, &key, row),
            None => tx.delete(&SIGNING_KEYS, &key),
        });
        written.unwrap();
        views.catch_up(&fixture.store).unwrap();
        views.snapshot()
    };
    let again = |view: &View, now| verify(view, &fixture.authority, &fixture.accepted(), &world(now), token);
    let ends = NOW.plus_seconds(60);
    let ending = stored(Some(&SigningKeyRow { not_after: ends, ..row.clone() }));
    assert_eq!(again(&ending, NOW), accepted);
    assert_eq!(again(&ending, ends), Err(TokenError::UnknownKey));
    let gone = stored(None);
    assert_eq!(again(&gone, NOW), Err(TokenError::UnknownKey));
    assert_eq!(again(&stored(Some(row)), NOW), accepted);
}

#[test]
fn a_signing_key_that_is_removed_leaves_the_memory_though_its_tokens_are_remembered() {
    let mut fixture = Fixture::new();
    let views = Views::load(&fixture.store, kek()).unwrap();
    fixture.view = views.snapshot();
    let token = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token;
    assert!(fixture.verify(&token).is_ok());
    let (tenant, kid, _) = &KEYS[0];
    let key = Arc::downgrade(fixture.view.keys(*tenant).unwrap().verifying(kid, NOW).unwrap());
    fixture.store.write(|tx| tx.delete(&SIGNING_KEYS, &(*tenant, kid.clone()))).unwrap();
    views.catch_up(&fixture.store).unwrap();
    fixture.view = views.snapshot();
    assert_eq!(fixture.verify(&token), Err(TokenError::UnknownKey));
    assert!(key.upgrade().is_none());
}
