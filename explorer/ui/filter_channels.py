"""The channels that the Filters page follows: a field of words and numbers, and buttons that fill it in."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from explorer.errors import LayerError
from explorer.models import Classifier, LayerSummary
from explorer.settings import MAX_ASCENT_PICTURES
from explorer.ui import cache
from explorer.ui.controls import Control
from explorer.ui.pickers import Chosen
from explorer.ui.texts import plain

PAGE = "filters"
RANDOM, ACTIVE = "random", "active"
SIXTEEN = 16
"""Channels of *random* and *active*, and the most on a fresh page."""


class ChannelsChoice(Control):
    """Channels of the layer, in words: numbers and ranges, ``random`` for sixteen by the seed, or ``active``."""

    def allows(self, value: Any) -> bool:
        """A text that could be a list of channels."""
        return isinstance(value, str) and (
            value.strip() in (RANDOM, ACTIVE) or re.fullmatch(r"[\d\s,\-–]{0,400}", value) is not None
        )

    def allowed(self) -> str:
        """How it is written."""
        return "channels are written as 0-15, or 3, 17, 40-43, or random, or active"

    def read(self, text: str) -> str:
        """Itself."""
        return text

    def current(self) -> str:
        """The text as it was written, even where it is none that can be used: a sentence then says so."""
        value = st.session_state.get(self.key)
        return value if isinstance(value, str) and len(value) <= 400 else self.default

    def widget(self, **options: Any) -> None:
        """A text field."""
        st.text_input(max_chars=400, **options)


CHANNELS = ChannelsChoice(
    key=f"{PAGE}.channels",
    label="Channels",
    default="0-15",
    help=f"Such as 0-15, or 3, 17, 40-43; at most {MAX_ASCENT_PICTURES}.",
)


class DreamedChoice(ChannelsChoice):
    """Numbers and ranges only; nothing stands for all channels."""

    def allows(self, value: Any) -> bool:
        """A text that could be a list of channels."""
        return super().allows(value) and value.strip() not in (RANDOM, ACTIVE)

    def allowed(self) -> str:
        """How it is written."""
        return "channels are written as 0-15, or 3, 17, 40-43"


DREAMED = DreamedChoice(
    key=f"{PAGE}.dream_channels",
    label="Channels that dream",
    default="",
    help="Such as 0-15, or 3, 17. Nothing means all of the layer.",
)
CONTROLS = (CHANNELS, DREAMED)


def is_class_layer(classifier: Classifier, layers: Sequence[LayerSummary], layer: LayerSummary) -> bool:
    """Whether a layer's channels are the network's classes: the last layer, or the one before its activation."""
    ends = layers[-1:] if layers[-1].parameters else layers[-2:]
    return layer in ends and layer.output_shape == (len(classifier.class_names),)


def draw(classifier: Classifier, layers: Sequence[LayerSummary], layer: LayerSummary, chosen: Chosen) -> None:
    """The field for the channels, and buttons that fill it in."""
    width = width_of(layer)
    CHANNELS.draw()
    with st.container(horizontal=True, gap="small"):
        for name, label, text in (
            ("first", "First", f"0-{min(width, SIXTEEN) - 1}"),
            ("random", "Random", RANDOM),
            ("active", "Most active", ACTIVE),
        ):
            st.button(
                label,
                key=f"{PAGE}.{name}",
                on_click=CHANNELS.put,
                args=(text,),
                type="tertiary",
                help={
                    "first": "The first sixteen.",
                    "random": "Sixteen by the seed.",
                    "active": f"The sixteen that vary most over {plain(chosen.label)}.",
                }[name],
            )
    if is_class_layer(classifier, layers, layer):
        _draw_class_finder(classifier)


def _draw_class_finder(classifier: Classifier) -> None:
    """Classes by name."""
    key = f"{PAGE}.class"

    def add() -> None:
        found = st.session_state.get(key)
        if not isinstance(found, int):
            return
        written = CHANNELS.current().strip()
        fresh = written in (RANDOM, ACTIVE, CHANNELS.default)
        CHANNELS.put(str(found) if fresh else f"{written}, {found}")
        st.session_state[key] = None

    names = classifier.class_names
    st.selectbox(
        "Add a class",
        list(range(len(names))),
        index=None,
        placeholder="Type to search",
        format_func=lambda index: f"{index} · {names[index]}",
        key=key,
        on_change=add,
    )


def asked_for(classifier: Classifier, layer: LayerSummary, chosen: Chosen, seed: int) -> tuple[int, ...]:
    """The channels that the field names.

    Raises:
        LayerError: it names none.
    """
    width = width_of(layer)
    written = CHANNELS.current().strip()
    if written == RANDOM:
        drawn = np.random.default_rng(seed).choice(width, min(width, SIXTEEN), replace=False)
        return tuple(sorted(drawn.tolist()))
    if written == ACTIVE:
        picture, _ = cache.fitted(classifier.key, chosen.sha, classifier, chosen.picture.pixels)
        values = cache.all_maps(classifier.key, chosen.sha, classifier, picture)[layer.path]
        cells = values.reshape(-1, values.shape[-1])
        answer = cells.std(axis=0) if len(cells) > 1 else cells[0]
        return tuple(np.argsort(-answer, kind="stable")[:SIXTEEN].tolist())
    if written == CHANNELS.default:  # on a fresh page a layer of few channels shows them all
        return tuple(range(min(width, SIXTEEN)))
    return numbers(written, width)


def dreamed(layer: LayerSummary) -> tuple[int, ...]:
    """The channels that dream; none stands for all of them.

    Raises:
        LayerError: the field names none.
    """
    written = DREAMED.current().strip()
    return numbers(written, width_of(layer)) if written else ()


def width_of(layer: LayerSummary) -> int:
    """How many channels a layer has; 1 where its output is a single number."""
    return (layer.output_shape or (1,))[-1] or 1


def numbers(written: str, width: int) -> tuple[int, ...]:
    """The channels that a text names, each once.

    Args:
        written: such as ``"3, 17, 40-43"``.
        width: how many channels there are.

    Raises:
        LayerError: it cannot be read, or names a channel that is not there, or too many.

    >>> numbers("3, 1-2, 2", 8)
    (3, 1, 2)
    """
    found: dict[int, None] = {}
    for piece in filter(None, re.split(r"[\s,]+", re.sub(r"\s*[-–]\s*", "-", written))):
        ends = re.fullmatch(r"(\d{1,7})(?:-(\d{1,7}))?", piece)
        if ends is None:
            raise LayerError(f"“{piece[:40]}” is not a channel. Channels are written as 0-15, or 3, 17, 40-43.")
        low, high = int(ends[1]), int(ends[2] or ends[1])
        if not low <= high < width:
            raise LayerError(f"The layer has the channels 0 to {width - 1}; “{piece}” is not among them.")
        found.update(dict.fromkeys(range(low, min(high + 1, low + MAX_ASCENT_PICTURES + 1))))
    if not 1 <= len(found) <= MAX_ASCENT_PICTURES:
        raise LayerError(f"Name 1 to {MAX_ASCENT_PICTURES} channels, such as 0-15.")
    return tuple(found)
