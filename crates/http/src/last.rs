//! The last reply of a connection, written without hyper: to a connection that is not served, and to a
//! head that hyper cannot read.

use bonafide_types::limits::HEAD_BYTES_MAX;
use bonafide_wire::Reply;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest time for which a refused connection is drained before it is closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Writes a reply, without its body where the request asks for none, and ends the connection. It is drained for a
/// moment, because to close with something unread would take the reply away again.
pub(super) async fn write_last(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: &Reply, wants_no_body: bool) {
    let mut head = format!("HTTP/1.1 {}\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", reply.body.len()).as_bytes());
    let refusal = async {
        stream.write_all(&head).await?;
        if !wants_no_body {
            stream.write_all(&reply.body).await?;
        }
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(HEAD_BYTES_MAX as u64), &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, refusal).await;
}
