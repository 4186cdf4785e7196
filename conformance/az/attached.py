"""Control plane and host are two processes in two network namespaces. A namespace is attached to a machine; the extension is put
on the machine by az, answers inside at its localhost, and is taken away by az."""

import importlib
import json
import os
import sys

import extension
from two_machines import CONTROL, TwoMachines
from world import DATA, METADATA, TOKEN_PATH, Namespace, owner, run, run_scenarios, scenario, until

ON_DEMO = ("--resource-group", "demo", "--vm-name", "demo")
LINUX = ("--publisher", "Microsoft.ManagedIdentity", "--name", extension.NAME, "--version", "1.0")
# Connection refused, in curl's words.
REFUSED = 7
# Longest time until a port is refused whose extension az has deleted, in seconds.
CLOSED_WITHIN = 5


class Scene:
    def __init__(self):
        self.agent = TwoMachines()
        self.demo = self.agent.workload("demo")
        self.support = clients(self.agent.plane.info, self.demo)
        self.inside = Namespace("orders")
        self.agent.host("attach", "--workload", "demo", "--netns", "orders")

    def az(self, *arguments):
        return self.support.az(*arguments)

    def curl(self, url):
        """curl as it stands in the guide, in the namespace: its exit code, and whose token it got."""
        done = self.inside.run("curl", "-s", "-H", "Metadata: true", url, check=False)
        return done.returncode, owner(json.loads(done.stdout)) if done.stdout else None


def clients(info, demo):
    """What the scripts of az share, for this control plane."""
    path = os.path.join(DATA, "info.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**info, "workloads": [{"resourceId": demo.id, "endpoint": f"http://{METADATA}"}]}, file)
    # As docs/guide/az.md has it.
    os.environ.update(BONAFIDE_INFO=path, REQUESTS_CA_BUNDLE=info["caFile"], AZURE_CORE_INSTANCE_DISCOVERY="false")
    support = importlib.import_module("support")
    os.environ["AZURE_CONFIG_DIR"] = support.configuration("attached")
    return support


@scenario("a host that joined serves a namespace that is attached, and the machine around it is refused")
def attached(scene):
    assert CONTROL in scene.agent.plane.info["endpoints"]["management"], scene.agent.plane.info["endpoints"]
    url = f"http://{METADATA}{TOKEN_PATH}"
    assert scene.curl(url) == (0, scene.demo.principal)
    outside = run("curl", "-s", "-m", "3", "-H", "Metadata: true", url, check=False)
    assert outside.returncode != 0 and not outside.stdout, outside.stdout[:300]


@scenario("az vm extension set; curl of its localhost port inside has a token; az vm extension delete; refused")
def extended(scene):
    scene.az("cloud", "register", "--name", "Here", "--endpoint-resource-manager", scene.support.ARM)
    scene.az("cloud", "set", "--name", "Here")
    scene.support.by_certificate()
    assert scene.curl(extension.URL) == (REFUSED, None), "before there is one"
    made = scene.az("vm", "extension", "set", *ON_DEMO, *LINUX, "--settings", '{"port": 50342}')
    assert made["provisioningState"] == "Succeeded", made
    assert scene.curl(extension.URL) == (0, scene.demo.principal)
    outside = run("curl", "-s", "-m", "3", "-H", "Metadata: true", extension.URL, check=False)
    assert outside.returncode == REFUSED, f"the machine around it: {outside.returncode} {outside.stdout[:300]}"
    scene.az("vm", "extension", "delete", *ON_DEMO, "--name", extension.NAME)
    until("its port is refused", lambda: scene.curl(extension.URL) == (REFUSED, None), CLOSED_WITHIN)
    assert scene.curl(f"http://{METADATA}{TOKEN_PATH}") == (0, scene.demo.principal), "the metadata endpoint goes on"


if __name__ == "__main__":
    sys.exit(run_scenarios(Scene()))
