"""Run a command with the network cut off: `python3 tests/offline.py make test`.

The command gets a network namespace of its own, in which there is nothing but the loopback. Needs
Linux, and a machine that allows such namespaces; elsewhere it says so, and runs nothing.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys

ROOMS = (["unshare", "--net"], ["unshare", "--net", "--map-root-user"])
INSIDE = "--inside"


def enter(command: list[str]) -> None:
    """Start this file again where the network is off."""
    for room in ROOMS:
        if subprocess.run([*room, "true"], capture_output=True).returncode == 0:
            os.execvp(room[0], [*room, sys.executable, __file__, INSIDE, *command])
    sys.exit("offline: this machine allows no network namespace")


def switch_loopback_on() -> None:
    """Do what `ip link set lo up` does; a new namespace has its loopback switched off."""
    get_flags, set_flags, is_up = 0x8913, 0x8914, 0x1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(any_socket, get_flags, request), 16)
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14x", b"lo", flags | is_up))


if __name__ == "__main__":
    if sys.argv[1:2] != [INSIDE]:
        enter(sys.argv[1:])
    switch_loopback_on()
    found = [name for _, name in socket.if_nameindex()]
    if found != ["lo"]:
        sys.exit(f"offline: the network is still on, by {', '.join(found)}")
    print("offline: nothing but the loopback from here on", flush=True)
    os.execvp(sys.argv[2], sys.argv[2:])
