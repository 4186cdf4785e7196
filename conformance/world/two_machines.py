"""Control plane and host on two machines, as in production: `bonafide serve` in a namespace of its own, and here `bonafide
host run`, whose sockets are opened and held by `bonafide opener`."""

import json
import os
import signal
import subprocess
import time

from agent import Agent
from service import Service
from world import BINARY, DATA, READY_WITHIN, Namespace, Plane, Workload, link, run, until

CONTROL, HOST = "198.18.0.1", "198.18.0.2"
NAME = "edge"


class TwoMachines(Agent):
    """The agent of the host, with the control plane beside it."""

    def __init__(self, *_, resources=()):
        self.control = Namespace("control")
        link(self.control, "wire", None, "wire")
        self.control.ip("address", "add", f"{CONTROL}/24", "dev", "wire")
        self.control.ip("link", "set", "wire", "up")
        run("ip", "address", "add", f"{HOST}/24", "dev", "wire")
        run("ip", "link", "set", "wire", "up")
        self.configuration, self.control_data = os.path.join(DATA, "serve.toml"), os.path.join(DATA, "control")
        with open(self.configuration, "w", encoding="utf-8") as file:
            file.write(f'data-dir = "{self.control_data}"\nlisten = "{CONTROL}:8443"\nhosts-listen = "{CONTROL}:8444"\n'
                       f'public-names = ["{CONTROL}"]\nresources = {json.dumps(list(resources))}\n')
        self.serving, self.plane = None, None
        self.serve()
        self.data = os.path.join(DATA, "host")
        self.join()
        self.log_file = open(os.path.join(DATA, "host.log"), "ab")
        self.opener = Service(DATA, "opener", (BINARY, "opener", "--user", "root"), self.log_file)
        self.host_configuration = os.path.join(DATA, "host.toml")
        with open(self.host_configuration, "w", encoding="utf-8") as file:
            file.write(f'opener = "{self.opener.requests}"\nthrottle = "off"\n')
        self.process = None
        self.start()

    def serve(self):
        with open(os.path.join(DATA, "serve.log"), "ab") as log:
            self.serving = self.control.start(
                BINARY, "serve", "--json", "--config", self.configuration, stdout=subprocess.PIPE, stderr=log)
        line = self.serving.stdout.readline()
        assert line, "`serve` did not start"
        if self.plane is None:
            self.plane = Plane(json.loads(line))
            self.plane.manage("PUT", self.plane.group, {"location": "westeurope"})

    def join(self):
        made = self.operate("token", "create", "--host", NAME, "--resource-group", "demo", "--json")
        token = json.loads(made.stdout)
        run(BINARY, "host", "join", "--url", f"https://{CONTROL}:8444", f"--token={token['token']}",
            "--ca-sha256", token["caSha256"], "--data-dir", self.data)

    def operate(self, *order):
        """A command of the operator's, beside the control plane."""
        return self.control.run(BINARY, "host", *order, "--data-dir", self.control_data)

    def start(self, ready=True):
        self.process = subprocess.Popen(
            [BINARY, "host", "run", "--data-dir", self.data, "--config", self.host_configuration],
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file,
        )
        self.is_ready = False
        if ready:
            self.until_ready()

    def until_ready(self):
        if not self.is_ready:
            until("the agent runs", lambda: self.host("list", "--json", check=False).returncode == 0)
            self.is_ready = True

    def workload(self, name, tags=None):
        workload = Workload(self.plane, name, tags)
        self.operate("place", "--workload", workload.id, "--host", NAME)
        return workload

    def all_pids(self):
        return [*self.pids(), self.opener.pid]

    def restart_opener(self):
        self.opener.restart()

    def disturbances(self):
        return [self.kill, self.kill_all, self.outage, self.restart_opener, self.outage_and_kill]

    def outage(self):
        """The control plane is away for a while."""
        self.end_control()
        time.sleep(2)
        self.serve()

    def outage_and_kill(self):
        """The agent starts while the control plane is away."""
        self.end_control()
        self.kill_all()
        time.sleep(1)
        self.serve()

    def end_control(self):
        for pid in reversed(self.below_all(self.serving.pid)):
            os.kill(pid, signal.SIGKILL)
        self.serving.wait(READY_WITHIN)
