"""The Cloud Shell endpoint of `bonafide exec --dialect cloud-shell`."""

import msal
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.mgmt.compute import ComputeManagementClient

import relay
from support import ARM_SCOPE, DEMO, LOGIN, SUBSCRIPTION, TENANT, claims, client, demo_identities, equal, raises, run, scenario, verify

SYSTEM, _, USER_CLIENT, _ = demo_identities()


@scenario("ManagedIdentityCredential() and DefaultAzureCredential() in Cloud Shell")
def system_assigned():
    token = ManagedIdentityCredential().get_token(ARM_SCOPE)
    equal((claims(token.token)["oid"], claims(token.token)["exp"]), (SYSTEM, token.expires_on))
    equal(claims(DefaultAzureCredential().get_token(ARM_SCOPE).token)["oid"], SYSTEM)
    verify(ManagedIdentityCredential().get_token("https://vault.azure.net/.default").token, "https://vault.azure.net")


@scenario("ManagedIdentityCredential in Cloud Shell: the token reads the virtual machine")
def reads():
    machine = client(ComputeManagementClient, ManagedIdentityCredential(), SUBSCRIPTION).virtual_machines.get("demo", "demo")
    equal(machine.id.lower(), DEMO.lower())


@scenario("ManagedIdentityCredential in Cloud Shell: an unknown resource and a chosen identity are refused")
def refused():
    error = raises(ClientAuthenticationError, ManagedIdentityCredential().get_token, "https://nobody.example/.default")
    assert "AADSTS500011" in str(error), error
    # The newer versions refuse the identity themselves, and the others send it.
    raises((ClientAuthenticationError, ValueError), lambda: ManagedIdentityCredential(client_id=USER_CLIENT).get_token(ARM_SCOPE))


@scenario("msal.PublicClientApplication in Cloud Shell", hasattr(msal, "cloudshell"))
def by_msal():
    relay.start()
    application = msal.PublicClientApplication("04b07795-8ddb-461a-bbee-02f9e1bf7b46", authority=f"{LOGIN}/{TENANT}", instance_discovery=False)
    ask = application.acquire_token_interactive
    answer = ask([ARM_SCOPE], prompt="none")
    assert "access_token" in answer, answer
    equal(claims(answer["access_token"])["oid"], SYSTEM)
    answer = ask(["https://nobody.example/.default"], prompt="none")
    equal(answer["error"], "AudienceNotSupported")
    assert "AADSTS500011" in answer["error_description"], answer


run()
