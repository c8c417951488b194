"""Everything that a training run depends on, as data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from explorer import blocks, settings
from explorer.augmentation import Augmentation
from explorer.blocks import RECIPES, Block
from explorer.errors import AugmentationError, MethodError, ModelError, RunError, shown
from explorer.options import Choice, Flag, Number
from explorer.settings import MAX_DATASET_SIDE

OWN = "own"
"""The recipe whose blocks are in the configuration itself."""
MAX_JSON = 200_000
"""Longest JSON text of a configuration, in characters."""
NUMBER_BYTES = 4

CONSTANT, TIME, EXPONENTIAL, COSINE, PLATEAU = "constant", "time", "exponential", "cosine", "plateau"

SCHEDULES: Mapping[str, str] = MappingProxyType(
    {
        CONSTANT: "constant",
        TIME: "time decay",
        EXPONENTIAL: "exponential",
        COSINE: "cosine",
        PLATEAU: "on plateau",
    }
)
"""What a page calls each schedule."""

OPTIONS: Mapping[str, Number | Choice | Flag] = MappingProxyType(
    {
        "epochs": Number("Epochs", 5, 1, settings.LOCAL.max_epochs, 1, "How often every picture is seen."),
        "batch_size": Number("Batch size", 64, 1, 1024, 1, "Pictures between two corrections of the weights."),
        "optimizer": Choice(
            "Optimizer",
            "adam",
            {"sgd": "SGD", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"},
            "How the gradient becomes a step.",
        ),
        "learning_rate": Number("Learning rate", 0.001, 1e-7, 100.0, 0.0001, "How long a step is."),
        "momentum": Number("Momentum", 0.0, 0.0, 0.99, 0.01, "Of SGD and RMSprop: how much of the last step goes on."),
        "nesterov": Flag("Nesterov", default=False, help="Of SGD: look ahead along the momentum first."),
        "weight_decay": Number("Weight decay", 0.004, 0.0, 1.0, 0.001, "Of AdamW: how much weights shrink each step."),
        "schedule": Choice(
            "Schedule",
            CONSTANT,
            SCHEDULES,
            "How the learning rate falls while training goes on.",
        ),
        "time_decay": Number("Decay a step", 0.001, 0.0, 1.0, 0.0005, "Time decay: rate / (1 + decay × step)."),
        "exponential_decay": Number("Factor an epoch", 0.9, 0.01, 1.0, 0.01, "Exponential: rate × factor ^ epoch."),
        "plateau_factor": Number("Factor", 0.5, 0.01, 0.95, 0.05, "Times the rate, when validation loss stands still."),
        "plateau_patience": Number("Epochs to wait", 2, 1, 50, 1, "Epochs without improvement before that."),
        "initializer": Choice(
            "Weights begin",
            "glorot_uniform",
            {
                "glorot_uniform": "Glorot uniform",
                "glorot_normal": "Glorot normal",
                "he_uniform": "He uniform",
                "he_normal": "He normal",
                "lecun_normal": "LeCun normal",
                "random_normal": "normal, 0.05",
                "zeros": "all zero",
            },
            "All zero shows why chance is needed: filters that begin alike stay alike.",
        ),
        "early_stopping": Flag("Early stopping", default=False, help="Stop when validation does not improve any more."),
        "monitor": Choice("Watch", "val_loss", {"val_loss": "validation loss", "val_accuracy": "validation accuracy"}),
        "patience": Number("Patience, epochs", 2, 1, 50, 1, "Epochs without improvement before it stops."),
        "restore_best": Flag("Keep the best", default=True, help="End with the weights of the best epoch."),
        "seed": Number("Seed", 0, 0, 9999, 1, "Of weights, order and augmentation."),
        "small_split": Flag("Small split", default=False, help="1,000 + 500 + 500 pictures of each class."),
        "mixed_precision": Flag("Mixed precision", default=False, help="Compute in float16 on a GPU."),
    }
)
"""What can be set by a widget: label, default and range of each."""


@dataclass(frozen=True)
class TrainConfig:
    """What is trained, on what, and how.

    Attributes:
        dataset: a key of ``datasets.BUILTIN``; of a dataset that is handed over, its name.
        recipe: a key of ``models.RECIPES``, or ``"own"``.
        blocks: the stack of ``"own"``; of a recipe it is filled in.
        epochs, batch_size, optimizer, learning_rate, …: see :data:`OPTIONS`.
        dropout: share silenced before the dense layers; None leaves the recipe's own.
        augmentation: random changes to the pictures to train with, and to no others.
        image_size: height and width in pixels that pictures are made to; None leaves them.
        dataset_seed: of how the dataset is split or drawn.
        patch_class, pictures: of the drawn shapes.
        train_pictures: learn from no more than so many; None for all.

    Raises:
        RunError: a value is not allowed; the sentence says what is.

    >>> TrainConfig(epochs=0)
    Traceback (most recent call last):
    explorer.errors.RunError: epochs is 0; it is a whole number from 1 to 500.
    >>> TrainConfig.from_json(TrainConfig(epochs=3).to_json()) == TrainConfig(epochs=3)
    True
    """

    dataset: str = "fashion-mnist-small"
    recipe: str = "convnet-32-64-64"
    epochs: int = 5
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 0.001
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.004
    schedule: str = CONSTANT
    time_decay: float = 0.001
    exponential_decay: float = 0.9
    plateau_factor: float = 0.5
    plateau_patience: int = 2
    initializer: str = "glorot_uniform"
    dropout: float | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    early_stopping: bool = False
    monitor: str = "val_loss"
    patience: int = 2
    restore_best: bool = True
    seed: int = 0
    blocks: tuple[Block, ...] = ()
    image_size: int | None = None
    dataset_seed: int = 0
    small_split: bool = False
    patch_class: str | None = None
    pictures: int | None = None
    train_pictures: int | None = None
    mixed_precision: bool = False

    def __post_init__(self) -> None:
        """Check every value; a recipe's blocks are filled in, so that the configuration stands for itself."""
        for name, option in OPTIONS.items():
            try:
                object.__setattr__(self, name, option.check(name, _plain(getattr(self, name))))
            except MethodError as error:
                raise RunError(str(error)) from None
        self._check_text("dataset", self.dataset, 200)
        if self.patch_class is not None:
            self._check_text("patch_class", self.patch_class, 200)
        _check_whole("image_size", self.image_size, 1, MAX_DATASET_SIDE)
        _check_whole("dataset_seed", self.dataset_seed, 0, 2**31 - 1)
        _check_whole("pictures", self.pictures, 24, 24_000)
        _check_whole("train_pictures", self.train_pictures, 1, 10_000_000)
        self._settle_dropout()
        if not isinstance(self.augmentation, Augmentation):
            raise RunError(f"augmentation is {shown(self.augmentation)}; it is an Augmentation.")
        self._settle_blocks()

    def _settle_dropout(self) -> None:
        share = _plain(self.dropout)
        number = isinstance(share, int | float) and not isinstance(share, bool)
        if share is not None and not (number and 0 <= share <= 0.9):  # type: ignore[operator]
            raise RunError(f"dropout is {shown(share)}; it is a number from 0 to 0.9, or None.")
        object.__setattr__(self, "dropout", share)

    def _settle_blocks(self) -> None:
        if not isinstance(self.recipe, str) or (self.recipe != OWN and self.recipe not in RECIPES):
            names = ", ".join((*RECIPES, OWN))
            raise RunError(f"There is no recipe {shown(self.recipe)}; there are {names}.")
        if not isinstance(self.blocks, tuple | list):
            raise RunError(f"blocks is {shown(self.blocks)}; it is a list of layers.")
        try:
            stack = blocks.blocks_of(self.blocks if self.recipe == OWN else self.recipe)
        except ModelError as error:
            raise RunError(str(error)) from None
        object.__setattr__(self, "blocks", stack)

    def _check_text(self, name: str, value: object, longest: int) -> None:
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise RunError(f"{name} is {shown(value)}; it is a text of at most {longest} characters.")

    @property
    def stack(self) -> tuple[Block, ...]:
        """The blocks as they are trained, with the dropout that was asked for."""
        return blocks.with_dropout(self.blocks, self.dropout)

    def but(self, **changes: Any) -> "TrainConfig":
        """The same with other values.

        Raises:
            RunError: there is no such value, or it is not allowed.
        """
        _known(changes)
        return replace(self, **changes)

    def to_json(self) -> str:
        """As JSON, which :meth:`from_json` reads back equal."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return json.dumps(
            plain | {"blocks": blocks.to_dicts(self.blocks), "augmentation": asdict(self.augmentation)}, indent=1
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> "TrainConfig":
        """The configuration of a JSON text; what it does not name has its default.

        Raises:
            RunError: it is none, too long, or has values that are not allowed.
        """
        if len(text) > MAX_JSON:
            raise RunError(f"The configuration has {len(text):,} characters; {MAX_JSON:,} is the limit.")
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise RunError("The configuration is no JSON text.") from None
        if not isinstance(values, dict):
            raise RunError("The configuration has to be a JSON object.")
        try:
            _known(values)
            stack = values.pop("blocks", [])
            policy = values.pop("augmentation", {})
            if not isinstance(stack, list):
                raise RunError(f"blocks is {shown(stack)}; it is a list of layers.")
            return cls(
                **values,
                blocks=tuple(blocks.block(each) for each in stack),
                augmentation=Augmentation.from_json(json.dumps(policy)),
            )
        except (ModelError, AugmentationError) as error:
            raise RunError(str(error)) from None
        except RecursionError:
            raise RunError("The configuration is nested too deeply.") from None

    def step_bytes(self, input_shape: tuple[int, int, int], classes: int) -> float:
        """Bytes that a step of training takes, about: what every layer gives, three times, and weights with moments.

        Raises:
            ModelError: the stack is impossible for these pictures.
        """
        rows = blocks.describe(self.stack, input_shape, classes)
        given = sum(float(np.prod(row.output_shape)) for row in rows) + float(np.prod(input_shape))
        # a convolution on a CPU lays out its windows, one picture at a time, beside what it gives
        return NUMBER_BYTES * (3 * self.batch_size * given + 4 * sum(row.parameters for row in rows))


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def _check_whole(name: str, value: object, least: int, most: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (whole and least <= value <= most):  # type: ignore[operator]
        raise RunError(f"{name} is {shown(value)}; it is a whole number from {least:,} to {most:,}, or None.")


def _known(names: Mapping[str, Any] | Sequence[str]) -> None:
    known = [each.name for each in fields(TrainConfig)]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RunError(f"There is no value {shown(unknown[0])} in a configuration; there are {', '.join(known)}.")
