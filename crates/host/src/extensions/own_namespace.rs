//! The network namespace of the agent itself, where all of it is one workload's (`bonafide up --link-local`).

use super::site::{Site, SiteError, SiteKind, SiteWork, Sites};
use bonafide_http::Listening;
use bonafide_types::ResourceUuid;
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use tokio::sync::watch;

/// The site of one workload, or of none.
pub struct OwnNamespace {
    workload: Option<ResourceUuid>,
    takes_http_1_0: bool,
    changed: watch::Sender<()>,
}

impl OwnNamespace {
    /// That of this workload.
    pub fn of(workload: Option<ResourceUuid>, takes_http_1_0: bool) -> Self {
        Self { workload, takes_http_1_0, changed: watch::Sender::new(()) }
    }
}

impl Sites for OwnNamespace {
    fn of(&self, workload: ResourceUuid) -> Vec<Site> {
        let site = || Site { key: "here".to_owned(), kind: SiteKind::Loopback, takes_http_1_0: self.takes_http_1_0 };
        (self.workload == Some(workload)).then(site).into_iter().collect()
    }

    fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn open<'a>(&'a self, _: &'a Site, port: NonZeroU16) -> SiteWork<'a, Result<Vec<Listening>, SiteError>> {
        Box::pin(std::future::ready(listen(port)))
    }

    fn close<'a>(&'a self, _: &'a Site) -> SiteWork<'a, ()> {
        Box::pin(std::future::ready(()))
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
