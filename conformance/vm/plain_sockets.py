"""Plain virtual sockets (vsock(7)). The kernel of the machine of these scripts need not have them: host agent and guests are on a
machine of QEMU's, whose kernel has, and each guest there is a queue at its kernel's vhost-vsock and nothing more."""

import os

from guest import INSTALLED, Guest, with_libraries
from world import BINARY, METADATA, TOKEN_PATH, claims, parsed, run, scenario, until

TAP, MAC, ADDRESS, GATEWAY = "tap9", "52:54:00:12:34:99", "10.9.9.2/24", "10.9.9.1"
# Control plane and agent are one process.
MEMORY_MIB = 512
PORT = 8080
# The numbers of three guests.
FIRST, SECOND, NOBODY = 42, 43, 44
# Its processor is emulated: keys are made for some seconds.
STARTED_WITHIN = 120

START = "for m in vhost_iotlb vhost vhost_vsock; do insmod /modules/$m.ko; done; mkdir -p /run; " \
    "bonafide up --json --data-dir /data > /up.json 2> /up.log < /dev/null &"
# A second machine with an identity, made by the operator.
MAKE = """cd /data; value() { sed -n 's/.*"'$1'":"\\([^"]*\\)".*/\\1/p'; }
management=$(value management < /up.json); tenant=$(value tenantId < /up.json); client=$(value clientId < /up.json)
token=$(curl -s --cacert ca.pem -d grant_type=client_credentials -d client_id=$client --data-urlencode client_secret@operator/secret \
--data-urlencode resource=https://management.azure.com/ $management/$tenant/oauth2/token | value access_token)
curl -s --cacert ca.pem -X PUT -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
-d '{"location":"westeurope","identity":{"type":"SystemAssigned"},"properties":{}}' \
"$management/subscriptions/$(value subscriptionId < /up.json)/resourceGroups/demo/providers/Microsoft.Compute/virtualMachines/second?api-version=2024-11-01" """


def names_of_token(host, number):
    """The machine that a guest's token names, if it gets one."""
    request = f"GET {TOKEN_PATH} HTTP/1.1\\r\\nHost: {METADATA}\\r\\nMetadata: true\\r\\nConnection: close\\r\\n\\r\\n"
    _, said = host.run(f"printf '{request.replace('%', '%%')}' | vsock_client {number} {PORT}")
    token = parsed(said.partition("\r\n\r\n")[2]).get("access_token")
    return claims(token)["xms_mirid"].rpartition("/")[2] if token else None


def done(host, command):
    code, said = host.run(command)
    assert code == 0, f"{command[:80]}: {code} {said[-400:]}"
    return said


@scenario("at a plain virtual socket the number of a guest decides, by the word of the kernel of its host")
def numbers(_):
    run("ip", "tuntap", "add", "dev", TAP, "mode", "tap")
    run("ip", "link", "set", TAP, "up")
    files = (*with_libraries(BINARY, "/bin/bonafide"), (os.path.join(INSTALLED, "bin/vsock_client"), "/bin/vsock_client"))
    host = Guest("host-of-guests", TAP, MAC, ADDRESS, GATEWAY, files=files, memory_mib=MEMORY_MIB)
    host.booted()
    host.run(START)
    until("`up` runs", lambda: host.run("test -s /up.json")[0] == 0, STARTED_WITHIN, every=1)
    # A command is a line.
    done(host, "(" + MAKE.replace("\n", "; ") + ")")
    assert names_of_token(host, FIRST) is None, "nothing is attached"
    attach = f"bonafide host attach --data-dir /data --vsock-port {PORT} --vsock "
    done(host, f"{attach} {FIRST} --workload demo")
    done(host, f"{attach} {SECOND} --workload second")
    for _ in range(2):
        assert [names_of_token(host, number) for number in (FIRST, SECOND, NOBODY)] == ["demo", "second", None]
    done(host, f"bonafide host detach --data-dir /data --vsock-port {PORT} --vsock {FIRST}")
    assert [names_of_token(host, number) for number in (FIRST, SECOND)] == [None, "second"]
    # Its successor of the number gets what is attached to it, and not what was.
    done(host, f"{attach} {FIRST} --workload second")
    assert names_of_token(host, FIRST) == "second"
    host.power_off()
