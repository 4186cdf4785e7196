"""Storage accounts, as resources. Follows of azure-cli's `test_create_storage_account`, `test_storage_account_update` and `test_storage_account_network_rules` what asks the resource manager and needs no key."""

from scenarios import scenario
from support import ALL, az, equal, group, names, refused

HERE = ("--resource-group", "az-storage")
ACCOUNT = (*HERE, "--name", "azconformance1")
RULES = (*HERE, "--account-name", "azconformance1")


@scenario("check-name, create, show, list, update, network-rule, delete", ALL)
def accounts():
    group("az-storage")
    equal(az("storage", "account", "check-name", "--name", "azconformance1")["nameAvailable"], True)
    made = az("storage", "account", "create", *ACCOUNT, "--location", "westeurope", "--sku", "Standard_LRS")
    equal((made["name"], made["sku"]["name"], made["kind"]), ("azconformance1", "Standard_LRS", "StorageV2"))
    taken = az("storage", "account", "check-name", "--name", "azconformance1")
    equal((taken["nameAvailable"], taken["reason"]), (False, "AlreadyExists"))
    equal(az("storage", "account", "check-name", "--name", "No_Such")["reason"], "AccountNameInvalid")
    equal(az("storage", "account", "show", *ACCOUNT)["id"], made["id"])
    equal(az("storage", "account", "show", "--name", "azconformance1")["id"], made["id"])
    equal(names(az("storage", "account", "list", *HERE)), ["azconformance1"])
    equal(az("storage", "account", "update", *ACCOUNT, "--tags", "a=b")["tags"], {"a": "b"})
    assert "virtualNetworkRules" in az("storage", "account", "network-rule", "list", *RULES)
    az("storage", "account", "network-rule", "add", *RULES, "--ip-address", "203.0.113.7")
    equal([rule["ipAddressOrRange"] for rule in az("storage", "account", "network-rule", "list", *RULES)["ipRules"]], ["203.0.113.7"])
    az("storage", "account", "network-rule", "remove", *RULES, "--ip-address", "203.0.113.7")
    equal(az("storage", "account", "network-rule", "list", *RULES)["ipRules"], [])
    equal(az("storage", "account", "update", *ACCOUNT, "--default-action", "Deny")["networkRuleSet"]["defaultAction"], "Deny")
    az("storage", "account", "delete", *ACCOUNT, "--yes")
    refused("ResourceNotFound", "storage", "account", "show", *ACCOUNT, code=3)
    az("group", "delete", "--name", "az-storage", "--yes", "--no-wait")
