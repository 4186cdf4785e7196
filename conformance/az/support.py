"""What the scripts share: the Azure CLI as a process, the running cloud, and checks."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time

INFO = json.load(open(os.environ["BONAFIDE_INFO"]))
TENANT = INFO["tenantId"]
SUBSCRIPTION = INFO["subscriptionId"]
LOGIN = INFO["endpoints"]["login"].rstrip("/")
ARM = INFO["endpoints"]["management"].rstrip("/")
GRAPH = INFO["endpoints"]["graph"].rstrip("/")
OPERATOR = INFO["operator"]["clientId"]
DEMO = next(w["resourceId"] for w in INFO["workloads"] if w["resourceId"].lower().endswith("/virtualmachines/demo"))
NOBODY = "00000000-0000-4000-8000-000000000000"
GROUPS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
MACHINES = "Microsoft.Compute/virtualMachines"
# The quick gate leaves out most commands: each takes a second.
ALL = os.environ.get("CONFORMANCE_ALL") == "1"
# The answers are those of an earlier run (`cargo xtask bench az`), and their tokens older than they say.
CANNED = os.environ.get("CONFORMANCE_CANNED") == "1"
COMMAND_SECONDS_MAX = 60

os.environ.update(
    AZURE_CORE_COLLECT_TELEMETRY="no", AZURE_CORE_SURVEY_MESSAGE="no", AZURE_CORE_NO_COLOR="true", AZURE_CORE_ONLY_SHOW_ERRORS="true",
    AZURE_CORE_LOGIN_EXPERIENCE_V2="off", AZURE_CORE_DISPLAY_REGION_IDENTIFIED="false",
)

SECONDS_OF_COMMANDS = []


def configuration(name, of=None):
    """A new folder for what az keeps, `AZURE_CONFIG_DIR`; a copy of the folder `of`, sign-in included."""
    folder = os.path.join(os.environ["CONFORMANCE_DIR"], "config", name)
    shutil.rmtree(folder, ignore_errors=True)
    if of:
        shutil.copytree(of, folder)
    return folder


@contextlib.contextmanager
def settings(**variables):
    """The environment has these variables meanwhile; None takes one away."""
    before = {name: os.environ.get(name) for name in variables}
    try:
        change(variables)
        yield
    finally:
        change(before)


def change(variables):
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def process(*arguments, traceback_of_az=False):
    started = time.monotonic()
    done = subprocess.run([os.path.join(os.environ["CONFORMANCE_DIR"], "bin/az"), *arguments, "--output", "json"],
                          capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX, stdin=subprocess.DEVNULL)
    SECONDS_OF_COMMANDS.append(time.monotonic() - started)
    assert traceback_of_az or "Traceback" not in done.stderr, f"az {' '.join(arguments)} ends in a traceback: {done.stderr[-700:]}"
    return done


def az(*arguments):
    """What the command prints, as a value; None when it prints nothing. A failing command is a failure."""
    done = process(*arguments)
    assert done.returncode == 0, f"az {' '.join(arguments)}: exit code {done.returncode}: {done.stderr[-700:]}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def refused(word, *arguments, code=1, traceback_of_az=False):
    """The command fails with the exit code and says `word`: 3 is az's for 404. In a traceback only where no answer could help."""
    done = process(*arguments, traceback_of_az=traceback_of_az)
    said = done.stderr + done.stdout
    assert done.returncode != 0, f"az {' '.join(arguments)} was not refused: {said[-400:]}"
    assert word in said, f"no {word!r} in: {said[-700:]}"
    equal(done.returncode, code)


def equal(one, other):
    assert one == other, f"{one!r:.400} is not {other!r:.400}"


def same(one, other):
    """Equal but for case, as ids are."""
    equal(one.lower(), other.lower())


def names(items):
    return sorted(item["name"] for item in items)


def users(identity):
    """The names of the user-assigned identities of an identity block."""
    return sorted(key.rsplit("/", 1)[1] for key in identity.get("userAssignedIdentities") or {})


def group(name):
    """Makes the resource group of a script, and gives its id."""
    return az("group", "create", "--name", name, "--location", "westeurope")["id"]


def machine(resource_group, name="vm"):
    """Makes a machine without a template, and gives its id."""
    body = {"location": "westeurope", "properties": {"hardwareProfile": {"vmSize": "Standard_D2s_v5"}}}
    return az("resource", "create", "--resource-group", resource_group, "--name", name, "--resource-type", MACHINES, "--is-full-object",
              "--properties", json.dumps(body))["id"]


def image(resource_group, resource_id):
    """Makes a resource group, and an image in it that machines can be made from."""
    group(resource_group)
    body = {"location": "westeurope", "properties": {"storageProfile": {"osDisk": {"osType": "Linux", "osState": "Generalized"}}}}
    az("rest", "--method", "put", "--url", f"{resource_id}?api-version=2024-03-01", "--body", json.dumps(body))


def claims(token):
    """The claims of a token, not verified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def by_certificate(*more):
    """Signs in as the operator."""
    return az("login", "--service-principal", "--username", OPERATOR, "--certificate", INFO["operator"]["certificateFile"],
              "--tenant", TENANT, *more)


def token_of(workload, *more):
    """A token for the resource manager, of a workload that `up` places on this machine."""
    command = [os.environ["BONAFIDE"], "token", "--data-dir", os.environ["BONAFIDE_DATA"], "--workload", workload,
               "--resource", "https://management.azure.com/", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX)
    assert done.returncode == 0, f"no token of {workload}: {done.stderr[-400:]}"
    return done.stdout.strip()


def eventually(function, seconds=10.0):
    """Calls until nothing is raised; what was raised last when that takes too long."""
    started = time.monotonic()
    while True:
        try:
            return function()
        except Exception:
            if time.monotonic() - started > seconds:
                raise
            time.sleep(0.2)
