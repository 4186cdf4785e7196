//! nginx, serving one string.

use crate::child::{Process, command};
use crate::cloud::{TOKEN_TARGET, free_address, metadata_request};
use crate::{Bench, Failure};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use xtask::connection::Target;

/// A running nginx.
pub(crate) struct Nginx {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Starts nginx with `workers` workers that answer the token path with `body`, the way the
    /// metadata endpoint does.
    pub(crate) fn start(bench: &Bench, body: &str, workers: usize, core: Option<usize>) -> Result<Self, Failure> {
        let folder = bench.folder("nginx")?;
        let address = free_address()?;
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration(&folder, body, workers, address))?;
        let mut nginx = command("nginx", core);
        nginx.env("PATH", std::env::var("PATH").unwrap_or_default() + ":/usr/sbin");
        nginx.arg("-p").arg(&folder).arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::start(&mut nginx)?;
        let started = Instant::now();
        loop {
            let answer = Target::plain(address).connect().and_then(|mut to| to.call(&metadata_request(TOKEN_TARGET)));
            match answer {
                Ok(answer) if answer.body == body.as_bytes() => return Ok(Self { process, address }),
                Ok(answer) => return Err(format!("nginx answers something else: {}", answer.status).into()),
                Err(error) if started.elapsed() > Duration::from_secs(5) => {
                    return Err(format!("nginx does not start: {error}").into());
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// A buffered access log, no limit of requests on a connection, everything else as it comes.
fn configuration(folder: &Path, body: &str, workers: usize, address: SocketAddr) -> String {
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
    listen {address};
    location = /metadata/identity/oauth2/token {{ add_header Cache-Control no-store; return 200 '{body}'; }}
  }}
}}
"
    )
}
