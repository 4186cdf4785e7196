"""A virtual machine with a kernel of its own, whose only way out is a tap device. It is driven over its console."""

import json
import os
import select
import shutil
import socket
import subprocess
import time

from world import DATA, parsed, run, until

INSTALLED = os.environ["CONFORMANCE_DIR"]
MEMORY_MIB = 128
# The number of a guest at its own virtual socket. All have the same: each has a device of its own.
CID = 3
# Longest time until it takes commands, in seconds: its processor is emulated, and shares those of the machine.
BOOTED_WITHIN = 90
# Longest time for a command, in seconds.
COMMAND_WITHIN = 60
# The end of the output of a command, with its exit code.
MARK = "@@"

# Modules, network, and then a shell that reads commands. Its console neither echoes nor translates.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev; mount -t proc none /proc; mount -t sysfs none /sys
while read module; do insmod /modules/$module; done < /modules/order
ip link set lo up; ip link set eth0 up
ip addr add {address} dev eth0; ip route add default via {gateway}
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
stty -echo -onlcr
echo {mark} booted
while read -r line; do eval "$line" 2>&1; code=$?; echo; echo "{mark} $code"; done
"""


def with_libraries(program, inside):
    """A program of the machine with all that it is linked to, as files for a guest. (busybox's own wget breaks in the static
    C library's look-up of hosts.)"""
    found = run("ldd", program).stdout.split()
    return [(program, inside), *((path, path) for path in dict.fromkeys(found) if path.startswith("/"))]


class Guest:
    """A running guest, whose device is `tap` of the namespace in which it runs."""

    def __init__(self, name, tap, mac, address, gateway, namespace=None, files=(), vsock=None, memory_mib=MEMORY_MIB):
        """With `vsock`, what the guest connects to at its host comes to that path, an underscore and the port."""
        self.name, self.vsock, self.memory_mib = name, None, memory_mib
        folder = os.path.join(DATA, name)
        root = os.path.join(folder, "system")
        shutil.copytree(os.path.join(INSTALLED, "system"), root, symlinks=True)
        with open(os.path.join(root, "init"), "w", encoding="utf-8") as init:
            init.write(INIT.format(address=address, gateway=gateway, mark=MARK))
        os.chmod(os.path.join(root, "init"), 0o755)
        for source, inside in (*with_libraries(shutil.which("curl"), "/bin/curl"), *files):
            os.makedirs(os.path.dirname(root + inside), exist_ok=True)
            shutil.copy(source, root + inside)
        self.initrd = os.path.join(folder, "initrd")
        run("sh", "-c", f"cd {root} && find . | cpio --quiet -o -H newc > {self.initrd}")
        self.monitor = os.path.join(folder, "monitor")
        command = [
            "qemu-system-x86_64", "-accel", "tcg", "-m", str(memory_mib), "-nographic", "-no-reboot", "-nodefaults",
            "-kernel", os.path.join(INSTALLED, "vmlinuz"), "-initrd", self.initrd,
            # Its clock stands still while the machine does something else: without the check its kernel does not end for that.
            "-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on no_timer_check", "-serial", "stdio",
            "-netdev", f"tap,id=n0,ifname={tap},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=n0,mac={mac},romfile=", "-qmp", f"unix:{self.monitor},server=on,wait=off",
        ]
        with open(os.path.join(folder, "qemu.log"), "wb") as log:
            if vsock:
                device = os.path.join(folder, "vsock")
                passing_on = (os.path.join(INSTALLED, "bin/vhost-device-vsock"), "--guest-cid", str(CID), "--socket", device, "--uds-path", vsock)
                self.vsock = subprocess.Popen(passing_on, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
                until("the virtual sockets are there", lambda: os.path.exists(device))
                # It reads the guest's memory.
                command += [
                    "-object", f"memory-backend-memfd,id=shared,size={memory_mib}M,share=on", "-machine", "pc,memory-backend=shared",
                    "-chardev", f"socket,id=v0,path={device}", "-device", "vhost-user-vsock-pci,chardev=v0",
                ]
            self.process = subprocess.Popen(
                namespace.command(*command) if namespace else command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )
        self.console = b""

    def booted(self):
        self._read(f"{MARK} booted", BOOTED_WITHIN)

    def run(self, command):
        """Exit code and output of a command inside."""
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        before, rest = self._read(f"\n{MARK} ", COMMAND_WITHIN)
        while b"\n" not in rest:
            rest += self._more(COMMAND_WITHIN)
        code, _, self.console = rest.partition(b"\n")
        return int(code), before.decode(errors="replace").strip()

    def fetch(self, address, *arguments):
        """Status and body, as JSON, of the answer that curl got inside; 0 where there was none."""
        given = ("-sS", "-g", "-m", "20", "-H", "Metadata: true", "-w", "\\n%{http_code}", *arguments, address)
        _, said = self.run("curl " + " ".join(f"'{argument}'" for argument in given))
        body, _, status = said.rpartition("\n")
        return int(status), parsed(body)

    def memory(self):
        """All of its memory."""
        path = os.path.join(DATA, self.name, "memory")
        self._ask_monitor("pmemsave", {"val": 0, "size": self.memory_mib << 20, "filename": path})
        with open(path, "rb") as file:
            return file.read()

    def power_off(self):
        self.process.stdin.write(b"poweroff -f\n")
        self.process.stdin.flush()
        until(f"{self.name} powers off", lambda: self.process.poll() is not None, COMMAND_WITHIN)
        assert self.process.returncode == 0, f"QEMU ended with {self.process.returncode}"
        if self.vsock:
            self.vsock.kill()
            self.vsock.wait()

    def _read(self, mark, seconds):
        mark = mark.encode()
        while mark not in self.console:
            self.console += self._more(seconds)
        before, _, self.console = self.console.partition(mark)
        return before, self.console

    def _more(self, seconds):
        limit = time.monotonic() + seconds
        while not select.select([self.process.stdout], [], [], 1)[0]:
            assert time.monotonic() < limit, f"{self.name} is silent; its console ends with {self.console[-300:]!r}"
        more = os.read(self.process.stdout.fileno(), 65536)
        assert more, f"{self.name} has ended; its console ends with {self.console[-300:]!r}"
        return more

    def _ask_monitor(self, what, arguments):
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(COMMAND_WITHIN)
            monitor.connect(self.monitor)
            lines = monitor.makefile("rw", encoding="utf-8")
            json.loads(lines.readline())
            for name, of in (("qmp_capabilities", {}), (what, arguments)):
                lines.write(json.dumps({"execute": name, "arguments": of}) + "\n")
                lines.flush()
                answer = json.loads(lines.readline())
                while "event" in answer:
                    answer = json.loads(lines.readline())
                assert "return" in answer, f"QEMU: {answer}"
