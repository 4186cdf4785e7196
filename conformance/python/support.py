"""What the scenarios share: the running cloud, as `up --json` described it, and a runner."""

import base64
import importlib.util
import json
import os
import ssl
import subprocess
import sys
import time
import traceback

import azure.identity
import jwt
import requests
from azure.identity import ClientSecretCredential

INFO = json.load(open(os.environ["BONAFIDE_INFO"]))
TENANT = INFO["tenantId"]
SUBSCRIPTION = INFO["subscriptionId"]
LOGIN = INFO["endpoints"]["login"].rstrip("/")
ARM = INFO["endpoints"]["management"].rstrip("/")
ARM_SCOPE = "https://management.azure.com/.default"
DEMO = next(w["resourceId"] for w in INFO["workloads"] if w["resourceId"].lower().endswith("/virtualmachines/demo"))
ALL = os.environ.get("CONFORMANCE_ALL") == "1"
VERSION = tuple(int(part) for part in azure.identity.__version__.split(".")[:2])

# Seconds between two scenarios: a workload has 20 requests a second, and not every client tries again when it is throttled.
PACE = 0.1

SCENARIOS = []


def scenario(name, needs=True):
    """Marks a function as the scenario `name`; scenarios run in the order in which they stand. One whose
    library is too old for what it needs is left out."""

    def mark(function):
        if needs:
            SCENARIOS.append((name, function))
        return function

    return mark


def installed(*names):
    """True when all these modules are installed; a variant has fewer than the newest clients."""
    try:
        return all(importlib.util.find_spec(name) for name in names)
    except ModuleNotFoundError:
        return False


def run():
    """Runs all scenarios, says how each came out, and ends the process."""
    failed = False
    for name, function in SCENARIOS:
        time.sleep(PACE)
        try:
            function()
            print(f"ok {name}", flush=True)
        except Exception as error:  # a broken scenario must not hide the next
            failed = True
            where = traceback.extract_tb(error.__traceback__)
            line = next((f.lineno for f in reversed(where) if f.filename.startswith(os.path.dirname(__file__))), 0)
            said = " ".join(str(error).split())[:600] or type(error).__name__
            print(f"FAIL {name}: line {line}: {type(error).__name__}: {said}", flush=True)
            traceback.print_exc()
    sys.exit(1 if failed else 0)


def raises(kind, function, *arguments, **keywords):
    """The exception of `kind` that the call raises; anything else is a failure."""
    try:
        result = function(*arguments, **keywords)
    except kind as error:
        return error
    raise AssertionError(f"nothing was raised; it returned {result!r:.300}")


def equal(one, other):
    assert one == other, f"{one!r:.400} is not {other!r:.400}"


def claims(token):
    """The claims of a token, not verified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def verify(token, audience):
    """The claims of a token whose issuer's discovery document, key set, signature, times, issuer
    and audience are all right."""
    issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
    assert issuer.startswith(LOGIN + "/"), f"the issuer is {issuer}"
    answer = requests.get(issuer.rstrip("/") + "/.well-known/openid-configuration", timeout=10)
    answer.raise_for_status()
    document = answer.json()
    equal(document["issuer"], issuer)
    trust = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    key = jwt.PyJWKClient(document["jwks_uri"], ssl_context=trust).get_signing_key_from_jwt(token)
    return jwt.decode(token, key.key, algorithms=["RS256"], audience=audience, issuer=issuer,
                      options={"require": ["exp", "nbf", "iat", "aud", "iss", "sub"]})


def operator(**keywords):
    """The operator, by its client secret."""
    secret = open(INFO["operator"]["secretFile"]).read().strip()
    keywords.setdefault("client_secret", secret)
    keywords.setdefault("client_id", INFO["operator"]["clientId"])
    keywords.setdefault("tenant_id", TENANT)
    return ClientSecretCredential(authority=LOGIN, disable_instance_discovery=True, **keywords)


def client(kind, credential, *arguments, **keywords):
    """A management client of this cloud."""
    return kind(credential, *arguments, base_url=ARM, credential_scopes=[ARM_SCOPE], **keywords)


def demo_identities():
    """The system-assigned identity's object id, and the user-assigned one's id, client and object id. Read without any
    library: the oldest ones cannot sign in here."""
    secret = open(INFO["operator"]["secretFile"]).read().strip()
    form = {"grant_type": "client_credentials", "client_id": INFO["operator"]["clientId"], "client_secret": secret, "scope": ARM_SCOPE}
    token = requests.post(f"{LOGIN}/{TENANT}/oauth2/v2.0/token", form, timeout=20).json()["access_token"]
    machine = requests.get(f"{ARM}{DEMO}?api-version=2024-07-01", headers={"Authorization": f"Bearer {token}"}, timeout=20)
    identity = machine.json()["identity"]
    (resource_id, user), = identity["userAssignedIdentities"].items()
    return identity["principalId"], resource_id, user["clientId"], user["principalId"]


def eventually(function, seconds=5.0):
    """Calls until nothing is raised; what was raised last when that takes too long."""
    started = time.monotonic()
    while True:
        try:
            return function()
        except Exception:
            if time.monotonic() - started > seconds:
                raise
            time.sleep(0.1)


def as_workload(workload, code, *arguments):
    """What the Python `code` prints when it is run by `bonafide exec` as `workload`."""
    command = [os.environ["BONAFIDE"], "exec", "--data-dir", os.environ["BONAFIDE_DATA"], "--workload", workload, "--",
               sys.executable, "-B", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


TOKEN_OF_DEFAULT = """
import sys
from azure.identity import DefaultAzureCredential
print(DefaultAzureCredential(managed_identity_client_id=(sys.argv[1:] or [None])[0]).get_token("https://management.azure.com/.default").token)
"""
