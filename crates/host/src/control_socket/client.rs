//! The side of the command line.

use super::reachable::reachable;
use super::{
    AboutBindings, AboutHosts, Answer, BindingOrder, ControlError, ListedBindings, OpenEndpoint, OpenedEndpoint, is_for,
};
use crate::bindings::{AttachedBinding, BindingLine, Wanted, Which};
use crate::decisions::{HostLine, HostOrder};
use crate::files::HostFiles;
use crate::passing::{read_line, write_line};
use serde::Serialize;
use std::os::fd::{BorrowedFd, OwnedFd};
use tokio::net::UnixStream;

/// Longest answer, in bytes: the list of ten thousand bindings. Source: ours.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
const OTHER_ANSWER: &str = "`bonafide up` is of another version: stop it and start this one";

/// Asks the agent of a data directory for an endpoint on a socket that was brought. It lives until the returned stream is
/// dropped.
pub(crate) async fn open_endpoint(
    files: &HostFiles,
    request: &OpenEndpoint,
    brought: &[BorrowedFd<'_>],
) -> Result<(UnixStream, OpenedEndpoint, Option<OwnedFd>), ControlError> {
    match ask(files, request, brought).await? {
        (stream, Answer::Opened(opened), hold) => Ok((stream, opened, hold)),
        (_, other, _) => Err(unexpected(other)),
    }
}

/// Gives the process of a data directory an order about hosts: the hosts that it was about, as they are now.
pub async fn order_about_hosts(files: &HostFiles, order: HostOrder) -> Result<Vec<HostLine>, ControlError> {
    match ask(files, &AboutHosts { hosts: order }, &[]).await?.1 {
        Answer::Hosts(hosts) => Ok(hosts),
        other => Err(unexpected(other)),
    }
}

/// Has the agent of a data directory attach a place, whose namespace is open already where it has a name that leads there.
pub async fn attach(
    files: &HostFiles,
    wanted: Wanted,
    namespace: Option<BorrowedFd<'_>>,
) -> Result<AttachedBinding, ControlError> {
    let order = AboutBindings { bindings: BindingOrder::Attach(Box::new(wanted)) };
    match ask(files, &order, namespace.as_slice()).await?.1 {
        Answer::Attached(attached) => Ok(*attached),
        other => Err(unexpected(other)),
    }
}

/// Has the agent of a data directory take bindings away: those that were taken away.
pub async fn detach(files: &HostFiles, which: Which) -> Result<Vec<BindingLine>, ControlError> {
    match ask(files, &AboutBindings { bindings: BindingOrder::Detach(which) }, &[]).await?.1 {
        Answer::Bindings(ended) => Ok(ended),
        other => Err(unexpected(other)),
    }
}

/// The bindings of the agent of a data directory.
pub async fn list_bindings(files: &HostFiles) -> Result<ListedBindings, ControlError> {
    match ask(files, &AboutBindings { bindings: BindingOrder::List }, &[]).await?.1 {
        Answer::Listed(listed) => Ok(listed),
        other => Err(unexpected(other)),
    }
}

fn unexpected(answer: Answer) -> ControlError {
    match answer {
        Answer::Refused(reason) => ControlError::Refused(reason),
        _ => ControlError::Refused(OTHER_ANSWER.to_owned()),
    }
}

async fn ask(
    files: &HostFiles,
    request: &impl Serialize,
    brought: &[BorrowedFd<'_>],
) -> Result<(UnixStream, Answer, Option<OwnedFd>), ControlError> {
    let path = files.socket();
    let failed = |error| ControlError::Socket { path: path.clone(), error };
    let mut stream = UnixStream::connect(reachable(&path).map_err(failed)?.path()).await.map_err(failed)?;
    if !is_for(&stream.peer_cred().map_err(failed)?, files.owner()) {
        return Err(ControlError::Refused(format!("{} is held by another user", path.display())));
    }
    let text = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
    write_line(&mut stream, &text, brought).await.map_err(failed)?;
    let (line, came) = read_line(&stream, ANSWER_BYTES_MAX).await.map_err(failed)?;
    let answer = serde_json::from_slice(&line).map_err(|error| failed(error.into()))?;
    Ok((stream, answer, came.into_iter().next()))
}
