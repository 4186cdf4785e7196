"""The attacker's suite: root in a neighbour namespace tries to get the tokens of another workload, or to be its metadata
server. It ends with a table: attack, attempts, foreign tokens, victims that were misled."""

import json
import os
import subprocess
import sys
import threading
import time

import extension
import recycling
import smuggling
from agent import Agent
from watch import Watch
from world import ALL, DATA, METADATA, TOKEN_PATH, Namespace, link, owner, run_scenarios, scenario, until

# Attempts of the suite as a whole, and of each of the attacks by frames or requests.
ATTEMPTS = 10_000 if ALL else 400
PORTION = ATTEMPTS // 10
ATTACKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "attacker.py")
EXTENSION = extension.URL.removeprefix("http://localhost:50342")
# An address of the operator's choice beside the metadata address.
ENDPOINT_V6 = "fd00:ec2::254"
VICTIM, NEIGHBOUR, RIVAL, SPARE = "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.99"
SPARE_V6 = "fe80::99"


class Scene:
    """A victim and a rival with workloads of their own, and a neighbour with none, on one bridge."""

    def __init__(self):
        self.rows = []
        self.agent = Agent("--throttle", "off")
        self.victim_workload = self.agent.workload("victim")
        self.rival_workload = self.agent.workload("rival")
        self.segment = Namespace("segment")
        self.segment.ip("link", "add", "shared", "type", "bridge")
        self.segment.ip("link", "set", "shared", "up")
        self.victim, self.neighbour, self.rival = (
            self.guest(name, address) for name, address in (("victim", VICTIM), ("neighbour", NEIGHBOUR), ("rival", RIVAL))
        )
        self.victim_mac, self.neighbour_mac, self.rival_mac = map(device_mac, (self.victim, self.neighbour, self.rival))
        self.agent.attach(self.victim_workload, "--netns", "victim", "--ipv6", ENDPOINT_V6)
        self.agent.attach(self.rival_workload, "--netns", "rival")
        extension.put(self.victim_workload)

    def guest(self, name, address):
        """A namespace whose device `lan` is on the bridge, and in which the kernel guards nothing."""
        guest = Namespace(name)
        link(guest, "lan", self.segment, f"to-{name}")
        self.segment.ip("link", "set", f"to-{name}", "master", "shared", "up")
        guest.ip("address", "add", f"{address}/24", "dev", "lan")
        guest.ip("link", "set", "lan", "up")
        for device in ("all", "lan"):
            for value, name in (("1", "route_localnet"), ("0", "rp_filter"), ("1", "accept_local"), ("1", "arp_accept")):
                guest.set(f"ipv4/conf/{device}/{name}", value)
        return guest

    def heard_of(self):
        """The bridge learns once more where the victim is: spoofing took its frames elsewhere."""
        self.victim.run("curl", "-s", "-m", "2", f"http://{RIVAL}:9/", check=False)

    def attack(self, guest, name, count, *arguments, wants=()):
        """Runs an attack in a namespace; tokens other than of `wants` are foreign."""
        done = json.loads(guest.run(sys.executable, ATTACKER, name, str(count), *arguments).stdout)
        return done["attempts"], [token for token in done["tokens"] if token not in wants]

    def row(self, attack, attempts, foreign, misled=0):
        self.rows.append((attack, attempts, len(foreign), misled))
        assert not foreign, f"{len(foreign)} foreign tokens: {set(foreign)}"
        assert not misled, f"the victim was misled {misled} times"


def device_mac(guest):
    return json.loads(guest.ip("-json", "link", "show", "dev", "lan"))[0]["address"]


class Victim(threading.Thread):
    """The victim's workload, which asks all the time. Every answer must be its own identity's token."""

    def __init__(self, scene):
        super().__init__(daemon=True)
        self.scene, self.asked, self.misled, self.failed, self.stopped = scene, 0, 0, [], False
        self.start()

    def run(self):
        while not self.stopped:
            status, answer = self.scene.victim.fetch(f"http://{METADATA}{TOKEN_PATH}", check=False)
            self.asked += 1
            if status != 200:
                self.failed.append(status)
            elif owner(answer) != self.scene.victim_workload.principal:
                self.misled += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.join()


@scenario("each workload gets its own identity, at the address and at the operator's")
def own(scene):
    for guest, workload in ((scene.victim, scene.victim_workload), (scene.rival, scene.rival_workload)):
        status, answer = guest.fetch(f"http://{METADATA}{TOKEN_PATH}")
        assert (status, owner(answer)) == (200, workload.principal), f"{status} {answer}"
    for address in (f"http://[{ENDPOINT_V6}]{TOKEN_PATH}", extension.URL):
        status, answer = scene.victim.fetch(address, "-g")
        assert (status, owner(answer)) == (200, scene.victim_workload.principal), f"{address}: {status} {answer}"


@scenario("ID-02: no frame with the metadata address is on the shared segment while workloads ask")
def no_frames(scene):
    with Watch(scene.segment) as watch:
        for _ in range(50):
            scene.victim.fetch(f"http://{METADATA}{TOKEN_PATH}")
            scene.rival.fetch(f"http://{METADATA}{TOKEN_PATH}")
        # The watch sees what is there.
        scene.heard_of()
        watch.until_seen(RIVAL)
    assert not watch.frames_with(METADATA), f"{watch.frames_with(METADATA)} frames"
    scene.row("capture of the shared segment: frames with 169.254.169.254", 100, [])


@scenario("ID-01: ARP, ND and DHCP spoofing mislead nobody")
def spoofing(scene):
    scene.neighbour.ip("address", "add", f"{METADATA}/32", "dev", "lan")
    rogue = scene.neighbour.start(sys.executable, ATTACKER, "rogue", METADATA, "80", stdout=open(os.path.join(DATA, "rogue"), "wb"))
    try:
        with Victim(scene) as victim:
            local = json.loads(scene.victim.ip("-json", "-6", "address", "show", "dev", "lan"))[0]["addr_info"][0]["local"]
            attempts, foreign = scene.attack(
                scene.neighbour, "poisoning", PORTION * 2, "lan", scene.neighbour_mac, NEIGHBOUR, scene.victim_mac, VICTIM, local)
            while victim.asked < 20:
                time.sleep(0.05)
        assert not victim.failed, f"{len(victim.failed)} of {victim.asked} requests failed: {victim.failed[:5]}"
        with open(os.path.join(DATA, "rogue"), encoding="ascii") as told:
            misled = sum(1 for line in told if VICTIM in line)
        scene.row("ARP, ND, RA and DHCP spoofing, gratuitous ARP", attempts + victim.asked, foreign, victim.misled + misled)
    finally:
        rogue.kill()
        rogue.wait()
        scene.neighbour.ip("address", "del", f"{METADATA}/32", "dev", "lan")


@scenario("ID-01: segments that are put into connections mislead nobody and end none")
def injection(scene):
    scene.heard_of()
    with Victim(scene) as victim:
        attempts, foreign = scene.attack(
            scene.neighbour, "injection", PORTION * 2, "lan", scene.neighbour_mac, scene.victim_mac, VICTIM)
        while victim.asked < 20:
            time.sleep(0.05)
    assert not victim.failed, f"{len(victim.failed)} of {victim.asked} requests failed: {victim.failed[:5]}"
    scene.row("TCP injection, blind", attempts + victim.asked, foreign, victim.misled)


@scenario("MD-08: what is routed to the victim reaches no endpoint of it")
def martians(scene):
    got, made = [], 0
    scene.heard_of()
    # The way is open: something that is not bound to the loopback device is reached at the same address.
    other = scene.victim.start(sys.executable, ATTACKER, "rogue", "0.0.0.0", "8080", stdout=subprocess.DEVNULL)
    try:
        until("another server is reached", lambda: scene.attack(
            scene.neighbour, "handshakes", 1, "lan", scene.neighbour_mac, SPARE, scene.victim_mac, METADATA, "8080", "/")[1], 10, every=0.2)
    finally:
        other.kill()
        other.wait()
    for address, port, target in ((METADATA, 80, TOKEN_PATH), ("127.0.0.1", 50342, EXTENSION), ("127.0.0.1", 80, TOKEN_PATH)):
        attempts, foreign = scene.attack(
            scene.neighbour, "handshakes", PORTION // 4, "lan", scene.neighbour_mac, SPARE, scene.victim_mac, address, str(port), target)
        made, got = made + attempts, got + foreign
    for address, port, target in ((ENDPOINT_V6, 80, TOKEN_PATH), ("::1", 50342, EXTENSION)):
        attempts, foreign = scene.attack(
            scene.neighbour, "handshakes", PORTION // 4, "lan", scene.neighbour_mac, SPARE_V6, scene.victim_mac, address, str(port), target)
        made, got = made + attempts, got + foreign
    scene.row("martians: the endpoints' addresses in frames for the victim", made, got)
    scene.neighbour.ip("route", "add", f"{METADATA}/32", "via", VICTIM, "dev", "lan")
    try:
        attempts, got = scene.attack(scene.neighbour, "requests", PORTION // 4, METADATA, "80", TOKEN_PATH)
        more, also = scene.attack(scene.neighbour, "requests", PORTION // 8, METADATA, "80", TOKEN_PATH, VICTIM)
    finally:
        scene.neighbour.ip("route", "del", f"{METADATA}/32")
    scene.row("a route to the address by way of the victim", attempts + more, got + also)


@scenario("MD-08: sockets that may have anybody's address reach no endpoint of the victim")
def transparent(scene):
    scene.neighbour.ip("route", "add", f"{METADATA}/32", "via", VICTIM, "dev", "lan")
    # Replies to any address come back to the attacker's own sockets.
    scene.neighbour.ip("rule", "add", "iif", "lan", "lookup", "100")
    scene.neighbour.ip("route", "add", "local", "default", "dev", "lo", "table", "100")
    # The way is open: something that is not bound to the loopback device answers at the same address.
    other = scene.victim.start(sys.executable, ATTACKER, "rogue", "0.0.0.0", "8080", stdout=subprocess.DEVNULL)
    sources = (SPARE, NEIGHBOUR, RIVAL, VICTIM, METADATA, "127.0.0.1")
    try:
        until("another server is reached", lambda: scene.attack(
            scene.neighbour, "transparent", 1, "lan", METADATA, "8080", "/", SPARE)[1], 10, every=0.2)
        attempts, got = scene.attack(scene.neighbour, "transparent", PORTION // 2, "lan", METADATA, "80", TOKEN_PATH, *sources)
        more, also = scene.attack(scene.rival, "transparent", PORTION // 4, "lan", METADATA, "80", TOKEN_PATH, *sources)
    finally:
        other.kill()
        other.wait()
        scene.neighbour.ip("rule", "del", "iif", "lan", "lookup", "100")
        scene.neighbour.ip("route", "flush", "table", "100")
        scene.neighbour.ip("route", "del", f"{METADATA}/32")
    scene.row("transparent sockets (IP_TRANSPARENT), with every address", attempts + more, got + also)


@scenario("ID-01: a rival with the victim's addresses stays itself")
def cloning(scene):
    scene.victim.ip("link", "set", "lan", "down")
    try:
        scene.rival.ip("link", "set", "lan", "down")
        scene.rival.ip("link", "set", "lan", "address", scene.victim_mac)
        scene.rival.ip("address", "add", f"{VICTIM}/24", "dev", "lan")
        scene.rival.ip("link", "set", "lan", "up")
        wants = (scene.rival_workload.principal,)
        made, got = scene.attack(scene.rival, "requests", PORTION, METADATA, "80", TOKEN_PATH, VICTIM, wants=wants)
        scene.row("the victim's MAC and address, cloned", made, got)
    finally:
        scene.rival.ip("address", "del", f"{VICTIM}/24", "dev", "lan", check=False)
        scene.rival.ip("link", "set", "lan", "address", scene.rival_mac)
        scene.victim.ip("link", "set", "lan", "up")


import devices  # noqa: E402,F401


@scenario("ID-04: who gets a name, a process id or a device after somebody gets nothing of it")
def recycled(scene):
    for attack, attempts, foreign in recycling.run_all(scene, 60 if ALL else 6):
        scene.row(attack, attempts, foreign)


@scenario("MD-02, MD-03: no token through a proxy in the guest, under another name or in another form")
def smuggled(scene):
    for attack, attempts, foreign in smuggling.run_all(scene, PORTION):
        scene.row(attack, attempts, foreign)


def table(rows):
    attack = max(len(row[0]) for row in rows)
    print(f"| {'attack':{attack}} | attempts | foreign tokens | misled |\n|-{'-' * attack}-|----------|----------------|--------|")
    for name, attempts, foreign, misled in (*rows, ("all", *(sum(row[part] for row in rows) for part in (1, 2, 3)))):
        print(f"| {name:{attack}} | {attempts:8} | {foreign:14} | {misled:6} |")


if __name__ == "__main__":
    scene = Scene()
    code = run_scenarios(scene)
    table(scene.rows)
    sys.exit(code)
