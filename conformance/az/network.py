"""The network of a machine, as far as `vm create` sends it, by the commands that make its parts one by one. Follows azure-cli's `test_network_nsg`,
`test_network_vnet`, `test_network_subnet_set`, `test_network_public_ip` and `test_network_nic`. No network is made."""

from scenarios import scenario
from support import ALL, GROUPS, az, equal, group, image, names, refused, same

HERE = ("--resource-group", "az-network")
ABOVE = f"{GROUPS}/az-network/providers/Microsoft.Network"
SUBNET = f"{ABOVE}/virtualNetworks/net/subnets/back"
IMAGE = f"{GROUPS}/az-network/providers/Microsoft.Compute/images/image"


@scenario("vnet create with a subnet, subnet create, update, list and delete", ALL)
def networks():
    group("az-network")
    az("network", "vnet", "create", *HERE, "--name", "net", "--address-prefixes", "10.1.0.0/16", "--subnet-name", "front", "--subnet-prefixes", "10.1.0.0/24")
    of_network = (*HERE, "--vnet-name", "net")
    made = az("network", "vnet", "subnet", "create", *of_network, "--name", "back", "--address-prefixes", "10.1.1.0/24")
    equal((made["id"], made["addressPrefix"]), (SUBNET, "10.1.1.0/24"))
    equal(names(az("network", "vnet", "subnet", "list", *of_network)), ["back", "front"])
    equal(names(az("network", "vnet", "show", *HERE, "--name", "net")["subnets"]), ["back", "front"])
    az("network", "vnet", "subnet", "update", *of_network, "--name", "back", "--service-endpoints", "Microsoft.Storage")
    shown, = [item for item in az("network", "vnet", "show", *HERE, "--name", "net")["subnets"] if item["name"] == "back"]
    equal([item["service"] for item in shown["serviceEndpoints"]], ["Microsoft.Storage"])
    az("network", "vnet", "subnet", "delete", *of_network, "--name", "front")
    equal(names(az("network", "vnet", "show", *HERE, "--name", "net")["subnets"]), ["back"])
    az("network", "vnet", "update", *HERE, "--name", "net", "--set", "tags.a=b")
    equal(names(az("network", "vnet", "subnet", "list", *of_network)), ["back"])


@scenario("nsg create, rule create, list, update and delete; the default rules", ALL)
def security_groups():
    of_group = (*HERE, "--nsg-name", "nsg")
    az("network", "nsg", "create", *HERE, "--name", "nsg")
    equal(az("network", "nsg", "rule", "list", *of_group), [])
    az("network", "nsg", "rule", "create", *of_group, "--name", "ssh", "--priority", "1000", "--destination-port-ranges", "22", "--access", "Allow")
    equal(names(az("network", "nsg", "rule", "list", *of_group)), ["ssh"])
    with_default = az("network", "nsg", "rule", "list", *of_group, "--include-default")
    assert {"ssh", "DenyAllInBound", "AllowVnetOutBound"} <= set(names(with_default)), with_default
    equal(names(az("network", "nsg", "show", *HERE, "--name", "nsg")["securityRules"]), ["ssh"])
    equal(az("network", "nsg", "rule", "update", *of_group, "--name", "ssh", "--priority", "1001")["priority"], 1001)
    equal(az("network", "nsg", "rule", "show", *of_group, "--name", "ssh")["priority"], 1001)
    az("network", "nsg", "rule", "delete", *of_group, "--name", "ssh")
    equal(az("network", "nsg", "show", *HERE, "--name", "nsg")["securityRules"], [])


@scenario("public-ip and nic create, and a machine with that nic", ALL)
def interfaces():
    az("network", "public-ip", "create", *HERE, "--name", "address", "--sku", "Standard")
    az("network", "nic", "create", *HERE, "--name", "nic", "--subnet", SUBNET, "--network-security-group", "nsg", "--public-ip-address", "address")
    shown = az("network", "nic", "show", *HERE, "--name", "nic")
    equal(shown["ipConfigurations"][0]["subnet"]["id"], SUBNET)
    equal(names(az("network", "nic", "list", *HERE)), ["nic"])
    equal(az("network", "nic", "ip-config", "list", *HERE, "--nic-name", "nic")[0]["name"], "ipconfig1")
    image("az-network", IMAGE)
    made = az("vm", "create", *HERE, "--name", "vm", "--image", IMAGE, "--nics", "nic", "--admin-username", "me", "--admin-password", "Correct-Horse-1")
    assert made["publicIpAddress"] and made["privateIpAddress"], made
    same(az("vm", "nic", "list", *HERE, "--vm-name", "vm")[0]["id"], shown["id"])


@scenario("lb create with a nat rule", ALL)
def balancers():
    az("network", "lb", "create", *HERE, "--name", "lb", "--sku", "Standard", "--public-ip-address", "address", "--backend-pool-name", "pool")
    of_balancer = (*HERE, "--lb-name", "lb")
    az("network", "lb", "inbound-nat-rule", "create", *of_balancer, "--name", "ssh", "--protocol", "Tcp", "--frontend-port", "50000", "--backend-port", "22")
    equal(names(az("network", "lb", "inbound-nat-rule", "list", *of_balancer)), ["ssh"])
    equal(names(az("network", "lb", "address-pool", "list", *of_balancer)), ["pool"])
    az("network", "lb", "inbound-nat-rule", "delete", *of_balancer, "--name", "ssh")
    equal(az("network", "lb", "show", *HERE, "--name", "lb")["inboundNatRules"], [])
    refused("ResourceNotFound", "network", "lb", "show", *HERE, "--name", "none", code=3)
    az("group", "delete", "--name", "az-network", "--yes", "--no-wait")
