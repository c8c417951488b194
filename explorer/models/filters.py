"""A filter's own weights."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import LayerError
from explorer.models.graph import visits
from explorer.models.layers import unknown_layer


def kernel_of(model: Any, path: str, channel: int) -> NDArray[np.float32] | None:
    """The weights that make one channel of a convolution.

    Args:
        model: a Sequential or functional Keras network.
        path: the layer's dotted path.
        channel: of the layer's output.

    Returns:
        float32 (kh, kw, C), one slice for each input channel; of a depthwise convolution (kh, kw, 1), the slice for
        the one input that it takes. None where the layer is no convolution over pictures.

    Raises:
        LayerError: no such layer or channel.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 5, name="conv")])
    >>> kernel_of(net, "conv", 0).shape
    (5, 5, 3)
    """
    every = {visit.path: visit.layer for visit in visits(model)}
    if path not in every:
        raise LayerError(unknown_layer(path, list(every)))
    kernel = getattr(every[path], "kernel", None)
    if kernel is None or len(kernel.shape) != 4:
        return None
    weights = np.asarray(kernel, np.float32)
    kind = type(every[path]).__name__
    if kind == "Conv2DTranspose":  # (kh, kw, outputs, inputs)
        weights = weights.swapaxes(2, 3)
    elif kind == "DepthwiseConv2D":  # (kh, kw, inputs, multiplier): outputs go input by input
        weights = weights.reshape(*weights.shape[:2], 1, -1)
    if not 0 <= channel < weights.shape[3]:
        raise LayerError(f"The layer {path} has the channels 0 to {weights.shape[3] - 1}; there is no {channel}.")
    return np.ascontiguousarray(weights[..., channel])
