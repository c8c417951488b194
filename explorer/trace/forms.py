"""The forms in which channels are made of others: sums over windows, products, the largest of several.

What gathers is written as one sum, ``Σ patch · weights + bias``, wherever it is one. A mean over a window has the
weights 1/n, a largest value has the weight 1 where it was found and 0 elsewhere, an addition has the weight 1 for each
parent.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from explorer.errors import LayerError
from explorer.trace.geometry import Geometry, convolved_apart, padded, window

Floats = NDArray[np.float32]
Form = Literal[
    "convolution", "dense", "max", "mean", "sum", "product", "maximum", "minimum", "copy", "picture", "other"
]


@dataclass(frozen=True, eq=False, kw_only=True)
class Gathering:
    """How one channel of one layer comes about; this one of a layer whose arithmetic is not known.

    Attributes:
        form: "convolution" (a depthwise one has a single input), "dense", "max" and "mean" over a window, "sum" of
            parents, "product" of them, "maximum" and "minimum" of them, "copy" of one (a concatenation), or "other", of
            which nothing is known.
        values: the input maps, float32 (h, w, n), of a transposed convolution with zeros between their cells; (K,) of a
            dense layer.
        channels: for each input its tensor's number and its channel there.
        weights: float32 (kh, kw, n) of a convolution, (K,) of a dense layer, (n,) of a sum; None otherwise.
        bias: what is added.
        geometry: of the window; None where there is none.
        shape: (height, width) of the result; () of a dense layer.
        adds: whether the parts are added up, so that some of them can be told together.
    """

    adds: ClassVar[bool] = True

    form: Form = "other"
    values: Floats
    channels: tuple[tuple[int, int], ...] = ()
    weights: Floats | None = None
    bias: float = 0.0
    geometry: Geometry | None = None
    shape: tuple[int, ...] = ()

    def parts(self) -> Floats:
        """What each input gives on its own, before the bias: float32 (H, W, n); (K,) of a dense layer."""
        return self.values

    def together(self, parts: Floats) -> Floats:
        """What all the parts give, before the bias: float64 (H, W) or ()."""
        return np.asarray(parts.sum(axis=-1, dtype=np.float64))

    def patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        """What one result is made of: the inputs and their weights, of one shape: (kh, kw, n), (n,) or (K,).

        Raises:
            LayerError: there is no such place.
        """
        if self.shape and not (0 <= row < self.shape[0] and 0 <= col < self.shape[1]):
            raise LayerError(f"The map has {self.shape[0]} × {self.shape[1]} cells; there is no ({row}, {col}).")
        return self._patch(row, col)

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        here = self._here(row, col)
        return here, np.ones_like(here)

    def _here(self, row: int, col: int) -> Floats:
        """The inputs at one place."""
        return self.values[row, col] if self.shape else self.values


@dataclass(frozen=True, eq=False, kw_only=True)
class Convolution(Gathering):
    """``Σ`` over inputs of each map convolved with its own slice of the kernel."""

    form: Form = "convolution"
    weights: Floats
    geometry: Geometry

    def parts(self) -> Floats:
        """Each input map convolved with its slice, (H, W, n)."""
        return convolved_apart(self.values, self.weights[..., np.newaxis], self.geometry, self.shape)[..., 0]

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        return window(self.values, self.geometry, row, col)[0], self.weights


@dataclass(frozen=True, eq=False, kw_only=True)
class Pooling(Gathering):
    """The largest value, or the mean, of each window of one map. Padding does not count."""

    geometry: Geometry

    def parts(self) -> Floats:
        """The pooled map, (H, W, 1)."""
        geometry = self.geometry
        bordered = padded(self.values, geometry, self.shape, np.nan)[..., 0]
        seen = np.lib.stride_tricks.sliding_window_view(bordered, geometry.size)
        seen = seen[:: geometry.strides[0], :: geometry.strides[1]][: self.shape[0], : self.shape[1]]
        reduced = np.nanmax(seen, axis=(2, 3)) if self.form == "max" else np.nanmean(seen, axis=(2, 3))
        return np.asarray(reduced, np.float32)[..., np.newaxis]

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        patch, inside = window(self.values, self.geometry, row, col)
        if self.form == "mean":
            return patch, np.asarray(inside / max(1, int(inside.sum())), np.float32)
        won = np.zeros(patch.size, np.float32)
        won[np.where(inside, patch, -np.inf).argmax()] = 1
        return patch, won.reshape(patch.shape)


@dataclass(frozen=True, eq=False, kw_only=True)
class Weighted(Gathering):
    """Each input times its one weight: a dense layer, or an addition of maps."""

    weights: Floats

    def parts(self) -> Floats:
        """The products, (K,) or (H, W, n)."""
        return self.values * self.weights

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        return self._here(row, col), self.weights


@dataclass(frozen=True, eq=False, kw_only=True)
class Product(Gathering):
    """The product of several maps, as where an attention of channels is applied."""

    adds: ClassVar[bool] = False
    form: Form = "product"

    def together(self, parts: Floats) -> Floats:
        """The product."""
        return np.asarray(parts.prod(axis=-1, dtype=np.float64))

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        here = self._here(row, col)
        return here[:1], np.prod(here[1:], keepdims=True, dtype=np.float32)


@dataclass(frozen=True, eq=False, kw_only=True)
class Extreme(Gathering):
    """The largest or the smallest of several maps at each place."""

    adds: ClassVar[bool] = False

    def together(self, parts: Floats) -> Floats:
        """The largest, or the smallest."""
        return np.asarray(parts.max(axis=-1) if self.form == "maximum" else parts.min(axis=-1), np.float64)

    def _patch(self, row: int, col: int) -> tuple[Floats, Floats]:
        here = self._here(row, col)
        won = np.zeros_like(here)
        won[here.argmax() if self.form == "maximum" else here.argmin()] = 1
        return np.where(np.isinf(here) & (won == 0), np.float32(0), here), won  # or 0 · ∞ would be no number
