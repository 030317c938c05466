"""JupyterLab, Notebook 7 and Voila, each on a free port and with settings of its own."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60
ANNOUNCEMENTS = "@jupyterlab/apputils-extension:announcements"  # asks whether to fetch news
TOKEN = secrets.token_hex()
# As `make lab` has it, so that pictures of more than 10 MB arrive.
MAKEFILE = (Path(__file__).resolve().parents[3] / "Makefile").read_text(encoding="utf-8")
MAKE_LAB = re.search(r"--ServerApp.tornado_settings='(.*)'", MAKEFILE)[1]
JUPYTER = [
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port={port}",
    "--ServerApp.port_retries=0",
    f"--IdentityProvider.token={TOKEN}",
    "--expose-app-in-browser",  # so that a test can ask the page what its kernel does
    f"--ServerApp.tornado_settings={MAKE_LAB}".replace("{", "{{").replace("}", "}}"),
]
COMMANDS = {
    "lab": ["jupyter", "lab", *JUPYTER, "--LabApp.extension_manager=readonly"],
    "notebook": ["jupyter", "notebook", *JUPYTER],
    "voila": ["voila", "--no-browser", "--Voila.ip=127.0.0.1", "--port={port}"],
}
PAGES = {
    "lab": "lab/tree/{name}?reset&token={token}",
    "notebook": "notebooks/{name}?token={token}",
    "voila": "voila/render/{name}",
}


@dataclass(frozen=True)
class Server:
    """A running server of one kind, its port, the folder that it shows, and its environment."""

    kind: str
    port: int
    folder: Path
    environment: dict

    def page_of(self, name):
        """Return the address at which a notebook of the folder is opened."""
        return self._address(PAGES[self.kind].format(name=name, token=TOKEN))

    def trust(self, name):
        """Do what a learner does with File > Trust Notebook: the server knows it as safe."""
        command = [sys.executable, "-m", "jupyter", "trust", name]
        subprocess.run(
            command, cwd=self.folder, env=self.environment, check=True, capture_output=True
        )

    def answers(self):
        """Say whether somebody answers at the port, be it with an error."""
        try:
            urllib.request.urlopen(self._address("api/status"), timeout=SECONDS).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def _address(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"


@contextmanager
def running(kind, home):
    """Start a server with all that it writes in `home`; stop it and its kernels at the end."""
    server = Server(kind, free_port(), home / "books", settings(home))
    server.folder.mkdir(parents=True)
    command = [argument.format(port=server.port) for argument in COMMANDS[kind]]
    with open(home / "log.txt", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=server.folder,
            env=server.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_it_answers(server, process, log)
            yield server
        finally:
            stop(process)


def settings(home):
    """Return the environment of a server that knows nothing of this machine's settings."""
    folder = home / "config" / "labconfig"
    folder.mkdir(parents=True)
    disabled = {"disabledExtensions": {ANNOUNCEMENTS: True}}
    (folder / "page_config.json").write_text(json.dumps(disabled), encoding="utf-8")
    return os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "OMP_NUM_THREADS": "1",
    }


def free_port():
    with socket.socket() as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        return any_socket.getsockname()[1]


def wait_until_it_answers(server, process, log):
    for _ in range(SECONDS * 10):
        if process.poll() is None and server.answers():
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    log.seek(0)
    raise AssertionError(f"{server.kind} did not start:\n{log.read()[-3000:]}")


def stop(process):
    """Ask the server to stop, and its kernels with it; insist where it does not."""
    process.terminate()
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
