"""Deployments of template files. Follows azure-cli's `test_group_deployment`, `test_group_deployment_crossrg`'s first half and
`test_group_deployment_with_large_params`."""

import os

from scenarios import scenario
from support import ALL, GROUPS, az, equal, group, refused

GROUP = f"{GROUPS}/az-deployments"
HERE = ("--resource-group", "az-deployments")
# As people write them: az sends the text as it is.
TEMPLATE = """{
  // an identity
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "parameters": {"name": {"type": "string", "allowedValues": ["one", "two"]}, "hidden": {"type": "securestring", "defaultValue": "x"},},
  "resources": [
    {
      "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": "[parameters('name')]",
      "location": "[resourceGroup().location]" /* the group's */
    }
  ],
  "outputs": {"PrincipalId": {"type": "string", "value": "[reference(parameters('name')).principalId]"}}
}
"""


def file(name, text):
    path = os.path.join(os.environ["AZURE_CONFIG_DIR"], name)
    with open(path, "w") as opened:
        opened.write(text)
    return path


@scenario("create, show, list, its operations")
def created():
    group("az-deployments")
    path = file("first.json", TEMPLATE)
    made = az("deployment", "group", "create", *HERE, "--template-file", path, "--parameters", "name=one")
    equal((made["name"], made["properties"]["provisioningState"]), ("first", "Succeeded"))
    principal = az("identity", "show", *HERE, "--name", "one")["principalId"]
    equal(made["properties"]["outputs"], {"principalId": {"type": "String", "value": principal}})
    if ALL:
        shown = az("deployment", "group", "show", *HERE, "--name", "first")
        equal(shown["properties"]["parameters"], {"hidden": {"type": "SecureString"}, "name": {"type": "String", "value": "one"}})
        equal([item["name"] for item in az("deployment", "group", "list", *HERE)], ["first"])
        operations = az("deployment", "operation", "group", "list", *HERE, "--name", "first")
        equal([item["properties"]["targetResource"]["resourceName"] for item in operations], ["one"])


@scenario("validate makes nothing, and says what is wrong", ALL)
def validated():
    path = file("second.json", TEMPLATE)
    az("deployment", "group", "validate", *HERE, "--template-file", path, "--parameters", "name=two")
    refused("allowed value(s)", "deployment", "group", "validate", *HERE, "--template-file", path, "--parameters", "name=three")
    refused("ResourceNotFound", "identity", "show", *HERE, "--name", "two", code=3)
    wrong = file("wrong.json", TEMPLATE.replace("[parameters('name')]", "[nosuch('name')]"))
    refused("The template function 'nosuch' is not valid", "deployment", "group", "create", *HERE, "--template-file", wrong, "--parameters", "name=one")


@scenario("delete forgets it and leaves what it deployed", ALL)
def deleted():
    az("deployment", "group", "delete", *HERE, "--name", "first")
    refused("DeploymentNotFound", "deployment", "group", "show", *HERE, "--name", "first", code=3)
    az("identity", "show", *HERE, "--name", "one")
