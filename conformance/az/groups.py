"""Resource groups. Follows azure-cli's `test_resource_group`."""

from scenarios import scenario
from support import ALL, GROUPS, az, equal, group, machine, names, refused, same

HERE = ("--name", "az-groups")


@scenario("create, update, show, list --tag, exists")
def made():
    created = az("group", "create", *HERE, "--location", "westeurope", "--tags", "who=groups")
    equal((created["id"], created["location"], created["tags"], created["properties"]["provisioningState"]),
          (f"{GROUPS}/az-groups", "westeurope", {"who": "groups"}, "Succeeded"))
    equal(az("group", "update", *HERE, "--set", "tags.more=yes")["tags"], {"who": "groups", "more": "yes"})
    equal(names(az("group", "list", "--tag", "more=yes")), ["az-groups"])
    if ALL:
        equal(names(az("group", "list", "--tag", "who")), ["az-groups"])
        equal(names(az("group", "list", "--tag", "who=others")), [])
        equal(az("group", "update", *HERE, "--tags", "who=groups")["tags"], {"who": "groups"})
        same(az("group", "show", "--name", "AZ-Groups")["id"], created["id"])
        equal((az("group", "exists", *HERE), az("group", "exists", "--name", "none")), (True, False))
        assert {"az-groups", "demo"} <= set(names(az("group", "list")))
        az("group", "wait", *HERE, "--created")


@scenario("what is not there, a place that another group has, a name that none may have")
def refusals():
    refused("ResourceGroupNotFound", "group", "show", "--name", "none", code=3)
    if ALL:
        refused("ResourceGroupNotFound", "group", "delete", "--name", "none", "--yes", code=3)
        refused("InvalidResourceGroupLocation", "group", "create", *HERE, "--location", "northeurope")
        refused("LocationNotAvailableForResourceGroup", "group", "create", "--name", "az-nowhere", "--location", "nowhere")
        refused("InvalidRequestUri", "group", "create", "--name", "az-groups.", "--location", "westeurope")


@scenario("delete, with what is in it")
def deleted():
    if ALL:
        machine("az-groups")
        az("identity", "create", "--resource-group", "az-groups", "--name", "ida")
    az("group", "delete", *HERE, "--yes")
    equal(az("group", "exists", *HERE), False)
    if ALL:
        group("az-groups")
        equal(az("resource", "list", "--resource-group", "az-groups"), [])
        az("group", "delete", *HERE, "--yes", "--no-wait")
        az("group", "wait", *HERE, "--deleted", "--interval", "1")
