"""The agents of a machine on Azure, Debian's cloud-init and WALinuxAgent, with their own code asking 169.254.169.254; and a
verifier of an attested document that knows the published certificate alone."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import traceback
import urllib.request

import azurelinuxagent.common.protocol.imds as waagent
import cloudinit.sources.DataSourceAzure as cloud_init

INFO = json.load(open(os.environ["BONAFIDE_INFO"]))
DEMO = next(w["resourceId"] for w in INFO["workloads"] if w["resourceId"].lower().endswith("/virtualmachines/demo"))
SCENARIOS = []


def scenario(name):
    def mark(function):
        SCENARIOS.append((name, function))
        return function

    return mark


def get(path):
    request = urllib.request.Request(f"http://169.254.169.254{path}", headers={"Metadata": "true"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return reply.read().decode()


@scenario("WALinuxAgent: the endpoint is healthy, with an interface that has addresses")
def _():
    healthy, why = waagent.get_imds_client("168.63.129.16").validate()
    assert healthy and not why, why


@scenario("WALinuxAgent: compute is the machine")
def _():
    compute = waagent.get_imds_client("168.63.129.16").get_compute()
    assert compute.name == "demo" and DEMO.split("/")[2] == compute.subscriptionId, compute.name
    assert compute.osType == "Linux" and compute.image_origin is not None


@scenario("cloud-init: the whole document in the version that it wants")
def _():
    document = cloud_init.get_metadata_from_imds(retries=0, api_version=cloud_init.IMDS_VER_WANT)
    assert document["compute"]["resourceId"].lower() == DEMO.lower()
    assert cloud_init._hostname_from_imds(document) == "demo"
    assert cloud_init._disable_password_from_imds(document) is False
    assert not cloud_init._userdata_from_imds(document)


@scenario("cloud-init: the version that it falls back to, and the network for its configuration")
def _():
    document = cloud_init.get_metadata_from_imds(retries=0, api_version=cloud_init.IMDS_VER_MIN)
    assert "osProfile" not in document["compute"]
    network = cloud_init.get_metadata_from_imds(
        retries=0, md_type=cloud_init.MetadataType.NETWORK, api_version=cloud_init.IMDS_VER_MIN
    )
    assert network == document["network"] and len(network["interface"][0]["macAddress"]) == 12


@scenario("attested document: openssl verifies machine and nonce by the published certificate")
def _():
    answer = json.loads(get("/metadata/attested/document?api-version=2020-09-01&nonce=1234567890"))
    with tempfile.TemporaryDirectory() as folder:
        signed, content = os.path.join(folder, "signed"), os.path.join(folder, "content")
        open(signed, "wb").write(base64.b64decode(answer["signature"]))
        command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signed, "-out", content]
        command += ["-CAfile", INFO["caFile"], "-purpose", "sslserver", "-verify_hostname", "metadata.localhost"]
        subprocess.run(command, check=True, capture_output=True)
        said = json.load(open(content))
    machine = get("/metadata/instance/compute/vmId?api-version=2021-02-01&format=text")
    assert (said["nonce"], said["vmId"]) == ("1234567890", machine), said


failed = False
for name, function in SCENARIOS:
    try:
        function()
        print("ok", name, flush=True)
    except Exception as error:
        failed = True
        traceback.print_exc()
        print(f"FAIL {name}: {error!r}", flush=True)
sys.exit(failed)
