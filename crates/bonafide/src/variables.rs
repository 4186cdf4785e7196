//! The environment variables by which SDKs and az find and trust this installation.

use crate::Failure;
use crate::trust::write_trust_files;
use bonafide_plane::{Description, PlaneFiles};
use serde_json::{Value, json};
use std::path::Path;

/// The password that Java's tools take by default. Nothing is secret in a truststore, and ours takes any.
const TRUSTSTORE_PASSWORD: &str = "changeit";

/// A variable's value in the caller's own environment; `None` where it has none but blanks.
type Present<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables and their values. What the caller's environment has in those that hold a list stays in it.
pub(crate) fn variables(files: &PlaneFiles, description: &Description) -> Result<Vec<(&'static str, String)>, Failure> {
    let present = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let trust = write_trust_files(files)?;
    let (bundle, endpoints) = (trust.bundle.display().to_string(), &description.endpoints);
    let metadata = format!("{}/metadata/endpoints?api-version=2019-05-01", endpoints.management);
    let origin = host_of(&endpoints.management);
    Ok(vec![
        ("REQUESTS_CA_BUNDLE", bundle.clone()),
        ("SSL_CERT_FILE", bundle.clone()),
        ("CURL_CA_BUNDLE", bundle),
        ("NODE_EXTRA_CA_CERTS", description.ca_file.display().to_string()),
        (JAVA_OPTIONS, with_truststore(&present(JAVA_OPTIONS).unwrap_or_default(), &trust.truststore)),
        ("AZURE_AUTHORITY_HOST", endpoints.login.clone()),
        ("ARM_CLOUD_METADATA_URL", metadata),
        ("AZURE_CORE_INSTANCE_DISCOVERY", "false".to_owned()),
        // Terraform's library waits 10 s after a change whose answer names nothing to poll. Source: go-azure-sdk,
        // sdk/client/pollers.
        ("GO_AZURE_SDK_SKIP_POLLING_DELAY", "true".to_owned()),
        (BICEP_CLOUDS, trusted_clouds(present(BICEP_CLOUDS).as_deref(), &endpoints.management, &endpoints.login)),
        ("NO_PROXY", without_proxy("NO_PROXY", "no_proxy", &present, origin)),
        ("no_proxy", without_proxy("no_proxy", "NO_PROXY", &present, origin)),
    ])
}

/// Those of a command on a machine whose control plane is elsewhere: its endpoint is not reached through a proxy. How the
/// control plane is found and trusted is for those to say who have its address.
pub(crate) fn of_host() -> Vec<(&'static str, String)> {
    let present = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let direct = |name, other| (name, without_proxy(name, other, &present, "localhost"));
    vec![direct("NO_PROXY", "no_proxy"), direct("no_proxy", "NO_PROXY")]
}

/// Read by every Java machine since Java 5, however it is started: by `java`, by Maven and Gradle, for the processes that
/// these start, by `keytool`. `JDK_JAVA_OPTIONS` is read by the launcher `java` of Java 9 and later alone.
const JAVA_OPTIONS: &str = "JAVA_TOOL_OPTIONS";

/// The options that are there, and after them those that make Java trust us: of two alike, Java takes the last.
fn with_truststore(present: &str, truststore: &Path) -> String {
    let options = format!(
        "-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStoreType=PKCS12 \
         -Djavax.net.ssl.trustStorePassword={TRUSTSTORE_PASSWORD}",
        java_quoted(&truststore.display().to_string())
    );
    match present.trim() {
        "" => options,
        present if present.ends_with(&options) => present.to_owned(),
        present => format!("{present} {options}"),
    }
}

/// One word of [`JAVA_OPTIONS`]: blanks end a word outside of quotes of either kind, and nothing escapes a quote.
fn java_quoted(text: &str) -> String {
    if text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')) {
        return format!("\"{}\"", text.replace('"', r#""'"'""#));
    }
    text.to_owned()
}

/// The clouds that Bicep may be led to by a configuration file, one of them ours. It compares both addresses by their
/// exact text with those in the file, and knows only clouds of Microsoft's without this. Source: Bicep CLI 0.49.2.
const BICEP_CLOUDS: &str = "BICEP_TRUSTED_CLOUDS";

fn trusted_clouds(present: Option<&str>, management: &str, login: &str) -> String {
    let ours = json!({ "resourceManagerEndpoint": management, "activeDirectoryAuthority": login });
    let mut clouds: Vec<Value> = present.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    if !clouds.contains(&ours) {
        clouds.push(ours);
    }
    Value::Array(clouds).to_string()
}

/// The hosts that are not reached through a proxy: those of the caller, and all of ours. A proxy cannot
/// reach this machine's loopback, and it would see the secret header. Clients differ in which spelling of
/// the variable they prefer, so each takes over the other's value where it has none.
fn without_proxy(name: &str, other: &str, present: Present<'_>, origin: &str) -> String {
    with_direct_hosts(&present(name).or_else(|| present(other)).unwrap_or_default(), origin)
}

fn with_direct_hosts(present: &str, origin: &str) -> String {
    // All hosts; curl and Python know it only when it stands alone.
    if present.trim() == "*" {
        return present.to_owned();
    }
    let mut hosts: Vec<&str> = present.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    for host in ["127.0.0.1", "localhost", "169.254.169.254", origin] {
        if !hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
            hosts.push(host);
        }
    }
    hosts.join(",")
}

/// The host of a base URL, an IPv6 address without its brackets.
fn host_of(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_own_hosts_stay_and_ours_are_added_once() {
        let ours = "127.0.0.1,localhost,169.254.169.254";
        assert_eq!(with_direct_hosts("", "localhost"), ours);
        assert_eq!(with_direct_hosts(ours, "localhost"), ours);
        let added = with_direct_hosts("corp.example, LOCALHOST", "192.0.2.1");
        assert_eq!(added, "corp.example,LOCALHOST,127.0.0.1,169.254.169.254,192.0.2.1");
        assert_eq!(with_direct_hosts("*", "localhost"), "*");
    }

    #[test]
    fn a_host_is_read_from_its_url() {
        assert_eq!(host_of("https://localhost:8443"), "localhost");
        assert_eq!(host_of("https://[2001:db8::1]:8443"), "2001:db8::1");
    }

    #[test]
    fn the_callers_own_java_options_stay_and_ours_are_added_once() {
        let ours = "-Djavax.net.ssl.trustStore=/d/truststore.p12 -Djavax.net.ssl.trustStoreType=PKCS12 \
                    -Djavax.net.ssl.trustStorePassword=changeit";
        let with = |present: &str| with_truststore(present, Path::new("/d/truststore.p12"));
        assert_eq!(with(""), ours);
        assert_eq!(with("-Xmx1g"), format!("-Xmx1g {ours}"));
        assert_eq!(with(&with("-Xmx1g")), format!("-Xmx1g {ours}"));
        assert!(with_truststore("", Path::new("/it's \"here\"")).contains(r#"="/it's "'"'"here"'"'"" -D"#));
    }

    #[test]
    fn the_callers_own_clouds_stay_and_ours_is_added_once() {
        let ours = r#"{"resourceManagerEndpoint":"https://a:1","activeDirectoryAuthority":"https://b:2/"}"#;
        let with = |present| trusted_clouds(present, "https://a:1", "https://b:2/");
        assert_eq!(with(None), format!("[{ours}]"));
        assert_eq!(with(Some("not JSON")), format!("[{ours}]"));
        assert_eq!(with(Some(r#"[{"x":1}]"#)), format!(r#"[{{"x":1}},{ours}]"#));
        assert_eq!(with(Some(&with(None))), format!("[{ours}]"));
    }
}
