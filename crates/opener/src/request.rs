//! The requests, and the errors that answer them.

use crate::direct::Direct;
use crate::text::{Unreadable, field};
use crate::{OpenError, Opener, Where};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Does what is asked for, and gives the keys of what is to be handed over. What is none of the requests, or has more or less with it than that takes, ends the line.
pub(crate) fn answer(
    opener: &Direct,
    text: &str,
    mut descriptors: Vec<OwnedFd>,
) -> io::Result<Result<Vec<String>, OpenError>> {
    let mut fields = text.lines();
    let kind = field(&mut fields)?;
    let done = match (kind, descriptors.len()) {
        ("open", 0 | 1) => {
            let (key, at) = (field(&mut fields)?, Where::read(&mut fields)?);
            nothing_more(fields)?;
            let namespace = descriptors.first().map(AsFd::as_fd);
            opener.open(key, &at, namespace).map(|held| vec![held.key])
        }
        ("keep", 1..) => {
            let key = field(&mut fields)?;
            nothing_more(fields)?;
            opener.keep(key, &descriptors.iter().map(AsFd::as_fd).collect::<Vec<BorrowedFd<'_>>>()).map(|()| Vec::new())
        }
        ("close", 0) => {
            let key = field(&mut fields)?;
            nothing_more(fields)?;
            opener.close(key).map(|()| Vec::new())
        }
        ("held", 0) => {
            nothing_more(fields)?;
            Ok(opener.keys())
        }
        ("gone", 1) => {
            nothing_more(fields)?;
            opener.tell(descriptors.remove(0));
            Ok(Vec::new())
        }
        _ => return Err(Unreadable.into()),
    };
    Ok(done)
}

fn nothing_more(mut fields: std::str::Lines<'_>) -> Result<(), Unreadable> {
    fields.next().map_or(Ok(()), |_| Err(Unreadable))
}

pub(crate) fn print_error(why: &OpenError) -> String {
    let (kind, one, two) = match why {
        OpenError::Taken { address, by } => ("taken", address.as_str(), by.as_str()),
        OpenError::Undivided { address, by, why } => return format!("undivided\n{address}\n{by}\n{why}"),
        OpenError::Held(key) => ("is-held", key.as_str(), ""),
        OpenError::NoDevice(device) => ("no-device", device.as_str(), ""),
        OpenError::Shared { device, kind } => ("shared", device.as_str(), kind.as_str()),
        OpenError::NotPermitted(what) => ("not-permitted", what.as_str(), ""),
        OpenError::NamespaceGone => ("namespace-gone", "", ""),
        OpenError::Failed(why) => ("failed", why.as_str(), ""),
    };
    format!("{kind}\n{one}\n{two}")
}

/// The error that an answer tells; `None` of another answer.
pub(crate) fn read_error(text: &str) -> Option<OpenError> {
    let mut fields = text.split('\n').map(str::to_owned);
    let (kind, one, two) = (fields.next()?, fields.next()?, fields.next()?);
    Some(match kind.as_str() {
        "taken" => OpenError::Taken { address: one, by: two },
        "undivided" => OpenError::Undivided { address: one, by: two, why: fields.next()? },
        "is-held" => OpenError::Held(one),
        "no-device" => OpenError::NoDevice(one),
        "shared" => OpenError::Shared { device: one, kind: two },
        "not-permitted" => OpenError::NotPermitted(one),
        "namespace-gone" => OpenError::NamespaceGone,
        "failed" => OpenError::Failed(one),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_out_as_they_went_in() {
        let text = || "x".to_owned();
        for why in [
            OpenError::Taken { address: text(), by: String::new() },
            OpenError::Undivided { address: text(), by: String::new(), why: "y".to_owned() },
            OpenError::Held(text()),
            OpenError::NoDevice(text()),
            OpenError::Shared { device: text(), kind: "y".to_owned() },
            OpenError::NotPermitted(text()),
            OpenError::NamespaceGone,
            OpenError::Failed(text()),
        ] {
            assert_eq!(read_error(&print_error(&why)), Some(why));
        }
        assert_eq!(read_error("done"), None);
    }
}
