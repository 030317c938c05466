"""A class without a network: your laptop hands out the book and the student's files.

Open a hotspot, start `python notebooks/workshop/serve.py FOLDER`, show the QR code. FOLDER is the
book (`make book`), a student edition, or any folder that holds them. Files can only be read. Ctrl-C
ends it. It needs the extra `workshop`.
"""

import argparse
import contextlib
import socket
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 8000


class ReadOnly(SimpleHTTPRequestHandler):
    """Hand out the files of one folder and nothing else; a link that leads out of it is no file."""

    protocol_version = "HTTP/1.1"  # thirty browsers keep their connections

    def translate_path(self, path: str) -> str:
        """Return the file of an address, or one that is not there where it lies outside."""
        root = Path(self.directory).resolve()
        file = Path(super().translate_path(path))
        outside = not file.resolve().is_relative_to(root)
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
        return str(root / ".not-served") if outside or hidden else str(file)

    def log_message(self, form: str, *values: object) -> None:
        """Say only what failed: a class asks for a thousand files."""
        if len(values) > 1 and str(values[1]).startswith(("4", "5")):
            super().log_message(form, *values)


class Server(ThreadingHTTPServer):
    """A thread for each connection, and a waiting line that holds a class."""

    request_queue_size = 128
    daemon_threads = True


def make_server(folder: Path, host: str = "", port: int = PORT) -> Server:
    """Return a server of one folder, ready for `serve_forever()`; port 0 takes a free one."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: `make book` writes one called book.")
    return Server((host, port), partial(ReadOnly, directory=str(folder.resolve())))


def own_address() -> str:
    """Return this machine's address in its own hotspot, or in the network; nothing is sent."""
    # In the hotspots of Linux, Windows and macOS; the last is kept for documents: nobody has it.
    for host in ("10.42.0.9", "192.168.137.9", "192.168.2.9", "192.0.2.1"):
        with socket.socket(type=socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.connect((host, 9))
            own = str(probe.getsockname()[0])
            if host == "192.0.2.1" or own.rpartition(".")[0] == host.rpartition(".")[0]:
                return own
    return "127.0.0.1"


def main() -> None:
    """Serve until Ctrl-C, with the address on the screen in letters and as a QR code."""
    import segno

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=PORT)
    chosen = parser.parse_args()
    try:
        server = make_server(chosen.folder, port=chosen.port)
    except OSError as error:
        parser.error(f"{error}. Is the port taken? Choose another: --port {chosen.port + 1}")
    address = f"http://{own_address()}:{server.server_port}/"
    segno.make(address).terminal(compact=True)
    print(f"{address}  serves {chosen.folder}. Ctrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt), server:
        server.serve_forever()


if __name__ == "__main__":
    main()
