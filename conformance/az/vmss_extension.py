"""The extension of scale sets, uniform and flexible. Follows azure-cli's `test_vmss_extension`, `test_vmss_extension_debug`, `test_vmss_update_instances` and
`test_list_vm_by_vmss`. No host runs these instances: whatever puts it on one ends with the reason."""

from scenarios import scenario
from support import ALL, GROUPS, az, equal, image, names, refused

GROUP = f"{GROUPS}/az-vmss-extension"
HERE = ("--resource-group", "az-vmss-extension")
IMAGE = f"{GROUP}/providers/Microsoft.Compute/images/image"
NAME = "ManagedIdentityExtensionForLinux"
LINUX = ("--publisher", "Microsoft.ManagedIdentity", "--name", NAME, "--version", "1.0")
SET, FLEXIBLE = "uniform", "flexible"


def create(name, mode, policy, *more):
    az("vmss", "create", *HERE, "--name", name, "--image", IMAGE, "--orchestration-mode", mode, "--instance-count", "1", *policy,
       "--admin-username", "me", "--admin-password", "Correct-Horse-1", *more)


def extension(command, *arguments, of=SET):
    return az("vmss", "extension", command, *HERE, "--vmss-name", of, *arguments)


def on_instance(number="0"):
    view = az("vmss", "get-instance-view", *HERE, "--name", SET, "--instance-id", number)
    return [item["name"] for item in view.get("extensions") or []]


@scenario("set needs an identity; set, show and list; the manual policy leaves instances as they are", ALL)
def manual():
    image("az-vmss-extension", IMAGE)
    create(SET, "Uniform", ("--upgrade-policy-mode", "Manual"))
    refused("dentity", "vmss", "extension", "set", *HERE, "--vmss-name", SET, *LINUX)
    az("vmss", "identity", "assign", *HERE, "--name", SET)
    extension("set", *LINUX, "--extension-instance-name", "msi", "--settings", '{"port": 50343}')
    shown = extension("show", "--name", "msi")
    equal((shown["publisher"], shown["type"], shown["settings"]), ("Microsoft.ManagedIdentity", NAME, {"port": 50343}))
    equal(names(extension("list")), ["msi"])
    extension("set", "--publisher", "Microsoft.Azure.Extensions", "--name", "CustomScript", "--version", "2.0")
    equal(sorted(names(extension("list"))), ["CustomScript", "msi"])
    equal(on_instance(), [])
    refused("port", "vmss", "extension", "set", *HERE, "--vmss-name", SET, *LINUX, "--settings", '{"port": 0}')


@scenario("update-instances and scale put it on instances, and end with the reason why no endpoint answers", ALL)
def updated():
    refused("VMExtensionProvisioningError", "vmss", "update-instances", *HERE, "--name", SET, "--instance-ids", "0")
    equal(on_instance(), ["msi"])
    refused("VMExtensionProvisioningError", "vmss", "scale", *HERE, "--name", SET, "--new-capacity", "2")
    one = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{SET}/extensions/msi"
    equal(az("rest", "--method", "get", "--url", f"{one}?api-version=2024-11-01")["properties"]["provisioningState"], "Failed")
    [counted] = az("vmss", "get-instance-view", *HERE, "--name", SET)["extensions"]
    equal((counted["name"], counted["statusesSummary"]), ("msi", [{"code": "ProvisioningState/failed", "count": 2}]))


@scenario("delete, and update-instances takes it away", ALL)
def deleted():
    extension("delete", "--name", "msi")
    equal(names(extension("list")), ["CustomScript"])
    az("vmss", "update-instances", *HERE, "--name", SET, "--instance-ids", "*")
    equal(on_instance(), [])
    refused("not found", "vmss", "extension", "delete", *HERE, "--vmss-name", SET, "--name", "msi")


@scenario("a flexible set, whose machines are listed by it", ALL)
def flexible():
    create(FLEXIBLE, "Flexible", (), "--assign-identity", "[system]")
    [machine] = az("vm", "list", *HERE, "--vmss", FLEXIBLE)
    equal(machine["virtualMachineScaleSet"]["id"].split("/")[-1], FLEXIBLE)
    extension("set", *LINUX, of=FLEXIBLE)
    refused("VMExtensionProvisioningError", "vmss", "update-instances", *HERE, "--name", FLEXIBLE, "--instance-ids", "*")
    equal(names(az("vm", "extension", "list", *HERE, "--vm-name", machine["name"])), [NAME])
    extension("delete", "--name", NAME, of=FLEXIBLE)
    az("vmss", "update-instances", *HERE, "--name", FLEXIBLE, "--instance-ids", "*")
    equal(az("vm", "extension", "list", *HERE, "--vm-name", machine["name"]), [])
    az("group", "delete", "--name", "az-vmss-extension", "--yes", "--no-wait")
