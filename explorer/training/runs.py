"""All runs: begin one, list them, find one, and keep within the limits of the disk."""

import contextlib
import json
import re
import secrets
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from explorer import settings
from explorer.datasets import Dataset
from explorer.errors import RunError, shown
from explorer.training import lessons
from explorer.training.config import TrainConfig
from explorer.training.folder import RUN_ID, Folder, put
from explorer.training.launching import Queue, Spare
from explorer.training.limits import check_fit, check_limits
from explorer.training.run import Run, checked_name
from explorer.training.story import ENDED

NUMBERED = re.compile(r"#([0-9]{1,6}) ")


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
    check_limits(config)
    check_fit(config, dataset)
    runs = list_runs(owner)
    if len(runs) >= limits.max_runs:
        raise RunError(f"{len(runs)} runs are kept, the limit here. Delete some first.")
    queue = Queue(root)
    waiting = queue.waiting()
    if len({run.id for run in runs} & {*waiting, *queue.active()}) >= limits.max_waiting:
        raise RunError(f"{limits.max_waiting} of your runs train or wait already, the limit here. Stop one, or wait.")
    if len(waiting) >= limits.max_queue:
        raise RunError(f"{len(waiting)} runs wait for their turn already. Try again in some minutes.")
    label = checked_name(name) if name else _first_name(config, runs)
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


def _first_name(config: TrainConfig, runs: list[Run]) -> str:
    """What a run is called until the person calls it something else: a number, recipe and dataset."""
    taken = [int(found[1]) for run in runs if (found := NUMBERED.match(run.name))]
    return f"#{max(taken, default=0) + 1} {config.recipe[:24]}, {config.dataset[:24]}"
