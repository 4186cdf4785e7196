"""The operator signs in. Follows azure-cli's `test_account_show` and `test_list_locations`; its tests of signing in are of people
(`test_auth_e2e.py`) or of functions (`test_profile_custom.py`), so that those steps are of our own."""

from scenarios import scenario
from support import (
    ALL, CANNED, INFO, NOBODY, OPERATOR, SUBSCRIPTION, TENANT, az, by_certificate, claims, equal, names, refused,
)

SECRET_FILE = INFO["operator"]["secretFile"]


@scenario("a wrong secret, an unknown application, an unknown tenant")
def wrong():
    login = ("login", "--service-principal", "--tenant", TENANT)
    refused("AADSTS7000215", *login, "--username", OPERATOR, "--password", "wrong")
    if ALL:
        refused("AADSTS700016", *login, "--username", NOBODY, "--password", "wrong")
        refused("AADSTS700016", *login, "--username", NOBODY, "--certificate", INFO["operator"]["certificateFile"])
        # az's own traceback, in Azure too: MSAL raises it for a tenant that the token service does not know.
        refused("Unable to get authority configuration", "login", "--service-principal", "--tenant", NOBODY, "--username", OPERATOR,
                "--password", "wrong", traceback_of_az=True)


@scenario("the secret, account show, logout")
def by_secret():
    account, = az("login", "--service-principal", "--username", OPERATOR, f"--password=@{SECRET_FILE}", "--tenant", TENANT)
    equal((account["id"], account["tenantId"], account["state"], account["cloudName"]), (SUBSCRIPTION, TENANT, "Enabled", "Here"))
    shown = az("account", "show")
    equal(shown["user"], {"name": OPERATOR, "type": "servicePrincipal"})
    az("logout")
    refused("az login", "account", "show")


@scenario("the certificate by x5c", ALL)
def by_chain():
    by_certificate("--use-cert-sn-issuer")
    equal(claims(az("account", "get-access-token")["accessToken"])["appid"], OPERATOR)
    az("logout")


@scenario("the certificate, account list")
def signed_in():
    by_certificate()
    equal([account["id"] for account in az("account", "list")], [SUBSCRIPTION])
    if ALL:
        az("account", "set", "--subscription", SUBSCRIPTION)
        assert "westeurope" in names(az("account", "list-locations"))


@scenario("account get-access-token, by default and for another resource")
def tokens():
    token = az("account", "get-access-token")
    said = claims(token["accessToken"])
    equal((said["appid"], said["tid"], token["tenant"], token["subscription"]), (OPERATOR, TENANT, TENANT, SUBSCRIPTION))
    assert CANNED or abs(token["expires_on"] - said["exp"]) <= 5, f"{token['expires_on']} is not {said['exp']}"
    vault = az("account", "get-access-token", "--resource", "https://vault.azure.net")
    equal(claims(vault["accessToken"])["aud"], "https://vault.azure.net")
    if ALL:
        scoped = az("account", "get-access-token", "--scope", "https://vault.azure.net/.default")
        equal(claims(scoped["accessToken"])["aud"], "https://vault.azure.net")
        equal(claims(az("account", "get-access-token", "--resource-type", "ms-graph")["accessToken"])["appid"], OPERATOR)
    refused("AADSTS500011", "account", "get-access-token", "--resource", "https://nobody.example")
