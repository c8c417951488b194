"""The atlas of the bundled network: patterns of every depth, grown beforehand by ``assets/atlas/make.py``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from explorer.settings import ASSETS

FOLDER = ASSETS / "atlas"


@dataclass(frozen=True)
class Row:
    """The patterns of one layer.

    Attributes:
        layer: dotted path.
        shape: of the layer's output, (H, W, C) or (K,).
        channels: one for each pattern.
        names: of the classes, where the layer's units are classes; else none.
        scores: what each channel reached: the ascent's objective for its pattern at the size it grew.
        sheet: the file with the patterns side by side.
    """

    layer: str
    shape: tuple[int, ...]
    channels: tuple[int, ...]
    names: tuple[str, ...]
    scores: tuple[float, ...]
    sheet: Path

    @cached_property
    def tiles(self) -> NDArray[np.uint8]:
        """The patterns, uint8 (N, side, side, 3); read from the file when they are first asked for."""
        with Image.open(self.sheet) as sheet:
            pixels = np.asarray(sheet.convert("RGB"))
        side = pixels.shape[0]
        return pixels.reshape(side, len(self.channels), side, 3).swapaxes(0, 1)


@dataclass(frozen=True)
class Atlas:
    """All rows, and how they were grown.

    Attributes:
        network: the ``key`` of the classifier they are of.
        preset: the ascent's preset.
        recipe: its parts as they were.
        seed: of the ascent.
        grown: height and width of the patterns while they grew, in pixels.
        side: height and width as they are stored.
        rows: from the pixels to the classes.
    """

    network: str
    preset: str
    recipe: Mapping[str, Any]
    seed: int
    grown: int
    side: int
    rows: tuple[Row, ...]


@lru_cache(maxsize=1)
def atlas() -> Atlas:
    """The atlas; its pictures are not read yet."""
    told = json.loads((FOLDER / "atlas.json").read_text("utf-8"))
    rows = (
        Row(
            layer=row["layer"],
            shape=tuple(row["shape"]),
            channels=tuple(row["channels"]),
            names=tuple(row["names"]),
            scores=tuple(row["scores"]),
            sheet=FOLDER / row["sheet"],
        )
        for row in told.pop("rows")
    )
    return Atlas(**told, rows=tuple(rows))


def rows() -> tuple[Row, ...]:
    """A row of patterns for each depth, from the pixels to the classes."""
    return atlas().rows
