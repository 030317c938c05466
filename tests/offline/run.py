"""Run a command with the network cut off: `python3 tests/offline/run.py make test`.

Where the machine allows it, the command gets a network namespace of its own, in which there is
nothing but the loopback. Elsewhere every Python process gets the `sitecustomize.py` beside this
file, which refuses sockets that lead outside; other programs are not held back then. The first
line on the screen says which of the two it is. Either way a connection to the outside is tried
before the command starts, and has to fail.

Needs Linux for the first way, and no package for either.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
ROOMS = (["unshare", "--net"], ["unshare", "--map-root-user", "--net"])
OUTSIDE = (("1.1.1.1", 443), ("8.8.8.8", 53), ("pypi.org", 443))
SECONDS = 5


def main(command: list[str]) -> None:
    """Cut the network off, prove it, and become the command."""
    room = next((room for room in ROOMS if is_allowed(room)), None)
    if room is not None:
        os.execvp(room[0], [*room, sys.executable, str(HERE), "--namespace", *command])
    folders = [str(HERE.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
    os.execv(sys.executable, [sys.executable, str(HERE), "--guard", *command])


def is_allowed(room: list[str]) -> bool:
    """Say whether this machine lets us have a network namespace in this way."""
    if shutil.which(room[0]) is None:
        return False
    return subprocess.run([*room, "true"], capture_output=True).returncode == 0


def inside(way: str, command: list[str]) -> None:
    """Go on where the network is off."""
    if way == "--namespace":
        switch_loopback_on()
        names = ", ".join(name for _, name in socket.if_nameindex())
        say(f"in a network namespace of its own, which holds: {names}")
    else:
        say("no network namespace is to be had here; sitecustomize.py refuses in every Python")
    prove_that_nothing_answers()
    os.execvp(command[0], command)


def say(words: str) -> None:
    print(f"offline: {words}", flush=True)


def switch_loopback_on() -> None:
    """Do what `ip link set lo up` does; a new namespace has its loopback switched off."""
    import fcntl

    get_flags, set_flags, is_up = 0x8913, 0x8914, 0x1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(any_socket, get_flags, request), 16)
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14x", b"lo", flags | is_up))


def prove_that_nothing_answers() -> None:
    """Leave with an error where anybody outside answers, or where the loopback does not."""
    for host, port in OUTSIDE:
        try:
            socket.create_connection((host, port), SECONDS).close()
        except OSError as error:
            say(f"{host}:{port} cannot be reached ({error})")
        else:
            sys.exit(f"offline: {host}:{port} answers, so the network is still on")
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), SECONDS).close()
    say("the loopback works")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] in ("--namespace", "--guard"):
        inside(sys.argv[1], sys.argv[2:])
    else:
        main(sys.argv[1:])
