"""The images and the extension types that az offers. Follows azure-cli's `test_vm_image_list_by_alias`, `test_vm_image_show`, `test_vm_images_list_thru_services`
and `test_vm_extension_images`."""

from scenarios import scenario
from support import ALL, az, equal, names, refused

HERE = ("--location", "westeurope")
OF = (*HERE, "--publisher", "Canonical")


@scenario("vm image list, list-publishers, list-offers, list-skus, show", ALL)
def images():
    assert az("vm", "image", "list"), "no short names"
    assert {"Canonical", "Microsoft.ManagedIdentity"} <= set(names(az("vm", "image", "list-publishers", *HERE)))
    offer = az("vm", "image", "list-offers", *OF)[0]["name"]
    sku = az("vm", "image", "list-skus", *OF, "--offer", offer)[0]["name"]
    listed = az("vm", "image", "list", *OF, "--offer", offer, "--sku", sku, "--all")
    shown = az("vm", "image", "show", *HERE, "--urn", listed[0]["urn"])
    equal((shown["name"], shown["osDiskImage"]["operatingSystem"]), (listed[0]["version"], "Linux"))
    assert az("vm", "image", "show", *HERE, "--urn", f"Canonical:{offer}:{sku}:latest")["hyperVGeneration"]
    refused("ArtifactNotFound", "vm", "image", "show", *HERE, "--urn", "Canonical:none:none:latest", code=3)


@scenario("vm extension image list, list-names, list-versions, show", ALL)
def extension_types():
    of = (*HERE, "--publisher", "Microsoft.ManagedIdentity")
    types = {"ManagedIdentityExtensionForLinux", "ManagedIdentityExtensionForWindows"}
    equal(set(names(az("vm", "extension", "image", "list-names", *of))), types)
    equal({item["name"] for item in az("vm", "extension", "image", "list", *of)}, types)
    for name in types:
        version, = names(az("vm", "extension", "image", "list-versions", *of, "--name", name))
        assert version.startswith("1.0"), version
        shown = az("vm", "extension", "image", "show", *of, "--name", name, "--version", version)
        equal(shown["operatingSystem"], name.rsplit("For", 1)[1])
    refused("ArtifactNotFound", "vm", "extension", "image", "list-versions", *of, "--name", "None", code=3)
