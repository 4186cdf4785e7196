"""Resource providers. Follows azure-cli's `test_provider_registration`."""

from scenarios import scenario
from support import ALL, az, equal, refused


@scenario("list, show, register")
def registered():
    shown = az("provider", "show", "--namespace", "Microsoft.Compute")
    equal((shown["namespace"], shown["registrationState"]), ("Microsoft.Compute", "Registered"))
    types = [item["resourceType"] for item in shown["resourceTypes"]]
    assert "virtualMachines" in types, types
    if ALL:
        assert {"Microsoft.Compute", "Microsoft.ManagedIdentity", "Microsoft.Authorization"} <= {
            item["namespace"] for item in az("provider", "list")}
        az("provider", "register", "--namespace", "Microsoft.Web", "--wait")
        az("provider", "unregister", "--namespace", "Microsoft.Batch")
        equal(az("provider", "show", "--namespace", "Microsoft.Batch")["registrationState"], "Unregistered")
        az("provider", "register", "--namespace", "Microsoft.Batch", "--wait")
        equal(az("provider", "show", "--namespace", "Microsoft.Batch")["registrationState"], "Registered")
        refused("InvalidResourceNamespace", "provider", "show", "--namespace", "Microsoft.Nope", code=3)


@scenario("operation list and show name what a custom role can", ALL)
def operations():
    shown = az("provider", "operation", "show", "--namespace", "Microsoft.Compute")
    machines = next(item for item in shown["resourceTypes"] if item["name"] == "virtualMachines")
    assert "Microsoft.Compute/virtualMachines/start/action" in {item["name"] for item in machines["operations"]}, machines
    names = [item["name"] for item in az("provider", "operation", "list")]
    assert {"Microsoft.Compute", "Microsoft.Web"} <= set(names) and len(names) == len(set(names)), names
