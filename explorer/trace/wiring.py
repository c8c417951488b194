"""The calls of a network with the numbers that went through them for one picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.activations import feature_maps
from explorer.errors import LayerError
from explorer.models.classifier import Classifier
from explorer.models.graph import Shape, Visit, visits
from explorer.models.layers import unknown_layer
from explorer.models.units import PICTURE, Unit, treats_alone, units

Floats = NDArray[np.float32]
Outputs = Mapping[str, Floats]
"""Every layer's output for one picture: path → (H, W, C), (T, C) or (K,)."""


class Wiring:
    """The calls of a network as tensors' numbers, for one picture's outputs.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.ReLU(name="relu")])
    >>> wiring = Wiring(net, {"relu": np.float32([[[0.0], [4.0]]])}, np.float32([[[-3.0], [4.0]]]))
    >>> wiring.unit("relu")[0].op is None, wiring.value(PICTURE)[0, 0, 0].item()
    (True, -3.0)
    """

    def __init__(self, model: Any, outputs: Outputs, pixels: Floats, *, input_shape: Shape | None = None) -> None:
        """Walk the network.

        Args:
            model: a Sequential or functional Keras network.
            outputs: every layer's output for one picture.
            pixels: float32 (H, W, C), the picture as the network reads it.
            input_shape: (H, W, C), where the network accepts any size.

        Raises:
            ModelError: the network has no graph to walk.
        """
        every = visits(model, input_shape=input_shape)
        self.inner = {call.path: call.outputs[0] for call in every if call.inner}
        self.calls = {call.path: call for call in every if not call.inner}
        self.units = units(every)
        self._outputs = outputs
        self._pixels = pixels
        self._path_of = {call.outputs[0]: call.path for call in self.calls.values()}

    def value(self, number: int) -> Floats:
        """The values of a tensor, without the batch; rows of numbers, (T, C), as maps of one column, (T, 1, C)."""
        given = np.asarray(self._pixels if number == PICTURE else self._outputs[self._path_of[number]], np.float32)
        return given[:, np.newaxis] if given.ndim == 2 else given

    def knows(self, op: Visit) -> bool:
        """Whether everything that a call reads is there; of a layer with several outputs only the first is."""
        return all(number == PICTURE or number in self._path_of for number in op.inputs)

    def path(self, number: int) -> str:
        """The layer that makes a tensor; empty for the picture."""
        return self._path_of.get(number, "")

    def unit(self, path: str) -> tuple[Unit, tuple[Visit, ...]]:
        """The unit that a layer belongs to, and the unit's steps up to that layer.

        Raises:
            LayerError: no such layer.
        """
        path = self._path_of.get(self.inner[path], path) if path in self.inner else path
        for unit in self.units:
            for index, call in enumerate(unit.calls):
                if call.path == path:
                    return unit, unit.calls[0 if unit.op is None else 1 : index + 1]
        raise LayerError(unknown_layer(path, list(self.calls)))

    def before_flattening(self, number: int) -> int | None:
        """The tensor of maps, (H, W, C), that a row of numbers was before it was flattened; None where it was not."""
        call = self.calls.get(self.path(number))
        while call is not None and treats_alone(call):
            below = self.value(call.inputs[0])
            if below.ndim == 3 and below.size == self.value(number).size and _keeps_order(call):
                return call.inputs[0]
            if below.ndim != 1:
                return None
            call = self.calls.get(self.path(call.inputs[0]))
        return None


def _keeps_order(call: Visit) -> bool:
    """Whether a call writes the cells of maps row by row, all channels of a cell side by side."""
    return type(call.layer).__name__ == "Flatten" and call.layer.data_format != "channels_first"


def wired(classifier: Classifier, image: NDArray[Any], *, crop: bool = True) -> Wiring:
    """A network with every layer's output for one picture; arguments and errors as in :func:`trace_unit`."""
    pixels, _ = classifier.fit(image, crop=crop)
    every = [call.path for call in visits(classifier.model, input_shape=classifier.input_shape) if not call.inner]
    outputs = feature_maps(classifier, pixels, every)
    first = {path: values[0] for path, values in outputs.items()}
    return Wiring(classifier.model, first, pixels[0], input_shape=classifier.input_shape)
