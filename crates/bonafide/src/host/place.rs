//! The options that name a place.

use crate::Failure;
use bonafide_files::user_named;
use bonafide_host::bindings::{NetnsName, Place, PlaceOptions, namespace_file};
use clap::Args;
use std::net::Ipv6Addr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Folders in which container runtimes and `ip netns` keep namespaces under names that outlive processes.
const KEPT: [&str; 2] = ["/run/netns", "/run/docker/netns"];

#[derive(Args)]
#[group(skip)]
pub(super) struct Options {
    /// A network namespace: its name in `ip netns`, a process in it, a file, or `host` for this machine's own
    #[arg(long, value_name = "NAME|PID|PATH|host")]
    netns: Option<String>,
    /// A tap or veth interface whose other end is one workload's
    #[arg(long, value_name = "IFACE")]
    tap: Option<String>,
    /// A unix socket
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// The virtual socket of a guest, by its address
    #[arg(long, value_name = "CID")]
    vsock: Option<u32>,
    /// The virtual socket of a guest of Firecracker or cloud-hypervisor, by the path that it was given
    #[arg(long, value_name = "PATH")]
    vsock_uds: Option<PathBuf>,
    /// The port that such a guest connects to [default: 80]
    #[arg(long, value_name = "N")]
    vsock_port: Option<u32>,
    /// A port of 127.0.0.1: on this machine, or with --netns in that namespace
    #[arg(long, value_name = "N")]
    port: Option<u16>,
}

/// The properties of a place that are chosen when it is attached, and by which it is not found again.
#[derive(Args, Default)]
#[group(skip)]
pub(super) struct Chosen {
    /// An IPv6 address beside 169.254.169.254
    #[arg(long, value_name = "ADDRESS")]
    ipv6: Option<Ipv6Addr>,
    /// The permissions of a unix socket [default: 600]
    #[arg(long, value_name = "OCTAL", value_parser = mode)]
    mode: Option<u32>,
}

fn mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8).map_err(|_| "give three octal digits, as in 660".to_owned())
}

/// A user by name or number.
pub(super) fn user(text: &str) -> Result<u32, String> {
    user_named(text).map(|user| user.id()).map_err(|error| error.to_string())
}

impl Options {
    /// True where none is given.
    pub(super) fn is_none(&self) -> bool {
        let Self { netns, tap, unix, vsock, vsock_uds, vsock_port: _, port } = self;
        netns.is_none() && tap.is_none() && unix.is_none() && vsock.is_none() && vsock_uds.is_none() && port.is_none()
    }

    /// The place that is named, by a name that leads there from anywhere.
    pub(super) fn place(&self, chosen: &Chosen) -> Result<Place, Failure> {
        let options = PlaceOptions {
            netns: self.netns.as_deref().map(found_again),
            tap: self.tap.clone(),
            unix: absolute(self.unix.as_deref())?,
            vsock: self.vsock,
            vsock_uds: absolute(self.vsock_uds.as_deref())?,
            vsock_port: self.vsock_port,
            port: self.port,
            ipv6: chosen.ipv6,
            mode: chosen.mode,
        };
        Ok(options.place().map_err(|why| why.of_command_line())?)
    }
}

/// The namespace of a place, opened with the rights of who asks.
pub(super) fn open_namespace(place: &Place) -> Result<Option<OwnedFd>, Failure> {
    let Some(NetnsName::Path(path)) = place.netns() else { return Ok(None) };
    Ok(Some(namespace_file(path)?))
}

fn absolute(path: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    Ok(path.map(std::path::absolute).transpose()?)
}

/// The name of a namespace under which it is found again when the process is gone by which it was named: the file that a
/// container runtime or `ip netns` keeps it in, where there is one.
fn found_again(named: &str) -> String {
    let NetnsName::Path(path) = NetnsName::parse(named) else { return named.to_owned() };
    let path = std::path::absolute(&path).unwrap_or(path);
    // Another process would be "self" to the agent.
    let path = match path.strip_prefix("/proc/self") {
        Ok(rest) => Path::new("/proc").join(std::process::id().to_string()).join(rest),
        Err(_) => path,
    };
    let number = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let wanted = number(&path);
    let is_process = path.starts_with("/proc");
    let kept = || KEPT.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let kept = || kept().map(|file| file.path()).find(|kept| wanted.is_some() && number(kept) == wanted);
    is_process.then(kept).flatten().unwrap_or(path).display().to_string()
}
