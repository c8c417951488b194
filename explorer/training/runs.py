"""Runs as a page and a notebook see them: begin one, watch it, steer it, ask what it has learned."""

import contextlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer import settings
from explorer.blocks import describe
from explorer.datasets import Dataset
from explorer.errors import RunError, shown
from explorer.training import checkpoints, lessons
from explorer.training.config import TrainConfig
from explorer.training.folder import PAUSE, RUN, RUN_ID, STOP, Event, EventReader, EventWriter, Folder, Wish, put
from explorer.training.launching import Queue, Spare
from explorer.training.story import ENDED, Status, Story

if TYPE_CHECKING:
    from explorer.models import Classifier

MAX_NAME = 60
KEPT_BYTES = 4 * (3 + 3)
"""Of a parameter, on the disk: in the first, the best and the last epoch; and in the state, with its two moments."""
NUMBERED = re.compile(r"#([0-9]{1,6}) ")
POLL_SECONDS = 0.05


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
        self._put_about(about.owner, _checked_name(name), about.created, about.data)

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
            _check_limits(config)
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


STOP_SECONDS = 20.0


def start(
    config: TrainConfig,
    dataset: Dataset | None = None,
    *,
    name: str = "",
    owner: str = "",
    spare: Spare | None = None,
) -> Run:
    """Begin a run in a process of its own; where enough others train already, it waits for its turn.

    Args:
        config: what is trained, and how.
        dataset: takes the place of the dataset that the configuration names.
        name: what the person calls it.
        owner: whose it is.
        spare: a process that waits with TensorFlow imported.

    Raises:
        RunError: a limit is passed, or the folder of runs cannot be written.
        DatasetError, ModelError: there is no such dataset; the network does not fit its pictures.

    >>> run = start(TrainConfig(epochs=1, train_pictures=64))  # doctest: +SKIP
    >>> run.wait(60), run.history()["epoch"]  # doctest: +SKIP
    ('finished', [1])
    """
    limits = settings.current()
    root = limits.runs_dir
    _check_limits(config)
    _check_fit(config, dataset)
    runs = list_runs(owner)
    if len(runs) >= limits.max_runs:
        raise RunError(f"{len(runs)} runs are kept, the limit here. Delete some first.")
    queue = Queue(root)
    waiting = queue.waiting()
    if len({run.id for run in runs} & {*waiting, *queue.active()}) >= limits.max_waiting:
        raise RunError(f"{limits.max_waiting} of your runs train or wait already, the limit here. Stop one, or wait.")
    if len(waiting) >= limits.max_queue:
        raise RunError(f"{len(waiting)} runs wait for their turn already. Try again in some minutes.")
    label = _checked_name(name) if name else _first_name(config, runs)
    run_id = f"{datetime.now(tz=UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
    folder = Folder(root / run_id)
    with folder.writing():
        root.mkdir(parents=True, exist_ok=True)
        _clear(root)
        folder.path.mkdir()
        try:
            data = None if dataset is None else lessons.keep(dataset, folder)
            said = {"name": label, "owner": owner, "created": time.time(), "data": data}
            put(folder.about, json.dumps(said).encode())
            put(folder.config, config.to_json().encode())
            queue.add(run_id)
        except OSError:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        queue.advance(spare)
    return Run(folder.path, spare)


def list_runs(owner: str | None = None) -> list[Run]:
    """The runs that are there, the newest first.

    Args:
        owner: only those of this person; None for all.
    """
    root = settings.current().runs_dir
    try:
        names = sorted((each.name for each in root.iterdir() if RUN_ID.fullmatch(each.name)), reverse=True)
    except OSError:
        return []
    runs = []
    for name in names:
        with contextlib.suppress(RunError):
            run = Run(root / name)
            if owner is None or run.about.owner == owner:
                runs.append(run)
    return runs


def any_active() -> bool:
    """Whether any run has a process."""
    return bool(Queue(settings.current().runs_dir).active())


def open_run(run_id: str, owner: str | None = None, spare: Spare | None = None) -> Run:
    """The run of this name.

    Args:
        run_id: its name.
        owner: only if it is this person's; None for anyone's.
        spare: as for :func:`start`.

    Raises:
        RunError: there is none, or it is another's.
    """
    if not RUN_ID.fullmatch(run_id):
        raise RunError(f"There is no run {shown(run_id)}.")
    run = Run(settings.current().runs_dir / run_id, spare)
    if owner is not None and run.about.owner != owner:
        raise RunError(f"There is no run {shown(run_id)}; it may have been deleted.")
    return run


def _clear(root: Path) -> None:
    """Remove what is too old, and what was left of runs that were deleted.

    Raises:
        RunError: what is left takes more than the limit.
    """
    limits = settings.current()
    for each in root.glob(".deleted-*"):
        shutil.rmtree(each, ignore_errors=True)
    total, ended = 0, []
    for run in list_runs():
        old = time.time() - run.about.created > limits.max_run_age
        if old and run.status in ENDED:
            with contextlib.suppress(RunError):
                run.delete()
            continue
        size = run.folder.size()
        total += size
        ended += [(run, size)] if limits.profile == "hosted" and run.status in ENDED else []
    while total > limits.max_runs_bytes and ended:  # strangers cannot delete each other's: the oldest go first
        run, size = ended.pop()
        with contextlib.suppress(RunError):
            run.delete()
            total -= size
    if total > limits.max_runs_bytes:
        raise RunError(
            f"The runs take {total / 1e9:.1f} GB on the disk; {limits.max_runs_bytes / 1e9:g} GB is the limit. "
            "Delete some first."
        )


def _check_limits(config: TrainConfig) -> None:
    limits = settings.current()
    if config.epochs > limits.max_epochs:
        raise RunError(f"{config.epochs} epochs were asked for; {limits.max_epochs} is the limit here.")


def _check_fit(config: TrainConfig, dataset: Dataset | None) -> None:
    """Raise where the network does not fit pictures that are known already."""
    given = dataset
    if given is None:
        from explorer.datasets import BUILTIN  # noqa: PLC0415

        if config.dataset not in BUILTIN:
            raise RunError(f"There is no dataset {shown(config.dataset)}; there are {', '.join(BUILTIN)}.")
        if not BUILTIN[config.dataset].here:
            return  # the process that trains opens it, and says what is wrong
        given = lessons.dataset_of(config)
    side = config.image_size
    shape = given.image_shape if side is None else (side, side, given.image_shape[2])
    check_network(config, shape, len(given.class_names))


def check_network(config: TrainConfig, input_shape: tuple[int, int, int], classes: int) -> None:
    """Raise where a network cannot be trained on these pictures.

    Raises:
        ModelError: it does not fit them.
        RunError: it would take too much memory.
    """
    parameters = sum(row.parameters for row in describe(config.stack, input_shape, classes))
    wanted, limit = config.step_bytes(input_shape, classes), settings.current().max_training_bytes
    if wanted > limit:
        raise RunError(
            f"A step of training would take about {wanted / 1e9:.1f} GB of memory; {limit / 1e9:g} GB is the limit "
            "here. Take a smaller batch, smaller pictures or fewer filters."
        )
    kept, room = parameters * KEPT_BYTES, settings.current().max_run_bytes
    if kept > room:
        raise RunError(
            f"The checkpoints of {parameters:,} parameters would take about {kept / 1e6:,.0f} MB on the disk; "
            f"{room / 1e6:,.0f} MB is the limit here. Pool more often before the first dense layer."
        )


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise RunError(f"A run's name has 1 to {MAX_NAME} characters; this is {shown(name)}.")
    return name


def _first_name(config: TrainConfig, runs: list[Run]) -> str:
    """What a run is called until the person calls it something else: a number, recipe and dataset."""
    taken = [int(found[1]) for run in runs if (found := NUMBERED.match(run.name))]
    return f"#{max(taken, default=0) + 1} {config.recipe[:24]}, {config.dataset[:24]}"
