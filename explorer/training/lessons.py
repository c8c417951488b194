"""The pictures of a run: to learn from, to validate with, to test with, and the eight that are watched."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer import datasets, settings
from explorer.datasets import Dataset, Split, open_stored
from explorer.errors import RunError
from explorer.images.sizing import fit
from explorer.training.config import TrainConfig
from explorer.training.folder import Folder

WATCHED = 8
"""Validation pictures whose predictions are kept at each epoch."""
HELD_OUT = 0.1
"""Share of the pictures to train with that is held out, where a dataset has none to validate with."""
CHUNK = 256


@dataclass(frozen=True)
class Lesson:
    """What a run learns from.

    Attributes:
        dataset: the pictures, at the size they are trained at.
        watched: places of the watched pictures in the validation split.
        notes: sentences on what was done to the pictures.
    """

    dataset: Dataset
    watched: NDArray[np.int64]
    notes: tuple[str, ...] = ()


def dataset_of(config: TrainConfig, on_progress: Callable[[float, str], object] | None = None) -> Dataset:
    """The dataset that a configuration names.

    Raises:
        DatasetError: there is none, or it cannot be had.
    """
    entry = datasets.BUILTIN.get(config.dataset)
    return datasets.load(
        config.dataset,
        image_size=config.image_size if entry is not None and entry.sized else None,
        seed=config.dataset_seed,
        small_split=config.small_split,
        patch_class=config.patch_class,
        pictures=config.pictures,
        on_progress=on_progress,
    )


def keep(dataset: Dataset, folder: Folder) -> dict[str, Any]:
    """Make sure that a process can open a dataset that was handed over; what ``run.json`` says of it.

    Raises:
        OSError: it cannot be written.
    """
    if dataset.key and open_stored(dataset.key) is not None:
        return {"stored": dataset.key}
    folder.data.mkdir()
    for name, split in dataset.splits.items():
        np.save(folder.data / f"{name}_images.npy", split.images)
        np.save(folder.data / f"{name}_labels.npy", np.asarray(split.labels, np.int64))
    return {"class_names": list(dataset.class_names)}


def kept(name: str, about: dict[str, Any], folder: Folder) -> Dataset:
    """The dataset that :func:`keep` kept.

    Raises:
        RunError: it is gone.
    """
    if "stored" in about:
        found = open_stored(str(about["stored"]))
        if found is None:
            raise RunError("The run's pictures are no longer stored. Open the dataset again and begin a new run.")
        return found
    try:
        train, validation, test = (_split(folder, each) for each in datasets.SPLITS)
    except (OSError, ValueError, EOFError) as error:
        raise RunError("The run's pictures cannot be read any more.") from error
    return Dataset(name, tuple(about["class_names"]), train, validation, test)


def given(config: TrainConfig, data: dict[str, Any] | None, folder: Folder) -> Dataset:
    """The dataset of a run: the one that was handed over, or the one that its configuration names.

    Raises:
        DatasetError, RunError: it cannot be had any more.
    """
    return dataset_of(config) if data is None else kept(config.dataset, data, folder)


def _split(folder: Folder, name: str) -> Split:
    images = np.load(folder.data / f"{name}_images.npy", mmap_mode="r", allow_pickle=False)
    return Split(images, np.load(folder.data / f"{name}_labels.npy", allow_pickle=False))


def prepare(config: TrainConfig, dataset: Dataset) -> Lesson:
    """The pictures as they are trained: of the size that was asked for, no more than were asked for, some held out.

    Raises:
        RunError: there are none to learn from, or they would take too much memory.
    """
    notes: list[str] = []
    if not len(dataset.validation):
        dataset = _held_out(dataset, config.seed, notes)
    wanted = most_pictures(config)
    if len(dataset.train) > wanted:
        notes.append(f"It learns from {wanted:,} of {len(dataset.train):,} pictures, drawn evenly from the classes.")
        places = evenly(dataset.train.labels, wanted, config.seed)
        dataset = replace(dataset, train=_part(dataset.train, places))
    if not len(dataset.train):
        raise RunError(f"The dataset {dataset.name!r} has no pictures to learn from.")
    dataset = _sized(config, dataset, notes)
    return Lesson(dataset, evenly(dataset.validation.labels, WATCHED, seed=0), tuple(notes))


def most_pictures(config: TrainConfig) -> int:
    """The most pictures that a run learns from here."""
    limit = settings.current().max_train_images
    return min(config.train_pictures or limit, limit)


def evenly(labels: NDArray[Any], count: int, seed: int) -> NDArray[np.int64]:
    """The places of so many pictures, drawn by chance, of each class equally many as far as there are; sorted.

    >>> labels = np.array([0] * 9 + [1])
    >>> np.bincount(labels[evenly(labels, 4, seed=0)]).tolist()
    [3, 1]
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    ordered = np.asarray(labels)[order]
    turns = np.empty(len(order), np.int64)  # the first of each class come first, then the second of each
    for label in np.unique(ordered):
        members = np.flatnonzero(ordered == label)
        turns[members] = np.arange(len(members))
    chosen: NDArray[np.int64] = np.sort(order[np.argsort(turns, kind="stable")[:count]])
    return chosen


def _part(split: Split, places: NDArray[np.int64]) -> Split:
    return Split(np.asarray(split.images[places]), np.asarray(split.labels)[places])


def _held_out(dataset: Dataset, seed: int, notes: list[str]) -> Dataset:
    """The dataset with a tenth of its train split as validation."""
    count = max(1, round(len(dataset.train) * HELD_OUT))
    if len(dataset.train) < 2:
        raise RunError(f"The dataset {dataset.name!r} has too few pictures: two are needed at least.")
    places = evenly(dataset.train.labels, count, seed)
    rest = np.setdiff1d(np.arange(len(dataset.train)), places)
    notes.append(f"The dataset has no pictures to validate with: {count:,} of those to learn from were held out.")
    return replace(dataset, train=_part(dataset.train, rest), validation=_part(dataset.train, places))


def _sized(config: TrainConfig, dataset: Dataset, notes: list[str]) -> Dataset:
    """The dataset with pictures of the size that was asked for."""
    side = config.image_size
    if side is None or dataset.image_shape[:2] == (side, side):
        return dataset
    channels = dataset.image_shape[2]
    count = sum(len(split) for split in dataset.splits.values())
    wanted, limit = count * side * side * channels, settings.current().max_resized_bytes
    if wanted > limit:
        raise RunError(
            f"{count:,} pictures of {side} × {side} pixels take {wanted / 1e6:,.0f} MB; {limit / 1e6:,.0f} MB is the "
            "limit here. Take smaller pictures, or learn from fewer."
        )
    rows, cols = dataset.image_shape[:2]
    notes.append(f"The pictures were made to {side} × {side} pixels; they had {rows} × {cols}.")
    train, validation, test = (_resized(split, (side, side, channels)) for split in dataset.splits.values())
    return replace(dataset, train=train, validation=validation, test=test)


def _resized(split: Split, shape: tuple[int, int, int]) -> Split:
    images = np.empty((len(split), *shape), np.uint8)
    for start in range(0, len(split), CHUNK):
        pixels, _ = fit(split.images[start : start + CHUNK], shape)
        images[start : start + CHUNK] = np.rint(pixels)
    return Split(images, split.labels)


def describe(about: bytes) -> dict[str, Any]:
    """What ``run.json`` says; nothing where it says nothing that can be read."""
    try:
        said = json.loads(about)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
