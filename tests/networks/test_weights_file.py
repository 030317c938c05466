"""What can go wrong with torchvision's weights: their files, the cache, the download.

No test here leaves this machine. A file's name holds the first digits of its SHA-256, and they are
checked; so a test says in the weights' address which ones are torchvision's (`publish`).
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
from helpers import assert_adds_up
from torchvision import models

import cam_helpers as ch
from cam_helpers.networks.load import _choose_weights
from cam_helpers.networks.tiny_resnet import TinyResNet

SMALLEST = "shufflenet_v2_x0_5"


def zipped(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


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


def publish(monkeypatch, content, place="http://nowhere.invalid", network=SMALLEST):
    """Let torchvision believe that the weights of a network are these; return the file's name."""
    file_name = f"{network}-{hashlib.sha256(content).hexdigest()[:10]}.pth"
    weights = _choose_weights(network, "default")
    monkeypatch.setattr(weights.value, "url", f"{place}/{file_name}")
    return file_name


def put(folder, content, file_name):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file_name).write_bytes(content)


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


def weight_of(content):
    return torch.load(io.BytesIO(content), weights_only=True)["fc.weight"]


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
    assert_adds_up(ch.explain(network, "photo:cat"))  # what was proven with random weights


def compressed(content):
    """The same as a deflated archive: one of 600 MB of zeros has 0.6 MB."""
    small = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for record in old.namelist():
            new.writestr(record, old.read(record))
    return small.getvalue()


BAD = {  # what becomes of a good file, and what is said of it
    "empty": (lambda good: b"", ""),
    "cut short": (lambda good: good[:20_000], ""),
    "one byte short": (lambda good: good[:-1], ""),
    "a page of a proxy": (lambda good: b"<html><body>Please log in.</body></html>", ""),
    "another network": (lambda good: zipped(TinyResNet().state_dict()), ""),
    "numbers": (lambda good: zipped({"fc.weight": 3}), ""),
    "names that are none": (lambda good: zipped({3: torch.zeros(1)}), ""),
    "an archive of something else": (lambda good: b"PK\x05\x06" + bytes(18), ""),
    "compressed": (compressed, "compressed"),
}


@pytest.mark.parametrize("is_named_so", [True, False])
@pytest.mark.parametrize("what", BAD)
def test_what_does_not_hold_the_weights_is_called_damaged(
    offline, good, monkeypatch, what, is_named_so
):
    """Even under a name that says it is right."""
    change, words = BAD[what]
    content = change(good)
    file_name = publish(monkeypatch, content if is_named_so else good)
    put(offline, content, file_name)
    with pytest.raises(
        ch.DamagedWeightsError, match=f"cannot be used: .*{words}.*Delete"
    ) as caught:
        ch.load_network(SMALLEST)
    assert str(offline / file_name) in str(caught.value)
    assert "\n" not in str(caught.value)  # torch's own message may go on for pages


class Trap:
    """Touches a file when it is unpickled carelessly."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("pack", [zipped, lambda content: pickle.dumps(content, protocol=2)])
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


def test_too_little_memory_is_not_called_damage(cache, in_little_memory):
    """torch raises a RuntimeError then. The file is good, and the reader must not delete it."""
    cache.mkdir(parents=True)
    setup = f"""
import types
from cam_helpers.networks.load import _fill
model, cached = torch.nn.Linear(3000, 3000), {str(cache / "a.pth")!r}
torch.save(model.state_dict(), cached)
def get_state_dict(check_hash, **named):  # as torchvision's weights have it
    return torch.load(cached, **named)
chosen = types.SimpleNamespace(url="http://nowhere.invalid/a.pth", get_state_dict=get_state_dict)
"""
    words = in_little_memory("_fill(model, chosen)", 20, setup)
    assert words.startswith("MemoryError Too little memory") and "Delete" not in words
    assert in_little_memory("_fill(model, chosen)", 300, setup) == "done"


# Files of DenseNet name layers as they were called once; that of GoogLeNet holds heads that only
# training used, and this network and Inception shift their input.
PECULIAR = ["densenet121", "googlenet", "inception_v3"]


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


def test_offline_the_message_says_what_to_do(offline):
    """The file is that of IMAGENET1K_V1, though V2 is the default."""
    with pytest.raises(ch.WeightsUnavailableError) as caught:
        ch.load_network("mobilenet_v2")
    message = str(caught.value)
    for part in (
        "mobilenet_v2-b0353104.pth",
        str(offline),
        "tiny_resnet",
        "no connection",
        "TORCH_HOME",
    ):
        assert part in message
    assert isinstance(caught.value, ConnectionError)
    assert left_in(offline) == []


def test_a_bad_download_is_told_and_the_next_one_is_right(cache, good, monkeypatch, tmp_path):
    file_name = publish(monkeypatch, good, tmp_path.as_uri())
    (tmp_path / file_name).write_bytes(good[: len(good) // 2])
    with pytest.raises(ch.WeightsUnavailableError, match="hash"):
        ch.load_network(SMALLEST)
    assert left_in(cache) == []
    (tmp_path / file_name).write_bytes(good)
    assert torch.equal(ch.load_network(SMALLEST).classifier.weight, weight_of(good))
    assert left_in(cache) == [file_name]
