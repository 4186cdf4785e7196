"""Commands of every group of az that the documents of managed identities name, and of their neighbours: whether it is served or not, none ends
in a Python traceback, and a refusal is one of the surface that was asked. azure-cli has no such test."""

import re

from scenarios import scenario
from support import ALL, GRAPH, NOBODY, OPERATOR, az, group, process

HERE = "--resource-group az-sweep"
VM = f"{HERE} --vm-name none"
KEY = "--admin-username bob --generate-ssh-keys"

# Of the resource manager: az shows the code and the message of its JSON.
MANAGEMENT = f"""
account management-group list --no-register
account management-group show --no-register --name none
account management-group entities list
acr list {HERE}
acr check-name --name none12345
aks list {HERE}
aks show {HERE} --name none
aks get-versions --location westeurope
apim list {HERE}
apim show {HERE} --name none
appservice plan list {HERE}
appservice plan show {HERE} --name none
batch account list {HERE}
billing account list
consumption usage list
container list {HERE}
container show {HERE} --name none
cosmosdb list {HERE}
deployment group list {HERE}
deployment group show {HERE} --name none
deployment operation group list {HERE} --name none
deployment sub list
deployment tenant list
disk list {HERE}
eventhubs namespace list {HERE}
eventhubs namespace show {HERE} --name none-such
feature list
feature show --namespace Microsoft.Compute --name None
functionapp list {HERE}
functionapp identity show {HERE} --name none
group export --name az-sweep
group lock list {HERE}
identity federated-credential list {HERE} --identity-name none
identity list {HERE}
identity show {HERE} --name none
image list {HERE}
keyvault list {HERE}
keyvault list-deleted
keyvault show {HERE} --name none
lock list {HERE}
logicapp list {HERE}
managedapp list {HERE}
monitor activity-log list
monitor diagnostic-settings list --resource {{group}}
network lb list {HERE}
network list-usages --location westeurope
network nic list {HERE}
network nsg list {HERE}
network nsg show {HERE} --name none
network public-ip list {HERE}
network vnet list {HERE}
network vnet show {HERE} --name none
policy assignment list
policy definition list
policy state list
provider list
provider operation show --namespace Microsoft.Compute
provider permission list --namespace Microsoft.Compute
provider show --namespace Microsoft.None
resource link list
resource list {HERE}
resource show {HERE} --name none --resource-type Microsoft.Web/sites
rest --url /subscriptions/{{subscriptionId}}/none?api-version=2022-12-01
role assignment list --all
role assignment list-changelogs
role definition list --name None
role deny-assignment list
servicebus namespace list {HERE}
servicebus namespace show {HERE} --name none-such
sig list {HERE}
snapshot list {HERE}
sql server list {HERE}
storage account check-name --name none12345
storage account keys list {HERE} --account-name none12345
storage account list {HERE}
storage account show {HERE} --name none12345
storage account show-usage --location westeurope
tag list
tag list --resource-id {{group}}
vm availability-set list {HERE}
vm boot-diagnostics get-boot-log {HERE} --name none
vm create {HERE} --name swept --image None:None:None:latest {KEY}
vm extension image list-versions --location westeurope --publisher Microsoft.ManagedIdentity --name ManagedIdentityExtensionForLinux
vm extension list {VM}
vm extension set {VM} --publisher Microsoft.ManagedIdentity --name ManagedIdentityExtensionForLinux --version 1.0
vm extension show {VM} --name ManagedIdentityExtensionForLinux
vm host group list {HERE}
vm identity assign {HERE} --name none
vm identity remove {HERE} --name none
vm identity show {HERE} --name none
vm image list --all --publisher None --location westeurope
vm image list-publishers --location westeurope
vm image show --urn None:None:None:latest --location westeurope
vm list {HERE}
vm list-sizes --location westeurope
vm list-skus --location westeurope
vm list-usage --location westeurope
vm reapply {HERE} --name none
vm run-command invoke {HERE} --name none --command-id RunShellScript --scripts ls
vm show {HERE} --name none
vm start {HERE} --name none
vmss create {HERE} --name swept --image None:None:None:latest {KEY}
vmss deallocate {HERE} --name none
vmss extension list {HERE} --vmss-name none
vmss identity assign {HERE} --name none
vmss identity show {HERE} --name none
vmss list {HERE}
vmss list-instances {HERE} --name none
vmss scale {HERE} --name none --new-capacity 2
vmss show {HERE} --name none
vmss update-instances {HERE} --name none --instance-ids 0
webapp identity assign {HERE} --name none
webapp list {HERE}
"""

# Of the directory: az shows the message of its JSON alone.
DIRECTORY = f"""
ad app create --display-name ""
ad app credential list --id {NOBODY}
ad app delete --id {NOBODY}
ad app list --display-name none
ad app owner list --id {NOBODY}
ad app show --id {NOBODY}
ad group create --display-name none --mail-nickname none
ad group show --group none
ad signed-in-user list-owned-objects
ad signed-in-user show
ad sp create --id {NOBODY}
ad sp credential list --id {OPERATOR}
ad sp credential delete --id {OPERATOR} --key-id {NOBODY}
ad sp delete --id {NOBODY}
ad sp list --show-mine
ad sp owner list --id {OPERATOR}
ad sp show --id {NOBODY}
ad sp update --id {NOBODY} --set tags=[]
ad user create --display-name none --password Password-1234 --user-principal-name none@none.example
ad user list
ad user show --id none@none.example
rest --url {GRAPH}/v1.0/none
"""

# The quick gate takes one of so many.
EVERY = 1 if ALL else 40
# Both are words of the client, not of a surface: what it made of an answer, or found out without asking.
CODE = re.compile(r"\(\w+\) |Code: \w+|\{\"error\":|\"code\":")
OF_AZ = re.compile(r"not found|[Nn]o .* (matches|exists)|doesn't exist|does not exist|Please enable|Please |Cannot find|not supported")


def each(commands):
    lines = [line for line in commands.strip().splitlines() if line]
    return [line.split(" ") for line in lines[::EVERY]]


def sweep(commands, is_of_the_surface, **values):
    wrong = []
    for command in each(commands):
        # All that is wrong is told at once: a sweep takes minutes.
        done = process(*[part.format(**values) for part in command], traceback_of_az=True)
        said = done.stderr.strip()
        if "Traceback" in said:
            wrong.append(f"{' '.join(command)} ends in a traceback: {said[-300:]}")
        elif done.returncode == 2 and "argument" in said:
            wrong.append(f"the command is not one of az's: {' '.join(command)}: {said[-200:]}")
        elif done.returncode != 0 and not is_of_the_surface(said):
            wrong.append(f"{' '.join(command)}: {said[-300:]}")
    assert not wrong, "; ".join(wrong)


@scenario("no command of the resource manager ends in a traceback, and each refusal has a code")
def management():
    made = group("az-sweep")
    sweep(MANAGEMENT, lambda said: CODE.search(said) or OF_AZ.search(said), group=made, subscriptionId="{subscriptionId}")


@scenario("no command of the directory ends in a traceback, and each refusal is Graph's")
def directory():
    # An answer that is not the directory's JSON is one of these words.
    strange = re.compile(r"Expecting value|AADSTS|InvalidResourceType|JSONDecodeError|HTTP Error|<html")
    sweep(DIRECTORY, lambda said: not strange.search(said))
    az("group", "delete", "--name", "az-sweep", "--yes", "--no-wait")
