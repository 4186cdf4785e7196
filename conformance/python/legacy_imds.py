"""msrestazure, which went before azure-identity. It knows no address but the real one."""

import time

import requests
from msrestazure.azure_active_directory import MSIAuthentication

from metadata_scenarios import NOBODY, SYSTEM, USER_CLIENT, USER_OBJECT, USER_RESOURCE
from support import claims, equal, raises, scenario


def oid(**selector):
    return claims(MSIAuthentication(**selector).token["access_token"])["oid"]


@scenario("msrestazure MSIAuthentication: the system-assigned identity")
def system_assigned():
    equal(oid(), SYSTEM)
    equal(oid(resource="https://vault.azure.net"), SYSTEM)


@scenario("msrestazure MSIAuthentication: by client id, object id and resource id")
def selected():
    for selector in ({"client_id": USER_CLIENT}, {"object_id": USER_OBJECT}, {"msi_res_id": USER_RESOURCE}):
        equal(oid(**selector), USER_OBJECT)


@scenario("msrestazure MSIAuthentication: an unknown identity is refused at once")
def unknown():
    started = time.monotonic()
    error = raises(requests.HTTPError, MSIAuthentication, client_id=NOBODY)
    equal(error.response.status, 400)
    assert time.monotonic() - started < 2, "the client retried"
