"""Feature maps: what the layers of a network make of a picture, any number of layers in one pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.errors import ImageInputError
from explorer.models.classifier import Classifier
from explorer.models.layers import tap

MAX_BATCH = 8
"""Most pictures in one pass: all the maps of one picture can be a hundred megabytes."""


def feature_maps(
    model: Any, images: NDArray[Any], layers: str | Sequence[str], *, crop: bool = True
) -> dict[str, NDArray[np.float32]]:
    """The outputs of layers, computed in one pass that ends at the last of them.

    Args:
        model: a :class:`Classifier`, which fits the pictures to its size and keeps one compiled function for each
            choice of layers; or a Keras network, which is given the numbers as they are.
        images: as for :meth:`Classifier.fit`; for a Keras network (H, W, C) or (N, H, W, C) of its input shape.
        layers: dotted paths, as :func:`explorer.models.layer_paths` lists them, or one of them.
        crop: as for :meth:`Classifier.fit`.

    Returns:
        For each path float32 (N, H, W, C), signed and unscaled; (N, K) for a layer without spatial output.

    Raises:
        LayerError: there is no such layer; the message names similar ones.
        ImageInputError: the array is no picture that the network reads.
        ModelError: the Keras network has no graph to walk.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.ReLU(name="relu")])
    >>> feature_maps(net, np.array([[[-3.0], [4.0]]]), "relu")["relu"].tolist()
    [[[[0.0], [4.0]]]]
    """
    paths = (layers,) if isinstance(layers, str) else tuple(dict.fromkeys(layers))
    if isinstance(model, Classifier):
        pixels, _ = model.fit(images, crop=crop)
        run = model.compiled(("feature_maps", paths), lambda: _compile(model, paths))
    else:
        run = tap(model, paths, input_shape=np.shape(images)[-3:])
        pixels = _as_given(model, images)
    batches = [run(tf.constant(pixels[i : i + MAX_BATCH])) for i in range(0, len(pixels), MAX_BATCH)]
    return {path: np.concatenate([_float32(batch[path]) for batch in batches]) for path in paths}


def _compile(classifier: Classifier, paths: Sequence[str]) -> Any:
    return tf.function(tap(classifier.model, paths), autograph=False).get_concrete_function(classifier.spec)


def _float32(tensor: Any) -> NDArray[np.float32]:
    return np.asarray(tensor.numpy(), np.float32)


def _as_given(model: Any, images: NDArray[Any]) -> NDArray[np.float32]:
    pixels = np.asarray(images, np.float32)
    pixels = pixels[np.newaxis] if pixels.ndim == 3 else pixels
    expected = tuple(model.inputs[0].shape[1:])
    fits = [size in (None, found) for size, found in zip(expected, pixels.shape[1:], strict=False)]
    if pixels.ndim != 4 or len(expected) != 3 or pixels.size == 0 or not all(fits):
        raise ImageInputError(f"The network reads pictures of the shape {expected}, not {np.shape(images)}.")
    return pixels
