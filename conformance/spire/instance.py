"""What SPIRE and Teleport read of an instance: SPIRE by its own code, Teleport's requests one by one, in the order in which
lib/cloud/imds/azure of its repository sends them, because Teleport is no module that others can take."""

import json
import os
import sys
import urllib.request

from agent import Agent
from world import DATA, METADATA, Namespace, claims, run_scenarios, scenario

INSTALLED = os.environ["CONFORMANCE_DIR"]
TELEPORT = f"http://{METADATA}/metadata"


class Scene:
    def __init__(self):
        self.agent = Agent("--throttle", "off")
        self.plane = self.agent.plane
        self.workload = self.agent.workload("attested", tags={"Name": "web", "TeleportHostname": "web.example.org"})
        self.machine = self.plane.manage("GET", self.workload.id)
        self.guest = Namespace("guest")
        self.agent.attach(self.workload, "--netns", "guest")
        self.authority = os.path.join(DATA, "attestation-ca.pem")
        address = self.plane.info["endpoints"]["login"].rstrip("/") + "/.well-known/attestation-ca.pem"
        with urllib.request.urlopen(address, context=self.plane.tls, timeout=20) as answer, open(self.authority, "wb") as file:
            file.write(answer.read())


@scenario("SPIRE's agent reads metadata, token and a signed document, which verifies")
def spire(scene):
    done = scene.guest.run(os.path.join(INSTALLED, "spire"), scene.authority, scene.plane.tenant)
    said = json.loads(done.stdout)
    assert said["instance"]["name"] == scene.workload.name, said["instance"]
    assert said["instance"]["subscriptionId"] == scene.plane.info["subscriptionId"], said["instance"]
    assert said["content"]["vmId"] == scene.machine["properties"]["vmId"], said["content"]
    assert said["content"]["subscriptionId"] == scene.plane.info["subscriptionId"], said["content"]
    assert claims(said["token"])["sub"] == scene.workload.principal
    assert said["id"].startswith(f"spiffe://example.org/spire/agent/azure_imds/{scene.plane.tenant}/"), said["id"]


@scenario("Teleport finds version, tags, hostname, resource id, signed document and token")
def teleport(scene):
    # Its client says "True".
    def ask(route, query):
        status, answer = scene.guest.fetch(f"{TELEPORT}{route}?{query}", header="Metadata: True")
        assert status == 200, f"{route}: {status} {answer}"
        return answer

    versions = ask("/versions", "format=json")["apiVersions"]
    version = versions[-1]
    assert version == max(versions) and version >= "2019-06-04", versions
    tags = {tag["name"]: tag["value"] for tag in ask("/instance/compute/tagsList", f"api-version={version}&format=json")}
    assert tags["TeleportHostname"] == "web.example.org" and tags["Name"] == "web", tags
    compute = ask("/instance/compute", f"api-version={version}&format=json")
    assert compute["resourceId"].lower() == scene.workload.id.lower(), compute
    document = ask("/attested/document", f"api-version={version}&format=json&nonce=0a1b2c3d4e")
    assert document["encoding"] == "pkcs7" and document["signature"], document
    token = ask("/identity/oauth2/token", f"api-version={version}&resource=https%3A%2F%2Fmanagement.azure.com%2F")
    assert claims(token["access_token"])["oid"] == scene.workload.principal


if __name__ == "__main__":
    sys.exit(run_scenarios(Scene()))
