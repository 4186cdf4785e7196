"""Preview features. Follows azure-cli's `test_feature_list` and `test_feature_unregister`."""

from scenarios import scenario
from support import ALL, az, equal

FEATURE = ("--namespace", "Microsoft.Compute", "--name", "EncryptionAtHost")


@scenario("list, show, register, unregister", ALL)
def features():
    az("feature", "list")
    az("feature", "list", "--namespace", "Microsoft.Compute")
    registered = az("feature", "register", *FEATURE)
    equal((registered["name"], registered["properties"]["state"]), ("Microsoft.Compute/EncryptionAtHost", "Registered"))
    equal(az("feature", "show", *FEATURE)["properties"]["state"], "Registered")
    assert "Microsoft.Compute/EncryptionAtHost" in [item["name"] for item in az("feature", "list", "--namespace", "Microsoft.Compute")]
    assert az("feature", "unregister", *FEATURE)["properties"]["state"] in ("Unregistering", "Unregistered")
