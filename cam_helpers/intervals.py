"""How sure is a number that was found on some pictures: intervals of 95 %."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]
FEW = 5  # of groups: below it the percentiles of the draws are those of the few themselves


class Interval(NamedTuple):
    """A number, and between which values it lies when other pictures are drawn (95 %)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def bootstrap(
    rows: ArrayLike,
    statistic: Callable[[Numbers], float] = lambda mean: float(mean),
    groups: Sequence[Any] | NDArray[Any] | None = None,
    draws: int = 2_000,
    seed: int = 0,
) -> Interval:
    """Return the mean of what was found picture by picture, with its 95 % interval.

    `rows` (N, ...) has one number, or one array, for each picture. Each draw takes N pictures with
    replacement; the interval holds the middle 95 % of the means (Efron 1979; percentile method).
    To compare two methods give the differences, so that both are drawn with the same pictures.

    For a measure that is no mean over pictures, `statistic` makes it from the mean row (...).
    Pictures that belong together, such as windows of one photograph, are drawn together where
    `groups` (N,) gives them the same label. Raises `ValueError` for fewer than two groups or
    numbers that are not finite; warns where they are so few that the interval is too narrow.

    >>> import cam_helpers as ch
    >>> print(ch.bootstrap([0.1, 0.5, 0.4, 0.8, 0.3]))
    +0.42 [+0.24, +0.62]
    """
    numbers = np.asarray(rows, dtype=np.float64)
    labels = np.arange(len(numbers)) if groups is None else np.asarray(groups)
    _, group = np.unique(labels, return_inverse=True)
    count = group.max(initial=-1) + 1
    if count < 2 or len(group) != len(numbers) or not np.isfinite(numbers).all():
        raise ValueError("bootstrap() takes finite numbers of at least two groups, a label each.")
    if count < FEW:
        warnings.warn(
            f"An interval drawn from {count} pictures or groups is too narrow: it knows no others.",
            stacklevel=2,
        )
    sums = np.zeros((count, numbers[0].size))
    np.add.at(sums, group, numbers.reshape(len(numbers), -1))
    sizes = np.bincount(group)
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):  # one by one: together they would fill the memory
        times = rng.multinomial(count, np.full(count, 1 / count))
        mean = times @ sums / (times @ sizes)
        found.append(statistic(mean.reshape(numbers.shape[1:])))
    low, high = np.quantile(found, (0.025, 0.975))
    return Interval(statistic(numbers.mean(axis=0)), float(low), float(high))


def share_of_hits(hits: ArrayLike, groups: Sequence[Any] | None = None) -> Interval:
    """Return the share of hits (N,), each from 0 to 1, with its exact 95 % interval.

    Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of
    the binomial". It stays wide where all are hits, as `bootstrap` does not: 12 of 12 may come from
    0.735. Hits that belong together (`groups`) count as one try.

    >>> import cam_helpers as ch
    >>> print(ch.share_of_hits([1] * 12))
    +1.00 [+0.74, +1.00]
    """
    from scipy.special import betaincinv

    numbers = np.asarray(hits, dtype=np.float64)
    tries = len(numbers) if groups is None else len(set(groups))
    if not tries or not ((numbers >= 0) & (numbers <= 1)).all():
        raise ValueError("share_of_hits() takes at least one number, all from 0 to 1.")
    share = float(numbers.mean())
    hit, missed = share * tries, (1 - share) * tries
    low = float(betaincinv(hit, missed + 1, 0.025)) if hit else 0.0
    high = float(betaincinv(hit + 1, missed, 0.975)) if missed else 1.0
    return Interval(share, low, high)
