"""Scale sets that exist, uniform. Follows azure-cli's `test_vmss_create_and_modify`, `test_vmss_scale_in_policy`, `test_vmss_explicit_msi`, `test_vmss_update_instances`
and `test_vmss_get_instance_view`. The image is a resource of the group; extensions are in
vmss_extension.py."""

import uuid

from scenarios import scenario
from support import ALL, GROUPS, az, equal, image, names, refused, users

GROUP = f"{GROUPS}/az-vmss"
HERE = ("--resource-group", "az-vmss")
SET = (*HERE, "--name", "set")
IMAGE = f"{GROUP}/providers/Microsoft.Compute/images/image"


def numbers():
    return [item["instanceId"] for item in az("vmss", "list-instances", *SET)]


def power(number):
    return [status["code"] for status in az("vmss", "get-instance-view", *SET, "--instance-id", number)["statuses"] if status["code"].startswith("Power")]


@scenario("create, list-instances, show and get-instance-view of one and of all", ALL)
def created():
    image("az-vmss", IMAGE)
    az("vmss", "create", *SET, "--image", IMAGE, "--orchestration-mode", "Uniform", "--instance-count", "2", "--upgrade-policy-mode", "Manual",
       "--admin-username", "me", "--admin-password", "Correct-Horse-1")
    equal(numbers(), ["0", "1"])
    equal(az("vmss", "show", *SET, "--instance-id", "0")["name"], "set_0")
    equal(power("0"), ["PowerState/running"])
    assert len(az("vmss", "get-instance-view", *SET, "--instance-id", "*")) == 2
    counted = az("vmss", "get-instance-view", *SET)["virtualMachine"]["statusesSummary"]
    assert {"code": "ProvisioningState/succeeded", "count": 2} in counted, counted
    equal(names(az("vmss", "list", *HERE)), ["set"])


@scenario("identity assign, show and remove, of the set's own and of explicit ones; a second remove changes nothing", ALL)
def identities():
    az("identity", "create", *HERE, "--name", "ida")
    made = az("vmss", "identity", "assign", *SET, "--identities", "[system]", "ida")
    assert uuid.UUID(made["systemAssignedIdentity"]), made
    shown = az("vmss", "identity", "show", *SET)
    equal((shown["type"], shown["principalId"], users(shown)), ("SystemAssigned, UserAssigned", made["systemAssignedIdentity"], ["ida"]))
    az("vmss", "identity", "assign", *SET, "--role", "Reader", "--scope", GROUP)
    given = [item["roleDefinitionName"] for item in az("role", "assignment", "list", "--scope", GROUP) if item["principalId"] == shown["principalId"]]
    equal(given, ["Reader"])
    for _ in range(2):
        az("vmss", "identity", "remove", *SET)
        left = az("vmss", "identity", "show", *SET)
        equal((left["type"], users(left)), ("UserAssigned", ["ida"]))
    az("vmss", "identity", "remove", *SET, "--identities", "ida")
    for _ in range(2):
        assert not az("vmss", "identity", "show", *SET), "an identity is left"
        az("vmss", "identity", "remove", *SET)


@scenario("scale up and down; update, and update-instances brings them to the model", ALL)
def scaled():
    az("vmss", "scale", *SET, "--new-capacity", "3")
    equal(numbers(), ["0", "1", "2"])
    az("vmss", "update", *SET, "--set", "sku.name=Standard_D4s_v5", "tags.a=b")
    equal([item["latestModelApplied"] for item in az("vmss", "list-instances", *SET)], [False] * 3)
    az("vmss", "update-instances", *SET, "--instance-ids", "1")
    equal([item["latestModelApplied"] for item in az("vmss", "list-instances", *SET)], [False, True, False])
    az("vmss", "update-instances", *SET, "--instance-ids", "*")
    equal([item["latestModelApplied"] for item in az("vmss", "list-instances", *SET)], [True] * 3)
    az("vmss", "scale", *SET, "--new-capacity", "1")
    equal(numbers(), ["0"])
    refused("InvalidParameter", "vmss", "update-instances", *SET, "--instance-ids", "7")


@scenario("stop, start, deallocate, restart, reimage, of one and of all", ALL)
def switched():
    az("vmss", "scale", *SET, "--new-capacity", "2")
    first, second = numbers()
    az("vmss", "stop", *SET, "--instance-ids", first)
    equal((power(first), power(second)), (["PowerState/stopped"], ["PowerState/running"]))
    az("vmss", "start", *SET)
    equal(power(first), ["PowerState/running"])
    az("vmss", "deallocate", *SET)
    equal(power(second), ["PowerState/deallocated"])
    az("vmss", "start", *SET, "--instance-ids", first, second)
    az("vmss", "restart", *SET, "--instance-ids", second)
    az("vmss", "reimage", *SET, "--instance-ids", first)
    equal((power(first), power(second)), (["PowerState/running"],) * 2)


@scenario("delete-instances, delete", ALL)
def deleted():
    first, second = numbers()
    az("vmss", "delete-instances", *SET, "--instance-ids", first)
    equal(numbers(), [second])
    az("vmss", "delete", *SET)
    refused("ResourceNotFound", "vmss", "show", *SET, code=3)
    equal(az("vmss", "list", *HERE), [])
    az("group", "delete", "--name", "az-vmss", "--yes", "--no-wait")
