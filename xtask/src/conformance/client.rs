//! A client: a folder below `conformance/` with a script that installs it and one for each part.

use super::ConformanceError;
use super::cloud::Cloud;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest time for installing a client, in seconds.
const PREPARE_SECONDS_MAX: u32 = 1_200;
/// Longest time for one part, in seconds.
const PART_SECONDS_MAX: u32 = 600;
/// The exit status of `prepare` when the machine lacks the client's toolchain; its last line says
/// what is missing.
const MISSING: i32 = 77;

/// The part of bonafide that a script of a client exercises, which decides where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The metadata endpoint at its real address, as workload `demo`.
    Imds,
    /// The App Service endpoint that `bonafide exec` makes, as workload `demo`.
    AppService,
    /// Login and management, as the operator.
    Management,
}

impl Part {
    const ALL: [Part; 3] = [Part::Imds, Part::AppService, Part::Management];

    /// The script's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Imds => "imds",
            Part::AppService => "app-service",
            Part::Management => "management",
        }
    }

    /// True when it needs the real address, and so a network namespace.
    pub(super) fn needs_link_local(self) -> bool {
        self == Part::Imds
    }
}

/// The result of installing a client.
pub(super) enum Prepared {
    Ready,
    /// The machine lacks this.
    Missing(String),
    Failed(String),
}

pub(super) struct Client {
    pub(super) name: String,
    pub(super) parts: Vec<Part>,
    folder: PathBuf,
}

/// The clients below `folder`, by name.
pub(super) fn find(folder: &Path) -> Result<Vec<Client>, ConformanceError> {
    let failed = |error| ConformanceError::File(folder.to_owned(), error);
    let mut clients = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let folder = entry.map_err(failed)?.path();
        let parts: Vec<Part> = Part::ALL.into_iter().filter(|part| folder.join(part.name()).is_file()).collect();
        if let (Some(name), false) = (folder.file_name().and_then(|name| name.to_str()), parts.is_empty()) {
            clients.push(Client { name: name.to_owned(), parts, folder });
        }
    }
    clients.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(clients)
}

impl Client {
    /// Installs the client below `folder` (kept from run to run; the script does nothing when it
    /// is there already). It has the network and the environment of whoever runs this.
    pub(super) fn prepare(&self, folder: &Path) -> Result<Prepared, ConformanceError> {
        let installed = installed(folder);
        fs::create_dir_all(&installed).map_err(|error| ConformanceError::File(installed.clone(), error))?;
        let path = folder.join("prepare.log");
        let log = File::create(&path).map_err(|error| ConformanceError::File(path.clone(), error))?;
        let errors = log.try_clone().map_err(|error| ConformanceError::File(path.clone(), error))?;
        println!("# {}: installing", self.name);
        let status = Command::new("timeout")
            .args(["--kill-after=5", &PREPARE_SECONDS_MAX.to_string(), "./prepare"])
            .current_dir(&self.folder)
            .env("CONFORMANCE_DIR", &installed)
            .stdin(std::process::Stdio::null())
            .stdout(log)
            .stderr(errors)
            .status()
            .map_err(|error| ConformanceError::Failed(format!("timeout: {error}")))?;
        let last = || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            text.lines().last().unwrap_or("it said nothing").trim().to_owned()
        };
        Ok(match status.code() {
            Some(0) => Prepared::Ready,
            Some(MISSING) => Prepared::Missing(last()),
            _ => Prepared::Failed(format!("prepare failed ({status}): {}", last())),
        })
    }

    /// The command that runs `part` on `cloud`.
    pub(super) fn command(&self, part: Part, cloud: &Cloud) -> Command {
        let script = self.folder.join(part.name());
        let mut command = cloud.command("timeout");
        command.args(["--kill-after=5", &PART_SECONDS_MAX.to_string()]);
        match part {
            Part::AppService => {
                command.arg(&cloud.binary).args(["exec", "--data-dir"]).arg(&cloud.data).arg("--").arg(script)
            }
            // The advice of the README: the exports of `bonafide env`, read by a shell.
            Part::Imds | Part::Management => command
                .args([
                    "bash",
                    "-c",
                    r#"exports=$("$BONAFIDE" env --data-dir "$BONAFIDE_DATA") && eval "$exports" && exec "$0""#,
                ])
                .arg(script),
        };
        command.env("CONFORMANCE_DIR", installed(&cloud.folder)).current_dir(&self.folder);
        command
    }
}

fn installed(folder: &Path) -> PathBuf {
    folder.join("installed")
}
