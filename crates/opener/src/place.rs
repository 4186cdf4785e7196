//! Opening the sockets of one place, in the namespace of the calling thread.

use crate::lookup::{self, HELD_PORT};
use crate::netlink::{LO, Link, Netlink};
use crate::{OpenError, Where};
use nix::sys::socket::{setsockopt, sockopt::BindToDevice};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr, socket_error};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with};
use std::fs::{File, read_to_string};
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// The address of the metadata service. Source: Azure's own.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// Connections that wait to be accepted. Source: ours, as of other listeners.
const BACKLOG: i32 = 1_024;
/// Longest time that is waited for another server at the address, in nanoseconds. Source: ours; one of a cloud answers within
/// a millisecond, and only a note depends on it.
const PROBE_NANOS: i64 = 10_000_000;
/// Kinds of devices that have one workload at their other end. Source: ours; `tun` is of taps, too.
const OF_ONE_WORKLOAD: [&str; 3] = ["tun", "veth", "netkit"];

/// The sockets of a place, and all that was done for them.
pub(crate) struct Opened {
    pub(crate) sockets: Vec<OwnedFd>,
    pub(crate) device: u32,
    /// Addresses that are there because of us.
    pub(crate) added: Vec<IpAddr>,
    pub(crate) note: Option<String>,
    /// See [`crate::Held::device_mark`].
    pub(crate) device_mark: Option<u32>,
    /// See [`lookup::attach`]; `None` of sockets that are bound to the port at which they are asked.
    pub(crate) lookup: Option<OwnedFd>,
}

/// Opens them. On an error nothing is left behind.
pub(crate) fn open(at: &Where) -> Result<Opened, OpenError> {
    let netlink = Netlink::open().map_err(|error| failed("ask for network devices", error))?;
    match at {
        Where::Loopback { port } => {
            let link = loopback(&netlink)?;
            let mut sockets = vec![listen_at((Ipv4Addr::LOCALHOST, *port).into(), LO)?];
            let mut note = None;
            match listen_at((Ipv6Addr::LOCALHOST, *port).into(), LO) {
                Ok(socket) => sockets.push(socket),
                Err(OpenError::Failed(_)) => note = Some("there is no ::1 in this namespace".to_owned()),
                Err(why) => return Err(why),
            }
            Ok(Opened { sockets, device: link.index, added: Vec::new(), note, device_mark: None, lookup: None })
        }
        Where::Metadata { device, ipv6, port } => {
            let name = device.as_deref().unwrap_or(LO);
            let link = if name == LO { loopback(&netlink)? } else { of_one_workload(&netlink, name)? };
            let addresses: Vec<IpAddr> = [Some(METADATA.into()), ipv6.map(IpAddr::V6)].into_iter().flatten().collect();
            let mut opened = Opened {
                sockets: Vec::new(),
                device: link.index,
                added: Vec::new(),
                note: None,
                device_mark: None,
                lookup: None,
            };
            let has = netlink.has_address(link.index, METADATA.into()).unwrap_or_default();
            let mut notes = Vec::new();
            if !has && answers(*port) {
                notes.push(format!("another server answered at {METADATA}:{port} here; from now on this agent does"));
            }
            notes.extend(strict_filter(name));
            let done = opened.add(&netlink, &link, name, &addresses);
            match done.and_then(|()| opened.listen(name, &addresses, *port)) {
                Ok(undivided) => {
                    notes.extend(undivided);
                    opened.note = (!notes.is_empty()).then(|| notes.join("; "));
                    opened.device_mark = mark_of(&netlink, link.index);
                    Ok(opened)
                }
                Err(why) => {
                    for address in &opened.added {
                        let _ = netlink.remove(link.index, *address);
                    }
                    Err(why)
                }
            }
        }
    }
}

impl Opened {
    fn add(&mut self, netlink: &Netlink, link: &Link, name: &str, addresses: &[IpAddr]) -> Result<(), OpenError> {
        for ip in addresses {
            let mark = chance().map_err(|error| OpenError::Failed(format!("no random number: {error}")))?;
            if netlink.add(link, *ip, mark).map_err(|error| failed(&format!("add {ip} to {name}"), error))? {
                self.added.push(*ip);
            }
        }
        Ok(())
    }

    /// Listens, on a loopback device so that another server can have the port of all addresses. A note where the kernel does
    /// not let it.
    fn listen(&mut self, name: &str, addresses: &[IpAddr], port: u16) -> Result<Option<String>, OpenError> {
        let at = |port| addresses.iter().map(|ip| listen_at((*ip, port).into(), name)).collect::<Result<Vec<_>, _>>();
        if name != LO || port != lookup::PORT {
            self.sockets = at(port)?;
            return Ok(None);
        }
        for ip in addresses {
            // The table takes milliseconds, for which it is not read where nobody listens.
            if bound_at((*ip, port).into(), name).is_ok() {
                continue;
            }
            let spellings = spellings(*ip, port);
            if let Some(by) = holder(|at| spellings.iter().any(|spelling| spelling == at)) {
                return Err(OpenError::Taken { address: SocketAddr::new(*ip, port).to_string(), by });
            }
        }
        let why = match lookup::is_safe_here() {
            Ok(()) => {
                self.sockets = at(HELD_PORT).map_err(|why| match why {
                    // Of another agent, or of somebody who has the port of all addresses.
                    OpenError::Taken { by, .. } => {
                        let address = format!("{METADATA}:{port}, for which port {HELD_PORT} stands,");
                        OpenError::Taken { address, by }
                    }
                    other => other,
                })?;
                match lookup::attach(addresses, &self.sockets, BACKLOG) {
                    Ok(lookup) => {
                        self.lookup = Some(lookup);
                        return Ok(None);
                    }
                    Err(why) => why.to_string(),
                }
            }
            Err(why) => why.to_string(),
        };
        self.sockets.clear();
        self.sockets = at(port).map_err(|error| match error {
            OpenError::Taken { address, by } => OpenError::Undivided { address, by, why: why.clone() },
            other => other,
        })?;
        Ok(Some(format!("nobody can listen on port {port} of all addresses beside it here: {why}")))
    }
}

/// The mark of a device. One that was made anew under its name and number has not got it: with a device go its addresses.
pub(crate) fn mark_of(netlink: &Netlink, device: u32) -> Option<u32> {
    netlink.mark(device, METADATA.into()).ok().flatten()
}

/// A number of the kernel's choice, and never 0, which stands for none.
fn chance() -> std::io::Result<u32> {
    let mut bytes = [0; 4];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u32::from_ne_bytes(bytes).max(1))
}

/// The loopback device, up.
fn loopback(netlink: &Netlink) -> Result<Link, OpenError> {
    let link = netlink.link(LO).map_err(|error| failed("find the loopback device", error))?;
    if !link.is_up {
        netlink.bring_up(link.index).map_err(|error| failed("bring the loopback device up", error))?;
    }
    Ok(link)
}

/// A device with one workload at its other end.
fn of_one_workload(netlink: &Netlink, name: &str) -> Result<Link, OpenError> {
    let link = match netlink.link(name) {
        Ok(link) => link,
        Err(Errno::NODEV | Errno::INVAL | Errno::RANGE) => return Err(OpenError::NoDevice(name.to_owned())),
        Err(error) => return Err(failed(&format!("find the device {name}"), error)),
    };
    let shared = |kind| Err(OpenError::Shared { device: name.to_owned(), kind });
    match (&link.part_of, link.kind.as_str()) {
        (Some(part_of), _) if part_of.is_empty() => shared("a port of another device".to_owned()),
        (Some(part_of), _) => shared(format!("a port of a {part_of}")),
        (None, kind) if OF_ONE_WORKLOAD.contains(&kind) => Ok(link),
        (None, "") => shared("a network card".to_owned()),
        (None, kind) => shared(format!("a {kind}")),
    }
}

fn listen_at(address: SocketAddr, device: &str) -> Result<OwnedFd, OpenError> {
    let open = || {
        let socket = bound_at(address, device)?;
        listen(&socket, BACKLOG)?;
        Ok(socket)
    };
    open().map_err(|error| match error {
        Errno::ADDRINUSE => OpenError::Taken { address: address.to_string(), by: holder_of(address.port()) },
        error => failed(&format!("listen on {address} of {device}"), error),
    })
}

fn bound_at(address: SocketAddr, device: &str) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, true)?;
    }
    setsockopt(&socket, BindToDevice, &device.into()).map_err(|error| Errno::from_raw_os_error(error as i32))?;
    bind(&socket, &address)?;
    Ok(socket)
}

/// The user of a program that listens on a port of this namespace, in words; empty where it is not known.
fn holder_of(port: u16) -> String {
    let end = format!(":{port:04X}");
    holder(|at| at.ends_with(&end)).unwrap_or_default()
}

/// The user of a program that listens in this namespace, in words; `None` where none does. `there` is asked for its address
/// and port as proc(5) writes them.
fn holder(there: impl Fn(&str) -> bool) -> Option<String> {
    let tables = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"];
    let user = tables.iter().filter_map(|table| File::open(table).ok()).find_map(|table| {
        let rows = BufReader::new(table).lines().map_while(Result::ok);
        listener(rows, &there)
    });
    user.map(|user| format!(" by a program of user {user}"))
}

/// The user in the row of such a table that listens there. Sockets that listen are its first rows (proc_net_tcp.rst of Linux):
/// those of connections, which may be many, are left.
fn listener(rows: impl Iterator<Item = String>, there: &impl Fn(&str) -> bool) -> Option<u32> {
    const LISTENS: &str = "0A";
    let rows = rows.skip(1).map_while(|row| {
        let fields: Vec<&str> = row.split_ascii_whitespace().collect();
        let [_, local, _, LISTENS, _, _, _, user, ..] = fields[..] else { return None };
        Some(there(local).then(|| user.parse().ok()).flatten())
    });
    rows.flatten().next()
}

/// An address and port as proc(5) writes them, and as it does where a socket of IPv6 has that address.
fn spellings(ip: IpAddr, port: u16) -> [String; 2] {
    let words = |octets: &[u8]| -> String {
        octets.as_chunks::<4>().0.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect()
    };
    let (own, mapped) = match ip {
        IpAddr::V4(ip) => (words(&ip.octets()), words(&ip.to_ipv6_mapped().octets())),
        IpAddr::V6(ip) => (words(&ip.octets()), words(&ip.octets())),
    };
    [own, mapped].map(|ip| format!("{ip}:{port:04X}"))
}

/// True where somebody answers at the address of the metadata service.
fn answers(port: u16) -> bool {
    let ask = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        match connect(&socket, &SocketAddr::from((METADATA, port))) {
            Err(Errno::INPROGRESS) => {}
            other => return other,
        }
        let within = Timespec { tv_sec: 0, tv_nsec: PROBE_NANOS };
        match poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&within))? {
            0 => Err(Errno::TIMEDOUT),
            _ => socket_error(&socket)?,
        }
    };
    ask().is_ok()
}

/// The warning for a device whose guest may get no answer: with a strict filter of reverse paths the kernel drops what
/// comes from an address to which it would send by another device.
fn strict_filter(device: &str) -> Option<String> {
    let value = |name: &str| {
        let path = format!("/proc/sys/net/ipv4/conf/{name}/rp_filter");
        read_to_string(path).ok().and_then(|text| text.trim().parse::<u8>().ok()).unwrap_or_default()
    };
    (device != LO && value("all").max(value(device)) == 1).then(|| {
        format!(
            "the kernel drops what comes over {device} from an address that is not routed there: if the guest gets no \
             answer, `sysctl net.ipv4.conf.{device}.rp_filter=2`"
        )
    })
}

pub(crate) fn failed(doing: &str, error: Errno) -> OpenError {
    match error {
        Errno::PERM | Errno::ACCESS => OpenError::NotPermitted(format!("to {doing}")),
        error => OpenError::Failed(format!("cannot {doing}: {error}")),
    }
}
