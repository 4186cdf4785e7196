//! Clients that connect all the time, one connection after the other, and count how that ends.

use super::namespace::Namespace;
use serde_json::Value;
use std::io::Read;
use std::process::{Child, Command, Stdio};

/// Four clients, until standard input ends. An answer is one with status 200.
const SCRIPT: &str = r#"
import json, socket, ssl, sys, threading, time
host, port, tls, request = sys.argv[1], int(sys.argv[2]), sys.argv[3] == 'tls', sys.argv[4].encode()
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
counts = dict(refused=0, cut=0, answered=0, others=0, longest=0.0); lock = threading.Lock(); ended = threading.Event()
def ask():
    try:
        connection = socket.create_connection((host, port), timeout=20)
    except OSError:
        return 'refused'
    try:
        if tls: connection = context.wrap_socket(connection)
        connection.sendall(request); answer = b''
        while chunk := connection.recv(65536): answer += chunk
        if answer: return 'answered' if answer.startswith(b'HTTP/1.1 200') else 'others'
    except OSError:
        pass
    finally:
        connection.close()
    return 'cut'
def go_on():
    while not ended.is_set():
        began = time.monotonic(); end = ask(); took = time.monotonic() - began
        with lock: counts[end] += 1; counts['longest'] = max(counts['longest'], took)
        time.sleep(0.002)
threads = [threading.Thread(target=go_on) for _ in range(4)]
for thread in threads: thread.start()
print('', flush=True); sys.stdin.read(); ended.set()
for thread in threads: thread.join()
print(json.dumps(counts), flush=True)
"#;

/// The clients at work.
pub(crate) struct Asking(Child);

impl Asking {
    /// Asks an address from here, or from a namespace, with or without TLS.
    pub(crate) fn start(from: Option<&Namespace>, (host, port): (&str, u16), tls: bool, request: &str) -> Self {
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT, host, &port.to_string(), if tls { "tls" } else { "plain" }, request]);
        let mut command = match from {
            Some(namespace) => namespace.command(python),
            None => python,
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        Self(child)
    }

    /// Ends, and tells the counts: `refused`, `cut`, `answered`, `others`, and the `longest` in seconds.
    pub(crate) fn end(mut self) -> Value {
        drop(self.0.stdin.take());
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.0.wait().unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
