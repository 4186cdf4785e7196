//! A service manager as systemd is one to a service with sockets of its own: it listens in its place, passes the sockets, and
//! waits until the service is ready.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// For each line on standard input it stops the service and starts its program again; it prints the ports of its sockets,
/// and after each start how the service before ended.
const SCRIPT: &str = r#"
import json, os, signal, socket, sys
folder, names, program = sys.argv[1], sys.argv[2].split(':'), sys.argv[3:]
sockets = [socket.create_server(('127.0.0.1', 0), backlog=1024) for _ in names]
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); notify.bind(folder + '/notify')
log = os.open(folder + '/service.log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def start():
    pid = os.fork()
    if pid == 0:
        os.dup2(log, 1); os.dup2(log, 2)
        high = [os.dup2(one.fileno(), 200 + at) for at, one in enumerate(sockets)]
        for at, fd in enumerate(high): os.dup2(fd, 3 + at, inheritable=True); os.close(fd)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=':'.join(names),
            NOTIFY_SOCKET=folder + '/notify')
        os.execv(program[0], program)
    while b'READY=1' not in notify.recv(4096): pass
    return pid
def stop(pid):
    os.kill(pid, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
pid = start()
print(json.dumps([one.getsockname()[1] for one in sockets]), flush=True)
while sys.stdin.readline():
    end = stop(pid); pid = start()
    print(json.dumps(end), flush=True)
stop(pid)
"#;

/// The service manager, and below it the service.
pub(crate) struct Passing {
    child: Child,
    said: BufReader<ChildStdout>,
    /// The ports of the sockets, in the order of their names.
    pub(crate) ports: Vec<u16>,
}

impl Passing {
    /// Starts a service with sockets of these names; its output and its log go to `service.log`.
    pub(crate) fn start(dir: &Path, names: &str, service: &Command) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", SCRIPT]).arg(dir).arg(names).arg(service.get_program()).args(service.get_args());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut passing = Self { child, said, ports: Vec::new() };
        passing.ports = serde_json::from_value(passing.hear()).unwrap();
        passing
    }

    /// Stops the service and starts its program again, as it is by then: the exit code.
    pub(crate) fn restart(&mut self) -> Value {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        self.hear()
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
