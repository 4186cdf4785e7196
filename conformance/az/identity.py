"""User-assigned identities. Follows azure-cli's `test_identity_management`."""

import uuid

from scenarios import scenario
from support import ALL, TENANT, az, equal, group, machine, names, refused, same

HERE = ("--resource-group", "az-identity")
IDA = (*HERE, "--name", "ida")


@scenario("create, show, list, list-resources")
def made():
    group("az-identity")
    created = az("identity", "create", *IDA, "--tags", "a=b")
    equal((created["name"], created["tenantId"], created["location"], created["tags"]), ("ida", TENANT, "westeurope", {"a": "b"}))
    assert uuid.UUID(created["clientId"]) != uuid.UUID(created["principalId"])
    shown = az("identity", "show", *IDA)
    equal((shown["clientId"], shown["principalId"]), (created["clientId"], created["principalId"]))
    az("identity", "create", *HERE, "--name", "idb")
    equal(names(az("identity", "list", *HERE)), ["ida", "idb"])
    if ALL:
        assert {"ida", "idb", "demo-user"} <= set(names(az("identity", "list")))
        same(az("identity", "show", "--ids", created["id"])["id"], created["id"])
        equal(az("identity", "list-resources", *IDA), [])
        vm = machine("az-identity")
        az("vm", "identity", "assign", "--ids", vm, "--identities", "ida", "idb")
        resources = az("identity", "list-resources", *IDA)
        equal([item["name"] for item in resources], ["vm"])


@scenario("list-operations", ALL)
def operations():
    listed = set(names(az("identity", "list-operations")))
    assert "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action" in listed, listed


@scenario("create again and update keep the principal", ALL)
def again():
    before = az("identity", "show", *IDA)
    repeated = az("identity", "create", *IDA, "--tags", "a=c")
    equal((repeated["principalId"], repeated["clientId"], repeated["tags"]), (before["principalId"], before["clientId"], {"a": "c"}))
    updated = az("identity", "update", *IDA, "--tags", "c=d")
    equal((updated["principalId"], updated["tags"]["c"]), (before["principalId"], "d"))


@scenario("delete, and delete of what is gone")
def deleted():
    before = az("identity", "show", *IDA)
    az("identity", "delete", *IDA)
    if ALL:
        az("identity", "delete", *IDA)
        refused("ResourceNotFound", "identity", "show", *IDA, code=3)
        # The principal goes with it, and one that is made under the name is another.
        refused("", "ad", "sp", "show", "--id", before["clientId"], code=3)
        assert az("identity", "create", *IDA)["principalId"] != before["principalId"]
    az("group", "delete", "--name", "az-identity", "--yes", "--no-wait")
