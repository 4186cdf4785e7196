"""The retired extension of a workload, as management puts it there and takes it away."""

from world import until

URL = "http://localhost:50342/oauth2/token?resource=https%3A%2F%2Fmanagement.azure.com%2F"
NAME = "ManagedIdentityExtensionForLinux"


def put(workload, **more):
    """Puts it on the machine, and waits until it is there."""
    properties = {"publisher": "Microsoft.ManagedIdentity", "type": NAME, "typeHandlerVersion": "1.0", "settings": {"port": 50342}, **more}
    path = f"{workload.id}/extensions/{NAME}"
    workload.plane.manage("PUT", path, {"location": "westeurope", "properties": properties})

    def ended():
        state = workload.plane.manage("GET", path)["properties"]["provisioningState"]
        return state if state in ("Succeeded", "Failed") else None

    state = until("the extension is provisioned", ended, 60)
    if state != "Succeeded":
        seen = workload.plane.manage("GET", path, expand="instanceView")["properties"].get("instanceView")
        raise AssertionError(f"the extension is {state}: {seen}")


def delete(workload):
    path = f"{workload.id}/extensions/{NAME}"
    workload.plane.manage("DELETE", path)
    until("the extension is gone", lambda: workload.plane.exists(path) is False, 60)
