"""Login, management and the directory as the operator: all scripts, or those that are named, which then need a sign-in."""

import importlib
import os
import sys

import scenarios
from support import DEMO, az, configuration, refused, same

# Each in groups of its own, so that they can run beside each other.
SIDE_BY_SIDE = [
    "vm_identity", "assignments", "locks", "resources", "custom_roles", "power", "identity", "groups", "keyvault", "directory", "provider", "rest",
    "vm_create", "vmss_create", "deployments", "vm_extension", "tags", "feature", "storage_account", "management_groups", "vmss", "vmss_extension", "network", "images", "sweep",
]


def everything():
    os.environ["AZURE_CONFIG_DIR"] = configuration("management")
    importlib.import_module("cloud")
    importlib.import_module("login")
    passed = scenarios.run()
    passed = scenarios.side_by_side(SIDE_BY_SIDE) and passed

    @scenarios.scenario("what nobody touched is there; logout")
    def ending():
        same(az("vm", "show", "--ids", DEMO)["id"], DEMO)
        az("logout")
        refused("az login", "group", "list")

    return scenarios.run() and passed


def named(scripts):
    for script in scripts:
        importlib.import_module(script)
    return not scenarios.SCENARIOS or scenarios.run()


sys.exit(0 if (named(sys.argv[1:]) if sys.argv[1:] else everything()) else 1)
