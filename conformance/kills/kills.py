"""The agent is killed again and again, while places are attached and detached. In the end nothing of what was is left behind:
no socket, no address, no handle of a namespace, no descriptor, no process."""

import contextlib
import os
import random
import sys
from collections import Counter

from agent import Agent
from two_machines import TwoMachines
from world import ALL, METADATA, TOKEN_PATH, Namespace, link, owner, run, run_scenarios, scenario, until

# Kills of each kind of agent, and places.
KILLS = 500 if ALL else 12
PLACES = 20 if ALL else 5
# Descriptors of the agent more than at the beginning that are no leak: files of the database, connections that end.
DESCRIPTORS = 8
CHANCE = random.Random(8)


class Place:
    """A namespace with a device of its own to the host, which is gone as soon as nothing holds the namespace any more."""

    def __init__(self, scene, number):
        self.scene, self.name = scene, f"place-{number}"
        self.workload = scene.agent.workload(self.name)
        self.namespace, self.canary = Namespace(self.name), f"canary-{number}"
        link(self.namespace, "eth0", None, self.canary)
        self.binding = None

    def attach(self):
        self.scene.agent.attach(self.workload, "--netns", self.name)
        listed = self.scene.agent.bindings()
        self.binding = next(found["id"] for found in listed if found["workload"].lower() == self.workload.id.lower())

    def detach(self):
        self.scene.agent.host("detach", "--binding", self.binding)
        self.binding = None

    def is_gone(self):
        return run("ip", "link", "show", "dev", self.canary, check=False).returncode != 0

    def check(self):
        """It is served as it should be: by one socket, or by none at all."""
        sockets = [line.split()[3] for line in self.namespace.run("ss", "-Hltn").stdout.splitlines()]
        addresses = self.namespace.ip("-o", "address", "show").count(METADATA)
        if self.binding is None:
            assert not sockets and not addresses, f"{self.name} is detached, and has {sockets}, {addresses} addresses"
            return
        assert (len(sockets), addresses) == (1, 1), f"{self.name} has {sockets}, {addresses} addresses"
        status, answer = self.namespace.fetch(f"http://{METADATA}{TOKEN_PATH}")
        assert (status, owner(answer)) == (200, self.workload.principal), f"{self.name}: {status} {answer}"


class Scene:
    def __init__(self, kind):
        self.agent = kind("--throttle", "off")
        self.places = [Place(self, number) for number in range(PLACES)]


def descriptors(agent):
    """Those of all processes of the agent, by what they are of."""
    found = Counter()
    for pid in agent.all_pids():
        for number in os.listdir(f"/proc/{pid}/fd"):
            # It may have been closed meanwhile.
            with contextlib.suppress(FileNotFoundError):
                found[os.readlink(f"/proc/{pid}/fd/{number}").partition(":[")[0]] += 1
    return found


def handles(found):
    """How many of them are of namespaces, by a name or without one."""
    return sum(count for kind, count in found.items() if kind == "net" or kind.startswith("/run/netns/"))


def kills(scene):
    """Kills, with places that are attached and detached between them."""
    for place in scene.places:
        place.attach()
    # The first restart opens what later ones find open.
    scene.agent.kill_all()
    for place in scene.places:
        place.check()
    before, processes = descriptors(scene.agent), len(scene.agent.all_pids())
    for number in range(KILLS):
        place = CHANCE.choice(scene.places)
        if place.binding is None or CHANCE.random() < 0.3:
            scene.agent.until_ready()
            place.attach() if place.binding is None else place.detach()
        # At any moment, also while it starts.
        scene.agent.kill_all(ready=CHANCE.random() < 0.8)
        if number % 10 == 3:
            scene.agent.restart_opener()
        if number % 5 == 0:
            scene.agent.until_ready()
            CHANCE.choice(scene.places).check()
    scene.agent.until_ready()
    for place in scene.places:
        place.check()
        if place.binding is None:
            place.attach()
            place.check()
    after = descriptors(scene.agent)
    assert after.total() <= before.total() + DESCRIPTORS, f"descriptors left behind: {after - before}"
    assert handles(after) <= handles(before), f"{handles(after)} handles of namespaces, before {handles(before)}"
    assert len(scene.agent.all_pids()) == processes, f"{len(scene.agent.all_pids())} processes, before {processes}"
    print(f"{KILLS} kills; {after.total()} descriptors, before them {before.total()}")


def let_go(scene):
    """What is detached is held by nothing any more, whether its namespace was deleted before or after."""
    half = len(scene.places) // 2
    for place in scene.places[:half]:
        place.detach()
        place.check()
    for place in scene.places:
        place.namespace.delete()
    scene.agent.kill_all()
    for place in scene.places[half:]:
        place.detach()
    for place in scene.places:
        until(f"the namespace of {place.name} is gone", place.is_gone, 15)
    assert not handles(descriptors(scene.agent)), "handles of namespaces are left"
    assert not scene.agent.bindings(), f"attached: {scene.agent.bindings()}"


@scenario(f"`up` is killed {KILLS} times, and nothing is left behind")
def up():
    whole_life(Agent)


@scenario(f"`host run` is killed {KILLS} times, its opener at times too, and nothing is left behind")
def host_run():
    whole_life(TwoMachines)


def whole_life(kind):
    scene = Scene(kind)
    kills(scene)
    let_go(scene)
    scene.agent.stop()


if __name__ == "__main__":
    sys.exit(run_scenarios())
