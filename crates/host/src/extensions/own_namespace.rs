//! The network namespace of the agent itself, where all of it is one workload's (`bonafide up --link-local`).

use super::site::{Site, SiteError, SiteKind, SiteWork, Sites};
use crate::caller::Callers;
use crate::rules::RulesInForce;
use bonafide_http::{Listening, SharedConnections};
use bonafide_types::ResourceUuid;
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;
use tokio::sync::watch;

/// The name of the site.
const HERE: &str = "here";

/// This namespace as the site of one workload, beside other sites.
pub struct OwnNamespace {
    /// The workload that all of the namespace is; none where several share it.
    pub workload: Option<ResourceUuid>,
    /// True if it takes HTTP/1.0.
    pub takes_http_1_0: bool,
    /// The other sites.
    pub others: Arc<dyn Sites>,
}

impl Sites for OwnNamespace {
    fn of(&self, workload: ResourceUuid) -> Vec<Site> {
        let here = || Site {
            key: HERE.to_owned(),
            kind: SiteKind::Loopback,
            takes_http_1_0: self.takes_http_1_0,
            rules: RulesInForce::default(),
        };
        let mut sites = self.others.of(workload);
        sites.extend((self.workload == Some(workload)).then(here));
        sites
    }

    fn changes(&self) -> watch::Receiver<()> {
        self.others.changes()
    }

    fn connections(&self) -> SharedConnections {
        self.others.connections()
    }

    fn callers(&self, site: &Site) -> Callers {
        if site.key == HERE { Callers::Here } else { self.others.callers(site) }
    }

    fn is_open(&self, site: &Site) -> bool {
        site.key != HERE && self.others.is_open(site)
    }

    fn open<'a>(&'a self, site: &'a Site, port: NonZeroU16) -> SiteWork<'a, Result<Vec<Listening>, SiteError>> {
        if site.key == HERE { Box::pin(std::future::ready(listen(port))) } else { self.others.open(site, port) }
    }

    fn close<'a>(&'a self, site: &'a Site) -> SiteWork<'a, ()> {
        if site.key == HERE { Box::pin(std::future::ready(())) } else { self.others.close(site) }
    }

    fn close_rest(&self) -> SiteWork<'_, ()> {
        self.others.close_rest()
    }
}

/// Listens on both loopback addresses; on the first alone where the machine has no IPv6.
fn listen(port: NonZeroU16) -> Result<Vec<Listening>, SiteError> {
    let mut sockets = Vec::new();
    for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let address = SocketAddr::from((ip, port.get()));
        match Listening::open(address) {
            Ok(socket) => sockets.push(socket),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::ADDRINUSE) => return Err(SiteError::Taken(format!("{address} is taken"))),
                Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT) if ip.is_ipv6() => {}
                Some(_) | None => return Err(SiteError::Failed(format!("cannot listen on {address}: {error}"))),
            },
        }
    }
    Ok(sockets)
}
