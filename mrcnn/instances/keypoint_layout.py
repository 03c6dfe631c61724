"""Which keypoints an instance has: their names, left and right, and the lines between them."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ..types import Array

PERSON_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
PERSON_SKELETON = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
    (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip
PERSON_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
    0.087, 0.087, 0.089, 0.089,
)  # fmt: skip
# For keypoints that nobody has annotated twice: between a person's elbow (0.072) and ear (0.035).
DEFAULT_SIGMA = 0.05


class KeypointLayout:
    """The K keypoints that each instance of a dataset has, in their order.

    Args:
        names: of the keypoints, each different.
        skeleton: pairs of indices, the lines that `visualize.display_keypoints` draws.
        flip_pairs: pairs of indices, left and right. A mirrored left hand is a right hand, so flips
            swap them. None pairs each name that has "left" with the one that has "right" instead.
        sigmas: [K], how much annotators disagree on each keypoint, as a fraction of the square root
            of the instance's area; the object keypoint similarity (OKS) uses them. None is COCO's
            for a person's 17 keypoints and 0.05 for all others.

    Attributes:
        names, skeleton, flip_pairs: as given, tuples.
        sigmas: float64 [K].

    Raises:
        ValueError: no names, a name twice, an index out of range, a keypoint in two flip pairs, or
            the wrong number of sigmas.

    Example:
        >>> from mrcnn.instances import KeypointLayout
        >>> layout = KeypointLayout(["head", "left_hand", "right_hand"], [(0, 1), (0, 2)])
        >>> layout.flip_pairs
        ((1, 2),)
        >>> layout.mirrored
        array([0, 2, 1])
    """

    def __init__(
        self,
        names: Iterable[str],
        skeleton: Iterable[Sequence[int]] = (),
        flip_pairs: Iterable[Sequence[int]] | None = None,
        sigmas: npt.ArrayLike | None = None,
    ) -> None:
        self.names: tuple[str, ...] = tuple(map(str, names))
        if not self.names:
            raise ValueError("the keypoints have no names: at least one is needed.")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"the keypoints {twice} are named twice: names must be unique.")
        self.skeleton = _pairs("skeleton", skeleton, len(self.names))
        if flip_pairs is None:
            flip_pairs = flip_pairs_of(self.names)
        self.flip_pairs = check_flip_pairs(flip_pairs, len(self.names))
        self.sigmas: Array = self._sigmas(sigmas)

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeypointLayout):
            return NotImplemented
        return (
            self.names == other.names
            and self.skeleton == other.skeleton
            and self.flip_pairs == other.flip_pairs
            and np.array_equal(self.sigmas, other.sigmas)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"KeypointLayout({list(self.names)})"

    @property
    def mirrored(self) -> Array:
        """int [K], the keypoint that each becomes in a mirror."""
        return mirrored(len(self), self.flip_pairs)

    @classmethod
    def person(cls) -> "KeypointLayout":
        """COCO's 17 keypoints of a person."""
        return cls(PERSON_NAMES, PERSON_SKELETON)

    def _sigmas(self, sigmas):
        if sigmas is None:
            of_person = self.names == PERSON_NAMES
            sigmas = PERSON_SIGMAS if of_person else [DEFAULT_SIGMA] * len(self)
        values = np.asarray(sigmas, np.float64).reshape(-1)
        if len(values) != len(self) or not (values > 0).all():
            raise ValueError(
                f"sigmas is {values.tolist()}: it must have a positive number for each of the "
                f"{len(self)} keypoints."
            )
        return values


def flip_pairs_of(names: Sequence[str]) -> list[tuple[int, int]]:
    """The pairs (left, right) among names such as "left_eye" and "right_eye".

    Args:
        names: of the keypoints.
    """
    swapped = [name.replace("left", "right").replace("Left", "Right") for name in names]
    return [
        (i, list(names).index(other))
        for i, (name, other) in enumerate(zip(names, swapped, strict=True))
        if other != name and other in names
    ]


def check_flip_pairs(pairs: Iterable[Sequence[int]], count: int) -> tuple[tuple[int, int], ...]:
    """Check that no keypoint is in two flip pairs and that all exist.

    Args:
        pairs: pairs of indices.
        count: number of keypoints.

    Returns:
        The pairs, as tuples of ints.

    Raises:
        ValueError: a pair cannot be swapped.
    """
    checked: tuple[tuple[int, int], ...] = _pairs("flip_pairs", pairs, count)
    members = [i for pair in checked for i in pair]
    twice = sorted({i for i in members if members.count(i) > 1})
    if twice:
        raise ValueError(
            f"flip_pairs has the keypoints {twice} more than once: a keypoint can be swapped with "
            "only one other."
        )
    return checked


def mirrored(count: int, flip_pairs: Iterable[Sequence[int]]) -> Array:
    """The keypoint that each one becomes in a mirror, int [K].

    Args:
        count: number of keypoints, K.
        flip_pairs: pairs of indices, left and right.
    """
    order = np.arange(count)
    for left, right in flip_pairs:
        order[left], order[right] = right, left
    return order


def _pairs(name, pairs, count):
    """Pairs of indices below `count` as a tuple of tuples."""
    checked = []
    for pair in pairs:
        indices = np.asarray(pair)
        right = indices.shape == (2,) and indices.dtype.kind in "iu"
        if not right or not ((indices >= 0) & (indices < count)).all():
            raise ValueError(
                f"{name} has {pair!r}: it must be two indices of keypoints, from 0 to {count - 1}."
            )
        checked.append((int(indices[0]), int(indices[1])))
    return tuple(checked)
