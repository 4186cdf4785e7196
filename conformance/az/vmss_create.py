"""Scale sets by `vmss create`, which is the deployment of a template and reads its output. Follows azure-cli's
`test_vmss_create_and_modify` and `test_vmss_msi`. The image is a resource of the group."""

import uuid

from scenarios import scenario
from support import ALL, GROUPS, az, equal, image, users

GROUP = f"{GROUPS}/az-vmss-create"
HERE = ("--resource-group", "az-vmss-create")
IMAGE = f"{GROUP}/providers/Microsoft.Compute/images/image"
NEW = (*HERE, "--image", IMAGE, "--admin-username", "me", "--admin-password", "Correct-Horse-1")


@scenario("create with --role and --scope; the answer is the template's output vmss")
def flexible():
    image("az-vmss-create", IMAGE)
    made = az("vmss", "create", *NEW, "--name", "ss1", "--instance-count", "2", "--assign-identity", "--role", "Reader", "--scope", GROUP)
    assert {"provisioningState", "virtualMachineProfile"} <= set(made["vmss"]), made
    shown = az("vmss", "identity", "show", *HERE, "--name", "ss1")
    assert uuid.UUID(shown["principalId"]), shown
    given, = [item for item in az("role", "assignment", "list", "--scope", GROUP) if item["principalId"] == shown["principalId"]]
    equal(given["roleDefinitionName"], "Reader")


@scenario("create a uniform one with a user-assigned identity", ALL)
def uniform():
    identity = az("identity", "create", *HERE, "--name", "ida")["id"]
    az("vmss", "create", *NEW, "--name", "ss2", "--orchestration-mode", "Uniform", "--assign-identity", identity)
    equal(users(az("vmss", "identity", "show", *HERE, "--name", "ss2")), ["ida"])


@scenario("--validate makes nothing", ALL)
def validated():
    az("vmss", "create", *NEW, "--name", "ss3", "--validate")
    equal(sorted(item["name"] for item in az("vmss", "list", *HERE)), ["ss1", "ss2"])
