//! The PROXY protocol, versions 1 and 2: how a proxy that the operator names tells whose connection it passes on.
//! Source: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use crate::limits::PROXY_BYTES_MAX;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The beginning of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The beginning of version 1.
pub(crate) const WORD: &[u8] = b"PROXY ";
/// The shortest header, `PROXY UNKNOWN\r\n`, in bytes: as many can be read without reading what follows.
const SHORTEST: usize = 15;
/// Longest header of version 1, in bytes. Source: section 2.1.
const LINE_BYTES_MAX: usize = 107;
/// Bytes of version 2 before the addresses.
const FIXED_BYTES: usize = 16;

/// The header is none, or is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the connection does not begin with the PROXY protocol, as every connection from a --trusted-proxy must; switch it \
     on there (nginx: proxy_protocol on, haproxy: send-proxy-v2)"
)]
pub(crate) struct NoProxyHeader;

/// As much of a header as there is.
#[derive(Debug, PartialEq, Eq)]
enum Header {
    /// At least so many bytes are missing, all of them the header's own.
    Lacks(usize),
    /// It is whole. No client is told for the proxy's own connections, its health checks for instance.
    Of(Option<SocketAddr>),
}

/// Reads a header and nothing that follows it: the client, or `None` where the proxy speaks for itself.
pub(crate) async fn read_client(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut bytes = Vec::new();
    loop {
        match read(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
            Header::Of(client) => return Ok(client),
            Header::Lacks(more) => {
                let has = bytes.len();
                bytes.resize(has + more, 0);
                stream.read_exact(&mut bytes[has..]).await?;
            }
        }
    }
}

/// The client that a whole header tells, if these bytes are one and it tells one.
pub(crate) fn client(bytes: &[u8]) -> Option<SocketAddr> {
    match read(bytes) {
        Ok(Header::Of(client)) => client,
        Ok(Header::Lacks(_)) | Err(NoProxyHeader) => None,
    }
}

fn read(bytes: &[u8]) -> Result<Header, NoProxyHeader> {
    if bytes.len() < SHORTEST {
        return Ok(Header::Lacks(SHORTEST - bytes.len()));
    }
    if bytes.starts_with(SIGNATURE) { read_binary(bytes) } else { read_line(bytes) }
}

fn read_line(bytes: &[u8]) -> Result<Header, NoProxyHeader> {
    let text = bytes.strip_prefix(WORD).ok_or(NoProxyHeader)?;
    let line = text.strip_suffix(b"\r\n");
    let has_room = bytes.len() + usize::from(line.is_none()) <= LINE_BYTES_MAX;
    if !has_room || line.unwrap_or(text).contains(&b'\n') {
        return Err(NoProxyHeader);
    }
    let Some(line) = line else { return Ok(Header::Lacks(1)) };
    let fields: Vec<&str> = std::str::from_utf8(line).map_err(|_| NoProxyHeader)?.split(' ').collect();
    let (client, _) = match fields[..] {
        ["UNKNOWN", ..] => return Ok(Header::Of(None)),
        ["TCP4", from, to, port, to_port] => endpoint::<Ipv4Addr>(from, port).zip(endpoint::<Ipv4Addr>(to, to_port)),
        ["TCP6", from, to, port, to_port] => endpoint::<Ipv6Addr>(from, port).zip(endpoint::<Ipv6Addr>(to, to_port)),
        _ => None,
    }
    .ok_or(NoProxyHeader)?;
    Ok(Header::Of(Some(client)))
}

fn endpoint<A: FromStr + Into<IpAddr>>(address: &str, port: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(address.parse::<A>().ok()?.into(), port.parse().ok()?))
}

fn read_binary(bytes: &[u8]) -> Result<Header, NoProxyHeader> {
    let Some((fixed, addresses)) = bytes.split_at_checked(FIXED_BYTES) else {
        return Ok(Header::Lacks(FIXED_BYTES - bytes.len()));
    };
    let [version_and_command, family, high, low] = fixed[SIGNATURE.len()..] else { return Err(NoProxyHeader) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if FIXED_BYTES + length > PROXY_BYTES_MAX || addresses.len() > length {
        return Err(NoProxyHeader);
    }
    if addresses.len() < length {
        return Ok(Header::Lacks(length - addresses.len()));
    }
    let port = |at: &[u8]| at.try_into().map(u16::from_be_bytes).map_err(|_| NoProxyHeader);
    match (version_and_command, family) {
        // LOCAL: whatever follows, it is about nobody.
        (0x20, _) => Ok(Header::Of(None)),
        // TCP over IPv4: both addresses, then both ports.
        (0x21, 0x11) => {
            let address: [u8; 4] = addresses.get(..4).and_then(|at| at.try_into().ok()).ok_or(NoProxyHeader)?;
            Ok(Header::Of(Some((address, port(addresses.get(8..10).unwrap_or_default())?).into())))
        }
        // TCP over IPv6.
        (0x21, 0x21) => {
            let address: [u8; 16] = addresses.get(..16).and_then(|at| at.try_into().ok()).ok_or(NoProxyHeader)?;
            Ok(Header::Of(Some((address, port(addresses.get(32..34).unwrap_or_default())?).into())))
        }
        // UNSPEC, and sockets of the proxy's own machine.
        (0x21, 0x00 | 0x31) => Ok(Header::Of(None)),
        _ => Err(NoProxyHeader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(bytes: &[u8]) -> io::Result<(Option<String>, usize)> {
        let mut rest = bytes;
        let client = read_client(&mut rest).await?;
        Ok((client.map(|client| client.to_string()), rest.len()))
    }

    fn binary(version_and_command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[version_and_command, family], &length, addresses].concat()
    }

    #[tokio::test]
    async fn ov_03_a_header_tells_the_client_and_nothing_after_it_is_read() {
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 0xdc, 4, 1, 0xbb];
        let six = [&Ipv6Addr::LOCALHOST.octets()[..], &[0; 16], &[0xdc, 4, 1, 0xbb]].concat();
        for (header, expected) in [
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n".to_vec(), Some("192.0.2.1:56324")),
            (b"PROXY TCP6 ::1 ::2 56324 443\r\n".to_vec(), Some("[::1]:56324")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (binary(0x21, 0x11, &four), Some("192.0.2.1:56324")),
            (binary(0x21, 0x11, &[&four[..], &[3, 0, 4, 1, 2, 3, 4]].concat()), Some("192.0.2.1:56324")),
            (binary(0x21, 0x21, &six), Some("[::1]:56324")),
            (binary(0x20, 0x00, b""), None),
            (binary(0x21, 0x00, b""), None),
        ] {
            let (found, rest) = heard(&[&header[..], b"GET / HTTP/1.1\r\n"].concat()).await.unwrap();
            assert_eq!((found.as_deref(), rest), (expected, 16), "{header:?}");
        }
    }

    #[tokio::test]
    async fn ov_03_what_is_no_header_is_refused_within_its_length() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 4_096]].concat();
        for header in [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 more".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n".to_vec(),
            b"PROXY TCP4 ::1 ::2 56324 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 99999 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 443\nGET / HTTP/1.1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2 1 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 x\r\n".to_vec(),
            b"PROXY UDP4 192.0.2.1 192.0.2.2 1 443\r\n".to_vec(),
            binary(0x11, 0x11, &[0; 12]),
            binary(0x21, 0x11, &[0; 5]),
            binary(0x21, 0x12, &[0; 12]),
            binary(0x21, 0x11, &[0; PROXY_BYTES_MAX]),
            long,
        ] {
            let error = heard(&header).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{header:?}");
        }
    }

    #[test]
    fn ov_03_a_line_ends_at_its_first_end_and_is_no_longer_than_it_may_be() {
        let of_length = |bytes: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(bytes - 16)).into_bytes();
        assert_eq!(read(&of_length(LINE_BYTES_MAX)), Ok(Header::Of(None)));
        assert_eq!(read(&of_length(LINE_BYTES_MAX + 1)), Err(NoProxyHeader));
        assert_eq!(read(b"PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n"), Err(NoProxyHeader));
    }

    #[test]
    fn ov_03_any_bytes_end_a_header_or_ask_for_a_bounded_rest() {
        let mut seed = 1_u32;
        for _ in 0..20_000 {
            let mut bytes = match seed % 3 {
                0 => SIGNATURE.to_vec(),
                1 => b"PROXY TCP4 ".to_vec(),
                _ => Vec::new(),
            };
            for _ in 0..seed % 64 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bytes.push(seed.to_le_bytes()[3]);
            }
            if let Ok(Header::Lacks(more)) = read(&bytes) {
                assert!(more > 0 && bytes.len() + more <= PROXY_BYTES_MAX, "{bytes:?}");
            }
            seed = seed.wrapping_add(1);
        }
    }
}
