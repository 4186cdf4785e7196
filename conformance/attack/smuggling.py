"""Requests that somebody outside makes a guest's own software send: through stock proxies in the guest, as a browser would
under a rebound name, and as a library would that can be made to fetch an address. None of them may get a token."""

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from attacker import owners
from world import DATA, METADATA, TOKEN_PATH, until

NGINX, HAPROXY = 8081, 8082
# Connections at a time.
AT_ONCE = 16
# What a proxy adds to say for whom it asks, and names of the client's own for it.
SAID = (
    "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For:", "x-forwarded-for : 169.254.169.254", "X-Forwarded-Host: 169.254.169.254",
    "X-Forwarded-Proto: http", "Forwarded: for=127.0.0.1", "Via: 1.1 here", "X-Real-IP: 127.0.0.1", "X-Original-URL: /metadata",
    "Client-IP: 127.0.0.1", "True-Client-IP: 127.0.0.1", "X-Forwarded-For: a\r\nX-Forwarded-For: b",
)
# Not among them: localhost and loopback addresses, which nobody else can make a name for.
OTHER_HOSTS = (
    "attacker.example", "attacker.example:80", "169.254.169.254.attacker.example", "attacker.example#169.254.169.254",
    "169.254.169.254@attacker.example", "192.0.2.1", "metadata.google.internal", "0xa9fea9fe", "2852039166",
    "[::ffff:169.254.169.254]", "169.254.169.254:8080", "169.254.169.254, attacker.example", "", "169.254.43518",
)


def head(*lines, method="GET", target=TOKEN_PATH, host=METADATA, version="HTTP/1.1", metadata="Metadata: true"):
    named = () if host is None else (f"Host: {host}",)
    return "\r\n".join((f"{method} {target} {version}", *named, *((metadata,) if metadata else ()), *lines)) + "\r\n\r\n"


def behind_proxies():
    """What is sent to a proxy in the guest, which forwards it to the endpoint: each hides a request, or what the proxy says of
    it, from one of the two."""
    inner = head("X-Ignore: x")
    chunked = "0\r\n\r\n" + inner
    yield from (head(), head("Connection: close, X-Forwarded-For"), head("Connection: X-Forwarded-For, Via, Forwarded"))
    yield from (head(f"Connection: {name}") for name in ("X-Real-IP", "Host", "Metadata", "close, Host"))
    yield from (head(said) for said in SAID)
    # One side goes by the length, the other by the chunks.
    for spelling in (
        "Transfer-Encoding: chunked", "Transfer-Encoding : chunked", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding:\tchunked", "Transfer-Encoding:\x0bchunked", "X: x\nTransfer-Encoding: chunked", "transfer-encoding: CHUNKED",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "Transfer_Encoding: chunked",
    ):
        for method in ("POST", "GET"):
            yield head(spelling, f"Content-Length: {len(chunked)}", method=method, metadata=None) + chunked
            yield head("Content-Length: 4", spelling, method=method, metadata=None) + f"{len(inner):x}\r\n{inner}\r\n0\r\n\r\n"
    for length in ("0", "+0", "-1", " 0", "0x0", "00", "0, 0", "0\r\nContent-Length: 99", "1e0"):
        yield head(f"Content-Length: {length}", method="POST", metadata=None) + inner
    # Lines that one of them takes for the end, or for the next line.
    for end in ("\n", "\r", "\r\n\t", "\0", "\x0b", "\u2028"):
        yield f"GET / HTTP/1.1\r\nHost: {METADATA}\r\nX: y{end}Metadata: true{end}{end}{inner}"
        yield head(f"X-A: b{end}{end}{inner}", metadata=None)
        yield head(target=f"/{end}{end}{inner}", metadata=None)
    for encoded in ("%0d%0a", "%0a", "%00", "%20HTTP/1.1%0d%0aMetadata:%20true%0d%0a%0d%0a", "%e5%98%8a%e5%98%8d"):
        yield head(target=f"/{encoded}{inner.split()[1]}", metadata=None)
    yield head(target=f"http://{METADATA}{TOKEN_PATH}")
    yield head(target=f"http://attacker.example{TOKEN_PATH}")
    yield head(target=f"{METADATA}:80", method="CONNECT") + inner
    yield head("Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", "Connection: Upgrade, HTTP2-Settings") + inner
    yield head("Upgrade: websocket", "Connection: Upgrade") + inner
    yield head("Expect: 100-continue", "Content-Length: 5", method="POST") + inner
    yield head("TE: trailers, deflate;q=0.5") + inner
    yield head("Range: bytes=0-1", "If-None-Match: *")


def from_inside():
    """What software of the guest is made to send to the endpoint itself: it cannot choose headers and name at once."""
    yield from (head(host=host) for host in OTHER_HOSTS)
    yield from (head(said) for said in SAID)
    yield head(host=None)
    yield head(f"Host: {METADATA}")
    yield head("Host: attacker.example")
    yield head(host="attacker.example", target=f"http://{METADATA}{TOKEN_PATH}").replace(TOKEN_PATH, "/metadata/identity/oauth2/token", 1)
    for target in (f"http://attacker.example{TOKEN_PATH}", f"https://{METADATA}{TOKEN_PATH}", f"//attacker.example{TOKEN_PATH}",
                   f"http://user@attacker.example{TOKEN_PATH}", f"ftp://{METADATA}{TOKEN_PATH}"):
        yield head(target=target)
    for metadata in (None, "Metadata: false", "Metadata: ", "Metadata: 1", "Metadata: true, true", "Metadata: true\r\nMetadata: false",
                     "X-Metadata: true", "Meta data: true", "Metadata : true", "Cookie: Metadata=true", " Metadata: true"):
        yield head(metadata=metadata)
    yield from (head(target=TOKEN_PATH + part, metadata=None) for part in ("&Metadata=true", "&metadata=true", "#Metadata:%20true"))
    yield from (head(method=method) for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "get", "PROPFIND"))
    yield head(version="HTTP/1.0")
    yield head(version="HTTP/0.9")
    yield f"GET {TOKEN_PATH}\r\n"


def run_all(scene, count):
    proxies = start_proxies(scene.victim)
    try:
        for name, port in (("nginx", NGINX), ("haproxy", HAPROXY)):
            until(f"{name} listens", lambda: scene.victim.run("curl", "-s", f"http://127.0.0.1:{port}/", check=False).returncode == 0, 20)
            made, tokens = say(scene.neighbour, "192.0.2.1", port, behind_proxies(), count)
            yield f"header smuggling and forwarding through {name}", made, tokens
    finally:
        for proxy in proxies:
            proxy.kill()
            proxy.wait()
    made, tokens = say(scene.victim, METADATA, 80, from_inside(), count)
    yield "rebound names, absolute forms, forwarding headers, other methods", made, tokens


def start_proxies(namespace):
    """Both as usually configured: they say for whom they ask."""
    folder = os.path.join(DATA, "proxies")
    os.makedirs(folder, exist_ok=True)
    temporary = " ".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    files = {
        "nginx": f"""daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}} http {{ access_log off; {temporary}
            server {{ listen {NGINX}; location / {{ proxy_pass http://{METADATA}; proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }} }}""",
        "haproxy": f"""defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n option forwardfor
frontend f\n bind :{HAPROXY}\n default_backend b\nbackend b\n server s {METADATA}:80\n""",
    }
    started = []
    for name, option in (("nginx", "-c"), ("haproxy", "-f")):
        path = os.path.join(folder, f"{name}.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(files[name])
        with open(os.path.join(folder, f"{name}.log"), "wb") as log:
            started.append(namespace.start(name, option, path, stdout=log, stderr=log))
    return started


def say(namespace, address, port, requests, count):
    """Sends requests from a namespace, again and again until it were so many; gives those that got a token."""
    requests = [request.encode("utf-8") for request in requests]
    rounds = max(1, count // len(requests))
    command = namespace.command(sys.executable, "-B", __file__, address, str(port), str(rounds))
    lines = "".join(request.hex() + "\n" for request in requests)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=300, check=True)
    return len(requests) * rounds, [requests[int(number) % len(requests)] for number in done.stdout.split()]


def send(address, port, request):
    """All that comes back within a moment."""
    answer = b""
    try:
        with socket.create_connection((address, port), 2) as asking:
            asking.settimeout(0.2)
            asking.sendall(request)
            while more := asking.recv(65536):
                answer += more
    except OSError:
        pass
    return owners(answer)


if __name__ == "__main__":
    said = [bytes.fromhex(line) for line in sys.stdin] * int(sys.argv[3])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number, tokens in enumerate(pool.map(lambda request: send(sys.argv[1], int(sys.argv[2]), request), said)):
            print(*(number for _ in tokens))
