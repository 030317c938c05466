"""One changed word at the top of a notebook chooses another network: does all of it still run?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
# Beside the checkout on some machines: real ImageNet weights of MobileNetV2.
REAL_WEIGHTS = PROJECT.parent / "shared" / "imagenet" / "torch_home"
# The others take a minute together and show nothing new of the steps.
WHEN = [
    pytest.param(p, marks=[] if p.name < "06" else pytest.mark.long, id=p.name) for p in NOTEBOOKS
]


@pytest.fixture(scope="session")
def mobilenet_home(tmp_path_factory):
    """A TORCH_HOME with weights of MobileNetV2: real ones where they lie, random ones elsewhere."""
    if REAL_WEIGHTS.is_dir():
        return REAL_WEIGHTS
    import torch
    from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

    home = tmp_path_factory.mktemp("torch_home")
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    file_name = MobileNet_V2_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[-1]
    torch.save(mobilenet_v2(weights=None).state_dict(), folder / file_name)
    return home


@pytest.mark.parametrize("path", WHEN)
def test_runs_with_another_network(path, mobilenet_home, tmp_path):
    if path.name.startswith("11"):
        for library in ("captum", "pytorch_grad_cam", "torchcam"):
            pytest.importorskip(library, reason='pip install -e ".[libraries]"')
    shutil.copy(path, tmp_path / path.name)
    environment = os.environ | {"CAM_NETWORK": "mobilenet_v2", "TORCH_HOME": str(mobilenet_home)}
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute"]
    command += ["--ExecutePreprocessor.timeout=120", "--output", "done.ipynb", path.name]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr[-3000:]
    if path.name.startswith("01"):  # it says how many classes the network has
        assert "1000" in (tmp_path / "done.ipynb").read_text(encoding="utf-8")
