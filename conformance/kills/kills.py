"""The agent is killed again and again, while places are attached and detached. In the end nothing of what was is left behind:
no socket, no address, no handle of a namespace, no descriptor, no process."""

import os
import random
import sys

from agent import Agent
from world import ALL, METADATA, TOKEN_PATH, Namespace, link, owner, run, run_scenarios, scenario, until

# Kills, and places.
KILLS = 1_000 if ALL else 25
PLACES = 20 if ALL else 6
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
    def __init__(self):
        self.agent = Agent("--throttle", "off")
        self.places = [Place(self, number) for number in range(PLACES)]


def descriptors(agent):
    """Of all processes of the agent, and how many of them are handles of namespaces."""
    found = []
    for pid in agent.pids():
        for number in os.listdir(f"/proc/{pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
            except FileNotFoundError:
                pass  # It was closed meanwhile.
    return len(found), sum(1 for target in found if target.startswith("net:"))


@scenario(f"{KILLS} kills, with places that are attached and detached between them")
def kills(scene):
    for place in scene.places:
        place.attach()
    # The first restart opens what later ones find open.
    scene.agent.kill_all()
    for place in scene.places:
        place.check()
    before, processes = descriptors(scene.agent), len(scene.agent.pids())
    for number in range(KILLS):
        place = CHANCE.choice(scene.places)
        if place.binding is None or CHANCE.random() < 0.3:
            scene.agent.until_ready()
            place.attach() if place.binding is None else place.detach()
        # At any moment, also while it starts.
        scene.agent.kill_all(ready=CHANCE.random() < 0.8)
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
    assert after[0] <= before[0] + DESCRIPTORS and after[1] <= before[1], f"{after} descriptors, those of namespaces last; before {before}"
    assert len(scene.agent.pids()) == processes, f"{len(scene.agent.pids())} processes, before {processes}"
    print(f"{KILLS} kills; {after[0]} descriptors, before them {before[0]}; {after[1]} handles of namespaces, before them {before[1]}")


@scenario("what is detached is held by nothing any more, whether its namespace was deleted before or after")
def let_go(scene):
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
    assert not descriptors(scene.agent)[1], "handles of namespaces are left"
    assert not scene.agent.bindings(), f"attached: {scene.agent.bindings()}"


if __name__ == "__main__":
    sys.exit(run_scenarios(Scene()))
