"""Reads the files of a source into a stored dataset: all checked, made to one size, a few at a time.

However many pictures there are, only a few are in memory at once. A file that is no picture is left out and named.
"""

import contextlib
import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from explorer import images, settings
from explorer.datasets import splitting, store
from explorer.datasets.dataset import SPLITS, Dataset, Skipped, Split
from explorer.datasets.layout import Layout, arrange
from explorer.datasets.sources import Source, UnreadableFile
from explorer.errors import DatasetError, ImageInputError
from explorer.images.sizing import to_size
from explorer.settings import MAX_DATASET_SIDE, MAX_READING_BYTES, MEGAPIXEL

VERSION = 1
"""Goes into every key: a higher one leaves what older programs stored behind."""
USUAL_SIDE = 150
"""Height and width of pictures of different sizes, as in the cats-and-dogs tutorials."""
LARGEST_KEPT = 256
"""Pictures that are all of one size up to this are not resized."""
PEEKED = 16
"""Pictures whose sizes are looked at to find out whether all have the same."""
TOGETHER = 16
"""Pictures that a thread decodes before it looks for more."""
SMALL_PIXELS = 60_000
"""Smaller pictures are decoded one after the other: threads would spend their time waiting for Python's lock."""
TOLD = 200
"""How often progress is told, about."""
BYTES_A_PIXEL = 8
"""Memory that a picture takes while it is decoded: RGB, what the decoder holds, and a copy to turn."""

Progress = Callable[[float, str], object]
"""Called with the share that is done, 0–1, and what is going on; it may raise to end the work."""


@dataclass(frozen=True)
class Options:
    """How a source is read.

    Attributes:
        image_size: height and width of every picture, in pixels; None for the size that all have, if it is at most
            256, else 150.
        crop: cut each picture to a centred square before it is resized; otherwise it is squeezed.
        seed: of the split, the small split and the order of the pictures.
        small_split: take 1,000, 500 and 500 pictures of each class.
    """

    image_size: int | None = None
    crop: bool = True
    seed: int = 0
    small_split: bool = False

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.image_size is not None and not 1 <= self.image_size <= MAX_DATASET_SIDE:
            raise DatasetError(
                f"Pictures are made 1 to {MAX_DATASET_SIDE} pixels wide and high, not {self.image_size}."
            )
        if self.seed < 0:
            raise DatasetError(f"The seed is {self.seed}; it has to be 0 or more.")

    def key(self, digest: str) -> str:
        """Names what comes of reading a source with this digest."""
        limits = settings.current()
        allowed = [limits.max_image_bytes, limits.max_image_pixels]
        said = json.dumps([VERSION, digest, self.image_size, self.crop, self.seed, self.small_split, *allowed])
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True)
class _Decoded:
    """A picture as it will be stored, or why there is none; and the size that it has in its file, where it is known."""

    pixels: NDArray[np.uint8] | None
    size: tuple[int, int] = (0, 0)
    reason: str = ""


def read(source: Source, options: Options, on_progress: Progress | None = None) -> Dataset:
    """The dataset in a source; the stored one where it was read before.

    Raises:
        DatasetError: the files are not laid out as classes, are too many, or cannot be stored.
    """
    key = options.key(source.digest)
    found = store.open_stored(key)
    if found is not None:
        return replace(found, name=source.name)
    layout = arrange(source.paths, source.folders)
    numbers = {name: number for number, name in enumerate(layout.class_names)}
    labels = [numbers[member.label] for member in layout.members]
    splits = _splits(source, layout, labels, options)
    order = _order(splits, options.seed)
    places = [layout.members[index].index for index in order]
    height, width = _size(source, places, options)
    _check_bytes(len(places), height, width)
    task = _Task(source, layout, [labels[index] for index in order], splits[order], places, (height, width), options)
    try:
        return task.run(key, on_progress)
    except OSError as error:
        advice = f"Make room in {store.folder()}, or let EXPLORER_CACHE_DIR name another folder."
        if settings.current().profile == "hosted":
            advice = "Try a smaller dataset, or come back later."
        raise DatasetError(f"The pictures could not be stored ({error.strerror or error}). {advice}") from error


def _splits(source: Source, layout: Layout, labels: Sequence[int], options: Options) -> splitting.Splits:
    contents = [source.contents[member.index] for member in layout.members]
    if layout.is_split:
        splits = np.array([SPLITS.index(member.split or "train") for member in layout.members], np.int8)
    elif options.small_split:
        splits = np.zeros(len(labels), np.int8)
    else:
        splits = splitting.split(labels, contents, options.seed)
    if options.small_split:
        splits = splitting.small(labels, splits, layout.class_names, options.seed, contents)
    return splits


def _order(splits: splitting.Splits, seed: int) -> NDArray[np.intp]:
    """The pictures that are in some split, split by split, each shuffled: who reads on meets every class."""
    shuffled = np.random.default_rng((seed, 0)).permutation(len(splits))
    order = shuffled[np.argsort(splits[shuffled], kind="stable")]
    return order[splits[order] >= 0]


def _size(source: Source, places: Sequence[int], options: Options) -> tuple[int, int]:
    """Height and width of every stored picture."""
    if options.image_size is not None:
        return options.image_size, options.image_size
    sizes = set()
    for place in places[:: max(1, len(places) // PEEKED)]:
        try:
            sizes.add(images.read(source.read(place)).pixels.shape[:2])
        except (UnreadableFile, ImageInputError):
            continue
        if len(sizes) > 1:
            break
    one = sizes.pop() if len(sizes) == 1 else (LARGEST_KEPT + 1,) * 2
    return one if max(one) <= LARGEST_KEPT else (USUAL_SIDE, USUAL_SIDE)


def _check_bytes(count: int, height: int, width: int) -> None:
    limit = settings.current().max_dataset_bytes
    if count * height * width * 3 > limit:
        raise DatasetError(
            f"{count:,} pictures of {height} × {width} pixels take {count * height * width * 3 / 1e6:,.0f} MB; "
            f"{limit / 1e6:,.0f} MB is the limit. Choose a smaller size, or fewer pictures."
        )


def _counted(pixels: int, limit: int) -> int:
    """The number, if that many pixels may be decoded."""
    if pixels > limit:
        raise DatasetError(
            f"The pictures have more than {limit / MEGAPIXEL:,.0f} megapixels together, which is the limit. "
            "Take fewer, or make them smaller."
        )
    return pixels


@dataclass(frozen=True)
class _Task:
    """What is to be read, in the order in which it is stored."""

    source: Source
    layout: Layout
    labels: Sequence[int]
    splits: splitting.Splits
    places: Sequence[int]
    size: tuple[int, int]
    options: Options

    def run(self, key: str, on_progress: Progress | None) -> Dataset:
        """Read, store, and open the stored dataset."""
        good, skipped, all_grey = [], [*self.source.skipped, *self.layout.skipped], True
        step, pixels, most = max(1, len(self.places) // TOLD), 0, settings.current().max_dataset_pixels
        with store.writing(key) as writer, contextlib.closing(self._decoded()) as all_decoded:
            for number, decoded in enumerate(all_decoded):
                if decoded.pixels is None:
                    skipped.append(Skipped(self.source.paths[self.places[number]], decoded.reason))
                else:
                    writer.add(decoded.pixels, decoded.size)
                    good.append(number)
                    all_grey = all_grey and is_grey(decoded.pixels)
                pixels = _counted(pixels + decoded.size[0] * decoded.size[1], most)
                if on_progress and (number % step == 0 or number + 1 == len(self.places)):
                    on_progress((number + 1) / len(self.places), "Reading the pictures")
            self._check_classes(good, skipped)
            shape = writer.to_grey((*self.size, 3)) if all_grey else (*self.size, 3)
            writer.finish(self._dataset(writer, good, shape, skipped))
        stored = store.open_stored(key)
        if stored is None:
            raise DatasetError("What was stored could not be opened again; the disk may be full. Try again.")
        return stored

    def _decoded(self) -> Generator[_Decoded, None, None]:
        """Each picture in turn; large ones are decoded ahead, side by side."""
        limits = settings.current()
        decode = partial(_decode, self.source, limits, self.size, self.options.crop)
        first = [decode(place) for place in self.places[:TOGETHER]]
        yield from first
        if max((height * width for height, width in (one.size for one in first)), default=0) < SMALL_PIXELS:
            yield from map(decode, self.places[TOGETHER:])
            return
        side_by_side = MAX_READING_BYTES // (limits.max_image_pixels * BYTES_A_PIXEL)
        yield from _ahead(decode, self.places[TOGETHER:], max(1, min(os.cpu_count() or 1, side_by_side)))

    def _check_classes(self, good: Sequence[int], skipped: Sequence[Skipped]) -> None:
        there = {self.labels[number] for number in good if self.splits[number] == 0}
        for label, name in enumerate(self.layout.class_names):
            if label not in there:
                places = [place for place, its in zip(self.places, self.labels, strict=True) if its == label]
                files = {self.source.paths[place] for place in places}
                why = next((f" {one.file[-80:]!r}: {one.reason}" for one in skipped if one.file in files), "")
                raise DatasetError(
                    f"The class {name!r} has no picture to train with that could be read.{why} "
                    "Put pictures into its folder, or remove it."
                )

    def _dataset(
        self, writer: store.Writer, good: Sequence[int], shape: tuple[int, int, int], skipped: Sequence[Skipped]
    ) -> Dataset:
        """What was written, so that it is checked, and told to the writer."""
        writer.images.close()  # what is still in the buffer is written
        pixels = np.memmap(writer.place / store.IMAGES, np.uint8, "r", shape=(len(good), *shape))
        labels = np.array([self.labels[number] for number in good], np.int64)
        files = [self.source.paths[self.places[number]] for number in good]
        in_split = self.splits[list(good)]

        def part(split: int) -> Split:
            chosen = np.flatnonzero(in_split == split)
            start, end = (chosen[0], chosen[-1] + 1) if len(chosen) else (0, 0)
            return Split(pixels[start:end], labels[start:end], files=files[start:end])

        return Dataset(
            self.source.name,
            self.layout.class_names,
            train=part(0),
            validation=part(1),
            test=part(2),
            notes=self._notes(writer),
            skipped=tuple(skipped),
        )

    def _notes(self, writer: store.Writer) -> tuple[str, ...]:
        resized = sum(size != self.size for size in writer.sizes)
        height, width = self.size
        if not resized:
            return ()
        how = "cut to the middle and resized" if self.options.crop else "squeezed or stretched"
        return (f"{resized:,} of {len(writer.sizes):,} pictures were {how} to {height} × {width} pixels.",)


def _ahead(decode: Callable[[int], _Decoded], places: Sequence[int], workers: int) -> Generator[_Decoded, None, None]:
    """Each picture in turn, while threads decode the next few."""
    together = [places[start : start + TOGETHER] for start in range(0, len(places), TOGETHER)]
    pool, ended = ThreadPoolExecutor(workers), threading.Event()
    waiting: deque[Future[list[_Decoded]]] = deque()
    try:
        for some in together:
            waiting.append(pool.submit(lambda some: [decode(place) for place in some if not ended.is_set()], some))
            if len(waiting) > 2 * workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)


def _decode(source: Source, limits: settings.Settings, size: tuple[int, int], crop: bool, place: int) -> _Decoded:
    try:
        data = source.read(place)
    except UnreadableFile as error:
        return _Decoded(None, reason=str(error))
    try:
        pixels = images.read(data, limits=limits).pixels
    except ImageInputError as error:
        return _Decoded(None, images.size_of(data), str(error))  # a broken picture is decoded up to where it breaks
    # A copy, because a part of a picture would keep the whole of it in memory.
    return _Decoded(np.array(to_size(pixels, *size, crop=crop)), (pixels.shape[0], pixels.shape[1]))


def is_grey(image: NDArray[np.uint8]) -> bool:
    """Whether red, green and blue are equal in every pixel of (H, W, 3)."""
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all())
