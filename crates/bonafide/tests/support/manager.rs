//! The opener below a service manager.

use super::{is_root, skip};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The opener's user.
pub(crate) const OPENER: &str = "64123";

/// A service manager as systemd is one to the opener: it listens in its place, passes sockets, and keeps descriptors
/// (`FDSTORE=1`). For each line on standard input it kills the opener and starts another one; it prints the process of each.
const MANAGER: &str = r#"
import os, select, signal, socket, sys
path, user, asks, program = sys.argv[1:5]
requests = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
requests.bind(path); os.chmod(path, 0o666); requests.listen(8)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind('\0' + path); kept = []
def start():
    pid = os.fork()
    if pid: return pid
    passed = [('requests', requests.fileno())] + kept
    high = [os.dup2(fd, 200 + at) for at, (_, fd) in enumerate(passed)]
    for at, fd in enumerate(high): os.dup2(fd, 3 + at, inheritable=True); os.close(fd)
    names = ':'.join(name for name, _ in passed)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(passed)), LISTEN_FDNAMES=names, NOTIFY_SOCKET='@' + path)
    caps = '+sys_admin,+net_admin,+net_bind_service'
    os.execvp('setpriv', ['setpriv', '--reuid', user, '--regid', user, '--clear-groups', '--inh-caps', caps,
        '--ambient-caps', caps, '--bounding-set', '-all,' + caps, program, 'opener', '--user', asks])
pid = start()
while True:
    ready, _, _ = select.select([notify, sys.stdin], [], [])
    if notify in ready:
        text, fds, _, _ = socket.recv_fds(notify, 4096, 4)
        fields = dict(line.split('=', 1) for line in text.decode().splitlines())
        name = fields.get('FDNAME')
        for fd in fds: os.set_inheritable(fd, False)
        if 'FDSTORE' in fields: kept += [(name, fd) for fd in fds]
        if 'FDSTOREREMOVE' in fields:
            for fd in [one[1] for one in kept if one[0] == name]: os.close(fd)
            kept = [one for one in kept if one[0] != name]
        if 'READY' in fields: print(pid, [name for name, _ in kept], flush=True)
        continue
    if not sys.stdin.readline(): break
    os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0); pid = start()
os.kill(pid, signal.SIGKILL)
"#;

pub(crate) struct Manager {
    pub(crate) child: Child,
    said: BufReader<std::process::ChildStdout>,
    pub(crate) path: PathBuf,
    /// The opener that runs now.
    pub(crate) opener: u32,
}

impl Manager {
    /// `None` where there can be none here. `asks` is the user that the opener answers, root aside.
    pub(crate) fn start(dir: &Path, asks: &str) -> Option<Self> {
        let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !is_root() || !has("python3") || !has("setpriv") {
            skip("a service manager needs root, python3 and setpriv");
            return None;
        }
        let path = dir.join("requests");
        let mut command = Command::new("python3");
        command.args(["-c", MANAGER]).arg(&path).args([OPENER, asks, env!("CARGO_BIN_EXE_bonafide")]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut manager = Self { child, said, path, opener: 0 };
        manager.hear();
        Some(manager)
    }

    /// Kills the opener and waits for the next.
    pub(crate) fn restart(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        self.hear();
    }

    fn hear(&mut self) {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        self.opener = line.split(' ').next().unwrap().parse().unwrap();
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A folder that every user can enter.
pub(crate) fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open).unwrap();
    dir
}
