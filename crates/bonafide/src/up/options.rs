//! Options of `up`.

use crate::options::Throttle;
use bonafide_plane::PlaneOptions;
use std::net::SocketAddr;

/// Options of `up`.
#[derive(Debug, Clone)]
pub(crate) struct UpOptions {
    /// The control plane.
    pub(crate) plane: PlaneOptions,
    /// The port of workload `demo`'s metadata endpoint; chosen once and kept when `None`.
    pub(crate) imds_port: Option<u16>,
    /// True if any user of this machine may use the metadata endpoints, false if only the user who started this
    /// process.
    pub(crate) any_user: bool,
    /// The metadata throttle.
    pub(crate) throttle: Throttle,
    /// True if tokens are refreshed in the background past half their life.
    pub(crate) refresh_ahead: bool,
    /// True if the endpoint of workload `demo` takes HTTP/1.0.
    pub(crate) allow_http_1_0: bool,
    /// True if workload `demo` is also served on 169.254.169.254:80.
    pub(crate) link_local: bool,
    /// The address at which agents reach the hosts listener, when it is not its own (a proxy in between).
    pub(crate) hosts_connect: Option<SocketAddr>,
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
