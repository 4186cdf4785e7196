"""A service as systemd runs it: with a socket that was opened for it, and a store of descriptors that outlives it."""

import os
import signal
import socket
import threading

from world import until

# Source: sd_listen_fds(3).
FIRST_DESCRIPTOR = 3
# Above all descriptors of this process.
SPARE_DESCRIPTOR = 500


class Service:
    """A program that is given a socket for requests, and is started again with all that it had stored."""

    def __init__(self, folder, name, command, log):
        self.name, self.command, self.log = name, command, log
        self.requests = os.path.join(folder, f"{name}.requests")
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listening.bind(self.requests)
        self.listening.listen(64)
        self.notify = os.path.join(folder, f"{name}.notify")
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(self.notify)
        self.kept, self.is_ready, self.pid = [], False, None
        threading.Thread(target=self._hear, daemon=True).start()
        self.start()

    def start(self):
        self.is_ready = False
        passed = [("requests", self.listening.fileno()), *self.kept]
        self.pid = os.fork()
        if self.pid == 0:
            self._become(passed)
        until(f"{self.name} is ready", lambda: self.is_ready)

    def _become(self, passed):
        """The program, with what is passed as its first descriptors."""
        os.dup2(self.log.fileno(), 1)
        os.dup2(self.log.fileno(), 2)
        spare = [os.dup2(descriptor, SPARE_DESCRIPTOR + at) for at, (_, descriptor) in enumerate(passed)]
        for at, descriptor in enumerate(spare):
            os.dup2(descriptor, FIRST_DESCRIPTOR + at)
            os.close(descriptor)
        environment = {
            **os.environ, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(passed)),
            "LISTEN_FDNAMES": ":".join(name for name, _ in passed), "NOTIFY_SOCKET": self.notify,
        }
        os.execve(self.command[0], self.command, environment)

    def restart(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.start()

    def _hear(self):
        while True:
            message, descriptors, _, _ = socket.recv_fds(self.notified, 4096, 16)
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
            said = dict(line.partition("=")[::2] for line in message.decode().splitlines())
            if "READY" in said:
                self.is_ready = True
            if "FDSTORE" in said:
                self.kept += [(said.get("FDNAME", "stored"), descriptor) for descriptor in descriptors]
            if "FDSTOREREMOVE" in said:
                gone = [kept for kept in self.kept if kept[0] == said["FDNAME"]]
                self.kept = [kept for kept in self.kept if kept not in gone]
                for _, descriptor in gone:
                    os.close(descriptor)
