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
