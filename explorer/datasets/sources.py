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
    root = Path(path).expanduser()
    if not root.is_dir():
        raise DatasetError(f"There is no folder {str(path)!r}.")
    files, folders, skipped = _walk(root.resolve())
    _check_count(len(files))
    contents, digest = [], hashlib.sha256()
    for number, file in enumerate(files):
        content = _file_digest(root / file)
        contents.append(content)
        digest.update(file.encode("utf-8", "surrogateescape") + b"\0" + content)
        if on_progress:
            on_progress((number + 1) / len(files))
    digest.update("\0".join(folders).encode("utf-8", "surrogateescape"))
    read = partial(_read_file, root, files)
    return Source(root.resolve().name, files, contents, folders, digest.hexdigest(), read, tuple(skipped))


def _walk(root: Path) -> tuple[list[str], list[str], list[Skipped]]:
    files, folders, skipped = [], [], []
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        here = Path(folder)
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
        return None if stat.S_ISREG(file.stat().st_mode) else "it is not an ordinary file"
    except OSError as error:
        return f"it cannot be opened ({error.strerror or error})"


def _file_digest(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError:
        return os.urandom(32)  # said when it is read; nothing is equal to it


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
        digest.update(path.encode("utf-8", "surrogateescape") + b"\0" + content)
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

    def read(place: int) -> bytes:
        _, archive, entry = listed[place]
        limit = settings.current().max_image_bytes
        if entry.size > limit:
            raise UnreadableFile(f"it has {entry.size / 1e6:,.1f} MB; {limit / 1e6:g} MB is the limit for a picture")
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


def _check_count(files: int) -> None:
    limit = settings.current().max_dataset_files
    if files > limit:
        raise DatasetError(f"There are {files:,} files here; {limit:,} is the limit. Take fewer.")
    if not files:
        raise DatasetError("There are no files here.")
