"""Tags. Follows azure-cli's `test_tag_scenario` (names of a subscription's tags) and `test_tag_update_by_patch` (tags of a group and a resource)."""

from scenarios import scenario
from support import ALL, az, equal, group, machine, names, refused

HERE = ("--resource-group", "az-tags")


def shown(resource):
    return az("tag", "list", "--resource-id", resource)["properties"]["tags"]


@scenario("of a group and a resource, create, merge, replace, delete")
def of_a_resource():
    scope = group("az-tags")
    az("tag", "create", "--resource-id", scope, "--tags", "a=b", "c=d")
    equal(shown(scope), {"a": "b", "c": "d"})
    if ALL:
        vm = machine("az-tags", "vm-tags")
        for resource in (scope, vm):
            az("tag", "create", "--resource-id", resource, "--tags", "a=b", "c=d")
            changed = az("tag", "update", "--resource-id", resource, "--operation", "Merge", "--tags", "c=e", "f=g")
            equal(changed["properties"]["tags"], {"a": "b", "c": "e", "f": "g"})
            az("tag", "update", "--resource-id", resource, "--operation", "Delete", "--tags", "a=b")
            equal(shown(resource), {"c": "e", "f": "g"})
            az("tag", "update", "--resource-id", resource, "--operation", "Replace", "--tags", "h=i")
            equal(shown(resource), {"h": "i"})
        equal(az("vm", "show", "--ids", vm)["tags"], {"h": "i"})
        equal(names(az("resource", "list", "--tag", "h=i")), ["vm-tags"])
        equal(az("group", "show", "--name", "az-tags")["tags"], {"h": "i"})
        az("tag", "delete", "--resource-id", vm, "--yes")
        equal(az("vm", "show", "--ids", vm)["tags"], {})


@scenario("of the subscription, names and values", ALL)
def names_of_tags():
    az("tag", "create", "--name", "az-cost")
    az("tag", "add-value", "--name", "az-cost", "--value", "low")
    found, = [item for item in az("tag", "list") if item["tagName"] == "az-cost"]
    equal([value["tagValue"] for value in found["values"]], ["low"])
    az("tag", "remove-value", "--name", "az-cost", "--value", "low")
    az("tag", "delete", "--name", "az-cost", "--yes")
    equal([item for item in az("tag", "list") if item["tagName"] == "az-cost"], [])


@scenario("what has no resource has no tags")
def refusals():
    refused("NotFound", "tag", "list", "--resource-id", az("group", "show", "--name", "az-tags")["id"] + "x", code=3)
    az("group", "delete", "--name", "az-tags", "--yes", "--no-wait")
