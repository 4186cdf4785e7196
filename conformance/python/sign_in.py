"""Sign-in with azure-identity, as the operator."""

import os
import uuid

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, DefaultAzureCredential

from support import ARM_SCOPE, INFO, LOGIN, TENANT, claims, equal, operator, raises, scenario, verify


@scenario("ClientSecretCredential")
def by_secret():
    said = verify(operator().get_token(ARM_SCOPE).token, "https://management.azure.com")
    equal(said["appid"], INFO["operator"]["clientId"])
    equal(said["tid"], TENANT)


@scenario("CertificateCredential, by thumbprint and by x5c")
def by_certificate():
    for send_chain in (False, True):
        credential = CertificateCredential(TENANT, INFO["operator"]["clientId"], INFO["operator"]["certificateFile"],
                                           authority=LOGIN, disable_instance_discovery=True, send_certificate_chain=send_chain)
        equal(claims(credential.get_token(ARM_SCOPE).token)["appid"], INFO["operator"]["clientId"])


@scenario("DefaultAzureCredential signs in from the environment")
def by_environment():
    variables = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": INFO["operator"]["clientId"],
                 "AZURE_CLIENT_SECRET": open(INFO["operator"]["secretFile"]).read().strip()}
    os.environ.update(variables)
    try:
        # The authority is AZURE_AUTHORITY_HOST, which `bonafide env` exports.
        token = DefaultAzureCredential(disable_instance_discovery=True).get_token(ARM_SCOPE).token
    finally:
        for name in variables:
            del os.environ[name]
    equal(claims(token)["appid"], INFO["operator"]["clientId"])


@scenario("wrong secret, unknown application, unknown tenant, unknown resource")
def refused_sign_in():
    nobody = str(uuid.uuid4())
    for credential, scope, code in (
        (operator(client_secret="wrong"), ARM_SCOPE, "AADSTS7000215"),
        (operator(client_id=nobody), ARM_SCOPE, "AADSTS700016"),
        (operator(), "https://nobody.example/.default", "AADSTS500011"),
    ):
        error = raises(ClientAuthenticationError, credential.get_token, scope)
        assert code in str(error), str(error)
        assert all(part in str(error) for part in ("Trace ID: ", "Correlation ID: ", "Timestamp: ")), str(error)
    raises((ClientAuthenticationError, ValueError), operator(tenant_id=nobody).get_token, ARM_SCOPE)
    stranger = CertificateCredential(TENANT, nobody, INFO["operator"]["certificateFile"], authority=LOGIN, disable_instance_discovery=True)
    assert "AADSTS700016" in str(raises(ClientAuthenticationError, stranger.get_token, ARM_SCOPE))
