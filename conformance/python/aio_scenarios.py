"""azure-identity's asynchronous variant, which has a metadata client of its own."""

import asyncio

from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

from metadata_scenarios import NOBODY, SELECTS, SYSTEM, USER_CLIENT, USER_OBJECT, USER_RESOURCE
from support import ARM_SCOPE, claims, equal, raises, scenario


def token(credential):
    async def ask():
        async with credential:
            return (await credential.get_token(ARM_SCOPE)).token

    return claims(asyncio.run(ask()))


@scenario("aio.ManagedIdentityCredential: the system-assigned identity")
def system_assigned():
    equal(token(ManagedIdentityCredential())["oid"], SYSTEM)
    equal(token(DefaultAzureCredential())["oid"], SYSTEM)


@scenario("aio.ManagedIdentityCredential: by client id, object id and resource id")
def selected():
    by_config = [{"identity_config": {"object_id": USER_OBJECT}}, {"identity_config": {"resource_id": USER_RESOURCE}}]
    for selector in [{"client_id": USER_CLIENT}, *(by_config if SELECTS else [])]:
        equal(token(ManagedIdentityCredential(**selector))["oid"], USER_OBJECT)


@scenario("aio.ManagedIdentityCredential: an unknown identity is refused")
def unknown():
    raises(ClientAuthenticationError, token, ManagedIdentityCredential(client_id=NOBODY))
