//! The sites that bindings are: the loopback device of a namespace, and the device of a guest.

use super::site::{Site, SiteError, SiteKind, SiteWork, Sites};
use crate::bindings::{BesideError, Bindings, Place};
use crate::caller::Callers;
use bonafide_http::{Listening, SharedConnections};
use bonafide_opener::{OpenError, Where};
use bonafide_types::{BindingId, ResourceUuid};
use std::num::NonZeroU16;
use tokio::sync::watch;

/// The name under which the sockets of extensions are held.
const NAME: &str = "vm-extension";

impl Sites for Bindings {
    fn of(&self, workload: ResourceUuid) -> Vec<Site> {
        let rows = self.bindings_of(workload).into_iter();
        let sites = rows.filter_map(|row| {
            let kind = match row.place {
                Place::Netns { .. } => SiteKind::Loopback,
                Place::Interface { name, .. } => SiteKind::Guest { device: name },
                // Neither has a loopback address: there the workload is asked for by name.
                Place::Unix { .. } | Place::VsockUnix { .. } | Place::Vsock { .. } | Place::Port { .. } => return None,
            };
            let rules = self.rules_of(row.id);
            Some(Site { key: row.id.to_string(), kind, takes_http_1_0: row.options.allow_http_1_0, rules })
        });
        sites.collect()
    }

    fn changes(&self) -> watch::Receiver<()> {
        Bindings::changes(self)
    }

    fn connections(&self) -> SharedConnections {
        self.shared_connections()
    }

    fn callers(&self, site: &Site) -> Callers {
        binding(site).map(|id| Bindings::callers(self, id)).unwrap_or_default()
    }

    fn is_open(&self, site: &Site) -> bool {
        binding(site).is_some_and(|id| self.given_beside(NAME).contains(&id))
    }

    fn open<'a>(&'a self, site: &'a Site, port: NonZeroU16) -> SiteWork<'a, Result<Vec<Listening>, SiteError>> {
        Box::pin(async move {
            let id = binding(site).ok_or_else(|| SiteError::Failed("it is no binding".to_owned()))?;
            let at = || match &site.kind {
                SiteKind::Loopback => Where::Loopback { port: port.get() },
                SiteKind::Guest { device } => {
                    Where::Metadata { device: Some(device.clone()), ipv6: None, port: port.get() }
                }
            };
            let opened = self.open_beside(id, NAME, at()).await?;
            if opened.iter().all(|socket| socket.address().is_some_and(|address| address.port() == port.get())) {
                return Ok(opened);
            }
            // The port was changed while no agent ran.
            drop(opened);
            self.close(site).await;
            Ok(self.open_beside(id, NAME, at()).await?)
        })
    }

    fn close<'a>(&'a self, site: &'a Site) -> SiteWork<'a, ()> {
        Box::pin(async move {
            if let Some(id) = binding(site) {
                // One that fails is of a binding that is gone, with all that was held for it.
                let _ = self.close_beside(id, NAME).await;
            }
        })
    }

    fn close_rest(&self) -> SiteWork<'_, ()> {
        Box::pin(async move {
            for id in self.given_beside(NAME) {
                let _ = self.close_beside(id, NAME).await;
            }
        })
    }
}

fn binding(site: &Site) -> Option<BindingId> {
    site.key.parse().ok()
}

impl From<BesideError> for SiteError {
    fn from(error: BesideError) -> Self {
        match &error {
            BesideError::Opener(OpenError::Taken { address, by }) => Self::Taken(format!("{address} is taken{by}")),
            BesideError::Opener(_) | BesideError::NotServing(_) | BesideError::Socket(_) => {
                Self::Failed(error.to_string())
            }
        }
    }
}
