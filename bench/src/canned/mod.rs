//! A server whose answers were recorded: it knows nothing and computes nothing, so that what a client takes with it is the
//! client's own time. It is also the proxy that records them.

pub(crate) mod answers;

use crate::Failure;
use crate::signer::acceptor;
use answers::{Answers, Canned};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use xtask::connection::Target;

/// Longest head of a `CONNECT`, in bytes.
const CONNECT_BYTES_MAX: usize = 4096;

/// A running server; it ends with this value.
pub(crate) struct Canning {
    pub(crate) address: SocketAddr,
    pub(crate) answers: Arc<Answers>,
    _runtime: Runtime,
}

#[derive(Clone)]
enum Source {
    /// The server behind the proxy.
    Server(Target),
    Recording,
}

/// A proxy (`HTTPS_PROXY`) that records what the server at `target` answers. Clients trust `folder/ca.pem`.
pub(crate) fn record(folder: &Path, target: Target) -> Result<Canning, Failure> {
    start(folder, "127.0.0.1:0".parse()?, Arc::default(), Source::Server(target))
}

/// A server at `address` that answers what was recorded.
pub(crate) fn replay(folder: &Path, address: SocketAddr, answers: Answers) -> Result<Canning, Failure> {
    start(folder, address, Arc::new(answers), Source::Recording)
}

fn start(folder: &Path, address: SocketAddr, answers: Arc<Answers>, source: Source) -> Result<Canning, Failure> {
    let tls = acceptor(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(address))?;
    let address = listener.local_addr()?;
    runtime.spawn(accept(listener, tls, Arc::clone(&answers), source));
    Ok(Canning { address, answers, _runtime: runtime })
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, answers: Arc<Answers>, source: Source) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answers, source) = (tls.clone(), Arc::clone(&answers), source.clone());
        tokio::spawn(async move {
            // A client may break off at any time; what it then lacks it says itself.
            let _ = serve(stream, &tls, &answers, &source).await;
        });
    }
}

async fn serve(mut stream: TcpStream, tls: &TlsAcceptor, answers: &Answers, source: &Source) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    if matches!(source, Source::Server(_)) {
        take_connect(&mut stream).await?;
    }
    let stream = tls.accept(stream).await?;
    let service = service_fn(|request: Request<Incoming>| async {
        let answer = match source {
            Source::Recording => answers.next(request.method(), target(request.uri())),
            Source::Server(server) => forward(server, request, answers).await.ok(),
        };
        Ok::<_, std::convert::Infallible>(response(answer))
    });
    Ok(server::Builder::new().serve_connection(TokioIo::new(stream), service).await?)
}

/// Answers the proxy's own request; what it names is not asked, for there is one server.
async fn take_connect(stream: &mut TcpStream) -> Result<(), Failure> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == CONNECT_BYTES_MAX {
            return Err("the head of CONNECT is too long".into());
        }
        head.push(stream.read_u8().await?);
    }
    Ok(stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?)
}

/// Asks the server, and records what it answers.
async fn forward(to: &Target, request: Request<Incoming>, answers: &Answers) -> Result<Canned, Failure> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (method, target) = (head.method.clone(), target(&head.uri).to_owned());
    let tls = to.tls.clone().ok_or("the server has no TLS")?;
    let stream = TcpStream::connect(to.address).await?;
    let stream = TlsConnector::from(tls).connect(ServerName::try_from("localhost")?, stream).await?;
    let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (head, body) = sender.send_request(Request::from_parts(head, Full::new(body))).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    let canned = Canned { status: head.status, headers: head.headers, body };
    answers.record(&method, &target, canned.clone());
    Ok(canned)
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
}

fn response(answer: Option<Canned>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    match answer {
        Some(Canned { status, mut headers, body }) => {
            headers.remove(header::CONNECTION);
            headers.remove(header::TRANSFER_ENCODING);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            *response.body_mut() = Full::new(body);
        }
        None => *response.status_mut() = StatusCode::NOT_IMPLEMENTED,
    }
    response
}
