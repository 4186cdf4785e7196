//! Every command of the how-tos in `docs/guide`, as a reader types it: the blocks of a page in one shell, after those of
//! `operator.md`, against a new `up`. A block of text below one is its output; `…` stands for any.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Up, run_within, skip};

/// Printed between the outputs of two blocks.
const MARK: &str = "-- end of block --";

/// Longest run of a page: it starts many programs, beside those of all other pages.
const PAGE: Duration = Duration::from_secs(180);

/// The pages, each of which has a test.
const TESTED: [&str; 25] = [
    "operator.md",
    "enabling.md",
    "types.md",
    "scale-sets.md",
    "az.md",
    "az-machines.md",
    "az-vm-create.md",
    "az-app-roles.md",
    "power.md",
    "locks.md",
    "hosts.md",
    "templates.md",
    "custom-roles.md",
    "management-groups.md",
    "principals.md",
    "attach.md",
    "programs.md",
    "languages.md",
    "migrating.md",
    "vm-extension.md",
    "backup.md",
    "serve.md",
    "instance-metadata.md",
    "systemd.md",
    "troubleshooting.md",
];

/// Pages that start processes or make network namespaces of their own.
const OF_THEIR_OWN: [&str; 5] = ["attach.md", "vm-extension.md", "serve.md", "instance-metadata.md", "systemd.md"];

/// A block of commands, and the output that the page shows.
struct Block {
    commands: String,
    shown: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide")
}

fn blocks(page: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(page).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    for (at, fenced) in text.split("```").enumerate().filter(|(at, _)| at % 2 == 1) {
        let (language, body) = fenced.split_once('\n').unwrap();
        match (language, blocks.last_mut()) {
            // A program, which whoever shows it compares with what runs it; a picture.
            ("go" | "java" | "", _) => {}
            ("sh", _) => blocks.push(Block { commands: body.to_owned(), shown: None }),
            ("text", Some(block)) if block.shown.is_none() => block.shown = Some(body.to_owned()),
            _ => panic!("{}: block {at} is neither commands nor the output of some: {language}", page.display()),
        }
    }
    blocks
}

/// True when `printed` is what a page shows, line by line.
fn fits(shown: &str, printed: &str) -> bool {
    let line_fits = |shown: &str, printed: &str| {
        let parts: Vec<&str> = shown.split('…').collect();
        let mut rest = printed;
        for (at, part) in parts.iter().enumerate() {
            match rest.find(part) {
                Some(0) => rest = &rest[part.len()..],
                Some(found) if at > 0 => rest = &rest[found + part.len()..],
                _ => return false,
            }
        }
        rest.is_empty() || parts.len() > 1 && parts.last() == Some(&"")
    };
    let (shown, printed): (Vec<_>, Vec<_>) = (shown.trim().lines().collect(), printed.trim().lines().collect());
    shown.len() == printed.len() && shown.iter().zip(&printed).all(|(shown, printed)| line_fits(shown, printed))
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn check(name: &str) {
    check_after(&[], name);
}

fn check_after(options: &[&str], name: &str) {
    run_blocks_after(options, name, &with_sign_in(name));
}

/// The blocks of a page, after those of `operator.md`.
fn with_sign_in(name: &str) -> Vec<Block> {
    let mut pages = vec![folder().join("operator.md")];
    if name != "operator.md" {
        pages.push(folder().join(name));
    }
    pages.iter().flat_map(|page| blocks(page)).collect()
}

/// Checks a page that makes network namespaces, which takes root.
fn check_apart(name: &str) {
    if !support::is_root() {
        return skip("network namespaces need root");
    }
    let dir = tempfile::tempdir().unwrap();
    let up = start_apart(dir.path());
    let target = up.pid().to_string();
    run_blocks_with(up, name, &with_sign_in(name), |script| {
        let inner = shell(dir.path(), script);
        let mut command = Command::new("nsenter");
        command.args(["--target", &target, "--mount", "--net", "--wd"]).arg(inner.get_program()).args(inner.get_args());
        let path = inner.get_envs().find_map(|(name, value)| value.filter(|_| name == "PATH"));
        command.env("PATH", path.unwrap()).stdin(Stdio::null());
        command
    });
}

/// `up` as a reader starts it in `dir`, but on free ports.
fn start(dir: &Path, options: &[&str]) -> Up {
    start_by(Command::new(env!("CARGO_BIN_EXE_bonafide")), dir, options)
}

fn start_by(mut command: Command, dir: &Path, options: &[&str]) -> Up {
    command.args(["up", "--json", "--listen", "127.0.0.1:0", "--hosts-listen", "127.0.0.1:0"]).args(options);
    command.current_dir(dir).stdin(Stdio::null());
    Up::run(command, dir)
}

/// The same on a machine of its own, as far as the names of network namespaces and the ports of loopback go: two runs of a
/// page at once are apart.
fn start_apart(dir: &Path) -> Up {
    let mut command = Command::new("unshare");
    let alone = "mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up && exec \"$0\" \"$@\"";
    command.args(["--mount", "--net", "--propagation", "private", "sh", "-c", alone]);
    command.arg(env!("CARGO_BIN_EXE_bonafide"));
    start_by(command, dir, &[])
}

/// A reader's shell, which ends at the first command that fails.
fn shell(dir: &Path, script: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_bonafide"));
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", script]).current_dir(dir).env("PATH", path).stdin(Stdio::null());
    shell
}

fn run_blocks(name: &str, blocks: &[Block]) {
    run_blocks_after(&[], name, blocks);
}

fn run_blocks_after(options: &[&str], name: &str, blocks: &[Block]) {
    let dir = tempfile::tempdir().unwrap();
    let up = start(dir.path(), options);
    run_blocks_with(up, name, blocks, |script| shell(dir.path(), script));
}

/// Runs blocks in one shell, and compares what each prints with what is shown.
fn run_blocks_with(up: Up, name: &str, blocks: &[Block], shell: impl Fn(&str) -> Command) {
    let script: String = blocks.iter().map(|block| format!("{}echo '{MARK}'\n", block.commands)).collect();
    let output = run_within(PAGE, shell(&script));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{name}: {}\n{printed}\n{said}", output.status);
    for (block, printed) in blocks.iter().zip(printed.split(MARK)) {
        let shown = block.shown.as_deref().unwrap_or_default();
        assert!(fits(shown, printed), "{name}:\n{}\nshown:\n{shown}\nprinted:\n{printed}\n{said}", block.commands);
    }
    up.stop();
}

#[test]
fn every_page_is_tested_and_listed() {
    let list = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || (TESTED.contains(&name.as_str()) && list.contains(&name)), "{name}");
    }
}

/// Those of the README that need neither a build nor the network. `up` has taken other ports than the default.
#[test]
fn the_five_minutes_of_the_readme_need_no_certain_port() {
    let mut blocks = blocks(&folder().join("../../README.md"));
    blocks.retain(|block| !["cargo ", "/tmp/venv"].iter().any(|other| block.commands.contains(other)));
    assert!(blocks.len() > 3);
    blocks.iter_mut().for_each(|block| block.commands = format!("{{ {} }} > printed.txt\n", block.commands));
    blocks.push(Block {
        commands: "[ -n \"$TOKEN\" ] && ask demo -o /dev/null -w '%{http_code}\\n'\n".to_owned(),
        shown: Some("200".to_owned()),
    });
    run_blocks("README.md", &blocks);
}

/// Loops that wait for a change, which does not come while `up` is away, are left out, and so are az, which has words of its
/// own, and the pages of other processes.
#[test]
fn without_up_every_command_says_that_it_is_not_running() {
    let dir = tempfile::tempdir().unwrap();
    let up = start(dir.path(), &[]);
    let waits = |block: &Block| ["while ", "until "].iter().any(|word| block.commands.contains(word));
    let commands = |page: &str| -> Vec<String> {
        let blocks = blocks(&folder().join(page)).into_iter().filter(|block| !waits(block));
        blocks.map(|block| block.commands).collect()
    };
    let stop =
        format!("kill {}\nwhile curl -sk -o /dev/null \"$LOGIN/healthz\"; do sleep 0.1; done\nset +e\n", up.pid());
    let pages = TESTED
        .iter()
        .filter(|page| !page.starts_with("az") && !OF_THEIR_OWN.contains(page))
        .flat_map(|page| commands(page))
        .collect::<String>();
    let asked = "echo 'now arm' >&2; arm GET \"$VM?api-version=2024-11-01\" | value '[\"name\"]'\n";
    let output = run_within(PAGE, shell(dir.path(), &(commands("operator.md").concat() + &stop + &pages + asked)));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("Traceback"), "{said}");
    let last = said.split("now arm").nth(1).unwrap_or_default();
    assert!(last.contains("no answer: is `bonafide up` running?"), "{said}");
}

#[test]
fn the_operator_signs_in_with_curl() {
    check("operator.md");
}

#[test]
fn the_azure_cli_works_from_nothing() {
    check_with_az("az.md");
}

#[test]
fn the_azure_cli_gives_machines_identities_and_takes_them_away() {
    check_with_az("az-machines.md");
}

#[test]
fn the_azure_cli_makes_a_machine_and_deletes_it() {
    check_with_az("az-vm-create.md");
}

#[test]
fn a_service_asks_for_a_role_and_a_machine_gets_it() {
    check_with_az("az-app-roles.md");
}

fn check_with_az(page: &str) {
    if !is_installed("az") {
        return skip("az is not installed (conformance/az/prepare installs it)");
    }
    check(page);
}

#[test]
fn a_machine_gets_identities_and_loses_them() {
    check("enabling.md");
}

#[test]
fn an_installation_without_demo_gets_its_first_machine() {
    check_after(&["--empty"], "enabling.md");
}

#[test]
fn the_commands_of_the_page_on_other_types_work() {
    check("types.md");
}

#[test]
fn a_scale_set_is_made_updated_and_scaled() {
    check("scale-sets.md");
}

#[test]
fn a_machine_is_switched_off_and_on() {
    check("power.md");
}

#[test]
fn a_template_is_deployed() {
    check("templates.md");
}

#[test]
fn resources_are_locked() {
    check("locks.md");
}

#[test]
fn a_host_is_added_runs_what_is_put_on_it_and_is_taken_away() {
    check("hosts.md");
}

#[test]
fn a_role_of_ones_own_is_made() {
    check("custom-roles.md");
}

#[test]
fn a_role_is_given_above_subscriptions() {
    check("management-groups.md");
}

#[test]
fn a_principal_is_found_and_given_a_role() {
    check("principals.md");
}

#[test]
fn places_are_attached_and_detached() {
    check_apart("attach.md");
}

#[test]
fn programs_of_any_age_run_with_an_identity() {
    check("programs.md");
}

#[test]
fn the_programs_of_the_languages_are_those_that_conformance_runs() {
    check("languages.md");
    let page = std::fs::read_to_string(folder().join("languages.md")).unwrap();
    for (language, source) in [("go", "go/example/main.go"), ("java", "java/src/Example.java")] {
        let source = std::fs::read_to_string(folder().join("../../conformance").join(source)).unwrap();
        assert!(page.contains(&format!("```{language}\n{source}```")), "{language}");
    }
}

#[test]
fn the_extension_of_a_machine_says_why_it_fails_and_a_program_leaves_it() {
    check_apart("vm-extension.md");
}

#[test]
fn a_machine_tells_of_itself_and_proves_which_it_is() {
    check("instance-metadata.md");
}

#[test]
fn a_program_moves_here_and_back() {
    check("migrating.md");
}

#[test]
fn a_backup_is_made_and_tried() {
    check("backup.md");
}

#[test]
fn the_control_plane_runs_on_a_server_of_its_own() {
    check("serve.md");
}

#[test]
fn the_units_of_a_host_are_described() {
    check("systemd.md");
}

#[test]
fn a_refusal_is_understood() {
    check("troubleshooting.md");
}
