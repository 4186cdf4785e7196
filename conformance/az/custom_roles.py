"""Role definitions. Follows azure-cli's `test_built_in_role_definition_scenario`, `test_custom_role_definition_scenario` and
`test_role_create_scenario`."""

import json

from scenarios import scenario
from support import ALL, GROUPS, SUBSCRIPTION, az, equal, group, refused

HERE = ("--resource-group", "az-custom-roles")
GROUP = f"{GROUPS}/az-custom-roles"
START = "Microsoft.Compute/virtualMachines/start/action"
WANTED = {"Name": "Starter", "Description": "Starts machines", "Actions": [START], "AssignableScopes": [GROUP]}


@scenario("a built-in role by name and by id")
def built_in():
    reader, = az("role", "definition", "list", "--name", "Reader")
    equal((reader["roleName"], reader["name"], reader["roleType"]), ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7", "BuiltInRole"))
    if ALL:
        shown = az("role", "definition", "show", "--scope", f"/subscriptions/{SUBSCRIPTION}", "--name", reader["name"])
        equal(shown["roleName"], "Reader")
        assert len(az("role", "definition", "list")) > 300
        equal(az("role", "definition", "list", "--name", "No such role"), [])


@scenario("a custom role, create, list, update, delete")
def custom():
    group("az-custom-roles")
    made = az("role", "definition", "create", "--role-definition", json.dumps(WANTED))
    equal((made["roleName"], made["roleType"], made["assignableScopes"]), ("Starter", "CustomRole", [GROUP]))
    found, = az("role", "definition", "list", *HERE, "--custom-role-only")
    equal(found["permissions"][0]["actions"], WANTED["Actions"])
    if ALL:
        found["description"] = "Starts and stops machines"
        found["permissions"][0]["actions"].append("Microsoft.Compute/virtualMachines/powerOff/action")
        updated = az("role", "definition", "update", "--role-definition", json.dumps(found))
        equal((updated["name"], updated["description"], len(updated["permissions"][0]["actions"])), (found["name"], found["description"], 2))


@scenario("data actions of a custom role", ALL)
def data_actions():
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
    wanted = {"Name": "Blobs", "Description": "All but writing", "Actions": ["Microsoft.Storage/*/read"], "DataActions": [f"{blobs}/*"],
              "NotDataActions": [f"{blobs}/write"], "AssignableScopes": [f"/subscriptions/{SUBSCRIPTION}"]}
    made = az("role", "definition", "create", "--role-definition", json.dumps(wanted))
    permission, = made["permissions"]
    equal((permission["dataActions"], permission["notDataActions"]), (wanted["DataActions"], wanted["NotDataActions"]))
    az("role", "definition", "delete", "--name", "Blobs")
    equal(az("role", "definition", "list", "--name", "Blobs"), [])


@scenario("refused are no such action, a name that is taken, a role in use", ALL)
def refusals():
    refused("ActionOrNotAction", "role", "definition", "create", "--role-definition", json.dumps(WANTED | {"Name": "Bad", "Actions": ["Nonsense"]}))
    refused("RoleDefinitionWithSameNameExists", "role", "definition", "create", "--role-definition", json.dumps(WANTED))
    az("identity", "create", *HERE, "--name", "ida")
    client = az("identity", "show", *HERE, "--name", "ida")["clientId"]
    az("role", "assignment", "create", "--assignee", client, "--role", "Starter", "--scope", GROUP)
    refused("RoleDefinitionHasAssignments", "role", "definition", "delete", "--name", "Starter", *HERE)
    az("role", "assignment", "delete", "--assignee", client, "--role", "Starter", "--scope", GROUP)


@scenario("a custom role deleted is gone, and deleted again nothing happens")
def deleted():
    az("role", "definition", "delete", "--name", "Starter", *HERE)
    equal(az("role", "definition", "list", *HERE, "--custom-role-only"), [])
    if ALL:
        az("role", "definition", "delete", "--name", "Starter", *HERE)
    az("group", "delete", "--name", "az-custom-roles", "--yes", "--no-wait")
