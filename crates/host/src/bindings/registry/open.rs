//! Opening the sockets of a place.

use super::{Bindings, OWN, key};
use crate::bindings::place::{NetnsName, Place};
use crate::bindings::row::{SocketFile, SocketFolder};
use crate::bindings::unix_socket::{self, UnixSocketError};
use crate::caller::{Callers, Elsewhere};
use bonafide_files::{FilesError, inode_of_namespace, open_namespace};
use bonafide_http::Listening;
use bonafide_opener::{Held, NearSide, OpenError, Where};
use bonafide_types::BindingId;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The device by which monitors of virtual machines give them their numbers. Source: vhost_vsock of Linux (its mode: systemd's
/// 50-udev-default.rules, 0666 unless a distribution builds it otherwise).
const VHOST: &str = "/dev/vhost-vsock";

/// The reason why nothing listens at a place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The opener refused.
    #[error(transparent)]
    Opener(#[from] OpenError),
    /// The file of a namespace.
    #[error(transparent)]
    Namespace(#[from] FilesError),
    /// The file of a namespace that is not there.
    #[error("there is no network namespace {0}: `ip netns list` shows those with names, and `ip netns add` makes one")]
    NoNamespace(PathBuf),
    /// That of a process that is not there.
    #[error("{0} is not there: has the process ended?")]
    NoProcess(PathBuf),
    /// A file that is no namespace.
    #[error(
        "{0} is no network namespace: name one of `ip netns list`, a process id, or a file such as /proc/PID/ns/net"
    )]
    NotANamespace(String),
    /// The agent's own namespace, under another name.
    #[error(
        "{0} is the network namespace of this machine, in which every program would be the workload; if you mean that, \
         say --netns host"
    )]
    Own(String),
    /// A port that is taken.
    #[error("cannot listen on 127.0.0.1:{port}: {error}; stop what uses it, or name another port")]
    Port {
        /// The port.
        port: u16,
        /// The system's error.
        error: std::io::Error,
    },
    /// A unix socket.
    #[error(transparent)]
    Unix(#[from] UnixSocketError),
    /// A socket that cannot be served.
    #[error("cannot serve what was opened: {0}")]
    Socket(#[from] std::io::Error),
    /// A virtual socket.
    #[error(
        "cannot listen on port {port} of this machine's virtual socket: {error}; it takes the module vhost_vsock, and \
         without privileges a port from 1024 on (--vsock-port)"
    )]
    Vsock {
        /// The port.
        port: u32,
        /// The system's error.
        error: std::io::Error,
    },
}

/// The namespace of a place: an open descriptor of it, and the inode by which it is told from those that are there.
pub(super) struct Namespace {
    pub(super) file: OwnedFd,
    pub(super) inode: u64,
}

/// The sockets of a place, and where they are.
pub(super) struct Opened {
    pub(super) sockets: Vec<Listening>,
    pub(super) namespace: u64,
    pub(super) device: Option<u32>,
    pub(super) device_mark: Option<u32>,
    pub(super) note: Option<String>,
    /// Of a unix socket that was made now.
    pub(super) socket: Option<(SocketFile, SocketFolder)>,
    /// The way in which who calls there is known.
    pub(super) callers: Callers,
}

impl Bindings {
    /// The namespace that a place is in: the descriptor that came with the request, or the one that its name leads this
    /// process to. `None` for a place in the agent's own that needs none.
    pub(super) fn namespace_of(&self, place: &Place, given: Option<OwnedFd>) -> Result<Option<Namespace>, PlaceError> {
        let name = match (place, place.netns()) {
            (_, Some(name)) => name,
            (Place::Interface { .. }, None) => &NetnsName::Host,
            (_, None) => return Ok(None),
        };
        let path = match name {
            NetnsName::Host => PathBuf::from("/proc/self/ns/net"),
            NetnsName::Path(path) => path.clone(),
        };
        let file = match (given, name) {
            (Some(given), NetnsName::Path(_)) => given,
            _ => namespace_file(&path)?,
        };
        let inode = inode_of_namespace(&file).ok_or_else(|| PlaceError::NotANamespace(name.to_string()))?;
        if *name != NetnsName::Host && Some(inode) == self.here.inode {
            return Err(PlaceError::Own(name.to_string()));
        }
        Ok(Some(Namespace { file, inode }))
    }

    /// Opens the sockets of a place, and has them held. `folder` is the one of a unix socket as it was when it was attached.
    pub(super) async fn open(
        &self,
        id: BindingId,
        place: &Place,
        namespace: Option<Namespace>,
        folder: Option<SocketFolder>,
    ) -> Result<Opened, PlaceError> {
        let key = key(id, OWN);
        let at = match place {
            Place::Netns { port: Some(port), .. } => Where::Loopback { port: *port },
            Place::Netns { ipv6, .. } => Where::Metadata { device: None, ipv6: *ipv6, port: 80 },
            Place::Interface { name, ipv6, .. } => {
                Where::Metadata { device: Some(name.clone()), ipv6: *ipv6, port: 80 }
            }
            Place::Port { number } => return self.kept(place, key, vec![port(*number)?]).await,
            Place::Unix { mode, .. } | Place::VsockUnix { mode, .. } => {
                let path = place.socket_path().unwrap_or_default();
                let (socket, file, folder) = unix_socket::open(&path, *mode, folder)?;
                let socket = self.kept(place, key, vec![socket]).await?;
                return Ok(Opened { socket: Some((file, folder)), ..socket });
            }
            Place::Vsock { port, .. } => {
                let socket = self.guests.socket(*port).map_or_else(|| vsock(*port), Ok)?;
                let own = self.kept(place, key, vec![socket]).await?;
                return Ok(Opened { note: free_for_all(Path::new(VHOST)), ..own });
            }
        };
        let held = self.ask(move |opener| opener.open(&key, &at, namespace.as_ref().map(|it| it.file.as_fd()))).await?;
        opened(place, held)
    }

    /// Sockets that this process opened itself, in its own namespace.
    async fn kept(&self, place: &Place, key: String, sockets: Vec<OwnedFd>) -> Result<Opened, PlaceError> {
        let sockets = self.ask(move |opener| {
            let borrowed: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
            opener.keep(&key, &borrowed)?;
            Ok(sockets)
        });
        opened(place, self.own(sockets.await?))
    }

    /// Sockets in the namespace of this process.
    fn own(&self, sockets: Vec<OwnedFd>) -> Held {
        let (key, namespace) = (String::new(), self.here.cookie);
        Held { key, sockets, namespace, device: None, device_mark: None, note: None, asks: None }
    }

    /// Closes all sockets of a binding; an opener that cannot be reached holds them until it can.
    pub(super) async fn close(&self, id: BindingId) -> Result<(), OpenError> {
        let key = key(id, "");
        self.given().retain(|held, _| !held.starts_with(&key));
        self.ask(move |opener| opener.close(&key)).await
    }
}

/// Opens the file of a namespace, with the rights of this process.
///
/// # Errors
/// [`PlaceError`]
pub fn namespace_file(path: &Path) -> Result<OwnedFd, PlaceError> {
    open_namespace(path).map(OwnedFd::from).map_err(|failed| match failed {
        FilesError::Io { error, path } if error.kind() == ErrorKind::NotFound => match path.starts_with("/proc") {
            true => PlaceError::NoProcess(path),
            false => PlaceError::NoNamespace(path),
        },
        other => other.into(),
    })
}

/// Sockets that are held, ready to be served.
pub(super) fn opened(place: &Place, held: Held) -> Result<Opened, PlaceError> {
    let Held { sockets, namespace, device, device_mark, note, asks, .. } = held;
    let sockets = sockets.into_iter().map(|socket| Ok(of_namespace(Listening::given(socket)?, namespace)));
    let sockets = sockets.collect::<Result<_, PlaceError>>()?;
    let callers = callers(place, asks, namespace);
    Ok(Opened { sockets, namespace, device, device_mark, note, socket: None, callers })
}

/// The way in which the callers at a place are known, through the socket that came for it.
fn callers(place: &Place, asks: Option<OwnedFd>, namespace: u64) -> Callers {
    match (place, asks) {
        (Place::Port { .. }, _) => Callers::Here,
        (Place::Unix { .. }, _) => Callers::AtUnixSocket,
        (Place::Netns { .. }, Some(asks)) => {
            Elsewhere::through(asks, namespace).map_or(Callers::Unseen, |there| Callers::Elsewhere(Arc::new(there)))
        }
        (Place::Interface { .. }, Some(asks)) => {
            NearSide::through(asks, namespace).map_or(Callers::Unseen, |side| Callers::Beyond(Arc::new(side)))
        }
        (Place::Netns { .. } | Place::Interface { .. }, None) => Callers::Unseen,
        // The monitor of a machine is seen, and not who calls in it.
        (Place::VsockUnix { .. } | Place::Vsock { .. }, _) => Callers::Unseen,
    }
}

/// The warning where any user can start a machine with a number that is free, as that of one that is switched off is.
fn free_for_all(device: &Path) -> Option<String> {
    let mode = std::fs::metadata(device).ok()?.permissions().mode();
    (mode & 0o006 == 0o006).then(|| {
        format!(
            "every user of this machine can open {device}, and give a machine this number while nobody has it: chmod 660 \
             {device}, and detach what is switched off for good",
            device = device.display()
        )
    })
}

fn vsock(port: u32) -> Result<OwnedFd, PlaceError> {
    bonafide_opener::listen_on_vsock(port).map_err(|error| PlaceError::Vsock { port, error })
}

/// A socket that takes connections of one namespace alone, where the kernel tells one from another (Linux 5.14).
pub(crate) fn of_namespace(socket: Listening, cookie: u64) -> Listening {
    if cookie == 0 { socket } else { socket.in_namespace(cookie) }
}

/// A port of 127.0.0.1, on the loopback device.
fn port(number: u16) -> Result<OwnedFd, PlaceError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
    let failed = |error: std::io::Error| PlaceError::Port { port: number, error };
    let opened = bonafide_http::open_on_loopback_device(address).or_else(|error| match error.kind() {
        // Linux before 5.7 lets only root bind to a device, and there the peers are looked at alone.
        ErrorKind::PermissionDenied => TcpListener::bind(address),
        _ => Err(error),
    });
    Ok(opened.map_err(failed)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions, write};

    #[test]
    fn id_04_numbers_of_machines_that_every_user_can_give_are_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("vhost-vsock");
        assert_eq!(free_for_all(&device), None, "there is none");
        write(&device, "").unwrap();
        for (mode, is_told) in [(0o666, true), (0o660, false), (0o600, false), (0o664, false)] {
            set_permissions(&device, Permissions::from_mode(mode)).unwrap();
            assert_eq!(free_for_all(&device).is_some(), is_told, "{mode:o}");
        }
    }
}
