"""One Jupyter server, for JupyterLab, Notebook 7 and Voila alike, with settings of its own."""

import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat

SECONDS = 60
TOKEN = secrets.token_hex()
PROJECT = Path(__file__).resolve().parents[2]
PAGES = {
    "lab": "lab/tree/{name}?reset&token={token}",
    "notebook": "notebooks/{name}?token={token}",
    "voila": "voila/render/{name}?token={token}",
}
IS_IDLE = """() =>
  window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"""
RUN_ALL = "window.jupyterapp.commands.execute('notebook:run-all-cells')"
COMPUTE = """(code) => new Promise((begun) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code });
  future.onIOPub = ({ header }) => header.msg_type === "execute_input" && begun();
  window.isComputing = true; // its status is "idle" after each word of another channel, too
  const end = () => (window.isComputing = false);
  future.done.then(end, end);
})"""
INTERRUPT = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()"
SHUT_DOWN = "window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"


@dataclass(frozen=True)
class Server:
    """A running server: its port, the folder that it shows, and its environment."""

    port: int
    folder: Path
    environment: dict

    def page_of(self, kind, name):
        """Return the address at which a notebook of the folder is opened."""
        return self.address(PAGES[kind].format(name=name, token=TOKEN))

    def trust(self, name):
        """Do what a learner does with File > Trust Notebook: the server knows it as safe."""
        command = [sys.executable, "-m", "jupyter", "trust", name]
        subprocess.run(
            command, cwd=self.folder, env=self.environment, check=True, capture_output=True
        )

    def address(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"


def write_book(server, name, cells):
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(book, server.folder / name)


def run_in_lab(browser, server, name, codes):
    """Open a new notebook with these cells in JupyterLab and run them; return the page."""
    write_book(server, name, [nbformat.v4.new_code_cell(code) for code in codes])
    page = browser.new_page(viewport={"width": 1300, "height": 1400})
    page.goto(server.page_of("lab", name))
    page.wait_for_function(IS_IDLE, timeout=SECONDS * 1000)
    page.evaluate(RUN_ALL)
    return page


def command(port):
    """Return how the server is started: with the options of `make lab`, and without a browser."""
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    line = re.search(r"jupyter lab notebooks/\S+ (.*)", makefile)[1]
    options = shlex.split(line.replace("=.jupyter", f"={PROJECT / '.jupyter'}"))
    return [
        *(sys.executable, "-m", "jupyter", "lab", *options, "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        f"--IdentityProvider.token={TOKEN}",
        "--LabApp.extension_manager=readonly",
        "--expose-app-in-browser",  # so that a test can ask the page what its kernel does
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]


@contextmanager
def running(home):
    """Start the server with all that it writes in `home`; stop it and its kernels at the end."""
    folder = home / "books"
    folder.mkdir(parents=True)
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {place: str(home / place.lower()) for place in places} | {"OMP_NUM_THREADS": "1"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(free.getsockname()[1], folder, os.environ | own)
    with open(home / "log.txt", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            command(server.port), cwd=folder, env=server.environment, stdout=log, stderr=log
        )
        try:
            wait_until_it_answers(server, process, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_it_answers(server, process, log):
    for _ in range(SECONDS * 10):
        try:
            urllib.request.urlopen(server.address("api"), timeout=SECONDS).close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)
        if process.poll() is not None:
            break
    log.seek(0)
    raise AssertionError(f"JupyterLab did not start:\n{log.read()[-3000:]}")
