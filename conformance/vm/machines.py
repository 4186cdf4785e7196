"""Virtual machines with kernels of their own, each behind a tap device and with a virtual socket: two that look the same, and each
gets its own identity."""

import os
import shutil
import sys

import extension
from agent import Agent
from guest import Guest, with_libraries
from world import BINARY, DATA, METADATA, TOKEN_PATH, owner, run, run_scenarios, scenario, until

# Both guests have them.
MAC, ADDRESS, GATEWAY = "52:54:00:12:34:56", "10.9.0.2/24", "10.9.0.1"
# Beginnings of private keys: PEM; and in DER (RFC 5208, RFC 5915) an RSA key of 2048 or 3072 bits, one of the curves P-256 and
# P-384, and the same two without the wrapping.
KEYS = {
    "PEM": [b"-----BEGIN PRIVATE KEY", b"-----BEGIN RSA PRIVATE KEY", b"-----BEGIN EC PRIVATE KEY", b"-----BEGIN ENCRYPTED PRIVATE KEY"],
    "PKCS #8, RSA": [bytes.fromhex("020100300d06092a864886f70d0101010500")],
    "PKCS #8, EC": [bytes.fromhex("020100301306072a8648ce3d020106082a8648ce3d030107"), bytes.fromhex("020100301006072a8648ce3d020106052b81040022")],
    "PKCS #1": [bytes.fromhex("02010002820101"), bytes.fromhex("02010002820181")],
    "SEC 1": [bytes.fromhex("30770201010420"), bytes.fromhex("3081a40201010430")],
}
# As much of a key as tells it from others, in bytes.
KEY_BYTES = 96
# Shortest secret of a file that is looked for, in bytes.
SECRET_BYTES_MIN = 16


class Machine:
    """A virtual machine and the workload that it is."""

    def __init__(self, agent, number):
        self.workload, self.tap = agent.workload(f"machine-{number}"), f"tap{number}"
        run("ip", "tuntap", "add", "dev", self.tap, "mode", "tap")
        run("ip", "address", "add", f"{GATEWAY}/24", "dev", self.tap)
        run("ip", "link", "set", self.tap, "up")
        # The path that its hypervisor is started with, in Firecracker's form.
        self.vsock = os.path.join(DATA, f"vsock-{number}")
        self.guest = self.start(self.workload.name)

    def start(self, name):
        forwarder = with_libraries(os.path.join(os.path.dirname(BINARY), "bonafide-guest"), "/bin/bonafide-guest")
        files = (*forwarder, *with_libraries(shutil.which("socat"), "/bin/socat"))
        return Guest(name, self.tap, MAC, ADDRESS, GATEWAY, files=files, vsock=self.vsock)


class Scene:
    def __init__(self):
        self.agent = Agent()
        self.machines = [Machine(self.agent, number) for number in (0, 1)]
        # One is attached while its guest starts, the other one when it runs.
        self.agent.attach(self.machines[0].workload, "--tap", "tap0")
        for machine in self.machines:
            machine.guest.booted()
        # Kernel and libraries of cryptography test themselves with keys, which are there before any agent is.
        memory = self.machines[1].guest.memory()
        self.known = set().union(*(keys(memory, patterns) for patterns in KEYS.values()))
        self.agent.attach(self.machines[1].workload, "--tap", "tap1")


@scenario("a guest has a token from 169.254.169.254, by way of its tap")
def token(scene):
    machine = scene.machines[0]
    status, answer = machine.guest.fetch(f"http://{METADATA}{TOKEN_PATH}")
    assert (status, owner(answer)) == (200, machine.workload.principal), f"{status} {answer}"
    assert answer["token_type"] == "Bearer" and int(answer["expires_in"]) > 0, answer


@scenario("two guests with the same MAC and the same address have each its own identity")
def twins(scene):
    assert scene.machines[0].workload.principal != scene.machines[1].workload.principal
    for machine in scene.machines * 3:
        status, answer = machine.guest.fetch(f"http://{METADATA}{TOKEN_PATH}&bypass_cache=true")
        assert (status, owner(answer)) == (200, machine.workload.principal), f"{status} {answer}"


@scenario("a guest has a token from port 80 of its host's virtual socket, in Firecracker's form, each guest its own")
def virtual_socket(scene):
    for machine in scene.machines:
        relay_vsock(machine.guest)
    # Nothing is attached: the hypervisor finds nobody, and its guest neither.
    assert asked_of_vsock(scene.machines[0])[0] == 0
    for machine in scene.machines:
        scene.agent.attach(machine.workload, "--vsock-uds", machine.vsock)
        assert os.path.exists(machine.vsock + "_80")
    for machine in scene.machines * 3:
        status, answer = asked_of_vsock(machine)
        assert (status, owner(answer)) == (200, machine.workload.principal), f"{status} {answer}"
    # One goes, and the other does not notice.
    machine, other = scene.machines
    scene.agent.host("detach", "--vsock-uds", machine.vsock)
    assert asked_of_vsock(machine)[0] == 0 and not os.path.exists(machine.vsock + "_80")
    assert owner(asked_of_vsock(other)[1]) == other.workload.principal
    scene.agent.attach(machine.workload, "--vsock-uds", machine.vsock)


def relay_vsock(guest):
    """Passes what is asked at 127.0.0.1 inside to its host, whom the guest's kernel knows as number 2."""
    guest.run("socat TCP-LISTEN:80,bind=127.0.0.1,fork,reuseaddr VSOCK-CONNECT:2:80 > /tmp/socat 2>&1 &")


def asked_of_vsock(machine):
    return machine.guest.fetch(f"http://127.0.0.1{TOKEN_PATH}", "--max-time", "10")


@scenario("a guest that runs the forwarder has a token at its own localhost:50342, on IPv4 and IPv6")
def forwarder(scene):
    for machine in scene.machines:
        machine.guest.run("bonafide-guest > /tmp/forwarder 2>&1 &")
        extension.put(machine.workload)
        for host in ("localhost", "127.0.0.1", "[::1]"):
            status, answer = machine.guest.fetch(extension.URL.replace("localhost", host))
            assert (status, owner(answer)) == (200, machine.workload.principal), f"{host}: {status} {answer}"


@scenario("the extension goes, the port refuses, and the metadata endpoint does not")
def without_extension(scene):
    machine, other = scene.machines
    extension.delete(machine.workload)
    until("the port refuses", lambda: machine.guest.fetch(extension.URL)[0] == 0, 5)
    for asking, address in ((machine, f"http://{METADATA}{TOKEN_PATH}"), (other, extension.URL)):
        status, answer = asking.guest.fetch(address)
        assert (status, owner(answer)) == (200, asking.workload.principal), f"{address}: {status} {answer}"


@scenario("a guest is served again as soon as the agent was killed")
def killed(scene):
    scene.agent.kill()
    for machine in scene.machines:
        for status, answer in (machine.guest.fetch(f"http://{METADATA}{TOKEN_PATH}"), asked_of_vsock(machine)):
            assert (status, owner(answer)) == (200, machine.workload.principal), f"{status} {answer}"


@scenario("HA-01: nothing in a guest, memory or file, is a key")
def no_key(scene):
    guest = scene.machines[0].guest
    code, _ = guest.run(f"curl -s -H Metadata:true 'http://{METADATA}{TOKEN_PATH}' > /tmp/token")
    assert code == 0
    with open(guest.initrd, "rb") as file:
        seen = {"memory": guest.memory(), "initrd": file.read()}
    # The memory is the guest's, whose token is in it.
    assert b'"access_token":"ey' in seen["memory"], "no token in the guest's memory"
    for where, content in seen.items():
        for kind, patterns in KEYS.items():
            found = keys(content, patterns) - scene.known
            assert not found, f"{kind} in the {where}: {found.pop()}"
        for path in secret_files(scene.agent.data):
            with open(path, "rb") as file:
                secret = file.read().strip()
            assert len(secret) < SECRET_BYTES_MIN or secret not in content, f"{path} in the {where}"


def keys(content, patterns):
    """Everything in the content that begins like a key."""
    found = set()
    for pattern in patterns:
        at = content.find(pattern)
        while at >= 0:
            found.add(content[at : at + KEY_BYTES])
            at = content.find(pattern, at + 1)
    return found


def secret_files(data):
    """Files of the agent and the operator whose whole content is a secret."""
    named = ("key", "secret", "private")
    for folder, _, files in os.walk(data):
        yield from (os.path.join(folder, file) for file in files if any(part in file for part in named))


@scenario("a guest powers off, and its place gives nothing to the next one there once it is detached")
def detached(scene):
    for machine in scene.machines:
        machine.guest.power_off()
    machine, _ = scene.machines
    scene.agent.host("detach", "--workload", machine.workload.id)
    machine.guest = successor = machine.start("successor")
    successor.booted()
    relay_vsock(successor)
    for status, answer in (successor.fetch(f"http://{METADATA}{TOKEN_PATH}"), asked_of_vsock(machine)):
        assert status == 0 and not answer, f"{status} {answer}"
    successor.power_off()


import plain_sockets  # noqa: E402,F401


if __name__ == "__main__":
    sys.exit(run_scenarios(Scene()))
