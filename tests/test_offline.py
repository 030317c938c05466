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


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")


def run(*command):
    command = [sys.executable, TOOL, *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_inside_nothing_but_the_loopback_answers():
    done = run(sys.executable, "-c", TRY)
    if "allows no network namespace" in done.stderr:
        pytest.skip(done.stderr)
    _, *answers = done.stdout.splitlines()
    assert answers == ["1.1.1.1 is out of reach", "pypi.org is out of reach", "the loopback works"]


def test_where_the_network_is_on_nothing_is_run():
    # True where all tests run offline, as in .ci/run.
    is_off = [name for _, name in socket.if_nameindex()] == ["lo"]
    assert ("it ran" in run("--inside", "echo", "it ran").stdout) == is_off
