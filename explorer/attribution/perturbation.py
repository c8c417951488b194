"""What happens to the score when parts of the picture are hidden."""

from collections.abc import Sequence
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.attribution import passes
from explorer.attribution.contract import Computed, Floats, Request, batch_of, in_batches, share_of_work

BATCH = 32
"""Masked pictures in one pass."""
BLUR = 1 / 8
"""Standard deviation of the blur, as a share of the picture's shorter side."""


def occlusion(request: Request) -> Computed:
    r"""Cover one square patch after the other; a pixel gets the mean fall of the score over the patches that cover it.

    :math:`M_{ij} = \operatorname{mean}_{p \ni (i,j)} (s(x) - s(x_{\setminus p}))`. The patches start at the top left;
    the last ones of a row or column are cut off at the border, so that every pixel is covered. M. Zeiler, R. Fergus,
    "Visualizing and understanding convolutional networks", 2014, section 4.2.

    Options: ``patch``, the side as a share of the picture's shorter side; ``stride``, the step as a share of the
    patch; ``fill``, see :func:`fill_of`.
    """
    scores, direction = _unhidden(request)
    height, width = request.pixels.shape[1:3]
    patches = patches_over(height, width, request.number("patch"), request.number("stride"))
    fill = fill_of(request.pixels, request.choice("fill"))
    falls, covered = np.zeros((2, height, width), np.float64)
    done = 0
    for first, last in in_batches(len(patches), batch_of(request.classifier, BATCH)):
        if request.cancelled():
            break
        masks = np.ones((last - first, height, width), np.float32)
        for mask, patch in zip(masks, patches[first:last], strict=True):
            mask[patch] = 0
        for patch, gain in zip(patches[first:last], _gains(request, masks, fill, scores, direction), strict=True):
            falls[patch] -= gain
            covered[patch] += 1
        done = last
        share_of_work(request.on_progress, done, len(patches))
    stopped = done < len(patches)
    notes = (f"Stopped after {done} of {len(patches)} patches: what they did not cover is zero.",) if stopped else ()
    return _both_signs(falls / np.maximum(covered, 1), scores, direction, notes)


def rise(request: Request) -> Computed:
    r"""Hide random parts many times; a place matters when the score is higher while it can be seen.

    :math:`M = \frac{1}{N p (1-p)} \sum_t (s_t - \bar s)(m_t - p)`: the paper's estimator (V. Petsiuk, A. Das,
    K. Saenko, "RISE", 2018, equation 6) less its mean, so that what does not matter is near zero, and divided by the
    variance of a cell, so that of a linear network a cell's value is its share of the score.

    Options: ``masks``, how many; ``cells``, along each side of a mask; ``kept``, the probability that a cell is
    shown; ``seed``; ``fill``, see :func:`fill_of`.
    """
    scores, direction = _unhidden(request)
    height, width = request.pixels.shape[1:3]
    count, kept = request.whole("masks"), request.number("kept")
    fill = fill_of(request.pixels, request.choice("fill"))
    random = np.random.default_rng(request.whole("seed"))
    seen, gained = np.zeros((2, height, width), np.float64)  # the sums of m and of (s - s(x)) m over the masks
    total = 0.0
    done = 0
    for first, last in in_batches(count, batch_of(request.classifier, BATCH)):
        if request.cancelled():
            break
        masks = random_masks(random, last - first, (height, width), request.whole("cells"), kept)
        gains = _gains(request, masks, fill, scores, direction)
        seen += masks.sum(axis=0, dtype=np.float64)
        gained += np.tensordot(gains, masks.astype(np.float64), 1)
        total += float(gains.sum())
        done = last
        share_of_work(request.on_progress, done, count)
    signed = (gained - total / max(done, 1) * seen) / (max(done, 1) * kept * (1 - kept))
    notes = (f"Stopped after {done} of {count} masks: the map is of those.",) if done < count else ()
    return _both_signs(signed, scores, direction, notes)


def patches_over(height: int, width: int, patch: float, stride: float) -> list[tuple[slice, slice]]:
    """Square patches that cover a picture, row by row.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        patch: side, as a share of the picture's shorter side; at least one pixel.
        stride: step from one patch to the next, as a share of the patch; at least one pixel.

    >>> [(rows.start, rows.stop, cols.start, cols.stop) for rows, cols in patches_over(2, 5, 1.0, 1.0)]
    [(0, 2, 0, 2), (0, 2, 2, 4), (0, 2, 4, 5)]
    """
    side = max(1, round(patch * min(height, width)))
    step = max(1, round(stride * side))
    return [(rows, cols) for rows in _spans(height, side, step) for cols in _spans(width, side, step)]


def random_masks(random: np.random.Generator, count: int, size: tuple[int, int], cells: int, kept: float) -> Floats:
    """Smooth random masks, as in section 3.2 of the paper on RISE.

    Cells of 0 and 1 are enlarged bilinearly to one cell more than the picture, and cut out at a random shift of up to
    a cell, so that no pixel is always at the middle of its cell.

    Args:
        random: where the numbers come from.
        count: how many masks.
        size: height and width of the picture, in pixels.
        cells: along each side, before they are enlarged.
        kept: probability of a 1, which is also the mean of each pixel.

    Returns:
        float32 (count, height, width) in 0–1.
    """
    high, wide = (ceil(side / cells) for side in size)
    grids = (random.random((count, cells, cells)) < kept).astype(np.float32)
    downs, rights = random.integers(0, high, count), random.integers(0, wide, count)
    masks = np.empty((count, *size), np.float32)
    for mask, grid, down, right in zip(masks, grids, downs, rights, strict=True):
        enlarged = cv2.resize(grid, ((cells + 1) * wide, (cells + 1) * high), interpolation=cv2.INTER_LINEAR)
        mask[:] = enlarged[down : down + size[0], right : right + size[1]]
    return masks


def fill_of(pixels: Floats, how: str) -> Floats:
    """What stands for "nothing there" in a picture.

    Args:
        pixels: float32 (1, H, W, C) in 0–255.
        how: "black"; "grey", 128; "mean", the picture's mean colour; "blur", the picture without detail: a Gaussian
            with an eighth of the shorter side as its standard deviation.

    Returns:
        float32 (1, H, W, C).

    >>> fill_of(np.float32([[[[10], [30]]]]), "mean").ravel().tolist()
    [20.0, 20.0]
    """
    if how == "blur":
        deviation = BLUR * min(pixels.shape[1:3])
        smooth = cv2.GaussianBlur(pixels[0], (0, 0), deviation, borderType=cv2.BORDER_REFLECT)
        return np.asarray(smooth, np.float32).reshape(pixels.shape)
    colour = {"black": 0.0, "grey": 128.0}
    value = colour[how] if how in colour else pixels.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    return np.broadcast_to(np.asarray(value, np.float32), pixels.shape).copy()


def _spans(side: int, patch: int, step: int) -> list[slice]:
    """Where patches lie along one side, until its end is covered."""
    count = 1 + max(0, ceil((side - patch) / step))
    return [slice(i * step, min(side, i * step + patch)) for i in range(count)]


def _unhidden(request: Request) -> tuple[Floats, Floats]:
    """The class scores (K,) of the whole picture, and the direction (K,), by now of one class: float32."""
    everything = np.ones((1, 1, 1), np.float32)
    scores = passes.masked_scores(request.classifier, request.pixels, everything, request.pixels)[0][0]
    if request.direction.any():
        return scores, request.direction
    return scores, np.eye(len(scores), dtype=np.float32)[scores.argmax()]


def _gains(request: Request, masks: Floats, fill: Floats, scores: Floats, direction: Floats) -> NDArray[np.float64]:
    """How much the target's score rises under each mask, float64 (N,)."""
    masked, _ = passes.masked_scores(request.classifier, request.pixels, masks, fill)
    return np.asarray((masked.astype(np.float64) - scores) @ direction)


def _both_signs(values: NDArray[np.float64], scores: Floats, direction: Floats, notes: Sequence[str] = ()) -> Computed:
    signed = values.astype(np.float32)
    return Computed(signed, np.maximum(signed, 0), scores, direction, notes=tuple(notes), excused=bool(notes))
