"""The whole network at a glance, as the browser component is sent it: columns with small pictures, and edges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer import images, maps, overview
from explorer.models import Classifier
from explorer.models.filters import colour_order
from explorer.models.graph import Model
from explorer.overview import Edge, Glance, Group, Plan, Shown
from explorer.ui.browser import png_address

Floats = NDArray[np.float32]

TILE = 64
"""Height and width of a channel's small picture, in pixels; twice what it has on a page of the usual width."""
PRIMARIES = (("red", (255, 92, 84)), ("green", (88, 214, 120)), ("blue", (98, 150, 255)))
GREY = (("grey", (255, 255, 255)),)
STRANGE = (200, 60, 180)
"""The colour of what is not a number; the same as UNIT_STRANGE in assets/components/unit_ink.js."""
OWN, COMMON = "own", "common"
SCALES = {OWN: "one for each column", COMMON: "one for all"}


@dataclass(frozen=True)
class Look:
    """How the columns are drawn.

    Attributes:
        dark: for a dark page.
        scale: a key of ``SCALES``.
        class_names: of the network.
        colours: the names of the picture's channels and the colours they are tinted in.
    """

    dark: bool
    scale: str
    class_names: Sequence[str]
    colours: Sequence[tuple[str, tuple[int, int, int]]]


def colours_of(plan: Plan, model: Model) -> tuple[tuple[str, tuple[int, int, int]], ...]:
    """What the picture's channels are, as the first layer that reads them has them."""
    if plan.shapes[plan.picture.told.path][-1] != 3:
        return GREY
    if not plan.picture.told.path:
        return PRIMARIES
    made = next(set(call.outputs) for call in plan.calls if call.path == plan.picture.told.path)
    reader = next((call.path for call in plan.calls if made & set(call.inputs)), None)
    order = None if reader is None else colour_order(model, reader, input_shape=plan.shapes[""])
    if order is None:
        return tuple((f"input {channel}", (255, 255, 255)) for channel in range(3))
    named = dict(zip(order, PRIMARIES, strict=True))
    return tuple(named[channel] for channel in range(3))


def columns(plan: Plan, found: Glance, look: Look) -> list[dict[str, Any]]:
    """Every column as the component reads it."""
    common = _common(found) if look.scale == COMMON else None
    siblings = _siblings(plan)
    return [_column(plan, shown, index, found, look, common, siblings) for index, shown in enumerate(found.columns)]


def hidden(found: Glance) -> list[list[Any]]:
    """Every channel that gets most from one that is not shown, as the component reads it."""
    told = []
    for start, channel, end, into in found.hidden:
        shown = found.columns[start]
        told.append([end, into, f"{_named(shown, channel)} of {shown.column.group.told.path or 'the picture'}"])
    return told


def _named(shown: Shown, channel: int) -> str:
    """``channel 7`` of maps, ``unit 7`` of a row of numbers."""
    return f"{'unit' if shown.values.ndim == 1 else 'channel'} {channel}"


def edges(found: Sequence[Edge]) -> list[list[float]]:
    """Every edge as the component reads it."""
    return [[edge.start, edge.out, edge.end, edge.into, round(edge.strength, 3), edge.sign] for edge in found]


def groups(plan: Plan, opened: Sequence[str]) -> list[dict[str, str]]:
    """The unfolded groups."""
    return [{"id": group.id, "title": group.name} for group in plan.groups() if group.id in opened and group.parts]


def sentence(found: Glance, classifier: Classifier, look: Look) -> str:
    """What the picture says, for those who do not see it: the answer, and the path of the strongest flow."""
    best = int(found.columns[-1].channels[0])
    share = f"{100 * float(found.probabilities[best]):.1f} %"
    steps = []
    for column, channel in found.strongest[:-1]:
        shown = found.columns[column]
        picture = column == 0 and shown.values.ndim == 3
        name = look.colours[channel][0] if picture and channel < len(look.colours) else _named(shown, channel)
        steps.append(f"{shown.column.group.told.path or shown.column.group.name} {name}")
    return f"{classifier.name} says {look.class_names[best]}, {share}. The strongest flow: {', '.join(steps)}."


Range = tuple[float, float]
Siblings = Mapping[str, Sequence[Group]]


def _column(  # noqa: PLR0917
    plan: Plan, shown: Shown, index: int, found: Glance, look: Look, common: Range | None, siblings: Siblings
) -> dict[str, Any]:
    column, group, shape = shown.column, shown.column.group, shown.values.shape
    if shown.values.ndim not in (1, 3):  # rows of numbers: one row of cells a channel
        shown = replace(shown, values=shown.values.reshape(shape[0], -1, shape[-1]))
    last = index == len(found.columns) - 1
    drawn = _classes(shown, found, look) if last else _units(shown) if shown.values.ndim == 1 else None
    if drawn is None:
        drawn = _picture(shown, look) if index == 0 else _maps(shown, look, common)
    parameters = overview.parameters_of(group, plan.parameters)
    return {
        "id": group.id,
        "path": group.told.path,
        "title": "picture" if index == 0 else "classes" if last else group.name,
        "note": overview.words_for(column, siblings.get(group.id, ())),
        "shape": " × ".join(map(str, shape)),
        "parameters": f"{parameters:,} parameters" if parameters else "",
        "level": column.level,
        "lane": column.lane,
        "lanes": column.lanes,
        "parents": list(column.parents),
        "opens": bool(group.parts),
        "inside": list(column.inside),
        "count": int(shown.values.shape[-1]),
        "channels": shown.channels.tolist(),
        "rule": f"{len(shown.channels)} of {shown.values.shape[-1]:,}",
        "tiles": None,
        "side": 0,
        "values": None,
        "logits": None,
        "range": None,
        "signed": False,
        **drawn,
    }


def _siblings(plan: Plan) -> Siblings:
    """The groups that each group is counted among, by its id."""
    among = {group.id: plan.stages for group in plan.stages}
    for group in plan.groups():
        among |= {part.id: group.parts for part in group.parts}
    return among


def _classes(shown: Shown, found: Glance, look: Look) -> dict[str, Any]:
    return {
        "look": "classes",
        "labels": [look.class_names[channel] for channel in shown.channels],
        "details": [f"logit {shown.values[channel]:.4g}".replace("-", "−") for channel in shown.channels],
        "values": [float(found.probabilities[channel]) for channel in shown.channels],
        "logits": [_finite(shown.values[channel]) for channel in shown.channels],
        "count": len(shown.values),
        "shape": f"{len(shown.values):,}",
    }


def _units(shown: Shown) -> dict[str, Any]:
    low, high = _ends(shown.values)
    return {
        "look": "units",
        "labels": [_named(shown, channel) for channel in shown.channels],
        "details": [f"{shown.values[channel]:.4g}" for channel in shown.channels],
        "values": [_finite(shown.values[channel]) for channel in shown.channels],
        "range": [low, high],
        "signed": low < 0,
    }


def _picture(shown: Shown, look: Look) -> dict[str, Any]:
    small = _small(shown.values[..., shown.channels])
    low, high = _ends(shown.values)
    share = np.clip((small - low) / ((high - low) or 1.0), 0, 1)[..., np.newaxis]
    names = [
        *look.colours,
        *((f"channel {channel}", (255, 255, 255)) for channel in range(len(look.colours), len(small))),
    ]
    tints = np.asarray([tint for _, tint in names[: len(small)]], np.float32)[:, np.newaxis, np.newaxis]
    sprite = np.rint(share * tints).astype(np.uint8)
    return {
        "look": "picture",
        "labels": [name for name, _ in names[: len(small)]],
        "details": [_words(shown, channel) for channel in shown.channels],
        "tiles": png_address(images.encode_png(sprite.reshape(-1, *sprite.shape[2:]))),
        "side": int(sprite.shape[1]),
        "rule": "",
    }


def _maps(shown: Shown, look: Look, common: Range | None) -> dict[str, Any]:
    low, high = common or _ends(shown.values)
    chosen = shown.values[..., shown.channels]
    levels, table = maps.indexed(_small(chosen), low, high, dark=look.dark)
    levels = levels.reshape(-1, levels.shape[2])
    sprite = images.encode_indexed_png(levels, table)
    if not np.isfinite(chosen).all():
        strange = _small((~np.isfinite(chosen)).astype(np.float32)).reshape(levels.shape) > 0
        sprite = images.encode_png(np.where(strange[..., np.newaxis], np.asarray(STRANGE, np.uint8), table[levels]))
    return {
        "look": "maps",
        "labels": [_named(shown, channel) for channel in shown.channels],
        "details": [_words(shown, channel) for channel in shown.channels],
        "tiles": png_address(sprite),
        "side": int(levels.shape[1]),
        "range": [low, high],
        "signed": low < 0,
    }


def _words(shown: Shown, channel: int) -> str:
    values = shown.values[..., channel]
    strange = float(1 - np.isfinite(values).mean())
    if strange:
        return f"{strange:.0%} of it is not a number"
    return f"{values.min():.3g} to {values.max():.3g} · {np.mean(values == 0):.0%} zeros".replace("-", "−")


def _ends(values: Floats) -> Range:
    """The ends of a colour scale: around zero where there is anything below it."""
    low, high = maps.ends(np.nan_to_num(values.reshape(1, 1, -1), posinf=0.0, neginf=0.0))
    return float(low), float(high)


def _common(found: Glance) -> Range:
    """One scale for all columns of maps."""
    every = [_ends(shown.values) for shown in found.columns[1:-1] if shown.values.ndim == 3]
    top = max((max(abs(low), abs(high)) for low, high in every), default=1.0)
    return (-top if any(low < 0 for low, _ in every) else 0.0), top


def _finite(value: np.floating[Any]) -> float:
    return float(np.nan_to_num(value))


def _small(chosen: Floats) -> Floats:
    """Maps (H, W, n) as squares, float32 (n, side, side).

    Large ones are averaged. What a narrow one lacks is zero; the cells of one with a single row or column are bars.
    """
    height, width = chosen.shape[:2]
    clean = np.nan_to_num(np.moveaxis(chosen, 2, 0), posinf=0.0, neginf=0.0).astype(np.float32)
    longest = max(height, width)
    if longest > TILE:
        size = (max(1, width * TILE // longest), max(1, height * TILE // longest))
        clean = np.stack([cv2.resize(np.ascontiguousarray(each), size, interpolation=cv2.INTER_AREA) for each in clean])
    side = max(clean.shape[1:])
    if min(height, width) == 1:
        clean = np.broadcast_to(clean, (len(clean), side, side))
    height, width = clean.shape[1:]
    top, left = (side - height) // 2, (side - width) // 2
    return np.pad(clean, ((0, 0), (top, side - height - top), (left, side - width - left)))
