"""MSAL for Python and the metadata endpoint, in whichever dialect the environment names."""

import msal
import requests

from metadata_scenarios import NOBODY, SYSTEM, USER_CLIENT, USER_OBJECT, USER_RESOURCE
from support import claims, equal, scenario

RESOURCE = "https://management.azure.com"
# Since 1.29.
KNOWN = hasattr(msal, "ManagedIdentityClient")


def ask(identity, resource=RESOURCE):
    return msal.ManagedIdentityClient(identity, http_client=requests.Session()).acquire_token_for_client(resource=resource)


def oid(identity):
    answer = ask(identity)
    assert "access_token" in answer, answer
    return claims(answer["access_token"])["oid"]


@scenario("msal.ManagedIdentityClient: the system-assigned identity", KNOWN)
def system_assigned():
    equal(oid(msal.SystemAssignedManagedIdentity()), SYSTEM)


@scenario("msal.ManagedIdentityClient: by client id, object id and resource id", KNOWN)
def selected():
    for selector in ({"client_id": USER_CLIENT}, {"object_id": USER_OBJECT}, {"resource_id": USER_RESOURCE}):
        equal(oid(msal.UserAssignedManagedIdentity(**selector)), USER_OBJECT)


@scenario("msal.ManagedIdentityClient: an unknown identity and an unknown resource are refused in words", KNOWN)
def refused():
    assert "found" in str(ask(msal.UserAssignedManagedIdentity(client_id=NOBODY)))
    answer = ask(msal.SystemAssignedManagedIdentity(), "https://nobody.example")
    assert "AADSTS500011" in str(answer), answer
