//! Names of servers, and the constraints on them (RFC 5280 section 4.2.1.10).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A name that a server certificate is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerName {
    /// A DNS name in lower case; its first label may be `*`.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// The text is neither a DNS name nor an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither a DNS name nor an IP address")]
pub struct ServerNameError(String);

impl FromStr for ServerName {
    type Err = ServerNameError;

    fn from_str(text: &str) -> Result<Self, ServerNameError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let name = text.to_ascii_lowercase();
        if !is_dns_name(name.strip_prefix("*.").unwrap_or(&name)) {
            return Err(ServerNameError(text.chars().take(253).collect()));
        }
        Ok(Self::Dns(name))
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

impl ServerName {
    /// True for a name of Microsoft's, and for one below or above which such a name lies.
    pub fn is_of_microsoft(&self) -> bool {
        matches!(self, Self::Dns(name) if reaches_microsoft(name))
    }
}

/// Letters, digits and inner hyphens; the last label is not a number, so it never looks like an address.
pub(super) fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253
        && name.split('.').all(is_label)
        && name.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Tells whether a DNS name is a permitted one or lies below it.
pub(super) fn is_within(name: &str, permitted: &str) -> bool {
    name.strip_suffix(permitted).is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// Zones in which Microsoft's clouds have their names. Source: Microsoft Learn, "Microsoft Entra authentication & national
/// clouds", "Azure Government endpoint mapping", "Developer guide Azure in China"; the endpoints of `az cloud list`.
pub(super) const MICROSOFT_ZONES: [&str; 25] = [
    "aadg.windows.net",
    "azconfig.io",
    "azmk8s.io",
    "azure-api.net",
    "azure.cn",
    "azure.com",
    "azure.net",
    "azure.us",
    "azurecr.cn",
    "azurecr.io",
    "azurecr.us",
    "azurewebsites.net",
    "chinacloudapi.cn",
    "live.com",
    "microsoft.com",
    "microsoft.us",
    "microsoftazure.us",
    "microsoftonline.cn",
    "microsoftonline.com",
    "microsoftonline.us",
    "office.com",
    "sovcloud-identity.de",
    "sovcloud-identity.fr",
    "usgovcloudapi.net",
    "windows.net",
];

/// True for a name that, or below which, a name of Microsoft's lies.
pub(super) fn reaches_microsoft(name: &str) -> bool {
    MICROSOFT_ZONES.iter().any(|zone| is_within(name, zone) || is_within(zone, name))
}

/// Addresses with a common prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpSubnet {
    address: IpAddr,
    prefix_bits: u8,
}

impl IpSubnet {
    /// `127.0.0.0/8`.
    pub const LOOPBACK_V4: Self = Self { address: IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 0)), prefix_bits: 8 };
    /// `::1/128`.
    pub const LOOPBACK_V6: Self = Self { address: IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), prefix_bits: 128 };

    /// The addresses whose first `prefix_bits` are those of `address`; none where the rest of
    /// `address` is not zero or the prefix is longer than an address.
    pub fn new(address: IpAddr, prefix_bits: u8) -> Option<Self> {
        let subnet = Self { address, prefix_bits };
        let (bits, width) = bits(address);
        (prefix_bits <= width && bits & !mask(prefix_bits, width) == 0).then_some(subnet)
    }

    /// One address.
    pub fn single(address: IpAddr) -> Self {
        Self { address, prefix_bits: bits(address).1 }
    }

    /// Tells whether the address is one of these.
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((own, width), (other, other_width)) = (bits(self.address), bits(address));
        width == other_width && other & mask(self.prefix_bits, width) == own
    }

    pub(super) fn parts(&self) -> (IpAddr, u8) {
        (self.address, self.prefix_bits)
    }

    /// From a name constraint: address and mask side by side.
    pub(super) fn from_constraint(bytes: &[u8]) -> Option<Self> {
        let (address, mask): (IpAddr, IpAddr) = match bytes.len() {
            8 => (<[u8; 4]>::try_from(&bytes[..4]).ok()?.into(), <[u8; 4]>::try_from(&bytes[4..]).ok()?.into()),
            32 => (<[u8; 16]>::try_from(&bytes[..16]).ok()?.into(), <[u8; 16]>::try_from(&bytes[16..]).ok()?.into()),
            _ => return None,
        };
        let (bits, width) = bits(mask);
        let prefix_bits = u8::try_from(bits.count_ones()).ok()?;
        (bits == self::mask(prefix_bits, width)).then(|| Self::new(address, prefix_bits)).flatten()
    }
}

impl fmt::Display for IpSubnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match bits(self.address).1 == self.prefix_bits {
            true => self.address.fmt(f),
            false => write!(f, "{}/{}", self.address, self.prefix_bits),
        }
    }
}

fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (address.into(), 128),
    }
}

fn mask(prefix_bits: u8, width: u8) -> u128 {
    let all = u128::MAX >> (128 - u32::from(width));
    all & !all.checked_shr(prefix_bits.into()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_names_and_addresses_are_told_apart() {
        assert_eq!("LocalHost".parse(), Ok(ServerName::Dns("localhost".to_owned())));
        assert_eq!("*.vault.localhost".parse(), Ok(ServerName::Dns("*.vault.localhost".to_owned())));
        assert_eq!("::1".parse(), Ok(ServerName::Ip("::1".parse().unwrap())));
        for wrong in
            ["", ".", "a..b", "-a", "a-", "a b", "a_b", "*", "a.*.b", "*.*.b", "1.2.3", "300.1.1.1", "a/b", "é"]
        {
            assert!(wrong.parse::<ServerName>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_permitted_name_covers_itself_and_what_is_below_it() {
        for name in ["localhost", "a.localhost", "*.vault.localhost"] {
            assert!(is_within(name, "localhost"), "{name}");
        }
        for name in ["notlocalhost", "localhost.evil", "local", "host"] {
            assert!(!is_within(name, "localhost"), "{name}");
        }
    }

    #[test]
    fn names_of_microsoft_are_told_from_ours_from_above_and_from_below() {
        for name in ["login.microsoftonline.com", "microsoftonline.com", "com", "net", "management.azure.com", "io"] {
            assert!(reaches_microsoft(name), "{name}");
        }
        for name in ["localhost", "bonafide.internal", "azure.com.example", "notazure.com", "cloud.example.org"] {
            assert!(!reaches_microsoft(name), "{name}");
        }
    }

    #[test]
    fn subnets_contain_their_own_family_only() {
        let loopback = IpSubnet::LOOPBACK_V4;
        assert!(loopback.contains("127.255.0.1".parse().unwrap()));
        assert!(!loopback.contains("128.0.0.1".parse().unwrap()));
        assert!(!loopback.contains("::ffff:127.0.0.1".parse().unwrap()));
        assert!(IpSubnet::LOOPBACK_V6.contains("::1".parse().unwrap()));
        assert!(!IpSubnet::LOOPBACK_V6.contains("::2".parse().unwrap()));
        assert!(IpSubnet::new("0.0.0.0".parse().unwrap(), 0).unwrap().contains("8.8.8.8".parse().unwrap()));
        assert_eq!(IpSubnet::new("127.0.0.1".parse().unwrap(), 8), None);
        assert_eq!(IpSubnet::new("10.0.0.0".parse().unwrap(), 33), None);
        let constraint = [10, 0, 0, 0, 255, 0, 0, 0];
        assert_eq!(IpSubnet::from_constraint(&constraint), IpSubnet::new("10.0.0.0".parse().unwrap(), 8));
        assert_eq!(IpSubnet::from_constraint(&[10, 0, 0, 0, 255, 0, 255, 0]), None);
    }
}
