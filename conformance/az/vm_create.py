"""Machines by `vm create`, which is the deployment of a template. Follows azure-cli's `test_vm_create_ubuntu`, `test_vm_msi` and
`test_vm_explicit_msi`. The image is a resource of the group."""

import uuid

from scenarios import scenario
from support import ALL, GROUPS, az, equal, image, refused, same, users

GROUP = f"{GROUPS}/az-vm-create"
HERE = ("--resource-group", "az-vm-create")
IMAGE = f"{GROUP}/providers/Microsoft.Compute/images/image"
NEW = (*HERE, "--image", IMAGE, "--admin-username", "me", "--admin-password", "Correct-Horse-1")
DEPLOYED = "[?starts_with(name, 'vm_deploy_')].properties.provisioningState"


@scenario("create with [system], --role and --scope, and the identity holds the role")
def with_role():
    image("az-vm-create", IMAGE)
    made = az("vm", "create", *NEW, "--name", "vm1", "--assign-identity", "--role", "Reader", "--scope", GROUP)
    principal = made["identity"]["systemAssignedIdentity"]
    assert uuid.UUID(principal), made
    equal((made["powerState"], made["identity"]["role"], made["identity"]["scope"]), ("VM running", "Reader", GROUP))
    given, = [item for item in az("role", "assignment", "list", "--scope", GROUP) if item["principalId"] == principal]
    equal((given["roleDefinitionName"], given["scope"]), ("Reader", GROUP))
    equal(az("deployment", "group", "list", *HERE, "--query", DEPLOYED), ["Succeeded"])
    equal(az("vm", "identity", "show", *HERE, "--name", "vm1")["principalId"], principal)


@scenario("--validate makes nothing", ALL)
def validated():
    answer = az("vm", "create", *NEW, "--name", "vm2", "--validate")
    same(answer["properties"]["provisioningState"], "Succeeded")
    refused("ResourceNotFound", "vm", "show", *HERE, "--name", "vm2", code=3)


@scenario("create with user-assigned identities, by name and by id, and [system]", ALL)
def with_users():
    ids = [az("identity", "create", *HERE, "--name", name)["id"] for name in ("ida", "idb")]
    made = az("vm", "create", *NEW, "--name", "vm3", "--assign-identity", "[system]", "ida", ids[1])
    assert uuid.UUID(made["identity"]["systemAssignedIdentity"]), made
    equal(users(made["identity"]), ["ida", "idb"])


@scenario("an identity that is not there is named, and the machine is not made")
def refusals():
    nowhere = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/none"
    refused("FailedIdentityOperation", "vm", "create", *NEW, "--name", "vm4", "--assign-identity", nowhere)
    if ALL:
        refused("ResourceNotFound", "vm", "show", *HERE, "--name", "vm4", code=3)
        states = az("deployment", "group", "list", *HERE, "--query", DEPLOYED)
        equal(sorted(states), ["Failed", "Succeeded", "Succeeded"])
