"""The Feature maps page's choices as a registry, and the sidebar they are drawn in."""

from dataclasses import dataclass

import streamlit as st

from explorer import overview
from explorer.maps import SCALES, SORTS
from explorer.models import Classifier, LayerSummary
from explorer.ui import cache, frame, networks, pickers, state
from explorer.ui.controls import OptionalWhole, Select, Slider, Switch, Whole
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

CONTROLS = (IMAGE, NETWORK, LAYER, CHANNEL, SCALE, SORT, PAGE, COMPARE, OPACITY, SMOOTH, EXCITING, TABS)


@dataclass(frozen=True)
class Choice:
    """What is looked at.

    Attributes:
        chosen: the picture.
        classifier: the network.
        layers: all of its layers.
        layer: the one that is looked at.
        notes: what had to be done otherwise than asked.
    """

    chosen: Chosen
    classifier: Classifier
    layers: tuple[LayerSummary, ...]
    layer: LayerSummary
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
        stages = overview.stages(layers)
        picked = networks.pick_layer(LAYER, layers, (stages[0] if stages else layers[-1]).path)
        if linked:
            state.put(_SEEN, None)
        _forget_another_layers_channel(classifier.key, picked.layer.path)
        SCALE.draw()
        SORT.draw()
    notes = () if picked.note is None else (picked.note,)
    return Choice(chosen, classifier, layers, picked.layer, notes)


def open_place(place: tuple[str, int] | None) -> None:
    """A map or a column of the strip was clicked: look at that layer, and at that channel."""
    if place is None:
        return
    path, channel = place
    LAYER.put(path)
    CHANNEL.put(channel if channel >= 0 else None)
    PAGE.put(1)
    state.put(_SEEN, None)


def open_channel(channel: int | None) -> None:
    """A map of the grid was clicked."""
    CHANNEL.put(channel)


_SEEN = "_feature_maps_seen"


def _forget_another_layers_channel(key: str, path: str) -> None:
    """Channel and page belong to a layer: with another layer they start anew."""
    seen = state.get(_SEEN)
    if seen is not None and seen != (key, path):
        CHANNEL.put(None)
        PAGE.put(1)
    state.put(_SEEN, (key, path))
