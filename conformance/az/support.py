"""What the scenarios share: the Azure CLI as a process, the running cloud, and a runner."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
import traceback

INFO = json.load(open(os.environ["BONAFIDE_INFO"]))
TENANT = INFO["tenantId"]
SUBSCRIPTION = INFO["subscriptionId"]
LOGIN = INFO["endpoints"]["login"].rstrip("/")
ARM = INFO["endpoints"]["management"].rstrip("/")
GRAPH = INFO["endpoints"]["graph"].rstrip("/")
OPERATOR = INFO["operator"]["clientId"]
DEMO = next(w["resourceId"] for w in INFO["workloads"] if w["resourceId"].lower().endswith("/virtualmachines/demo"))
NOBODY = "00000000-0000-4000-8000-000000000000"
# The quick gate leaves out most commands: each takes a second.
ALL = os.environ.get("CONFORMANCE_ALL") == "1"
COMMAND_SECONDS_MAX = 60

# Each part has a configuration of its own, a new one in each run.
CONFIGURATION = os.path.join(os.environ["CONFORMANCE_DIR"], "config", os.path.basename(sys.argv[0]))
shutil.rmtree(CONFIGURATION, ignore_errors=True)
os.environ.update(
    AZURE_CONFIG_DIR=CONFIGURATION, AZURE_CORE_COLLECT_TELEMETRY="no", AZURE_CORE_SURVEY_MESSAGE="no",
    AZURE_CORE_NO_COLOR="true", AZURE_CORE_ONLY_SHOW_ERRORS="true", AZURE_CORE_LOGIN_EXPERIENCE_V2="off",
)

SCENARIOS = []
COMMANDS = []


def scenario(name, needs=True):
    """Marks a function as the scenario `name`; scenarios run in the order in which they stand."""

    def mark(function):
        if needs:
            SCENARIOS.append((name, function))
        return function

    return mark


def run():
    """Runs all scenarios, says how each came out, and ends the process."""
    failed = False
    for name, function in SCENARIOS:
        try:
            function()
            print(f"ok {name}", flush=True)
        except Exception as error:  # a broken scenario must not hide the next
            failed = True
            where = traceback.extract_tb(error.__traceback__)
            line = next((f.lineno for f in reversed(where) if f.name == function.__name__), 0)
            print(f"FAIL {name}: line {line}: {' '.join(str(error).split())[:900] or type(error).__name__}", flush=True)
            traceback.print_exc()
    print(f"# {len(COMMANDS)} commands of {sum(COMMANDS) / max(len(COMMANDS), 1):.2f} s", flush=True)
    sys.exit(1 if failed else 0)


def process(*arguments):
    started = time.monotonic()
    done = subprocess.run([os.path.join(os.environ["CONFORMANCE_DIR"], "bin/az"), *arguments, "--output", "json"],
                          capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX)
    COMMANDS.append(time.monotonic() - started)
    return done


def az(*arguments):
    """What the command prints, as a value; None when it prints nothing. A failing command is a failure."""
    done = process(*arguments)
    assert done.returncode == 0, f"az {' '.join(arguments)}: exit code {done.returncode}: {done.stderr[-700:]}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def refused(word, *arguments, code=1):
    """The command fails with the exit code and says `word`: 3 is az's for 404."""
    done = process(*arguments)
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


def claims(token):
    """The claims of a token, not verified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def by_certificate(*more):
    """Signs in as the operator."""
    return az("login", "--service-principal", "--username", OPERATOR, "--certificate", INFO["operator"]["certificateFile"],
              "--tenant", TENANT, *more)


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
