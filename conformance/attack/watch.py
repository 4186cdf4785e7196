"""All frames of a namespace, as they pass its devices: `watch.py` in it prints the addresses of each."""

import socket
import struct
import subprocess
import sys

from world import until


class Watch:
    """A capture for as long as the block runs."""

    def __init__(self, namespace):
        self.process = namespace.start(sys.executable, "-B", __file__, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "watching\n"
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.lines += self.process.stdout.read().splitlines()
        self.process.wait()

    def until_seen(self, address):
        def seen():
            self.lines.append(self.process.stdout.readline().strip())
            return address in self.lines[-1]

        until(f"a frame with {address}", seen, every=0)

    def frames_with(self, address):
        return sum(1 for line in self.lines if address in line.split())


def addresses(frame):
    kind, body = struct.unpack("!H", frame[12:14])[0], frame[14:]
    if kind == 0x0800:
        return socket.inet_ntoa(body[12:16]), socket.inet_ntoa(body[16:20])
    if kind == 0x0806:
        return socket.inet_ntoa(body[14:18]), socket.inet_ntoa(body[24:28])
    if kind == 0x86DD:
        return socket.inet_ntop(socket.AF_INET6, body[8:24]), socket.inet_ntop(socket.AF_INET6, body[24:40])
    return ("other",)


if __name__ == "__main__":
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as everything:
        print("watching", flush=True)
        while True:
            frame = everything.recv(65536)
            if len(frame) >= 54 or frame[12:14] == b"\x08\x06":
                print(*addresses(frame), flush=True)
