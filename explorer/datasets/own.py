"""A person's own pictures: from a folder, a zip, or several files."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from explorer.datasets import reading, sources
from explorer.datasets.archive import Archive
from explorer.datasets.dataset import Dataset
from explorer.datasets.reading import Options, Progress

CHECKING = "Looking through the files"
CHECKED = 0.2
"""Share of the work that looking through the files of a folder is reckoned as."""
CHUNK_BYTES = 1 << 20
MAX_NAME = 60
"""Longest name of a dataset, in characters."""


def read_folder(
    path: Path | str,
    *,
    image_size: int | None = None,
    crop: bool = True,
    seed: int = 0,
    small_split: bool = False,
    on_progress: Progress | None = None,
) -> Dataset:
    """The pictures in a folder, labelled by its subfolders.

    ``train``, ``validation`` and ``test`` subfolders with class folders in them are the splits; class folders alone
    are split, each class 70 : 15 : 15. What cannot be read is left out and listed in ``skipped``.

    Args:
        path: the folder.
        image_size: height and width of every picture, in pixels; without it pictures that are all of one size, at
            most 256, stay as they are, and others become 150 × 150.
        crop: cut each to a centred square first; otherwise it is squeezed.
        seed: of the split and of the order.
        small_split: 1,000 pictures of each class to train with, 500 to validate and 500 to test.
        on_progress: called with the share done and what is going on; the reading ends if it raises.

    Returns:
        uint8 pictures, memory-mapped from the store; grey where every picture is grey.

    Raises:
        DatasetError: there are fewer than two classes, one is empty, or there are too many files or pixels.
    """
    options = Options(image_size, crop, seed, small_split)

    def checked(share: float) -> None:
        if on_progress:
            on_progress(CHECKED * share, CHECKING)

    def read(share: float, doing: str) -> None:
        if on_progress:
            on_progress(CHECKED + (1 - CHECKED) * share, doing)

    return reading.read(sources.of_folder(path, checked), options, read)


def read_files(
    files: Iterable[tuple[str, bytes]],
    *,
    name: str = "your pictures",
    image_size: int | None = None,
    crop: bool = True,
    seed: int = 0,
    small_split: bool = False,
    on_progress: Progress | None = None,
) -> Dataset:
    """Pictures that are in memory, labelled by the folders in their paths, or by what their names begin with.

    Args:
        files: path and bytes of each, such as ``("cats/1.jpg", b"...")`` or ``("cat.1.jpg", b"...")``.
        name: of the dataset.
        image_size: as for :func:`read_folder`, and likewise the others.
        crop: cut each to a centred square first.
        seed: of the split and of the order.
        small_split: 1,000, 500 and 500 pictures of each class.
        on_progress: called with the share done and what is going on.

    Raises:
        DatasetError: as for :func:`read_folder`.
    """
    options = Options(image_size, crop, seed, small_split)
    return reading.read(sources.of_files(files, name[:MAX_NAME]), options, on_progress)


def read_zip(
    file: bytes | Path | str | BinaryIO,
    *,
    name: str | None = None,
    image_size: int | None = None,
    crop: bool = True,
    seed: int = 0,
    small_split: bool = False,
    on_progress: Progress | None = None,
) -> Dataset:
    """The pictures in a zip archive, labelled by its folders. Nothing is unpacked to disk.

    Args:
        file: the archive: its bytes, its path, or an open file.
        name: of the dataset; the file's own name unless given.
        image_size: as for :func:`read_folder`, and likewise the others.
        crop: cut each to a centred square first.
        seed: of the split and of the order.
        small_split: 1,000, 500 and 500 pictures of each class.
        on_progress: called with the share done and what is going on.

    Raises:
        DatasetError: as for :func:`read_folder`; or the archive is none, damaged or hostile, and is refused whole.
    """
    options = Options(image_size, crop, seed, small_split)
    named = name or (Path(file).stem if isinstance(file, Path | str) else "your pictures")
    return read_archives([file], named, options, on_progress)


def read_archives(
    files: Iterable[bytes | Path | str | BinaryIO], name: str, options: Options, on_progress: Progress | None = None
) -> Dataset:
    """The pictures in some archives, as if they were unpacked into one folder."""
    archives: list[Archive] = []
    digest = hashlib.sha256()
    try:
        for file in files:
            archives.append(Archive(Path(file) if isinstance(file, str) else file))
            digest.update(_digest(file))  # the archive could be opened, so this reads
        return reading.read(sources.of_archives(archives, digest.hexdigest(), name[:MAX_NAME]), options, on_progress)
    finally:
        for archive in archives:
            archive.close()


def _digest(file: bytes | Path | str | BinaryIO) -> bytes:
    """Sha256 of everything in a file."""
    if isinstance(file, bytes):
        return hashlib.sha256(file).digest()
    if isinstance(file, Path | str):
        with Path(file).open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.digest()
