"""The difference between two models on the same images, and how sure it is."""

import dataclasses

import numpy as np
import numpy.typing as npt

# Share of the resampled differences that lie in the interval.
_INSIDE = 0.95
_REPEATS = 2000
_MIN_IMAGES = 2


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """The second model's values minus the first's, image by image.

    Attributes:
        mean: over the images.
        low, high: 95% of the means of resampled images lie between them (bootstrap); NaN for fewer
            than two images.
        count: number of images that both have a value for.
        better, worse: in how many of them the second model's value is higher, or lower.
    """

    mean: float
    low: float
    high: float
    count: int
    better: int
    worse: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def paired_difference(
    first: npt.ArrayLike, second: npt.ArrayLike, seed: int = 0
) -> PairedDifference:
    """How two models differ, by a value for each image.

    Images differ in difficulty, and both models see the same ones: their differences vary much less
    than their values. Images are resampled with replacement, and the mean difference of each sample
    is one possible outcome.

    Args:
        first, second: [N], the value of each image; images where either is NaN are left out.
        seed: of the resampling.

    Raises:
        ValueError: they differ in length.

    Example:
        >>> from mrcnn.metrics.paired import paired_difference
        >>> found = paired_difference([0.5, 0.6, 0.7], [0.6, 0.7, 0.8])
        >>> round(found.mean, 3), found.better, found.is_clear
        (0.1, 3, True)
    """
    values, others = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if values.shape != others.shape:
        raise ValueError(
            f"first has {values.size} values and second {others.size}: they must be of the same "
            "images."
        )
    differences = (others - values).reshape(-1)
    differences = differences[~np.isnan(differences)]
    count = len(differences)
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    mean = float(differences.mean()) if count else float("nan")
    low = high = float("nan")
    if count >= _MIN_IMAGES:
        drawn = np.random.default_rng(seed).integers(count, size=(_REPEATS, count))
        edges = (1 - _INSIDE) / 2, (1 + _INSIDE) / 2
        low, high = (float(v) for v in np.quantile(differences[drawn].mean(axis=1), edges))
    return PairedDifference(mean, low, high, count, better, worse)
