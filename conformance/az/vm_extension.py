"""The extension that served tokens on a port of a machine. Follows azure-cli's `test_vm_extension`. No host serves it yet: az ends with the
reason, and the extension can be seen, written again and taken away."""

from scenarios import scenario
from support import ALL, az, equal, group, machine, names, refused

HERE = ("--resource-group", "az-vm-extension")
VM = (*HERE, "--vm-name", "vm-extension")
NAME = "ManagedIdentityExtensionForLinux"
LINUX = ("--publisher", "Microsoft.ManagedIdentity", "--name", NAME)


@scenario("the types and versions that az asks for", ALL)
def published():
    here = ("--location", "westeurope", "--publisher", "Microsoft.ManagedIdentity")
    equal(names(az("vm", "extension", "image", "list-names", *here)), [NAME, "ManagedIdentityExtensionForWindows"])
    equal(len(az("vm", "extension", "image", "list-versions", *here, "--name", NAME)), 1)


@scenario("set needs an identity; then it ends with the reason why no endpoint answers", ALL)
def failing():
    group("az-vm-extension")
    machine("az-vm-extension", "vm-extension")
    refused("dentity", "vm", "extension", "set", *VM, *LINUX, "--version", "1.0")
    equal(az("vm", "extension", "list", *VM), [])
    az("vm", "identity", "assign", *HERE, "--name", "vm-extension")
    refused("VMExtensionProvisioningError", "vm", "extension", "set", *VM, *LINUX, "--version", "1.0", "--settings", '{"port": 50342}')
    # Without a version az looks for the newest.
    refused("VMExtensionProvisioningError", "vm", "extension", "set", *VM, *LINUX, "--settings", '{"port": 50342}')
    refused("port", "vm", "extension", "set", *VM, *LINUX, "--version", "1.0", "--settings", '{"port": 0}')


@scenario("show, list, delete twice", ALL)
def shown():
    found = az("vm", "extension", "show", *VM, "--name", NAME)
    equal((found["settings"], found["provisioningState"]), ({"port": 50342}, "Failed"))
    equal(names(az("vm", "extension", "list", *VM)), [NAME])
    az("vm", "extension", "delete", *VM, "--name", NAME)
    az("vm", "extension", "delete", *VM, "--name", NAME)
    equal(az("vm", "extension", "list", *VM), [])
    az("group", "delete", "--name", "az-vm-extension", "--yes", "--no-wait")
