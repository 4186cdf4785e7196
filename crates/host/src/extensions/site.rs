//! The sites at which the extension of a workload can be served.

use crate::caller::Callers;
use crate::rules::RulesInForce;
use bonafide_http::{Listening, SharedConnections};
use bonafide_types::ResourceUuid;
use std::future::Future;
use std::num::NonZeroU16;
use std::pin::Pin;
use tokio::sync::watch;

/// Work that a site does off this thread.
pub type SiteWork<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A place that belongs to one workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name among all sites of this host. Another place never has it.
    pub key: String,
    /// The way in which the workload reaches it.
    pub kind: SiteKind,
    /// True if it takes HTTP/1.0.
    pub takes_http_1_0: bool,
    /// The rules of the binding that it is.
    pub(crate) rules: RulesInForce,
}

/// The way in which a workload reaches a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteKind {
    /// The loopback device of its network namespace.
    Loopback,
    /// A device at whose other end a kernel of its own is; there a forwarder gives it the port.
    Guest {
        /// The device.
        device: String,
    },
}

/// The reason why a port is not open at a site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// Another process has it.
    #[error("{0}")]
    Taken(String),
    /// Another reason.
    #[error("{0}")]
    Failed(String),
}

/// The sites of this host.
pub trait Sites: Send + Sync + 'static {
    /// Those of a workload, now.
    fn of(&self, workload: ResourceUuid) -> Vec<Site>;

    /// Becomes changed when a site comes or goes.
    fn changes(&self) -> watch::Receiver<()>;

    /// The connections that all sites have together, beyond a few of each: one cannot take the descriptors of the others.
    fn connections(&self) -> SharedConnections;

    /// The way in which the callers at a site are known.
    fn callers(&self, site: &Site) -> Callers;

    /// True of a site that an earlier process of this agent had opened, and whose sockets are held since.
    fn is_open(&self, site: &Site) -> bool;

    /// Listens on a port of a site.
    fn open<'a>(&'a self, site: &'a Site, port: NonZeroU16) -> SiteWork<'a, Result<Vec<Listening>, SiteError>>;

    /// Closes what was opened at a site, also where that is gone.
    fn close<'a>(&'a self, site: &'a Site) -> SiteWork<'a, ()>;

    /// Closes what an earlier process opened and nobody wants any more.
    fn close_rest(&self) -> SiteWork<'_, ()>;
}
