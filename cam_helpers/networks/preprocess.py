"""What turns a picture into a network's input: the four moves that notebook 01 makes by hand.

They belong to the network, not to step 1: every network was trained on its own.
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor


class Preprocess:
    """What turns a picture into the network's input, in Pillow and torch alone.

    Resize the short side to `resize_size`, cut out the centre `crop_size` x `crop_size`, turn
    bytes into numbers from 0 to 1, subtract `mean` and divide by `std` channel by channel. The
    attributes bear the names of torchvision's own preset, `ImageClassification`, whose result
    this one equals (notebook 01 and a test show it).
    """

    def __init__(
        self,
        resize_size: int = 256,
        crop_size: int = 224,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
    ) -> None:
        self.resize_size = [resize_size]
        self.crop_size = [crop_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = Image.Resampling.BILINEAR

    def __call__(self, picture: Image.Image) -> Tensor:
        """RGB picture -> (3, crop_size, crop_size) float32."""
        cropped = self.crop(self.resize(picture))
        numbers = torch.from_numpy(np.array(cropped, dtype=np.float32) / 255).permute(2, 0, 1)
        mean, std = torch.tensor(self.mean), torch.tensor(self.std)
        return (numbers - mean[:, None, None]) / std[:, None, None]

    def resize(self, picture: Image.Image) -> Image.Image:
        """Make the short side `resize_size` pixels long and keep the proportions."""
        short = min(picture.size)
        width, height = (int(self.resize_size[0] * side / short) for side in picture.size)
        return picture.resize((width, height), self.interpolation)

    def crop(self, picture: Image.Image) -> Image.Image:
        """Cut out the square of `crop_size` pixels in the centre."""
        side = self.crop_size[0]
        left = round((picture.width - side) / 2)
        top = round((picture.height - side) / 2)
        return picture.crop((left, top, left + side, top + side))


class PreprocessWhole(Preprocess):
    """The same without the crop: the network sees the whole picture.

    The short side becomes `side` pixels long. Both sides are rounded to multiples of `STRIDE`, so a
    side is stretched or squeezed by 16 pixels at most.
    """

    # Of torchvision's networks a cell is 32 pixels wide; a part of one would be padded otherwise
    # than the rest (`make_tf_mobilenet_v2`).
    STRIDE = 32

    def __init__(self, side: int, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__(side, side, mean, std)

    def resize(self, picture: Image.Image) -> Image.Image:
        """Make the short side `resize_size` pixels long, both in whole strides."""
        cells = self.resize_size[0] / self.STRIDE / min(picture.size)
        width, height = (round(cells * side) * self.STRIDE for side in picture.size)
        return picture.resize((width, height), self.interpolation)

    def crop(self, picture: Image.Image) -> Image.Image:
        """Leave the picture as it is."""
        return picture
