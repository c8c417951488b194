"""The Feature maps page's first screen: the picture, what each stage makes of it, and the classes."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from explorer import images, maps, overview
from explorer.models import LayerSummary
from explorer.ui.map_components import Stage

STAGES = 7
"""Columns between the picture and the classes: as many as fit beside the sidebar."""
TILES = 5
"""Maps in a column."""
TILE_SIDE = 72
"""Height and width of a map in the strip, in pixels."""
PICTURE, CLASSES = "/picture", "/classes"
"""The paths of the first and the last column; Keras lets no layer have a slash in its name."""


def most_active(values: NDArray[np.float32], count: int = TILES) -> NDArray[np.int64]:
    """The channels that vary most over the picture, the most first: int (count,).

    Not those with the largest mean: a map that is high everywhere answers to nothing in the picture.
    """
    return np.argsort(-values.std(axis=(0, 1)), kind="stable")[:count]


def columns(
    layers: Sequence[LayerSummary],
    outputs: Mapping[str, NDArray[np.float32]],
    picture: NDArray[np.uint8],
    *,
    dark: bool,
) -> list[Stage]:
    """The strip's columns but the last, with their small pictures drawn."""
    chosen = overview.stages(layers, STAGES)
    names = titles([layer.path for layer in chosen])
    stages = (_column(layer, title, outputs[layer.path], dark=dark) for layer, title in zip(chosen, names, strict=True))
    return [_picture_column(picture), *stages]


def titles(paths: list[str]) -> list[str]:
    """Each path up to its first underscore, where that tells them apart: ``block2a_expand_relu`` → ``block2a``."""
    short = [path.partition("_")[0] for path in paths]
    return short if len(set(short)) == len(short) else paths


def _picture_column(picture: NDArray[np.uint8]) -> Stage:
    """The picture as the network reads it."""
    tiles = images.to_rgb(picture)[None]
    drawn = maps.mosaic(tiles, 1, gap=0, side=2 * TILE_SIDE)
    height, width, channels = picture.shape
    return Stage(
        PICTURE,
        "Picture",
        f"{height} × {width} × {channels}",
        tiles_png=images.encode_png(drawn.pixels),
        side=drawn.side,
        channels=(0,),
        labels=("the picture as the network reads it",),
        opens=False,
    )


def _column(layer: LayerSummary, title: str, values: NDArray[np.float32], *, dark: bool) -> Stage:
    """A layer's most active maps, in the layer's own scale."""
    channels = most_active(values)
    coloured = maps.coloured(values, "raw", channels=channels, dark=dark)
    drawn = maps.mosaic(coloured.tiles, 1, gap=0, side=TILE_SIDE)
    means = values.mean(axis=(0, 1))
    return Stage(
        layer.path,
        title,
        " × ".join(map(str, layer.output_shape)),
        f"{layer.parameters:,} parameters" if layer.parameters else "",
        tiles_png=images.encode_png(drawn.pixels),
        side=drawn.side,
        channels=tuple(channels.tolist()),
        labels=tuple(f"channel {channel} · mean {means[channel]:.3g}" for channel in channels),
        low=coloured.low,
        high=coloured.high,
        signed=coloured.signed,
    )


def classes_column(classes: Sequence[tuple[int, str, float]]) -> Stage:
    """The last column: the likeliest classes as bars."""
    bars = tuple((name, probability) for _, name, probability in classes)
    return Stage(CLASSES, "Classes", f"the likeliest {len(bars)}", bars=bars, opens=False)
