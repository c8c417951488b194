"""The Training page's choices as a registry, and the sidebar they are drawn in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from explorer.augmentation import PRESETS, Augmentation
from explorer.blocks import RECIPES, Block, compact, from_compact
from explorer.datasets import BUILTIN
from explorer.errors import ModelError
from explorer.settings import MAX_BLOCKS, MAX_DATASET_SIDE
from explorer.training import OPTIONS, OWN, TrainConfig
from explorer.training.config import CONSTANT, EXPONENTIAL, PLATEAU, SCHEDULES, TIME
from explorer.ui import augmentation_options, frame, state, trained
from explorer.ui.controls import Control, OptionalWhole, Real, Select, SelectPresent, Switch, Whole, of_option
from explorer.ui.dataset_options import Asked
from explorer.ui.links import Visit

PAGE = "training"
OPENED = "opened"
"""What a link says for the dataset that is open on the Datasets page."""
NEW = ""
"""The run that has not begun yet."""
NONE, AS_PREVIEWED = "none", "page"
MAX_LINKED = 800
"""Most characters of a network's layers in a link; browsers and chats cut longer ones."""
ITS_OWN = "own"
"""Dropout as the network has it itself."""


def _option(name: str) -> Control:
    """The control of one of the configuration's options; what is typed out of range is said, and not trained."""
    control = of_option(f"{PAGE}.{name}", OPTIONS[name])
    return replace(control, bounded=False) if isinstance(control, Whole) else control


class Rate(Real):
    """A learning rate: a number field that shows small numbers as they are, and those that are not allowed too."""

    def typed_wrong(self) -> Any:
        """A number out of range."""
        typed = st.session_state.get(self.key)
        wrong = isinstance(typed, float) and math.isfinite(typed) and not self.allows(typed)
        return typed if wrong else None

    def widget(self, **options: Any) -> None:
        """A number field without needless zeros."""
        st.number_input(step=self.step, format="%g", **options)


class OwnStack(Control):
    """The visitor's own network in a link, where it is small enough; its widget is the table."""

    def allows(self, value: Any) -> bool:
        """Nothing, or a stack that a link has room for."""
        if value is None:
            return True
        if (
            not isinstance(value, tuple)
            or len(value) > MAX_BLOCKS
            or not all(isinstance(each, Block) for each in value)
        ):
            return False
        try:
            return len(compact(value)) <= MAX_LINKED and from_compact(compact(value)) == value
        except ModelError:  # a rate with too many digits
            return False

    def allowed(self) -> str:
        """How it is written."""
        return f"it is layers such as {compact(RECIPES[RECIPE.default].blocks[:2])}, at most {MAX_LINKED} characters"

    def read(self, text: str) -> tuple[Block, ...]:
        """As :func:`explorer.blocks.compact` writes it."""
        if len(text) > MAX_LINKED:
            raise ValueError
        try:
            return from_compact(text)
        except ModelError:
            raise ValueError from None

    def text(self, value: Any) -> str:
        """Short, and nothing in it that a link has to escape."""
        return compact(value)

    def current(self) -> Any:
        """The stack, while it is the chosen network."""
        stack = own_stack() if RECIPE.current() == OWN else None
        return stack if self.allows(stack) else None

    def put(self, value: Any) -> None:
        """Let the table begin with it; nothing leaves the table as it is."""
        if value is not None:
            put_stack(value)
            state.put(state.STACK_BASE, None)


class RunChoice(Select):
    """One of the visitor's runs, or the one that has not begun yet."""

    def allows(self, value: Any) -> bool:
        """The name of a run that is there."""
        return value == NEW or trained.exists(value)

    def allowed(self) -> str:
        """Why a link's run may be missing."""
        return "it is no run of yours, or one that was deleted"

    def current(self) -> Any:
        """The chosen run; one that was renamed just now is still the chosen one."""
        chosen = st.session_state.get(self.key)
        if chosen is not None and not self.allows(chosen):
            chosen = state.get(state.SHOWN_RUN)
        return chosen if chosen is not None and self.allows(chosen) else NEW

    def put(self, value: Any) -> None:
        """Choose it."""
        super().put(value)
        state.put(state.SHOWN_RUN, value)

    def draw(self, **options: Any) -> Any:
        """A list of all of them, by their names."""
        state.put(state.SHOWN_RUN, self.current())
        return super().draw(**options)

    def widget(self, **options: Any) -> None:
        """A list; its names are read once for all of them."""
        names = {NEW: "a new run", **trained.labels()}
        st.selectbox(options=list(names), format_func=lambda name: names.get(name, str(name)), **options)


HERE_FIRST = sorted(BUILTIN, key=lambda name: not BUILTIN[name].here)
TITLES = {name: BUILTIN[name].title + (" · bundled" if BUILTIN[name].here else "") for name in HERE_FIRST}
DATASET = SelectPresent(
    key=f"{PAGE}.dataset",
    label="Dataset",
    default="fashion-mnist-small",
    options={**TITLES, OPENED: "the one open on the Datasets page"},
    needs={OPENED: state.DATASET},
    help="Your own pictures: open them on the Datasets page first.",
)
RECIPE = Select(
    key=f"{PAGE}.recipe",
    label="Network",
    default="convnet-32-64-64",
    options={**{name: recipe.title for name, recipe in RECIPES.items()}, OWN: "build your own"},
)
STACK = OwnStack(key=f"{PAGE}.stack", label="Layers")
EPOCHS = _option("epochs")
BATCH_SIZE = _option("batch_size")
OPTIMIZER = _option("optimizer")
LEARNING_RATE = Rate(
    key=f"{PAGE}.learning_rate",
    label=OPTIONS["learning_rate"].label,
    default=0.001,
    low=1e-7,
    high=100.0,
    step=0.0005,
    help=OPTIONS["learning_rate"].help,
)
SCHEDULE = _option("schedule")
EARLY_STOPPING = _option("early_stopping")
SEED = _option("seed")
AUGMENTATION = Select(
    key=f"{PAGE}.augmentation",
    label="Augmentation",
    default=NONE,
    options={
        NONE: "none",
        AS_PREVIEWED: "as on the Augmentation page",
        **{name: preset.title for name, preset in PRESETS.items() if name != NONE},
    },
    help="Random changes to the pictures to learn from, drawn anew in each epoch.",
)
DROPOUT = Select(
    key=f"{PAGE}.dropout",
    label="Dropout",
    default=ITS_OWN,
    options={ITS_OWN: "the network's own", "0": "none", **{f"0.{tenth}": f"{tenth}0 %" for tenth in range(1, 10)}},
    help="Share of numbers silenced before the dense layers while it learns.",
)
IMAGE_SIZE = OptionalWhole(
    key=f"{PAGE}.image_size",
    label="Size, pixels",
    low=8,
    high=MAX_DATASET_SIDE,
    help="Height and width that pictures are made to. Left empty: as the dataset has them.",
    bounded=False,
    placeholder="its own",
)
TRAIN_PICTURES = OptionalWhole(
    key=f"{PAGE}.train_pictures",
    label="Learn from",
    low=8,
    high=1_000_000,
    help="At most so many pictures. Left empty: all of them. Few are learned by heart.",
    bounded=False,
    placeholder="all",
)
SMALL = _option("small_split")
DETAILS: dict[str, Control] = {
    name: _option(name)
    for name in (
        *("time_decay", "exponential_decay", "plateau_factor", "plateau_patience"),
        *("momentum", "nesterov", "weight_decay", "initializer", "mixed_precision"),
        *("monitor", "patience", "restore_best"),
    )
}
OF_SCHEDULE = {
    TIME: ("time_decay",),
    EXPONENTIAL: ("exponential_decay",),
    PLATEAU: ("plateau_factor", "plateau_patience"),
}
"""The details that each schedule has."""
RUN = RunChoice(key=f"{PAGE}.run", label="Run", default=NEW, options={})
EPOCH = OptionalWhole(key=f"{PAGE}.epoch", label="Epoch", low=0, high=500)
WRONG = Switch(key=f"{PAGE}.only_wrong", label="Only mistakes", default=True)
LEAF = Whole(key=f"{PAGE}.page", label="Page", default=1, low=1, high=9999)
FIGURE = Select(
    key=f"{PAGE}.figure",
    label="Figure",
    default="val_accuracy",
    options={
        "val_accuracy": "Validation accuracy",
        "val_loss": "Validation loss",
        "accuracy": "Training accuracy",
        "loss": "Training loss",
    },
)
ASK = Select(
    key=f"{PAGE}.ask",
    label="Ask about",
    default="drawing",
    options={"drawing": "A drawing", "picture": "A picture"},
    look="segments",
)
TABS = frame.tabs(
    PAGE, {"wrong": "What it gets wrong", "ask": "Ask it", "network": "The network", "compare": "Compare runs"}
)
CONTROLS: tuple[Control, ...] = (
    *(DATASET, RECIPE, STACK, EPOCHS, BATCH_SIZE, OPTIMIZER, LEARNING_RATE, SCHEDULE, EARLY_STOPPING, SEED),
    *(AUGMENTATION, DROPOUT, IMAGE_SIZE, TRAIN_PICTURES, SMALL),
    *DETAILS.values(),
    *(RUN, EPOCH, WRONG, LEAF, FIGURE, ASK, TABS),
)


@dataclass(frozen=True)
class Wanted:
    """What the sidebar says.

    Attributes:
        config: what would be trained.
        dataset: how the dataset is opened.
        handed_over: whether the dataset is given to the run, because no name stands for it.
    """

    config: TrainConfig
    dataset: Asked
    handed_over: bool


def choose() -> None:
    """Draw the sidebar."""
    with st.sidebar:
        if RUN.current() != NEW:
            st.caption("These are for the next run; *Steer* changes the one that is shown.")
        dataset = DATASET.draw(on_change=leave_run)
        RECIPE.draw()
        left, right = st.columns(2)
        with left:
            EPOCHS.draw()
        with right:
            BATCH_SIZE.draw()
        left, right = st.columns(2)
        with left:
            optimizer = OPTIMIZER.draw()
        with right:
            LEARNING_RATE.draw()
        AUGMENTATION.draw()
        _draw_schedule()
        _draw_stopping()
        left, right = st.columns(2)
        with left:
            _draw_pictures(dataset)
        with right:
            _draw_weights(optimizer)


def _draw_schedule() -> None:
    chosen = SCHEDULE.current()
    label = "Schedule" if chosen == CONSTANT else f"Schedule · {SCHEDULES[chosen]}"
    with st.popover(label, width="stretch"):
        for name in OF_SCHEDULE.get(SCHEDULE.draw(), ()):
            DETAILS[name].draw()


def _draw_stopping() -> None:
    with st.popover("Early stopping · on" if EARLY_STOPPING.current() else "Early stopping", width="stretch"):
        on = EARLY_STOPPING.draw()
        for name in ("monitor", "patience", "restore_best"):
            DETAILS[name].draw(disabled=not on)


def _draw_pictures(dataset: str) -> None:
    used = sum(control.current() != control.initial() for control in (IMAGE_SIZE, TRAIN_PICTURES, SMALL))
    with st.popover(f"Pictures · {used}" if used else "Pictures", width="stretch"):
        IMAGE_SIZE.draw(disabled=dataset == OPENED, on_change=leave_run)
        TRAIN_PICTURES.draw()
        SMALL.draw(disabled=dataset == OPENED or BUILTIN[dataset].here)


def _draw_weights(optimizer: str) -> None:
    controls = [DROPOUT, *(DETAILS[name] for name in ("initializer", "momentum", "nesterov", "weight_decay"))]
    used = sum(control.current() != control.initial() for control in (*controls, SEED, DETAILS["mixed_precision"]))
    with st.popover(f"More · {used}" if used else "More", width="stretch"):
        DROPOUT.draw()
        DETAILS["initializer"].draw()
        DETAILS["momentum"].draw(disabled=optimizer not in ("sgd", "rmsprop"))
        DETAILS["nesterov"].draw(disabled=optimizer != "sgd" or not DETAILS["momentum"].current())
        DETAILS["weight_decay"].draw(disabled=optimizer != "adamw")
        SEED.draw()
        DETAILS["mixed_precision"].draw()


def problem() -> str | None:
    """What is wrong with the numbers that were typed, in sentences."""
    said = [found for control in CONTROLS if (found := control.problem())]
    return " ".join(said) or None


def without_layers(visit: Visit) -> str | None:
    """The note for a link to a network of one's own that does not say its layers."""
    if not visit.linked or RECIPE.current() != OWN or STACK.key in st.query_params:
        return None
    begun = "those of your table are shown" if state.get(state.OWN_STACK) else "the table begins with the usual ones"
    return (
        f"The link asks for a network of its own and does not say its layers, perhaps because they are many: {begun}."
    )


def leave_run() -> None:
    """Other pictures: back to the first screen of a new run."""
    RUN.put(NEW)


def asked_dataset() -> Asked:
    """How the chosen dataset is opened."""
    name = DATASET.current()
    if name == OPENED:
        opened: Asked = state.get(state.DATASET)
        return opened
    entry = BUILTIN[name]
    size = IMAGE_SIZE.current() if entry.sized else None
    return Asked(name, None, size, 0, small_split=bool(SMALL.current()) and not entry.here, patch_class=None)


def wanted() -> Wanted:
    """What would be trained, from what the session holds.

    Raises:
        RunError: it is not allowed.
    """
    asked = asked_dataset()
    handed_over = asked.own is not None or DATASET.current() == OPENED or not BUILTIN[asked.name].here
    dropout = DROPOUT.current()
    config = TrainConfig(
        dataset=asked.title[:200] if asked.own else asked.name,
        recipe=RECIPE.current(),
        epochs=EPOCHS.current(),
        batch_size=BATCH_SIZE.current(),
        optimizer=OPTIMIZER.current(),
        learning_rate=LEARNING_RATE.current(),
        schedule=SCHEDULE.current(),
        early_stopping=EARLY_STOPPING.current(),
        seed=SEED.current(),
        dropout=None if dropout == ITS_OWN else float(dropout),
        augmentation=policy(),
        blocks=own_stack() if RECIPE.current() == OWN else (),
        image_size=asked.image_size if DATASET.current() == OPENED else IMAGE_SIZE.current(),
        dataset_seed=asked.seed,
        small_split=asked.small_split,
        patch_class=asked.patch_class,
        pictures=asked.pictures,
        train_pictures=TRAIN_PICTURES.current(),
        **{name: control.current() for name, control in DETAILS.items()},
    )
    return Wanted(config, asked, handed_over)


def policy() -> Augmentation:
    """The chosen augmentation."""
    name = AUGMENTATION.current()
    if name == AS_PREVIEWED:
        return augmentation_options.current_policy()
    return PRESETS[name].policy


def own_stack() -> tuple[Block, ...]:
    """The blocks of the visitor's own network; those of the default recipe at first."""
    found = state.get(state.OWN_STACK)
    return tuple(found) if found is not None else RECIPES[RECIPE.default].blocks


def put_stack(stack: Sequence[Block]) -> None:
    """Make these the blocks of the visitor's own network."""
    state.put(state.OWN_STACK, tuple(stack))


def put_config(config: TrainConfig) -> str | None:
    """Set the choices to those of a run; the sentence that says what could not be taken over, if anything."""
    left: list[str] = []
    for name, detail in {**DETAILS, "small_split": SMALL}.items():
        detail.put(getattr(config, name))
    for control, value in (
        (RECIPE, config.recipe),
        (EPOCHS, config.epochs),
        (BATCH_SIZE, config.batch_size),
        (OPTIMIZER, config.optimizer),
        (LEARNING_RATE, config.learning_rate),
        (SCHEDULE, config.schedule),
        (EARLY_STOPPING, config.early_stopping),
        (SEED, config.seed),
        (IMAGE_SIZE, config.image_size),
        (TRAIN_PICTURES, config.train_pictures),
        (DROPOUT, ITS_OWN if config.dropout is None else f"{config.dropout:g}"),
        (DATASET, config.dataset),
    ):
        if control.allows(value):
            control.put(value)
        else:
            left.append(control.label.lower())
    known = [name for name, preset in PRESETS.items() if preset.policy == config.augmentation]
    AUGMENTATION.put(known[-1] if known else AS_PREVIEWED)
    if not known:
        augmentation_options.put(config.augmentation)
    if config.recipe == OWN:
        put_stack(config.blocks)
        state.put(state.STACK_BASE, None)
    return f"Not taken over: {', '.join(left)}. Choose it on the left." if left else None


def put(**values: Any) -> None:
    """Set choices by name for an experiment, the others to their defaults; the page opens with a new run."""
    named = {control.key.partition(".")[2]: control for control in CONTROLS}
    for name, control in named.items():
        control.put(values.get(name, control.initial()))
