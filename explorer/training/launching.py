"""Who trains and who waits; and a process that has TensorFlow imported before it is needed.

The queue is a folder of empty files: ``.queue/<time>-<id>`` for each run that waits, ``.active/<id>`` for each that
has a process. Whoever looks at a run, and every process that ends, lets the next ones begin, under a lock.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from filelock import FileLock

from explorer import settings
from explorer.training.folder import EventWriter, Folder
from explorer.training.story import Story

WORKER = "explorer.training.worker"
WAIT_SECONDS = 10.0


class Spare:
    """A process that has TensorFlow imported and waits for a run; it ends when this program does.

    >>> spare = Spare()
    >>> spare.take(Path("a-run")) is None  # nothing was warmed
    True
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def warm(self) -> None:
        """Start the process, if there is none."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = _start(["--spare"], stdin=subprocess.PIPE, output=None)

    def take(self, path: Path) -> int | None:
        """Give it this run; its process number, None where there is no such process."""
        with self._lock:
            process, self._process = self._process, None
        if process is None or process.stdin is None or process.poll() is not None:
            return None
        try:
            process.stdin.write(f"{path}\n".encode())
            process.stdin.close()
        except OSError:
            return None
        _reap(process)
        return process.pid

    def end(self) -> None:
        """End the process."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            process.terminate()
            process.wait()


def _start(arguments: list[str], *, stdin: int, output: Path | None) -> "subprocess.Popen[bytes]":
    """A worker in a session of its own, so that what ends this program does not end it."""
    limits = settings.current()
    environment = os.environ | {
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        "EXPLORER_RUNS_DIR": str(limits.runs_dir),  # whole paths: the process begins in another folder
        "EXPLORER_DATA_DIR": str(limits.data_dir),
        "EXPLORER_CACHE_DIR": str(limits.cache_dir),
    }
    command = [sys.executable, "-m", WORKER, *arguments]
    with contextlib.ExitStack() as stack:
        sink = subprocess.DEVNULL if output is None else stack.enter_context(output.open("ab"))
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=sink,
            stderr=sink,
            cwd=settings.ROOT,
            env=environment,
            start_new_session=True,
        )


def _reap(process: "subprocess.Popen[bytes]") -> None:
    """Take note of a process's end, so that it does not stay as a shadow."""
    threading.Thread(target=process.wait, daemon=True).start()


class Queue:
    """The runs of one folder that wait, and those that have a process.

    Attributes:
        root: the folder of all runs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def _waiting(self) -> Path:
        return self.root / ".queue"

    @property
    def _active(self) -> Path:
        return self.root / ".active"

    def _locked(self) -> FileLock:
        self._waiting.mkdir(parents=True, exist_ok=True)
        self._active.mkdir(parents=True, exist_ok=True)
        return FileLock(self.root / ".lock", timeout=WAIT_SECONDS)

    def add(self, run_id: str) -> None:
        """Let a run wait for its turn."""
        with self._locked():
            folder = Folder(self.root / run_id)
            if run_id in self.waiting() or Story(folder).read_on().status(time.time()) in ("running", "paused"):
                return  # another page has asked for it already
            entry = self._waiting / f"{time.time_ns():020d}-{run_id}"
            entry.touch()
            try:
                EventWriter(folder.events).write("queued")
            except OSError:
                entry.unlink()
                raise

    def remove(self, run_id: str) -> bool:
        """Let a run wait no longer; whether it did."""
        with self._locked():
            found = [each for each in self._entries() if _id_of(each) == run_id]
            for each in found:
                (self._waiting / each).unlink(missing_ok=True)
            return bool(found)

    def waiting(self) -> list[str]:
        """The runs that wait, the next one first."""
        return [_id_of(each) for each in self._entries()]

    def _entries(self) -> list[str]:
        try:
            return sorted(os.listdir(self._waiting))  # noqa: PTH208
        except OSError:
            return []

    def active(self) -> list[str]:
        """The runs that have a process."""
        return [run_id for run_id in self._marked() if self._has_process(run_id)]

    def _marked(self) -> list[str]:
        try:
            return sorted(os.listdir(self._active))  # noqa: PTH208
        except OSError:
            return []

    def _has_process(self, run_id: str) -> bool:
        folder = Folder(self.root / run_id)
        return folder.is_locked() or Story(folder).read_on().status(time.time()) in ("running", "paused")

    def mark(self, run_id: str) -> None:
        """A process has this run."""
        self._active.mkdir(parents=True, exist_ok=True)
        (self._active / run_id).touch()

    def release(self, run_id: str) -> None:
        """A run's process is about to end."""
        (self._active / run_id).unlink(missing_ok=True)

    def advance(self, spare: Spare | None = None) -> None:
        """Let waiting runs begin, as many as may train at the same time.

        Args:
            spare: a process that waits for one.
        """
        if not self._entries():
            return
        with self._locked():
            places = settings.current().runs_at_once - len(self._still_active())
            for each in self._entries():
                if places < 1:
                    break
                places -= self._launch(_id_of(each), spare)
                (self._waiting / each).unlink(missing_ok=True)

    def _still_active(self) -> list[str]:
        """The runs that have a process; marks of processes that were killed are removed."""
        living = self.active()
        for run_id in set(self._marked()) - set(living):
            self.release(run_id)
        return living

    def _launch(self, run_id: str, spare: Spare | None) -> bool:
        """Give a run its process; False where it was deleted meanwhile, or has been given one before."""
        folder = Folder(self.root / run_id)
        if not folder.config.is_file() or Story(folder).read_on().last not in ("", "queued"):
            return False
        self.mark(run_id)
        pid = spare.take(folder.path) if spare is not None else None
        if pid is None:
            process = _start([str(folder.path)], stdin=subprocess.DEVNULL, output=folder.output)
            pid = process.pid
            _reap(process)
        with contextlib.suppress(OSError):  # the process tells of itself soon
            EventWriter(folder.events).write("launched", pid=pid)
        return True


def _id_of(entry: str) -> str:
    """The run that an entry of the queue stands for."""
    return entry.partition("-")[2]
