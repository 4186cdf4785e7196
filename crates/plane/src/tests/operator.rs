//! A reset of the operator.

use super::cloud::{Cloud, request};
use crate::files::PlaneFiles;
use crate::installation::Installation;
use crate::operator::reset_operator;
use bonafide_core::access::{ROLE_ASSIGNMENTS, assignments};
use bonafide_core::directory::PRINCIPALS;
use bonafide_files::{Chosen, Root};
use bonafide_store::{Read, Tx};
use bonafide_wire::Request;
use bytes::Bytes;
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::Value;

#[tokio::test]
async fn tn_11_a_reset_gives_the_operator_back_what_was_taken_from_it() {
    let cloud = Cloud::new();
    let Installation { tenant, operator, subscription, .. } = cloud.installation;
    let files = PlaneFiles::create(&Root::create(&cloud.folder.path().join("data"), Chosen::Named).unwrap()).unwrap();
    for is_gone in [false, true] {
        let take_everything = |tx: &mut Tx<'_>| {
            for (key, _) in assignments::of_principal(tx, tenant, operator)? {
                tx.delete(&ROLE_ASSIGNMENTS, &key)?;
            }
            let mut row = tx.get(&PRINCIPALS, &operator)?.unwrap();
            row.enabled = false;
            if is_gone { tx.delete(&PRINCIPALS, &operator) } else { tx.put(&PRINCIPALS, &operator, &row) }
        };
        cloud.plane.store.write(take_everything).unwrap();
        cloud.plane.catch_up().unwrap();
        assert_ne!(cloud.sign_in().await.reply.status, 200);
        reset_operator(&cloud.plane, &files, &cloud.installation).unwrap();
        let owners = || cloud.plane.store.read(|tx| assignments::is_last_owner(tx, tenant, operator)).unwrap();
        assert!(owners());
        let secret = std::fs::read_to_string(files.operator_secret()).unwrap();
        let form = cloud.secret.1.split('&').map(|pair| match pair.split_once('=') {
            Some(("client_secret", _)) => format!("client_secret={secret}"),
            _ => pair.to_owned(),
        });
        let form = form.collect::<Vec<_>>().join("&");
        let asked = Request { body: Bytes::from(form), ..request(Method::POST, &format!("/{tenant}/oauth2/token")) };
        let answer = cloud.public().answered(asked).await;
        let token: Value = serde_json::from_slice(&answer.reply.body).unwrap();
        let mut put = request(Method::PUT, &format!("/subscriptions/{subscription}/resourceGroups/rg"));
        put.query = "api-version=2021-04-01".to_owned();
        put.body = Bytes::from(r#"{"location":"westeurope"}"#);
        put.headers
            .insert(AUTHORIZATION, format!("Bearer {}", token["access_token"].as_str().unwrap()).parse().unwrap());
        let status = cloud.public().answered(put).await.reply.status;
        assert!(status.is_success(), "{status}");
        // Once more changes nothing.
        reset_operator(&cloud.plane, &files, &cloud.installation).unwrap();
        assert!(owners());
    }
}

#[tokio::test]
async fn au_01_a_reset_of_the_operator_has_one_record_in_its_commit() {
    let cloud = Cloud::new();
    let files = PlaneFiles::create(&Root::create(&cloud.folder.path().join("data"), Chosen::Named).unwrap()).unwrap();
    let (tenant, operator) = (cloud.installation.tenant, cloud.installation.operator);
    let store = &cloud.plane.store;
    let before = store.audit(0, usize::MAX).unwrap().len();
    reset_operator(&cloud.plane, &files, &cloud.installation).unwrap();
    let records = store.audit(0, usize::MAX).unwrap().split_off(before);
    let [record] = &records[..] else { panic!("{records:?}") };
    let record: Value = serde_json::from_slice(&record.record).unwrap();
    assert_eq!((&record["surface"], &record["action"]), (&"start".into(), &"operator/reset".into()));
    assert_eq!(record["scope"], format!("/tenants/{tenant}/servicePrincipals/{operator}"));
    assert!(record.get("principal").is_none(), "nobody signed in");
}
