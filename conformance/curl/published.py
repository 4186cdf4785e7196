"""What Microsoft's pages print, in a namespace that is attached to a workload with both endpoints: curl as it is, and the requests
of HTTP, PowerShell, C#, Java and Go byte by byte. And the move from the extension's endpoint to the other one."""

import http.client
import io
import json
import subprocess
import sys
import threading

import extension
from agent import Agent
from world import METADATA, Namespace, owner, run_scenarios, scenario, until

TOKEN = f"http://{METADATA}/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
ENCODED, PLAIN = "https%3A%2F%2Fmanagement.azure.com%2F", "https://management.azure.com/"
# A client of one request inside, whose connection the kernel takes for the workload's.
SEND = "import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10); s.sendall(sys.stdin.buffer.read()); " \
    "s.settimeout(10)\nwhile part := s.recv(65536): sys.stdout.buffer.write(part)"


class Scene:
    def __init__(self):
        self.agent = Agent("--throttle", "off")
        self.workload = self.agent.workload("published")
        self.guest = Namespace("guest")
        self.agent.attach(self.workload, "--netns", "guest")
        extension.put(self.workload)

    def say(self, address, port, *lines):
        """Status and body of the answer to the lines of one request."""
        request = "".join(f"{line}\r\n" for line in (*lines, "Connection: close", "")).encode()
        command = self.guest.command(sys.executable, "-c", SEND, address, str(port))
        answer = subprocess.run(command, input=request, capture_output=True, timeout=30, check=True).stdout
        parsed = http.client.HTTPResponse(Said(answer))
        parsed.begin()
        return parsed.status, json.loads(parsed.read())

    def is_own(self, said):
        status, answer = said
        assert (status, owner(answer)) == (200, self.workload.principal), f"{status} {json.dumps(answer)[:300]}"
        assert answer["token_type"] == "Bearer" and answer["refresh_token"] == "", "its members"


class Said:
    def __init__(self, data):
        self.data = data

    def makefile(self, _):
        return io.BytesIO(self.data)


@scenario("curl, as printed, and the shell script with it")
def curl(scene):
    at = TOKEN + ENCODED
    done = scene.guest.run("curl", at, "-H", "Metadata:true", "-s")
    assert owner(json.loads(done.stdout)) == scene.workload.principal, done.stdout[:300]
    script = f"""response=$(curl '{at}' -H Metadata:true -s)
        access_token=$(echo $response | python3 -c 'import sys, json; print (json.load(sys.stdin)["access_token"])')
        echo The managed identities for Azure resources access token is $access_token"""
    said = scene.guest.run("bash", "-c", script).stdout
    assert owner({"access_token": said.split()[-1]}) == scene.workload.principal, said[:300]
    scene.is_own(scene.guest.fetch(extension.URL))
    scene.is_own(scene.guest.fetch(extension.URL.replace("localhost", "[::1]"), "-g"))
    scene.is_own(scene.guest.fetch(extension.URL.replace("localhost", "127.0.0.1")))


@scenario("the requests of the pages, with the whole address as their target")
def absolute_form(scene):
    for resource in (ENCODED, PLAIN):
        scene.is_own(scene.say(METADATA, 80, f"GET {TOKEN}{resource} HTTP/1.1", f"Host: {METADATA}", "Metadata: true"))
    scene.is_own(scene.say("127.0.0.1", 50342, f"GET {extension.URL} HTTP/1.1", "Host: localhost:50342", "Metadata: true"))
    # As the page prints it, quotes and all.
    status, answer = scene.say(METADATA, 80, f"GET '{TOKEN}{PLAIN}' HTTP/1.1", f"Host: {METADATA}", "Metadata: true")
    assert (status, answer["error"]) == (400, "invalid_request"), f"{status} {answer}"


@scenario("requests as PowerShell, C#, Java and Go send them, to both endpoints")
def shapes(scene):
    places = ((METADATA, 80, METADATA, TOKEN.removeprefix(f"http://{METADATA}")),
              ("127.0.0.1", 50342, "localhost:50342", "/oauth2/token?resource="))
    for address, port, host, target in places:
        shapes = {
            "Invoke-WebRequest of Windows PowerShell": (
                f"GET {target}{ENCODED} HTTP/1.1", "Metadata: true",
                "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.17763.1007", f"Host: {host}"),
            "Invoke-WebRequest of PowerShell 7": (
                f"GET {target}{ENCODED} HTTP/1.1", f"Host: {host}", "Metadata: true",
                "User-Agent: Mozilla/5.0 (Linux; Debian GNU/Linux 12; en-US) PowerShell/7.4.6", "Accept-Encoding: gzip, deflate, br"),
            "HttpWebRequest": (f"GET {target}{PLAIN} HTTP/1.1", "Metadata: true", f"Host: {host}"),
            "HttpURLConnection": (
                f"GET {target}{PLAIN} HTTP/1.1", "Metadata: true", "User-Agent: Java/1.8.0_242", f"Host: {host}",
                "Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"),
            "net/http": (
                f"GET {target}{ENCODED} HTTP/1.1", f"Host: {host}", "User-Agent: Go-http-client/1.1", "Metadata: true",
                "Accept-Encoding: gzip"),
        }
        for name, lines in shapes.items():
            try:
                scene.is_own(scene.say(address, port, *lines))
            except AssertionError as error:
                raise AssertionError(f"{name} at {host}: {error}") from error


@scenario("a client moves from the extension to the metadata endpoint, the extension goes, and not one request fails")
def moves(scene):
    scene.is_own(scene.guest.fetch(extension.URL))
    asked, stopped = [], threading.Event()

    def ask():
        while not stopped.is_set():
            asked.append(scene.guest.fetch(TOKEN + ENCODED, check=False))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        extension.delete(scene.workload)
        refused = scene.guest.run("curl", "-s", "-m", "5", "-H", "Metadata: true", extension.URL, check=False)
        assert refused.returncode == 7, f"curl ended with {refused.returncode}: {refused.stdout[:200]}"
        until("the client goes on", lambda: len(asked) > 30, 30)
    finally:
        stopped.set()
        asking.join()
    for said in asked:
        scene.is_own(said)


if __name__ == "__main__":
    sys.exit(run_scenarios(Scene()))
