"""Where a person's own pictures come from: a folder, an archive, or several files. All are read the same way."""

import hashlib
import itertools
import os
import stat
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from explorer import settings
from explorer.datasets.archive import Archive, BrokenEntry, Entry
from explorer.datasets.dataset import Skipped
from explorer.datasets.layout import is_hidden
from explorer.errors import DatasetError

Report = Callable[[float], object]
TOLD_EVERY = 100
"""Files of a folder after which progress is told."""


class UnreadableFile(Exception):  # noqa: N818  the file is at fault
    """One file whose bytes cannot be had; the message says why."""


@dataclass(frozen=True)
class Source:
    """Files by their paths.

    Attributes:
        name: what the dataset is called.
        paths: of the files, with forward slashes, sorted.
        contents: for each file something that is equal for files of equal content.
        folders: paths of folders.
        digest: sha256 of everything, in hexadecimal.
        read: the bytes of the file at a place; raises :class:`UnreadableFile`.
        skipped: files that were left out from the start.
    """

    name: str
    paths: Sequence[str]
    contents: Sequence[Hashable]
    folders: Sequence[str]
    digest: str
    read: Callable[[int], bytes]
    skipped: tuple[Skipped, ...] = field(default=())


def of_folder(path: Path | str, on_progress: Report | None = None) -> Source:
    """The files in a folder and below.

    Links to places outside of it, pipes and devices are left out.

    Raises:
        DatasetError: it is no folder, or has too many files.
    """
    try:
        root = Path(path).expanduser().resolve(strict=True)
        is_folder = root.is_dir()
    except (OSError, RuntimeError, ValueError):  # too long, a circle of links, an unknown home, a NUL
        is_folder = False
    if not is_folder:
        raise DatasetError(f"There is no folder {str(path)!r}.")
    tell = on_progress or (lambda _: None)
    files, folders, skipped = _walk(root, tell)
    _check_count(len(files))
    contents, digest = [], hashlib.sha256()
    for number, file in enumerate(files):
        content = _file_digest(root / file)
        contents.append(content)
        digest.update(_bytes(file) + b"\0" + content)
        if number % TOLD_EVERY == 0:
            tell((number + 1) / len(files))
    tell(1.0)
    for other in (*folders, *(one.file for one in skipped)):
        digest.update(_bytes(other) + b"\0")
    read = partial(_read_file, root, files)
    return Source(root.name, files, contents, folders, digest.hexdigest(), read, tuple(skipped))


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _walk(root: Path, tell: Report) -> tuple[list[str], list[str], list[Skipped]]:
    files: list[str] = []
    folders: list[str] = []
    skipped: list[Skipped] = []
    for folder, subfolders, names in os.walk(root):
        tell(0.0)
        _check_most(len(files) + len(names) + len(skipped))
        here = Path(folder)
        links = sorted(name for name in subfolders if (here / name).is_symlink())
        skipped += [Skipped((here / name).relative_to(root).as_posix(), "it is a link to a folder") for name in links]
        subfolders[:] = sorted(name for name in subfolders if name not in links and not is_hidden(name))
        folders += [(here / name).relative_to(root).as_posix() for name in subfolders]
        for name in sorted(names):
            path = (here / name).relative_to(root).as_posix()
            if is_hidden(path):
                continue
            reason = _why_not(root, here / name)
            if reason:
                skipped.append(Skipped(path, reason))
            else:
                files.append(path)
    return files, folders, skipped


def _why_not(root: Path, file: Path) -> str | None:
    try:
        if not file.resolve().is_relative_to(root):
            return "it is a link to a place outside the folder"
        status, limit = file.stat(), settings.current().max_image_bytes
        if not stat.S_ISREG(status.st_mode):
            return "it is not an ordinary file"
        return None if status.st_size <= limit else _too_large(status.st_size, limit)
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links
        return f"it cannot be opened ({getattr(error, 'strerror', None) or error})"


def _too_large(size: int, limit: int) -> str:
    return f"it has {size / 1e6:,.1f} MB; {limit / 1e6:g} MB is the limit for a picture"


def _file_digest(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError:
        return hashlib.sha256(b"unreadable " + _bytes(str(file))).digest()  # that it is will be said when it is read


def _read_file(root: Path, files: Sequence[str], place: int) -> bytes:
    file, limit = root / files[place], settings.current().max_image_bytes
    try:
        with file.open("rb") as opened:
            return opened.read(limit + 1)  # one byte more than is allowed, so that the picture's reader says so
    except OSError as error:
        raise UnreadableFile(f"it cannot be opened ({error.strerror or error})") from error


def of_files(files: Iterable[tuple[str, bytes]], name: str) -> Source:
    """Files that are in memory already, by their paths.

    Raises:
        DatasetError: there are too many, or two have the same path.
    """
    listed = sorted((path.replace("\\", "/").lstrip("/"), content) for path, content in files)
    listed = [(path, content) for path, content in listed if not is_hidden(path)]
    _check_count(len(listed))
    paths = [path for path, _ in listed]
    twice = next((one for one, other in itertools.pairwise(paths) if one == other), None)
    if twice is not None:
        raise DatasetError(f"Two of the files are called {twice[-80:]!r}. Upload the folder, or a zip of it.")
    contents = [hashlib.sha256(content).digest() for _, content in listed]
    digest = hashlib.sha256()
    for path, content in zip(paths, contents, strict=True):
        digest.update(_bytes(path) + b"\0" + content)
    return Source(name, paths, contents, (), digest.hexdigest(), lambda place: listed[place][1])


def of_archives(archives: Sequence[Archive], digest: str, name: str) -> Source:
    """The files of one or more open archives, as if they were unpacked into the same folder.

    Raises:
        DatasetError: there are too many.
    """
    listed: list[tuple[str, Archive, Entry]] = sorted(
        ((entry.name, archive, entry) for archive in archives for entry in archive.entries), key=lambda one: one[0]
    )
    _check_count(len(listed))
    limit = settings.current().max_image_bytes

    def read(place: int) -> bytes:
        _, archive, entry = listed[place]
        if entry.size > limit:
            raise UnreadableFile(_too_large(entry.size, limit))
        try:
            return archive.read(entry)
        except BrokenEntry as error:
            raise UnreadableFile(str(error)) from error

    return Source(
        name,
        [path for path, _, _ in listed],
        [(entry.size, entry.checksum) for _, _, entry in listed],
        [folder for archive in archives for folder in archive.folders],
        digest,
        read,
    )


def _check_most(files: int) -> None:
    limit = settings.current().max_dataset_files
    if files > limit:
        raise DatasetError(f"There are more than {limit:,} files here, which is the limit. Take fewer.")


def _check_count(files: int) -> None:
    _check_most(files)
    if not files:
        raise DatasetError("There are no files here.")
