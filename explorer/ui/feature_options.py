"""The Feature maps page's choices as a registry, and the sidebar they are drawn in."""

import re
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from explorer.maps import SCALES, SORTS
from explorer.models import Classifier, LayerSummary
from explorer.overview import RULES, Plan
from explorer.ui import cache, frame, networks, pickers, state, trained
from explorer.ui.controls import Control, OptionalWhole, Select, Slider, Switch, Whole
from explorer.ui.glance_columns import SCALES as COLUMN_SCALES
from explorer.ui.glance_components import ID, Asked
from explorer.ui.pickers import Chosen

PER_PAGE = 48
"""Maps on one page of the grid."""
MAX_CHANNELS = 100_000

COMPARISONS = {
    "mirror": "its mirror image",
    "upside-down": "itself upside down",
    "blur": "itself blurred",
    "occluded": "itself with its middle covered",
    "grey": "itself without colour",
    "previous": "the picture chosen before",
}

IMAGE = pickers.image_control("feature_maps")
NETWORK = networks.network_control("feature_maps")
LAYER = networks.LayerChoice(key="feature_maps.layer", label="Layer")

MOST_MARKED = 40
"""Most groups that are unfolded, and most channels that are pinned."""


@dataclass(frozen=True, kw_only=True)
class Marked(Control):
    """Some things by their names, in the order in which they were marked; in a link with commas between."""

    form: re.Pattern[str]
    what: str

    def initial(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def allows(self, value: Any) -> bool:
        """A few texts of the form."""
        few = isinstance(value, tuple) and len(value) <= MOST_MARKED
        return few and all(isinstance(each, str) and self.form.fullmatch(each) is not None for each in value)

    def allowed(self) -> str:
        """What they are."""
        return f"it is {self.what}"

    def read(self, text: str) -> tuple[str, ...]:
        """The names between the commas."""
        return tuple(text.split(","))

    def text(self, value: Any) -> str:
        """With commas between."""
        return ",".join(value)

    def toggle(self, name: str) -> None:
        """Mark it, or take the mark away."""
        marked = self.current()
        if not self.allows((name,)):
            return
        self.put(tuple(each for each in marked if each != name) if name in marked else (*marked, name)[-MOST_MARKED:])


OPENED = Marked(key="feature_maps.opened", label="Open stages", form=ID, what="a list of stages such as 2,2.1")
PINNED = Marked(
    key="feature_maps.pinned",
    label="Pinned",
    form=re.compile(r"[^,]{1,300}:\d{1,6}"),
    what="a list of layers and channels such as stem_relu:3",
)
UNFOLDED = Switch(key="feature_maps.unfolded", label="Unfolded channel", default=False)
NOTES = Switch(key="feature_maps.notes", label="Notes", default=True)
RULE = Select(
    key="feature_maps.shown",
    label="Channels shown",
    default="variance",
    options={name: f"that {rule.name}" for name, rule in RULES.items()},
    help="  \n".join(f"That {rule.name}: {rule.note}." for rule in RULES.values()),
)
COUNT = Whole(key="feature_maps.count", label="In a column", default=10, low=4, high=12)
COLUMN_SCALE = Select(key="feature_maps.range", label="Colour scale", default="own", options=COLUMN_SCALES)

CHANNEL = OptionalWhole(key="feature_maps.channel", label="Channel", low=0, high=MAX_CHANNELS)
SCALE = Select(
    key="feature_maps.scale",
    label="Colours",
    default="each",
    options={name: scale.name for name, scale in SCALES.items()},
    help="  \n".join(f"{scale.name}: {scale.note}." for scale in SCALES.values()),
)
SORT = Select(
    key="feature_maps.sort",
    label="Order",
    default="index",
    options={name: sort.name for name, sort in SORTS.items()},
    help="  \n".join(f"{sort.name}: {sort.note}." for sort in SORTS.values()),
)
PAGE = Whole(key="feature_maps.page", label="Page of maps", default=1, low=1, high=MAX_CHANNELS)
COMPARE = Select(key="feature_maps.compare", label="Compare with", default="mirror", options=COMPARISONS)

OPACITY = Slider(key="feature_maps.opacity", label="Opacity", default=0.75, low=0.0, high=1.0, step=0.05)
SMOOTH = Switch(key="feature_maps.smooth", label="Smooth", default=False, help="Between cells, draw what lies between.")
EXCITING = Select(
    key="feature_maps.excite",
    label="Among",
    default="samples",
    options={"samples": "the bundled photos", "shapes": "drawn shapes"},
    look="segments",
)
TABS = frame.tabs(
    "feature_maps",
    {
        "depth": "Along the depth",
        "pictures": "Two pictures",
        "excites": "What excites it",
        "weights": "Its weights",
    },
)

_GLANCE = (RULE, COUNT, COLUMN_SCALE, OPENED, PINNED, UNFOLDED, NOTES)
CONTROLS = (*_GLANCE, IMAGE, NETWORK, LAYER, CHANNEL, SCALE, SORT, PAGE, COMPARE, OPACITY, SMOOTH, EXCITING, TABS)


@dataclass(frozen=True)
class Choice:
    """What is looked at.

    Attributes:
        chosen: the picture.
        classifier: the network.
        layers: all of its layers.
        layer: the one that is looked at.
        plan: the network as stages.
        notes: what had to be done otherwise than asked.
    """

    chosen: Chosen
    classifier: Classifier
    layers: tuple[LayerSummary, ...]
    layer: LayerSummary
    plan: Plan
    notes: tuple[str, ...]


def choose(*, linked: bool) -> Choice:
    """Draw the sidebar.

    Args:
        linked: the choices have just come from a link, the channel with its layer.

    Raises:
        ModelError: the network cannot be had, or has no layers.
    """
    with st.sidebar:
        chosen = pickers.pick_image("feature_maps", IMAGE)
        classifier = networks.pick_network("feature_maps", NETWORK)
        layers = cache.layers(classifier.key, classifier)
        plan = cache.plan(classifier.key, classifier)
        first = plan.stages[0] if plan.stages else plan.classes
        picked = networks.pick_layer(LAYER, layers, first.told.path)
        if linked:
            state.put(_SEEN, None)
        chosen_name = state.get(state.NETWORK, "")
        run = isinstance(chosen_name, str) and chosen_name.startswith(trained.PREFIX)
        # A run's network is another one after each epoch; what is looked at stays.
        _forget_another_layers_channel(chosen_name if run else classifier.key, picked.layer.path)
        SCALE.draw()
        SORT.draw()
    notes = (*(() if picked.note is None else (picked.note,)), *_known_stages(plan))
    return Choice(chosen, classifier, layers, picked.layer, plan, notes)


def _known_stages(plan: Plan) -> tuple[str, ...]:
    """Keep only stages that there are, and those around them; a sentence where a link has asked for others."""
    known, asked = {group.id: group for group in plan.groups()}, OPENED.current()
    around = [".".join(each.split(".")[:depth]) for each in asked for depth in range(1, each.count(".") + 2)]
    opened = tuple(dict.fromkeys(each for each in around if each in known and known[each].parts))[-MOST_MARKED:]
    if opened != asked:
        OPENED.put(opened)
    strange = [each for each in asked if each not in opened]
    return (f"This network has no stage {' or '.join(strange)} that could be opened.",) if strange else ()


def act(asked: Asked) -> None:
    """Something was clicked in the picture of the whole network; what is looked at below follows."""
    if asked.path:  # of every click: the list of layers in the browser may still be at the one of before
        _select(asked.path, asked.channel, by_hand=asked.do == "unfold")
    match asked.do:
        case "unfold":
            UNFOLDED.put(True)
        case "fold":
            UNFOLDED.put(False)
        case "open":
            OPENED.toggle(asked.group)
        case "close":  # with all that is open within it
            inside = f"{asked.group}."
            OPENED.put(tuple(each for each in OPENED.current() if not f"{each}.".startswith(inside)))
        case "notes":
            NOTES.put(asked.on)
        case "go":
            state.put(GOING, asked.to)


def _select(path: str, channel: int, *, by_hand: bool) -> None:
    """Look at a channel of the picture; one that nobody has chosen is not yet chosen by a click on something else.

    What the list of layers says is no help: the browser may have sent it as it was two clicks ago.
    """
    drawn = state.get(_SEEN)
    LAYER.put(path)
    if drawn is None or drawn[1] != path:
        open_at(path, channel)
    elif by_hand or CHANNEL.current() is not None or (path, channel) != state.get(_BY_ITSELF):
        CHANNEL.put(channel)
    if by_hand:
        state.put(_TURN, True)


def by_itself(path: str, channel: int) -> None:
    """Note the channel of a layer that is shown while nobody has chosen one."""
    state.put(_BY_ITSELF, (path, channel))


def to_turn() -> bool:
    """Whether the grid of maps has to be turned to the page of a channel that has just been clicked."""
    turn = bool(state.get(_TURN))
    state.put(_TURN, False)
    return turn


def again(choice: Choice) -> Choice:
    """The same after a click in the picture of the whole network, before the sidebar is drawn anew."""
    path = LAYER.current()
    return replace(choice, layer=next((layer for layer in choice.layers if layer.path == path), choice.layer))


GOING = "_feature_maps_going"
"""The page that was asked for in the picture of the whole network, until it is gone to."""


def open_at(path: str, channel: int | None) -> None:
    """Look at a layer, and at one of its channels, when the page is next drawn."""
    LAYER.put(path)
    CHANNEL.put(channel)
    PAGE.put(1)
    state.put(_SEEN, None)


def open_channel(channel: int | None) -> None:
    """A map of the grid was clicked."""
    CHANNEL.put(channel)


_SEEN = "_feature_maps_seen"
_BY_ITSELF = "_feature_maps_by_itself"
_TURN = "_feature_maps_turn"


def _forget_another_layers_channel(key: str, path: str) -> None:
    """Channel and page belong to a layer: with another layer they start anew."""
    seen = state.get(_SEEN)
    if seen is not None and seen != (key, path):
        CHANNEL.put(None)
        PAGE.put(1)
        if seen[0] != key:
            OPENED.put(())
            PINNED.put(())
    state.put(_SEEN, (key, path))
