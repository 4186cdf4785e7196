"""`client.py KIND SECONDS`: asks the metadata endpoint of the namespace that it runs in, `quiet` for its own token at a rate that
is allowed, `noisy` for all kinds of things at fifty times that. Prints what came back as JSON."""

import json
import selectors
import socket
import sys
import time
import urllib.parse
import uuid

METADATA = "169.254.169.254"
# Source: Azure's limit for identities, docs/wire/imds.md.
RATE = 20
NOISE = 50 * RATE
# A little below what is allowed, so that a clock that runs unevenly makes nobody refused; and one new token a second.
QUIET = 16
TOKEN = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + urllib.parse.quote("https://management.azure.com/", safe="")
# Longest time for an answer, in seconds.
ANSWER_WITHIN = 10
# Connections of the noisy client. The most of Azure's clients at once would be fewer.
CONNECTIONS = 16


def request(target):
    return f"GET {target} HTTP/1.1\r\nHost: {METADATA}\r\nMetadata: true\r\n\r\n".encode()


class Connection:
    def __init__(self):
        self.socket = socket.create_connection((METADATA, 80), ANSWER_WITHIN)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def status(self):
        """The status of an answer that has come whole, or None; 0 where the connection has ended."""
        if b"\r\n\r\n" not in self.received:
            return None
        head, _, rest = self.received.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        if len(rest) < length:
            return None
        self.received = rest[length:]
        return int(head.split(b" ", 2)[1])

    def hear(self):
        part = self.socket.recv(65536)
        self.received += part
        return bool(part)


def quiet(seconds):
    """One connection, one request after the other: the time of each cached token in milliseconds, and all other statuses."""
    connection, took, other = Connection(), [], []
    begun = time.monotonic()
    for number in range(int(seconds * QUIET)):
        time.sleep(max(0, begun + number / QUIET - time.monotonic()))
        is_forced = number % QUIET == QUIET - 1
        since = time.monotonic()
        connection.socket.sendall(request(TOKEN + "&bypass_cache=true" if is_forced else TOKEN))
        while (status := connection.status()) is None:
            assert connection.hear(), "the connection of the quiet one was ended"
        if status != 200:
            other.append(status)
        elif not is_forced:
            took.append((time.monotonic() - since) * 1000)
    return {"took": took, "other": other}


def targets():
    """What the noisy one asks for: tokens, new tokens, identities that nobody has, documents, paths that are not there."""
    while True:
        yield from (TOKEN, TOKEN, TOKEN + "&bypass_cache=true", TOKEN, f"{TOKEN}&client_id={uuid.uuid4()}", TOKEN,
                    "/metadata/instance?api-version=2021-02-01", TOKEN, f"/metadata/{uuid.uuid4()}", TOKEN)


def noisy(seconds):
    """So many requests a second, whether they are answered or not: their number, and how many of each status."""
    asked, seen, wanted = 0, {}, targets()
    heard = selectors.DefaultSelector()
    free, begun = [], time.monotonic()

    def fresh():
        connection = Connection()
        heard.register(connection.socket, selectors.EVENT_READ, connection)
        return connection

    free = [fresh() for _ in range(CONNECTIONS)]
    while (now := time.monotonic()) < begun + seconds:
        due = int((now - begun) * NOISE) - asked
        while due > 0 and free:
            free.pop().socket.sendall(request(next(wanted)))
            asked, due = asked + 1, due - 1
        for key, _ in heard.select(0.001):
            connection = key.data
            is_open = connection.hear()
            status = connection.status() if is_open else 0
            if status is None:
                continue
            seen[status] = seen.get(status, 0) + 1
            if is_open:
                free.append(connection)
            else:
                heard.unregister(connection.socket)
                connection.socket.close()
                free.append(fresh())
    return {"asked": asked, "seen": seen}


print(json.dumps({"quiet": quiet, "noisy": noisy}[sys.argv[1]](float(sys.argv[2]))))
