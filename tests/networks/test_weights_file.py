"""What can go wrong with torchvision's weights: their files, the cache, the download.

No test here leaves this machine. torchvision writes the first digits of a file's SHA-256 into its
name, and they are checked; so a test that wants weights of its own to count as torchvision's says
in their address what they are (`publish`).
"""

import errno
import hashlib
import io
import os
import pickle
import re
import shutil
import threading
import urllib.error
import urllib.request
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torchvision import models

import cam_helpers as ch
from cam_helpers.networks.load import _choose_weights
from cam_helpers.networks.tiny_resnet import (
    WEIGHTS_FILE,
    TinyResNet,
    load_tiny_resnet,
)
from cam_helpers.networks.weights_file import checksum_file

SMALLEST = "shufflenet_v2_x0_5"
REAL_NAME = "shufflenetv2_x0.5-f707e7126e.pth"
RESNET18_FILE = "resnet18-f37072fd.pth"


def zipped(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def pickled(content: object) -> bytes:
    return pickle.dumps(content, protocol=2)


@pytest.fixture(scope="module")
def good():
    """A good weights file of torchvision's smallest network, with random numbers in it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return zipped(models.get_model(SMALLEST).state_dict())


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty torch cache; gives the folder of its weights. No proxy is in the way."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(urllib.request, "_opener", None)  # remembers the proxies of the first use
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def offline(cache, monkeypatch):
    """The same without any connection."""

    def fail(*_, **__):
        raise urllib.error.URLError("no connection")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    return cache


def digest(content):
    """Return what tells two files apart; where they differ, pytest then has little to compare."""
    return hashlib.sha256(content).hexdigest()


def name_for(content, name="shufflenetv2_x0.5"):
    """The name that torchvision would give to a file with this content."""
    return f"{name}-{digest(content)[:10]}.pth"


def publish(monkeypatch, content, place="http://nowhere.invalid", network=SMALLEST):
    """Let torchvision believe that the weights of a network are these; return the file's name."""
    file_name = name_for(content, network)
    weights = _choose_weights(network, "default")
    monkeypatch.setattr(weights.value, "url", f"{place}/{file_name}")
    return file_name


def put(folder, content, file_name=REAL_NAME):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file_name).write_bytes(content)


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


def weight_of(content):
    return torch.load(io.BytesIO(content), weights_only=True)["fc.weight"]


# ---- files in the cache -------------------------------------------------------------------


def of_the_old_kind(content):
    buffer = io.BytesIO()
    weights = torch.load(io.BytesIO(content), weights_only=True)
    torch.save(weights, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("pack", [bytes, of_the_old_kind])
def test_a_cached_file_needs_no_connection(offline, good, monkeypatch, pack):
    content = pack(good)
    put(offline, content, publish(monkeypatch, content))
    for weights in ("default", "IMAGENET1K_V1"):
        network = ch.load_network(SMALLEST, weights)
        assert torch.equal(network.classifier.weight, weight_of(good))
        assert not any(layer.training for layer in network.model.modules())


def test_a_cache_that_nobody_can_write_to_is_read(offline, good, monkeypatch):
    put(offline, good, publish(monkeypatch, good))

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    for writing in (os, "mkdir"), (os, "replace"), (os, "rename"), (Path, "mkdir"):
        monkeypatch.setattr(*writing, refuse)
    assert torch.equal(ch.load_network(SMALLEST).classifier.weight, weight_of(good))


@pytest.mark.parametrize("kept", [0, 1, 100, 20_000, -1])
@pytest.mark.parametrize("named", [True, False], ids=["by its name", "by its content"])
def test_a_file_cut_short_is_called_damaged(offline, good, monkeypatch, kept, named):
    content = good[:kept]
    file_name = publish(monkeypatch, good if named else content)
    put(offline, content, file_name)
    with pytest.raises(ch.DamagedWeightsError, match="Delete it") as caught:
        ch.load_network(SMALLEST)
    assert str(offline / file_name) in str(caught.value)


NO_WEIGHTS = {
    "a page of a proxy": b"<html><body>Please log in.</body></html>",
    "another network": zipped(TinyResNet().state_dict()),
    "a list": zipped([1, 2]),
    "numbers": zipped({"fc.weight": 3}),
    "names that are none": zipped({3: torch.zeros(1)}),
    "an archive of something else": b"PK\x05\x06" + bytes(18),
    "a tar archive": b"weights".ljust(257, b"\0") + b"ustar\x0000" + bytes(1000),
}


@pytest.mark.parametrize("what", NO_WEIGHTS)
def test_what_does_not_hold_the_weights_is_called_damaged(offline, monkeypatch, what):
    """Even under a name that says it is right."""
    put(offline, NO_WEIGHTS[what], publish(monkeypatch, NO_WEIGHTS[what]))
    with pytest.raises(ch.DamagedWeightsError, match="cannot be used") as caught:
        ch.load_network(SMALLEST)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)  # torch's own message may go on for pages


class Trap:
    """Touches a file when it is unpickled carelessly."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("pack", [zipped, pickled])
def test_a_file_with_code_in_it_is_refused_and_the_code_does_not_run(
    offline, monkeypatch, tmp_path, pack
):
    marker = tmp_path / "ran"
    content = pack({"fc.weight": Trap(marker)})
    put(offline, content, publish(monkeypatch, content))
    with pytest.raises(ch.DamagedWeightsError):
        ch.load_network(SMALLEST)
    assert not marker.exists()
    unpack = torch.load if pack is zipped else pickle.load
    careless = {"weights_only": False} if pack is zipped else {}
    unpack(io.BytesIO(content), **careless)
    assert marker.exists()  # the trap was set


def test_every_reading_of_a_weights_file_takes_weights_only(offline, good, monkeypatch):
    readings, load = [], torch.load

    def note(*args, **named):
        readings.append(named.get("weights_only"))
        return load(*args, **named)

    monkeypatch.setattr(torch, "load", note)
    monkeypatch.setattr("torch.serialization.load", note)
    put(offline, good, publish(monkeypatch, good))
    ch.load_network(SMALLEST)
    assert readings == [True]


def test_a_network_that_is_refused_is_not_downloaded(offline):
    with pytest.raises(ch.UnsuitableNetworkError, match="vgg16"):
        ch.load_network("vgg16")


def test_the_proof_of_random_weights_holds_for_the_weights_filled_in(offline, good, monkeypatch):
    put(offline, good, publish(monkeypatch, good))
    network = ch.load_network(SMALLEST)
    explanation = ch.explain(network, "photo:cat")
    from_maps = explanation.cams().mean((1, 2)) + network.classifier.bias
    torch.testing.assert_close(from_maps, explanation.scores, rtol=1e-4, atol=1e-5)


def test_a_compressed_file_is_refused_before_it_fills_the_memory(offline, good, monkeypatch):
    """A deflated file of 600 MB of zeros has 0.6 MB."""
    small = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(zipped({"fc.weight": torch.zeros(10_000_000)}))) as old,
        zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for record in old.namelist():
            new.writestr(record, old.read(record))
    assert len(small.getvalue()) < 100_000
    put(offline, small.getvalue(), publish(monkeypatch, good))
    monkeypatch.setattr(torch, "load", None)  # nothing gets as far as that
    with pytest.raises(ch.DamagedWeightsError, match="compressed"):
        ch.load_network(SMALLEST)


def test_too_little_memory_is_not_called_damage(cache, in_little_memory, monkeypatch, tmp_path):
    """torch raises a RuntimeError then. The file is good, and the reader must not delete it."""
    setup = f"""
import hashlib, pathlib, types
from cam_helpers.networks.load import _fill
from cam_helpers.networks.weights_file import checksum_file, read_shipped
cached, shipped = pathlib.Path({str(cache)!r}, "a.pth"), pathlib.Path({str(tmp_path)!r}, "b.pth")
cached.parent.mkdir(parents=True, exist_ok=True)
model = torch.nn.Linear(3000, 3000)
torch.save(model.state_dict(), cached)
torch.save(model.state_dict(), shipped)
checksum_file(shipped).write_text(hashlib.sha256(shipped.read_bytes()).hexdigest())
def get_state_dict(**named):  # as torchvision's weights have it
    return torch.hub.load_state_dict_from_url("http://nowhere.invalid/a.pth", **named)
chosen = types.SimpleNamespace(url="http://nowhere.invalid/a.pth", get_state_dict=get_state_dict)
"""
    words = in_little_memory("_fill(model, chosen)", 20, setup)
    assert words.startswith("MemoryError Too little memory") and "Delete" not in words
    words = in_little_memory("read_shipped(shipped)", 20, setup)
    assert words.startswith("MemoryError")
    assert in_little_memory("_fill(model, chosen), read_shipped(shipped)", 300, setup) == "done"


# Files of DenseNet name layers as they were called once; that of GoogLeNet holds heads that only
# training used, and this network and Inception shift their input; those of MNASNet have versions.
PECULIAR = ["densenet121", "googlenet", "inception_v3", "mnasnet0_5"]


def as_before_2019(weights):
    """Weights of DenseNet with the names of old, and without what BatchNorm counts only today."""
    pattern = r"(denselayer\d+\.(?:norm|conv))([12])"
    kept = [key for key in weights if not key.endswith("num_batches_tracked")]
    return {re.sub(pattern, r"\1.\2", key): weights[key] for key in kept}


@pytest.mark.parametrize("name", PECULIAR)
def test_peculiar_files_make_the_network_that_torchvision_makes_of_them(
    cache, monkeypatch, tmp_path, name
):
    told = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    weights = models.get_model(name, weights=None, **told).state_dict()
    if name.startswith("densenet"):
        weights = as_before_2019(weights)
    content = zipped(weights)
    file_name = publish(monkeypatch, content, tmp_path.as_uri(), name)
    (tmp_path / file_name).write_bytes(content)
    found = ch.load_network(name)
    chosen = _choose_weights(name, "default")
    expected = models.get_model(name, weights=chosen, progress=False).eval()
    batch = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        assert torch.equal(found.model(batch), expected(batch))
    assert found.model.state_dict().keys() == expected.state_dict().keys()


# ---- without a connection -----------------------------------------------------------------


def test_offline_the_message_says_what_to_do(offline):
    with pytest.raises(ch.WeightsUnavailableError) as caught:
        ch.load_network("resnet18")
    message = str(caught.value)
    for part in (RESNET18_FILE, str(offline), "tiny_resnet", "no connection", "TORCH_HOME"):
        assert part in message
    assert isinstance(caught.value, ConnectionError)
    assert left_in(offline) == []


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mobilenet_v2", "mobilenet_v2-b0353104.pth"),  # IMAGENET1K_V1, though V2 is the default
        pytest.param(
            "regnet_y_128gf",  # has no IMAGENET1K_V1; 2.5 GB of random weights are proven first
            "regnet_y_128gf_swag-c8ce3e52.pth",
            marks=pytest.mark.long,
        ),
    ],
)
def test_the_first_imagenet_weights_are_taken_where_there_are_any(offline, name, file):
    with pytest.raises(ch.WeightsUnavailableError, match=file):
        ch.load_network(name)


# ---- downloads ----------------------------------------------------------------------------


class Host:
    """A web server on this machine. `answer` is what it does with a request, `asked` counts them.

    As a proxy it gets whole addresses, which makes no difference to it.
    """

    def __init__(self):
        self.asked = 0
        self.answer = None
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                host.asked += 1
                host.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def sends(content, promised=None, status=200):
    """An answer with this content, of which more may have been promised."""

    def answer(request):
        request.send_response(status)
        request.send_header("Content-Length", str(promised or len(content)))
        request.end_headers()
        request.wfile.write(content)

    return answer


@pytest.fixture
def host():
    with Host() as running:
        yield running


def test_weights_are_downloaded_once_and_whole(cache, host, good, monkeypatch, capsys):
    file_name = publish(monkeypatch, good, host.address)
    host.answer = sends(good)
    for _ in range(2):
        assert torch.equal(ch.load_network(SMALLEST).classifier.weight, weight_of(good))
    assert host.asked == 1
    assert left_in(cache) == [file_name]
    assert digest((cache / file_name).read_bytes()) == digest(good)
    assert f"{host.address}/{file_name}" in capsys.readouterr().out


def altered(content):
    return content[:5_000] + bytes(10) + content[5_010:]


BAD_ANSWERS = {
    "cut off half-way": (lambda good: sends(good[: len(good) // 2], len(good)), "hash"),
    "cut off at once": (lambda good: sends(b"", len(good)), "hash"),
    "one byte short": (lambda good: sends(good[:-1], len(good)), "hash"),
    "altered": (lambda good: sends(altered(good)), "hash"),
    "a page to log in": (lambda good: sends(b"<html>Please log in.</html>"), "hash"),
    "not there": (lambda good: sends(b"", status=404), "404"),
    "out of order": (lambda good: sends(b"", status=503), "503"),
    "no HTTP": (lambda good: lambda request: request.wfile.write(b"hello\r\n\r\n"), "hello"),
    "nothing": (lambda good: lambda request: None, "closed connection"),
}


@pytest.mark.parametrize("what", BAD_ANSWERS)
def test_a_bad_download_leaves_nothing_and_the_next_one_is_right(
    cache, host, good, monkeypatch, what
):
    answer, words = BAD_ANSWERS[what]
    file_name = publish(monkeypatch, good, host.address)
    host.answer = answer(good)
    with pytest.raises(ch.WeightsUnavailableError, match=f"downloaded or read \\(.*{words}"):
        ch.load_network(SMALLEST)
    assert left_in(cache) == []
    host.answer = sends(good)
    assert torch.equal(ch.load_network(SMALLEST).classifier.weight, weight_of(good))
    assert left_in(cache) == [file_name]


@pytest.mark.parametrize(("status", "words"), [(407, "407"), (502, "502"), (200, "hash")], ids=str)
def test_what_a_proxy_refuses_is_told(cache, host, good, monkeypatch, status, words):
    publish(monkeypatch, good)
    host.answer = sends(b"<html>the proxy of this house</html>", status=status)
    monkeypatch.setenv("http_proxy", host.address)
    with pytest.raises(ch.WeightsUnavailableError, match=f"downloaded or read \\(.*{words}"):
        ch.load_network(SMALLEST)
    assert host.asked == 1
    assert left_in(cache) == []


def test_a_proxy_that_is_not_there_is_told(cache, good, monkeypatch):
    with Host() as gone:
        address = gone.address
    publish(monkeypatch, good)
    monkeypatch.setenv("http_proxy", address)
    with pytest.raises(ch.WeightsUnavailableError, match=r"downloaded or read \(.*refused"):
        ch.load_network(SMALLEST)
    assert left_in(cache) == []


def test_ctrl_c_in_a_download_leaves_nothing(cache, host, good, monkeypatch):
    publish(monkeypatch, good, host.address)
    host.answer = sends(good)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.hub.tqdm, "update", stop)  # after the first part has come
    with pytest.raises(KeyboardInterrupt):
        ch.load_network(SMALLEST)
    assert host.asked == 1
    assert left_in(cache) == []


# ---- a cache that cannot be written -------------------------------------------------------


def test_a_cache_below_a_file_is_told(cache, host, good, monkeypatch, tmp_path):
    publish(monkeypatch, good, host.address)
    host.answer = sends(good)
    (tmp_path / "torch").write_text("in the way", encoding="utf-8")
    with pytest.raises(ch.WeightsUnavailableError, match=r"Not a directory.*TORCH_HOME"):
        ch.load_network(SMALLEST)
    assert host.asked == 0


def test_a_folder_in_the_place_of_the_file_is_told_and_left(cache, host, good, monkeypatch):
    file_name = publish(monkeypatch, good, host.address)
    host.answer = sends(good)
    (cache / file_name / "kept").mkdir(parents=True)
    with pytest.raises(ch.WeightsUnavailableError, match="directory"):
        ch.load_network(SMALLEST)
    assert left_in(cache) == ["kept", file_name]


def test_a_cache_that_may_not_be_written_is_told(cache, host, good, monkeypatch):
    """Without leave to write; root, as which tests may run, has it everywhere."""
    publish(monkeypatch, good, host.address)
    host.answer = sends(good)
    cache.mkdir(parents=True)

    def refuse(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(torch.hub, "open", refuse, raising=False)
    with pytest.raises(ch.WeightsUnavailableError, match=r"Permission denied.*permission to write"):
        ch.load_network(SMALLEST)
    assert (host.asked, left_in(cache)) == (0, [])


def forked(call):
    """Start a function in a process of its own; return what waits for its words."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        try:
            words = str(call())
        except BaseException as error:
            words = repr(error)
        os.write(writer, words.encode())
        os._exit(0)
    os.close(writer)

    def wait():
        with open(reader, "rb") as words:
            told = words.read().decode()
        os.waitpid(process, 0)
        return told

    return wait


only_where_processes_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@only_where_processes_fork
def test_a_disk_that_gets_full_keeps_no_part_of_the_file(cache, good, monkeypatch, tmp_path):
    """The limit for the size of a file stops the writing in the middle, as a full disk does."""
    file_name = publish(monkeypatch, good, tmp_path.as_uri())
    (tmp_path / file_name).write_bytes(good)

    def load():
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        ch.load_network(SMALLEST)

    words = forked(load)()
    assert words.startswith("WeightsUnavailableError"), words
    assert "File too large" in words and "room on the disk" in words
    assert left_in(cache) == []


# ---- two at once --------------------------------------------------------------------------


@only_where_processes_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_two_processes_download_at_once_and_both_are_right(cache, host, good, monkeypatch):
    file_name = publish(monkeypatch, good, host.address)
    both, half = threading.Barrier(2, timeout=60), len(good) // 2

    def answer(request):
        request.send_response(200)
        request.send_header("Content-Length", str(len(good)))
        request.end_headers()
        request.wfile.write(good[:half])
        both.wait()  # until the other one, too, has half of it
        request.wfile.write(good[half:])

    def load():
        weight = ch.load_network(SMALLEST).classifier.weight
        return torch.equal(weight, weight_of(good))

    host.answer = answer
    waiting = [forked(load) for _ in range(2)]
    assert [wait() for wait in waiting] == ["True", "True"]
    assert host.asked == 2
    assert left_in(cache) == [file_name]
    assert digest((cache / file_name).read_bytes()) == digest(good)


# ---- the shipped weights ------------------------------------------------------------------


def test_a_checksum_that_is_no_text_is_called_damage(tmp_path):
    shutil.copy(WEIGHTS_FILE, tmp_path)
    file = tmp_path / WEIGHTS_FILE.name
    checksum_file(file).write_bytes(b"\xff\xfe" * 40)
    with pytest.raises(ch.DamagedWeightsError, match="git checkout"):
        load_tiny_resnet(file)


def test_a_folder_in_the_place_of_the_shipped_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="Clone the project again"):
        load_tiny_resnet(tmp_path)
