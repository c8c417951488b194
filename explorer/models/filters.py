"""A filter's own weights."""

import numpy as np
from numpy.typing import NDArray

from explorer.errors import LayerError
from explorer.models.graph import Model, Shape, Visit, visits, visits_for
from explorer.models.layers import tap, unknown_layer

PRIMARIES = ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255))
"""Black, and the three colours of a pixel."""


def kernels_of(model: Model, path: str) -> NDArray[np.float32] | None:
    """The weights of all channels of a convolution.

    Args:
        model: a Sequential or functional Keras network.
        path: the layer's dotted path.

    Returns:
        float32 (kh, kw, C, K), ``[..., k]`` for output channel k, one slice for each of the C input channels; of a
        depthwise convolution (kh, kw, 1, K), the slice for the one input that each takes; of a separable one the
        product of its two parts. None where the layer is no convolution over pictures.

    Raises:
        LayerError: no such layer.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.DepthwiseConv2D(5, name="each")])
    >>> kernels_of(net, "each").shape
    (5, 5, 1, 3)
    """
    layer = _visit(visits(model), path).layer
    kind = type(layer).__name__
    if kind == "SeparableConv2D":  # a depthwise convolution, then one of 1 × 1, with nothing between
        each, mix = np.asarray(layer.depthwise_kernel, np.float32), np.asarray(layer.pointwise_kernel, np.float32)
        return np.asarray(np.einsum("ijcm,cmk->ijck", each, mix.reshape(*each.shape[2:], -1), optimize=True))
    kernel = getattr(layer, "kernel", None)
    if kernel is None or len(kernel.shape) != 4:
        return None
    weights = np.asarray(kernel, np.float32)
    if kind == "Conv2DTranspose":  # (kh, kw, outputs, inputs)
        return weights.swapaxes(2, 3)
    if kind == "DepthwiseConv2D":  # (kh, kw, inputs, multiplier): outputs go input by input
        return weights.reshape(*weights.shape[:2], 1, -1)
    return weights


def kernel_of(model: Model, path: str, channel: int) -> NDArray[np.float32] | None:
    """The weights that make one channel of a convolution.

    Args:
        model: a Sequential or functional Keras network.
        path: the layer's dotted path.
        channel: of the layer's output.

    Returns:
        float32 (kh, kw, C), as :func:`kernels_of` has them for the channel; None where the layer is no convolution
        over pictures.

    Raises:
        LayerError: no such layer or channel.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 5, name="conv")])
    >>> kernel_of(net, "conv", 0).shape
    (5, 5, 3)
    """
    weights = kernels_of(model, path)
    if weights is None:
        return None
    if not 0 <= channel < weights.shape[3]:
        raise LayerError(f"The layer {path} has the channels 0 to {weights.shape[3] - 1}; there is no {channel}.")
    return np.ascontiguousarray(weights[..., channel])


def colour_order(model: Model, path: str, *, input_shape: Shape | None = None) -> tuple[int, int, int] | None:
    """Which of a convolution's inputs are the red, green and blue of the picture.

    Preprocessing may come before, and may change the order: VGG reads blue, green, red. So four pictures of one
    colour each are sent through what comes before the layer: an input is red where red alone raises it.

    Args:
        model: a Sequential or functional Keras network.
        path: the layer's dotted path.
        input_shape: (H, W, C) of the pictures, where the network accepts any size.

    Returns:
        The inputs' indices, red first; None where the layer reads something else than colours.

    Raises:
        LayerError: no such layer.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 5, name="conv")])
    >>> colour_order(net, "conv")
    (0, 1, 2)
    """
    every = visits(model, input_shape=input_shape)
    read = _visit(every, path).inputs
    before = visits_for(every, set(read))
    if model.inputs[0].shape[-1] != 3 or len(read) != 1 or any(map(_mixes, before)):
        return None
    if not before:
        return (0, 1, 2)
    height, width = (side or 32 for side in (input_shape or model.inputs[0].shape[1:])[:2])
    pictures = np.asarray(PRIMARIES, np.float32).reshape(4, 1, 1, 3).repeat(height, axis=1).repeat(width, axis=2)
    last = before[-1].path
    values = np.asarray(tap(model, [last], input_shape=input_shape)(pictures)[last], np.float32)
    if values.ndim != 4 or values.shape[3] != 3:
        return None
    middle = values[:, values.shape[1] // 2, values.shape[2] // 2]  # away from padding
    raised = middle[1:] - middle[0]
    red, green, blue = map(int, raised.argmax(axis=1))
    pure = np.abs(raised).sum() <= 1.001 * raised.max(axis=1).sum()  # one colour an input, and none upside down
    return (red, green, blue) if pure and {red, green, blue} == {0, 1, 2} else None


def _visit(every: list[Visit], path: str) -> Visit:
    for visit in every:
        if visit.path == path:
            return visit
    raise LayerError(unknown_layer(path, [visit.path for visit in every]))


def _mixes(visit: Visit) -> bool:
    """Whether the layer has weights that mix or blur colours."""
    return any(getattr(visit.layer, name, None) is not None for name in ("kernel", "depthwise_kernel"))
