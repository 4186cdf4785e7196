//! Reading the bodies of requests: within their limits, and with the room that they take.

use crate::admission::{Held, Holder, Rooms};
use crate::limits::UNCOUNTED_BYTES;
use bonafide_wire::Unserved;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use std::error::Error;
use std::time::{Duration, Instant};

/// A body that was read.
#[derive(Default)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    /// True when it was left unread, so that the connection cannot go on.
    pub(super) close: bool,
    /// The room that it takes, until the request is answered.
    pub(super) _held: Option<Held>,
}

impl Body {
    /// Of a request that is answered without it.
    pub(super) fn unread() -> Self {
        Self { close: true, ..Self::default() }
    }
}

/// The room and the holder that a body is counted for, and the time that it may take.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) within: Duration,
    pub(super) rooms: &'a Rooms,
    pub(super) holder: Holder,
}

/// Reads a body of at most `length` bytes whole into one buffer, whatever the pieces are in which it comes. It takes
/// everybody's room as it arrives.
pub(super) async fn read(body: Incoming, length: usize, terms: Terms<'_>) -> Result<Body, Unserved> {
    let mut held = if length > UNCOUNTED_BYTES { Some(announce(length, terms).await?) } else { None };
    let (mut body, mut bytes) = (Limited::new(body, length), Vec::new());
    let until = Instant::now() + terms.within;
    loop {
        let frame = match tokio::time::timeout_at(until.into(), body.frame()).await {
            Ok(Some(frame)) => frame.map_err(|error| broken(&*error))?,
            Ok(None) => return Ok(Body { bytes: bytes.into(), close: false, _held: held }),
            Err(_) => return Err(Unserved::BodyTooSlow),
        };
        // Trailers say nothing to any surface.
        let Ok(data) = frame.into_data() else { continue };
        let is_whole = bytes.is_empty() && body.is_end_stream();
        let size = bytes.len() + data.len();
        if let Some(held) = held.as_mut().filter(|_| size > UNCOUNTED_BYTES) {
            let filled = tokio::time::timeout_at(until.into(), held.fill(size)).await;
            filled.ok().filter(|filled| *filled).ok_or(Unserved::Busy)?;
        }
        if is_whole {
            return Ok(Body { bytes: data, close: false, _held: held });
        }
        if size > bytes.capacity() {
            bytes.reserve_exact(size.next_multiple_of(UNCOUNTED_BYTES) - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
}

async fn announce(length: usize, terms: Terms<'_>) -> Result<Held, Unserved> {
    let room = tokio::time::timeout(terms.within, terms.rooms.announce(terms.holder, length)).await;
    room.ok().flatten().ok_or(Unserved::Busy)
}

/// The reason why a body did not arrive whole.
fn broken(error: &(dyn Error + Send + Sync + 'static)) -> Unserved {
    if error.is::<LengthLimitError>() { Unserved::BodyTooLarge } else { Unserved::BodyBroken }
}
