"""The process that trains: ``python -m explorer.training.worker runs/<id>``.

With ``--spare`` it imports TensorFlow first and reads the run's folder from its standard input; where that is closed
without a word, it ends. The same command trains a run on another machine.
"""

import contextlib
import os
import select
import sys
from pathlib import Path

from filelock import Timeout

from explorer.training.folder import Folder

LOCK_SECONDS = 10.0
NICENESS = 5
"""The page stays quick while a network is trained."""


def main(arguments: list[str]) -> int:
    """Train the run of a folder; 0 where it ended in order."""
    if arguments == ["--spare"]:
        return spare()
    if len(arguments) != 1:
        sys.stderr.write("Give the folder of one run.\n")
        return 2
    be_nice()
    return train(Path(arguments[0]))


def spare() -> int:
    """Import what is needed and warm it up, wait for a run, train it."""
    be_nice()
    from explorer.training.warming import warm  # noqa: PLC0415 - it takes seconds, which is the point

    if not is_asked():
        warm()
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        return 0
    folder = Folder(line)
    with contextlib.suppress(OSError), folder.output.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    return train(folder.path)


def is_asked() -> bool:
    """Whether a run waits already; False where that cannot be seen."""
    try:
        return bool(select.select([sys.stdin], [], [], 0)[0])
    except (OSError, ValueError):  # Windows knows it of sockets alone
        return False


def be_nice() -> None:
    """Let the page go first."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(max(0, NICENESS - os.nice(0)))  # one that another worker has started is nice already


def train(path: Path) -> int:
    """Train the run of this folder, and let the next one begin."""
    folder = Folder(path)
    lock = folder.lock
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        sys.stderr.write("Another process trains this run.\n")
        return 1
    from explorer.training.launching import Queue  # noqa: PLC0415

    queue = Queue(path.parent)
    queue.mark(path.name)  # the process before, which was just ending, may have removed it
    try:
        from explorer.training.learning import work  # noqa: PLC0415 - TensorFlow

        work(folder)
    finally:
        queue.release(path.name)
        lock.release()
        queue.advance()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
