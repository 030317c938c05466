"""A class of thirty reads files from one laptop: whole, and nothing outside the folder."""

import http.client
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import serve

CONTENT = bytes(range(256)) * 8_000  # 2 MB


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("class")
    folder = place / "book"
    (folder / "deep").mkdir(parents=True)
    (folder / "index.html").write_text("front", encoding="utf-8")
    (folder / "deep" / "large.bin").write_bytes(CONTENT)
    (folder / ".private").write_text("no", encoding="utf-8")
    (place / "secret.txt").write_text("secret", encoding="utf-8")
    if sys.platform != "win32":
        (folder / "leads_out").symlink_to(place)
    with serve.make_server(folder, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(server, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_thirty_at_once_get_whole_files(server):
    with ThreadPoolExecutor(30) as crowd:
        answers = list(crowd.map(lambda _: ask(server, "/deep/large.bin"), range(60)))
    assert all(answer == (200, CONTENT) for answer in answers)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/deep/..%2f..%2f../secret.txt",
        "//../secret.txt",
        "/leads_out/secret.txt",
        "/.private",
        "/deep/../../secret.txt",
    ],
)
def test_nothing_outside_the_folder_is_served(server, path):
    status, content = ask(server, path)
    assert status == 404
    assert b"secret" not in content.replace(path.encode(), b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_written(server, method):
    assert ask(server, "/index.html", method)[0] == 501
    assert ask(server, "/") == (200, b"front")
