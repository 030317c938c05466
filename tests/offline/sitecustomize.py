"""Refuse every socket that leads outside this machine.

Python imports this by itself when it starts, wherever this folder is in PYTHONPATH; `run.py` puts
it there where no network namespace is to be had.
"""

import errno
import ipaddress
import socket
from typing import Any

INTERNET = (socket.AF_INET, socket.AF_INET6)


class OutsideRefusedError(OSError):
    """A socket was to lead outside, and the network is cut off."""


def is_inside(host: Any) -> bool:
    """Say whether a host is this machine."""
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def guard(name: str, place: int) -> None:
    """Let a method of sockets check the address that it gets at this place, or as its last."""
    method = getattr(socket.socket, name)

    def guarded(self: socket.socket, *arguments: Any) -> Any:
        if self.family in INTERNET and len(arguments) > place:
            host = arguments[-1][0]
            if not is_inside(host):
                if name == "connect_ex":  # which tells by numbers
                    return errno.ENETUNREACH
                raise OutsideRefusedError(f"the network is cut off, so {host} is out of reach")
        return method(self, *arguments)

    setattr(socket.socket, name, guarded)


def guard_names() -> None:
    """Let names be looked up only where that asks nobody outside."""
    look_up = socket.getaddrinfo

    def guarded(host: Any, *arguments: Any, **options: Any) -> Any:
        if not is_inside(host) and not is_address(host):
            raise socket.gaierror(
                socket.EAI_NONAME, f"the network is cut off: no address of {host}"
            )
        return look_up(host, *arguments, **options)

    socket.getaddrinfo = guarded


def is_address(host: Any) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


guard("connect", 0)
guard("connect_ex", 0)
guard("sendto", 1)
guard("sendmsg", 3)
guard_names()
