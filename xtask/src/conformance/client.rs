//! A client: a folder below `conformance/` with a script that installs it and one for each part; and
//! its variants, the same scripts with other versions of its libraries.

use super::cloud::{self, Cloud};
use super::{Breadth, ConformanceError, machine};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest time for installing a client, in seconds.
const PREPARE_SECONDS_MAX: u32 = 1_200;
/// Longest time for one part, in seconds.
const PART_SECONDS_MAX: u32 = 600;
/// The folder of a client's variants.
const VARIANTS: &str = "variants";
/// The script that starts everything itself, on a machine of its own.
pub(super) const HOST: &str = "host";
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
    /// The Cloud Shell endpoint that `bonafide exec` makes, as workload `demo`.
    CloudShell,
    /// Login and management, as the operator.
    Management,
}

impl Part {
    const ALL: [Part; 4] = [Part::Imds, Part::AppService, Part::CloudShell, Part::Management];

    /// The script's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Imds => "imds",
            Part::AppService => "app-service",
            Part::CloudShell => "cloud-shell",
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
    /// The variant's name; `None` for the versions of the quick gate.
    variant: Option<String>,
    /// The parts that it runs on a cloud that was started for it.
    pub(super) parts: Vec<Part>,
    /// True if it has a script for a machine of its own.
    pub(super) has_host: bool,
    /// The folder of its scripts.
    folder: PathBuf,
    /// The folder of the files that pin its versions.
    pins: PathBuf,
}

/// The clients below `folder` by name, with [`Breadth::All`] each followed by its variants.
pub(super) fn find(folder: &Path, breadth: Breadth) -> Result<Vec<Client>, ConformanceError> {
    let mut clients = Vec::new();
    for (name, folder) in folders(folder)? {
        let parts: Vec<Part> = Part::ALL.into_iter().filter(|part| folder.join(part.name()).is_file()).collect();
        let has_host = folder.join(HOST).is_file();
        if parts.is_empty() && !has_host {
            continue;
        }
        let variants = folder.join(VARIANTS);
        let client = |variant: Option<String>, pins| Client {
            name: name.clone(),
            // One version of a client shows it.
            has_host: has_host && variant.is_none(),
            variant,
            parts: parts.clone(),
            folder: folder.clone(),
            pins,
        };
        clients.push(client(None, folder.clone()));
        if breadth == Breadth::All && variants.is_dir() {
            clients.extend(folders(&variants)?.into_iter().map(|(name, pins)| client(Some(name), pins)));
        }
    }
    Ok(clients)
}

/// The folders in `folder`, by name.
fn folders(folder: &Path) -> Result<Vec<(String, PathBuf)>, ConformanceError> {
    let failed = |error| ConformanceError::File(folder.to_owned(), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let (true, Some(name)) = (path.is_dir(), path.file_name().and_then(|name| name.to_str())) {
            found.push((name.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

impl Client {
    /// Its name, and its variant's: what results say, and the name of its folder below `target/conformance/`.
    pub(super) fn title(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}-{variant}", self.name),
            None => self.name.clone(),
        }
    }

    /// Installs the client below `folder` (kept from run to run; the script does nothing when it
    /// is there already). It has the network and the environment of whoever runs this.
    pub(super) fn prepare(&self, folder: &Path) -> Result<Prepared, ConformanceError> {
        let installed = installed(folder);
        fs::create_dir_all(&installed).map_err(|error| ConformanceError::File(installed.clone(), error))?;
        let path = folder.join("prepare.log");
        let log = File::create(&path).map_err(|error| ConformanceError::File(path.clone(), error))?;
        let errors = log.try_clone().map_err(|error| ConformanceError::File(path.clone(), error))?;
        println!("# {}: installing", self.title());
        let status = Command::new("timeout")
            .args(["--kill-after=5", &PREPARE_SECONDS_MAX.to_string(), "./prepare"])
            .current_dir(&self.folder)
            .env("CONFORMANCE_DIR", &installed)
            .env("CONFORMANCE_PINS", &self.pins)
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

    /// The command that runs the script of a machine of its own, with its folder below `folder`.
    pub(super) fn command_on_machine(
        &self,
        binary: &Path,
        folder: &Path,
        breadth: Breadth,
    ) -> Result<Command, ConformanceError> {
        let data = folder.join("machine");
        cloud::fresh(folder, &data).map_err(ConformanceError::Failed)?;
        let command = machine::command(&self.folder.join(HOST), PART_SECONDS_MAX);
        let command = cloud::environment(command, binary, folder, &data);
        Ok(self.placed(command, folder, breadth))
    }

    /// The command that runs `part` on `cloud`.
    pub(super) fn command(&self, part: Part, cloud: &Cloud, breadth: Breadth) -> Command {
        let script = self.folder.join(part.name());
        let mut command = cloud.command("timeout");
        command.args(["--kill-after=5", &PART_SECONDS_MAX.to_string()]);
        match part {
            Part::AppService | Part::CloudShell => {
                command.arg(&cloud.binary).args(["exec", "--data-dir"]).arg(&cloud.data);
                if part == Part::CloudShell {
                    command.args(["--dialect", part.name()]);
                }
                command.arg("--").arg(script)
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
        self.placed(command, &cloud.folder, breadth)
    }

    /// The command in the folder of the client's scripts, told where the client is installed.
    fn placed(&self, mut command: Command, folder: &Path, breadth: Breadth) -> Command {
        command.env("CONFORMANCE_DIR", installed(folder)).current_dir(&self.folder);
        if breadth == Breadth::All {
            command.env("CONFORMANCE_ALL", "1");
        }
        command
    }
}

fn installed(folder: &Path) -> PathBuf {
    folder.join("installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(folder: &Path, breadth: Breadth) -> Vec<String> {
        find(folder, breadth).unwrap().iter().map(Client::title).collect()
    }

    #[test]
    fn variants_follow_their_client_and_are_run_with_all_only() {
        let folder = tempfile::tempdir().unwrap();
        for made in ["go/variants/old", "go/variants/older", "curl", "notes"] {
            fs::create_dir_all(folder.path().join(made)).unwrap();
        }
        fs::write(folder.path().join("go/imds"), "").unwrap();
        fs::write(folder.path().join("curl/management"), "").unwrap();
        fs::write(folder.path().join("README.md"), "").unwrap();
        assert_eq!(titles(folder.path(), Breadth::Quick), ["curl", "go"]);
        assert_eq!(titles(folder.path(), Breadth::All), ["curl", "go", "go-old", "go-older"]);
        let all = find(folder.path(), Breadth::All).unwrap();
        assert_eq!(all[2].folder, folder.path().join("go"));
        assert_eq!(all[2].pins, folder.path().join("go/variants/old"));
        assert_eq!(all[1].pins, all[1].folder);
    }
}
