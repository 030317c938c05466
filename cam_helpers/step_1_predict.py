"""Step 1: a picture goes in, a score for every class comes out."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cam_helpers.networks.network import Classifier, check_classifier
from cam_helpers.networks.reading import Reading, read
from cam_helpers.networks.running import evaluation_mode
from cam_helpers.pictures.open_picture import PictureSource


class RankedClass(NamedTuple):
    """One line of a list of best classes."""

    class_index: int
    category: str
    score: float
    probability: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """The scores of one picture, (K,), or of a batch, (N, K), before softmax or sigmoid.

    `reading` is the network's: how scores become probabilities.
    """

    scores: Tensor
    categories: tuple[str, ...]
    reading: Reading = "softmax"

    @property
    def probabilities(self) -> Tensor:
        """Softmax of the scores: positive, and 1 in sum over the classes.

        Where the network says so, the sigmoid of each, or the scores as they are.
        """
        return read(self.scores, self.reading)

    @property
    def ranks(self) -> list[int]:
        """The rank of every class of one picture: 1 for the best; equal scores share a rank."""
        self._check_one_picture("ranks")
        rising = self.scores.sort().values
        better = len(rising) - torch.searchsorted(rising, self.scores, right=True)
        ranks: list[int] = (better + 1).tolist()
        return ranks

    def top(self, k: int = 5) -> list[RankedClass]:
        """Return the `k` best classes of one picture, best first (all, where there are fewer)."""
        if k < 1:
            raise ValueError(f"top(k) takes a number of classes from 1 on, not {k}.")
        self._check_one_picture("top()")
        best = self.scores.topk(min(k, len(self.scores))).indices.tolist()
        scores, probabilities = self.scores.tolist(), self.probabilities.tolist()
        return [RankedClass(i, self.categories[i], scores[i], probabilities[i]) for i in best]

    def _check_one_picture(self, what: str) -> None:
        if self.scores.ndim != 1:
            raise ValueError(
                f"{what} compares the classes of one picture, and these are the scores of "
                f"{len(self.scores)}: take them one by one, Prediction(scores[0], categories)."
            )


def predict(network: Classifier, picture: PictureSource | Tensor) -> Prediction:
    """Return the network's scores for a picture, or for an input tensor (3, H, W), (N, 3, H, W).

    The pass runs in evaluation mode and without gradients; afterwards every layer's mode is as it
    was. Raises `TypeError` where `network` is no `Classifier`, else what `Network.prepare` raises.

    >>> import cam_helpers as ch
    >>> prediction = ch.predict(ch.load_network(), "cat_and_dog")
    >>> [ranked.category for ranked in prediction.top(2)]
    ['dog', 'cat']
    """
    check_classifier(network)
    scores = forward(network, network.prepare(picture))
    is_one_picture = not (isinstance(picture, Tensor) and picture.ndim == 4)
    scores = scores[0] if is_one_picture else scores
    return Prediction(scores, network.categories, network.reading)


def forward(network: Classifier, batch: Tensor) -> Tensor:
    """Return the scores (N, K) of a prepared batch (N, 3, H, W): the pass behind `predict`."""
    with torch.no_grad(), evaluation_mode(network.model):
        return network.check_scores(network.model(batch), len(batch))
