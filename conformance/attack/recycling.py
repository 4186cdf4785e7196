"""Names, process ids, devices and namespaces that come back as somebody else's."""

import os
import subprocess
import time

from attacker import owners
from world import METADATA, TOKEN_PATH, Namespace, run, until

# The name that comes back.
DEVICE = "to-again"


def asked(namespace):
    """Whose token it gets, at once and a moment later."""
    found = []
    for _ in range(2):
        done = namespace.run("curl", "-s", "-m", "1", "-H", "Metadata: true", f"http://{METADATA}{TOKEN_PATH}", check=False)
        found += owners(done.stdout.encode())
        time.sleep(0.02)
    return found


def run_all(scene, rounds):
    for attack in (names, devices, processes):
        yield attack(scene, rounds)


def names(scene, rounds):
    """A namespace is deleted, and another gets its name."""
    workload, foreign = scene.agent.workload("recycled-name"), []
    for _ in range(rounds):
        first = Namespace("again")
        scene.agent.attach(workload, "--netns", "again")
        assert asked(first) == [workload.principal] * 2, "the first one is not served"
        first.delete()
        second = Namespace("again")
        second.ip("address", "add", f"{METADATA}/32", "dev", "lo", check=False)
        foreign += asked(second)
        second.delete()
        detach_all(scene, workload)
    return "a namespace's name, used again", rounds * 2, foreign


def devices(scene, rounds):
    """A device is deleted, and another gets its name and its number: at once, and a moment later."""
    workload, foreign = scene.agent.workload("recycled-device"), []
    for number in range(rounds):
        first, second = Namespace("first"), Namespace("second")
        cable(first)
        scene.agent.attach(workload, "--tap", DEVICE)
        assert asked(first) == [workload.principal] * 2, "the first one is not served"
        index = run("ip", "-o", "link", "show", "dev", DEVICE).stdout.split(":")[0]
        if number % 2:
            run("ip", "link", "delete", DEVICE)
            time.sleep(0.2)
            cable(second, index)
        else:
            cable(second, index, f"link delete {DEVICE}\n")
        foreign += asked(second)
        run("ip", "link", "delete", DEVICE)
        first.delete()
        second.delete()
        detach_all(scene, workload)
    return "a device's name and number, used again", rounds * 2, foreign


def cable(guest, index=None, before=""):
    """A device of the host whose other end is the guest's, by one process: nothing has a moment between."""
    number = f"index {index}" if index else ""
    lines = f"""{before}link add {DEVICE} {number} type veth peer name eth0 netns {guest.name}
address add 198.51.100.1/24 dev {DEVICE}
address replace {METADATA}/32 dev {DEVICE}
link set {DEVICE} up
"""
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True, timeout=20)
    guest.ip("address", "add", "198.51.100.2/24", "dev", "eth0")
    guest.ip("link", "set", "eth0", "up")
    guest.ip("route", "add", "default", "via", "198.51.100.1")


def processes(scene, rounds):
    """A process ends, and another gets its id, in another namespace."""
    workload, foreign, met = scene.agent.workload("recycled-process"), [], 0
    for _ in range(rounds):
        first = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up; exec sleep 60"])
        until("it has its namespace", lambda: os.readlink(f"/proc/{first.pid}/ns/net") != os.readlink("/proc/self/ns/net"), 5)
        scene.agent.attach(workload, "--netns", f"/proc/{first.pid}/ns/net")
        first.kill()
        first.wait()
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as last:
            last.write(str(first.pid - 1))
        second = subprocess.Popen([
            "unshare", "--net", "sh", "-c",
            f"ip link set lo up; ip address add {METADATA}/32 dev lo; exec curl -s -m 1 -H 'Metadata: true' 'http://{METADATA}{TOKEN_PATH}'",
        ], stdout=subprocess.PIPE)
        met += second.pid == first.pid
        foreign += owners(second.communicate(timeout=20)[0])
        detach_all(scene, workload)
    assert met, "no process id came back"
    return f"a process id, used again ({met} of {rounds} met)", rounds, foreign


def detach_all(scene, workload):
    for binding in scene.agent.bindings():
        if binding["workload"].lower() == workload.id.lower():
            scene.agent.host("detach", "--binding", binding["id"])
