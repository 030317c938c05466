"""What can go wrong with torchvision's weights: their files, the cache, the download.

No test here leaves this machine. torchvision writes the first digits of a file's SHA-256 into its
name, and they are checked; so a test that wants weights of its own to count as torchvision's says
in their address what they are (`publish`).
"""

import hashlib
import io
import pickle
import re
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
import torch
from torchvision import models

import cam_helpers as ch
from cam_helpers.networks.load import _choose_weights
from cam_helpers.networks.tiny_resnet import (
    TinyResNet,
)

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


# ---- downloads: torch.hub's affair; ours is what is said and that it works the next time ---------


def test_a_bad_download_is_told_and_the_next_one_is_right(cache, good, monkeypatch, tmp_path):
    file_name = publish(monkeypatch, good, tmp_path.as_uri())
    (tmp_path / file_name).write_bytes(good[: len(good) // 2])
    with pytest.raises(ch.WeightsUnavailableError, match=r"downloaded or read \(.*hash"):
        ch.load_network(SMALLEST)
    assert left_in(cache) == []
    (tmp_path / file_name).write_bytes(good)
    assert torch.equal(ch.load_network(SMALLEST).classifier.weight, weight_of(good))
    assert left_in(cache) == [file_name]
