"""Machines, on and off. Follows azure-cli's `test_vm_create_state_modifications`, without its `vm create`."""

from scenarios import scenario
from support import ALL, az, equal, group, machine, names, refused

HERE = ("--resource-group", "az-power")
VM = (*HERE, "--name", "vm-power")


def power():
    return az("vm", "get-instance-view", *VM)["instanceView"]["statuses"][1]["displayStatus"]


@scenario("vm show, list, update, wait")
def machines():
    group("az-power")
    machine("az-power", "vm-power")
    shown = az("vm", "show", *VM)
    equal((shown["name"], shown["location"], shown["provisioningState"]), ("vm-power", "westeurope", "Succeeded"))
    equal(names(az("vm", "list", *HERE)), ["vm-power"])
    if ALL:
        assert {"demo", "vm-power"} <= set(names(az("vm", "list")))
        assert {"demo", "vm-power"} <= set(names(az("vm", "list", "--show-details")))
        equal(az("vm", "update", *VM, "--set", "tags.set=abc")["tags"]["set"], "abc")
        az("vm", "resize", *VM, "--size", "Standard_D4s_v5")
        equal(az("vm", "show", *VM)["hardwareProfile"]["vmSize"], "Standard_D4s_v5")
        for state in ("--created", "--updated", "--exists"):
            az("vm", "wait", *VM, state)
        refused("ResourceNotFound", "vm", "show", *HERE, "--name", "none", code=3)


@scenario("stop, start, restart, deallocate, and the power state between them")
def states():
    equal(power(), "VM running")
    az("vm", "stop", *VM)
    equal(power(), "VM stopped")
    refused("OperationNotAllowed", "vm", "restart", *VM)
    az("vm", "start", *VM)
    if ALL:
        equal(power(), "VM running")
        az("vm", "restart", *VM)
        equal(power(), "VM running")
    az("vm", "deallocate", *VM)
    equal(az("vm", "show", *VM, "--show-details")["powerState"], "VM deallocated")
    if ALL:
        az("vm", "start", *VM)
        equal(az("vm", "list", *HERE, "--show-details")[0]["powerState"], "VM running")
        refused("ResourceNotFound", "vm", "start", *HERE, "--name", "none", code=3)


@scenario("simulate-eviction of a Spot machine, and of no other", ALL)
def evicted():
    refused("OperationNotAllowed", "vm", "simulate-eviction", *VM)
    az("vm", "update", *VM, "--set", "priority=Spot", "evictionPolicy=Deallocate")
    az("vm", "simulate-eviction", *VM)
    equal(power(), "VM deallocated")
    az("vm", "start", *VM)


@scenario("vm delete, and of one that is gone", ALL)
def deleted():
    az("vm", "delete", *VM, "--yes")
    az("vm", "delete", *VM, "--yes")
    equal(az("vm", "list", *HERE), [])
    az("group", "delete", "--name", "az-power", "--yes", "--no-wait")
