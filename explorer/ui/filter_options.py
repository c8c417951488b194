"""The Filters page's choices as a registry, and the sidebar they are drawn in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import overview
from explorer.ascent import DREAMING, INVERTING, OPTIONS, PRESETS, Recipe, natural_size, reads_one_size
from explorer.errors import LayerError
from explorer.models import Classifier, LayerSummary
from explorer.models.graph import visits, without_relu
from explorer.settings import MAX_ASCENT_PICTURES, MAX_ASCENT_SIDE
from explorer.ui import cache, filter_weights, frame, networks, pickers, state
from explorer.ui.controls import Control, Select, Slider, Switch, Whole, of_option
from explorer.ui.pickers import Chosen
from explorer.ui.texts import plain

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
RANDOM, ACTIVE = "random", "active"
SIXTEEN = 16
"""Channels of *random* and *active*, and the most on a fresh page."""
PATTERN_SIDE, DREAM_SIDE = 128, 224
"""Height and width, in pixels, where the person chooses none and the network takes any."""
INVERTED = 6
"""Depths at which a picture is inverted."""


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


class SizeChoice(Whole):
    """A side in pixels; nothing for one that suits the network."""

    def allows(self, value: Any) -> bool:
        """Nothing, or a number in the range."""
        return value is None or super().allows(value)

    def widget(self, **options: Any) -> None:
        """A number field that can be emptied again."""
        st.number_input(min_value=self.low, max_value=self.high, step=1, value=None, **options)


class PatternChoice(Whole):
    """The place of a grown picture; nothing for the first."""

    def allows(self, value: Any) -> bool:
        """Nothing, or a place."""
        return value is None or super().allows(value)


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
PRESET = Select(
    key=f"{PAGE}.preset",
    label="Preset",
    default="lucid",
    options={name: preset.title for name, preset in PRESETS.items()},
)
SIZE = SizeChoice(key=f"{PAGE}.size", label="Size, pixels", low=1, high=MAX_ASCENT_SIDE, help="Height and width.")
SEED = Whole(key=f"{PAGE}.seed", label="Seed", default=0, low=0, high=9999, help="The same seed, the same pictures.")
LEAST = Switch(key=f"{PAGE}.least", label="What it likes least", default=False, help="Down the gradient instead of up.")
COUNT = Whole(key=f"{PAGE}.count", label="Answers", default=4, low=2, high=9)
DIVERSITY = Slider(
    key=f"{PAGE}.diversity", label="Apart", default=0.6, low=0.0, high=3.0, step=0.1, help="Weight of being different."
)
PARTS: Mapping[str, Control] = {name: _part(name) for name in OPTIONS}
STEPS = PARTS["steps"]
PATTERN = PatternChoice(key=f"{PAGE}.pattern", label="Pattern", low=0, high=MAX_ASCENT_PICTURES)


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
)
TABS = frame.tabs(PAGE, {"check": "Check", "weights": "Weights", "compare": "Before training", "atlas": "Atlas"})

CONTROLS: tuple[Control, ...] = (
    *(
        IMAGE,
        NETWORK,
        MODE,
        LAYER,
        CHANNELS,
        DREAMED,
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
        return is_class_layer(self.classifier, self.layers, self.layer)

    def named(self, channel: int) -> str:
        """A channel's name: of the last layer, its class."""
        names = self.classifier.class_names
        if self.layer.path == self.classifier.output_path and self.layer.output_shape == (1,):
            return f"{channel} · {names[1 if self.direction > 0 else 0]}"
        return f"{channel} · {names[channel]}" if self.is_class_layer else f"channel {channel}"


def is_class_layer(classifier: Classifier, layers: Sequence[LayerSummary], layer: LayerSummary) -> bool:
    """Whether a layer's channels are the network's classes: the last layer, or the one before its activation."""
    ends = layers[-1:] if layers[-1].parameters else layers[-2:]
    return layer in ends and layer.output_shape == (len(classifier.class_names),)


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
            _draw_channels(classifier, layers, layer, chosen)
        if mode == DREAM:
            DREAMED.draw(placeholder="all of them")
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
    channels = _channels(mode, classifier, layer, chosen)
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


def _draw_channels(classifier: Classifier, layers: Sequence[LayerSummary], layer: LayerSummary, chosen: Chosen) -> None:
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


def _channels(mode: str, classifier: Classifier, layer: LayerSummary, chosen: Chosen) -> tuple[int, ...]:
    """The channels that the field names; of a dream, nothing stands for all of them.

    Raises:
        LayerError: it names none.
    """
    width = width_of(layer)
    if mode == INVERT:
        return ()
    if mode == DREAM:
        written = DREAMED.current().strip()
        return numbers(written, width) if written else ()
    written = CHANNELS.current().strip()
    if written == RANDOM:
        drawn = np.random.default_rng(SEED.current()).choice(width, min(width, SIXTEEN), replace=False)
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
    CHANNELS.put(", ".join(map(str, channels)))
    LEAST.put(False)
    PATTERN.put(None)


GROW_NOW = "_filters_grow_now"
"""True in the run after *Grow*, or after a click that grows."""


def grow_now() -> None:
    """Let the next run grow."""
    state.put(GROW_NOW, True)
