//! `bonafide opener`: the process with the privileges. It opens sockets for the one that serves, and does nothing else.

use crate::keeper::OpenerLine;
use crate::{Failure, privileges};
use bonafide_files::user_named;
use bonafide_opener::{Direct, Lines, Nowhere, Parent, Store, Systemd, serve};
use clap::Args;
use listenfd::ListenFd;
use rustix::net::SocketType;
use std::env::var;
use std::os::fd::OwnedFd;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Options {
    /// The user that may ask, by name or number; root always may
    #[arg(long, value_name = "USER", default_value = "bonafide-host")]
    user: String,
    /// The process that keeps what this one holds
    #[arg(long, value_name = "PID", hide = true)]
    kept_by: Option<i32>,
}

/// The name of the socket on which requests come (`FileDescriptorName=` of systemd).
const REQUESTS: &str = "requests";

/// The reason why there is nobody whom it could serve.
#[derive(Debug, thiserror::Error)]
enum OpenerError {
    #[error(
        "`bonafide opener` is for systemd: bonafide-opener.socket starts it (docs/guide/systemd.md); a bonafide that root \
         started needs none"
    )]
    NoSocket,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    privileges::leave_no_core();
    let Passed { store, kept, lines } = match options.kept_by {
        Some(keeper) => {
            let OpenerLine { line, kept, requests } = OpenerLine::begin(keeper)?;
            let lines = Lines { given: vec![requests], listening: None };
            Passed { store: Box::new(Parent(line)), kept, lines }
        }
        None => by_systemd(options)?,
    };
    privileges::give_up_capabilities(privileges::OPENER)?;
    privileges::raise_descriptor_limit();
    let opener = Direct::start(store, kept)?;
    serve(&opener, lines)?;
    Ok(ExitCode::SUCCESS)
}

/// All that was passed to this process.
struct Passed {
    /// The place that keeps what it holds.
    store: Box<dyn Store>,
    /// All that an opener before it held.
    kept: Vec<OwnedFd>,
    lines: Lines,
}

/// The sockets that systemd passed: the one on which requests come, and what was kept in its store.
fn by_systemd(options: &Options) -> Result<Passed, Failure> {
    let user = user_named(&options.user)?.id();
    let names = var("LISTEN_FDNAMES").unwrap_or_default();
    let (mut passed, mut kept, mut listening) = (ListenFd::from_env(), Vec::new(), None);
    for (at, name) in (0..passed.len()).zip(names.split(':')) {
        if name == REQUESTS {
            let unix = rustix::net::AddressFamily::UNIX.as_raw().into();
            let kind = i32::try_from(SocketType::SEQPACKET.as_raw()).unwrap_or_default();
            listening = passed.take_custom::<OwnedFd>(at, unix, kind, "socket of messages")?;
        } else if let Ok(Some(capsule)) = passed.take_unix_datagram(at) {
            kept.push(capsule.into());
        }
    }
    let listening = listening.ok_or(OpenerError::NoSocket)?;
    let store: Box<dyn Store> = match var("NOTIFY_SOCKET") {
        Ok(socket) => {
            let systemd = Systemd::at(&socket)?;
            systemd.ready()?;
            Box::new(systemd)
        }
        Err(_) => Box::new(Nowhere),
    };
    Ok(Passed { store, kept, lines: Lines { given: Vec::new(), listening: Some((listening, user)) } })
}
