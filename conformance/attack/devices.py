"""Guests with a device of their own to the host, as containers and virtual machines have; the host's own namespace; and a
device on a bridge, which is refused."""


from world import METADATA, TOKEN_PATH, Namespace, link, owner, run, scenario

GUEST, GATEWAY = "198.51.100.2", "198.51.100.1"


class Cabled:
    """A guest whose `eth0` ends at a device of the host. All of them have one address, and one MAC."""

    def __init__(self, scene, name):
        self.workload = scene.agent.workload(name)
        self.namespace, self.device = Namespace(name), f"to-{name}"
        link(self.namespace, "eth0", None, self.device)
        self.namespace.ip("link", "set", "eth0", "address", "02:00:00:00:00:01")
        self.namespace.ip("address", "add", f"{GUEST}/24", "dev", "eth0")
        self.namespace.ip("link", "set", "eth0", "up")
        self.namespace.ip("route", "add", "default", "via", GATEWAY)
        run("ip", "address", "add", f"{GATEWAY}/24", "dev", self.device)
        run("ip", "link", "set", self.device, "up")
        scene.agent.attach(self.workload, "--tap", self.device)

    def ask(self):
        status, answer = self.namespace.fetch(f"http://{METADATA}{TOKEN_PATH}", check=False)
        return status, owner(answer)


@scenario("ID-01: two guests with one address and one MAC, each on a device of its own, stay themselves")
def twins(scene):
    one, other = (Cabled(scene, name) for name in ("twin-a", "twin-b"))
    attempts, foreign = 0, []
    for guest in (one, other) * 10:
        status, whose = guest.ask()
        assert (status, whose) == (200, guest.workload.principal), f"{status} {whose}"
    for guest, peer in ((one, other), (other, one)):
        wants = (guest.workload.principal,)
        # Whatever address it claims: of the other, of the host, the endpoint's own.
        for source in (GUEST, GATEWAY, "198.51.100.77", METADATA):
            guest.namespace.ip("address", "add", f"{source}/32", "dev", "lo", check=False)
            made, got = scene.attack(guest.namespace, "requests", 5, METADATA, "80", TOKEN_PATH, source, wants=wants)
            attempts, foreign = attempts + made, foreign + got
            if source != GUEST:
                guest.namespace.ip("address", "del", f"{source}/32", "dev", "lo")
        # By way of the host, where the other one's endpoint is.
        for target in (GATEWAY, GUEST, "127.0.0.1"):
            made, got = scene.attack(guest.namespace, "requests", 5, target, "80", TOKEN_PATH, wants=wants)
            attempts, foreign = attempts + made, foreign + got
    scene.row("twins on devices of their own: every source and way", attempts, foreign)


@scenario("ID-05: a process in the host's own namespace gets nothing")
def the_host(scene):
    import attacker

    foreign = []
    for _ in range(20):
        foreign += attacker.ask(METADATA) + attacker.ask(METADATA, source=GATEWAY) + attacker.ask(GATEWAY, host=METADATA)
    scene.row("the host's own namespace", 60, foreign)


@scenario("a port of a bridge is refused: a shared segment cannot tell workloads apart")
def bridged(scene):
    run("ip", "link", "add", "br0", "type", "bridge")
    guest = Namespace("bridged")
    link(guest, "eth0", None, "to-bridged")
    run("ip", "link", "set", "to-bridged", "master", "br0", "up")
    for device in ("to-bridged", "br0"):
        refused = scene.agent.attach(scene.rival_workload, "--tap", device, check=False)
        assert refused.returncode != 0 and "bridge" in refused.stderr, f"{device}: {refused.returncode} {refused.stderr!r}"
    run("ip", "link", "delete", "br0")
    guest.delete()
