"""The metadata endpoint: how az signs in as the machine that it runs on, and works then. azure-cli tests this in memory only
(`test_profile_custom.py`); the steps are those of the documents of managed identities."""

import os

from scenarios import run, scenario
from support import (
    ALL, DEMO, NOBODY, SUBSCRIPTION, TENANT, az, by_certificate, claims, configuration, equal, eventually, names, refused, same, settings,
)

OPERATORS = configuration("operator")
FRESH = ("--resource-group", "demo", "--name", "fresh")


def as_operator(*arguments):
    with settings(AZURE_CONFIG_DIR=OPERATORS):
        return az(*arguments)


def demo_identities():
    """The system-assigned identity's object id, and the user-assigned one's id, client and object id."""
    with settings(AZURE_CONFIG_DIR=OPERATORS):
        by_certificate()
    identity = as_operator("vm", "identity", "show", "--ids", DEMO)
    (resource_id, user), = identity["userAssignedIdentities"].items()
    return identity["principalId"], resource_id, user["clientId"], user["principalId"]


def is_signed_in(oid):
    said = claims(az("account", "get-access-token")["accessToken"])
    equal((said["oid"], said["tid"]), (oid, TENANT))


@scenario("login --identity, account show, get-access-token, the machine reads itself and creates nothing")
def system_assigned():
    account, = az("login", "--identity")
    equal((account["id"], account["tenantId"]), (SUBSCRIPTION, TENANT))
    equal(az("account", "show")["user"], {"assignedIdentityInfo": "MSI", "name": "systemAssignedIdentity", "type": "servicePrincipal"})
    is_signed_in(SYSTEM)
    vault = az("account", "get-access-token", "--resource", "https://vault.azure.net")
    equal(claims(vault["accessToken"])["aud"], "https://vault.azure.net")
    same(az("vm", "show", "--ids", DEMO)["id"], DEMO)
    equal(az("resource", "list", "--name", "demo", "--query", "[*].identity.principalId"), [SYSTEM])
    refused("AuthorizationFailed", "group", "create", "--name", "other", "--location", "westeurope")
    az("logout")


@scenario("login --identity --client-id, --object-id, --resource-id")
def selected():
    for selector in (("--client-id", USER_CLIENT), ("--object-id", USER_OBJECT), ("--resource-id", USER_RESOURCE)):
        az("login", "--identity", *selector)
        if ALL or selector[0] == "--client-id":
            is_signed_in(USER_OBJECT)


@scenario("login --identity of an identity that the machine has not")
def unknown():
    refused("found", "login", "--identity", "--client-id", NOBODY)
    if ALL:
        refused("found", "login", "--identity", "--object-id", NOBODY)
        refused("found", "login", "--identity", "--resource-id", USER_RESOURCE + "x")


@scenario("login --identity without any role, no subscription, but tokens", ALL)
def without_role():
    made = as_operator("identity", "create", *FRESH)
    as_operator("vm", "identity", "assign", "--ids", DEMO, "--identities", made["id"])
    login = ("login", "--identity", "--client-id", made["clientId"])
    eventually(lambda: refused("no subscriptions were found", *login))
    account, = az(*login, "--allow-no-subscriptions")
    equal((account["id"], account["tenantId"]), (TENANT, TENANT))
    is_signed_in(made["principalId"])


@scenario("login --identity with no more than Reader on the machine itself", ALL)
def reader_of_itself():
    made = as_operator("identity", "show", *FRESH)
    as_operator("role", "assignment", "create", "--assignee-object-id", made["principalId"], "--assignee-principal-type", "ServicePrincipal",
                "--role", "Reader", "--scope", DEMO)
    account, = az("login", "--identity", "--client-id", made["clientId"])
    equal(account["id"], SUBSCRIPTION)
    same(az("vm", "show", "--ids", DEMO)["id"], DEMO)
    equal(az("resource", "list", "--name", "demo", "--query", "[*].identity.principalId"), [SYSTEM])
    equal(names(az("resource", "list")), ["demo"])
    refused("AuthorizationFailed", "vm", "update", "--ids", DEMO, "--set", "tags.a=b")
    refused("AuthorizationFailed", "identity", "show", *FRESH)
    az("logout")


@scenario("an identity that is taken away signs in no more", ALL)
def taken_away():
    made = as_operator("identity", "show", *FRESH)
    as_operator("vm", "identity", "remove", "--ids", DEMO, "--identities", made["id"])
    eventually(lambda: refused("found", "login", "--identity", "--client-id", made["clientId"]))
    as_operator("identity", "delete", *FRESH)


SYSTEM, USER_RESOURCE, USER_CLIENT, USER_OBJECT = demo_identities()


def main(part):
    os.environ["AZURE_CONFIG_DIR"] = configuration(part)
    raise SystemExit(0 if run() else 1)
