"""Resources of any type. Follows azure-cli's `test_resource_scenario` and `test_resource_create_and_show`."""

import json

from scenarios import scenario
from support import ALL, GROUPS, MACHINES, az, equal, group, machine, names, refused, same

HERE = ("--resource-group", "az-resource")
VM = (*HERE, "--name", "vm-resource", "--resource-type", MACHINES)
SITE = (*HERE, "--name", "site-resource", "--resource-type", "Microsoft.Web/sites")
ID = f"{GROUPS}/az-resource/providers/{MACHINES}/vm-resource"


@scenario("create, show, list, tag")
def made():
    group("az-resource")
    same(machine("az-resource", "vm-resource"), ID)
    same(az("resource", "show", *VM)["id"], ID)
    equal(az("resource", "tag", "--ids", ID, "--tags", "by=resource")["tags"], {"by": "resource"})
    equal(names(az("resource", "list", "--tag", "by=resource")), ["vm-resource"])
    if ALL:
        equal(az("resource", "tag", "--ids", ID, "--tags", "more=yes", "--is-incremental")["tags"], {"by": "resource", "more": "yes"})
        equal(az("resource", "tag", *VM, "--tags", "by=resource")["tags"], {"by": "resource"})


@scenario("create from properties alone, update, patch", ALL)
def other_types():
    made = az("resource", "create", *SITE, "--properties", json.dumps({"enabled": True}))
    equal((made["location"], made["properties"]["enabled"]), ("westeurope", True))
    changed = az("resource", "update", *SITE, "--set", "properties.httpsOnly=true", "tags.a=b")
    equal((changed["properties"]["enabled"], changed["properties"]["httpsOnly"], changed["tags"]), (True, True, {"a": "b"}))
    patched = az("resource", "patch", "--ids", made["id"], "--is-full-object", "--properties", json.dumps({"tags": {"z": "1"}}))
    equal(patched["tags"], {"z": "1"})
    az("resource", "wait", "--ids", made["id"], "--exists")


@scenario("list by name, type, group and place")
def listed():
    item, = az("resource", "list", "--name", "vm-resource")
    same(item["id"], ID)
    if ALL:
        equal(names(az("resource", "list", *HERE)), ["site-resource", "vm-resource"])
        equal(names(az("resource", "list", *HERE, "--resource-type", "Microsoft.Web/sites")), ["site-resource"])
        assert "vm-resource" in names(az("resource", "list", "--resource-type", MACHINES))
        assert "vm-resource" in names(az("resource", "list", "--location", "westeurope"))
        equal(az("resource", "list", *HERE, "--location", "northeurope"), [])
        refused("ResourceGroupNotFound", "resource", "list", "--resource-group", "none", code=3)


@scenario("invoke-action of a machine", ALL)
def actions():
    az("resource", "invoke-action", "--action", "start", "--ids", ID)
    refused("InvalidResourceAction", "resource", "invoke-action", "--action", "dance", "--ids", ID, code=3)


@scenario("what is not there, delete")
def deleted():
    refused("ResourceNotFound", "resource", "show", *HERE, "--name", "none", "--resource-type", MACHINES, code=3)
    if ALL:
        refused("InvalidResourceNamespace", "resource", "create", *HERE, "--name", "x", "--resource-type", "Microsoft.Nope/things",
                "--properties", "{}", code=3)
        az("resource", "delete", *SITE)
        refused("ResourceNotFound", "resource", "show", *SITE, code=3)
        az("resource", "delete", "--ids", ID)
        equal(az("resource", "list", *HERE), [])
    az("group", "delete", "--name", "az-resource", "--yes", "--no-wait")
