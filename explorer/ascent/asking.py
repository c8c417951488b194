"""What is asked of an ascent, checked: the layer, its channels, the size of the pictures, the numbers."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from explorer.ascent.steps import Network, network_of
from explorer.errors import LayerError, MethodError
from explorer.models.graph import visits, visits_for
from explorer.models.layers import unknown_layer
from explorer.settings import MAX_ASCENT_PICTURES, MAX_ASCENT_SIDE

DEFAULT_SIDE = 128
"""Height and width, in pixels, of patterns for a network that accepts any size."""
OF_ONE_SIZE = frozenset({"Flatten", "Reshape", "Permute", "PReLU", "Cropping2D", "CenterCrop", "Resizing"})
"""Kinds of layers after which a picture of another size would not fit, or would not be another size."""
Size = int | tuple[int, int] | None


def layer_at(network: Network, path: str) -> Any:
    """The layer at a path, or a :class:`LayerError` that names similar ones."""
    every = {visit.path: visit.layer for visit in visits(network.model)}
    if not isinstance(path, str) or path not in every:
        raise LayerError(unknown_layer(str(path), list(every)))
    return every[path]


def checked_seed(seed: object) -> int:
    """The seed, or a :class:`MethodError` that says what is allowed."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise MethodError(f"seed is {seed!r}; it is a whole number from 0 to {2**32 - 1}.")
    return int(seed)


def checked_diversity(diversity: object) -> float:
    """The weight, or a :class:`MethodError` that says what is allowed."""
    if isinstance(diversity, bool) or not isinstance(diversity, int | float | np.number) or not 0 <= diversity <= 10:
        raise MethodError(f"diversity is {diversity!r}; it is a number from 0 to 10.")
    return float(diversity)


def sides_of(network: Network, size: Size) -> tuple[int, int]:
    """Height and width of the pictures."""
    if size is None:
        height, width, _ = network.input_shape
        return height or DEFAULT_SIDE, width or DEFAULT_SIDE
    sides = size if isinstance(size, tuple) else (size, size)
    whole = all(isinstance(side, int | np.integer) and not isinstance(side, bool) for side in sides)
    if len(sides) != 2 or not whole or not all(1 <= side <= MAX_ASCENT_SIDE for side in sides):
        raise LayerError(
            f"The size is {size!r}; height and width of a pattern are whole numbers from 1 to {MAX_ASCENT_SIDE} pixels."
        )
    return int(sides[0]), int(sides[1])


def width_of(outputs: Callable[[Any], Any], layer: str) -> int:
    """How many channels a layer's output has."""
    shape = outputs.structured_outputs.shape  # type: ignore[attr-defined]
    if shape.rank not in (2, 3, 4) or shape[-1] is None or 0 in shape[1:]:
        raise LayerError(f"The layer {layer!r} has no channels to follow: its output for a picture is {shape[1:]}.")
    return int(shape[-1])


def channels_of(channels: int | Sequence[int], outputs: Callable[[Any], Any], layer: str) -> list[int]:
    """The channels, checked."""
    asked = checked_channels(channels, width_of(outputs, layer), layer)
    if not 1 <= len(asked) <= MAX_ASCENT_PICTURES:
        raise LayerError(f"{len(asked)} channels were asked for; 1 to {MAX_ASCENT_PICTURES} can grow together.")
    return asked


def checked_channels(channels: int | Sequence[int], width: int, layer: str) -> list[int]:
    """The channels, or a :class:`LayerError` where one of them is none of the layer's."""
    asked = list(channels) if isinstance(channels, Iterable) else [channels]
    for channel in asked:
        whole = isinstance(channel, int | np.integer) and not isinstance(channel, bool)
        if not whole or not 0 <= channel < width:
            raise LayerError(f"The layer {layer!r} has the channels 0 to {width - 1}; there is no {channel!r}.")
    return [int(channel) for channel in asked]


def natural_size(model: Any, layer: str, most: int = DEFAULT_SIDE) -> tuple[int, int]:
    """A size for patterns: the network's own, or a smaller one where the layers on the way suggest that it fits.

    Args:
        model: as in :func:`ascend`.
        layer: dotted path.
        most: height and width of the smaller one, in pixels.

    Returns:
        Height and width. Where something between the picture and the layer reads one size only, the network's own.

    Raises:
        LayerError: there is no such layer.
    """
    network = network_of(model)
    height, width, _ = network.input_shape
    own = height or DEFAULT_SIDE, width or DEFAULT_SIDE
    if max(own) <= most:
        return own
    return own if reads_one_size(model, layer) else (most, most)


def reads_one_size(model: Any, layer: str) -> bool:
    """Whether something between the picture and a layer needs pictures of one size, as far as the layers tell.

    Raises:
        LayerError: there is no such layer.
    """
    every = visits(network_of(model).model)
    slots = {visit.path: visit.outputs[0] for visit in every}
    if layer not in slots:
        raise LayerError(unknown_layer(layer, list(slots)))
    return any(type(visit.layer).__name__ in OF_ONE_SIZE for visit in visits_for(every, {slots[layer]}))
