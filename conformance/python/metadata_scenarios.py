"""Scenarios of the metadata endpoint: the same code for every dialect, as the SDKs promise."""

import os
import time

import jwt
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import ChainedTokenCredential, DefaultAzureCredential, ManagedIdentityCredential
from azure.mgmt.compute import ComputeManagementClient

from support import ALL, ARM_SCOPE, DEMO, SUBSCRIPTION, TENANT, VERSION, claims, client, demo_identities, equal, raises, scenario, verify

SYSTEM, USER_RESOURCE, USER_CLIENT, USER_OBJECT = demo_identities()
NOBODY = "00000000-0000-4000-8000-000000000000"
# Before, a client id was the only selector.
SELECTS = VERSION >= (1, 6)
# Before, a refusal was put into words of its own, and ended a chain in App Service.
CANDID = VERSION >= (1, 14)
IN_APP_SERVICE = "IDENTITY_ENDPOINT" in os.environ


@scenario("ManagedIdentityCredential() is the system-assigned identity")
def system_assigned():
    token = ManagedIdentityCredential().get_token(ARM_SCOPE)
    said = claims(token.token)
    equal(said["oid"], SYSTEM)
    equal(said["tid"], TENANT)
    equal(said["xms_mirid"].lower(), DEMO.lower())
    equal(token.expires_on, said["exp"])
    assert 23 * 3600 < token.expires_on - time.time() <= 24 * 3600, "not a day"


def selected(credential):
    said = claims(credential.get_token(ARM_SCOPE).token)
    equal((said["appid"], said["oid"]), (USER_CLIENT, USER_OBJECT))
    equal(said["xms_mirid"].lower(), USER_RESOURCE.lower())


@scenario("ManagedIdentityCredential(client_id)")
def by_client_id():
    selected(ManagedIdentityCredential(client_id=USER_CLIENT))


@scenario("ManagedIdentityCredential(identity_config object_id)", SELECTS)
def by_object_id():
    selected(ManagedIdentityCredential(identity_config={"object_id": USER_OBJECT}))


@scenario("ManagedIdentityCredential(identity_config resource_id)", SELECTS)
def by_resource_id():
    selected(ManagedIdentityCredential(identity_config={"resource_id": USER_RESOURCE}))
    selected(ManagedIdentityCredential(identity_config={"resource_id": USER_RESOURCE.lower()}))


@scenario("ManagedIdentityCredential().get_token_info", hasattr(ManagedIdentityCredential, "get_token_info"))
def token_info():
    info = ManagedIdentityCredential().get_token_info(ARM_SCOPE)
    equal(info.token_type, "Bearer")
    equal(claims(info.token)["oid"], SYSTEM)


@scenario("DefaultAzureCredential()")
def default():
    equal(claims(DefaultAzureCredential().get_token(ARM_SCOPE).token)["oid"], SYSTEM)


@scenario("DefaultAzureCredential(managed_identity_client_id) and AZURE_CLIENT_ID")
def default_client():
    selected(DefaultAzureCredential(managed_identity_client_id=USER_CLIENT))
    os.environ["AZURE_CLIENT_ID"] = USER_CLIENT
    try:
        selected(DefaultAzureCredential())
    finally:
        del os.environ["AZURE_CLIENT_ID"]


@scenario("ChainedTokenCredential goes on after an unknown identity", CANDID or not IN_APP_SERVICE)
def chained():
    chain = ChainedTokenCredential(ManagedIdentityCredential(client_id=NOBODY), ManagedIdentityCredential())
    equal(claims(chain.get_token(ARM_SCOPE).token)["oid"], SYSTEM)


@scenario("an unknown identity is refused at once")
def unknown():
    # MSAL remembers a refusal by its request; each of these is another.
    credentials = [ManagedIdentityCredential(client_id=NOBODY)]
    if SELECTS:
        credentials += [ManagedIdentityCredential(identity_config=identity)
                        for identity in ({"object_id": NOBODY}, {"resource_id": USER_RESOURCE + "x"})]
    for credential in credentials:
        started = time.monotonic()
        error = raises(ClientAuthenticationError, credential.get_token, ARM_SCOPE)
        assert ("found" if CANDID or IN_APP_SERVICE else "assigned") in str(error), str(error)
        assert time.monotonic() - started < 2, "the client retried"


# App Service answers 500, which is tried again for seconds.
@scenario("an unknown resource is refused, at once but in App Service", ALL or not IN_APP_SERVICE)
def unknown_resource():
    started = time.monotonic()
    error = raises(ClientAuthenticationError, ManagedIdentityCredential().get_token, "https://nobody.example/.default")
    if not IN_APP_SERVICE:
        assert ("AADSTS500011" if CANDID else "assigned") in str(error), str(error)
        assert time.monotonic() - started < 2, "the client retried"


@scenario("tokens for other audiences, with and without a slash")
def audiences():
    for scope, audience in (
        ("https://vault.azure.net/.default", "https://vault.azure.net"),
        ("https://storage.azure.com//.default", "https://storage.azure.com/"),
        ("https://management.core.windows.net//.default", "https://management.core.windows.net/"),
        ("https://graph.microsoft.com/.default", "https://graph.microsoft.com"),
    ):
        verify(ManagedIdentityCredential().get_token(scope).token, audience)


@scenario("PyJWT verifies the token by discovery and key set")
def verified():
    token = ManagedIdentityCredential().get_token(ARM_SCOPE).token
    said = verify(token, "https://management.azure.com")
    equal(said["oid"], SYSTEM)
    equal(said["sub"], SYSTEM)
    equal(said["idtyp"], "app")
    equal(said["exp"] - said["nbf"], 86700)
    raises(jwt.InvalidAudienceError, verify, token, "https://vault.azure.net")
    head, body, signature = token.split(".")
    other = claims(token) | {"oid": USER_OBJECT}
    forged = jwt.encode(other, "k" * 32, algorithm="HS256").split(".")[1]
    raises(jwt.InvalidSignatureError, verify, f"{head}.{forged}.{signature}", "https://management.azure.com")


@scenario("the token reads the virtual machine")
def reads():
    machine = client(ComputeManagementClient, ManagedIdentityCredential(), SUBSCRIPTION).virtual_machines.get("demo", "demo")
    equal(machine.id.lower(), DEMO.lower())
    equal(machine.identity.type, "SystemAssigned, UserAssigned")
    equal(machine.identity.principal_id, SYSTEM)


@scenario("the token cannot create one: 403 AuthorizationFailed")
def cannot_create():
    machines = client(ComputeManagementClient, ManagedIdentityCredential(), SUBSCRIPTION).virtual_machines
    error = raises(HttpResponseError, machines.begin_create_or_update, "demo", "other", {"location": "westeurope", "properties": {}})
    equal((error.status_code, error.error.code), (403, "AuthorizationFailed"))
    assert SYSTEM in error.message and "Microsoft.Compute/virtualMachines/write" in error.message, error.message
