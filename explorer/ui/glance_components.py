"""The browser component of the whole network at a glance. What comes back is checked against what was sent."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from explorer.ui.browser import picked, registered

SCRIPTS = (
    "window_math.js",
    "grid_view.js",
    "tiles.js",
    "unit_chain.js",
    "unit_dense.js",
    "unit_flat.js",
    "unit_grids.js",
    "unit_ink.js",
    "unit_maps.js",
    "unit_numbers.js",
    "unit_panel.js",
    "unit_player.js",
    "unit_rows.js",
    "unit_softmax.js",
    "unit_tile.js",
    "unit_waterfall.js",
    "unit_view.js",
    "glance_drawing.js",
    "glance_edges.js",
    "glance_keys.js",
    "glance_layout.js",
    "glance_lens.js",
    "glance_notes.js",
    "glance_picture.js",
    "glance_save.js",
    "glance_unit.js",
    "glance.js",
)
STYLES = ("components.css", "maps.css", "glance.css")
ID = re.compile(r"\d{1,3}(\.\d{1,3}){0,4}")
"""The id of a group: its place in the tree of stages."""


@dataclass(frozen=True)
class Asked:
    """What the person did.

    Attributes:
        do: unfold or fold a channel, open or close a group of layers, switch the notes, or go on to another page.
        path: the layer of the channel that is selected now; empty for none.
        channel: of it.
        group: the id of the group.
        to: the other page.
        on: whether there are to be notes.
    """

    do: Literal["unfold", "fold", "open", "close", "notes", "go"]
    path: str = ""
    channel: int = 0
    group: str = ""
    to: Literal["", "filters", "grad_cam"] = ""
    on: bool = True


def asked(sent: object, columns: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, str]]) -> Asked | None:
    """What the browser sent, if it is something that can be done with what is shown; else None.

    >>> columns = [{"path": "stem", "count": 8, "id": "0", "opens": True}]
    >>> asked({"do": "unfold", "path": "stem", "channel": 1}, columns, [])
    Asked(do='unfold', path='stem', channel=1, group='', to='', on=True)
    >>> asked({"do": "unfold", "path": "stem", "channel": 8}, columns, []) is None
    True
    >>> asked({"do": "open", "id": "0"}, columns, []).group, asked({"do": "close", "id": "0"}, columns, []) is None
    ('0', True)
    """
    found: Asked | None
    match sent:
        case {"do": "unfold"}:
            found = Asked("unfold")
        case {"do": "fold"}:
            found = Asked("fold")
        case {"do": "open", "id": str(group)}:
            known = any(column["id"] == group and column["opens"] for column in columns)
            found = Asked("open", group=group) if known else None
        case {"do": "close", "id": str(group)}:
            found = Asked("close", group=group) if any(each["id"] == group for each in groups) else None
        case {"do": "notes", "on": bool(on)}:
            found = Asked("notes", on=on)
        case {"do": "go", "to": "filters" | "grad_cam" as to}:
            found = Asked("go", to=to)
        case _:
            found = None
    match sent:
        case {"path": str(path), "channel": int(channel)} if found is not None and type(channel) is int:
            known = any(column["path"] == path and 0 <= channel < column["count"] for column in columns)
            found = replace(found, path=path, channel=channel) if known else found
    return None if found == Asked("unfold") else found


def glance(data: Mapping[str, Any], *, key: str, on_ask: Callable[[Asked], None]) -> None:
    """Draw the network, or change what is drawn.

    Args:
        data: ``columns``, ``groups``, ``edges``, ``selected``, ``unit``, ``alt``, ``notes`` and ``name``.
        key: key of the component.
        on_ask: called with what the person did, before the rerun.
    """

    def pick() -> None:
        found = asked(picked(key), data["columns"], data["groups"])
        if found is not None:
            on_ask(found)

    registered("convnet_explorer_glance", SCRIPTS, STYLES)(key=key, data=dict(data), on_picked_change=pick)
