"""Service principals in the directory. Follows azure-cli's `test_service_principal_scenario` and `test_sp_show_exit_code`."""

from scenarios import scenario
from support import ALL, DEMO, NOBODY, OPERATOR, az, equal, refused


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
