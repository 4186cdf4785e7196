"""`outage.py COMMAND…`: a client asks for tokens all the time, as a workload in a namespace of its own, while the agent is
killed, stopped and started again, and the control plane is away. No call may fail, and none may fall through to another
credential."""

import json
import os
import subprocess
import sys
import threading
import time

from two_machines import TwoMachines
from world import ALL, DATA, METADATA, Namespace, owner, run_scenarios, scenario, until

# Times that each disturbance comes.
ROUNDS = 3 if ALL else 1
# Calls of the client before the first disturbance, and after each: some of those under way, and some that begin later.
CALLS = 8
# Longest time for these, in seconds.
CALLS_WITHIN = 120
# Longest time for one call, in seconds: a client that tries again for half a minute has not failed, but its workload has.
CALL_WITHIN = 10
# Resources that it asks for, each of which it need not ask for twice.
RESOURCES = 64 if ALL else 48
COMMAND = sys.argv[1:]
# The command of an example of Microsoft's for the client's language, where there is one, and whether it loses a parameter.
PUBLISHED = os.environ.get("PUBLISHED", "").split()
LOSES_VERSION = "LOSES_VERSION" in os.environ
# A command that DefaultAzureCredential comes to where the metadata endpoint fails it. Its token is nobody's.
OTHER = """#!/bin/sh
echo called >> "$0.called"
echo '{{"accessToken": "e30.eyJvaWQiOiJhbm90aGVyIn0.x", "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4070908800, "subscription": "s", "tenant": "t", "tokenType": "Bearer"}}'
"""


class Client:
    """The running client, with what it printed."""

    def __init__(self, guest, agent):
        other = os.path.join(DATA, "other")
        os.makedirs(other, exist_ok=True)
        self.other = os.path.join(other, "az")
        with open(self.other, "w", encoding="ascii") as file:
            file.write(OTHER.format())
        os.chmod(self.other, 0o755)
        self.until = os.path.join(DATA, "enough")
        info = os.path.join(DATA, "info.json")
        with open(info, "w", encoding="utf-8") as file:
            json.dump(agent.plane.info, file)
        environment = {
            **os.environ, "LOOP_UNTIL": self.until, "LOOP_RESOURCES": str(RESOURCES), "BONAFIDE_INFO": info,
            "PATH": other + ":" + os.environ["PATH"],
        }
        self.lines, self.ended, self.longest = [], False, 0
        self.process = guest.start(*COMMAND, stdout=subprocess.PIPE, text=True, env=environment)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        before = None
        for line in self.process.stdout:
            self.lines.append(line.strip())
            now = time.monotonic()
            # Not the first: before it the client starts.
            if before:
                self.longest = max(self.longest, now - before)
            before = now
        self.ended = True

    def until_asked(self):
        wanted = len(self.lines) + CALLS
        until(f"{CALLS} more calls", lambda: len(self.lines) >= wanted or self.ended, CALLS_WITHIN)
        assert not self.ended, f"the client has ended: {self.lines[-1:]}"

    def end(self):
        with open(self.until, "w", encoding="ascii"):
            pass
        self.process.wait(CALLS_WITHIN)
        until("all that it printed is read", lambda: self.ended, 10)


class Scene:
    def __init__(self):
        self.agent = TwoMachines(resources=[f"api://outage/{number}" for number in range(RESOURCES)])
        self.workload = self.agent.workload("outage")
        self.guest = Namespace("guest")
        self.agent.attach(self.workload, "--netns", "guest")
        # What an agent keeps on disk while the control plane is away.
        for number in range(RESOURCES):
            status, answer = self.guest.fetch(
                f"http://{METADATA}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api://outage/{number}")
            assert (status, owner(answer)) == (200, self.workload.principal), f"api://outage/{number}: {status} {answer}"


@scenario("the published example runs, as it is printed and corrected", PUBLISHED)
def published(scene):
    printed = scene.guest.run(*PUBLISHED).stdout
    if LOSES_VERSION:
        # It loses the parameter api-version, and gets what Azure answers to that.
        assert "Response status: 400 Bad Request" in printed, printed[:300]
        printed = scene.guest.run(*PUBLISHED, "corrected").stdout
        token = printed.partition("access_token:")[2].split()[0]
        assert owner({"access_token": token}) == scene.workload.principal, printed[:300]
    assert "ccess" in printed and "oken: " in printed, printed[:300]


def check(scene, client):
    failed = [line for line in client.lines if line.startswith("failed ")]
    assert not failed, f"{len(failed)} of {len(client.lines)} calls failed: {failed[0]}"
    tokens = [line.split() for line in client.lines if line.startswith("token ")]
    foreign = [kind for _, kind, token in tokens if owner({"access_token": token}) != scene.workload.principal]
    assert not foreign and not os.path.exists(client.other + ".called"), f"calls of {set(foreign)} fell through to another credential"
    assert client.longest < CALL_WITHIN, f"a call took {client.longest:.1f} s"
    return len(tokens)


@scenario("not one call fails while the agent is killed and started again, and while the control plane is away")
def outage(scene):
    client = Client(scene.guest, scene.agent)
    client.until_asked()
    disturbances = scene.agent.disturbances() * ROUNDS
    for disturbance in disturbances:
        disturbance()
        client.until_asked()
    client.end()
    made = check(scene, client)
    print(f"{made} calls, the longest of {client.longest:.1f} s; {len(disturbances)} times the agent or the control plane was away")


if __name__ == "__main__":
    sys.exit(run_scenarios(Scene()))
