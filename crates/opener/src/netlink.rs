//! Devices and their addresses (rtnetlink(7)), as far as the opener looks at them and changes them.

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

// Source of all numbers: <linux/netlink.h>, <linux/rtnetlink.h>, <linux/if_link.h>, <linux/if_addr.h>, <linux/if.h>.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const DELETE_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;
const GET_ROUTE: u16 = 26;
const NEW_ROUTE: u16 = 24;
const REQUEST: u16 = 0x01;
const ACKNOWLEDGE: u16 = 0x04;
const EXCLUSIVE: u16 = 0x200;
const CREATE: u16 = 0x400;
const DUMP: u16 = 0x300;
const LINK_NAME: u16 = 3;
const LINK_CONTROLLER: u16 = 10;
const LINK_INFO: u16 = 18;
const INFO_KIND: u16 = 1;
const INFO_PORT_KIND: u16 = 4;
const ADDRESS: u16 = 1;
const ADDRESS_LOCAL: u16 = 2;
const ADDRESS_LABEL: u16 = 3;
const ADDRESS_FLAGS: u16 = 8;
/// Of the route to an address's network, which one that is a network by itself has none of: there it is a number that is kept
/// with the address, and no more.
const ADDRESS_PRIORITY: u16 = 9;
/// Since Linux 5.18; older ones leave it out.
const ADDRESS_PROTOCOL: u16 = 11;
const NO_DUPLICATE_DETECTION: u32 = 0x02;
const SCOPE_LINK: u8 = 253;
const UP: u32 = 1;
const LOOPBACK: u32 = 8;
/// Group of messages about devices that come, change and go.
const LINKS: u32 = 1;
const HEADER_BYTES: usize = 16;
const LINK_BYTES: usize = 16;
const ADDRESS_BYTES: usize = 8;
const ROUTE_BYTES: usize = 12;
/// Place of the kind of a route, and the kind of one to this very namespace.
const ROUTE_KIND: usize = 7;
const ROUTE_LOCAL: u8 = 2;
const DESTINATION: u16 = 1;
/// More than the kernel puts into one message of an answer. Source: libnetlink of iproute2.
const ANSWER_BYTES: usize = 32 * 1024;
/// The number by which the kernel remembers of an address that we added it. Source: ours; those below 4 are its own.
const OURS: u8 = 0xbf;
/// The same for people, who see it with `ip address`; it must begin with the device's name and has 15 bytes at most.
const LABEL: &str = "lo:bonafide";
/// The loopback device.
pub(crate) const LO: &str = "lo";

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) is_up: bool,
    pub(crate) is_loopback: bool,
    /// As `veth`; empty of a physical one.
    pub(crate) kind: String,
    /// The kind of the device that it is a part of, as `bridge`.
    pub(crate) part_of: Option<String>,
}

/// A socket of one network namespace: of that in which it was opened.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
    /// The number of the last question: an answer to an earlier one, which nobody took, is none to this one.
    number: AtomicU32,
}

impl Netlink {
    /// In the calling thread's namespace.
    pub(crate) fn open() -> rustix::io::Result<Self> {
        Self::in_groups(0, SocketFlags::CLOEXEC)
    }

    /// One that is told of devices that go.
    pub(crate) fn watching() -> rustix::io::Result<Self> {
        Self::in_groups(LINKS, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
    }

    fn in_groups(groups: u32, flags: SocketFlags) -> rustix::io::Result<Self> {
        // No protocol is that of routes (0).
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self::on(socket))
    }

    /// On a socket of these.
    pub(crate) fn on(socket: OwnedFd) -> Self {
        Self { socket, number: AtomicU32::new(0) }
    }

    /// The indexes of devices that are gone, of the messages that wait to be read. An error where some were lost.
    pub(crate) fn deleted(&self) -> rustix::io::Result<Vec<u32>> {
        let (mut gone, mut buffer) = (Vec::new(), vec![0; ANSWER_BYTES]);
        loop {
            match recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT) {
                Ok((bytes, _)) => {
                    let links = messages(&buffer[..bytes]).filter(|(kind, _)| *kind == DELETE_LINK);
                    gone.extend(links.filter_map(|(_, body)| word(body, 4)));
                }
                Err(Errno::AGAIN) => return Ok(gone),
                Err(error) => return Err(error),
            }
        }
    }

    /// The device with this name.
    pub(crate) fn link(&self, name: &str) -> rustix::io::Result<Link> {
        let mut body = vec![0; LINK_BYTES];
        attribute(&mut body, LINK_NAME, &[name.as_bytes(), &[0]].concat());
        let answers = self.exchange(GET_LINK, REQUEST, &body)?;
        let body = answers.into_iter().find(|(kind, _)| *kind == NEW_LINK).ok_or(Errno::NODEV)?.1;
        let of_port = |info: &[u8]| text(info, INFO_PORT_KIND);
        let info = found(&body, LINK_BYTES, LINK_INFO).unwrap_or_default();
        let flags = word(&body, 8).unwrap_or_default();
        Ok(Link {
            index: word(&body, 4).ok_or(Errno::NODEV)?,
            is_up: flags & UP != 0,
            is_loopback: flags & LOOPBACK != 0,
            kind: text(info, INFO_KIND).unwrap_or_default(),
            part_of: found(&body, LINK_BYTES, LINK_CONTROLLER).map(|_| of_port(info).unwrap_or_default()),
        })
    }

    /// True while there is a device with this index.
    pub(crate) fn has(&self, index: u32) -> bool {
        let mut body = vec![0; LINK_BYTES];
        body[4..8].copy_from_slice(&index.to_ne_bytes());
        self.exchange(GET_LINK, REQUEST, &body).is_ok()
    }

    pub(crate) fn bring_up(&self, index: u32) -> rustix::io::Result<()> {
        let mut body = vec![0; LINK_BYTES];
        body[4..8].copy_from_slice(&index.to_ne_bytes());
        body[8..12].copy_from_slice(&UP.to_ne_bytes());
        body[12..16].copy_from_slice(&UP.to_ne_bytes());
        self.exchange(NEW_LINK, REQUEST | ACKNOWLEDGE, &body).map(drop)
    }

    /// Adds an address to a device. True where it was not there, or was there because of us.
    /// One of IPv4 gets a mark, unless it is the loopback device's.
    pub(crate) fn add(&self, link: &Link, address: IpAddr, mark: u32) -> rustix::io::Result<bool> {
        let mut body = of_address(link.index, address);
        if address.is_ipv4() && !link.is_loopback {
            attribute(&mut body, ADDRESS_PRIORITY, &mark.to_ne_bytes());
        }
        attribute(&mut body, ADDRESS_PROTOCOL, &[OURS]);
        // An address that is still looked for elsewhere could not be listened on.
        attribute(&mut body, ADDRESS_FLAGS, &NO_DUPLICATE_DETECTION.to_ne_bytes());
        if address.is_ipv4() && link.is_loopback {
            attribute(&mut body, ADDRESS_LABEL, &[LABEL.as_bytes(), &[0]].concat());
        }
        match self.exchange(NEW_ADDRESS, REQUEST | ACKNOWLEDGE | CREATE | EXCLUSIVE, &body) {
            Ok(_) => Ok(true),
            Err(Errno::EXIST) => Ok(self.is_ours(link.index, address)?),
            Err(error) => Err(error),
        }
    }

    /// The mark of an address that is there because of us.
    pub(crate) fn mark(&self, index: u32, address: IpAddr) -> rustix::io::Result<Option<u32>> {
        let ours = self.addresses(index, address)?.into_iter().find(|body| is_mine(body));
        Ok(ours.and_then(|body| word(found(&body, ADDRESS_BYTES, ADDRESS_PRIORITY)?, 0)))
    }

    /// True of an address that is there because of us.
    fn is_ours(&self, index: u32, address: IpAddr) -> rustix::io::Result<bool> {
        Ok(self.addresses(index, address)?.iter().any(|body| is_mine(body)))
    }

    /// True where the device has the address.
    pub(crate) fn has_address(&self, index: u32, address: IpAddr) -> rustix::io::Result<bool> {
        Ok(!self.addresses(index, address)?.is_empty())
    }

    fn addresses(&self, index: u32, address: IpAddr) -> rustix::io::Result<Vec<Vec<u8>>> {
        let octets = octets(address);
        let mut answers = self.exchange(GET_ADDRESS, REQUEST | DUMP, &of_address(index, address))?;
        let own = |body: &[u8]| {
            let local = found(body, ADDRESS_BYTES, ADDRESS_LOCAL).or_else(|| found(body, ADDRESS_BYTES, ADDRESS));
            // Those of our own length: another one is somebody else's.
            word(body, 4) == Some(index) && local == Some(&octets) && body[1] == bits(address)
        };
        answers.retain(|(kind, body)| *kind == NEW_ADDRESS && body.len() >= ADDRESS_BYTES && own(body));
        Ok(answers.into_iter().map(|(_, body)| body).collect())
    }

    /// Takes an address away. Where it is gone already, or its device is, nothing happens.
    pub(crate) fn remove(&self, index: u32, address: IpAddr) -> rustix::io::Result<()> {
        match self.exchange(DELETE_ADDRESS, REQUEST | ACKNOWLEDGE, &of_address(index, address)) {
            Ok(_) | Err(Errno::ADDRNOTAVAIL | Errno::NODEV) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// True of an address whose packets stay in this namespace.
    pub(crate) fn is_delivered_here(&self, address: IpAddr) -> rustix::io::Result<bool> {
        let mut body = vec![family(address), bits(address)];
        body.resize(ROUTE_BYTES, 0);
        attribute(&mut body, DESTINATION, &octets(address));
        let answers = self.exchange(GET_ROUTE, REQUEST, &body)?;
        let route = answers.into_iter().find(|(kind, _)| *kind == NEW_ROUTE).ok_or(Errno::NOMSG)?.1;
        Ok(*route.get(ROUTE_KIND).ok_or(Errno::NOMSG)? == ROUTE_LOCAL)
    }

    /// Asks the kernel, and gives the messages of its answer.
    fn exchange(&self, kind: u16, flags: u16, body: &[u8]) -> rustix::io::Result<Vec<(u16, Vec<u8>)>> {
        let length = u32::try_from(HEADER_BYTES + body.len()).map_err(|_| Errno::INVAL)?;
        let number = self.number.fetch_add(1, Ordering::Relaxed).wrapping_add(1).to_ne_bytes();
        let head = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &flags.to_ne_bytes(), &number, &[0; 4]].concat();
        send(&self.socket, &[&head, body].concat(), SendFlags::empty())?;
        let (mut answers, mut buffer) = (Vec::new(), vec![0; ANSWER_BYTES]);
        loop {
            let (bytes, _) = recv(&self.socket, &mut buffer, RecvFlags::empty())?;
            // All messages of a packet are of one question.
            if buffer.get(8..12).filter(|_| bytes >= HEADER_BYTES) != Some(&number) {
                continue;
            }
            for (kind, body) in messages(&buffer[..bytes]) {
                match kind {
                    DONE => return Ok(answers),
                    ERROR => {
                        let code = word(body, 0).map_or(0, u32::cast_signed);
                        return if code == 0 { Ok(answers) } else { Err(Errno::from_raw_os_error(-code)) };
                    }
                    _ => answers.push((kind, body.to_vec())),
                }
            }
            // Neither part of a list nor to be acknowledged: this was all.
            if flags & (ACKNOWLEDGE | DUMP) == 0 {
                return Ok(answers);
            }
        }
    }
}

/// A socket for questions about other sockets, in the calling thread's namespace. The kernel tells users by the numbers that they
/// have for who opened it.
pub(crate) fn diagnosis() -> rustix::io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
    bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

impl From<Netlink> for OwnedFd {
    fn from(netlink: Netlink) -> Self {
        netlink.socket
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn is_mine(address: &[u8]) -> bool {
    found(address, ADDRESS_BYTES, ADDRESS_PROTOCOL) == Some(&[OURS])
}

/// The fixed part of a message about an address, and the address.
fn of_address(index: u32, address: IpAddr) -> Vec<u8> {
    let mut body = vec![family(address), bits(address), 0, SCOPE_LINK];
    body.extend(index.to_ne_bytes());
    attribute(&mut body, ADDRESS_LOCAL, &octets(address));
    attribute(&mut body, ADDRESS, &octets(address));
    body
}

fn family(address: IpAddr) -> u8 {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    u8::try_from(family.as_raw()).unwrap_or_default()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The length of a prefix that is this address alone.
fn bits(address: IpAddr) -> u8 {
    let bits = if address.is_ipv4() { Ipv4Addr::BITS } else { Ipv6Addr::BITS };
    u8::try_from(bits).unwrap_or_default()
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or_default();
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The messages in what the kernel sent: kind and body of each.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::try_from(word(bytes, 0)?).ok()?;
        let body = bytes.get(HEADER_BYTES..length)?;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// The value of an attribute behind `skip` bytes.
fn found(body: &[u8], skip: usize, wanted: u16) -> Option<&[u8]> {
    let mut rest = body.get(skip..)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
        let value = rest.get(4..length)?;
        // The two highest bits are about the form of the value.
        if kind & 0x3fff == wanted {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

fn text(body: &[u8], wanted: u16) -> Option<String> {
    let value = found(body, 0, wanted)?;
    Some(String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
