//! One exchange as an HTTP/1.1 client, whatever it goes over.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// The requests of an open connection.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Speaks HTTP on a connection, which ends when the sender is dropped or the peer closes it; the sender sees either.
pub(crate) async fn open(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> hyper::Result<Sender> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends a request, and reads the whole reply.
pub(crate) async fn send(
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
    reply_bytes_max: usize,
) -> Result<(StatusCode, Bytes), String> {
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    read(response, reply_bytes_max).await
}

/// Reads a reply, up to so many bytes.
pub(crate) async fn read(response: Response<Incoming>, bytes_max: usize) -> Result<(StatusCode, Bytes), String> {
    let status = response.status();
    let body = Limited::new(response.into_body(), bytes_max).collect().await;
    Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
}
