"""Vaults, as resources. Follows of azure-cli's `test_keyvault_mgmt` what asks the resource manager."""

from scenarios import scenario
from support import ALL, NOBODY, TENANT, az, equal, group, names, refused

HERE = ("--resource-group", "az-keyvault")


@scenario("create, show, list, update, delete", ALL)
def vaults():
    group("az-keyvault")
    made = az("keyvault", "create", *HERE, "--name", "az-vault-1", "--location", "westeurope")
    equal((made["name"], made["properties"]["tenantId"], made["properties"]["enableRbacAuthorization"]), ("az-vault-1", TENANT, True))
    equal(az("keyvault", "show", "--name", "az-vault-1")["id"], made["id"])
    equal(names(az("keyvault", "list", *HERE)), ["az-vault-1"])
    assert "az-vault-1" in names(az("keyvault", "list"))
    updated = az("keyvault", "update", *HERE, "--name", "az-vault-1", "--set", "tags.a=b")
    equal((updated["tags"], updated["properties"]["tenantId"]), ({"a": "b"}, TENANT))
    az("keyvault", "wait", "--name", "az-vault-1", "--exists")
    refused("not found", "keyvault", "show", "--name", "az-vault-none")


@scenario("access policies", ALL)
def policies():
    az("keyvault", "create", *HERE, "--name", "az-vault-2", "--enable-rbac-authorization", "false")
    changed = az("keyvault", "set-policy", "--name", "az-vault-2", "--object-id", NOBODY, "--secret-permissions", "get")
    assert NOBODY in [policy["objectId"] for policy in changed["properties"]["accessPolicies"]], changed
    changed = az("keyvault", "delete-policy", "--name", "az-vault-2", "--object-id", NOBODY)
    assert NOBODY not in [policy["objectId"] for policy in changed["properties"]["accessPolicies"]], changed


@scenario("delete", ALL)
def deleted():
    az("keyvault", "delete", "--name", "az-vault-1")
    equal(names(az("keyvault", "list", *HERE)), ["az-vault-2"])
    az("group", "delete", "--name", "az-keyvault", "--yes", "--no-wait")
