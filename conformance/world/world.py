"""A machine with the host agent and its workloads, for scripts that start everything themselves.

The script runs as root on a machine of its own (xtask/src/conformance/machine.rs): the namespaces, devices and processes
that it makes are gone when it ends, however it ends.
"""

import base64
import http.client
import json
import os
import ssl
import subprocess
import sys
import time
import traceback
import urllib.parse

BINARY = os.environ["BONAFIDE"]
DATA = os.environ["BONAFIDE_DATA"]
ALL = os.environ.get("CONFORMANCE_ALL") == "1"
METADATA = "169.254.169.254"
ARM = "https://management.azure.com/"
TOKEN_PATH = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + urllib.parse.quote(ARM, safe="")
VERSION = "2024-07-01"
# Longest time until a process is ready, in seconds: a debug build on a busy machine.
READY_WITHIN = 60
# Longest time for an answer, in seconds.
ANSWER_WITHIN = 20


def run(*command, check=True, **options):
    """Runs a program to its end and gives its output."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, **options)
    if check and done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-600:]
        raise AssertionError(f"{' '.join(map(str, command))[:200]}: exit {done.returncode}: {said}")
    return done


class Namespace:
    """A named network namespace with its loopback device up."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments, check=True):
        return run("ip", "-netns", self.name, *arguments, check=check).stdout

    def command(self, *command):
        return ("ip", "netns", "exec", self.name, *command)

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def start(self, *command, **options):
        return subprocess.Popen(self.command(*command), stdin=subprocess.DEVNULL, **options)

    def set(self, name, value):
        """A value of the kernel's, inside."""
        self.run("sh", "-c", f"echo {value} > /proc/sys/net/{name}")

    def fetch(self, target, *arguments, check=True, header="Metadata: true"):
        """Status and body, as JSON, of what curl got inside."""
        done = self.run(
            "curl", "-sS", "--max-time", str(ANSWER_WITHIN), "-H", header, "-w", "\n%{http_code}", target, *arguments, check=check)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), parsed(body)

    def delete(self):
        run("ip", "netns", "delete", self.name, check=False)


def parsed(body):
    try:
        return json.loads(body)
    except ValueError:
        return {}


def link(one, name, other, peer):
    """Two ends of a wire, each in its namespace; None is that of the host."""
    command = ["ip", "link", "add", name, *(("netns", one.name) if one else ())]
    run(*command, "type", "veth", "peer", "name", peer, *(("netns", other.name) if other else ()))


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def owner(answer):
    """The object id of whose token an answer holds, or None."""
    token = answer.get("access_token")
    return claims(token)["oid"] if token else None


def until(what, holds, seconds=READY_WITHIN, every=0.05):
    """Waits until `holds()` gives a value, and gives it."""
    limit = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


class Plane:
    """A client of the control plane, as its operator."""

    def __init__(self, info):
        self.info = info
        self.tenant = info["tenantId"]
        self.group = f"/subscriptions/{info['subscriptionId']}/resourceGroups/demo"
        self.tls = ssl.create_default_context(cafile=info["caFile"])
        self.token = None

    def _ask(self, endpoint, method, target, body, headers):
        at = urllib.parse.urlsplit(endpoint)
        connection = http.client.HTTPSConnection(at.hostname, at.port or 443, context=self.tls, timeout=ANSWER_WITHIN)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def sign_in(self):
        operator = self.info["operator"]
        with open(operator["secretFile"], encoding="utf-8") as file:
            secret = file.read().strip()
        form = urllib.parse.urlencode({
            "grant_type": "client_credentials", "client_id": operator["clientId"], "client_secret": secret,
            "scope": ARM + ".default",
        })
        status, body = self._ask(
            self.info["endpoints"]["login"], "POST", f"/{self.tenant}/oauth2/v2.0/token", form,
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert status == 200, f"the operator's sign-in: {status} {body[:300]}"
        self.token = json.loads(body)["access_token"]

    def manage(self, method, path, body=None, expand=None):
        status, answer = self._manage(method, path, body, expand)
        assert status in (200, 201, 202, 204), f"{method} {path}: {status} {answer[:400]}"
        return json.loads(answer) if answer else {}

    def exists(self, path):
        status, answer = self._manage("GET", path, None, None)
        assert status in (200, 404), f"GET {path}: {status} {answer[:400]}"
        return status == 200

    def _manage(self, method, path, body, expand):
        if self.token is None:
            self.sign_in()
        query = f"?api-version={VERSION}" + (f"&$expand={expand}" if expand else "")
        return self._ask(
            self.info["endpoints"]["management"], method, path + query, None if body is None else json.dumps(body),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )


class Workload:
    """A virtual machine of the control plane with an identity of its own."""

    def __init__(self, plane, name, tags=None):
        self.plane, self.name = plane, name
        self.id = f"{plane.group}/providers/Microsoft.Compute/virtualMachines/{name}"
        body = {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": {}, "tags": tags or {}}
        self.principal = plane.manage("PUT", self.id, body)["identity"]["principalId"]

    def delete(self):
        self.plane.manage("DELETE", self.id)


SCENARIOS = []


def scenario(name, needs=True):
    """Marks a function as the scenario `name`; scenarios run in the order in which they stand."""

    def mark(function):
        if needs:
            SCENARIOS.append((name, function))
        return function

    return mark


def run_scenarios(*arguments):
    """Runs all scenarios, says how each came out, and gives the exit code."""
    failed = False
    for name, function in SCENARIOS:
        try:
            function(*arguments)
            print(f"ok {name}", flush=True)
        except Exception as error:  # a broken scenario must not hide the next
            failed = True
            line = next((f.lineno for f in reversed(traceback.extract_tb(error.__traceback__))), 0)
            said = " ".join(str(error).split())[:600] or type(error).__name__
            print(f"FAIL {name}: line {line}: {type(error).__name__}: {said}", flush=True)
            traceback.print_exc()
            sys.stderr.flush()
    return 1 if failed else 0
