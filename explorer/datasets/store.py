"""Datasets on disk as plain arrays, keyed by their content: opened in no time, in as many processes as like.

A dataset is a folder of four files. The pictures of all splits are one array, one split after the other, and are
mapped into memory, not read: a process that trains on them starts at once, and all share the same memory.
"""

import contextlib
import json
import math
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from explorer import settings
from explorer.datasets.dataset import Dataset, Skipped, Split
from explorer.errors import DatasetError

IMAGES, LABELS, SIZES, FILES, ABOUT = "images.u8", "labels.i64", "sizes.i32", "files.txt", "dataset.json"
CHUNK_BYTES = 1 << 24
UNWRITABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
WRITING = ".writing-"
"""What the names of folders begin with that are not datasets yet, or not any more."""
ABANDONED_SECONDS = 86_400
"""From this age on, a half-written dataset was left behind by a process that was killed."""


def folder() -> Path:
    """Where stored datasets lie."""
    return settings.current().cache_dir / "datasets"


class Files(Sequence[str]):
    """The names of files in a text file, one a line; read when one is asked for."""

    def __init__(self, path: str, start: int, count: int) -> None:
        self._path, self._start, self._count = path, start, count
        self._names: list[str] | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        if self._names is None:
            lines = self._lines()[self._start : self._start + self._count]
            if len(lines) < self._count:
                return ([""] * self._count)[place]
            self._names = lines
        return self._names[place]

    def _lines(self) -> list[str]:
        try:
            return Path(self._path).read_text("utf-8").split("\n")
        except (OSError, ValueError):  # the dataset was removed to make room, and its pictures are still mapped
            return []


def open_stored(key: str) -> Dataset | None:
    """The stored dataset of this key; None where there is none, or where it is damaged.

    Its pictures are read-only and mapped into memory.
    """
    if not key.isalnum():
        return None
    place = f"{folder()}{os.sep}{key}{os.sep}"  # text and not Path objects, which cost more than opening the files
    try:
        about = json.loads(_read(place + ABOUT))
        dataset = _mapped(place, about, key)
    except (OSError, ValueError, LookupError, TypeError, DatasetError):
        return None
    with contextlib.suppress(OSError):  # the store may be for reading only
        os.utime(place + ABOUT)  # the one that was not used for longest goes first
    return dataset


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  see above
        return file.readall()


def _mapped(place: str, about: dict[str, Any], key: str) -> Dataset:
    counts, shape = about["counts"], tuple(about["shape"])
    total = sum(counts)
    images = _map(place + IMAGES, (total, *shape))
    labels = np.frombuffer(_read(place + LABELS), np.int64)
    sizes = np.frombuffer(_read(place + SIZES), np.int32).reshape(-1, 2) if about["sizes"] else None
    if len(labels) != total or (sizes is not None and len(sizes) != total):
        raise DatasetError("The stored dataset is damaged.")
    starts = (0, counts[0], counts[0] + counts[1])

    def split(number: int) -> Split:
        start, count = starts[number], counts[number]
        part = slice(start, start + count)
        files = Files(place + FILES, start, count) if about["files"] else ()
        return Split(images[part], labels[part], None if sizes is None else sizes[part], files)

    return Dataset(
        about["name"],
        tuple(about["class_names"]),
        train=split(0),
        validation=split(1),
        test=split(2),
        key=key,
        notes=tuple(about["notes"]),
        skipped=tuple(Skipped(*one) for one in about["skipped"]),
    )


def _map(path: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if os.stat(path).st_size != math.prod(shape):  # noqa: PTH116  see above
        raise DatasetError("The stored dataset is damaged.")
    return np.memmap(path, np.uint8, "r", shape=shape) if shape[0] else np.empty(shape, np.uint8)


def keep(dataset: Dataset, key: str) -> Dataset:
    """Store a dataset that is in memory; the stored one, or the same with its key where there is no room for it."""
    found = open_stored(key)
    if found is not None:
        return found
    try:
        with writing(key) as writer:
            for split in dataset.splits.values():
                sizes = [None] * len(split) if split.sizes is None else split.sizes
                for image, size in zip(split.images, sizes, strict=True):
                    writer.add(image, size)
            writer.finish(dataset)
    except OSError:
        return replace(dataset, key=key)
    return open_stored(key) or replace(dataset, key=key)


@dataclass
class Writer:
    """A dataset that is being written, picture by picture, in the order train, validation, test."""

    place: Path
    images: IO[bytes]
    sizes: list[tuple[int, int]]

    def add(self, image: NDArray[np.uint8], size: Sequence[int] | None = None) -> None:
        """Write the next picture, and the size that it had."""
        self.images.write(np.ascontiguousarray(image).data)
        if size is not None:
            self.sizes.append((int(size[0]), int(size[1])))

    def to_grey(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Keep one of three equal channels; the new shape of a picture."""
        self.images.close()
        path = self.place / IMAGES
        with path.open("rb") as colour, (self.place / "grey").open("wb") as grey:
            while chunk := colour.read(CHUNK_BYTES * 3):
                grey.write(chunk[::3])
        (self.place / "grey").replace(path)
        return (*shape[:2], 1)

    def finish(self, dataset: Dataset) -> None:
        """Write everything but the pictures; ``dataset`` tells it."""
        self.images.close()
        splits = dataset.splits.values()
        np.concatenate([split.labels for split in splits]).astype(np.int64).tofile(self.place / LABELS)
        np.array(self.sizes, np.int32).tofile(self.place / SIZES)
        names = [name for split in splits for name in split.files]
        (self.place / FILES).write_text("\n".join(map(_on_one_line, names)), "utf-8")
        about = {
            "name": dataset.name,
            "class_names": dataset.class_names,
            "counts": [len(split) for split in splits],
            "shape": dataset.image_shape,
            "sizes": bool(self.sizes),
            "files": bool(names),
            "notes": dataset.notes,
            "skipped": [(_on_one_line(one.file), one.reason) for one in dataset.skipped],
        }
        (self.place / ABOUT).write_text(json.dumps(about), "utf-8")


def _on_one_line(name: str) -> str:
    """A file's name without what would end a line, and without bytes that are no UTF-8."""
    return UNWRITABLE.sub("\ufffd", name)


@contextlib.contextmanager
def writing(key: str) -> Iterator[Writer]:
    """A place to write a dataset to. It is there under its key when the block ends; nothing stays if it fails.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    store = folder()
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store, prefix=WRITING) as temporary:
        place = Path(temporary) / key
        place.mkdir()
        with (place / IMAGES).open("wb") as images:
            yield Writer(place, images, [])
        with contextlib.suppress(OSError):
            _put(place, store / key)
    make_room(key)


def _put(place: Path, wanted: Path) -> None:
    """Move a finished dataset to its place, which is never empty in between if a good one is there."""
    try:
        place.rename(wanted)
    except OSError:
        if open_stored(wanted.name) is None:  # else another process was quicker: theirs is the same
            wanted.rename(place.with_name("damaged"))
            place.rename(wanted)


def make_room(key: str) -> None:
    """Remove what nobody used for too long, then what was not used for longest, until the store is within its limit.

    The dataset ``key`` stays.
    """
    limits, now = settings.current(), time.time()
    stored = []
    for place in folder().iterdir():
        with contextlib.suppress(OSError):
            used, size = _used(place), sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
            writing = place.name.startswith(WRITING)
            if place.name != key and now - used > (ABANDONED_SECONDS if writing else limits.max_store_seconds):
                _remove(place)
            elif not writing:
                stored.append((used, place, size))
    total = sum(size for _, _, size in stored)
    for _, place, size in sorted(stored):
        if total <= limits.max_store_bytes:
            break
        if place.name != key:
            _remove(place)
            total -= size


def _used(place: Path) -> float:
    """When a dataset was last opened, or written as far as it is."""
    about = place / ABOUT
    return (about if about.is_file() else place).stat().st_mtime


def _remove(place: Path) -> None:
    """Remove a dataset; one that is removed by halves is not taken for one any more."""
    gone = place if place.name.startswith(WRITING) else place.with_name(f"{WRITING}{place.name}")
    with contextlib.suppress(OSError):
        place.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
