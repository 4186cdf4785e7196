"""The host agent under test: `bonafide up` as root, control plane and agent in one, in the namespace of the host."""

import contextlib
import json
import os
import signal
import subprocess

from world import BINARY, DATA, READY_WITHIN, Plane, Workload, run, until


class Agent:
    """`bonafide up`, started again on the same data directory as often as wanted."""

    def __init__(self, *options, resources=()):
        self.data = os.path.join(DATA, "up")
        self.options = options
        self.process = None
        self.plane = None
        self.start(*(f"--resource={resource}" for resource in resources))

    def start(self, *first, ready=True):
        with open(os.path.join(DATA, "up.log"), "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "up", "--json", "--data-dir", self.data, *self.options, *first],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )
        self.is_ready = False
        if ready:
            self.until_ready()

    def until_ready(self):
        if self.is_ready:
            return
        line = self.process.stdout.readline()
        assert line, f"`up` did not start: {self.log()[-600:]}"
        self.is_ready = True
        if self.plane is None:
            self.plane = Plane(json.loads(line))

    def server(self):
        """The process that serves, below the one that keeps the sockets."""
        return self.below(self.process.pid)[0]

    @staticmethod
    def below(pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]

    def kill(self):
        """Kills the process that serves; the keeper starts it again."""
        server = self.server()
        os.kill(server, signal.SIGKILL)
        until("the keeper starts the server again", lambda: self.below(self.process.pid) and self.server() != server)

    def kill_all(self, ready=True):
        """Kills all of its processes at once, and starts it again; the next kill may come before it is ready."""
        for pid in self.pids():
            # One may have ended with another.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(READY_WITHIN)
        self.start(ready=ready)

    def pids(self):
        """Its processes, the one that was started first."""
        return self.below_all(self.process.pid)

    def all_pids(self):
        """Its processes, and those that hold something for it."""
        return self.pids()

    def restart_opener(self):
        """What opens and holds its sockets, where that is a service of its own."""

    def below_all(self, pid):
        found = [pid]
        for pid in found:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += self.below(pid)
        return found

    def disturbances(self):
        """Ways in which it is away for a moment, one after the other."""
        return [self.kill] * 4

    def stop(self):
        self.process.terminate()
        self.process.wait(READY_WITHIN)

    def log(self):
        with open(os.path.join(DATA, "up.log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def workload(self, name, tags=None):
        return Workload(self.plane, name, tags)

    def host(self, command, *arguments, check=True):
        return run(BINARY, "host", command, "--data-dir", self.data, *arguments, check=check)

    def attach(self, workload, *place, check=True):
        return self.host("attach", "--workload", workload.id, *place, check=check)

    def bindings(self):
        listed = json.loads(self.host("list", "--json").stdout)
        return listed["bindings"]
