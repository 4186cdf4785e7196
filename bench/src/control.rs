//! Requests to the control socket of an agent, as the command line makes them.

use crate::Failure;
use crate::namespaces::Namespaces;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Opens an endpoint on a port of loopback, as `exec` does; it lives as long as the stream.
pub(crate) fn open(data: &Path, workload: Option<&str>, dialect: &str) -> Result<(UnixStream, SocketAddr), Failure> {
    let (stream, answer) = ask(data, &json!({ "workload": workload, "dialect": dialect }), None)?;
    let port = answer.pointer("/opened/port").and_then(Value::as_u64);
    let port = port.ok_or_else(|| format!("no endpoint was opened: {answer}"))?;
    Ok((stream, SocketAddr::from(([127, 0, 0, 1], u16::try_from(port)?))))
}

/// Attaches a namespace to a workload.
pub(crate) fn attach(data: &Path, workload: &str, at: usize) -> Result<(), Failure> {
    let path = Namespaces::path(at);
    let place = json!({ "netns": { "netns": { "path": path } } });
    let order = json!({ "bindings": { "attach": { "workload": workload, "place": place, "options": {} } } });
    let answer = ask(data, &order, Some(&File::open(&path)?))?.1;
    answer.get("attached").map(drop).ok_or_else(|| format!("namespace {at} was not attached: {answer}").into())
}

/// Attaches a port of loopback to a workload.
pub(crate) fn attach_port(data: &Path, workload: &str, number: u16) -> Result<(), Failure> {
    let wanted = json!({ "workload": workload, "place": { "port": { "number": number } }, "dialect": "imds" });
    let answer = ask(data, &json!({ "bindings": { "attach": wanted } }), None)?.1;
    answer.get("attached").map(drop).ok_or_else(|| format!("port {number} was not attached: {answer}").into())
}

/// Takes that away again.
pub(crate) fn detach(data: &Path, at: usize) -> Result<(), Failure> {
    let place = json!({ "netns": { "netns": { "path": Namespaces::path(at) } } });
    let answer = ask(data, &json!({ "bindings": { "detach": { "place": place } } }), None)?.1;
    answer.get("bindings").map(drop).ok_or_else(|| format!("namespace {at} was not detached: {answer}").into())
}

fn ask(data: &Path, order: &Value, brought: Option<&File>) -> Result<(UnixStream, Value), Failure> {
    let mut stream = UnixStream::connect(data.join("agent/control.sock"))?;
    stream.write_all(order.to_string().as_bytes())?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let brought: Vec<_> = brought.iter().map(|file| file.as_fd()).collect();
    if !brought.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&brought));
    }
    sendmsg(&stream, &[IoSlice::new(b"\n")], &mut control, SendFlags::NOSIGNAL)?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    Ok((stream, serde_json::from_str(&line)?))
}
