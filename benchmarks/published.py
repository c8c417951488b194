"""What tutorials say their networks reach, and what ours reach on the same pictures. Prints a markdown table.

Nothing is tuned to the published figures: each run has the settings of its source as far as that says them, seed 0,
and is made once. See ``docs/training.md``.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from explorer import datasets, training
from explorer.blocks import RECIPES
from explorer.datasets import BUILTIN
from explorer.errors import DatasetError, RunError
from explorer.training import TrainConfig


@dataclass(frozen=True)
class Figure:
    """One published figure: the accuracy on the test pictures, and how it was reached."""

    config: TrainConfig
    accuracy: float


FIGURES = (
    Figure(
        TrainConfig(dataset="mnist", recipe="convnet-32-64-64", optimizer="rmsprop", batch_size=64, epochs=5), 0.9908
    ),
    Figure(TrainConfig(dataset="mnist", recipe="dense-512", optimizer="rmsprop", batch_size=128, epochs=5), 0.978),
    Figure(TrainConfig(dataset="fashion-mnist", recipe="mlp-500-250-100", batch_size=64, epochs=10), 0.8934),
)
HEAD = ("Network", "Pictures", "How", "Parameters", "Published", "Here", "Validation, by epoch")


def reached(figure: Figure) -> str:
    """A row of the table: the network is trained in a run of its own.

    Raises:
        RunError: the run did not finish.
    """
    config = figure.config
    run = training.start(config)
    if run.wait() != "finished":
        raise RunError(f"{run.name}: {run.reason}")
    story = run.story()
    held = " ".join(f"{accuracy:.4f}" for accuracy in story.history["val_accuracy"])
    row = (
        RECIPES[config.recipe].title,
        f"{BUILTIN[config.dataset].title}: {story.started['train']:,} + {story.started['validation']:,}",
        f"{config.optimizer}, batches of {config.batch_size}, {config.epochs} epochs",
        f"{story.started['parameters']:,}",
        f"{figure.accuracy:.4g}",
        f"**{story.tested['accuracy']:.4f}**",
        held,
    )
    return f"| {' | '.join(row)} |"


def rows() -> Iterator[str]:
    """The rows of the datasets that are there."""
    for figure in FIGURES:
        name = figure.config.dataset
        try:
            datasets.load(name)
        except DatasetError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        yield reached(figure)


def main() -> None:
    """Train every network, print the table."""
    with tempfile.TemporaryDirectory() as path:
        os.environ["EXPLORER_RUNS_DIR"] = path
        print("\n".join([f"| {' | '.join(HEAD)} |", "|---|---|---|---:|---:|---:|---|"]))
        for row in rows():
            print(row, flush=True)


if __name__ == "__main__":
    main()
