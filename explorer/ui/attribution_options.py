"""The Grad-CAM page's choices as a registry, and the sidebar they are drawn in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from explorer.attribution import METHODS, Method, Target, default_layer, spatial_layers
from explorer.errors import LayerError
from explorer.maps import COLOURS
from explorer.models import Classifier, LayerSummary
from explorer.options import Value
from explorer.settings import MAX_CLASSES
from explorer.ui import cache, frame, networks, pickers, state
from explorer.ui.controls import Control, Select, Slider, Switch, of_option
from explorer.ui.pickers import Chosen
from explorer.ui.texts import plain

PAGE = "grad_cam"
Top = Sequence[tuple[int, str, float]]
"""The likeliest classes: index, name, probability."""


class ClassChoice(Control):
    """A class by its index; none stands for the likeliest. Which ones there are depends on the network."""

    def allows(self, value: Any) -> bool:
        """Nothing, or an index."""
        return value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_CLASSES)

    def allowed(self) -> str:
        """What it is."""
        return "it is the number of a class, from 0"

    def read(self, text: str) -> int:
        """Plain digits."""
        if not (text.isascii() and text.isdigit() and len(text) < 7):
            raise ValueError
        return int(text)

    def draw_for(self, names: Sequence[str], top: Top, placeholder: str, note: list[str]) -> int | None:
        """The list: the likeliest first, then every class in its order. Type to search.

        Args:
            names: of the network's classes.
            top: the likeliest ones.
            placeholder: what stands there while none is chosen.
            note: takes a sentence where the asked-for class is not one of them.
        """
        if (asked := self.current()) is not None and asked >= len(names):
            note.append(f"The network has the classes 0 to {len(names) - 1}, not {asked}; {placeholder} is shown.")
            self.put(None)
        likely = {index: f"{index} · {name} · {share:.1%}" for index, name, share in top}
        order = [*likely, *(index for index in range(len(names)) if index not in likely)]
        if self.key not in st.session_state or st.session_state[self.key] != self.current():
            self.put(self.current())
        st.selectbox(
            self.label,
            order,
            index=None,
            placeholder=placeholder,
            key=self.key,
            format_func=lambda index: likely.get(index) or f"{index} · {names[index]}",
            help=self.help,
            persist_state="session",
        )
        chosen: int | None = self.current()
        return chosen


IMAGE = pickers.image_control(PAGE)
NETWORK = networks.network_control(PAGE)
METHOD = Select(
    key=f"{PAGE}.method",
    label="Method",
    default="grad-cam",
    options={name: method.title for name, method in METHODS.items()},
)
LAYER = networks.LayerChoice(key=f"{PAGE}.layer", label="Layer")
TARGET = ClassChoice(key=f"{PAGE}.target", label="Class", help="The likeliest come first. Type to search.")
QUESTIONS = {"for": "what speaks for it", "against": "what speaks against it", "versus": "why it, and not …"}
QUESTION = Select(key=f"{PAGE}.question", label="Ask", default="for", options=QUESTIONS)
VERSUS = ClassChoice(key=f"{PAGE}.versus", label="… and not")

OPACITY = Slider(key=f"{PAGE}.opacity", label="Opacity", default=0.6, low=0.0, high=1.0, step=0.05)
HEAT = Select(
    key=f"{PAGE}.colours",
    label="Colours",
    default="viridis",
    options={name: colours.name for name, colours in COLOURS.items()},
    help="  \n".join(f"{colours.name}: {colours.note}." for colours in COLOURS.values()),
)
THRESHOLD = Slider(
    key=f"{PAGE}.threshold",
    label="Threshold",
    default=0.0,
    low=0.0,
    high=0.95,
    step=0.05,
    help="Below this share of the colours' scale the picture is left as it is.",
)
OUTLINE = Switch(key=f"{PAGE}.outline", label="Outline", default=False)
BOX = Switch(key=f"{PAGE}.box", label="Box", default=False, help="Around the largest part above the threshold.")

COMPARE = Select(
    key=f"{PAGE}.compare",
    label="Compare",
    default="methods",
    options={"methods": "methods", "classes": "classes", "layers": "layers"},
    look="segments",
)
EDITS = {"cover": "cover a part", "blur": "blur it", "shift": "shift it", "mirror": "mirror it", "flip": "upside down"}
EDIT = Select(key=f"{PAGE}.edit", label="Change", default="cover", options=EDITS, look="segments")
BLUR = Slider(key=f"{PAGE}.blur", label="Blur, share of the side", default=0.02, low=0.0, high=0.1, step=0.005)
SHIFT_X = Slider(key=f"{PAGE}.shift_x", label="To the right", default=0.2, low=-0.5, high=0.5, step=0.05)
SHIFT_Y = Slider(key=f"{PAGE}.shift_y", label="Down", default=0.0, low=-0.5, high=0.5, step=0.05)
BATCH = Select(
    key=f"{PAGE}.batch",
    label="Pictures",
    default="samples",
    options={"samples": "the bundled photos", "own": "your own", "shapes": "drawn shapes"},
    look="segments",
)


OPTIONS: Mapping[str, Mapping[str, Control]] = {
    method: {
        name: of_option(f"{PAGE}.{method.replace('+', 'p').replace('-', '_')}_{name}", option)
        for name, option in entry.options.items()
    }
    for method, entry in METHODS.items()
}
TABS = frame.tabs(
    PAGE,
    {
        "compare": "Compare",
        "trust": "Can I trust it?",
        "change": "Change the picture",
        "batch": "Many pictures",
    },
)

CONTROLS: tuple[Control, ...] = (
    *(IMAGE, NETWORK, METHOD, LAYER, TARGET, QUESTION, VERSUS, OPACITY, HEAT, THRESHOLD, OUTLINE, BOX),
    *(COMPARE, EDIT, BLUR, SHIFT_X, SHIFT_Y, BATCH, TABS),
    *(control for controls in OPTIONS.values() for control in controls.values()),
)


@dataclass(frozen=True)
class Asked:
    """What is asked on the page.

    Attributes:
        chosen: the picture.
        classifier: the network.
        layers: all of its layers.
        top: the likeliest classes of the picture.
        method: key of ``METHODS``.
        layer: the layer that a class activation map looks at; None for other methods.
        target: the class, or two, with the index always given.
        options: of the method.
        notes: what had to be done otherwise than asked.
    """

    chosen: Chosen
    classifier: Classifier
    layers: tuple[LayerSummary, ...]
    top: Top
    method: str
    layer: str | None
    target: Target
    options: Mapping[str, Value]
    notes: tuple[str, ...]

    @property
    def entry(self) -> Method:
        """The method's entry."""
        return METHODS[self.method]

    @property
    def has_layers(self) -> bool:
        """Whether the network has layers with maps."""
        return bool(spatial_layers(self.classifier))

    @property
    def question(self) -> str:
        """What is asked, in words, for a page."""
        return plain(self.target.named(self.classifier.class_names))


def choose() -> Asked:
    """Draw the sidebar.

    Raises:
        ModelError: the network cannot be had.
    """
    notes: list[str] = []
    with st.sidebar:
        chosen = pickers.pick_image(PAGE, IMAGE)
        classifier = networks.pick_network(PAGE, NETWORK)
        layers = cache.layers(classifier.key, classifier)
        fitted, _ = cache.fitted(classifier.key, chosen.sha, classifier, chosen.picture.pixels)
        top = cache.top_classes(classifier.key, chosen.sha, classifier, fitted)
        target = _pick_target(classifier, top, notes)
        method = METHOD.draw()
        st.caption(METHODS[method].sentence)
        if METHODS[method].needs_layer and not spatial_layers(classifier):
            notes.append(_no_layers(classifier))
            method = WITHOUT_LAYERS
        options = _pick_options(method)
        layer = _pick_layer(classifier, layers, notes) if METHODS[method].needs_layer else None
    return Asked(chosen, classifier, layers, top, method, layer, target, options, tuple(notes))


def _pick_target(classifier: Classifier, top: Top, notes: list[str]) -> Target:
    """The class, and what is asked about it."""
    names, likeliest = classifier.class_names, top[0][0]
    index = TARGET.draw_for(names, top, f"the likeliest: {names[likeliest]}", notes)
    index = likeliest if index is None else index
    question = QUESTION.draw()
    if question != "versus":
        return Target(index, against=question == "against")
    other = next(one for one, _, _ in top if one != index)
    if VERSUS.current() == index:
        notes.append(f"A class cannot be asked about against itself; {names[other]} takes its place.")
        VERSUS.put(None)
    versus = VERSUS.draw_for(names, top, f"{names[other]}", notes)
    return Target(index, versus=other if versus is None else versus)


def _pick_options(method: str) -> dict[str, Value]:
    """The method's own options, behind a button where it has some."""
    controls = OPTIONS[method]
    if controls:
        with st.popover("Options of the method", icon=":material/tune:", width="stretch"):
            for control in controls.values():
                control.draw()
    return {name: control.current() for name, control in controls.items()}


def _pick_layer(classifier: Classifier, layers: tuple[LayerSummary, ...], notes: list[str]) -> str:
    """One of the layers with maps."""
    spatial = set(spatial_layers(classifier))
    shown = tuple(layer for layer in layers if layer.path in spatial)
    picked = networks.pick_layer(LAYER, shown, default_layer(classifier))
    if picked.note:
        notes.append(picked.note)
    return picked.layer.path


WITHOUT_LAYERS = "saliency"
"""The method for a network whose layers have no maps."""


def _no_layers(classifier: Classifier) -> str:
    """Why another method is shown than the one that was chosen."""
    try:
        default_layer(classifier)
    except LayerError as error:
        return f"{error} {METHODS[WITHOUT_LAYERS].title} is shown instead."
    return ""


def ask_about(index: int, top: Top) -> None:
    """A class was pressed. The likeliest is no choice of its own: with another picture it is another class."""
    TARGET.put(None if index == top[0][0] else index)


def back_to_the_quick_one() -> None:
    """A slow method was stopped."""
    METHOD.put("grad-cam")
    state.put(STOPPED, True)


STOPPED = "_grad_cam_stopped"
"""True in the run after a method was stopped."""


def open_at(path: str) -> None:
    """Show Grad-CAM at this layer when the page is next drawn."""
    METHOD.put("grad-cam")
    LAYER.put(path)
