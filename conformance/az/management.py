"""The Azure CLI as the operator. The cloud is registered from its metadata document, as in a shell without our variables."""

import json
import os
import uuid

from support import (
    ALL, ARM, DEMO, GRAPH, INFO, LOGIN, NOBODY, OPERATOR, SUBSCRIPTION, TENANT,
    az, by_certificate, claims, equal, names, refused, run, same, scenario,
)

# It names the cloud, and would go before the registered one.
del os.environ["ARM_CLOUD_METADATA_URL"]

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/az"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm"
HERE = ("--resource-group", "az")
VM = (*HERE, "--name", "vm")
# The API that `up` registers.
API = "api://conformance"
SECRET_FILE = INFO["operator"]["secretFile"]


# The cloud and the sign-in


@scenario("cloud register from the resource manager's address, set, show")
def cloud():
    az("cloud", "register", "--name", "Here", "--endpoint-resource-manager", ARM)
    az("cloud", "set", "--name", "Here")
    shown = az("cloud", "show")
    equal((shown["name"], shown["isActive"]), ("Here", True))
    endpoints = {name: (address or "").rstrip("/") for name, address in shown["endpoints"].items()}
    equal((endpoints["resourceManager"], endpoints["activeDirectory"], endpoints["microsoftGraphResourceId"]), (ARM, LOGIN, GRAPH))


@scenario("login --service-principal with a wrong secret, of an unknown application")
def wrong_sign_in():
    login = ("login", "--service-principal", "--tenant", TENANT)
    refused("AADSTS7000215", *login, "--username", OPERATOR, "--password", "wrong")
    if ALL:
        refused("AADSTS700016", *login, "--username", NOBODY, "--password", "wrong")
        refused("AADSTS700016", *login, "--username", NOBODY, "--certificate", INFO["operator"]["certificateFile"])
        refused("Unable to get authority configuration", "login", "--service-principal", "--tenant", NOBODY, "--username", OPERATOR, "--password", "wrong")


@scenario("login --service-principal with the secret, account show, logout")
def by_secret():
    account, = az("login", "--service-principal", "--username", OPERATOR, f"--password=@{SECRET_FILE}", "--tenant", TENANT)
    equal((account["id"], account["tenantId"], account["state"], account["cloudName"]), (SUBSCRIPTION, TENANT, "Enabled", "Here"))
    shown = az("account", "show")
    equal(shown["user"], {"name": OPERATOR, "type": "servicePrincipal"})
    az("logout")
    refused("az login", "account", "show")


@scenario("login --service-principal with the certificate by x5c", ALL)
def by_chain():
    by_certificate("--use-cert-sn-issuer")
    equal(claims(az("account", "get-access-token")["accessToken"])["appid"], OPERATOR)
    az("logout")


@scenario("login --service-principal with the certificate, account list")
def signed_in():
    by_certificate()
    equal([account["id"] for account in az("account", "list")], [SUBSCRIPTION])
    if ALL:
        az("account", "set", "--subscription", SUBSCRIPTION)
        assert "westeurope" in names(az("account", "list-locations"))


@scenario("account get-access-token, by default and for another resource")
def tokens():
    token = az("account", "get-access-token")
    said = claims(token["accessToken"])
    equal((said["appid"], said["tid"], token["tenant"], token["subscription"]), (OPERATOR, TENANT, TENANT, SUBSCRIPTION))
    assert abs(token["expires_on"] - said["exp"]) <= 5, f"{token['expires_on']} is not {said['exp']}"
    vault = az("account", "get-access-token", "--resource", "https://vault.azure.net")
    equal(claims(vault["accessToken"])["aud"], "https://vault.azure.net")
    refused("AADSTS500011", "account", "get-access-token", "--resource", "https://nobody.example")


# Groups and resources


@scenario("group create, update, show, list --tag, exists")
def groups():
    made = az("group", "create", "--name", "az", "--location", "westeurope", "--tags", "who=az")
    equal((made["id"], made["location"], made["tags"], made["properties"]["provisioningState"]), (GROUP, "westeurope", {"who": "az"}, "Succeeded"))
    equal(az("group", "update", "--name", "az", "--set", "tags.more=yes")["tags"], {"who": "az", "more": "yes"})
    equal(names(az("group", "list", "--tag", "more=yes")), ["az"])
    if ALL:
        equal(az("group", "show", "--name", "AZ")["id"], GROUP)
        equal((az("group", "exists", "--name", "az"), az("group", "exists", "--name", "none")), (True, False))
        assert {"az", "demo"} <= set(names(az("group", "list")))
    refused("ResourceGroupNotFound", "group", "show", "--name", "none", code=3)


@scenario("identity create, show, list, delete")
def identities():
    made = az("identity", "create", *HERE, "--name", "ida", "--tags", "a=b")
    equal((made["name"], made["tenantId"], made["location"], made["tags"]), ("ida", TENANT, "westeurope", {"a": "b"}))
    assert uuid.UUID(made["clientId"]) != uuid.UUID(made["principalId"])
    shown = az("identity", "show", *HERE, "--name", "ida")
    equal((shown["clientId"], shown["principalId"]), (made["clientId"], made["principalId"]))
    az("identity", "create", *HERE, "--name", "idb")
    equal(names(az("identity", "list", *HERE)), ["ida", "idb"])
    if ALL:
        assert {"ida", "idb", "demo-user"} <= set(names(az("identity", "list")))
        equal(az("identity", "update", *HERE, "--name", "idb", "--tags", "c=d")["tags"], {"c": "d"})
        az("identity", "create", *HERE, "--name", "idc", "--location", "northeurope")
        az("identity", "delete", *HERE, "--name", "idc")
        refused("ResourceNotFound", "identity", "show", *HERE, "--name", "idc", code=3)


@scenario("resource create of a machine, show, list, tag")
def resources():
    properties = {"location": "westeurope", "properties": {"hardwareProfile": {"vmSize": "Standard_D2s_v5"}}}
    kind = ("--resource-type", "Microsoft.Compute/virtualMachines")
    made = az("resource", "create", *VM, *kind, "--is-full-object", "--properties", json.dumps(properties))
    same(made["id"], MACHINE)
    same(az("resource", "show", *VM, *kind)["id"], MACHINE)
    equal(az("resource", "tag", "--ids", MACHINE, "--tags", "by=az")["tags"], {"by": "az"})
    equal(names(az("resource", "list", "--tag", "by=az")), ["vm"])
    if ALL:
        equal(names(az("resource", "list", *HERE)), ["ida", "idb", "vm"])
        equal(names(az("resource", "list", "--name", "vm")), ["vm"])
        equal(az("resource", "update", "--ids", MACHINE, "--set", "tags.more=yes")["tags"], {"by": "az", "more": "yes"})
        refused("ResourceNotFound", "resource", "show", *HERE, "--name", "none", *kind, code=3)


# Machines


@scenario("vm show, vm list")
def machines():
    shown = az("vm", "show", *VM)
    equal((shown["name"], shown["location"], shown["provisioningState"]), ("vm", "westeurope", "Succeeded"))
    equal(names(az("vm", "list", *HERE)), ["vm"])
    if ALL:
        assert {"demo", "vm"} <= set(names(az("vm", "list")))
        assert {"demo", "vm"} <= set(names(az("vm", "list", "--show-details")))
        equal(az("vm", "update", *VM, "--set", "tags.set=abc")["tags"]["set"], "abc")
        refused("ResourceNotFound", "vm", "show", *HERE, "--name", "none", code=3)


def users(identity):
    return sorted(key.rsplit("/", 1)[1] for key in identity.get("userAssignedIdentities") or {})


@scenario("vm identity assign, show, remove")
def machine_identities():
    made = az("vm", "identity", "assign", *VM, "--identities", "[system]", "ida")
    assert uuid.UUID(made["systemAssignedIdentity"]), made
    equal(users(made), ["ida"])
    shown = az("vm", "identity", "show", *VM)
    equal((shown["type"], shown["principalId"], users(shown)), ("SystemAssigned, UserAssigned", made["systemAssignedIdentity"], ["ida"]))
    if ALL:
        added = az("vm", "identity", "assign", *VM, "--identities", "idb")
        equal((added["systemAssignedIdentity"], users(added)), (made["systemAssignedIdentity"], ["ida", "idb"]))
        az("vm", "identity", "remove", *VM, "--identities", "ida")
        equal(users(az("vm", "identity", "show", *VM)), ["idb"])
        az("vm", "identity", "remove", *VM, "--identities", "[system]")
        left = az("vm", "identity", "show", *VM)
        equal((left["type"], left.get("principalId"), users(left)), ("UserAssigned", None, ["idb"]))
        refused("FailedIdentityOperation", "vm", "identity", "assign", *VM, "--identities", "none")
    az("vm", "identity", "remove", *VM)
    az("vm", "identity", "remove", *VM, "--identities", "idb" if ALL else "ida")
    equal(az("vm", "identity", "show", *VM), None)


def power():
    return az("vm", "get-instance-view", *VM)["instanceView"]["statuses"][1]["displayStatus"]


@scenario("vm stop, start, restart, deallocate, and the power state between them")
def power_states():
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


# Locks


@scenario("lock create, list, a delete that it refuses, lock delete")
def locks():
    made = az("lock", "create", *HERE, "--name", "keep", "--lock-type", "CanNotDelete", "--notes", "in use")
    equal((made["name"], made["level"], made["notes"]), ("keep", "CanNotDelete", "in use"))
    refused("ScopeLocked", "identity", "delete", *HERE, "--name", "ida")
    equal(names(az("lock", "list", *HERE)), ["keep"])
    if ALL:
        equal(az("lock", "show", *HERE, "--name", "keep")["id"], made["id"])
        refused("ScopeLocked", "group", "delete", "--name", "az", "--yes")
        equal(az("lock", "update", *HERE, "--name", "keep", "--lock-type", "ReadOnly")["level"], "ReadOnly")
        refused("ScopeLocked", "vm", "deallocate", *VM)
        az("lock", "create", "--name", "vm-lock", *HERE, "--resource", "vm", "--resource-type", "Microsoft.Compute/virtualMachines",
           "--lock-type", "CanNotDelete")
        assert {"keep", "vm-lock"} <= set(names(az("lock", "list")))
        az("lock", "delete", "--name", "vm-lock", *HERE, "--resource", "vm", "--resource-type", "Microsoft.Compute/virtualMachines")
    az("lock", "delete", *HERE, "--name", "keep")
    if ALL:
        equal(az("lock", "list", *HERE), [])


# Access


@scenario("role definition create, list, update, delete")
def role_definitions():
    reader, = az("role", "definition", "list", "--name", "Reader")
    equal((reader["roleName"], reader["name"]), ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"))
    wanted = {"Name": "Starter", "Description": "Starts machines", "Actions": ["Microsoft.Compute/virtualMachines/start/action"],
              "AssignableScopes": [GROUP]}
    made = az("role", "definition", "create", "--role-definition", json.dumps(wanted))
    equal((made["roleName"], made["roleType"], made["assignableScopes"]), ("Starter", "CustomRole", [GROUP]))
    found, = az("role", "definition", "list", *HERE, "--custom-role-only")
    equal(found["permissions"][0]["actions"], wanted["Actions"])
    if ALL:
        found["description"] = "Starts and stops machines"
        found["permissions"][0]["actions"].append("Microsoft.Compute/virtualMachines/powerOff/action")
        updated = az("role", "definition", "update", "--role-definition", json.dumps(found))
        equal((updated["description"], len(updated["permissions"][0]["actions"])), (found["description"], 2))
        bad = wanted | {"Name": "Bad", "Actions": ["Nonsense"]}
        refused("ActionOrNotAction", "role", "definition", "create", "--role-definition", json.dumps(bad))
    az("role", "definition", "delete", "--name", "Starter", *HERE)
    equal(az("role", "definition", "list", *HERE, "--custom-role-only"), [])


@scenario("ad sp show by application id and by id, list")
def service_principals():
    user = az("identity", "show", *HERE, "--name", "ida")
    shown = az("ad", "sp", "show", "--id", user["clientId"])
    equal((shown["id"], shown["appId"], shown["displayName"], shown["servicePrincipalType"]),
          (user["principalId"], user["clientId"], "ida", "ManagedIdentity"))
    refused("", "ad", "sp", "show", "--id", NOBODY, code=3)
    if ALL:
        equal(az("ad", "sp", "show", "--id", user["principalId"])["appId"], user["clientId"])
        equal([found["appId"] for found in az("ad", "sp", "list", "--display-name", "ida")], [user["clientId"]])
        assert user["clientId"] in [found["appId"] for found in az("ad", "sp", "list", "--all")]


@scenario("role assignment create --assignee, list --all and --include-inherited, delete")
def role_assignments():
    user = az("identity", "show", *HERE, "--name", "ida")
    scope = ("--scope", GROUP)
    made = az("role", "assignment", "create", "--assignee", user["clientId"], "--role", "Reader", *scope)
    equal((made["principalId"], made["principalType"], made["scope"]), (user["principalId"], "ServicePrincipal", GROUP))
    listed = az("role", "assignment", "list", "--all", "--assignee", user["clientId"])
    equal([(item["roleDefinitionName"], item["principalName"]) for item in listed], [("Reader", user["clientId"])])
    inherited = az("role", "assignment", "list", *scope, "--include-inherited")
    owner, = [item for item in inherited if item["principalName"] == OPERATOR and item["roleDefinitionName"] == "Owner"]
    assert len(owner["scope"]) < len(GROUP), owner
    refused("Cannot find user or service principal in graph database", "role", "assignment", "create", "--assignee", NOBODY, "--role", "Reader", *scope)
    if ALL:
        # By the name of an API that is registered here.
        by_uri = az("role", "assignment", "create", "--assignee", API, "--role", "Contributor", *scope)
        equal(by_uri["principalId"], az("ad", "sp", "show", "--id", API)["id"])
        by_id = az("role", "assignment", "create", "--assignee-object-id", user["principalId"], "--assignee-principal-type", "ServicePrincipal",
                   "--role", "acdd72a7-3385-48ef-bd42-f606fba81ae7", "--scope", MACHINE)
        same(by_id["scope"], MACHINE)
        equal(len(az("role", "assignment", "list", "--all", "--assignee", user["clientId"])), 2)
        refused("RoleDefinitionDoesNotExist", "role", "assignment", "create", "--assignee", user["clientId"], "--role", NOBODY, *scope)
        refused("doesn't exist", "role", "assignment", "create", "--assignee", user["clientId"], "--role", "No such role", *scope)
        az("role", "assignment", "delete", "--ids", by_uri["id"], by_id["id"])
    az("role", "assignment", "delete", "--assignee", user["clientId"], "--role", "Reader", *scope)
    equal(az("role", "assignment", "list", "--all", "--assignee", user["clientId"]), [])


@scenario("rest, to the resource manager and to the directory")
def rest():
    same(az("rest", "--url", "/subscriptions/{subscriptionId}?api-version=2022-12-01")["subscriptionId"], SUBSCRIPTION)
    found = az("rest", "--url", f"{GRAPH}/v1.0/servicePrincipals(appId='{OPERATOR}')")
    equal(found["appId"], OPERATOR)
    if ALL:
        refused("InvalidApiVersionParameter", "rest", "--url", "/subscriptions/{subscriptionId}?api-version=tomorrow")


# The end


@scenario("identity delete, resource delete, group delete, logout")
def ending():
    az("identity", "delete", *HERE, "--name", "ida")
    if ALL:
        az("resource", "delete", "--ids", MACHINE)
        refused("ResourceNotFound", "vm", "show", *VM, code=3)
    az("group", "delete", "--name", "az", "--yes")
    equal(az("group", "exists", "--name", "az"), False)
    same(az("vm", "show", "--ids", DEMO)["id"], DEMO)
    az("logout")
    refused("az login", "group", "list")


run()
