"""Which hand-made kernel a learned one is most like.

Both are laid over each other, the smaller one inside the larger with zeros around it, at every whole-pixel shift that
keeps it inside, and compared by their cosine. For two kernels that is more than a picture's likeness: it is the
correlation of their answers to white noise, one answer moved by the shift. Nothing is subtracted first. A learned
kernel whose weights are mostly of one sign therefore is like a blur: its cosine with a box of its size is its mean
over its root mean square. It does average, whatever else it does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from explorer.errors import KernelError
from explorer.kernels import KERNELS, Kernel
from explorer.settings import MAX_KERNEL_SIZE

Floats = NDArray[np.float32]

CANDIDATES = tuple(slug for slug in KERNELS if slug != "custom")
"""The hand-made kernels that are looked through; *custom* is the person's own."""
RANDOM_KERNELS = 400
RANDOM_SHARE = 0.95
TIE = 1e-5
"""Cosines closer than this are equal: Sobel leftwards and the negative of Sobel rightwards are the same numbers."""


@dataclass(frozen=True)
class Match:
    """The hand-made kernel that a learned one is most like.

    Attributes:
        slug: its key in ``KERNELS``.
        size: height and width at which it was compared, in cells: its own, or, for a kernel with a formula, the
            learned one's.
        cosine: −1 to 1; a negative one means the negative of the hand-made kernel.
        row, col: where its top left cell lies, seen from the learned kernel's; negative where it is the larger one.
    """

    slug: str
    size: int
    cosine: float
    row: int
    col: int

    @property
    def kernel(self) -> Kernel:
        """The hand-made kernel at the size that was compared."""
        kernel = KERNELS[self.slug]
        return kernel if self.size == _side(kernel) else kernel.at_size(self.size)

    def laid_over(self, height: int, width: int) -> Floats:
        """What was compared: the hand-made kernel, or its negative, at its place among zeros.

        Args:
            height: of the learned kernel, in cells.
            width: of the learned kernel.

        Returns:
            float32 (max(height, size), max(width, size)).

        >>> Match("roberts-1", 2, -0.9, 0, 1).laid_over(2, 3).tolist()
        [[0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]
        """
        canvas = np.zeros((max(height, self.size), max(width, self.size)), np.float32)
        top, left = max(self.row, 0), max(self.col, 0)
        canvas[top : top + self.size, left : left + self.size] = self.kernel.weights * np.sign(self.cosine)
        return canvas + np.float32(0)  # no minus zero


@dataclass(frozen=True, eq=False)
class Slices:
    """The one slice of each learned kernel that stands for it.

    Attributes:
        weights: float32 (kh, kw, N).
        channels: for each the input that it belongs to; None for the sum over the colours.
    """

    weights: Floats
    channels: tuple[int | None, ...]


def compared_slices(kernels: Floats, *, colours: bool = False) -> Slices:
    """What of learned kernels is compared with hand-made ones, which have one slice each.

    The slice of largest norm. Of a kernel that reads the colours of a picture, their sum, which is its answer to a
    grey picture; but where the colours work against each other, so that less of it is left for grey than a kernel of
    random numbers has (:func:`grey_share` below one in C), the strongest colour.

    Args:
        kernels: float32 (kh, kw, C, N).
        colours: whether the C inputs are the colours of a picture.

    >>> found = compared_slices(np.float32([[[[1, 1], [1, 1], [2, -2]]]]), colours=True)
    >>> found.weights.tolist(), found.channels
    ([[[4.0, -2.0]]], (None, 2))
    """
    count, each = kernels.shape[2], np.arange(kernels.shape[3])
    loudest = strongest(kernels)[0]
    weights = kernels[:, :, loudest, each]
    grey = np.asarray(grey_share(kernels) >= 1 / count) & colours
    with np.errstate(invalid="ignore", over="ignore"):  # a network that diverged
        weights = np.where(grey, kernels.sum(axis=2, dtype=np.float64), weights).astype(np.float32)
    return Slices(weights, tuple(None if grey[one] else int(loudest[one]) for one in each))


def grey_share(kernels: Floats) -> NDArray[np.float64]:
    """How much of each kernel acts on grey: ``|Σ_c k_c|² / (C · Σ_c |k_c|²)``, 0 to 1.

    1 where all C slices are the same; 1/C is to be expected of random numbers. 0 for a kernel of zeros.

    Args:
        kernels: float32 (kh, kw, C, N).

    Returns:
        float64 (N,).

    >>> grey_share(np.float32([[[[1, 1], [1, -1]]]])).tolist()
    [1.0, 0.0]
    """
    energy = kernels.shape[2] * _energy(kernels).sum(axis=0)
    with np.errstate(invalid="ignore"):
        grey = (kernels.sum(axis=2, dtype=np.float64) ** 2).sum(axis=(0, 1))
        return np.asarray(np.where(energy > 0, grey / np.where(energy > 0, energy, 1.0), 0.0))


def strongest(kernels: Floats) -> NDArray[np.intp]:
    """Each kernel's inputs by the norm of their slices, largest first: int (C, N).

    Args:
        kernels: float32 (kh, kw, C, N).

    >>> strongest(np.float32([[[[1], [-3], [2]]]])).ravel().tolist()
    [1, 2, 0]
    """
    return np.argsort(-np.nan_to_num(_energy(kernels), nan=np.inf), axis=0, kind="stable")


def _energy(kernels: Floats) -> NDArray[np.float64]:
    """The sum of squares of each slice: float64 (C, N)."""
    return np.asarray(np.einsum("ijcn,ijcn->cn", kernels, kernels, dtype=np.float64))


def why_not(height: int, width: int) -> str | None:
    """Why a learned kernel of this size is not compared, as a sentence; None where it is.

    >>> why_not(1, 1)
    'A 1 × 1 kernel mixes channels and has no shape, so there is nothing to compare.'
    """
    if height == width == 1:
        return "A 1 × 1 kernel mixes channels and has no shape, so there is nothing to compare."
    if max(height, width) > MAX_KERNEL_SIZE:
        return (
            f"The kernel is {height} × {width}; hand-made ones have at most {MAX_KERNEL_SIZE} × {MAX_KERNEL_SIZE} "
            "cells, so it is not compared."
        )
    return None


def nearest(slices: Floats, *, floor: float = 0.0) -> list[Match | None]:
    """For each learned slice the hand-made kernel of largest cosine, of either sign.

    ``cosine = max over kernels h and shifts s of |Σ k · h_s| / (|k| |h|)``, with its sign. Kernels with a formula are
    tried at the slice's size, and at their own where that is smaller. Of equal cosines the positive one counts, then
    the first in ``KERNELS``.

    Args:
        slices: float32 (kh, kw, N).
        floor: a slice with no magnitude above it counts as zeros.

    Returns:
        N matches; None for a slice of zeros, or with a weight that is not finite.

    Raises:
        KernelError: slices of a size that is not compared (:func:`why_not`).

    >>> learned = np.zeros((5, 5, 1), np.float32)
    >>> learned[1:4, 2:5, 0] = [[2, 0, -2], [4, 0, -4], [2, 0, -2]]
    >>> match = nearest(learned)[0]
    >>> match.slug, round(match.cosine, 4), match.row, match.col
    ('sobel-left', 1.0, 1, 2)
    """
    height, width, count = slices.shape
    placed, vectors = _placed(height, width)
    flat = slices.reshape(-1, count).astype(np.float64)
    largest = np.abs(flat).max(axis=0)
    usable = np.isfinite(largest) & (largest > floor)
    flat = np.where(usable, flat, 0.0)
    flat /= np.where(usable, largest, 1.0)  # the squares of tiny weights would vanish
    flat /= np.where(usable, np.linalg.norm(flat, axis=0), 1.0)
    cosines = vectors @ flat.astype(np.float32)
    sizes = np.abs(cosines)
    near = sizes >= sizes.max(axis=0) - np.float32(TIE)
    return [
        _match(placed[best], float(cosines[best, index])) if usable[index] else None
        for index, best in enumerate((near + 1 * (near & (cosines > 0))).argmax(axis=0))
    ]


@lru_cache(maxsize=16)
def by_chance(height: int, width: int) -> float:
    """The cosine that 95 of 100 kernels of random numbers stay below: what a likeness has to exceed to say anything.

    Normally distributed weights, seeded. The smaller the kernel, the more it is like something by chance.

    Raises:
        KernelError: as for :func:`nearest`.

    >>> by_chance(3, 3) > by_chance(7, 7)
    True
    """
    drawn = np.random.default_rng(0).normal(size=(height, width, RANDOM_KERNELS)).astype(np.float32)
    found = [abs(match.cosine) for match in nearest(drawn) if match is not None]
    return float(np.quantile(found, RANDOM_SHARE))


Placed = tuple[str, int, int, int]
"""Slug, size, row and column of a hand-made kernel laid over the learned one."""


def _match(placed: Placed, cosine: float) -> Match:
    slug, size, row, col = placed
    return Match(slug, size, float(np.clip(cosine, -1, 1)), row, col)


@lru_cache(maxsize=16)
def _placed(height: int, width: int) -> tuple[list[Placed], Floats]:
    """Every hand-made kernel at every shift, and what of it falls on the learned one's cells.

    The vectors, float32 (M, kh · kw), are divided by the norm of the whole hand-made kernel: what lies beyond a
    smaller learned kernel lies on its zeros.
    """
    reason = why_not(height, width)
    if reason:
        raise KernelError(reason)
    placed: list[Placed] = []
    vectors = []
    for slug, kernel in _sized(height, width):
        size = _side(kernel)
        down, right = max(height - size, 0), max(width - size, 0)
        padded = np.pad(kernel.weights.astype(np.float64), ((down, down), (right, right)))
        windows = sliding_window_view(padded, (height, width))
        placed += [(slug, size, down - i, right - j) for i, j in np.ndindex(windows.shape[:2])]
        vectors.append(windows.reshape(-1, height * width) / np.linalg.norm(kernel.weights))
    return placed, np.concatenate(vectors).astype(np.float32)


def _sized(height: int, width: int) -> Iterator[tuple[str, Kernel]]:
    """The hand-made kernels at every size that they are compared at."""
    own = [(slug, KERNELS[slug]) for slug in CANDIDATES]
    yield from ((slug, kernel) for slug, kernel in own if not kernel.sizable or _side(kernel) <= max(height, width))
    for slug, kernel in own:
        for size in sorted({height, width} - {1, _side(kernel)}) if kernel.sizable else ():
            try:
                yield slug, kernel.at_size(size)
            except KernelError:  # the formula needs more cells
                continue


def _side(kernel: Kernel) -> int:
    return len(kernel.weights)
