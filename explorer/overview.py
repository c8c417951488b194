"""What to show of a whole network: the layers that stand for its stages.

A network has hundreds of layers and a screen has room for ten columns. Resolution is the natural ruler: each time it
falls, a stage ends.
"""

from collections.abc import Sequence
from itertools import groupby

from explorer.models.layers import LayerSummary

ACTIVATIONS = frozenset({"Activation", "ReLU", "LeakyReLU", "PReLU", "ELU"})
"""Kinds of layers that are nothing but an activation function."""


def stages(layers: Sequence[LayerSummary], most: int = 9) -> list[LayerSummary]:
    """The layers that stand for a network's stages, from pixels to its last map.

    The spatial layers are cut into runs of one resolution. Each run gives its last layer; the columns that are left
    over go to the longest runs, evenly along them. In a run that has activations only those count, so that what is
    compared along the depth is of one kind.

    Args:
        layers: in the order in which data flows, as from ``describe_layers``.
        most: how many to choose.

    Returns:
        At most ``most`` of them, in their order; none where no layer is spatial.
    """
    first = next((index for index, layer in enumerate(layers) if layer.spatial and layer.parameters), 0)
    spatial = [layer for layer in layers[first:] if layer.spatial]
    runs = [_of_one_kind(list(run)) for _, run in groupby(spatial, key=lambda layer: layer.output_shape[:2])]
    if len(runs) >= most:
        kept = _evenly(len(runs), most)
        return [runs[index][-1] for index in kept]
    quota = [1] * len(runs)
    while sum(quota) < min(most, sum(map(len, runs))):
        longest = max(range(len(runs)), key=lambda index: len(runs[index]) / quota[index])
        quota[longest] += 1
    return [run[index] for run, count in zip(runs, quota, strict=True) for index in _evenly(len(run), count)]


def _of_one_kind(run: list[LayerSummary]) -> list[LayerSummary]:
    """The activations of a run; all of its layers where it has none."""
    return [layer for layer in run if layer.kind in ACTIVATIONS] or run


def _evenly(size: int, count: int) -> list[int]:
    """``count`` places out of ``size``, evenly apart, the last one always among them.

    >>> _evenly(10, 3)
    [3, 6, 9]
    """
    return [-(-(place + 1) * size // count) - 1 for place in range(count)]
