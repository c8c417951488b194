"""The maps of a layer as numbers: their statistics, and two pictures' maps compared.

The maps of a layer for one picture are float32 (H, W, C): C maps of H by W values. A value that is not finite
(a network that diverged has them) counts as nothing in every sum here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.errors import LayerError

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Statistics:
    """What each map of a layer holds.

    Attributes:
        mean, maximum, minimum: float32 (C,), in the units of the layer.
        zeros: float32 (C,): the share of values that are exactly zero, 0–1.
        dead: bool (C,): maps that are zero everywhere, for this picture.
    """

    mean: Floats
    maximum: Floats
    minimum: Floats
    zeros: Floats
    dead: NDArray[np.bool_]


def statistics(maps: Floats) -> Statistics:
    """Mean, ends and share of zeros of each map.

    Args:
        maps: float32 (H, W, C).

    >>> found = statistics(np.float32([[[0, 2], [0, 0]]]))
    >>> found.zeros.tolist(), found.dead.tolist()
    ([1.0, 0.5], [True, False])
    """
    values, _ = checked(maps)
    zeros = np.asarray(np.mean(maps == 0, axis=(0, 1)), np.float32)
    mean = values.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    return Statistics(mean, values.max(axis=(0, 1)), values.min(axis=(0, 1)), zeros, zeros == 1)


def ends(values: Floats) -> tuple[float, float]:
    """The ends of the true scale: symmetric around zero when a value is negative, else the smallest and largest.

    >>> ends(np.float32([-1, 3])), ends(np.float32([1, 3]))
    ((-3.0, 3.0), (1.0, 3.0))
    """
    low, high = float(values.min()), float(values.max())
    extreme = max(-low, high)
    return (-extreme, extreme) if low < 0 else (low, high)


def difference(a: Floats, b: Floats) -> Floats:
    """What the maps of one picture have more than those of another: ``a − b``, float32 (H, W, C), signed.

    Raises:
        LayerError: the two do not have the same shape.

    >>> difference(np.float32([[[1]]]), np.float32([[[3]]])).ravel()
    array([-2.], dtype=float32)
    """
    first, second = _same_shape(a, b)
    return first - second


def cosine(a: Floats, b: Floats) -> float:
    """How alike two pictures are for a layer: ``a·b / (|a| |b|)`` over all its values, −1 to 1.

    Two layers of zeros are alike (1); one of zeros and one with values are not (0).

    Args:
        a: float32 of any shape, the layer's values for one picture.
        b: the same for the other.

    Raises:
        LayerError: the two do not have the same shape.

    >>> cosine(np.float32([1, 0]), np.float32([0, 2])), cosine(np.float32([1, 0]), np.float32([-2, 0]))
    (0.0, -1.0)
    """
    first, second = (values.astype(np.float64).ravel() for values in _same_shape(a, b))
    lengths = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    if lengths == 0:
        return float(not first.any() and not second.any())
    return float(np.clip(first @ second / lengths, -1, 1))


def _same_shape(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    if a.shape != b.shape:
        raise LayerError(f"Maps of the shapes {a.shape} and {b.shape} cannot be compared; take the same layer of both.")
    return finite(a), finite(b)


def finite(values: Floats) -> Floats:
    """Zeros for NaN and infinity."""
    return np.where(np.isfinite(values), values, np.float32(0)).astype(np.float32)


def checked(maps: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The maps with zeros for what is not finite, and where that is."""
    if maps.ndim != 3 or maps.size == 0:
        raise LayerError(
            f"Maps of one picture have the shape (height, width, channels), not {maps.shape}. "
            "Choose a layer with spatial output, such as a convolution."
        )
    bad = ~np.isfinite(maps)
    return (finite(maps) if bad.any() else np.asarray(maps, np.float32)), bad


def check_known(key: str, registry: Mapping[str, object], what: str) -> None:
    """Refuse a key that a registry does not have, with a sentence that lists those it has."""
    if key not in registry:
        raise LayerError(f"The {what} {key!r} is not known; it can be {', '.join(registry)}.")
