"""The Filters page's choices as a registry, and the sidebar they are drawn in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import overview
from explorer.ascent import DREAMING, INVERTING, OPTIONS, PRESETS, Recipe, natural_size, reads_one_size
from explorer.models import Classifier, LayerSummary
from explorer.models.graph import visits, without_relu
from explorer.settings import MAX_ASCENT_PICTURES, MAX_ASCENT_SIDE
from explorer.ui import cache, filter_channels, filter_weights, frame, networks, pickers, state
from explorer.ui.controls import Control, OptionalWhole, Select, Slider, Switch, Whole, of_option
from explorer.ui.pickers import Chosen

PAGE = "filters"
PATTERNS, ANSWERS, DREAM, INVERT = "patterns", "answers", "dream", "invert"
MODES = {
    PATTERNS: "Patterns",
    ANSWERS: "Several answers",
    DREAM: "Dream",
    INVERT: "Invert",
}
MODE_SENTENCES = {
    PATTERNS: "One picture for each channel, grown until the channel answers as strongly as it can.",
    ANSWERS: "One channel, several pictures that are kept apart: what else does it answer to?",
    DREAM: "Your picture, changed so that the layer sees more of what it already sees in it.",
    INVERT: "Pictures grown from noise until a layer takes them for yours: what is still known at each depth.",
}
PATTERN_SIDE, DREAM_SIDE = 128, 224
"""Height and width, in pixels, where the person chooses none and the network takes any."""
INVERTED = 6
"""Depths at which a picture is inverted."""


class _OfRecipe:
    """A part of a recipe: on a fresh page as the preset has it."""

    key: str

    def initial(self) -> Any:
        """The preset's value."""
        value = getattr(preset_recipe(), self.key.removeprefix(f"{PAGE}."))
        return float(value) if isinstance(self, Slider) else value


class _RecipeSelect(_OfRecipe, Select):
    pass


class _RecipeSwitch(_OfRecipe, Switch):
    pass


class _RecipeWhole(_OfRecipe, Whole):
    pass


class _RecipeSlider(_OfRecipe, Slider):
    pass


_OF_RECIPE: Mapping[type[Control], type[Any]] = {
    Select: _RecipeSelect,
    Switch: _RecipeSwitch,
    Whole: _RecipeWhole,
    Slider: _RecipeSlider,
}


def _part(name: str) -> Control:
    """The widget of a recipe's part."""
    control = of_option(f"{PAGE}.{name}", OPTIONS[name])
    made: Control = _OF_RECIPE[type(control)](**{one.name: getattr(control, one.name) for one in fields(control)})
    return made


IMAGE = pickers.image_control(PAGE)
NETWORK = networks.network_control(PAGE)
LAYER = networks.LayerChoice(key=f"{PAGE}.layer", label="Layer")
MODE = Select(key=f"{PAGE}.mode", label="Grow", default=PATTERNS, options=MODES, look="segments")
PRESET = Select(
    key=f"{PAGE}.preset",
    label="Preset",
    default="lucid",
    options={name: preset.title for name, preset in PRESETS.items()},
)
SIZE = OptionalWhole(key=f"{PAGE}.size", label="Size, pixels", low=1, high=MAX_ASCENT_SIDE, help="Height and width.")
SEED = Whole(key=f"{PAGE}.seed", label="Seed", default=0, low=0, high=9999, help="The same seed, the same pictures.")
LEAST = Switch(key=f"{PAGE}.least", label="What it likes least", default=False, help="Down the gradient instead of up.")
COUNT = Whole(key=f"{PAGE}.count", label="Answers", default=4, low=2, high=9)
DIVERSITY = Slider(
    key=f"{PAGE}.diversity", label="Apart", default=0.6, low=0.0, high=3.0, step=0.1, help="Weight of being different."
)
PARTS: Mapping[str, Control] = {name: _part(name) for name in OPTIONS}
STEPS = PARTS["steps"]
PATTERN = OptionalWhole(key=f"{PAGE}.pattern", label="Pattern", low=0, high=MAX_ASCENT_PICTURES)


class AgainstChoice(networks.NetworkChoice):
    """The same network untrained, or another one of the same build."""

    def current(self) -> Any:
        """As any other choice: this one does not follow the person."""
        return Control.current(self)

    def put(self, value: Any) -> None:
        """As any other choice."""
        Control.put(self, value)

    def draw(self, **options: Any) -> Any:
        """As any other choice."""
        return Control.draw(self, **options)


UNTRAINED = "untrained"
AGAINST = AgainstChoice(
    key=f"{PAGE}.against",
    label="Beside",
    default=UNTRAINED,
    options={UNTRAINED: "the same network, untrained", **NETWORK.options},
    needs=NETWORK.needs,
)
TABS = frame.tabs(PAGE, {"check": "Check", "weights": "Weights", "compare": "Before training", "atlas": "Atlas"})

CONTROLS: tuple[Control, ...] = (
    *(
        IMAGE,
        NETWORK,
        MODE,
        LAYER,
        *filter_channels.CONTROLS,
        PRESET,
        SIZE,
        SEED,
        LEAST,
        COUNT,
        DIVERSITY,
        PATTERN,
        AGAINST,
        TABS,
    ),
    *filter_weights.CONTROLS,
    *PARTS.values(),
)

GROUPS: Mapping[str, Sequence[str]] = {
    "What is climbed": ("objective", "rule", "step_size", "decay"),
    "Where it starts": ("start", "grey", "noise", "parameterisation", "decorrelate"),
    "Moved before each step": ("jitter", "rotation", "scale"),
    "Kept smooth": ("total_variation", "l2", "blur", "blur_every"),
    "Sizes and what is shown": ("octaves", "octave_scale", "clip", "contrast"),
}
"""The parts of a recipe beyond its steps, as the sidebar has them."""


@dataclass(frozen=True)
class Asked:
    """What is to be grown.

    Attributes:
        chosen: the picture, which some starts, dreams and inversions need.
        classifier: the network.
        layers: all of its layers.
        layer: the one that is followed.
        mode: one of ``MODES``.
        channels: of the layer; of *several answers* one, of a dream none where all of them count.
        recipe: how to climb.
        size: height and width in pixels.
        seed: of everything random.
        direction: 1, or −1 for what is liked least.
        count, diversity: of *several answers*.
        notes: what had to be done otherwise than asked.
    """

    chosen: Chosen
    classifier: Classifier
    layers: tuple[LayerSummary, ...]
    layer: LayerSummary
    mode: str
    channels: tuple[int, ...]
    recipe: Recipe
    size: tuple[int, int]
    seed: int
    direction: int
    count: int
    diversity: float
    notes: tuple[str, ...]

    @property
    def key(self) -> tuple[Any, ...]:
        """Everything that the grown pictures depend on."""
        uses_picture = self.mode in (DREAM, INVERT) or self.recipe.start == "picture"
        return (
            *("growth", self.classifier.key, self.layer.path, self.mode, self.channels, self.recipe, self.size),
            *(self.seed, self.direction, self.count, self.diversity, self.chosen.sha if uses_picture else ""),
        )

    @property
    def fitted(self) -> NDArray[np.uint8]:
        """The picture as the network reads it, uint8 (H, W, C)."""
        chosen = self.chosen
        return cache.fitted(self.classifier.key, chosen.sha, self.classifier, chosen.picture.pixels)[0]

    @property
    def below_relu(self) -> bool:
        """Whether the score is taken before a ReLU of the layer's own."""
        layer = next(visit.layer for visit in visits(self.classifier.model) if visit.path == self.layer.path)
        return self.direction < 0 and without_relu(layer) is not None

    @property
    def climbs_logits(self) -> bool:
        """Whether the score is a logit of the network."""
        is_one_unit = self.layer.path == self.classifier.output_path and self.layer.output_shape == (1,)
        return self.recipe.objective != "dream" and (self.is_class_layer or is_one_unit)

    @property
    def is_class_layer(self) -> bool:
        """Whether the layer's channels are the network's classes."""
        return filter_channels.is_class_layer(self.classifier, self.layers, self.layer)

    def named(self, channel: int) -> str:
        """A channel's name: of the last layer, its class."""
        names = self.classifier.class_names
        if self.layer.path == self.classifier.output_path and self.layer.output_shape == (1,):
            return f"{channel} · {names[1 if self.direction > 0 else 0]}"
        return f"{channel} · {names[channel]}" if self.is_class_layer else f"channel {channel}"


def preset_recipe() -> Recipe:
    """The recipe that the parts start from."""
    mode = MODE.current()
    if mode == DREAM:
        return DREAMING
    return INVERTING if mode == INVERT else PRESETS[PRESET.current()].recipe


def fresh_parts() -> None:
    """Another preset or mode: its own parts take the place of what was set."""
    for control in PARTS.values():
        control.put(control.initial())


def choose() -> Asked:
    """Draw the sidebar.

    Raises:
        ModelError: the network cannot be had.
        LayerError: the channels are none of the layer's.
    """
    notes: list[str] = []
    with st.sidebar:
        chosen = pickers.pick_image(PAGE, IMAGE)
        classifier = networks.pick_network(PAGE, NETWORK)
        layers = cache.layers(classifier.key, classifier)
        mode = MODE.current()
        stages = overview.stages(layers)
        default = stages[min(3, len(stages) - 1)] if stages else layers[-1]
        picked = networks.pick_layer(LAYER, layers, default.path)
        if picked.note:
            notes.append(picked.note)
        layer = picked.layer
        if mode in (PATTERNS, ANSWERS):
            filter_channels.draw(classifier, layers, layer, chosen)
        if mode == DREAM:
            filter_channels.DREAMED.draw(placeholder="all of them")
        if mode == ANSWERS:
            with st.container(horizontal=True):
                COUNT.draw(width=120)
                DIVERSITY.draw(width="stretch")
        if mode in (PATTERNS, ANSWERS):
            preset = PRESET.draw(on_change=fresh_parts)
            st.caption(PRESETS[preset].sentence)
        with st.container(horizontal=True):
            STEPS.draw(width=130)
            natural = natural_size(classifier, layer.path, DREAM_SIDE if mode == DREAM else PATTERN_SIDE)
            SIZE.draw(width=130, placeholder=_sides(natural))
        _draw_parts()
    side = SIZE.current()
    channels: tuple[int, ...] = ()
    if mode == DREAM:
        channels = filter_channels.dreamed(layer)
    elif mode != INVERT:
        channels = filter_channels.asked_for(classifier, layer, chosen, SEED.current())
    return Asked(
        chosen=chosen,
        classifier=classifier,
        layers=layers,
        layer=layer,
        mode=mode,
        channels=channels[:1] if mode == ANSWERS else channels,
        recipe=_recipe(classifier, layer, notes),
        size=natural if side is None else (side, side),
        seed=SEED.current(),
        direction=-1 if LEAST.current() and mode in (PATTERNS, ANSWERS) else 1,
        count=COUNT.current() if mode == ANSWERS else 0,
        diversity=DIVERSITY.current() if mode == ANSWERS else 0.0,
        notes=tuple(notes),
    )


def _sides(size: tuple[int, int]) -> str:
    return str(size[0]) if size[0] == size[1] else f"{size[0]} × {size[1]}"


def _recipe(classifier: Classifier, layer: LayerSummary, notes: list[str]) -> Recipe:
    """The parts as they are set; octaves only where the layer can be reached with pictures of other sizes."""
    recipe = Recipe(**{name: control.current() for name, control in PARTS.items()})
    if recipe.octaves > 1 and reads_one_size(classifier, layer.path):
        notes.append("This layer is reached by pictures of one size only, so there is one octave.")
        return recipe.but(octaves=1)
    return recipe


def _draw_parts() -> None:
    """Every other part, behind a button."""
    with st.popover("Every part of the climb", icon=":material/tune:", width="stretch"):
        for title, names in GROUPS.items():
            st.markdown(f"**{title}**")
            for name in names:
                PARTS[name].draw()
        st.markdown("**Chance and direction**")
        SEED.draw()
        LEAST.draw()
        st.button("As the preset has it", key=f"{PAGE}.fresh", on_click=fresh_parts, icon=":material/restart_alt:")


def pick_pattern(place: int | None) -> None:
    """A grown picture was clicked."""
    PATTERN.put(place)


def open_at(path: str, channels: Sequence[int], *, preset: str = "lucid", seed: int = 0) -> None:
    """Set the page to some channels of a layer, from elsewhere."""
    SEED.put(seed)
    SIZE.put(None)
    LEAST.put(False)
    MODE.put(PATTERNS)
    PRESET.put(preset)
    fresh_parts()
    LAYER.put(path)
    filter_channels.CHANNELS.put(", ".join(map(str, channels)))
    PATTERN.put(None)


GROW_NOW = "_filters_grow_now"
"""True in the run after *Grow*, or after a click that grows."""


def grow_now() -> None:
    """Let the next run grow."""
    state.put(GROW_NOW, True)
