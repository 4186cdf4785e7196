"""Applications and their service principals. Follows azure-cli's `test_create_for_rbac_password_with_assignment`,
`test_create_for_rbac_idempotent`, `test_app_scenario`, `test_app_credential`, `test_sp_credential` and `test_service_principal_scenario`."""

import os

from scenarios import scenario
from support import ALL, GROUPS, TENANT, az, configuration, equal, group, refused, settings

GROUP = f"{GROUPS}/az-ad"


def signs_in(app, secret):
    with settings(AZURE_CONFIG_DIR=configuration("created", of=os.environ["AZURE_CONFIG_DIR"])):
        az("logout")
        return az("login", "--service-principal", "--username", app, "--password", secret, "--tenant", TENANT, "--allow-no-subscriptions")


@scenario("create-for-rbac with a role, and a sign-in with its secret")
def for_rbac():
    group("az-ad")
    made = az("ad", "sp", "create-for-rbac", "--name", "az-ad-one", "--role", "Reader", "--scopes", GROUP)
    equal((made["displayName"], made["tenant"]), ("az-ad-one", TENANT))
    account, = signs_in(made["appId"], made["password"])
    equal(account["user"], {"name": made["appId"], "type": "servicePrincipal"})
    given, = az("role", "assignment", "list", "--all", "--assignee", made["appId"])
    equal((given["roleDefinitionName"], given["scope"]), ("Reader", GROUP))
    if ALL:
        again = az("ad", "sp", "create-for-rbac", "--name", "az-ad-one")
        equal(again["appId"], made["appId"])
        signs_in(again["appId"], again["password"])


@scenario("ad app create, show, update, list, credential reset and delete, delete", ALL)
def applications():
    made = az("ad", "app", "create", "--display-name", "az-ad-two")
    equal(az("ad", "app", "show", "--id", made["appId"])["id"], made["id"])
    az("ad", "app", "update", "--id", made["appId"], "--display-name", "az-ad-three")
    equal([item["appId"] for item in az("ad", "app", "list", "--display-name", "az-ad-three")], [made["appId"]])
    principal = az("ad", "sp", "create", "--id", made["appId"])
    equal((principal["appId"], principal["servicePrincipalType"]), (made["appId"], "Application"))
    reset = az("ad", "app", "credential", "reset", "--id", made["appId"])
    signs_in(made["appId"], reset["password"])
    key, = az("ad", "app", "credential", "list", "--id", made["appId"])
    az("ad", "app", "credential", "delete", "--id", made["appId"], "--key-id", key["keyId"])
    refused("AADSTS7000215", "login", "--service-principal", "--username", made["appId"], "--password", reset["password"] + "x", "--tenant", TENANT)
    az("ad", "app", "delete", "--id", made["appId"])
    refused("", "ad", "app", "show", "--id", made["appId"], code=3)
    refused("", "ad", "sp", "show", "--id", made["appId"], code=3)
    az("group", "delete", "--name", "az-ad", "--yes", "--no-wait")
