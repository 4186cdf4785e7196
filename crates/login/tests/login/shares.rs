//! The share of each client.

use crate::fixture::{Client, Fixture, MANAGEMENT, body, error_code, logged_error, request};
use bonafide_login::{SHARE_BURST, SHARE_PER_SECOND, Shares};
use bonafide_types::HostId;
use bonafide_wire::{Answer, Outcome, Peer, Request, Surface};
use http::Method;

/// Requests that pass before a share of the tests is used up.
const BURST: u32 = 5;

fn with_small_shares() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.service.shares = Some(Shares::of(1, BURST));
    fixture
}

fn signs_in(client: Client, secret: &str) -> Request {
    let form = format!(
        "grant_type=client_credentials&client_id={}&scope={MANAGEMENT}/.default&client_secret={secret}",
        client.client_id
    );
    request(Method::POST, &format!("/{}/oauth2/v2.0/token", client.tenant), "", &form)
}

/// The answer as the shell gets it: first of the view, and of a view that has caught up when that is asked for.
fn ask(fixture: &Fixture, request: &Request) -> Answer {
    match fixture.cx(false).handle(request) {
        Outcome::Answer(answer) => answer,
        Outcome::Need(_) => {
            let (reply, record) = fixture.ask(request);
            Answer { reply, record }
        }
    }
}

fn code(fixture: &Fixture, request: &Request) -> u32 {
    error_code(&ask(fixture, request).reply)
}

#[test]
fn ov_02_a_client_over_its_share_is_429_and_nobody_else_notices() {
    let mut fixture = with_small_shares();
    let (asked, other) = (signs_in(fixture.app, fixture.secret.expose()), fixture.other_app);
    for _ in 0..BURST {
        assert_eq!(code(&fixture, &asked), 0);
    }
    let Answer { reply, record } = ask(&fixture, &asked);
    assert_eq!((reply.status.as_u16(), logged_error(&record)), (429, Some(90_055)));
    assert_eq!(body(&reply)["error"], "temporarily_unavailable");
    let seconds: u8 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=5).contains(&seconds), "{seconds}");
    assert_eq!(code(&fixture, &signs_in(other, fixture.secret.expose())), 0, "another client");
    fixture.now = fixture.now.plus_seconds(1);
    assert_eq!(code(&fixture, &asked), 0, "what the answer says helps");
    assert_eq!(code(&fixture, &asked), 90_055);
}

#[test]
fn ov_03_strangers_share_one_share_and_take_nothing_from_the_client_that_they_name() {
    let fixture = with_small_shares();
    let wrong = signs_in(fixture.app, "wrong");
    let nonsense = request(Method::POST, "/common/oauth2/token", "", "x=1");
    for _ in 0..BURST {
        assert_eq!(code(&fixture, &wrong), 7_000_215);
    }
    for asked in [&wrong, &nonsense] {
        let Answer { reply, .. } = ask(&fixture, asked);
        assert_eq!(error_code(&reply), 90_055);
        assert!(reply.headers.contains_key("retry-after"));
    }
    assert_eq!(code(&fixture, &signs_in(fixture.app, fixture.secret.expose())), 0);
    assert_eq!(code(&fixture, &request(Method::GET, "/common/discovery/keys", "", "")), 0, "documents are everybody's");
}

#[test]
fn ov_03_an_identity_has_a_share_on_each_host_and_a_host_one_for_what_fails() {
    let fixture = with_small_shares();
    let host = Peer::Host(fixture.host);
    let good = || fixture.agent_request(&fixture.agent_assertion(|_| ()), host);
    for _ in 0..BURST {
        assert_eq!(code(&fixture, &good()), 0);
    }
    assert_eq!(code(&fixture, &good()), 90_055);
    let other = Peer::Host(HostId::random(&bonafide_crypto::SystemEntropy));
    for peer in [host, other] {
        let unknown =
            fixture.agent_request(&fixture.agent_assertion(|_| ()), Peer::Anonymous(([127, 0, 0, 1], 1).into()));
        let unknown = Request { peer, ..unknown };
        let unplaced = Request {
            body: String::from_utf8(unknown.body.to_vec()).unwrap().replace("workload=", "w=").into(),
            ..unknown
        };
        for _ in 0..BURST {
            assert!(![0, 90_055].contains(&code(&fixture, &unplaced)));
        }
        assert_eq!(code(&fixture, &unplaced), 90_055);
    }
}

#[test]
fn ordinary_use_is_far_from_a_share() {
    assert_eq!((SHARE_PER_SECOND, SHARE_BURST), (100, 1_000), "docs/wire/login.md says so");
    let fixture = Fixture::new();
    let wrong = signs_in(fixture.app, "wrong");
    let passed = (0..2 * SHARE_BURST).filter(|_| code(&fixture, &wrong) == 7_000_215).count();
    assert_eq!(passed, SHARE_BURST as usize);
}
