//! The commands beside `up`, from a user's seat.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use support::{MACHINES, PATIENCE, Up, bonafide, eventually, http, metadata_request, refused, run, token_target};

const ARM: &str = "https://management.azure.com/";

#[test]
fn a_token_that_cannot_be_had_says_why_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let line = refused(up.token_command(&["--resource", "https://nope"]));
    assert!(line.contains("AADSTS500011") && line.contains("https://nope") && line.contains("--resource"), "{line}");
    assert!(line.contains("start it with --resource api://orders"), "{line}");
    assert!(!line.contains("Trace ID"), "{line}");
    up.machine("none", &json!({ "type": "None" }));
    let line = refused(up.token_command(&["--resource", ARM, "--workload", "none"]));
    assert!(line.contains("/virtualMachines/none has no identity") && line.contains("--workload"), "{line}");
}

#[test]
fn a_single_identity_is_the_default_and_of_several_one_is_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (one, two) = (up.identity("one"), up.identity("two"));
    up.machine("single", &json!({ "type": "UserAssigned", "userAssignedIdentities": { &one.0: {} } }));
    assert_eq!(claims(&up, &["--workload", "single"])["appid"], one.1);
    up.machine("several", &json!({ "type": "UserAssigned", "userAssignedIdentities": { &one.0: {}, &two.0: {} } }));
    let line = refused(up.token_command(&["--resource", ARM, "--workload", "several"]));
    assert!(line.contains("--client-id") && line.contains(&one.1) && line.contains(&two.1), "{line}");
    assert_eq!(claims(&up, &["--workload", "several", "--client-id", &two.1])["appid"], two.1);
    let line = refused(up.token_command(&["--resource", ARM, "--workload", "single", "--client-id", &two.1]));
    assert!(line.contains(&two.1) && line.contains(&one.1), "{line}");
}

#[test]
fn a_name_that_several_resources_have_is_refused_whichever_have_an_identity() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let group = up.demo().split("/providers").next().unwrap().replace("/resourceGroups/demo", "/resourceGroups/second");
    let operator = up.operator_token();
    assert_eq!(up.manage(&operator, "PUT", &group, "2021-04-01", r#"{"location":"westeurope"}"#).status, 201);
    let without = format!("{group}/providers/Microsoft.Compute/virtualMachines/twin");
    let body = r#"{"location":"westeurope","properties":{}}"#;
    assert_eq!(up.manage(&operator, "PUT", &without, MACHINES, body).status, 201);
    let with = up.machine("twin", &json!({ "type": "SystemAssigned" }));
    let line = refused(up.token_command(&["--resource", ARM, "--workload", "twin"]));
    assert!(line.contains(&without) && line.contains(&with), "{line}");
    claims(&up, &["--workload", &with]);
}

#[test]
fn a_commands_environment_leads_to_the_workload_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let others = [
        "IDENTITY_SERVER_THUMBPRINT",
        "IDENTITY_API_VERSION",
        "IMDS_ENDPOINT",
        "IDENTITY_SECRET",
        "AZUREPS_HOST_ENVIRONMENT",
        "AZURE_CLIENT_SECRET",
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
        "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
        "AZURE_USERNAME",
        "AZURE_PASSWORD",
        "AZURE_FEDERATED_TOKEN_FILE",
    ];
    let of_app_service =
        ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET", "APPSETTING_WEBSITE_SITE_NAME"];
    let of_imds = ["AZURE_POD_IDENTITY_AUTHORITY_HOST", "ARM_MSI_ENDPOINT"];
    let kept = ["AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_TOKEN_CREDENTIALS"];
    let environment = |dialect: &str| {
        let mut exec = bonafide(dir.path(), "exec");
        exec.args(["--dialect", dialect, "--", "env"]);
        for name in others.iter().chain(&of_app_service).chain(&of_imds).chain(&kept) {
            exec.env(name, "stale");
        }
        String::from_utf8(run(exec).stdout).unwrap()
    };
    let has = |text: &str, name: &str| text.lines().any(|line| line.starts_with(&format!("{name}=")));
    let (app_service, imds) = (environment("app-service"), environment("imds"));
    for (name, app_service_has) in
        of_app_service.map(|name| (name, true)).into_iter().chain(of_imds.map(|name| (name, false)))
    {
        assert_eq!((has(&app_service, name), has(&imds, name)), (app_service_has, !app_service_has), "{name}");
    }
    for text in [app_service, imds] {
        let stale: Vec<&str> =
            text.lines().filter_map(|line| line.strip_suffix("=stale")).filter(|name| !kept.contains(name)).collect();
        assert!(stale.is_empty(), "{stale:?}");
        assert!(kept.iter().all(|name| has(&text, name)), "{text}");
        assert!(!others.iter().any(|name| has(&text, name)), "{text}");
        assert!(text.lines().any(|line| line == "GO_AZURE_SDK_SKIP_POLLING_DELAY=true"), "{text}");
    }
    drop(up);
}

#[test]
fn dialect_imds_says_whom_it_does_not_reach() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let notes = |dialect: &str| {
        let mut exec = bonafide(dir.path(), "exec");
        exec.args(["--dialect", dialect, "--", "true"]);
        let output = run(exec);
        assert!(output.status.success() && output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    let notes_of_imds = notes("imds");
    for word in ["Go", "C++", "169.254.169.254", ".NET", "AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential"] {
        assert!(notes_of_imds.contains(word), "{notes_of_imds}");
    }
    assert!(notes_of_imds.lines().all(|line| line.starts_with("bonafide: ")), "{notes_of_imds}");
    assert_eq!(notes("app-service"), "");
    drop(up);
}

/// Bicep compares the addresses with those in a file by their text; docker and dotenv libraries read lines, and what
/// they read is what a shell would.
#[test]
fn the_variables_come_in_every_form_with_the_same_values() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let printed = |shell: &str| {
        let mut env = bonafide(dir.path(), "env");
        env.args(["--shell", shell]).env_remove("JAVA_TOOL_OPTIONS").env_remove("NO_PROXY").env_remove("no_proxy");
        String::from_utf8(run(env).stdout).unwrap()
    };
    let json: Value = serde_json::from_str(&printed("json")).unwrap();
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    let dotenv = printed("dotenv");
    let lines: Vec<(&str, &str)> = dotenv.lines().map(|line| line.split_once('=').unwrap()).collect();
    assert_eq!(lines.iter().map(|(name, _)| name).collect::<Vec<_>>(), names);
    for (name, value) in lines {
        assert_eq!(json[name], value, "{name}");
    }
    let sh = Command::new("sh").args(["-c", &format!("{}env", printed("sh"))]).output().unwrap();
    let sh = String::from_utf8(sh.stdout).unwrap();
    for name in names {
        let line = format!("{name}={}", json[name].as_str().unwrap());
        assert!(sh.lines().any(|other| other == line), "{line}");
    }
    let info = String::from_utf8(run(info(&up)).stdout).unwrap();
    let info: Value = serde_json::from_str(&info).unwrap();
    let clouds: Value = serde_json::from_str(json["BICEP_TRUSTED_CLOUDS"].as_str().unwrap()).unwrap();
    let (arm, login) = (&info["endpoints"]["management"], &info["endpoints"]["login"]);
    assert_eq!(clouds, json!([{ "resourceManagerEndpoint": arm, "activeDirectoryAuthority": login }]));
}

#[test]
fn what_is_described_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let described: Value = serde_json::from_slice(&run(info(&up)).stdout).unwrap();
    for info in [&described, &up.info] {
        let endpoints: Vec<&String> = info["endpoints"].as_object().unwrap().keys().collect();
        assert_eq!(endpoints, ["login", "management", "graph", "hosts"]);
    }
}

fn info(up: &Up) -> Command {
    let mut command = bonafide(&up.dir, "info");
    command.arg("--json");
    command
}

/// Proxies would see the secret header, and cannot reach this machine's loopback.
#[test]
fn md_14_nothing_goes_through_a_proxy() {
    if Command::new("curl").arg("--version").output().is_err() {
        return eprintln!("skipped: curl is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let behind_proxy = |mut command: Command| {
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, &address);
        }
        command.env_remove("no_proxy").env("NO_PROXY", "corp.example");
        String::from_utf8(run(command).stdout).unwrap()
    };
    let origin = r#"curl -s -m 5 "$ARM_CLOUD_METADATA_URL"; echo "$NO_PROXY $no_proxy""#;
    let mut exec = bonafide(dir.path(), "exec");
    let secret = r#"curl -s -m 5 -H "X-IDENTITY-HEADER: $IDENTITY_HEADER" "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://vault.azure.net""#;
    exec.args(["--", "sh", "-c", &format!("{secret}; {origin}")]);
    let mut env = Command::new("sh");
    env.args(["-c", &format!("eval \"$(\"$0\" env --data-dir \"$1\")\"; {origin}"), env!("CARGO_BIN_EXE_bonafide")]);
    env.arg(dir.path().join("data"));
    let (exec, env) = (behind_proxy(exec), behind_proxy(env));
    assert!(proxy.accept().is_err(), "the proxy was asked");
    assert!(exec.contains("access_token"), "{exec}");
    for text in [exec, env] {
        assert!(text.contains("loginEndpoint"), "{text}");
        assert!(text.contains("corp.example,127.0.0.1,localhost,169.254.169.254 corp.example,127.0.0.1"), "{text}");
    }
    drop(up);
}

#[test]
fn a_workload_is_on_this_host_as_long_as_its_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    up.machine("other", &json!({ "type": "SystemAssigned" }));
    let (first, imds) = session(&up, "other");
    let (second, _) = session(&up, "other");
    let ask = || http(imds, &metadata_request(imds, &token_target(ARM)));
    assert_eq!(ask().status, 200);
    // The second one ends, and the first goes on.
    end(second);
    claims(&up, &["--workload", "other"]);
    assert_eq!(ask().status, 200);
    assert_eq!(up.manage(&up.operator_token(), "DELETE", &up.demo(), MACHINES, "").status, 200);
    // Another session's workload is nobody's default.
    eventually(PATIENCE, "there is no default", || {
        let output = run(up.token_command(&["--resource", ARM]));
        String::from_utf8(output.stderr).unwrap().contains("there is no workload demo")
    });
    // The workload is taken from the host when its process dies.
    drop(first);
    // One after the other: none is answered for what the one before it left.
    for _ in 0..10 {
        claims(&up, &["--workload", "other"]);
    }
}

#[test]
fn a_start_takes_away_what_the_sessions_of_a_killed_run_left() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    up.machine("other", &json!({ "type": "SystemAssigned" }));
    let (left, _) = session(&up, "other");
    up.kill();
    end(left);
    let up = Up::start(dir.path(), &[]);
    assert!(up.token(ARM).is_ok(), "demo stays");
    assert_eq!(up.manage(&up.operator_token(), "DELETE", &up.demo(), MACHINES, "").status, 200);
    eventually(PATIENCE, "there is no default", || {
        let output = run(up.token_command(&["--resource", ARM]));
        String::from_utf8(output.stderr).unwrap().contains("there is no workload demo")
    });
}

#[test]
fn id_04_what_is_made_later_under_the_name_of_demo_gets_nothing_of_demo_s() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (demo, operator) = (up.demo(), up.operator_token());
    assert_eq!(up.manage(&operator, "DELETE", &demo, MACHINES, "").status, 200);
    eventually(PATIENCE, "demo is gone", || up.manage(&operator, "GET", &demo, MACHINES, "").status == 404);
    assert_eq!(up.machine("demo", &json!({ "type": "SystemAssigned" })), demo);
    let (left, _) = session(&up, &demo);
    let line = refused(up.token_command(&["--resource", ARM]));
    assert!(line.contains("there is no workload demo"), "{line}");
    assert!(up.token(ARM).is_err(), "demo's port serves another machine");
    up.kill();
    end(left);
    let up = Up::start(dir.path(), &[]);
    assert_eq!(up.info["workloads"], json!([]), "the other machine stays after a kill");
}

#[test]
fn what_up_prints_can_be_pasted() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("it's here");
    std::fs::create_dir(&folder).unwrap();
    let mut up = bonafide(&folder, "up");
    up.args(["--listen", "127.0.0.1:0", "--hosts-listen", "127.0.0.1:0", "--quiet"]);
    let mut running = Running(up.stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(running.0.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
    let greeting: Vec<String> = lines.take_while(|line| !line.starts_with("Ctrl-C")).collect();
    let certificate = folder.join("data/operator/certificate.pem").display().to_string();
    assert!(greeting.iter().any(|line| line.ends_with(&certificate)), "{greeting:#?}");
    let exec = greeting.iter().find_map(|line| line.trim().strip_prefix("bonafide exec ")).unwrap();
    let exec = exec.replace("your_program.py", "-c 'print(6 * 7)'");
    let pasted =
        Command::new("sh").args(["-c", &format!("\"$0\" exec {exec}"), env!("CARGO_BIN_EXE_bonafide")]).output();
    assert_eq!(String::from_utf8(pasted.unwrap().stdout).unwrap(), "42\n", "{exec}");
}

#[test]
fn op_06_help_and_mistakes_say_what_is_wanted() {
    let said = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_bonafide")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    for (arguments, code, wanted) in [
        (&["help"] as &[&str], 0, "Run a command as a workload"),
        (&["help", "exec"], 0, "[default: demo]"),
        (&["token", "--help"], 0, "[default: demo]"),
        (&["env", "--help"], 0, r#"eval "$(bonafide env)""#),
        (&["up", "--help"], 0, "requests a second, and new tokens that callers wait for at once"),
        (&["up", "--lisen=127.0.0.1:1"], 2, "--listen"),
        (&["up", "--listen", "37293"], 2, "127.0.0.1:8443"),
    ] {
        let (status, text) = said(arguments);
        assert_eq!(status, Some(code), "{arguments:?}: {text}");
        assert!(text.contains(wanted), "{arguments:?}: {text}");
    }
    let (_, detach) = said(&["host", "detach", "--help"]);
    assert!(!detach.contains("--mode") && !detach.contains("--ipv6") && detach.contains("--netns"), "{detach}");
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let attach = |place: &[&str]| {
        let mut command = bonafide(&up.dir, "host");
        command.args(["attach", "--workload", "demo"]).args(place);
        refused(command)
    };
    let line = attach(&[]);
    assert!(line.ends_with("name one place: --netns, --tap, --unix, --vsock, --vsock-uds or --port"), "{line}");
    let line = attach(&["--port", "4000", "--mode", "660"]);
    assert!(line.ends_with("--mode is for a unix socket: --unix or --vsock-uds"), "{line}");
    let line = attach(&["--port", "4000", "--owner", "root"]);
    assert!(line.contains("an owner is for a unix socket"), "{line}");
    let line = refused(up.token_command(&["--resource", ARM, "--workload", "nope"]));
    assert!(line.contains("'nope'") && line.ends_with("those with an identity are: demo"), "{line}");
}

/// A command that runs as `workload` until it is ended, and its endpoint.
fn session(up: &Up, workload: &str) -> (Running, SocketAddr) {
    let mut exec = bonafide(&up.dir, "exec");
    let script = "echo $AZURE_POD_IDENTITY_AUTHORITY_HOST; exec cat";
    exec.args(["--workload", workload, "--dialect", "imds", "--", "sh", "-c", script]);
    let mut running = Running(exec.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (running, line.trim().strip_prefix("http://").unwrap().parse().unwrap())
}

/// Lets a session's command end by itself.
fn end(mut session: Running) {
    drop(session.0.stdin.take());
    assert!(session.0.wait().unwrap().success());
}

/// A process that does not outlive its test, whatever becomes of that.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn claims(up: &Up, arguments: &[&str]) -> Value {
    let mut command = up.token_command(&["--resource", ARM, "--decode"]);
    command.args(arguments);
    let output = run(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
