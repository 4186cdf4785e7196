"""Sign-in with MSAL for Python, below azure-identity."""

import time
import uuid

import jwt
import msal
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from support import ARM_SCOPE, INFO, LOGIN, TENANT, claims, equal, scenario

OPERATOR = INFO["operator"]["clientId"]
SECRET = open(INFO["operator"]["secretFile"]).read().strip()
PEM = open(INFO["operator"]["certificateFile"]).read()
CERTIFICATE = x509.load_pem_x509_certificate(PEM.encode())
THUMBPRINT = CERTIFICATE.fingerprint(hashes.SHA1()).hex()
VERSION = tuple(int(part) for part in msal.__version__.split(".")[:2])
# Before, the public cloud was asked whether the authority is one, or an authority's port was lost.
KNOWN = VERSION >= (1, 19)


def ask(credential, scope=ARM_SCOPE, client_id=OPERATOR):
    application = msal.ConfidentialClientApplication(client_id, credential, authority=f"{LOGIN}/{TENANT}", instance_discovery=False)
    return application.acquire_token_for_client([scope])


def signs_in(credential):
    answer = ask(credential)
    assert "access_token" in answer, answer
    equal(claims(answer["access_token"])["appid"], OPERATOR)


def assertion(headers, audience=f"{LOGIN}/{TENANT}/oauth2/v2.0/token"):
    """A client assertion that names the certificate in its headers."""
    now = int(time.time())
    said = {"iss": OPERATOR, "sub": OPERATOR, "aud": audience, "jti": str(uuid.uuid4()), "nbf": now, "exp": now + 600}
    return jwt.encode(said, PEM, algorithm="RS256", headers=headers)


@scenario("msal.ConfidentialClientApplication: secret", KNOWN)
def by_secret():
    signs_in(SECRET)


@scenario("msal.ConfidentialClientApplication: certificate, by SHA-1, by SHA-256 and by x5c", KNOWN)
def by_certificate():
    signs_in({"private_key": PEM, "thumbprint": THUMBPRINT})
    signs_in({"private_key": PEM, "thumbprint": THUMBPRINT, "public_certificate": PEM})
    if VERSION >= (1, 29):
        signs_in({"private_key": PEM, "public_certificate": PEM})


@scenario("msal.ConfidentialClientApplication: assertion, the certificate named by x5t and kid", KNOWN)
def by_assertion():
    signs_in({"client_assertion": assertion({"x5t": jwt.utils.base64url_encode(bytes.fromhex(THUMBPRINT)).decode()})})
    signs_in({"client_assertion": lambda: assertion({"kid": THUMBPRINT.upper()})})


@scenario("msal: wrong secret, unknown application, unknown resource, no /.default", KNOWN)
def refused():
    for answer, code in (
        (ask("wrong"), "AADSTS7000215"),
        (ask(SECRET, client_id=str(uuid.uuid4())), "AADSTS700016"),
        (ask(SECRET, "https://nobody.example/.default"), "AADSTS500011"),
        (ask(SECRET, "https://management.azure.com/user_impersonation"), "AADSTS1002012"),
    ):
        assert code in answer.get("error_description", ""), answer
