"""The Augmentation page's choices as a registry, and the sidebar they are drawn in.

A preset is what every parameter starts from: a link names it, and the parameters that differ from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import streamlit as st

from explorer.augmentation import FAMILIES, PRESETS, SWEEPS, TRANSFORMS, Augmentation
from explorer.augmentation.registry import BATCH, CHAINS, CONSTANT, GEOMETRY, SUPPLEMENTS
from explorer.datasets import BUILTIN, SPLITS
from explorer.options import Interval, Number
from explorer.ui import frame, pickers, state, trained
from explorer.ui.controls import Control, Select, SelectPresent, Slider, Switch, Whole, of_option
from explorer.ui.texts import plain

PAGE = "augmentation"
LETTERS = "letters"
VERSIONS = 16
"""Versions on the first screen."""
PICTURE, DATASET_SOURCE = "picture", "dataset"
OPENED = "opened"
"""What a link says for the dataset that is open on the Datasets page."""


class PresetChoice(Select):
    """A policy by name. When another is chosen, every parameter starts from it anew."""

    def put(self, value: Any) -> None:
        """Choose it; the parameters are not touched."""
        super().put(value)
        state.take(self.key, value)

    def settle(self) -> str:
        """The preset; where the person has just chosen another one, its parameters take the place of the old ones."""
        now = self.current()
        if state.taken(self.key) not in (None, now):
            for control in PARAMETERS.values():
                control.put(control.initial())
        state.take(self.key, now)
        return str(now)


PRESET = PresetChoice(
    key=f"{PAGE}.preset",
    label="Policy",
    default="chollet",
    options={name: preset.title for name, preset in PRESETS.items()},
    help="What is changed and how far at most. The sliders start from here.",
)


def _start(name: str) -> Any:
    """What the chosen preset says of a parameter."""
    value = getattr(PRESETS[PRESET.current()].policy, name)
    option = TRANSFORMS[name].option
    if isinstance(option, Interval):
        return value or option.default
    return float(value) if isinstance(option, Number) and not option.whole else value


def _parameter(name: str) -> Control:
    """A parameter's control, which starts from the chosen preset."""
    control = of_option(f"{PAGE}.{name}", TRANSFORMS[name].option)
    kind = type(control)
    started = type(f"Preset{kind.__name__}", (kind,), {"initial": lambda _: _start(name)})
    return started(**{field.name: getattr(control, field.name) for field in fields(control)})  # type: ignore[no-any-return]


PARAMETERS: Mapping[str, Control] = {name: _parameter(name) for name in TRANSFORMS}

IMAGE = pickers.image_control(PAGE)
SOURCE = Select(
    key=f"{PAGE}.source",
    label="Change",
    default=PICTURE,
    options={PICTURE: "One picture", DATASET_SOURCE: "A dataset's"},
    look="segments",
)
HERE = {name: entry.title for name, entry in BUILTIN.items() if entry.here}


class NetworkName(Control):
    """The network that is asked. Its picker checks the name, in its own tab, where TensorFlow is there."""

    def allows(self, value: Any) -> bool:
        """A text that could be a name."""
        return isinstance(value, str) and 0 < len(value) <= 60 and value.isprintable()

    def allowed(self) -> str:
        """What it is."""
        return "it is the name of a network"

    def read(self, text: str) -> str:
        """Itself."""
        return text

    def current(self) -> Any:
        """The network chosen here or on another page."""
        pressed, chosen = st.session_state.get(self.key), state.get(state.NETWORK)
        if self.allows(pressed) and pressed != state.taken(self.key):
            return pressed
        return chosen if self.allows(chosen) else self.initial()

    def put(self, value: Any) -> None:
        """Remember it; its picker makes it the network of every page, if there is one of that name."""
        st.session_state[self.key] = value


class HelpRuns(Control):
    """The runs that ask whether augmentation helps, without it and with it: a link to them finds them again."""

    def allows(self, value: Any) -> bool:
        """Nothing, or one or two of the visitor's runs."""
        return value is None or (
            isinstance(value, tuple) and 0 < len(value) <= 2 and all(trained.exists(name) for name in value)
        )

    def allowed(self) -> str:
        """Why they may be missing."""
        return "they are no runs of yours, or were deleted"

    def read(self, text: str) -> tuple[str, ...]:
        """Names with a comma between them."""
        return tuple(text.split(",", 2))

    def text(self, value: Any) -> str:
        """Names with a comma between them."""
        return ",".join(value)


NEEDS = {OPENED: state.DATASET}
"""A bundled dataset is always here, the one of the Datasets page where one is open."""
DATASET = SelectPresent(
    key=f"{PAGE}.dataset_name",  # the picker's own list of datasets has the shorter one
    label="Dataset",
    default="shapes",
    options={**HERE, OPENED: "the one open on the Datasets page"},
    needs=NEEDS,
)
SPLIT = Select(
    key=f"{PAGE}.split",
    label="Split",
    default="train",
    options={name: name.capitalize() for name in SPLITS},
    look="segments",
    help="Only train is ever changed in training.",
)
SEED = Whole(key=f"{PAGE}.seed", label="Seed", default=0, low=0, high=9999, help="The same seed draws the same.")
VERSION = Whole(key=f"{PAGE}.version", label="Version", default=1, low=1, high=VERSIONS)
OVERLAY = Slider(key=f"{PAGE}.overlay", label="Original → version", default=0.5, low=0.0, high=1.0, step=0.05)
SWEEP = Select(
    key=f"{PAGE}.sweep",
    label="Walk through",
    default="rotation_range",
    options={name: TRANSFORMS[name].option.label.removesuffix(" °") for name in SWEEPS},
)
NETWORK = NetworkName(key=f"{PAGE}.model", label="Network", default="EfficientNetLite0")
CAMS = Switch(key=f"{PAGE}.cams", label="Where it looks (Grad-CAM)", default=True)
LABELS_ON = SelectPresent(
    key=f"{PAGE}.labels_on",
    label="Ask",
    default="mnist-small",
    options={LETTERS: "letters and digits, printed", **HERE, OPENED: "the open dataset"},
    needs=NEEDS,
    look="segments",
)
COUNT = Whole(key=f"{PAGE}.count", label="Versions in the zip", default=64, low=1, high=500)

HELP_DATASET = Select(key=f"{PAGE}.help_dataset", label="On", default="mnist-small", options=HERE)
HELP_PICTURES = Whole(key=f"{PAGE}.help_pictures", label="Pictures", default=200, low=32, high=2000)
HELP_EPOCHS = Whole(key=f"{PAGE}.help_epochs", label="Epochs", default=30, low=2, high=60)
HELP_RUNS = HelpRuns(key=f"{PAGE}.help_runs", label="Does it help?")

TABS = frame.tabs(
    PAGE,
    {
        "one": "One version",
        "sweep": "End to end",
        "fill": "Fill modes",
        "consequence": "Consequence",
        "labels": "Do labels survive?",
        "help": "Does it help?",
    },
)

CONTROLS: tuple[Control, ...] = (
    *(PRESET, IMAGE, SOURCE, DATASET, SPLIT),
    *PARAMETERS.values(),
    *(SEED, VERSION, OVERLAY, SWEEP, NETWORK, CAMS, LABELS_ON, COUNT),
    *(HELP_DATASET, HELP_PICTURES, HELP_EPOCHS, HELP_RUNS, TABS),
)

FIRST = (
    ("rotation_range", "shear_range"),
    ("width_shift_range", "height_shift_range"),
    ("zoom_range", "crop_range"),
    ("horizontal_flip", "vertical_flip"),
    ("fill_mode", "cval"),
)
"""Parameters that are always in sight, in pairs."""
ABOUT = {CHAINS: "RandAugment and AugMix: several changes, drawn from a list.", BATCH: "MixUp and CutMix."}
"""What is behind a family's button, where its name does not say."""


@dataclass(frozen=True)
class Asked:
    """What is asked for on the page.

    Attributes:
        source: one picture, or a dataset's.
        chosen: the picture; of a dataset it is not looked at.
        dataset: key of ``BUILTIN``, or :data:`OPENED`.
        split: of the dataset.
        policy: the changes.
        seed: of the whole.
    """

    source: str
    chosen: pickers.Chosen
    dataset: str
    split: str
    policy: Augmentation
    seed: int


def choose() -> Asked:
    """Draw the sidebar."""
    preset = PRESET.settle()
    with st.sidebar:
        source = SOURCE.draw(label_visibility="collapsed")
        if source == DATASET_SOURCE:
            dataset, split = DATASET.draw(), SPLIT.draw()
            chosen = pickers.take_image(PAGE, IMAGE)
        else:
            dataset, split = DATASET.current(), SPLIT.current()
            chosen = pickers.pick_image(PAGE, IMAGE)
        PRESET.draw()
        _say_preset(preset)
        values = _draw_first()
        values |= _draw_families(mixes=source == DATASET_SOURCE)
    return Asked(source, chosen, dataset, split, _policy(preset, values), SEED.current())


def _say_preset(preset: str) -> None:
    """Where the policy is from, and what is different by now."""
    changed = [name for name, control in PARAMETERS.items() if control.current() != control.initial()]
    if not changed:
        st.caption(plain(PRESETS[preset].note))
        return
    names = ", ".join(TRANSFORMS[name].option.label.removesuffix(" °") for name in changed[:4])
    more = f" and {len(changed) - 4} more" if len(changed) > 4 else ""
    st.button(
        f"Changed: {plain(names)}{more}. Back to it",
        key=f"{PAGE}.back",
        icon=":material/undo:",
        type="tertiary",
        on_click=back_to_preset,
    )


def back_to_preset() -> None:
    """Every parameter as the preset has it."""
    for control in PARAMETERS.values():
        control.put(control.initial())


def _draw_first() -> dict[str, Any]:
    """The geometric parameters, two in a row."""
    values: dict[str, Any] = {}
    for pair in FIRST:
        for column, name in zip(st.columns(2, gap="small"), pair, strict=True):
            with column:
                off = name == "cval" and PARAMETERS["fill_mode"].current() != CONSTANT
                values[name] = PARAMETERS[name].draw(disabled=off)
    return values


def _draw_families(*, mixes: bool) -> dict[str, Any]:
    """The other parameters, each family behind a button that says how many of it are in use."""
    values: dict[str, Any] = {}
    families = [family for family in FAMILIES if family != GEOMETRY]
    for pair in (families[:2], families[2:]):
        for column, family in zip(st.columns(2), pair, strict=True):
            names = [name for name, entry in TRANSFORMS.items() if entry.family == family]
            used = sum(PARAMETERS[name].current() != TRANSFORMS[name].option.default for name in names)
            label = f"{FAMILIES[family]} · {used}" if used else FAMILIES[family]
            with column, st.popover(label, help=ABOUT.get(family), width="stretch"):
                if family == BATCH and not mixes:
                    st.caption("These blend the pictures of a batch: choose a dataset's pictures first.")
                for name in names:
                    about = SUPPLEMENTS.get(name)
                    rest = about is not None and PARAMETERS[about].current() == TRANSFORMS[about].option.default
                    values[name] = PARAMETERS[name].draw(disabled=rest or (family == BATCH and not mixes))
    return values


def _policy(preset: str, values: Mapping[str, Any]) -> Augmentation:
    """The policy that the widgets say."""
    brightness = values["brightness_range"]
    return Augmentation(
        **{
            **values,
            "brightness_range": None if brightness == (1.0, 1.0) else brightness,
            "rescale": PRESETS[preset].policy.rescale,
        }
    )


def current_policy() -> Augmentation:
    """The policy that the page was left with, for other pages."""
    return _policy(PRESET.current(), {name: control.current() for name, control in PARAMETERS.items()})


def again() -> None:
    """Draw anew."""
    SEED.put((SEED.current() + 1) % (SEED.high + 1))


def open_labels(asked: Asked) -> None:
    """Open that tab with pictures that the policy is likely to harm, or with the chosen dataset's."""
    TABS.put("labels")
    if asked.source == DATASET_SOURCE:
        LABELS_ON.put(asked.dataset)
    elif asked.policy.horizontal_flip or asked.policy.vertical_flip:
        LABELS_ON.put(LETTERS)
    else:
        LABELS_ON.put("mnist-small")


def leave_labels() -> None:
    """*Stop* was pressed."""
    TABS.put(frame.SEEING)


def pick(place: int) -> None:
    """A version was picked."""
    VERSION.put(place + 1)


def put(policy: Augmentation, preset: str = "none") -> None:
    """Set every parameter to a policy's, for an experiment."""
    PRESET.put(preset)
    for name, control in PARAMETERS.items():
        value = getattr(policy, name)
        control.put(TRANSFORMS[name].option.default if value is None else value)
