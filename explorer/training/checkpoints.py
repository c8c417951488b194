"""Weights on the disk: plain NumPy archives that are there whole or not at all."""

import json
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import RunError
from explorer.training.folder import Folder, writing_whole

Arrays = list[NDArray[Any]]
DAMAGED = (
    OSError,
    ValueError,
    IndexError,
    KeyError,
    EOFError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy raises of a file that is not there, or not whole."""


@dataclass
class Place:
    """How far a run has come, and what its decisions depend on.

    Attributes:
        epoch: whole epochs so far.
        step: batches of the epoch after them that were learned from.
        rate: the learning rate that the schedule starts from, or the one that was set by hand.
        share: the schedule's share where that was set; 1 where nothing was.
        best: state of ``schedules.Best`` of early stopping.
        plateau: state of that of the schedule, and how often it has lowered the rate.
        seconds: trained so far, pauses left out.
        rates: wishes for another learning rate that were obeyed so far.
    """

    epoch: int = 0
    step: int = 0
    rate: float = 0.0
    share: float = 1.0
    best: dict[str, float] = field(default_factory=dict)
    plateau: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    rates: int = 0


def save_weights(path: Path, weights: Arrays) -> None:
    """Write the weights of a network.

    Raises:
        OSError: they cannot be written; a file that was there before is untouched.
    """
    with writing_whole(path) as place, place.open("wb") as file:
        _save(file, {f"w{number}": weight for number, weight in enumerate(weights)})


def save_answers(path: Path, **arrays: NDArray[Any]) -> None:
    """Write pictures, labels or probabilities by name.

    Raises:
        OSError: they cannot be written; a file that was there before is untouched.
    """
    with writing_whole(path) as place, place.open("wb") as file:
        _save(file, arrays)


def read_weights(path: Path) -> Arrays:
    """The weights that were saved.

    Raises:
        RunError: they are not there, or damaged.
    """
    try:
        return _read(path)[0]
    except DAMAGED as error:
        raise RunError(f"The weights in {path.name} cannot be read. Choose another epoch, or run it again.") from error


def read_first_kernel(path: Path) -> NDArray[np.float32] | None:
    """The kernel of the first convolution, float32 (rows, columns, channels in, channels out), read alone.

    None where there is no file, or no convolution.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            first = saved["w0"]
    except DAMAGED:
        return None
    return np.asarray(first, np.float32) if first.ndim == 4 else None


def save_state(folder: Folder, place: Place, weights: Arrays, optimizer: Arrays) -> None:
    """Write everything that training goes on from.

    Args:
        folder: of the run.
        place: how far it has come.
        weights: of the network.
        optimizer: what a step depends on besides: moments, and the seeds of dropout.

    Raises:
        OSError: it cannot be written; the state before is untouched.
    """
    about = np.frombuffer(json.dumps(vars(place)).encode(), np.uint8)
    arrays = {f"w{number}": weight for number, weight in enumerate(weights)}
    arrays |= {f"o{number}": value for number, value in enumerate(optimizer)}
    with writing_whole(folder.state) as path, path.open("wb") as file:
        _save(file, {"about": about, **arrays})


def _save(file: IO[bytes], arrays: dict[str, NDArray[Any]]) -> None:
    np.savez(file, **arrays)  # type: ignore[arg-type]  # NumPy's stub takes every name for allow_pickle


def read_state(folder: Folder) -> tuple[Place, Arrays, Arrays] | None:
    """Place, weights and optimizer of the last checkpoint; None where there is none.

    Raises:
        RunError: it is damaged.
    """
    if not folder.state.is_file():
        return None
    try:
        weights, optimizer, about = _read(folder.state)
        place = Place(**json.loads(about))
    except (*DAMAGED, TypeError) as error:
        raise RunError("The run's checkpoint is damaged. Begin a new run.") from error
    return place, weights, optimizer


def _read(path: Path) -> tuple[Arrays, Arrays, bytes]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
        found = {name: saved[name] for name in saved.files}
    about = found.pop("about", np.empty(0, np.uint8)).tobytes()
    ordered = sorted(found, key=lambda name: (name[0], int(name[1:])))
    return (
        [found[name] for name in ordered if name[0] == "w"],
        [found[name] for name in ordered if name[0] == "o"],
        about,
    )


def prune(folder: Folder, keep: set[int], limit: int) -> list[int]:
    """Remove weights of epochs, the oldest first, until the run takes no more than so many bytes.

    Args:
        folder: of the run.
        keep: epochs that stay in any case.
        limit: bytes of the whole run.

    Returns:
        The epochs that were removed.
    """
    removed: list[int] = []
    size = folder.size()
    for number in folder.kept_epochs():
        if size <= limit:
            break
        if number not in keep:
            path = folder.epoch(number)
            size -= path.stat().st_size
            path.unlink(missing_ok=True)
            removed.append(number)
    return removed
