"""What to show of a whole network: the layers that stand for its stages.

A network has hundreds of layers and a screen has room for ten columns. Resolution is the natural ruler: each time it
falls, a stage ends.
"""

from collections.abc import Sequence
from itertools import groupby

from explorer.models.layers import LayerSummary
from explorer.models.units import ACTIVATIONS, CONVOLUTIONS, NORMALISATIONS

PADDING = frozenset({"ZeroPadding2D", "Cropping2D"})
"""Kinds of layers that only change the border."""


def stages(layers: Sequence[LayerSummary], most: int = 9) -> list[LayerSummary]:
    """The layers that stand for a network's stages, from pixels to its last map.

    The spatial layers are cut into runs of one resolution. Padding is left out, and so are maps smaller than those
    of a later layer: squeeze-and-excite blocks and shortcuts run ahead of the main path. Each run gives its last
    layer; the columns that are left over go to the longest runs, evenly along them. In a run that has activations
    only those count, so that what is compared along the depth is of one kind.

    Args:
        layers: in the order in which data flows, as from ``describe_layers``.
        most: how many to choose.

    Returns:
        At most ``most`` of them, in their order; none where no layer is spatial.
    """
    first = next((index for index, layer in enumerate(layers) if layer.spatial and layer.parameters), 0)
    spatial = _never_growing([layer for layer in layers[first:] if layer.spatial and layer.kind not in PADDING])
    runs = [_of_one_kind(list(run)) for _, run in groupby(spatial, key=lambda layer: layer.output_shape[:2])]
    if len(runs) >= most:
        kept = _evenly(len(runs), most)
        return [runs[index][-1] for index in kept]
    quota = [1] * len(runs)
    while sum(quota) < min(most, sum(map(len, runs))):
        longest = max(range(len(runs)), key=lambda index: len(runs[index]) / quota[index])
        quota[longest] += 1
    return [run[index] for run, count in zip(runs, quota, strict=True) for index in _evenly(len(run), count)]


def filters_of(layer: LayerSummary, layers: Sequence[LayerSummary]) -> str | None:
    """The convolution that makes a layer's maps, where only normalisations and activations lie between.

    Args:
        layer: one of the layers.
        layers: all of them, in the order in which data flows.

    Returns:
        Its path; None where something else lies between, such as an addition or a pooling.
    """
    before = list(layers)[: list(layers).index(layer) + 1]
    for one in reversed(before):
        if one.kind in CONVOLUTIONS:
            return one.path if one.output_shape == layer.output_shape else None
        if one.kind not in ACTIVATIONS | NORMALISATIONS:
            return None
    return None


def _never_growing(layers: Sequence[LayerSummary]) -> list[LayerSummary]:
    """The layers whose maps are as large as those of every later layer, or larger."""
    kept: list[LayerSummary] = []
    for layer in reversed(layers):
        if not kept or _area(layer) >= _area(kept[-1]):
            kept.append(layer)
    return kept[::-1]


def _area(layer: LayerSummary) -> int:
    height, width = layer.output_shape[:2]
    return (height or 0) * (width or 0)


def _of_one_kind(run: list[LayerSummary]) -> list[LayerSummary]:
    """The activations of a run; all of its layers where it has none."""
    return [layer for layer in run if layer.kind in ACTIVATIONS] or run


def _evenly(size: int, count: int) -> list[int]:
    """``count`` places out of ``size``, evenly apart, the last one always among them.

    >>> _evenly(10, 3)
    [3, 6, 9]
    """
    return [-(-(place + 1) * size // count) - 1 for place in range(count)]
