//! The audiences of client assertions.

use crate::fixture::{Fixture, ORIGIN, header, sign_with};
use serde_json::{Value, json};

fn code(fixture: &Fixture, audience: Value) -> u32 {
    let mut claims = fixture.claims(fixture.app);
    claims.insert("aud".to_owned(), audience);
    fixture.assert(fixture.app, &sign_with(&header(), &claims))
}

#[test]
fn an_assertion_may_be_for_this_tenant_s_endpoints_authority_and_issuers() {
    let fixture = Fixture::new();
    let tenant = fixture.app.tenant.to_string();
    for path in ["/oauth2/v2.0/token", "/oauth2/token", "/", "", "/v2.0"] {
        let audience = format!("{ORIGIN}/{tenant}{path}");
        assert_eq!(code(&fixture, json!(audience)), 0, "{audience}");
        assert_eq!(code(&fixture, json!([audience])), 0, "[{audience}]");
        for spelled in [
            format!("{ORIGIN}/{}{path}", tenant.to_ascii_uppercase()),
            format!("{}/{tenant}{path}", ORIGIN.replace("login.test", "LOGIN.Test")),
            format!("{}/{tenant}{path}", ORIGIN.replace("https", "HTTPS")),
            format!("{audience}?dc=x&slice=y"),
            format!("{audience}?api-version=1.0"),
            format!("{audience}?"),
            format!("{audience}/"),
            format!("{audience}//?x"),
            format!("{ORIGIN}//{tenant}{}", path.replace('/', "//")),
        ] {
            assert_eq!(code(&fixture, json!(spelled)), 0, "{spelled}");
        }
    }
}

#[test]
fn ca_02_near_misses_of_the_audience_are_refused() {
    let fixture = Fixture::new();
    let tenant = fixture.app.tenant;
    let other = fixture.other_app.tenant;
    let good = format!("{ORIGIN}/{tenant}/oauth2/v2.0/token");
    let near = [
        format!("{ORIGIN}/{other}/oauth2/v2.0/token"),
        format!("{ORIGIN}/{other}/oauth2/token"),
        format!("{ORIGIN}/{other}/"),
        format!("{ORIGIN}/{other}/v2.0"),
        format!("{ORIGIN}/common/oauth2/v2.0/token"),
        format!("{ORIGIN}/organizations/oauth2/v2.0/token"),
        format!("{ORIGIN}/{tenant}/oauth2/v2.0/tokens"),
        format!("{ORIGIN}/{tenant}/oauth2/v2.0/toke"),
        format!("{ORIGIN}/{tenant}/oauth2/v2.0/authorize"),
        format!("{ORIGIN}/{tenant}/oauth2/v2.0"),
        format!("{ORIGIN}/{tenant}/oauth2/V2.0/token"),
        format!("{ORIGIN}/{tenant}/../{tenant}/oauth2/v2.0/token"),
        format!("{ORIGIN}/{other}/../{tenant}/oauth2/v2.0/token"),
        format!("{ORIGIN}/{tenant}/oauth2/v2.0/token#x"),
        format!("{ORIGIN}/{tenant}/oauth2/v2.0/token?x=y#x"),
        format!("{ORIGIN}/{tenant}/oauth2/v2.0/token?x=y {ORIGIN}"),
        format!("{ORIGIN}/{tenant}/oauth2/v2.0/token?\n"),
        format!("{ORIGIN}/{other}/?/{tenant}/oauth2/v2.0/token"),
        format!("{ORIGIN}/?/{tenant}/oauth2/v2.0/token"),
        format!("{ORIGIN}?/{tenant}/oauth2/v2.0/token"),
        format!("{ORIGIN}/{tenant}/oauth2%2Fv2.0/token"),
        format!("{ORIGIN}\\{tenant}\\oauth2\\v2.0\\token"),
        format!("{ORIGIN}/{tenant}/v2.0/oauth2/token"),
        format!("https://evil.example?{ORIGIN}/{tenant}/oauth2/token"),
        format!("{ORIGIN}/{tenant}/oauth2/v2.0/token {ORIGIN}"),
        format!(" {good}"),
        format!("{good}\n"),
        good.replace(":8443", ""),
        good.replace(":8443", ":8444"),
        good.replace(":8443", ":08443"),
        good.replace("https://", "http://"),
        good.replace("login.test", "login.test."),
        good.replace("login.test", "login.test.evil.example"),
        good.replace("login.test", "evil.example"),
        good.replace("https://", "https://evil@"),
        good.replace(&tenant.to_string(), &tenant.uuid().simple().to_string()),
        good.replace(&tenant.to_string(), &format!("{{{tenant}}}")),
        format!("{ORIGIN}/{tenant}")[..ORIGIN.len() + 30].to_owned(),
        format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"),
        format!("https://sts.windows.net/{tenant}/"),
        ORIGIN.to_owned(),
        format!("{ORIGIN}/"),
        tenant.to_string(),
        fixture.app.client_id.to_string(),
        format!("{good},{ORIGIN}"),
        String::new(),
    ];
    assert_eq!(code(&fixture, json!(good)), 0);
    for audience in &near {
        assert_eq!(code(&fixture, json!(audience)), 700_023, "{audience}");
    }
    for audience in [
        json!([good, near[0]]),
        json!([near[0], good]),
        json!([good, good]),
        json!([[good]]),
        json!([]),
        json!({"aud": good}),
        json!(null),
        json!(1),
        json!(true),
    ] {
        assert_eq!(code(&fixture, audience.clone()), 700_023, "{audience}");
    }
}
