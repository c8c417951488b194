"""A run as a folder: what lies where, events that are appended and read while they are written, wishes, and a lock.

Everything that a page shows of a run is read from here, and everything that it asks for is written here. So a run
goes on when its page is closed or the app is gone, and another program can read along.
"""

import contextlib
import errno
import json
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from explorer.errors import RunError

if sys.platform == "win32":

    def _is_held(path: Path) -> bool:
        try:
            with FileLock(path, timeout=0):
                return False
        except Timeout:
            return True

else:
    import fcntl

    def _is_held(path: Path) -> bool:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared, so that two who look do not see each other
            except BlockingIOError:
                return True
        return False


Event = dict[str, Any]
"""``event`` says what happened, ``time`` when (seconds since 1970)."""

RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")
EPOCH_FILE = re.compile(r"([0-9]{4})\.npz")
MAX_EVENT_LINE = 1_000_000
MAX_NUMBER = 1e15
PLACED = {"batch": ("epoch", "step"), "epoch": ("epoch",), "rate": ("epoch", "step", "learning_rate")}
"""The numbers without which an event says nothing."""
START_SECONDS = 60.0
"""A process that was started has its run within this time, or it counts as gone."""
WRITING = ".writing-"
"""What the names of files begin with that are not whole yet."""
RESERVE_BYTES = 64 * 1024
"""Kept free on the disk, so that a run can still say that the disk is full."""

RUN, PAUSE, STOP = "run", "pause", "stop"
BY_HAND = "Stopped by hand."


@dataclass(frozen=True)
class Wish:
    """What the run is asked to do.

    Attributes:
        wanted: ``"run"``, ``"pause"`` or ``"stop"``.
        learning_rate: the rate it should go on with; None leaves it.
        number: of rates asked for so far, so that each is obeyed once.
    """

    wanted: str = RUN
    learning_rate: float | None = None
    number: int = 0


class Folder:
    """The files of one run.

    Attributes:
        path: the folder, ``<runs>/<id>``.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @property
    def config(self) -> Path:
        """The configuration, JSON."""
        return self.path / "config.json"

    @property
    def about(self) -> Path:
        """Name, owner, time, where the pictures are: JSON."""
        return self.path / "run.json"

    @property
    def events(self) -> Path:
        """What happened, a JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def control(self) -> Path:
        """What is wished, JSON."""
        return self.path / "control.json"

    @property
    def state(self) -> Path:
        """Weights, optimizer and place of the last checkpoint."""
        return self.path / "state.npz"

    @property
    def epochs(self) -> Path:
        """The weights after each epoch: ``0003.npz``; ``0000.npz`` are those it began with."""
        return self.path / "epochs"

    @property
    def watched(self) -> Path:
        """The validation pictures that are watched."""
        return self.path / "watched.npz"

    @property
    def tested(self) -> Path:
        """What the network said of every test picture."""
        return self.path / "test.npz"

    @property
    def logs(self) -> Path:
        """TensorBoard's."""
        return self.path / "tensorboard"

    @property
    def output(self) -> Path:
        """What the process printed."""
        return self.path / "worker.log"

    @property
    def data(self) -> Path:
        """Pictures that were handed over and lie in no store."""
        return self.path / "data"

    @property
    def lock(self) -> FileLock:
        """Held by the process that trains, as long as it lives."""
        return FileLock(self.path / "lock")

    @property
    def reserve(self) -> Path:
        """Room on the disk for the last words."""
        return self.path / "reserve"

    def epoch(self, number: int) -> Path:
        """The weights after this epoch."""
        return self.epochs / f"{number:04d}.npz"

    def kept_epochs(self) -> list[int]:
        """The epochs whose weights are here."""
        try:
            found = [EPOCH_FILE.fullmatch(name) for name in os.listdir(self.epochs)]  # noqa: PTH208 - half the time
        except OSError:
            return []
        return sorted(int(each[1]) for each in found if each)

    def size(self) -> int:
        """Bytes on the disk."""
        total = 0
        for place, _, files in os.walk(self.path):
            for name in files:
                with contextlib.suppress(OSError):
                    total += (Path(place) / name).stat().st_size
        return total

    def is_locked(self) -> bool:
        """Whether a process has this run."""
        try:
            return _is_held(self.path / "lock")
        except OSError:
            return False

    def wish(self) -> Wish:
        """What is wished now; to run on where nothing is."""
        try:
            said = json.loads(self.control.read_bytes())
            wanted, number = said.get("wanted"), int(said.get("number", 0))
            rate = float(said.get("learning_rate") or 0)
        except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            return Wish()
        return Wish(wanted if wanted in (PAUSE, STOP) else RUN, rate if 0 < rate < math.inf else None, number)

    def put_wish(self, wish: Wish) -> None:
        """Wish something.

        Raises:
            RunError: the folder is gone, or the disk is full.
        """
        said = {"wanted": wish.wanted, "learning_rate": wish.learning_rate, "number": wish.number}
        with self.writing():
            put(self.control, json.dumps(said).encode())

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turns what the system says against writing here into a sentence."""
        try:
            yield
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise RunError(f"The run's folder cannot be written: {why}. Make room, or delete old runs.") from error


def put(path: Path, content: bytes) -> None:
    """Write a file so that whoever reads it finds the old content or the new one, never a part.

    Raises:
        OSError: it cannot be written; the old one is still there.
    """
    with writing_whole(path) as place:
        place.write_bytes(content)


@contextlib.contextmanager
def writing_whole(path: Path) -> Iterator[Path]:
    """A place to write a file to, which takes its name when the block ends well, and is gone if it does not."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=WRITING, suffix=path.suffix)
    os.close(handle)
    place = Path(name)
    try:
        yield place
        place.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            place.unlink()
        raise


class EventWriter:
    """Appends events; each is one line, written at once.

    A line that a killed process has left unfinished is ended first, so that the next one can be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checked = False

    def write(self, event: str, **values: Any) -> None:
        """Append an event.

        Raises:
            OSError: the disk is full, or the folder is gone.
        """
        said = {
            "event": event,
            "time": round(time.time(), 3),
            **{name: _finite(value) for name, value in values.items()},
        }
        line = json.dumps(said, allow_nan=False).encode() + b"\n"
        with self._path.open("ab", buffering=0) as file:
            if not self._checked and file.tell() and _last_byte(self._path) != b"\n":
                line = b"\n" + line
            self._checked = False
            if file.write(line) < len(line):  # a part of it fitted on the disk
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._checked = True


def _finite(value: Any) -> Any:
    """JSON has no word for what is no number; None stands for it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


class EventReader:
    """Reads events, and later only those that came since.

    Only whole lines are taken: the end of a line that is just being written is read the next time. A line that is no
    event is left out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[Event]:
        """The events since the last time; none where there is no file."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                found = file.read()
        except OSError:
            return []
        whole, end, _ = found.rpartition(b"\n")
        self._offset += len(whole) + len(end)
        events = (_event(line) for line in whole.split(b"\n") if line)
        return [event for event in events if event is not None]


def _event(line: bytes) -> Event | None:
    if len(line) > MAX_EVENT_LINE:
        return None
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("event"), str) or not _is_number(said.get("time")):
        return None
    placed = all(_is_number(said.get(name)) for name in PLACED.get(said["event"], ()))
    return said if placed else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_NUMBER


def process_lives(pid: object) -> bool:
    """Whether there is a process of this number; on Windows, where asking would end it, it is taken to be."""
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return False
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


Say = Callable[..., None]
"""``say(event, **values)`` appends an event."""
