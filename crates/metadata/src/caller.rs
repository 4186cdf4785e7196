//! Who is calling: the binding that a connection arrived on, and nothing else.

use crate::query::Remembered;
use bonafide_types::{ResourceUuid, Secret};

/// The protocol spoken at a binding.
pub enum Dialect {
    /// `http://169.254.169.254/metadata/…` (docs/wire/imds.md).
    Imds,
    /// App Service, version 2019-08-01 (docs/wire/app-service.md).
    AppService {
        /// What `X-IDENTITY-HEADER` must hold.
        secret: Secret<String>,
    },
}

/// An endpoint on this host and the workload it belongs to. Nothing in a request can choose another
/// workload: not its address, its `Host`, its headers or its parameters.
pub struct Binding {
    id: Box<str>,
    workload: ResourceUuid,
    dialect: Dialect,
    hosts: Box<[Box<str>]>,
    pub(crate) queries: Remembered,
}

impl Binding {
    /// A binding named `id` (for logs) at TCP port `port`. It answers to `169.254.169.254` and to
    /// the names of the loopback interface with its port.
    pub fn new(id: impl Into<Box<str>>, workload: ResourceUuid, dialect: Dialect, port: u16) -> Self {
        let mut hosts: Vec<Box<str>> = vec!["169.254.169.254".into(), "169.254.169.254:80".into()];
        hosts
            .extend(["127.0.0.1", "localhost", "[::1]", "169.254.169.254"].map(|name| format!("{name}:{port}").into()));
        if port == 80 {
            hosts.extend(["127.0.0.1", "localhost", "[::1]"].map(Box::from));
        }
        Self { id: id.into(), workload, dialect, hosts: hosts.into(), queries: Remembered::default() }
    }

    /// The name of the binding in logs.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The workload it belongs to.
    pub fn workload(&self) -> ResourceUuid {
        self.workload
    }

    /// The protocol spoken here.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// True when `host` is a `Host` that this binding answers to; names are compared without case.
    pub(crate) fn answers_to(&self, host: &[u8]) -> bool {
        // Nearly every client writes it as it stands here.
        let is = |allowed: &[u8]| allowed == host || allowed.eq_ignore_ascii_case(host);
        self.hosts.iter().any(|allowed| is(allowed.as_bytes()))
    }
}
