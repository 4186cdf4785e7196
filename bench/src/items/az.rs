//! The whole conformance run of the Azure CLI against `up`, beside the same commands against a server of canned bytes: what
//! is above 1 is the time that people wait for us and not for az. The answers come from a run through a recording proxy.

use crate::canned::answers::Answers;
use crate::canned::{record, replay};
use crate::child::{ended_cpu, own_cpu};
use crate::cloud::Cloud;
use crate::report::Row;
use crate::{Bench, Failure};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const WHAT: &str = "az conformance run ÷ the same commands against a server of canned bytes";
const WHAT_CPU: &str = "the same in CPU time: az with `up` ÷ az with canned bytes, which a busy machine changes little";
const TARGET: &str = "≤ 1.1";
const RATIO_MAX: f64 = 1.1;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let az = Az { scripts: root.join("conformance/az"), installed: root.join("target/conformance/az/installed") };
    if !az.python().exists() {
        return Ok(vec![Row::skipped(
            WHAT,
            TARGET,
            "az is not installed here; `cargo xtask conformance az` installs it",
        )]);
    }
    let recording = Recording::make(bench, &az)?;
    // Once each: a run is of hundreds of commands.
    let (here, canned) = (direct(bench, &az)?, recording.replay(bench, &az)?);
    let requests = recording.answers.count();
    let row = |what, of: fn(&Cost) -> f64| {
        let (here, canned) = (of(&here), of(&canned));
        let ratio = here / canned;
        let measured = format!("{ratio:.3} ({here:.1} s against {canned:.1} s; {requests} requests)");
        Row::judged(what, TARGET, measured, ratio <= RATIO_MAX)
    };
    Ok(vec![row(WHAT, |cost| cost.seconds), row(WHAT_CPU, |cost| cost.cpu_seconds)])
}

/// The cost of a run.
struct Cost {
    seconds: f64,
    /// Of az, of its scripts, and of the server.
    cpu_seconds: f64,
}

/// The scripts of conformance/az, and the installed CLI.
struct Az {
    scripts: PathBuf,
    installed: PathBuf,
}

/// The cloud that the scripts are run against.
struct Place<'a> {
    /// The folder of the run, for what az keeps.
    folder: &'a Path,
    /// The program that gives tokens of workloads.
    bonafide: &'a Path,
    data: &'a Path,
    /// The certificates to trust.
    trust: &'a Path,
    proxy: Option<SocketAddr>,
    /// True when the answers are old.
    canned: bool,
}

impl Az {
    fn python(&self) -> PathBuf {
        self.installed.join("venv/bin/python")
    }

    /// Runs all scripts. `server` tells the processor time of what answers them, so far.
    fn run(
        &self,
        bench: &Bench,
        place: &Place<'_>,
        server: impl Fn() -> Result<Duration, Failure>,
    ) -> Result<Cost, Failure> {
        std::fs::create_dir_all(place.folder.join("tmp"))?;
        symlink(self.installed.join("bin"), place.folder.join("bin"))?;
        let mut command = Command::new(self.python());
        command.args(["-B", "management.py"]).current_dir(&self.scripts).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C.UTF-8");
        command.env("HOME", place.folder).env("TMPDIR", place.folder.join("tmp")).env("CONFORMANCE_DIR", place.folder);
        command.env("CONFORMANCE_CANNED", if place.canned { "1" } else { "0" });
        command.env("BONAFIDE", place.bonafide).env("BONAFIDE_DATA", place.data);
        command.env("BONAFIDE_INFO", place.data.join("info.json")).env("REQUESTS_CA_BUNDLE", place.trust);
        // az reads the document of a cloud by a library that knows this variable only.
        command.env("SSL_CERT_FILE", place.trust).env("AZURE_CORE_INSTANCE_DISCOVERY", "false");
        if !bench.quick {
            command.env("CONFORMANCE_ALL", "1");
        }
        if let Some(proxy) = place.proxy {
            command.env("HTTPS_PROXY", format!("http://{proxy}"));
        }
        let cpu = || -> Result<f64, Failure> { Ok((ended_cpu()? + server()?).as_secs_f64()) };
        let (started, cpu_before) = (Instant::now(), cpu()?);
        let output = command.stdin(Stdio::null()).output()?;
        let cost = Cost { seconds: started.elapsed().as_secs_f64(), cpu_seconds: cpu()? - cpu_before };
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let failed: Vec<&str> = said.lines().filter(|line| line.starts_with("FAIL")).collect();
            let errors = String::from_utf8_lossy(&output.stderr);
            let errors: Vec<&str> = errors.lines().rev().take(3).collect();
            return Err(format!("{}; {}", failed.join("; "), errors.join(" / ")).into());
        }
        Ok(cost)
    }
}

/// A run against a new `up`.
fn direct(bench: &Bench, az: &Az) -> Result<Cost, Failure> {
    let folder = bench.folder("az-here")?;
    let data = folder.join("data");
    let cloud = Cloud::start(bench, &data, None)?;
    let place = Place {
        folder: &folder,
        bonafide: &bench.bonafide,
        data: &data,
        trust: cloud.ca(),
        proxy: None,
        canned: false,
    };
    let cost = az.run(bench, &place, || cloud.process.cpu())?;
    cloud.process.stop()?;
    Ok(cost)
}

/// The answers of one run, and the cloud that they speak of, which is gone.
struct Recording {
    answers: std::sync::Arc<Answers>,
    address: SocketAddr,
    data: PathBuf,
    tokens: PathBuf,
}

impl Recording {
    fn make(bench: &Bench, az: &Az) -> Result<Self, Failure> {
        let folder = bench.folder("az-recorded")?;
        let (data, tokens) = (folder.join("data"), folder.join("tokens"));
        std::fs::create_dir(&tokens)?;
        let cloud = Cloud::start(bench, &data, None)?;
        let proxy = record(&folder, cloud.public()?)?;
        proxy.answers.name(&std::fs::read_to_string(data.join("info.json"))?);
        let trust = folder.join("trust.pem");
        let authorities = [cloud.ca().to_owned(), folder.join("ca.pem")].map(std::fs::read_to_string);
        std::fs::write(&trust, authorities.into_iter().collect::<Result<String, _>>()?)?;
        let bonafide =
            keeping(&folder.join("keeping"), &tokens, &format!("'{}' \"$@\" > \"$kept\"", bench.bonafide.display()))?;
        let place = Place {
            folder: &folder,
            bonafide: &bonafide,
            data: &data,
            trust: &trust,
            proxy: Some(proxy.address),
            canned: false,
        };
        let recorded = az.run(bench, &place, || Ok(Duration::ZERO));
        recorded.map_err(|error| format!("the run that is recorded: {error}"))?;
        let address = cloud.public()?.address;
        cloud.process.stop()?;
        Ok(Self { answers: proxy.answers, address, data, tokens })
    }

    /// The same run against what was recorded.
    fn replay(&self, bench: &Bench, az: &Az) -> Result<Cost, Failure> {
        let folder = bench.folder("az-canned")?;
        let server = replay(&folder, self.address, self.answers.again())?;
        let bonafide = keeping(&folder.join("kept"), &self.tokens, ":")?;
        let trust = folder.join("ca.pem");
        let place =
            Place { folder: &folder, bonafide: &bonafide, data: &self.data, trust: &trust, proxy: None, canned: true };
        az.run(bench, &place, own_cpu).map_err(|error| {
            format!("canned bytes: {error}; without an answer: {}", server.answers.missing().join(", ")).into()
        })
    }
}

/// A program that prints what it keeps for its arguments, after `first`.
fn keeping(program: &Path, folder: &Path, first: &str) -> Result<PathBuf, Failure> {
    let script = format!(
        "#!/bin/sh\nset -e\nkept='{}'/$(printf %s \"$*\" | cksum | tr ' ' -)\n{first}\ncat \"$kept\"\n",
        folder.display()
    );
    std::fs::write(program, script)?;
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755))?;
    Ok(program.to_owned())
}
