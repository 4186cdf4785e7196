"""The extension that serves tokens on a port of a machine. Follows azure-cli's `test_vm_extension`. On a machine that no host runs az ends with
the reason, and the extension can be seen, written again and taken away. Machine demo is the namespace of the scripts, where there is one."""

import http.client
import json

from scenarios import scenario
from support import ALL, DEMO, INFO, az, claims, equal, eventually, group, machine, names, refused

HERE = ("--resource-group", "az-vm-extension")
VM = (*HERE, "--vm-name", "vm-extension")
NAME = "ManagedIdentityExtensionForLinux"
LINUX = ("--publisher", "Microsoft.ManagedIdentity", "--name", NAME)
ON_DEMO = ("--resource-group", "demo", "--vm-name", "demo")
IS_DEMO = any(w["resourceId"] == DEMO and w["endpoint"] == "http://169.254.169.254" for w in INFO["workloads"])


def asked(port):
    """Asks the endpoint as a program on the machine does: the status and the answer."""
    connection = http.client.HTTPConnection("localhost", port, timeout=10)
    try:
        connection.request("GET", "/oauth2/token?resource=https%3A%2F%2Fvault.azure.net", headers={"Metadata": "true"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def closed(port):
    try:
        answer = asked(port)
    except ConnectionRefusedError:
        return
    raise AssertionError(f"port {port} answers: {answer[0]}")


@scenario("the types and versions that az asks for", ALL)
def published():
    here = ("--location", "westeurope", "--publisher", "Microsoft.ManagedIdentity")
    equal(names(az("vm", "extension", "image", "list-names", *here)), [NAME, "ManagedIdentityExtensionForWindows"])
    equal(len(az("vm", "extension", "image", "list-versions", *here, "--name", NAME)), 1)


@scenario("set, and a program on the machine gets tokens at its port; another port; delete, and it is refused", ALL and IS_DEMO)
def served():
    closed(50342)
    made = az("vm", "extension", "set", *ON_DEMO, *LINUX, "--version", "1.0", "--settings", '{"port": 50342}')
    equal(made["provisioningState"], "Succeeded")
    status, answer = asked(50342)
    equal((status, answer["resource"], answer["token_type"]), (200, "https://vault.azure.net", "Bearer"))
    equal(claims(answer["access_token"])["oid"], az("vm", "identity", "show", "--ids", DEMO)["principalId"])
    az("vm", "extension", "set", *ON_DEMO, *LINUX, "--version", "1.0", "--settings", '{"port": 50343}')
    equal(asked(50343)[0], 200)
    closed(50342)
    az("vm", "extension", "delete", *ON_DEMO, "--name", NAME)
    eventually(lambda: closed(50343), 5.0)
    equal(az("vm", "extension", "list", *ON_DEMO), [])


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
