"""Service principals and applications in the directory. Follows azure-cli's `test_service_principal_scenario`, `test_sp_show_exit_code`,
`test_create_for_rbac_password_with_assignment`, `test_create_for_rbac_idempotent`, `test_create_for_rbac_create_cert`, `test_app_scenario`, `test_app_credential`,
`test_app_owner`, `test_app_permission` and `test_app_permission_grant`; roles of applications, for which az has no command, by `az rest`."""

import base64
import json
import os

from scenarios import scenario
from support import ALL, DEMO, GRAPH, NOBODY, OPERATOR, SUBSCRIPTION, TENANT, az, configuration, equal, names, refused, settings


@scenario("ad sp show of a managed identity by application id and by id, list")
def of_an_identity():
    identity = az("vm", "identity", "show", "--ids", DEMO)
    (resource, user), = identity["userAssignedIdentities"].items()
    shown = az("ad", "sp", "show", "--id", user["clientId"])
    equal((shown["id"], shown["appId"], shown["displayName"], shown["servicePrincipalType"]),
          (user["principalId"], user["clientId"], resource.rsplit("/", 1)[1], "ManagedIdentity"))
    refused("", "ad", "sp", "show", "--id", NOBODY, code=3)
    if ALL:
        equal(az("ad", "sp", "show", "--id", user["principalId"])["appId"], user["clientId"])
        equal([found["appId"] for found in az("ad", "sp", "list", "--display-name", shown["displayName"])], [user["clientId"]])
        assert {user["clientId"], OPERATOR} <= {found["appId"] for found in az("ad", "sp", "list", "--all")}
        equal([found["appId"] for found in az("ad", "sp", "list", "--spn", OPERATOR)], [OPERATOR])


@scenario("people and groups, there are none", ALL)
def nobody():
    equal((az("ad", "user", "list"), az("ad", "group", "list")), ([], []))
    refused("delegated", "ad", "signed-in-user", "show")


@scenario("ad sp create-for-rbac, its secret signs in at once, role assignments by application id, name and id, delete")
def for_rbac():
    scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo"
    made = az("ad", "sp", "create-for-rbac", "--name", "nightly", "--role", "Reader", "--scopes", scope)
    equal((made["displayName"], made["tenant"]), ("nightly", TENANT))
    with settings(AZURE_CONFIG_DIR=configuration("for-rbac", os.environ["AZURE_CONFIG_DIR"])):
        az("login", "--service-principal", "--username", made["appId"], "--password", made["password"], "--tenant", TENANT)
        equal(names(az("group", "list")), ["demo"])
    principal = az("ad", "sp", "show", "--id", made["appId"])["id"]
    for assignee, role in ((made["appId"], "Contributor"), (principal, "Virtual Machine Contributor")):
        assigned = az("role", "assignment", "create", "--assignee", assignee, "--role", role, "--scope", scope)
        equal((assigned["principalId"], assigned["principalType"]), (principal, "ServicePrincipal"))
    for assigned in az("role", "assignment", "list", "--assignee", made["appId"], "--scope", scope):
        az("role", "assignment", "delete", "--ids", assigned["id"])
    if ALL:
        equal(az("ad", "sp", "create-for-rbac", "--name", "nightly")["appId"], made["appId"])
    az("ad", "sp", "delete", "--id", made["appId"])
    az("ad", "app", "delete", "--id", made["appId"])
    refused("does not exist", "ad", "app", "show", "--id", made["appId"], code=3)


@scenario("ad sp create-for-rbac with a certificate, ad sp credential reset, list, delete", ALL)
def certified():
    made = az("ad", "sp", "create-for-rbac", "--name", "signed", "--create-cert")
    with settings(AZURE_CONFIG_DIR=configuration("certified", os.environ["AZURE_CONFIG_DIR"])):
        az("login", "--service-principal", "--username", made["appId"], "--certificate", made["fileWithCertAndPrivateKey"],
           "--tenant", TENANT, "--allow-no-subscriptions")
    os.remove(made["fileWithCertAndPrivateKey"])
    reset = az("ad", "sp", "credential", "reset", "--id", made["appId"], "--display-name", "first")
    assert reset["password"], "no password"
    kept, = az("ad", "sp", "credential", "list", "--id", made["appId"])
    equal(kept["displayName"], "first")
    az("ad", "sp", "credential", "delete", "--id", made["appId"], "--key-id", kept["keyId"])
    equal(az("ad", "sp", "credential", "list", "--id", made["appId"]), [])
    az("ad", "app", "delete", "--id", made["appId"])


@scenario("ad app create, show, list, update, credential, owner; tokens of version 2; delete", ALL)
def application():
    made = az("ad", "app", "create", "--display-name", "orders", "--identifier-uris", "api://az-orders",
              "--requested-access-token-version", "2")
    equal((made["identifierUris"], made["api"]["requestedAccessTokenVersion"]), (["api://az-orders"], 2))
    equal([found["appId"] for found in az("ad", "app", "list", "--display-name", "orders")], [made["appId"]])
    az("ad", "app", "update", "--id", made["appId"], "--web-redirect-uris", "https://orders.example/signin")
    equal(az("ad", "app", "show", "--id", "api://az-orders")["web"]["redirectUris"], ["https://orders.example/signin"])
    principal = az("ad", "sp", "create", "--id", made["appId"])["id"]
    claims = az("account", "get-access-token", "--resource", "api://az-orders")["accessToken"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=="))
    equal((claims["ver"], claims["aud"], claims["azp"]), ("2.0", made["appId"], OPERATOR))
    for name in ("first", "second"):
        az("ad", "app", "credential", "reset", "--id", made["appId"], "--append", "--display-name", name)
    kept = az("ad", "app", "credential", "list", "--id", made["appId"])
    equal(sorted(item["displayName"] for item in kept), ["first", "second"])
    az("ad", "app", "credential", "delete", "--id", made["appId"], "--key-id", kept[0]["keyId"])
    az("ad", "app", "owner", "add", "--id", made["appId"], "--owner-object-id", principal)
    equal([owner["id"] for owner in az("ad", "app", "owner", "list", "--id", made["appId"])], [principal])
    az("ad", "app", "owner", "remove", "--id", made["appId"], "--owner-object-id", principal)
    az("ad", "app", "delete", "--id", made["appId"])


@scenario("ad sp of a managed identity is locked, and can be disabled", ALL)
def locked():
    principal = az("vm", "identity", "show", "--ids", DEMO)["principalId"]
    for command in (("credential", "reset"), ("delete",)):
        refused("ManagedIdentity", "ad", "sp", *command, "--id", principal)
    for enabled in (False, True):
        az("ad", "sp", "update", "--id", principal, "--set", f"accountEnabled={str(enabled).lower()}")
        equal(az("ad", "sp", "show", "--id", principal)["accountEnabled"], enabled)


@scenario("ad app create with app roles, one given to a machine's identity by rest; ad app permission, ad sp owner", ALL)
def app_roles():
    role = {"id": "21f75bb3-d92d-4a17-8d02-f857f8451d5d", "value": "Orders.Read", "displayName": "r", "description": "r",
            "allowedMemberTypes": ["Application"], "isEnabled": True}
    service = az("ad", "app", "create", "--display-name", "shop", "--identifier-uris", "api://az-shop", "--app-roles", json.dumps([role]))["appId"]
    resource = az("ad", "sp", "create", "--id", service)
    equal([defined["value"] for defined in resource["appRoles"]], ["Orders.Read"])
    machine = az("vm", "identity", "show", "--ids", DEMO)["principalId"]
    assigned = f"{GRAPH}/v1.0/servicePrincipals/{machine}/appRoleAssignments"
    body = json.dumps({"principalId": machine, "resourceId": resource["id"], "appRoleId": role["id"]})
    given = az("rest", "--method", "post", "--url", assigned, "--body", body)
    refused("already exists", "rest", "--method", "post", "--url", assigned, "--body", body)
    equal([item["resourceDisplayName"] for item in az("rest", "--url", assigned)["value"]], ["shop"])
    az("rest", "--method", "delete", "--url", f"{assigned}/{given['id']}")
    client = az("ad", "sp", "create-for-rbac", "--name", "buyer")["appId"]
    az("ad", "app", "permission", "add", "--id", client, "--api", service, "--api-permissions", f"{role['id']}=Role")
    equal([item["resourceAppId"] for item in az("ad", "app", "permission", "list", "--id", client)], [service])
    equal(az("ad", "app", "permission", "list-grants", "--id", client), [])
    refused("Delegated permissions", "ad", "app", "permission", "grant", "--id", client, "--api", service, "--scope", "user_impersonation")
    az("ad", "app", "permission", "delete", "--id", client, "--api", service)
    equal(az("ad", "app", "permission", "list", "--id", client), [])
    equal(az("ad", "sp", "owner", "list", "--id", client), [])
    for application in (client, service):
        az("ad", "app", "delete", "--id", application)
