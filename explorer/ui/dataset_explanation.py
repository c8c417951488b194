"""What the Datasets page says under its pictures: what a split is for, experiments, code, files."""

import csv
import io
import posixpath
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np

from explorer import images, snippets
from explorer.datasets import BUILTIN, Dataset, survey
from explorer.datasets.builtin import SHAPES
from explorer.datasets.splitting import SHARES
from explorer.ui import dataset_options as options
from explorer.ui import dataset_stage, links
from explorer.ui.dataset_stage import Seen
from explorer.ui.frame import Download, Experiment, Explanation
from explorer.ui.texts import plain

MAX_NPZ_BYTES = 200_000_000
"""Larger datasets are not packed for a download."""


def explanation(seen: Seen) -> Explanation:
    """Everything under the pictures."""
    return Explanation(
        text=_text(seen), experiments=EXPERIMENTS, programs=_programs(seen), downloads=_downloads(seen.dataset)
    )


def _text(seen: Seen) -> str:
    dataset = seen.dataset
    height, width, channels = dataset.image_shape
    n_train, n_validation, n_test = (len(split) for split in dataset.splits.values())
    chance = f"{_chance(seen):.1%}".replace("%", r"\%")
    told = (
        rf"Each picture is $H \times W \times C = {height} \times {width} \times {channels} = "
        rf"{height * width * channels:,}$ numbers from 0 to 255, with the number of its class, "
        rf"$0 \dots {len(dataset.class_names) - 1}$. That is all a network is ever told."
    )
    used = (
        f"It **learns** from train ({n_train:,}), is **watched** on validation ({n_validation:,}) while it learns, "
        f"and is **judged** on test ({n_test:,}), once. A figure from pictures it has learned from says nothing."
    )
    guess = (
        rf"Always guessing the most frequent class is right for $\max_k n_k / n = {chance}$ of {seen.split}: "
        "whoever is not better has learned nothing."
    )
    parts = [told, used, guess]
    own = seen.opened.asked.own is not None
    if own and seen.pictures.files:
        shares = " : ".join(f"{share:.0%}" for share in SHARES)
        parts.append(
            f"Class folders alone are split {shares}, each class by itself, by the seed; exact copies stay together. "
            "Folders named train, validation and test are taken as they are."
        )
    if not own:
        entry = BUILTIN[seen.opened.asked.name]
        parts.append(f"*{entry.title}*: {entry.note} {plain(entry.source)}.")
    return "\n\n".join(parts)


def _chance(seen: Seen) -> float:
    of_class = np.bincount(seen.pictures.labels, minlength=1)
    return float(of_class.max() / max(1, of_class.sum()))


def _programs(seen: Seen) -> Mapping[str, str]:
    asked = seen.opened.asked
    if asked.own is None:
        programs = snippets.dataset_programs(
            asked.name,
            image_size=asked.image_size,
            seed=asked.seed,
            small_split=asked.small_split,
            patch_class=asked.patch_class,
            pictures=asked.pictures if asked.pictures != SHAPES else None,
        )
    else:
        programs = snippets.own_dataset_programs(
            asked.own.kind,
            seen.dataset.image_shape,
            seed=asked.seed,
            small_split=asked.small_split,
            class_folders=class_folders(seen.dataset),
        )
    return {name: program for name, program in programs.items() if name != "NumPy" or _is_packed(seen.dataset)}


def class_folders(dataset: Dataset) -> Mapping[str, str]:
    """For each split the path in which the folders of its classes lie; empty where there are none."""
    found = {}
    for name, split in dataset.splits.items():
        labels, places = np.unique(split.labels, return_index=True)
        files = [unicodedata.normalize("NFC", split.files[place]) for place in places]
        if "" in files:  # the store was emptied meanwhile
            return {}
        root = posixpath.commonpath(posixpath.dirname(file) for file in files) if files else ""
        if any(
            posixpath.relpath(file, root or ".").split("/")[0] != dataset.class_names[label]
            for file, label in zip(files, labels, strict=True)
        ):
            return {}
        if files:
            found[name] = root
    return found


def _downloads(dataset: Dataset) -> list[Download]:
    files = [
        Download("Counts by class and split, CSV", "counts.csv", "text/csv", lambda: counts_csv(dataset)),
        Download("One picture of each class, PNG", "classes.png", "image/png", lambda: _classes_png(dataset)),
    ]
    if dataset.skipped:
        files.append(Download("Files left out, CSV", "left_out.csv", "text/csv", lambda: skipped_csv(dataset)))
    if _is_packed(dataset):
        files.append(Download("Pictures and labels, NPZ", "dataset.npz", "application/zip", lambda: npz(dataset)))
    return files


def _is_packed(dataset: Dataset) -> bool:
    """Whether all its arrays can be had as one file."""
    return sum(split.images.nbytes for split in dataset.splits.values()) <= MAX_NPZ_BYTES


def counts_csv(dataset: Dataset) -> str:
    """A row for each class, a column for each split."""
    text, found = io.StringIO(), survey.counts(dataset)
    writer = csv.writer(text)
    writer.writerow(["class", *found])
    for label, name in enumerate(dataset.class_names):
        writer.writerow([_cell(name), *(int(of_class[label]) for of_class in found.values())])
    return text.getvalue()


def skipped_csv(dataset: Dataset) -> str:
    """A row for each file that was left out."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "reason"])
    writer.writerows((_cell(one.file), _cell(one.reason)) for one in dataset.skipped)
    return text.getvalue()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def npz(dataset: Dataset) -> bytes:
    """All arrays, named as in Keras's ``mnist.npz``, and the names of the classes."""
    file = io.BytesIO()
    arrays: dict[str, Any] = {}
    for name, split in dataset.splits.items():
        arrays |= {f"x_{name}": split.images, f"y_{name}": split.labels}
    np.savez_compressed(file, allow_pickle=False, **arrays, class_names=np.array(dataset.class_names))
    return file.getvalue()


def _classes_png(dataset: Dataset) -> bytes:
    """The first picture of each class that train has pictures of."""
    places = np.unique(dataset.train.labels, return_index=True)[1]
    pictures = [dataset.train.images[place] for place in places]
    return images.encode_png(dataset_stage.small(pictures, 10, 4, dark=False).pixels)


def _set_up(dataset: str, **choices: object) -> None:
    links.reset([*options.CONTROLS[1:-1]])
    options.DATASET.put(dataset)
    for control in options.CONTROLS:
        name = control.key.removeprefix(f"{options.PAGE}.")
        if name in choices:
            control.put(choices[name])


EXPERIMENTS = (
    Experiment(
        "Clothes that look alike",
        "Compare the mean pictures of shirt, pullover and coat: these are what networks mix up most.",
        lambda: _set_up("fashion-mnist-small", tab="means"),
    ),
    Experiment(
        "Too easy to be true",
        "A pink patch is planted in every circle. The corners alone now tell circles apart, and in test they do not.",
        lambda: _set_up("shapes", patch="circle", split="validation", tab="cues"),
    ),
    Experiment(
        "Is a test picture known already?",
        "Some clothes are photographed nearly twice: one picture to learn from, the other in the test.",
        lambda: _set_up("fashion-mnist-small", split="test", tab="copies"),
    ),
)
