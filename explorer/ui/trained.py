"""The visitor's own training runs: listed, opened, and as networks on every page that has a network picker."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from explorer import training
from explorer.errors import RunError
from explorer.training import ENDED, Run, Spare, Status, Steered
from explorer.ui import cache, visitors

if TYPE_CHECKING:
    from explorer.models import Classifier

PREFIX = "run:"
"""What the name of a run begins with among the names of networks."""
MOST = 30
"""Runs in a picker."""


@st.cache_resource(show_spinner=False)
def spare() -> Spare:
    """The process that waits with TensorFlow imported, one for all visitors."""
    return Spare()


def warm() -> None:
    """Let a process wait for the next run, unless one is being trained and needs the machine."""
    if cache.limits().spare and not training.any_active():
        spare().warm()


def runs() -> list[Run]:
    """The visitor's runs, the newest first."""
    return training.list_runs(visitors.owner())


def opened(run_id: str) -> Run:
    """One of the visitor's runs.

    Raises:
        RunError: there is none of this name, or it is another's.
    """
    return training.open_run(run_id, visitors.owner(), spare())


def exists(run_id: object) -> bool:
    """Whether this is the name of a run of the visitor's."""
    if not isinstance(run_id, str):
        return False
    try:
        opened(run_id)
    except RunError:
        return False
    return True


def is_there(name: object) -> bool:
    """Whether this is the name of a network that one of the visitor's runs has made."""
    if not isinstance(name, str) or not name.startswith(PREFIX):
        return False
    try:
        return bool(opened(name.removeprefix(PREFIX)).folder.kept_epochs())
    except RunError:
        return False


def names() -> list[str]:
    """The names of the networks that the visitor's runs have made, the newest first."""
    return [PREFIX + run.id for run in runs()[:MOST] if run.folder.kept_epochs()]


@dataclass(frozen=True)
class Summary:
    """What a list of runs says of one.

    Attributes:
        last: what it did last.
        epoch: whole epochs so far.
        parameters: of its network; 0 before it has begun.
        best: the best validation accuracy so far, 0–1, and its epoch; None before the first epoch.
        tested: accuracy on the test pictures, 0–1; None where it was not tested.
        steered: the learning rates that were set by hand.
    """

    last: str
    epoch: int
    parameters: int
    best: tuple[float, int] | None
    tested: float | None
    steered: tuple[Steered, ...] = ()


def summary(run: Run) -> Summary:
    """What is to be said of a run; read anew only when something has happened."""
    try:
        found = run.folder.events.stat()
        stamp = (found.st_mtime_ns, found.st_size)
    except OSError:
        stamp = (0, 0)
    return cache.run_summary(run.id, stamp, lambda: _summary(run))


def _summary(run: Run) -> Summary:
    story = run.story()
    history = story.history
    figures = zip(history["val_accuracy"], history["epoch"], strict=True)
    best, epoch = max(((value, -epoch) for value, epoch in figures if value is not None), default=(0.0, 0))
    parameters = int(story.started.get("parameters", 0))
    reached = (best, -epoch) if epoch else None
    return Summary(story.last, story.epoch, parameters, reached, story.tested.get("accuracy"), story.steered)


def status(run: Run) -> Status:
    """The run's status; of one that has ended nothing is read."""
    last = summary(run).last
    return last if last in ENDED else run.status  # type: ignore[return-value]


def labels() -> dict[str, str]:
    """What a list says of each of the visitor's runs, the newest first.

    No two are alike, and none changes while a run goes on: it is by these words that a browser says what was chosen.
    """
    found = {run.id: run.name for run in runs()}
    counts = Counter(found.values())
    return {run_id: f"{name} ({run_id[-8:]})" if counts[name] > 1 else name for run_id, name in found.items()}


def classifier(run: Run, epoch: int | None = None) -> "Classifier":
    """A run's network after an epoch, or as it is now.

    Raises:
        RunError: it is not there.
    """
    return cache.trained(run.id, epoch, run.story().weights_version, run)
