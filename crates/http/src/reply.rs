//! The bodies of replies, as hyper takes them.

use crate::limits::PIECE_BYTES;
use crate::ours::Turn;
use bonafide_wire::Reply;
use bytes::Bytes;
use http::Response;
use http::header::{CONNECTION, HeaderValue};
use hyper::body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A body.
pub(super) enum ReplyBody {
    /// One that hyper's own buffer takes.
    Whole(Bytes),
    /// A larger one. hyper gets it piece by piece, as the peer takes it: given the whole, it would copy it, and keep the
    /// room for the copy as long as the connection lasts.
    Pieces {
        /// The bytes to come.
        rest: Bytes,
        /// Is told when hyper has all.
        turn: Arc<Turn>,
    },
}

impl ReplyBody {
    fn rest(&self) -> &Bytes {
        let (Self::Whole(rest) | Self::Pieces { rest, .. }) = self;
        rest
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (Self::Whole(rest) | Self::Pieces { rest, .. }) = self.get_mut();
        if rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest().len() as u64)
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        if let Self::Pieces { turn, .. } = self {
            turn.has_all();
        }
    }
}

/// A reply as hyper takes it; `close` makes it the last of its connection.
pub(super) fn response(reply: Reply, body: ReplyBody, close: bool) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    if close {
        // The rest of the request cannot be told from the next one.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
