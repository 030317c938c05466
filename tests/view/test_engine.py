"""The engine in JavaScript against Python: the same pictures, networks, classes, in a browser."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cam_helpers as ch
from cam_helpers.networks.load import SHIPPED
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.view.export import export_network

PICTURES = [*ch.shipped_pictures()[::2], *ch.shipped_photographs()]
CLASSES = (0, 3, 5, 11)

# What the page itself does, with the numbers handed out: a worker, made of what stands in the page,
# explains a file. The class is drawn over the crop that the network saw.
START = """() => {
  const texts = ["engine", "worker"].map((id) => document.getElementById(id).textContent);
  const worker = new Worker(URL.createObjectURL(new Blob(texts)));
  window.asked = (job, question) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) =>
      data.error ? reject(data.error) : data.answer && resolve(data.answer);
    worker.postMessage({ job, ...question });
  });
  const { networks } = JSON.parse(document.getElementById("data").textContent);
  window.networks = {};
  return (async () => {
    for (const name in networks) {
      window.networks[name] = await asked("load", { name, ...networks[name] });
    }
  })();
}"""
EXPLAIN = """async ([network, text, classes]) => {
  const file = new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))]);
  const found = await asked("explain", { network, file });
  const base64 = (array) => new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1]);
    reader.readAsDataURL(new Blob([array]));
  });
  const paled = pale(found.crop);
  const maps = [], overlays = [];
  for (const k of classes) {
    const { weights } = isolateWeights(networks[network], k);
    const cam = weightedSum(weights, found.featureMaps);
    maps.push([...cam.values]);
    overlays.push(await base64(overlay(paled, cam, found.limit).data));
  }
  const { limit, scores } = found;
  return {
    limit, maps, overlays, scores: [...scores], probabilities: [...probabilities(scores)],
    crop: await base64(found.crop.data), large: await base64(found.large.data),
  };
}"""


def pixels(text, side):
    """Decode the pixels of a square picture, and leave opacity out: it is 255 everywhere."""
    rgba = np.frombuffer(base64.b64decode(text), np.uint8).reshape(side, side, 4)
    assert (rgba[..., 3] == 255).all()
    return rgba[..., :3].astype(int)


def apart(numbers, expected):
    """Return the largest difference, as a share of the largest number expected."""
    numbers, expected = torch.tensor(numbers).double(), expected.double()
    return ((numbers - expected).abs().max() / expected.abs().max()).item()


@pytest.fixture(scope="module")
def networks():
    return {name: ch.load_network(name) for name in SHIPPED}


@pytest.fixture(scope="module")
def engine(browser, page_file):
    """A function that explains the bytes of a picture file in the browser."""
    page = browser.new_page()
    page.goto(page_file.as_uri())
    page.evaluate(START)

    def explain(network, content, classes=CLASSES):
        text = base64.b64encode(content).decode()
        return page.evaluate(EXPLAIN, [network, text, list(classes)])

    yield explain
    page.close()


def as_file(picture, kind="png", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.browser
@pytest.mark.parametrize("name", SHIPPED)
def test_the_engine_gives_the_numbers_of_python(name, networks, engine):
    network = networks[name]
    assert len(PICTURES) >= 20
    for source in PICTURES:
        picture = ch.open_picture(source)
        explanation = ch.explain(network, picture)
        best = explanation.prediction.top(1)[0].class_index
        classes = [best, *CLASSES, int(explanation.scores.argmin())]
        found = engine(name, as_file(picture), classes)

        seen = np.asarray(explanation.input_picture).astype(int)
        assert np.abs(pixels(found["crop"], 224) - seen).max() == 0, source
        larger = Preprocess(512, 448)
        large = np.asarray(larger.crop(larger.resize(picture))).astype(int)
        assert np.abs(pixels(found["large"], 448) - large).max() == 0, source

        assert apart(found["scores"], explanation.scores) < 1e-3, source
        assert apart(found["probabilities"], explanation.prediction.probabilities) < 1e-3, source
        assert apart(found["limit"], explanation.cams().abs().max()) < 1e-3, source
        for k, cam, drawn in zip(classes, found["maps"], found["overlays"], strict=True):
            assert apart(cam, explanation.cam(k).flatten()) < 1e-3, (source, k)
            overlay = np.asarray(explanation.overlay(k)).astype(int)
            assert np.abs(pixels(drawn, 224) - overlay).max() <= 2, (source, k)


@pytest.mark.browser
def test_the_map_moves_with_the_picture(engine):
    """The sum says how much; moving says where. The tripod stands in the lower right quarter."""
    picture = np.asarray(ch.open_picture("photo:four"))
    side = picture.shape[0] // 2
    for right, down in ((0, 0), (side, 0), (0, side), (side, side)):
        moved = Image.fromarray(np.roll(picture, (down, right), (0, 1)))
        cam = np.reshape(engine("tf_mobilenet_v2", as_file(moved), [872])["maps"], (7, 7))
        row, column = np.unravel_index(cam.argmax(), cam.shape)
        assert (row >= 3, column >= 3) == (down == 0, right == 0)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("size", "kind", "options", "most"),
    [
        ((640, 427), "png", {}, 0),
        ((451, 300), "webp", {"lossless": True}, 0),
        ((301, 1024), "png", {}, 1),  # Pillow 13 resizes so high a picture column by column first
        ((4000, 3000), "jpeg", {"quality": 90}, 4),  # decoders differ
        ((900, 500), "jpeg", {"quality": 90, "subsampling": 0}, 4),
    ],
)
def test_pictures_of_all_sizes_are_seen_as_python_sees_them(size, kind, options, most, engine):
    picture = ch.open_picture("photo:coffee").resize(size)
    if kind == "jpeg":  # turned, as a telephone does it
        exif = Image.Exif()
        exif[0x0112] = 6
        options = options | {"exif": exif}
    content = as_file(picture, kind, **options)
    network = ch.load_network()
    expected = np.asarray(ch.explain(network, content).input_picture).astype(int)
    found = pixels(engine("tiny_resnet", content)["crop"], 224)
    assert np.abs(found - expected).max() <= most


@pytest.mark.browser
def test_transparent_parts_are_white(engine):
    picture = ch.open_picture("cat").convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    content = as_file(picture)
    expected = np.asarray(ch.explain(ch.load_network(), content).input_picture).astype(int)
    found = pixels(engine("tiny_resnet", content)["crop"], 224)
    assert np.abs(found - expected).max() <= 2


def test_the_numbers_of_mobilenet_are_those_that_were_published(networks):
    """The whole numbers lie in the page as they came; the sum of all bytes is known by itself."""
    description, content = export_network(networks["tf_mobilenet_v2"])
    layers = [layer for layer in description["layers"] if "weights" in layer]
    parts = [layer["weights"] for layer in [*layers, description["classifier"]]]
    assert {part["bits"] for part in parts} == {8}
    found = torch.cat(
        [
            (
                torch.frombuffer(
                    bytearray(content), dtype=torch.uint8, offset=part["at"], count=part["length"]
                ).float()
                - part["zero"]
            )
            * part["scales"][0]
            for part in parts
        ]
    )
    expected = [p for p in networks["tf_mobilenet_v2"].model.parameters() if p.ndim > 1]
    assert torch.equal(found, torch.cat([weight.detach().flatten() for weight in expected]))


def test_a_layer_that_the_engine_does_not_know_is_refused():
    class Curved(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.GELU())
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.head = nn.Linear(6, 3)

        def forward(self, x):
            return self.head(self.pool(self.body(x)).flatten(1))

    network = ch.make_network("curved", Curved().eval(), ("a", "b", "c"), Preprocess(36, 32))
    with pytest.raises(ValueError, match=r"engine\.js has no layer for GELU"):
        export_network(network)
