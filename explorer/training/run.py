"""One run as a page and a notebook see it: watch it, steer it, ask what it has learned."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import RunError, shown
from explorer.training import checkpoints, lessons
from explorer.training.config import TrainConfig
from explorer.training.folder import PAUSE, RUN, RUN_ID, STOP, Event, EventReader, EventWriter, Folder, Wish, put
from explorer.training.launching import Queue, Spare
from explorer.training.limits import check_limits
from explorer.training.story import ENDED, Status, Story

if TYPE_CHECKING:
    from explorer.models import Classifier

MAX_NAME = 60
POLL_SECONDS = 0.05
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class About:
    """What is known of a run besides its configuration.

    Attributes:
        name: what the person calls it.
        owner: whose it is; "" for the only person on a machine.
        created: when it was begun, seconds since 1970.
        data: where pictures that were handed over are, as :func:`lessons.keep` says; None for a dataset by name.
    """

    name: str
    owner: str
    created: float
    data: dict[str, Any] | None


class Run:
    """One training run: everything is read from its folder, and every wish is written there.

    Attributes:
        id: names it, such as ``20261122-171500-1f0c2d3e``.
        path: its folder.
        folder: the files in it.
    """

    def __init__(self, path: Path, spare: Spare | None = None) -> None:
        """A run that is there.

        Raises:
            RunError: it is not.
        """
        if not RUN_ID.fullmatch(path.name) or not (path / "config.json").is_file():
            raise RunError(f"There is no run {shown(path.name)}; it may have been deleted.")
        self.id = path.name
        self.path = path
        self.folder = Folder(path)
        self._spare = spare

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self.status})"

    @property
    def _queue(self) -> Queue:
        return Queue(self.path.parent)

    @property
    def config(self) -> TrainConfig:
        """What is trained, and how.

        Raises:
            RunError: the run is gone or damaged.
        """
        try:
            return TrainConfig.from_json(self.folder.config.read_bytes())
        except OSError as error:
            raise RunError("The run was deleted.") from error

    @property
    def about(self) -> About:
        """Its name, its owner and when it was begun."""
        try:
            said = lessons.describe(self.folder.about.read_bytes())
        except OSError:
            said = {}
        data = said.get("data")
        created = said.get("created")
        return About(
            str(said.get("name") or self.id)[:MAX_NAME],
            str(said.get("owner") or ""),
            float(created) if isinstance(created, int | float) else 0.0,
            data if isinstance(data, dict) else None,
        )

    @property
    def name(self) -> str:
        """What the person calls it."""
        return self.about.name

    def rename(self, name: str) -> None:
        """Call it something else.

        Raises:
            RunError: the name is empty or too long.
        """
        about = self.about
        self._put_about(about.owner, checked_name(name), about.created, about.data)

    def _put_about(self, owner: str, name: str, created: float, data: dict[str, Any] | None) -> None:
        said = {"name": name, "owner": owner, "created": created, "data": data}
        with self.folder.writing():
            put(self.folder.about, json.dumps(said).encode())

    def story(self) -> Story:
        """What happened so far; its ``read_on`` takes what comes later."""
        return Story(self.folder).read_on()

    @property
    def status(self) -> Status:
        """``"queued"``, ``"running"``, ``"paused"``, ``"finished"``, ``"stopped"`` or ``"failed"``."""
        return self.story().status(time.time())

    @property
    def reason(self) -> str:
        """Why it stopped or failed, a sentence."""
        return self.story().verdict(time.time())[1]

    @property
    def waits_behind(self) -> int:
        """How many waiting runs begin before this one; 0 for the next one, and for one that does not wait."""
        waiting = self._queue.waiting()
        return waiting.index(self.id) if self.id in waiting else 0

    def events(self, wait: float | None = 0.0) -> Iterator[Event]:
        """Everything that happened, in order.

        Args:
            wait: seconds to wait for more; None until the run has ended.
        """
        reader, deadline = EventReader(self.folder.events), time.monotonic() + (wait or 0.0)
        while True:
            yield from reader.read()
            over = self.status in ENDED if wait is None else time.monotonic() >= deadline
            if over:
                yield from reader.read()
                return
            time.sleep(POLL_SECONDS)

    def history(self) -> dict[str, list[Any]]:
        """The figures of each whole epoch by name: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate."""
        return self.story().history

    def pause(self) -> None:
        """Ask it to wait after the present batch.

        Raises:
            RunError: it is not running.
        """
        self._ask(PAUSE, ("running", "paused"), "Only a run that is running can be paused")

    def resume(self, epochs: int | None = None, learning_rate: float | None = None) -> None:
        """Let it go on: from a pause, or from the last checkpoint where it was stopped or has failed.

        Args:
            epochs: train until this many epochs; also lets a finished run go on.
            learning_rate: go on with this one; None leaves it as it is.

        Raises:
            RunError: it runs, there is nothing left to train, or one of both is not allowed.
        """
        if learning_rate is not None:
            self.config.but(learning_rate=learning_rate)
        status = self.status
        if status == "paused":
            if learning_rate is not None:
                self.set_learning_rate(learning_rate)
            self._wish(RUN)
            return
        if status not in ENDED:
            raise RunError(f"The run is {status}; only one that is paused or has ended can be resumed.")
        if epochs is not None:
            config = self.config.but(epochs=epochs)
            check_limits(config)
            with self.folder.writing():
                put(self.folder.config, config.to_json().encode())
        if self.story().epoch >= self.config.epochs:
            raise RunError("Every epoch has been trained. Ask for more epochs to go on.")
        if learning_rate is not None:
            self.set_learning_rate(learning_rate)
        self._wish(RUN)
        with self.folder.writing():
            self._queue.add(self.id)
            self._queue.advance(self._spare)

    def stop(self) -> None:
        """Ask it to end after the present batch; one that waits for its turn ends at once.

        Raises:
            RunError: it has ended already.
        """
        if self._queue.remove(self.id):
            with self.folder.writing():
                EventWriter(self.folder.events).write("stopped", reason="Stopped before its turn came.")
            return
        self._ask(STOP, ("running", "paused", "queued"), "The run has ended already")

    def set_learning_rate(self, rate: float) -> None:
        """Let it go on with this learning rate from the next batch on; the schedule goes on from there.

        A run that has ended goes on with it when it is resumed.

        Raises:
            RunError: it is no allowed rate.
        """
        checked = self.config.but(learning_rate=rate).learning_rate
        wish = self.folder.wish()
        self.folder.put_wish(Wish(wish.wanted, checked, wish.number + 1))

    def wait(self, timeout: float | None = None) -> Status:
        """Wait until it has ended.

        Args:
            timeout: at most so many seconds; None without end.

        Returns:
            The status then; one that has not ended where the time was up.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        story = self.story()
        while True:
            status = story.read_on().status(time.time())
            if status in ENDED or (deadline is not None and time.monotonic() >= deadline):
                return status
            self._queue.advance(self._spare)
            time.sleep(POLL_SECONDS)

    def classifier(self, epoch: int | None = None) -> "Classifier":
        """The network as it is after an epoch, whether the run is finished or not.

        Args:
            epoch: its number, 0 for the network that has learned nothing; None for what the run ended with, or the
                last whole epoch of one that goes on.

        Raises:
            RunError: this epoch's weights are not there.
        """
        from explorer.models import Classifier, build  # noqa: PLC0415 - TensorFlow

        story = self.story()
        if not story.started:
            raise RunError("The run has not begun yet, so there is no network to look at.")
        config, names = self.config, story.started["classes"]
        weights = self._weights(story, epoch)
        model = build(config.stack, tuple(story.started["shape"]), len(names))
        try:
            model.set_weights(weights)
        except ValueError as error:
            raise RunError("The run's weights do not fit its network. Begin a new run.") from error
        return Classifier(model, names, self.name)

    def _weights(self, story: Story, epoch: int | None) -> checkpoints.Arrays:
        kept = self.folder.kept_epochs()
        if epoch is None and story.last in ENDED and story.used == -1:
            state = checkpoints.read_state(self.folder)
            if state is not None:
                return state[1]
        wanted = epoch
        if wanted is None:
            ended = story.last in ENDED and story.used > 0
            wanted = story.used if ended else max((each for each in kept if each <= story.epoch), default=-1)
        if wanted not in kept:
            there = ", ".join(map(str, kept)) or "none yet"
            raise RunError(f"The weights after epoch {shown(wanted)} are not there; there are those of {there}.")
        return checkpoints.read_weights(self.folder.epoch(wanted))

    def lesson(self) -> lessons.Lesson:
        """The pictures that it learns from and is judged by, at the size they are trained at.

        Raises:
            DatasetError, RunError: they cannot be had any more.
        """
        return lessons.prepare(self.config, lessons.given(self.config, self.about.data, self.folder))

    def delete(self) -> None:
        """Stop it, if it runs, and remove everything of it.

        Raises:
            RunError: it does not stop, or cannot be removed.
        """
        self._queue.remove(self.id)
        if self.status not in ENDED and self.status != "queued":
            self._wish(STOP)
            if self.wait(STOP_SECONDS) not in ENDED:
                raise RunError("The run does not stop at the moment. Try again in a few seconds.")
        self._queue.release(self.id)
        gone = self.path.with_name(f".deleted-{self.id}")
        try:
            self.path.rename(gone)
        except OSError as error:
            raise RunError(f"The run cannot be deleted: {error.strerror or type(error).__name__}.") from error
        shutil.rmtree(gone, ignore_errors=True)

    def advance(self) -> None:
        """Let runs that wait begin, where there is a place."""
        self._queue.advance(self._spare)

    def _ask(self, wanted: str, when: tuple[str, ...], otherwise: str) -> None:
        status = self.status
        if status not in when:
            raise RunError(f"{otherwise}; this one is {status}.")
        self._wish(wanted)

    def _wish(self, wanted: str) -> None:
        wish = self.folder.wish()
        self.folder.put_wish(Wish(wanted, wish.learning_rate, wish.number))


def checked_name(name: str) -> str:
    """A run's name, of single spaces.

    Raises:
        RunError: it is empty or too long, or has what cannot be shown.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise RunError(f"A run's name has 1 to {MAX_NAME} characters; this is {shown(name)}.")
    return name
