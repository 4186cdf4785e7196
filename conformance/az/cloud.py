"""The cloud, from its metadata document. Follows azure-cli's `test_cloud_scenario`, which registers a cloud endpoint by endpoint."""

import os

from scenarios import scenario
from support import ALL, ARM, GRAPH, LOGIN, az, by_certificate, configuration, equal, names, refused, settings


@scenario("register from the resource manager's address, set, show")
def registered():
    az("cloud", "register", "--name", "Here", "--endpoint-resource-manager", ARM)
    az("cloud", "set", "--name", "Here")
    shown = az("cloud", "show")
    equal((shown["name"], shown["isActive"]), ("Here", True))
    endpoints = {name: (address or "").rstrip("/") for name, address in shown["endpoints"].items()}
    equal((endpoints["resourceManager"], endpoints["activeDirectory"], endpoints["microsoftGraphResourceId"]), (ARM, LOGIN, GRAPH))
    assert shown["suffixes"]["keyvaultDns"].startswith(".vault."), shown["suffixes"]


@scenario("update, list, unregister", ALL)
def changed():
    az("cloud", "register", "--name", "Other", "--endpoint-resource-manager", ARM)
    az("cloud", "update", "--name", "Other", "--suffix-storage-endpoint", "storage.example")
    equal(az("cloud", "show", "--name", "Other")["suffixes"]["storageEndpoint"], "storage.example")
    assert {"Here", "Other", "AzureCloud"} <= set(names(az("cloud", "list")))
    az("cloud", "unregister", "--name", "Other")
    refused("not registered", "cloud", "show", "--name", "Other")


@scenario("ARM_CLOUD_METADATA_URL in place of a registered cloud, show, login, group list")
def by_variable():
    with settings(AZURE_CONFIG_DIR=configuration("by-variable"), ARM_CLOUD_METADATA_URL=f"{ARM}/metadata/endpoints?api-version=2019-05-01"):
        shown = az("cloud", "show")
        equal((shown["isActive"], shown["endpoints"]["resourceManager"].rstrip("/")), (True, ARM))
        account, = by_certificate()
        equal(account["cloudName"], shown["name"])
        assert "demo" in names(az("group", "list"))


# It names the cloud, and would go before the registered one.
os.environ.pop("ARM_CLOUD_METADATA_URL", None)
