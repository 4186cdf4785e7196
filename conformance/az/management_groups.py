"""Management groups. Follows azure-cli's `test_create_managementgroup`, `test_create_managementgroup_with_displayname_and_parentid`,
`test_list_managementgroups`, `test_add_remove_subscription_under_mg`, `test_create_delete_group_managementgroup` and `test_role_assignment_mgmt_grp`."""

from scenarios import scenario
from support import ALL, SUBSCRIPTION, TENANT, az, equal, names, refused

GROUP = ("account", "management-group")
NO = "--no-register"


@scenario("create, show, list, delete", ALL)
def made():
    top = az(*GROUP, "create", "--name", "az-top", "--display-name", "Top", NO)
    equal((top["name"], top["displayName"]), ("az-top", "Top"))
    az(*GROUP, "create", "--name", "az-below", "--parent", "az-top", NO)
    shown = az(*GROUP, "show", "--name", "az-below", NO)
    equal(shown["details"]["parent"]["name"], "az-top")
    assert {"az-top", "az-below"} <= set(names(az(*GROUP, "list", NO)))


@scenario("a subscription below one inherits what is assigned there", ALL)
def subscriptions():
    az(*GROUP, "subscription", "add", "--name", "az-below", "--subscription", SUBSCRIPTION)
    children = az(*GROUP, "show", "--name", "az-below", "--expand", NO)["children"]
    equal([child["name"] for child in children], [SUBSCRIPTION])
    refused("", *GROUP, "delete", "--name", "az-below", NO)
    az(*GROUP, "subscription", "remove", "--name", "az-below", "--subscription", SUBSCRIPTION)
    az(*GROUP, "delete", "--name", "az-below", NO)
    az(*GROUP, "delete", "--name", "az-top", NO)


@scenario("hierarchy settings and backfill", ALL)
def settings():
    of = (*GROUP, "hierarchy-settings")
    equal(az(*of, "list", "--name", TENANT)["value"], [])
    az(*GROUP, "create", "--name", "az-new", NO)
    default = "/providers/Microsoft.Management/managementGroups/az-new"
    made = az(*of, "create", "--name", TENANT, "--require-authorization-for-group-creation", "true",
              "--default-management-group", default)
    equal((made["requireAuthorizationForGroupCreation"], made["defaultManagementGroup"]), (True, default))
    root = default.replace("az-new", TENANT)
    equal(az(*of, "update", "--name", TENANT, "--default-management-group", root)["defaultManagementGroup"], root)
    equal(len(az(*of, "list", "--name", TENANT)["value"]), 1)
    refused("BadRequest", *of, "create", "--name", "az-new", "--default-management-group", default)
    az(*of, "delete", "--name", TENANT, "--yes")
    az(*GROUP, "delete", "--name", "az-new", NO)
    equal(az(*GROUP, "tenant-backfill", "get")["status"], "Completed")
    equal(az(*GROUP, "tenant-backfill", "start")["status"], "Completed")
