"""Locks. Follows azure-cli's `test_group_lock_commands`, `test_cannotdelete_resource_group_lock`, `test_cannotdelete_resource_lock`,
`test_lock_commands_with_ids` and `test_list_locks`."""

from scenarios import scenario
from support import ALL, MACHINES, az, equal, group, machine, names, refused, same

HERE = ("--resource-group", "az-locks")
ON_VM = (*HERE, "--resource", "vm-locks", "--resource-type", MACHINES)


@scenario("create, list, a delete that it refuses, delete")
def of_a_group():
    group("az-locks")
    az("identity", "create", *HERE, "--name", "ida")
    made = az("lock", "create", *HERE, "--name", "keep", "--lock-type", "CanNotDelete", "--notes", "in use")
    equal((made["name"], made["level"], made["notes"]), ("keep", "CanNotDelete", "in use"))
    refused("ScopeLocked", "identity", "delete", *HERE, "--name", "ida")
    equal(names(az("lock", "list", *HERE)), ["keep"])
    if ALL:
        equal(az("lock", "show", *HERE, "--name", "keep")["id"], made["id"])
        same(az("lock", "show", "--ids", made["id"])["id"], made["id"])
        equal(az("group", "lock", "list", *HERE)[0]["id"], made["id"])
        refused("ScopeLocked", "group", "delete", "--name", "az-locks", "--yes")
        assert "keep" in names(az("lock", "list"))
    az("lock", "delete", *HERE, "--name", "keep")


@scenario("ReadOnly refuses what changes, and lets read", ALL)
def read_only():
    machine("az-locks", "vm-locks")
    az("lock", "create", *HERE, "--name", "keep", "--lock-type", "CanNotDelete")
    equal(az("lock", "update", *HERE, "--name", "keep", "--lock-type", "ReadOnly")["level"], "ReadOnly")
    refused("ScopeLocked", "vm", "deallocate", *HERE, "--name", "vm-locks")
    refused("ScopeLocked", "vm", "identity", "assign", *HERE, "--name", "vm-locks")
    refused("ScopeLocked", "vm", "update", *HERE, "--name", "vm-locks", "--set", "tags.a=b")
    equal(az("vm", "show", *HERE, "--name", "vm-locks")["tags"], {})
    az("lock", "delete", *HERE, "--name", "keep")
    az("vm", "deallocate", *HERE, "--name", "vm-locks")


@scenario("of one resource, that alone is kept", ALL)
def of_a_resource():
    az("resource", "lock", "create", *ON_VM, "--name", "vm-lock", "--lock-type", "CanNotDelete")
    equal(names(az("lock", "list", *ON_VM)), ["vm-lock"])
    equal(names(az("lock", "list", *HERE)), ["vm-lock"])
    refused("ScopeLocked", "vm", "delete", *HERE, "--name", "vm-locks", "--yes")
    az("identity", "delete", *HERE, "--name", "ida")
    refused("ScopeLocked", "group", "delete", "--name", "az-locks", "--yes")
    az("lock", "delete", *ON_VM, "--name", "vm-lock")
    az("lock", "delete", *ON_VM, "--name", "vm-lock")
    equal(az("lock", "list", *HERE), [])


@scenario("what was locked goes once the lock is gone")
def unlocked():
    az("group", "delete", "--name", "az-locks", "--yes")
