"""The tool that cuts the network off for a whole test run: does it, and does it notice?"""

import importlib.util
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parent / "offline" / "run.py"
TRY_EVERYTHING = """
import errno, socket, urllib.request

def tried(what, *arguments):
    try:
        print("refused" if what(*arguments) == errno.ENETUNREACH else "went through")
    except OSError as error:
        print("refused")

mail = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
tried(urllib.request.urlopen, "http://pypi.org")
tried(socket.create_connection, ("192.0.2.1", 80), 2)
tried(socket.create_connection, ("2001:db8::1", 80), 2)
tried(mail.connect_ex, ("192.0.2.1", 80))
tried(mail.sendto, b"x", ("192.0.2.1", 80))
tried(mail.sendmsg, [b"x"], [], 0, ("192.0.2.1", 80))
server = socket.create_server(("127.0.0.1", 0))
tried(socket.create_connection, ("localhost", server.getsockname()[1]), 2)
"""


def run_cut_off(**options):
    return subprocess.run(
        [sys.executable, str(RUN), sys.executable, "-c", TRY_EVERYTHING],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def lines_of(done):
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("offline: ")]
    return said, done.stdout.splitlines()[len(said) :]


def test_without_namespaces_every_socket_that_leads_outside_is_refused(tmp_path):
    said, tried = lines_of(run_cut_off(env={"PATH": str(tmp_path)}))  # no unshare there
    assert "sitecustomize.py refuses" in said[0]
    assert tried == ["refused"] * 6 + ["went through"]


@pytest.mark.skipif(shutil.which("unshare") is None, reason="only where there are namespaces")
def test_a_namespace_holds_nothing_but_the_loopback():
    said, tried = lines_of(run_cut_off())
    if "sitecustomize.py" in said[0]:
        pytest.skip("this machine allows no network namespace")
    assert said[0].endswith("which holds: lo")
    assert tried == ["refused"] * 6 + ["went through"]


def test_a_network_that_is_still_on_is_noticed(monkeypatch):
    spec = importlib.util.spec_from_file_location("offline_run", RUN)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(tool, "OUTSIDE", [server.getsockname()])
        with pytest.raises(SystemExit, match="still on"):
            tool.prove_that_nothing_answers()
