//! Keys and places as text: lines of fields, none of which has a line's end in it.

use crate::{KEY_BYTES_MAX, OpenError, Where};
use std::net::Ipv6Addr;
use std::str::{FromStr, Lines};

/// Longest name of a device, in bytes. Source: <linux/if.h> (`IFNAMSIZ`, 16 with its end).
const DEVICE_BYTES_MAX: usize = 15;

/// Something that nobody means to say: of a length, or with characters, that it cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// The binding of a key, with the slash behind it.
pub(crate) fn binding(key: &str) -> &str {
    key.split_inclusive('/').next().unwrap_or(key)
}

/// A key of a binding's socket, `{binding}/{name}`.
pub(crate) fn check_key(key: &str) -> Result<(), OpenError> {
    let is_word = |word: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !word.is_empty() && word.bytes().all(known)
    };
    let is_key = key.split_once('/').is_some_and(|(binding, name)| is_word(binding) && is_word(name));
    match is_key && key.len() <= KEY_BYTES_MAX {
        true => Ok(()),
        false => Err(OpenError::Failed(format!("'{}' is no key of a binding", key.escape_default()))),
    }
}

/// True of what names one key, or all of a binding.
pub(crate) fn selects(selector: &str, key: &str) -> bool {
    key == selector || (selector.ends_with('/') && binding(key) == selector)
}

/// Refuses a device that no kernel has.
pub(crate) fn check_device(at: &Where) -> Result<(), OpenError> {
    let Where::Metadata { device: Some(device), .. } = at else { return Ok(()) };
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':');
    match (1..=DEVICE_BYTES_MAX).contains(&device.len()) && device.bytes().all(fits) {
        true => Ok(()),
        false => Err(OpenError::NoDevice(format!("'{}'", device.escape_default()))),
    }
}

/// A field that may be absent.
pub(crate) fn optional<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// The next line.
pub(crate) fn field<'a>(lines: &mut Lines<'a>) -> Result<&'a str, Unreadable> {
    lines.next().ok_or(Unreadable)
}

/// The next line as a value.
pub(crate) fn value<T: FromStr>(lines: &mut Lines<'_>) -> Result<T, Unreadable> {
    field(lines)?.parse().map_err(|_| Unreadable)
}

/// The next line as a value, if it is not empty.
pub(crate) fn optional_value<T: FromStr>(lines: &mut Lines<'_>) -> Result<Option<T>, Unreadable> {
    match field(lines)? {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Unreadable),
    }
}

impl Where {
    /// Four lines.
    pub(crate) fn print(&self) -> String {
        match self {
            Self::Metadata { device, ipv6, port } => {
                format!("metadata\n{}\n{}\n{port}", optional(device.as_ref()), optional(ipv6.as_ref()))
            }
            Self::Loopback { port } => format!("loopback\n\n\n{port}"),
        }
    }

    pub(crate) fn read(lines: &mut Lines<'_>) -> Result<Self, Unreadable> {
        let (kind, device) = (field(lines)?, optional_value::<String>(lines)?);
        let (ipv6, port) = (optional_value::<Ipv6Addr>(lines)?, value(lines)?);
        match (kind, &device, ipv6) {
            ("metadata", ..) => Ok(Self::Metadata { device, ipv6, port }),
            ("loopback", None, None) => Ok(Self::Loopback { port }),
            _ => Err(Unreadable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_devices_have_the_characters_that_they_may_have() {
        for key in
            ["", "a", "/", "a/", "/a", "a/b/c", "a/b\n", "a:/b", "ä/b", &format!("a/{}", "b".repeat(KEY_BYTES_MAX))]
        {
            assert!(check_key(key).is_err(), "{key}");
        }
        assert_eq!(check_key("0b1c-2/vm-extension"), Ok(()));
        assert!(selects("a/", "a/b") && selects("a/b", "a/b") && !selects("a/", "ab/c") && !selects("a", "a/b"));
        let at = |device: &str| Where::Metadata { device: Some(device.to_owned()), ipv6: None, port: 80 };
        for device in ["", "a/b", "a b", "a\n", "0123456789abcdef"] {
            assert!(check_device(&at(device)).is_err(), "{device}");
        }
        assert_eq!(check_device(&at("tap0")), Ok(()));
    }

    #[test]
    fn a_place_is_read_as_it_was_printed() {
        for at in [
            Where::Loopback { port: 50_342 },
            Where::Metadata { device: None, ipv6: None, port: 80 },
            Where::Metadata { device: Some("tap0".to_owned()), ipv6: Some(Ipv6Addr::LOCALHOST), port: 80 },
        ] {
            assert_eq!(Where::read(&mut at.print().lines()), Ok(at));
        }
        for text in
            ["", "loopback\n\n\n", "loopback\ntap0\n\n80", "other\n\n\n80", "metadata\n\nx\n80", "metadata\n\n\n65536"]
        {
            assert_eq!(Where::read(&mut text.lines()), Err(Unreadable), "{text}");
        }
    }
}
