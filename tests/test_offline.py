"""The tool that cuts the network off for a whole test run: is it off, and does it work inside?"""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).with_name("offline.py")
TRY = """
import socket
for host in ("1.1.1.1", "pypi.org"):
    try:
        socket.create_connection((host, 443), 5)
        print(host, "answers")
    except OSError:
        print(host, "is out of reach")
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), 5).close()
print("the loopback works")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_inside_nothing_but_the_loopback_answers():
    done = subprocess.run(
        [sys.executable, TOOL, sys.executable, "-c", TRY],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "allows no network namespace" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout.splitlines() == [
        "offline: nothing but the loopback from here on",
        "1.1.1.1 is out of reach",
        "pypi.org is out of reach",
        "the loopback works",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_where_the_network_is_on_nothing_is_run():
    done = subprocess.run(
        [sys.executable, TOOL, "--inside", "echo", "it ran"], capture_output=True, text=True
    )
    # True where all tests run offline, as in .ci/run.
    is_off = [name for _, name in socket.if_nameindex()] == ["lo"]
    assert ("it ran" in done.stdout) == is_off
