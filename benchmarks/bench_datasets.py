"""The cost of reading and opening datasets, as ratios measured in one run. Prints a markdown table.

Each ratio has a bar; the program ends with an error when one is above it. Everything it writes is in a temporary
folder that is gone afterwards.
"""

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from common import Row, interleaved, medians, report
from PIL import Image

from explorer import datasets, images
from explorer.settings import MAX_READING_BYTES, MEGABYTE, ROOT

SIDE = 150
QUALITY = 90
PICTURES = 2000
MANY = 10_000
LARGE = (40, 2000, 3000)
"""Pictures, height and width of the zip of 6-megapixel photos."""
CLASSES = ("cats", "dogs")
READ_REPEATS = 5
OPEN_REPEATS = 31
OPENINGS = 100
"""Openings that are timed together, because each takes a fraction of a millisecond."""


def jpegs(count: int, height: int = SIDE, width: int = SIDE) -> Callable[[], bytes]:
    """A function that gives the next of ``count`` random crops of the bundled colour photos, as a JPEG."""
    photos = [images.read_image(images.SAMPLES[name].read_bytes()) for name in ("astronaut", "chelsea", "coffee")]
    if height > SIDE:
        photos = [np.asarray(Image.fromarray(photo).resize((2 * width, 2 * height))) for photo in photos]
    rng = np.random.default_rng(count)

    def draw() -> bytes:
        photo = photos[rng.integers(len(photos))]
        top, left = rng.integers(photo.shape[0] - height), rng.integers(photo.shape[1] - width)
        file = io.BytesIO()
        Image.fromarray(photo[top : top + height, left : left + width]).save(file, "JPEG", quality=QUALITY)
        return file.getvalue()

    return draw


def write_zip(path: Path, count: int, height: int = SIDE, width: int = SIDE) -> Path:
    """A zip with a folder for each class, as programs that pack folders make it."""
    draw = jpegs(count, height, width)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"pets/{CLASSES[number % 2]}/{number:05}.jpg", draw())
    return path


def read_rows(path: Path, stores: Path) -> tuple[list[Row], str]:
    """``read_zip`` into an empty store, with its progress told, against bare loops; and the stored dataset's key."""
    told: list[float] = []
    keys: list[str] = []

    def ours() -> None:
        os.environ["EXPLORER_CACHE_DIR"] = tempfile.mkdtemp(dir=stores)
        told.clear()
        dataset = datasets.read_zip(path, on_progress=lambda share, _: told.append(share))
        assert len(told) >= 100, "no progress was told"
        keys[:] = [dataset.key]

    def bare() -> Iterator[tuple[str, np.ndarray]]:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name, np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))

    def kept() -> dict[str, np.ndarray]:
        return dict(bare())

    def looked_at() -> None:
        for _ in bare():
            pass

    read, keeping, looking = medians((ours, kept, looked_at), READ_REPEATS)
    print(f"Seconds: read_zip {read:.2f}, the loop {keeping:.2f}, keeping nothing {looking:.2f}.", file=sys.stderr)
    stored, decoded = datasets.open_stored(keys[0]), kept()
    assert stored is not None
    assert sum(map(len, stored.splits.values())) == len(decoded) == PICTURES
    for split in stored.splits.values():
        assert all((image == decoded[file]).all() for image, file in zip(split.images, split.files, strict=True))
    what = f"read_zip, {PICTURES:,} JPEGs of {SIDE} × {SIDE}, checked, stored, progress told"
    rows = [
        Row(what, "a bare Pillow loop", read / keeping, 1.2),
        Row(what, "the same loop, no picture kept", read / looking),
    ]
    return rows, keys[0]


def open_row(key: str, folder: Path) -> Row:
    """A stored dataset opened, against the same pictures in an NPY file."""
    stored = datasets.open_stored(key)
    assert stored is not None
    np.save(folder / "x.npy", np.concatenate([split.images for split in stored.splits.values()]))
    path = str(folder / "x.npy")

    def ours() -> None:
        for _ in range(OPENINGS):
            datasets.open_stored(key)

    def theirs() -> None:
        for _ in range(OPENINGS):
            np.load(path, mmap_mode="r")

    ratio = interleaved(ours, theirs, OPEN_REPEATS)
    return Row(f"open_stored, the same {PICTURES:,} pictures", 'numpy.load(mmap_mode="r") of them', ratio, 2)


def held(field: str) -> int:
    """Bytes of memory of this process: ``"VmRSS"`` now, ``"VmHWM"`` at most so far."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split(f"{field}:")[1].split()[0]) * 1024


def print_peak(path: str) -> None:
    """Print by how many bytes this process grew while it read a zip, and how many the dataset has."""
    with tempfile.TemporaryDirectory() as store:
        os.environ["EXPLORER_CACHE_DIR"] = store
        before = held("VmRSS")
        dataset = datasets.read_zip(path)
        print(held("VmHWM") - before, sum(split.images.nbytes for split in dataset.splits.values()))


def peak(path: Path) -> tuple[int, int]:
    """What :func:`print_peak` prints in a process of its own."""
    command = [sys.executable, __file__, "--peak", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    grown, size = done.stdout.split()
    return int(grown), int(size)


def memory_rows(folder: Path) -> list[Row]:
    """What reading holds, against the setting that bounds it and against what is read."""
    many, stored = peak(write_zip(folder / "many.zip", MANY))
    large, _ = peak(write_zip(folder / "large.zip", *LARGE))
    count, height, width = LARGE
    decoded = count * height * width * 3
    limit = f"settings.MAX_READING_BYTES, {MAX_READING_BYTES // MEGABYTE:,} MB"
    print(
        f"Peak memory while reading, in MB: {MANY:,} pictures of {SIDE} × {SIDE} {many / MEGABYTE:.0f}; "
        f"{count} of 6 megapixels {large / MEGABYTE:.0f}.",
        file=sys.stderr,
    )
    small_what = f"memory that reading {MANY:,} pictures of {SIDE} × {SIDE} takes"
    large_what = f"memory that reading {count} pictures of 6 megapixels takes"
    return [
        Row(small_what, limit, many / MAX_READING_BYTES, 0.5),
        Row(small_what, f"the dataset, {stored // MEGABYTE} MB", many / stored, 0.5),
        Row(large_what, limit, large / MAX_READING_BYTES, 0.5),
        Row(large_what, f"the pictures decoded, {decoded // MEGABYTE} MB", large / decoded, 0.5),
    ]


def main() -> None:
    """Print the table; fail when a bar is not kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reading, key = read_rows(write_zip(folder / "pictures.zip", PICTURES), folder)
        report([*reading, open_row(key, folder), *memory_rows(folder)])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(sys.argv[2])
    else:
        main()
