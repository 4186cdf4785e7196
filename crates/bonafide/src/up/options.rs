//! What the shell is told from outside.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Options of `up`.
#[derive(Debug, Clone)]
pub struct UpOptions {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where the public HTTPS origin listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where hosts connect with mTLS; port 0 picks a free one.
    pub hosts_listen: SocketAddr,
    /// The port of workload `demo`'s metadata endpoint; chosen once and kept when `None`.
    pub imds_port: Option<u16>,
    /// On first start: tenant, subscription and operator only.
    pub empty: bool,
    /// Application id URIs that tokens may be asked for, besides those that every tenant knows; once
    /// registered they stay.
    pub resources: Vec<String>,
    /// Whether the operator gets a new secret and certificate, in place of all older ones.
    pub reset_operator: bool,
    /// Whether any user of this machine may use the metadata endpoints, not only the one who started
    /// this process.
    pub any_user: bool,
    /// The metadata throttle.
    pub throttle: ThrottleOption,
    /// Whether tokens are refreshed in the background past half their life.
    pub refresh_ahead: bool,
    /// Whether workload `demo` is also served on 169.254.169.254:80.
    pub link_local: bool,
    /// Where agents reach the hosts listener, when that is not where it listens (a proxy in between).
    pub hosts_connect: Option<SocketAddr>,
}

impl UpOptions {
    /// The option given, if one is, that means something only where there is a workload `demo`.
    pub(crate) fn of_demo(&self) -> Option<&'static str> {
        match (self.link_local, self.imds_port) {
            (true, _) => Some("--link-local"),
            (false, Some(_)) => Some("--imds-port"),
            (false, None) => None,
        }
    }
}

/// The metadata throttle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThrottleOption {
    /// Requests per second, and concurrent requests, for each workload.
    On {
        /// Requests per second.
        rate: u32,
        /// Concurrent requests.
        concurrent: u32,
    },
    /// None.
    Off,
}
