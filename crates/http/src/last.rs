//! The end of a connection: the last reply, where hyper does not write it, and reading on until the peer has seen it.

use crate::limits::{LINGER_BYTES_MAX, LINGER_SECONDS_MAX};
use bonafide_wire::Reply;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const LINGER: Duration = Duration::from_secs(LINGER_SECONDS_MAX);

/// Writes a reply, without its body where the request asks for none, and ends the connection: to a connection that is
/// not served, and to a head that hyper cannot read.
pub(super) async fn write_last(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: &Reply, wants_no_body: bool) {
    let mut head = format!("HTTP/1.1 {}\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", reply.body.len()).as_bytes());
    if !wants_no_body {
        head.extend_from_slice(&reply.body);
    }
    let written = async {
        stream.write_all(&head).await?;
        stream.shutdown().await
    };
    if let Ok(Ok(())) = tokio::time::timeout(LINGER, written).await {
        linger(stream).await;
    }
}

/// Reads on, after the last reply was written and the connection shut down for writing, until the peer has closed it:
/// to close with something unread would take the reply away again. Bounded in bytes and time.
pub(super) async fn linger(stream: impl AsyncRead + Unpin) {
    let rest = async { tokio::io::copy(&mut stream.take(LINGER_BYTES_MAX), &mut tokio::io::sink()).await };
    // A peer that sends more, or does not close, loses the reply.
    let _ = tokio::time::timeout(LINGER, rest).await;
}
