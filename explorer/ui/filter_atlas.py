"""The Filters page's atlas: patterns of every depth of the bundled network, grown beforehand."""

from functools import partial

import streamlit as st

from explorer import atlas, figures, images, maps
from explorer.atlas import Row
from explorer.models import Classifier
from explorer.ui import cache, map_components
from explorer.ui import filter_options as options
from explorer.ui.texts import titles

GAP = 4


def is_of(classifier: Classifier) -> bool:
    """Whether the atlas shows this network."""
    return classifier.key == atlas.atlas().network


def draw(*, dark: bool) -> None:
    """A row of patterns for each depth; a click grows one anew."""
    rows = atlas.rows()
    st.caption("Grown beforehand, a row for each depth of this network. Click one to watch it grow.")
    names = titles([row.layer for row in rows])
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        shape = " × ".join(map(str, row.shape))
        tiles = row.tiles
        png = cache.drawing("atlas", (row.layer, dark), partial(_sheet, row, dark=dark))
        map_components.channel_grid(
            mosaic_png=png,
            columns=len(tiles),
            count=len(tiles),
            side=tiles.shape[1],
            gap=GAP,
            channels=row.channels,
            labels=[f"{label} · {score:.3g}" for label, score in zip(_labels(row), row.scores, strict=True)],
            selected=None,
            hint=f"{name} · {shape}",
            key=f"filters.atlas_{number}",
            alt=f"Patterns of {row.layer}: {', '.join(_labels(row))}",
            on_pick=partial(_regrow, row),
        )


def _labels(row: Row) -> list[str]:
    """What each pattern is of."""
    if row.names:
        return [f"{channel} · {name}" for channel, name in zip(row.channels, row.names, strict=True)]
    return [f"channel {channel}" for channel in row.channels]


def _sheet(row: Row, *, dark: bool) -> bytes:
    drawn = maps.mosaic(row.tiles, len(row.tiles), gap=GAP, side=row.tiles.shape[1], ground=figures.ground(dark=dark))
    return images.encode_png(drawn.pixels)


def _regrow(row: Row, channel: int | None) -> None:
    """A pattern was clicked: grow it before the person's eyes."""
    if channel is not None:
        book = atlas.atlas()
        options.open_at(row.layer, [channel], preset=book.preset, seed=book.seed)
        options.grow_now()
