"""Receipts: how a class activation map was added up, channel by channel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.attribution.contract import Floats
from explorer.attribution.explaining import Explanation
from explorer.errors import MethodError

TOLERANCE = 1e-4
"""Largest difference between the sum of all lines and the shown map, as a share of the largest number."""


@dataclass(frozen=True, eq=False)
class Line:
    """One channel's contribution.

    Attributes:
        channel: which.
        map: float32 (h, w).
        weight: of the whole map, or None where each cell has its own.
        weights: float32 (h, w), the weight of each cell.
        product: float32 (h, w), weight times map.
        share: of all that was added up, by magnitude, 0–1.
    """

    channel: int
    map: Floats
    weight: float | None
    weights: Floats
    product: Floats
    share: float


@dataclass(frozen=True, eq=False)
class Receipt:
    """The sum behind a map: ``Σ lines + rest = total``, and ``ReLU(total)`` is the heatmap.

    Attributes:
        lines: the channels that contribute most, the largest first.
        rest: float32 (h, w), the sum of all other channels.
        others: how many those are.
        running: float32 (len(lines) + 1, h, w): the sum after each line, and last with the rest.
        total: float32 (h, w), the signed map.
        shown: float32 (h, w), after the ReLU.
        error: largest difference between the last running sum and the map that the page shows.
    """

    lines: tuple[Line, ...]
    rest: Floats
    others: int
    running: Floats
    total: Floats
    shown: Floats
    error: float

    @property
    def largest(self) -> float:
        """The largest magnitude among the lines and the sums."""
        return max(
            float(np.abs(each).max(initial=0.0)) for each in (self.running, *(one.product for one in self.lines))
        )

    @property
    def agrees(self) -> bool:
        """Whether the lines and the rest are the map: to 1e-4 of the largest number; False where any is not finite."""
        finite = np.isfinite(self.error) and np.isfinite(self.largest)
        return bool(finite and self.error <= TOLERANCE * self.largest)


def receipt(found: Explanation, most: int = 8) -> Receipt:
    """The channels that contribute most to a class activation map, and the sum of the others.

    A channel's contribution is the sum of its product's magnitudes over the cells.

    Args:
        found: an explanation by one of the CAM methods.
        most: lines at most.

    Raises:
        MethodError: the method adds up no channels.
    """
    if found.terms is None:
        raise MethodError("Only class activation maps are a sum over channels; choose one of them for a receipt.")
    products = found.terms.products
    sizes = np.abs(products).sum(axis=(0, 1), dtype=np.float64)
    order = np.argsort(-sizes, kind="stable")[: max(1, most)]
    order = order[sizes[order] > 0] if sizes.any() else order[:1]
    lines = tuple(_line(found, products, int(channel), sizes) for channel in order)
    left = np.setdiff1d(np.arange(products.shape[2]), order)
    rest = products[..., left].sum(axis=2, dtype=np.float64)
    running = np.cumsum([*(line.product.astype(np.float64) for line in lines), rest], axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        error = float(np.abs(running[-1] - found.raw).max())
    return Receipt(
        lines=lines,
        rest=_float32(rest),
        others=len(left),
        running=_float32(running),
        total=found.raw,
        shown=found.raw_values,
        error=error,
    )


def _float32(values: NDArray[np.float64]) -> Floats:
    """Sums of a diverged network may be too large for float32: they become infinite, and are not drawn."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _line(found: Explanation, products: Floats, channel: int, sizes: NDArray[np.float64]) -> Line:
    assert found.terms is not None  # noqa: S101 - receipt() has looked
    weights = found.terms.weights
    single = weights.ndim == 1
    cells = np.full(products.shape[:2], weights[channel], np.float32) if single else weights[..., channel]
    return Line(
        channel=channel,
        map=found.terms.maps[..., channel],
        weight=float(weights[channel]) if single else None,
        weights=cells,
        product=products[..., channel],
        share=float(sizes[channel] / (sizes.sum() or 1.0)),
    )
