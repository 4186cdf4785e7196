//! The other side of the gate: a server with our accept loop, hyper and rustls, whose whole work is
//! one RS256 signature for each request.

use crate::bare::Bare;
use crate::child::{Process, command};
use crate::plane::world;
use crate::{Bench, Failure};
use bonafide_crypto::ca::{IpSubnet, ServerCa, ServerCaSpec};
use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use xtask::connection::{Target, tls};

/// As long as a token reply.
const REPLY_BYTES: usize = 1_600;
/// As patient as our listeners.
const HEADER: Duration = Duration::from_secs(30);

/// A running signer.
pub(crate) struct Signer {
    pub(crate) target: Target,
    _process: Process,
}

impl Signer {
    pub(crate) fn start(bench: &Bench, core: Option<usize>) -> Result<Self, Failure> {
        let folder = bench.folder("signer")?;
        let mut signer = command(std::env::current_exe()?, core);
        let mut process = Process::start(signer.arg("signer").arg(&folder).stdout(Stdio::piped()))?;
        let output = process.child().stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let target = Target { address: line.trim().parse()?, tls: Some(tls(&folder.join("ca.pem"), None)?) };
        Ok(Self { target, _process: process })
    }
}

/// Serves until it is ended; prints its address, and leaves the certificate to trust in `folder`.
pub(crate) fn serve(folder: &Path) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(accept(acceptor(folder)?))
}

/// TLS as `up` sets it up: a P-256 certificate of an authority made for the occasion.
pub(crate) fn acceptor(folder: &Path) -> Result<TlsAcceptor, Failure> {
    let now = world().now.unix_seconds();
    let ca = ServerCa::create(
        &ServerCaSpec {
            common_name: "bench",
            permitted_dns: &["localhost"],
            permitted_ip: &[IpSubnet::LOOPBACK_V4],
            lifetime_seconds: 2 * 86_400,
        },
        now,
    )?;
    std::fs::write(folder.join("ca.pem"), ca.trust_anchor_pem())?;
    let issued = ca.issue_server(&["localhost".parse()?], now, 86_400)?;
    let chain = issued.chain_der.into_iter().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.private_key.expose().clone()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(tls: TlsAcceptor) -> Result<(), Failure> {
    let bare = Arc::new(Bare::new()?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (tls, bare) = (tls.clone(), Arc::clone(&bare));
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let service = service_fn(|request| sign(&bare, request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER)
                .serve_connection(TokioIo::new(stream), service);
            // The load generator breaks off when it is done.
            drop(connection.await);
        });
    }
}

async fn sign(bare: &Bare, request: http::Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    let signature = bare.sign().unwrap_or_default();
    let mut body = vec![b' '; REPLY_BYTES];
    body[..signature.len()].copy_from_slice(&signature);
    let mut response = Response::new(Full::new(Bytes::from(body)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=utf-8"));
    Ok(response)
}
