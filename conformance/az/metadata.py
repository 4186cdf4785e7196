"""The metadata endpoint: how az signs in as the machine that it runs on, and works then."""

from support import ALL, DEMO, NOBODY, SUBSCRIPTION, TENANT, az, by_certificate, claims, equal, refused, same, scenario


def demo_identities():
    """The system-assigned identity's object id, and the user-assigned one's id, client and object id."""
    by_certificate()
    identity = az("vm", "identity", "show", "--ids", DEMO)
    az("logout")
    (resource_id, user), = identity["userAssignedIdentities"].items()
    return identity["principalId"], resource_id, user["clientId"], user["principalId"]


SYSTEM, USER_RESOURCE, USER_CLIENT, USER_OBJECT = demo_identities()


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
