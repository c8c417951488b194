"""Max and average pooling of a picture, and one window of it laid open.

Each channel alone: the largest value of each window, or its mean (Y. LeCun et al., "Gradient-based learning
applied to document recognition", 1998). Padded cells never win and are left out of the mean.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer import device, settings, windows
from explorer.errors import KernelError

Kind = Literal["max", "average"]
Engine = Literal["auto", "cpu", "keras"]
PoolPadding = Literal["same", "valid"]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PoolStep:
    """One pooled value laid open. For a grey picture without a channel axis, C is left out.

    Attributes:
        patch: float32 (k, k, C): the window; NaN where it reaches into the padding.
        winner: int64 (C, 2): row and column, in the picture, of each channel's largest value (the first of
            equal ones); None for the average, to which every cell contributes.
        total: float32 (C,): the largest value, or the mean.
        rows: int64 (k,): the input rows; negative or too large where they are padding.
        cols: int64 (k,): the same for the columns.
    """

    patch: Floats
    winner: NDArray[np.int64] | None
    total: Floats | np.float32
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]


def pool(
    image: ArrayLike,
    size: int = 2,
    *,
    stride: int | None = None,
    padding: PoolPadding = "valid",
    kind: Kind = "max",
    engine: Engine = "auto",
) -> Floats:
    """Replace each window of a picture by its largest value, or by its mean.

    Args:
        image: (H, W) or (H, W, C), any real numbers.
        size: height and width of the window, 1 to 8 pixels.
        stride: step from one window to the next, 1 to 8 pixels; the window's size when not given.
        padding: "valid" (none) or "same".
        kind: "max" or "average".
        engine: "cpu" (NumPy), "keras", or "auto": Keras when there is a GPU, else the CPU.

    Returns:
        float32 (H', W', C), C = 1 for an (H, W) image; H' and W' are given by
        :func:`explorer.windows.output_size`.

    Raises:
        KernelError: shapes or options that are not allowed, or a "valid" window that does not fit.

    >>> pool([[1, 2, 5, 6], [3, 4, 7, 8]])[..., 0].tolist()
    [[4.0, 8.0]]
    """
    picture, stride = _checked(image, size, stride, padding, kind)
    picture = picture if picture.ndim == 3 else picture[..., np.newaxis]
    if engine not in ("auto", "cpu", "keras"):
        raise KernelError(f"The engine {engine!r} is not known; it can be auto, cpu or keras.")
    if engine == "keras" or (engine == "auto" and device.gpu_available()):
        return _with_keras(picture, size, stride, padding, kind)
    for axis in range(2):  # both kinds can be taken along the rows first, then along the columns
        places = windows.positions(picture.shape[axis], size, stride, padding)
        picture = (_largest if kind == "max" else _mean)(picture, axis, places)
    return np.ascontiguousarray(picture)


def step(
    image: ArrayLike,
    row: int,
    col: int,
    *,
    size: int = 2,
    stride: int | None = None,
    padding: PoolPadding = "valid",
    kind: Kind = "max",
) -> PoolStep:
    """The window behind the pooled value at (row, col).

    Arguments as in :func:`pool`, and ``row``, ``col``: the place in the output, from 0.

    Raises:
        KernelError: as in :func:`pool`, or a place outside the output.

    >>> one = step([[1, 2, 5, 6], [3, 4, 7, 8]], 0, 1)
    >>> one.patch.tolist(), one.winner.tolist(), float(one.total)
    ([[5.0, 6.0], [7.0, 8.0]], [1, 3], 8.0)
    """
    picture, stride = _checked(image, size, stride, padding, kind)
    rows = _window(picture.shape[0], size, row, stride, padding)
    cols = _window(picture.shape[1], size, col, stride, padding)
    patch = np.full((size, size, *picture.shape[2:]), np.nan, np.float32)
    inside = np.ix_(_inside(rows, picture.shape[0]), _inside(cols, picture.shape[1]))
    patch[inside] = picture[rows[inside[0].ravel()]][:, cols[inside[1].ravel()]]
    if kind == "average":
        return PoolStep(patch, None, np.nanmean(patch, axis=(0, 1), dtype=np.float64).astype(np.float32), rows, cols)
    flat = patch.reshape(size * size, *patch.shape[2:])
    first = np.nanargmax(flat, axis=0)
    winner = np.stack([rows[first // size], cols[first % size]], axis=-1)
    return PoolStep(patch, winner, np.nanmax(flat, axis=0), rows, cols)


def _window(size: int, window: int, place: int, stride: int, padding: PoolPadding) -> NDArray[np.int64]:
    places = windows.positions(size, window, stride, padding)
    if not 0 <= place < len(places):
        raise KernelError(f"The place {place} is outside the output; it can be 0 to {len(places) - 1} there.")
    return np.asarray(places[place])


def _inside(indices: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.flatnonzero((indices >= 0) & (indices < size))


def _largest(picture: Floats, axis: int, places: NDArray[np.int64]) -> Floats:
    # A padded cell repeats the border cell, which every window that reaches beyond the border covers too.
    nearest = np.clip(places, 0, picture.shape[axis] - 1)
    result = picture.take(nearest[:, 0], axis)
    for cell in range(1, places.shape[1]):
        np.maximum(result, picture.take(nearest[:, cell], axis), out=result)
    return result


def _mean(picture: Floats, axis: int, places: NDArray[np.int64]) -> Floats:
    inside = (places >= 0) & (places < picture.shape[axis])
    nearest = np.clip(places, 0, picture.shape[axis] - 1)
    along = (-1, 1, 1) if axis == 0 else (1, -1, 1)
    shares = (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)
    result: Floats = picture.take(nearest[:, 0], axis) * shares[:, 0].reshape(along)
    for cell in range(1, places.shape[1]):
        result += picture.take(nearest[:, cell], axis) * shares[:, cell].reshape(along)
    return result


def _with_keras(picture: Floats, size: int, stride: int, padding: PoolPadding, kind: Kind) -> Floats:
    device.prepare()
    import keras  # noqa: PLC0415 - it imports TensorFlow

    reduce = keras.ops.max_pool if kind == "max" else keras.ops.average_pool
    output = reduce(picture[np.newaxis], size, strides=stride, padding=padding, data_format="channels_last")
    return np.ascontiguousarray(keras.ops.convert_to_numpy(output)[0], dtype=np.float32)


def _checked(image: ArrayLike, size: int, stride: int | None, padding: str, kind: str) -> tuple[Floats, int]:
    picture = np.asarray(image)
    if picture.ndim not in (2, 3) or 0 in picture.shape:
        raise KernelError(f"The picture is {picture.shape}; it has to be (H, W) or (H, W, C), none of them 0.")
    if picture.dtype.kind not in "buif":
        raise KernelError(f"The picture holds values of type {picture.dtype}; they have to be real numbers.")
    step_size = size if stride is None else stride
    for name, number, limit in (
        ("window", size, settings.MAX_POOL_SIZE),
        ("stride", step_size, settings.MAX_STRIDE),
    ):
        if number not in range(1, limit + 1):
            raise KernelError(f"The pooling {name} is {number}; it can be a whole number from 1 to {limit}.")
    if padding not in ("same", "valid"):
        raise KernelError(f"Pooling has no padding {padding!r}; it can be same or valid.")
    if kind not in ("max", "average"):
        raise KernelError(f"There is no {kind!r} pooling; it can be max or average.")
    for side in picture.shape[:2]:  # raises when the window does not fit
        windows.output_size(side, size, step_size, "same" if padding == "same" else "valid")
    return picture.astype(np.float32), step_size
