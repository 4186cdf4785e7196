"""Runs scenarios: those of one script one after the other, and scripts side by side, each with a copy of the sign-in."""

import concurrent.futures
import os
import subprocess
import sys
import traceback

from support import SECONDS_OF_COMMANDS, configuration

HERE = os.path.dirname(os.path.abspath(__file__))
# az spends its seconds in the interpreter; more at once than processors makes nothing faster.
WORKERS = max(1, min(4, os.cpu_count() or 1))
# Frames of these files are no checks of their own.
SHARED = {"support.py", "scenarios.py"}

SCENARIOS = []


def scenario(name, needs=True):
    """Marks a function as the scenario `name` of its script; scenarios run in the order in which they stand."""

    def mark(function):
        assert ": " not in name, f"': ' ends the name of a scenario where it is shown: {name}"
        if needs:
            script = function.__module__.rsplit(".", 1)[-1]
            SCENARIOS.append((f"{script} - {name}" if script != "__main__" else name, function))
        return function

    return mark


def run():
    """Runs the scenarios of the scripts that were imported, says how each came out, and whether all did what they should."""
    passed = True
    for name, function in SCENARIOS:
        try:
            function()
            print(f"ok {name}", flush=True)
        except Exception as error:  # a broken scenario must not hide the next
            passed = False
            print(f"FAIL {name}: {check(error)}: {' '.join(str(error).split())[:900] or type(error).__name__}", flush=True)
            traceback.print_exc()
    seconds = sum(SECONDS_OF_COMMANDS)
    print(f"# {len(SECONDS_OF_COMMANDS)} commands of {seconds / max(len(SECONDS_OF_COMMANDS), 1):.2f} s", flush=True)
    SCENARIOS.clear()
    return passed


def check(error):
    """The innermost line of a script that the error came through: the check that failed."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if os.path.dirname(f.filename) == HERE]
    own = [f for f in frames if os.path.basename(f.filename) not in SHARED]
    return f"{os.path.basename(own[-1].filename)}:{own[-1].lineno} `{(own[-1].line or '')[:160]}`" if own else "the script"


def side_by_side(scripts):
    """Runs each script as a process of its own; true when all scenarios did what they should."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return all(list(pool.map(alone, scripts)))


def alone(script):
    folder = configuration(script, of=os.environ["AZURE_CONFIG_DIR"])
    done = subprocess.run([sys.executable, "-B", os.path.join(HERE, "management.py"), script], capture_output=True, text=True,
                          env={**os.environ, "AZURE_CONFIG_DIR": folder})
    # One call each, for other scripts print too.
    sys.stdout.write(done.stdout.replace("# ", f"# {script}: ", 1) if done.stdout.startswith("# ") else done.stdout)
    sys.stdout.flush()
    sys.stderr.write(done.stderr)
    if done.returncode not in (0, 1):
        print(f"FAIL {script}: the script: {' '.join(done.stderr.split())[-600:]}", flush=True)
    return done.returncode == 0
