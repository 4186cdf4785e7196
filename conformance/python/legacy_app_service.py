"""msrestazure at the address that MSI_ENDPOINT names, in version 2017-09-01."""

import time

from msrestazure.azure_active_directory import MSIAuthentication

from metadata_scenarios import NOBODY, SYSTEM, USER_CLIENT, USER_OBJECT
from support import claims, equal, raises, scenario


def oid(**selector):
    return claims(MSIAuthentication(**selector).token["access_token"])["oid"]


@scenario("msrestazure MSIAuthentication in App Service: the system-assigned identity")
def system_assigned():
    equal(oid(), SYSTEM)
    equal(oid(resource="https://vault.azure.net"), SYSTEM)


@scenario("msrestazure MSIAuthentication in App Service: by client id, the only selector that it sends there")
def selected():
    equal(oid(client_id=USER_CLIENT), USER_OBJECT)


@scenario("msrestazure MSIAuthentication in App Service: an unknown identity is refused at once")
def unknown():
    started = time.monotonic()
    error = raises(RuntimeError, MSIAuthentication, client_id=NOBODY)
    assert "No User Assigned or Delegated Managed Identity found" in str(error), error
    assert time.monotonic() - started < 2, "the client retried"
