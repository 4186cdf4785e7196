use super::pattern::is_label;
use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

static AUDIENCES: LazyLock<Audiences> = LazyLock::new(|| {
    let ours = Registration {
        app_id: Some("797f4846-ba00-4fd7-ba43-dac1f8f63013".parse().unwrap()),
        version: TokenVersion::V1,
        identifiers: vec!["https://localhost:8443/".to_owned(), "https://*.vault.localhost:8443".to_owned()],
    };
    Audiences::new(&[ours]).unwrap()
});

fn aud(asked: &str) -> Option<String> {
    AUDIENCES.resolve(&Audience::parse(asked).ok()?).map(|found| found.aud)
}

#[test]
fn version_1_names_the_resource_as_asked_with_or_without_its_slash() {
    for asked in [
        "https://management.azure.com/",
        "https://management.azure.com",
        "https://management.core.windows.net/",
        "https://vault.azure.net",
        "https://vault.azure.net/",
        "https://analysis.windows.net/powerbi/api",
        "https://account1.blob.core.windows.net",
        "https://account1.blob.core.windows.net/",
        "https://c.westeurope.kusto.windows.net",
        "797f4846-ba00-4fd7-ba43-dac1f8f63013",
        "499b84ac-1321-427f-aa17-267ca6975798",
        "https://localhost:8443",
        "https://kv-1.vault.localhost:8443",
    ] {
        assert_eq!(aud(asked).as_deref(), Some(asked));
    }
}

#[test]
fn version_2_names_the_resource_by_its_application_id() {
    let exchange = AUDIENCES.resolve(&Audience::parse("api://AzureADTokenExchange").unwrap()).unwrap();
    assert_eq!((exchange.aud.as_str(), exchange.version), ("fb60f99c-7a34-4190-8149-302f77469936", TokenVersion::V2));
}

#[test]
fn case_is_the_registration_s_not_the_caller_s() {
    assert_eq!(aud("HTTPS://Vault.Azure.NET/").as_deref(), Some("https://vault.azure.net/"));
    assert_eq!(aud("https://ACCOUNT.blob.core.windows.net").as_deref(), Some("https://account.blob.core.windows.net"));
    assert_eq!(aud("api://azureadtokenexchange").as_deref(), Some("fb60f99c-7a34-4190-8149-302f77469936"));
}

#[test]
fn jw_08_only_an_exact_registration_is_an_audience() {
    for asked in [
        "https://vault.azure.net@evil",
        "https://vault.azure.net@evil.example",
        "https://evil@vault.azure.net",
        "https://vault.azure.net//",
        "https://vault.azure.net/x",
        "https://vault.azure.net?x",
        "https://vault.azure.net#x",
        "https://vault.azure.net.evil.example",
        "https://vault.azure.net:443",
        "https://vault.azure.net.",
        "https://evil.example/https://vault.azure.net",
        "http://vault.azure.net",
        "vault.azure.net",
        "//vault.azure.net",
        "https:/vault.azure.net",
        "https://vault.azure.net\t",
        "\thttps://vault.azure.net",
        "https://vault.azure.net\n",
        " https://vault.azure.net",
        "https://vault.azure.net%2f",
        "https://vault.azure.ne",
        "https://vault.azure.nett",
        "https://blob.core.windows.net",
        "https://.blob.core.windows.net",
        "https://a.b.blob.core.windows.net",
        "https://a@b.blob.core.windows.net",
        "https://a/.blob.core.windows.net",
        "https://a.blob.core.windows.net.evil",
        "https://a.blob.core.windows.net/x",
        "https://evil/.vault.localhost:8443",
        "https://*.blob.core.windows.net",
        "https://-a.blob.core.windows.net",
        "https://a_b.blob.core.windows.net",
        "https://a.b.c.kusto.windows.net",
        "{797f4846-ba00-4fd7-ba43-dac1f8f63013}",
        "797f4846-ba00-4fd7-ba43-dac1f8f63013/",
        "797f4846ba004fd7ba43dac1f8f63013",
        "api://AzureADTokenExchange.evil",
        "https://nobody.example",
        "",
    ] {
        assert_eq!(aud(asked), None, "{asked:?}");
    }
}

#[test]
fn a_registration_that_could_match_too_much_is_refused() {
    for identifier in
        ["https://*", "*", "https://*.", "https://a.*.b", "https://*.a/*", "https://a*.b", "*.a.b", "", "a b"]
    {
        let registration =
            Registration { app_id: None, version: TokenVersion::V1, identifiers: vec![identifier.to_owned()] };
        assert!(Audiences::new(&[registration]).is_err(), "{identifier}");
    }
    let no_app = Registration { app_id: None, version: TokenVersion::V2, identifiers: vec!["api://x".to_owned()] };
    assert_eq!(Audiences::new(&[no_app]).unwrap_err(), AudiencesError::NoAppId("api://x".to_owned()));
}

#[test]
fn another_spelling_of_a_registered_host_and_what_lies_below_it_are_reserved() {
    for (asked, is_reserved) in [
        ("https://management.azure.com:443", true),
        ("https://management.azure.com:0443/", true),
        ("https://management.azure.com:8443", true),
        ("https://management.azure.com//", true),
        ("https://management.azure.com./", true),
        ("https://Management.Azure.com.:443//x", true),
        ("https://graph.microsoft.com/v1.0", true),
        ("https://analysis.windows.net", true),
        ("https://account.blob.core.windows.net:443/x", true),
        ("https://localhost:8443/orders", true),
        ("https://localhost:08443", true),
        ("https://kv.vault.localhost:8443//", true),
        ("api://AzureADTokenExchange/x", true),
        ("https://localhost:5001", false),
        ("https://localhost", false),
        ("https://management.azure.com.example", false),
        ("https://orders.example/management.azure.com", false),
        ("api://orders", false),
    ] {
        assert_eq!(AUDIENCES.reserves(&Audience::parse(asked).unwrap()), is_reserved, "{asked}");
    }
}

proptest! {
    #[test]
    fn jw_08_whatever_surrounds_a_registered_name_spoils_it(before in "\\PC{0,6}", after in "\\PC{0,6}") {
        let asked = format!("{before}https://vault.azure.net{after}");
        if before.is_empty() && (after.is_empty() || after == "/") {
            prop_assert!(aud(&asked).is_some());
        } else {
            prop_assert_eq!(aud(&asked), None);
        }
    }

    #[test]
    fn jw_08_every_audience_issued_is_made_of_registered_text(asked in "https://[a-z0-9.@/*:-]{0,20}\\.blob\\.core\\.windows\\.net/?") {
        if let Some(aud) = aud(&asked) {
            let label = aud.strip_prefix("https://").unwrap().trim_end_matches('/').strip_suffix(".blob.core.windows.net").unwrap();
            prop_assert!(is_label(label));
        }
    }
}
