"""Convolution of a picture with a hand-made kernel, and one step of it laid open.

What networks call convolution is cross-correlation: the kernel is not flipped. With stride ``s``,
dilation ``d`` and padding *before*, for each channel,

    output[i, j] = bias + Σ_u Σ_v weights[u, v] · image[i·s + u·d − before, j·s + v·d − before]

(I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", 2016, equation 9.6;
TensorFlow's rules for the padding).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer import device, settings, windows
from explorer.errors import KernelError
from explorer.windows import Padding

Engine = Literal["auto", "cpu", "keras"]
Floats = NDArray[np.float32]
Picture = NDArray[Any]


@dataclass(frozen=True)
class _Slide:
    """How the kernel moves, checked on construction."""

    stride: int
    padding: Padding
    dilation: int
    bias: float

    def __post_init__(self) -> None:
        limits = (
            ("stride", self.stride, settings.MAX_STRIDE),
            ("dilation", self.dilation, settings.MAX_DILATION),
        )
        for name, number, limit in limits:
            if number not in range(1, limit + 1):
                raise KernelError(f"The {name} is {number}; it can be a whole number from 1 to {limit}.")
        if not np.isfinite(self.bias):
            raise KernelError(f"The bias is {self.bias}; it has to be a finite number.")

    def output_size(self, size: int, window: int) -> int:
        return windows.output_size(size, window, self.stride, self.padding, self.dilation)

    def margins(self, size: int, window: int) -> tuple[int, int]:
        return windows.padding(size, window, self.stride, self.padding, self.dilation)

    def window(self, size: int, window: int, place: int) -> NDArray[np.int64]:
        places = windows.positions(size, window, self.stride, self.padding, self.dilation)
        if not 0 <= place < len(places):
            raise KernelError(f"The place {place} is outside the output; it can be 0 to {len(places) - 1} there.")
        return np.asarray(places[place])


MAX_OPENCV_CHANNELS = 128
"""Channels that OpenCV's arrays can have; more are filtered one by one."""
BY_FOURIER = 100
"""Cells above which OpenCV takes a kernel through a Fourier transform."""

_BORDERS = {
    "same": cv2.BORDER_CONSTANT,
    "valid": cv2.BORDER_CONSTANT,
    "reflect": cv2.BORDER_REFLECT_101,
    "edge": cv2.BORDER_REPLICATE,
}
_PAD_MODES: dict[str, Literal["constant", "reflect", "edge"]] = {
    "same": "constant",
    "valid": "constant",
    "reflect": "reflect",
    "edge": "edge",
}


@dataclass(frozen=True)
class Step:
    """One output value laid open. For a grey picture without a channel axis, C is left out.

    Attributes:
        patch: float32 (kh, kw, C): what the kernel covers; padded cells have the padded value.
        products: float32 (kh, kw, C): the patch times the weights.
        total: float32 (C,): the sum of the products, and the bias.
        rows: int64 (kh,): the input row of each kernel row; negative or too large where it is padding.
        cols: int64 (kw,): the same for the columns.
    """

    patch: Floats
    products: Floats
    total: Floats | np.float32
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]


def convolve(
    image: ArrayLike,
    weights: ArrayLike,
    *,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
    bias: float = 0.0,
    engine: Engine = "auto",
) -> Floats:
    """Slide a kernel over every channel of a picture. Nothing is clipped or rescaled.

    Args:
        image: (H, W) or (H, W, C), any real numbers.
        weights: (kh, kw) for all channels, or (kh, kw, C), one kernel for each; 1 × 1 to 15 × 15.
        stride: step from one output value to the next, 1 to 8 pixels.
        padding: "same" (zeros, as many as in TensorFlow), "valid" (none), "reflect" (mirrored at the border
            pixel) or "edge" (the border pixel repeated).
        dilation: distance between neighbouring cells of the kernel, 1 to 4 pixels.
        bias: added to every output value.
        engine: "cpu" (OpenCV), "keras", or "auto": Keras when there is a GPU, else the CPU.

    Returns:
        float32 (H', W', C) in the units of the image, C = 1 for an (H, W) image; negative values are kept. H'
        and W' are given by :func:`explorer.windows.output_size`.

    Raises:
        KernelError: shapes or options that are not allowed, or a "valid" window that does not fit.

    >>> convolve([[1, 2, 4, 8]], [[-1, 0, 1]], padding="valid")[..., 0].tolist()
    [[3.0, 6.0]]
    """
    slide = _Slide(stride, padding, dilation, bias)
    picture, cells = _checked(image, weights, slide)
    picture = picture if picture.ndim == 3 else picture[..., np.newaxis]
    if engine not in ("auto", "cpu", "keras"):
        raise KernelError(f"The engine {engine!r} is not known; it can be auto, cpu or keras.")
    if engine == "keras" or (engine == "auto" and device.gpu_available()):
        return _with_keras(picture, cells, slide)
    return _with_opencv(picture, cells, slide)


def step(
    image: ArrayLike,
    weights: ArrayLike,
    row: int,
    col: int,
    *,
    stride: int = 1,
    padding: Padding = "same",
    dilation: int = 1,
    bias: float = 0.0,
) -> Step:
    """The patch, the products and the sum behind the output value at (row, col).

    Arguments as in :func:`convolve`, and ``row``, ``col``: the place in the output, from 0.

    Raises:
        KernelError: as in :func:`convolve`, or a place outside the output.

    >>> one = step([[1, 2, 4, 8]], [[-1, 0, 1]], 0, 3)
    >>> one.patch.tolist(), one.products.tolist(), float(one.total)
    ([[4.0, 8.0, 0.0]], [[-4.0, 0.0, 0.0]], -4.0)
    """
    slide = _Slide(stride, padding, dilation, bias)
    picture, cells = _checked(image, weights, slide)
    rows, cols = (slide.window(picture.shape[axis], cells.shape[axis], place) for axis, place in enumerate((row, col)))
    patch = picture[np.ix_(_sources(rows, picture.shape[0], padding), _sources(cols, picture.shape[1], padding))]
    patch = patch.astype(np.float32)
    if padding == "same":
        patch[_outside(rows, picture.shape[0]), :] = 0
        patch[:, _outside(cols, picture.shape[1])] = 0
    products = patch * (cells if cells.ndim == picture.ndim else cells[..., np.newaxis])
    total = products.sum(axis=(0, 1), dtype=np.float64) + bias
    return Step(patch, products, total.astype(np.float32), rows, cols)


def _outside(indices: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    return np.asarray((indices < 0) | (indices >= size))


def _sources(indices: NDArray[np.int64], size: int, padding: Padding) -> NDArray[np.int64]:
    """The pixel from which each cell, padded ones included, takes its value."""
    if padding == "reflect" and size > 1:
        folded = np.abs(indices) % (2 * (size - 1))
        return np.asarray(np.minimum(folded, 2 * (size - 1) - folded))
    return np.asarray(np.clip(indices, 0, size - 1))


def _with_opencv(picture: Picture, weights: Floats, slide: _Slide) -> Floats:
    """``filter2D`` at every pixel, then every ``stride``-th row and column.

    OpenCV's own borders differ from TensorFlow's for even kernels and strides; its anchor, set to the padding
    *before*, makes them agree.
    """
    (above, _), (left, _) = (slide.margins(picture.shape[i], weights.shape[i]) for i in range(2))
    rows, cols = (slide.output_size(picture.shape[i], weights.shape[i]) for i in range(2))
    spread = _spread(weights, slide.dilation)
    source = picture.astype(np.float32, copy=False)
    by_fourier = spread.size > BY_FOURIER
    delta = 0.0 if by_fourier else slide.bias

    def filtered(channels: Floats, kernel: Floats) -> Floats:
        border = _BORDERS[slide.padding]
        full = cv2.filter2D(channels, cv2.CV_32F, kernel, anchor=(left, above), delta=delta, borderType=border)
        return np.asarray(full, dtype=np.float32)

    if weights.ndim == 2 and picture.shape[2] <= MAX_OPENCV_CHANNELS:
        full = filtered(source, spread).reshape(picture.shape)
    else:
        cells = spread if spread.ndim == 3 else spread[..., np.newaxis].repeat(picture.shape[2], axis=2)
        planes = [filtered(source[..., c], cells[..., c]) for c in range(picture.shape[2])]
        full = np.stack(planes, axis=2)
    result = np.ascontiguousarray(full[:: slide.stride, :: slide.stride][:rows, :cols])
    if by_fourier:
        _clean(result, source, weights)
        if slide.bias:
            result += np.float32(slide.bias)
    return result


def _clean(result: Floats, source: Floats, weights: Floats) -> None:
    """Take the noise of the Fourier transform out, in place, so that a 0 is a 0 and has no sign.

    The noise is about a millionth of the largest possible sum. Adding 16 times that sum and taking it off again
    rounds everything to such steps, since float32 has 24 bits. Whole numbers are rounded to whole numbers. A few
    rows at a time, which stay in the processor's cache: that makes this cheap beside the transform.
    """
    low, high, _, _ = cv2.minMaxLoc(source.reshape(len(source), -1))
    largest = max(high, -low) * float(np.abs(weights).sum())
    whole = largest < 2**22 and bool((weights == np.rint(weights)).all())
    whole = whole and all(bool((rows == np.rint(rows)).all()) for rows in _blocks(source))
    step = np.float32(16 * largest)
    for rows in _blocks(result):
        if whole:
            np.rint(rows, out=rows)
        else:
            np.add(rows, step, out=rows)
            np.subtract(rows, step, out=rows)


def _blocks(values: Floats) -> Iterator[Floats]:
    """The values, a few rows at a time."""
    height = max(1, 65_536 // max(1, values[0].size))
    return (values[top : top + height] for top in range(0, len(values), height))


def _spread(weights: Floats, dilation: int) -> Floats:
    """The kernel with ``dilation − 1`` zeros between its cells."""
    rows, cols = (dilation * (side - 1) + 1 for side in weights.shape[:2])
    spread = np.zeros((rows, cols, *weights.shape[2:]), np.float32)
    spread[::dilation, ::dilation] = weights
    return spread


def _with_keras(picture: Picture, weights: Floats, slide: _Slide) -> Floats:
    """Keras's own depthwise convolution.

    Keras has no mirrored padding, and refuses a stride together with a dilation; both are done around it.
    """
    device.prepare()
    import keras  # noqa: PLC0415 - it imports TensorFlow

    batch = picture[np.newaxis].astype(np.float32)
    per_channel = weights if weights.ndim == 3 else np.repeat(weights[..., np.newaxis], batch.shape[3], axis=2)
    native = slide.padding in ("same", "valid") and (slide.stride == 1 or slide.dilation == 1)
    if not native:
        margins = [slide.margins(picture.shape[i], weights.shape[i]) for i in range(2)]
        batch = np.pad(batch, [(0, 0), *margins, (0, 0)], mode=_PAD_MODES[slide.padding])
    skip = slide.stride if slide.dilation > 1 else 1
    output = keras.ops.depthwise_conv(
        batch,
        per_channel[..., np.newaxis],
        strides=slide.stride // skip,
        padding=slide.padding if native else "valid",
        data_format="channels_last",
        dilation_rate=slide.dilation,
    )
    return np.ascontiguousarray(keras.ops.convert_to_numpy(output)[0, ::skip, ::skip] + np.float32(slide.bias))


def _checked(image: ArrayLike, weights: ArrayLike, slide: _Slide) -> tuple[Picture, Floats]:
    picture = np.asarray(image)
    if picture.ndim not in (2, 3) or 0 in picture.shape:
        raise KernelError(f"The picture's shape is {picture.shape}; it has to be (H, W) or (H, W, C), none of them 0.")
    if picture.dtype.kind not in "buif":
        raise KernelError(f"The picture holds values of type {picture.dtype}; they have to be real numbers.")
    cells = _checked_weights(weights, picture.shape)
    for axis in range(2):  # raises when the padding is not known or the window does not fit
        slide.output_size(picture.shape[axis], cells.shape[axis])
    return picture, cells


def _checked_weights(weights: ArrayLike, image_shape: Sequence[int]) -> Floats:
    try:
        cells = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise KernelError("The kernel has to be rows of numbers, all of the same length.") from error
    limit = settings.MAX_KERNEL_SIZE
    if cells.ndim not in (2, 3) or not 1 <= min(cells.shape[:2]) <= max(cells.shape[:2]) <= limit:
        raise KernelError(
            f"The kernel is {cells.shape}; it has to be (kh, kw) or (kh, kw, C), 1 × 1 to {limit} × {limit}."
        )
    if cells.ndim == 3 and tuple(cells.shape[2:]) != tuple(image_shape[2:]):
        channels = image_shape[2] if len(image_shape) == 3 else "no"
        raise KernelError(f"The kernel has {cells.shape[2]} channels, but the picture has {channels} of them.")
    if not (np.abs(cells) <= np.finfo(np.float32).max).all():
        raise KernelError("The kernel has a weight that is not a finite number; every weight has to be one.")
    return cells.astype(np.float32)
