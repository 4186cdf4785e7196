//! nginx, serving one string, or files through TLS.

use crate::child::{Process, command};
use crate::cloud::{TOKEN_TARGET, free_address, metadata_request};
use crate::{Bench, Failure};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use xtask::connection::{Target, request, tls};

/// A running nginx.
pub(crate) struct Nginx {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Starts nginx with `workers` workers that answer the token path with `body`, the way the
    /// metadata endpoint does.
    pub(crate) fn start(bench: &Bench, body: &str, workers: usize, core: Option<usize>) -> Result<Self, Failure> {
        Self::start_at(bench, TOKEN_TARGET, body, workers, core)
    }

    /// The same at another target.
    pub(crate) fn start_at(
        bench: &Bench,
        target: &str,
        body: &str,
        workers: usize,
        core: Option<usize>,
    ) -> Result<Self, Failure> {
        let folder = bench.folder("nginx")?;
        let address = free_address()?;
        let path = target.split('?').next().unwrap_or_default();
        let served = format!(
            "listen {address};
    location = {path} {{ add_header Cache-Control no-store; return 200 '{body}'; }}"
        );
        let process = run(&folder, &served, workers, core)?;
        let answers = || {
            let answer = Target::plain(address).connect()?.call(&metadata_request(target))?;
            Ok::<_, Failure>(answer.body == body.as_bytes())
        };
        wait_for(answers)?;
        Ok(Self { process, address })
    }

    /// Starts nginx with one worker that answers `/0`, `/1` and so on with `bodies`, through TLS, as the public origin does.
    /// Gives the target to ask, too.
    pub(crate) fn start_with_tls(
        bench: &Bench,
        bodies: &[Vec<u8>],
        core: Option<usize>,
    ) -> Result<(Self, Target), Failure> {
        let folder = bench.folder("nginx")?;
        let address = free_address()?;
        let files = folder.join("files");
        std::fs::create_dir(&files)?;
        for (at, body) in bodies.iter().enumerate() {
            std::fs::write(files.join(at.to_string()), body)?;
        }
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        make_certificate(&certificate, &key)?;
        let served = format!(
            "listen {address} ssl; ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3;
    open_file_cache max=1000; root {}; location / {{ add_header Cache-Control no-cache; }}",
            certificate.display(),
            key.display(),
            files.display()
        );
        let process = run(&folder, &served, 1, core)?;
        let target = Target { address, tls: Some(tls(&certificate, None)?) };
        let answers = || Ok::<_, Failure>(target.connect()?.call(&request("GET", "/0", &[], ""))?.body == bodies[0]);
        wait_for(answers)?;
        Ok((Self { process, address }, target))
    }
}

/// Starts nginx in a folder of its own.
fn run(folder: &Path, served: &str, workers: usize, core: Option<usize>) -> Result<Process, Failure> {
    let file = folder.join("nginx.conf");
    std::fs::write(&file, configuration(folder, served, workers))?;
    let mut nginx = command("nginx", core);
    nginx.env("PATH", std::env::var("PATH").unwrap_or_default() + ":/usr/sbin");
    nginx.arg("-p").arg(folder).arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    Process::start(&mut nginx)
}

/// Waits until it answers with what it is to serve.
fn wait_for(answers: impl Fn() -> Result<bool, Failure>) -> Result<(), Failure> {
    let started = Instant::now();
    loop {
        match answers() {
            Ok(true) => return Ok(()),
            Ok(false) => return Err("nginx answers something else".into()),
            Err(error) if started.elapsed() > Duration::from_secs(5) => {
                return Err(format!("nginx does not start: {error}").into());
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// A certificate of `localhost`, with a key of the kind that the public origin has.
fn make_certificate(certificate: &Path, key: &Path) -> Result<(), Failure> {
    let mut openssl = command("openssl", None);
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    let made = openssl.arg("-keyout").arg(key).arg("-out").arg(certificate).output()?;
    if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into_owned().into()) }
}

/// A buffered access log, no limit of requests on a connection, everything else as it comes.
fn configuration(folder: &Path, served: &str, workers: usize) -> String {
    let folder = folder.display();
    let user = if crate::machine::is_root() { "user root;" } else { "" };
    format!(
        "daemon off; {user} worker_processes {workers}; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/access.log combined buffer=64k;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  keepalive_requests 1000000000;
  default_type 'application/json; charset=utf-8';
  server {{
    {served}
  }}
}}
"
    )
}
