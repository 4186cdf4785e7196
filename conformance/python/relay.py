"""A way to the Cloud Shell endpoint for MSAL for Python, which knows no other address than Azure's own."""

import errno
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

FIXED = ("127.0.0.1", 50342)
# Seconds for which the fixed port may be taken: it lies among those that the system gives to any connection.
WAIT_MAX = 30


class Relay(BaseHTTPRequestHandler):
    def do_POST(self):
        # Without its Host header, which names the fixed port.
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = requests.post(os.environ["MSI_ENDPOINT"], body, headers=headers, timeout=20)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)


def start():
    """Passes what is asked at the fixed address on to MSI_ENDPOINT, until the process ends."""
    server = listening(time.monotonic() + WAIT_MAX)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def listening(until):
    while True:
        try:
            return ThreadingHTTPServer(FIXED, Relay)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise
            time.sleep(0.2)
