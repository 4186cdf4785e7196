"""Identities of a machine that exists. Follows azure-cli's `test_vm_explicit_msi`, and of `test_vm_msi` what comes after `vm create`
(vm_create.py has that)."""

import uuid

from scenarios import scenario
from support import ALL, GROUPS, az, equal, group, machine, refused, same, token_of, users, claims

HERE = ("--resource-group", "az-vm-identity")
VM = (*HERE, "--name", "vm-identity")
GROUP = f"{GROUPS}/az-vm-identity"


def show():
    return az("vm", "identity", "show", *VM)


@scenario("assign [system] and explicit ones, show")
def assigned():
    group("az-vm-identity")
    az("identity", "create", *HERE, "--name", "ida")
    az("identity", "create", *HERE, "--name", "idb")
    machine("az-vm-identity", "vm-identity")
    made = az("vm", "identity", "assign", *VM, "--identities", "[system]", "ida")
    assert uuid.UUID(made["systemAssignedIdentity"]), made
    equal(users(made), ["ida"])
    shown = show()
    equal((shown["type"], shown["principalId"], users(shown)), ("SystemAssigned, UserAssigned", made["systemAssignedIdentity"], ["ida"]))
    if ALL:
        added = az("vm", "identity", "assign", *VM, "--identities", "idb")
        equal((added["systemAssignedIdentity"], users(added)), (made["systemAssignedIdentity"], ["ida", "idb"]))
        listed, = az("resource", "list", "--name", "vm-identity")
        equal(listed["identity"]["principalId"], shown["principalId"])
        refused("FailedIdentityOperation", "vm", "identity", "assign", *VM, "--identities", "none")
        equal(show(), az("vm", "show", *VM)["identity"])


@scenario("assign with --role and --scope, and the machine may do at once what the role grants", ALL)
def with_role():
    az("vm", "identity", "assign", *VM, "--role", "Reader", "--scope", GROUP)
    principal = show()["principalId"]
    given, = [item for item in az("role", "assignment", "list", "--scope", GROUP) if item["principalId"] == principal]
    equal((given["roleDefinitionName"], given["scope"]), ("Reader", GROUP))
    token = token_of("vm-identity")
    equal(claims(token)["oid"], principal)
    read = az("rest", "--url", f"{GROUP}?api-version=2022-09-01", "--skip-authorization-header", "--headers", f"Authorization=Bearer {token}")
    same(read["id"], GROUP)


@scenario("remove explicit ones, then [system]; a second remove changes nothing")
def removed():
    if ALL:
        az("vm", "identity", "remove", *VM, "--identities", "ida")
        left = show()
        equal((left["type"], users(left)), ("SystemAssigned, UserAssigned", ["idb"]))
        refused("are not associated with", "vm", "identity", "remove", *VM, "--identities", "ida")
        equal(show(), left)
        az("vm", "identity", "remove", *VM, "--identities", "[system]")
        left = show()
        equal((left["type"], left.get("principalId"), users(left)), ("UserAssigned", None, ["idb"]))
    az("vm", "identity", "remove", *VM)
    if ALL:
        az("vm", "identity", "remove", *VM)
        equal(show(), left)
    az("vm", "identity", "remove", *VM, "--identities", "idb" if ALL else "ida")
    equal(show(), None)
    if ALL:
        az("vm", "identity", "remove", *VM)
        equal(show(), None)


@scenario("the identity of before does not come back with the next one", ALL)
def another():
    first = az("vm", "identity", "assign", *VM)["systemAssignedIdentity"]
    az("vm", "identity", "remove", *VM)
    assert az("vm", "identity", "assign", *VM)["systemAssignedIdentity"] != first


@scenario("vm update keeps identities; --set and --remove of tags.fixVM", ALL)
def updated():
    before = show()
    equal(az("vm", "update", *VM, "--set", "tags.fixVM=1", "--force-string")["tags"], {"fixVM": "1"})
    equal(show(), before)
    equal(az("vm", "update", *VM, "--remove", "tags.fixVM")["tags"], {})
    equal(show(), before)
    az("group", "delete", "--name", "az-vm-identity", "--yes", "--no-wait")
