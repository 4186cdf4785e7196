//! A running `bonafide up`.

use crate::child::{Process, command};
use crate::{Bench, Failure};
use bonafide_core::names::PUBLIC_MANAGEMENT;
use bonafide_plane::{Description, WorkloadEndpoint};
use bonafide_types::{SubscriptionId, TenantId};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use xtask::connection::{Connection, Target, request, request_to, tls};

/// The resource that tokens are asked for: the resource manager.
pub(crate) const RESOURCE: &str = PUBLIC_MANAGEMENT;
/// The request of every SDK to the metadata endpoint.
pub(crate) const TOKEN_TARGET: &str =
    "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/";

/// The version of machines that is asked for.
pub(crate) const VM_VERSION: &str = "2024-11-01";

/// The addresses that `up` is started at.
pub(crate) struct Addresses {
    public: SocketAddr,
    hosts: SocketAddr,
}

impl Addresses {
    /// Two that nothing listens on at the moment.
    pub(crate) fn free() -> Result<Self, Failure> {
        Ok(Self { public: free_address()?, hosts: free_address()? })
    }
}

/// A running `bonafide up`, or `serve`.
pub(crate) struct Cloud {
    pub(crate) process: Process,
    /// The output of `up --json`.
    pub(crate) info: Description,
    pub(crate) hosts: SocketAddr,
}

impl Cloud {
    /// Starts `up` on a data directory, without a throttle, its request log in a file beside it, and
    /// waits until it is ready.
    pub(crate) fn start(bench: &Bench, data: &Path, core: Option<usize>) -> Result<Self, Failure> {
        let log = data.with_extension("log");
        Self::start_logging_to(bench, data, core, &log)
    }

    /// The same, with the log elsewhere.
    pub(crate) fn start_logging_to(
        bench: &Bench,
        data: &Path,
        core: Option<usize>,
        log: &Path,
    ) -> Result<Self, Failure> {
        Self::up(bench, data, core, log, &Addresses { public: ([127, 0, 0, 1], 0).into(), hosts: free_address()? })
    }

    /// The same on any core, at addresses that do not change from one start to the next.
    pub(crate) fn start_at(bench: &Bench, data: &Path, addresses: &Addresses) -> Result<Self, Failure> {
        Self::up(bench, data, None, &data.with_extension("log"), addresses)
    }

    fn up(
        bench: &Bench,
        data: &Path,
        core: Option<usize>,
        log: &Path,
        &Addresses { public, hosts }: &Addresses,
    ) -> Result<Self, Failure> {
        let mut up = command(&bench.bonafide, core);
        up.args(["up", "--json", "--throttle", "off", "--listen", &public.to_string()]);
        up.args(["--hosts-listen", &hosts.to_string(), "--data-dir"]).arg(data);
        Self::read(up, hosts, log)
    }

    /// Starts `serve` by a configuration file, its log beside that, and waits until it is ready.
    pub(crate) fn serve(bench: &Bench, configuration: &Path, hosts: SocketAddr) -> Result<Self, Failure> {
        let mut serve = command(&bench.bonafide, None);
        serve.args(["serve", "--json", "--config"]).arg(configuration);
        Self::read(serve, hosts, &configuration.with_extension("log"))
    }

    fn read(mut command: Command, hosts: SocketAddr, log: &Path) -> Result<Self, Failure> {
        let mut process = Process::start(command.stdout(Stdio::piped()).stderr(File::create(log)?))?;
        let output = process.child().stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let info = serde_json::from_str(&line).map_err(|_| {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            format!("it did not start: {}", said.lines().last().unwrap_or("it said nothing"))
        })?;
        Ok(Self { process, info, hosts })
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.info.tenant_id
    }

    pub(crate) fn subscription(&self) -> SubscriptionId {
        self.info.subscription_id
    }

    fn demo(&self) -> Result<&WorkloadEndpoint, Failure> {
        self.info.workloads.first().ok_or_else(|| "there is no workload".into())
    }

    /// The demo workload's ARM id.
    pub(crate) fn workload(&self) -> Result<&str, Failure> {
        Ok(self.demo()?.resource_id.as_str())
    }

    /// The audience that client assertions name.
    pub(crate) fn token_url(&self) -> String {
        format!("{}{}", self.info.endpoints.login, self.token_path())
    }

    pub(crate) fn token_path(&self) -> String {
        format!("/{}/oauth2/token", self.tenant())
    }

    /// The certificate of the authority to trust.
    pub(crate) fn ca(&self) -> &Path {
        &self.info.ca_file
    }

    /// The demo workload's metadata endpoint.
    pub(crate) fn metadata(&self) -> Result<Target, Failure> {
        let address = self.demo()?.endpoint.trim_start_matches("http://").parse()?;
        Ok(Target::plain(address))
    }

    /// The public origin.
    pub(crate) fn public(&self) -> Result<Target, Failure> {
        let port = self.info.endpoints.login.rsplit(':').next().unwrap_or_default().parse()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Target { address, tls: Some(tls(self.ca(), None)?) })
    }

    /// Signs the operator in with its secret, and talks to the resource manager.
    pub(crate) fn management(&self) -> Result<Management, Failure> {
        let mut connection = self.public()?.connect()?;
        let secret = std::fs::read_to_string(&self.info.operator.secret_file)?;
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.info.operator.client_id.to_string())
            .append_pair("client_secret", secret.trim())
            .append_pair("resource", RESOURCE)
            .finish();
        let answer = connection.call(&token_request(&self.token_path(), &body))?.json()?;
        let token = answer["access_token"].as_str().ok_or("no token for the operator")?.to_owned();
        Ok(Management { connection, authorization: format!("Bearer {token}") })
    }
}

/// The resource manager, as the operator.
pub(crate) struct Management {
    connection: Connection,
    pub(crate) authorization: String,
}

impl Management {
    pub(crate) fn call(&mut self, method: &str, id: &str, version: &str, body: &Value) -> Result<Value, Failure> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.connection.call(&management_request(&self.authorization, method, id, version, &body))?;
        if answer.body.is_empty() && (200..300).contains(&answer.status) {
            return Ok(Value::Null);
        }
        answer.json().map_err(|error| format!("{method} {id}: {error}").into())
    }
}

/// A request to the resource manager.
pub(crate) fn management_request(authorization: &str, method: &str, id: &str, version: &str, body: &str) -> Vec<u8> {
    let headers = [("Authorization", authorization), ("Content-Type", "application/json")];
    request(method, &format!("{id}?api-version={version}"), &headers, body)
}

/// A request to a metadata endpoint, which answers to this address on every port.
pub(crate) fn metadata_request(target: &str) -> Vec<u8> {
    request_to("169.254.169.254", "GET", target, &[("Metadata", "true")], "")
}

/// A request to the token service.
pub(crate) fn token_request(path: &str, form: &str) -> Vec<u8> {
    request("POST", path, &[("Content-Type", "application/x-www-form-urlencoded")], form)
}

/// An address that nothing listens on at the moment.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
