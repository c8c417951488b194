"""Which class, and which split, a file belongs to: told by the folders it lies in, as the tutorials lay them out.

* ``train/cats/1.jpg``, ``validation/cats/2.jpg``, ``test/…``: splits, then classes;
* ``cats/1.jpg``, ``dogs/1.jpg``: classes alone;
* ``rps/rock/1.png``, ``rps-test-set/rock/1.png``: a folder of splits by another name;
* ``cat.0.jpg``, ``dog.0.jpg``: no folders, the class stands before the number.

Folders around all of this (``cats_and_dogs_filtered/train/…``) do not matter.
"""

import re
import string
import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from explorer.datasets.dataset import SPLITS, Skipped
from explorer.errors import DatasetError
from explorer.images.formats import ALLOWED
from explorer.settings import MAX_DATASET_CLASSES

MAX_DEPTH = 16
"""Most folders around a file."""
PICTURES = frozenset(("", "png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "dib", "gif", "tif", "tiff"))
"""How the names of pictures end; one without an end may be a picture too."""
MAX_CLASS_NAME = 100
"""Longest name of a class, in characters."""
WORDS = {
    "train": {"train", "training"},
    "validation": {"validation", "valid", "val", "dev"},
    "test": {"test", "testing"},
}
"""Words in a folder's name that tell its split."""
EXPECTED = (
    "Pictures lie in one folder for each class (cats/…, dogs/…), alone or inside folders named train, validation and "
    "test."
)
HIDDEN = ("thumbs.db", "desktop.ini")
AROUND_NUMBERS = string.whitespace + "._-()"
"""What stands around the number at the end of a file's name."""


@dataclass(frozen=True)
class Member:
    """A file of a dataset.

    Attributes:
        index: its place in the list that was arranged.
        label: the name of its class.
        split: ``train``, ``validation`` or ``test``; None where no folder says.
    """

    index: int
    label: str
    split: str | None = None


@dataclass(frozen=True)
class Layout:
    """What the folders say.

    Attributes:
        class_names: sorted, as Keras does.
        members: the files that have a class, in the order of the list.
        skipped: the others.
    """

    class_names: tuple[str, ...]
    members: tuple[Member, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def is_split(self) -> bool:
        """Whether folders say which pictures are for validation or test, and not only for training."""
        return any(member.split in ("validation", "test") for member in self.members)


@dataclass
class _Folder:
    """A folder: its subfolders by name, and the numbers of the files that lie directly in it."""

    folders: "dict[str, _Folder]"
    files: list[int]

    def all_files(self) -> list[int]:
        """The numbers of every file below."""
        files, left = [], [self]
        while left:  # not by recursion: a stranger's path may be very deep
            folder = left.pop()
            files += folder.files
            left += folder.folders.values()
        return files


def is_hidden(path: str) -> bool:
    """Whether a file is what operating systems leave lying around.

    >>> is_hidden("__MACOSX/cats/._1.jpg"), is_hidden("cats/1.jpg")
    (True, False)
    """
    parts = path.split("/")
    return any(part.startswith(".") or part.upper() == "__MACOSX" for part in parts) or parts[-1].lower() in HIDDEN


def split_of(folder: str) -> str | None:
    """The split that a folder's name tells.

    >>> split_of("rps-test-set"), split_of("seg_train"), split_of("cats")
    ('test', 'train', None)
    """
    words = set(re.split(r"[^a-z]+", folder.lower()))
    return next((split for split in SPLITS if words & WORDS[split]), None)


def class_before_number(path: str) -> str | None:
    """The class that a file's name begins with.

    >>> class_before_number("train/cat.12.jpg"), class_before_number("paper01-003.png"), class_before_number("7.jpg")
    ('cat', 'paper', None)
    """
    stem = unicodedata.normalize("NFC", path.rsplit("/", 1)[-1].rsplit(".", 1)[0])
    name = stem.rstrip(AROUND_NUMBERS + string.digits)  # no pattern, which a stranger's long name could keep busy
    return name if any(digit in stem[len(name) :] for digit in string.digits) and name else None


def arrange(paths: Sequence[str], folders: Iterable[str] = ()) -> Layout:
    """The classes and splits of some files.

    Args:
        paths: of the files, with forward slashes.
        folders: paths of folders, so that empty ones are not overlooked.

    Raises:
        DatasetError: fewer than two classes, too many, one without files, or one that training has no pictures of.

    >>> arrange(["pets/train/cat/1.jpg", "pets/train/dog/1.jpg", "pets/test/dog/2.jpg", "pets/readme.md"]).class_names
    ('cat', 'dog')
    """
    others = {file for file, path in enumerate(paths) if not may_be_picture(path) and not is_hidden(path)}
    root, strays = _descend(_tree(paths, folders, others), paths)
    reasons = dict.fromkeys(others, f"its name is not that of a picture; {ALLOWED}")
    reasons |= dict.fromkeys(strays, "it lies outside the folders of the classes")
    by_split = _splits(root)
    if by_split is None:
        found, without = _classes(root, paths, None)
    else:
        found, without = _members_of_splits(by_split, paths)
        taken = {file for folders in by_split.values() for folder in folders for file in folder.all_files()}
        outside = set(root.all_files()) - taken
        reasons |= dict.fromkeys(outside, "it lies outside the folders train, validation and test")
    reasons |= without
    names = _checked_names(found)
    members = tuple(sorted((member for group in found.values() for member in group), key=lambda member: member.index))
    return Layout(names, members, tuple(Skipped(paths[file], reasons[file]) for file in sorted(reasons)))


Found = dict[str, list[Member]]
Reasons = dict[int, str]


def may_be_picture(path: str) -> bool:
    """Whether a file's name is that of a picture, or has no end that would tell.

    >>> may_be_picture("cats/1.JPG"), may_be_picture("cats/1"), may_be_picture("notes.txt")
    (True, True, False)
    """
    return path.rsplit("/", 1)[-1].rpartition(".")[0] == "" or path.rsplit(".", 1)[-1].lower() in PICTURES


def _tree(paths: Sequence[str], folders: Iterable[str], without: Container[int]) -> _Folder:
    root = _Folder({}, [])
    for path in folders:
        if not is_hidden(path):
            _reach(root, path.strip("/").split("/"))
    for number, path in enumerate(paths):
        if not is_hidden(path):
            folder = _reach(root, path.split("/")[:-1])
            if number not in without:
                folder.files.append(number)
    return root


def _reach(folder: _Folder, parts: Sequence[str]) -> _Folder:
    if len(parts) > MAX_DEPTH:
        raise DatasetError(
            f"The folder {'/'.join(parts)[:80]!r} lies more than {MAX_DEPTH} folders deep. Put the folders of the "
            "classes into one folder, and pictures into these."
        )
    for part in parts:
        name = unicodedata.normalize("NFC", part)  # macOS takes accents and letters apart
        folder = folder.folders.setdefault(name, _Folder({}, []))
    return folder


def _descend(folder: _Folder, paths: Sequence[str], classes: Container[str] = ()) -> tuple[_Folder, list[int]]:
    """Into the only subfolder, and so on, down to the classes; the files that are left behind.

    A subfolder is one of ``classes``, or else it is a class if it holds only files, unless its name tells a split, or
    the files' names tell the classes.
    """
    strays: list[int] = []
    while len(folder.folders) == 1:
        ((name, only),) = folder.folders.items()
        if name in classes or not (only.folders or split_of(name) or _tell_classes(only.files, paths)):
            break
        strays += folder.files
        folder = only
    return folder, strays


def _tell_classes(files: Sequence[int], paths: Sequence[str]) -> bool:
    """Whether each file's name begins with a class, and there are several."""
    told = {class_before_number(paths[file]) for file in files}
    return len(told) > 1 and None not in told


def _splits(root: _Folder) -> Mapping[str, list[_Folder]] | None:
    """The folders of each split; None where the folders are classes."""
    told = {name: split_of(name) for name in root.folders}
    nested = [name for name in told if root.folders[name].folders]
    is_split = any(told[name] for name in nested) or ("train" in told.values() and all(told.values()))
    if not is_split:
        return None
    if "train" not in told.values() and len(others := [name for name in nested if told[name] is None]) == 1:
        told[others[0]] = "train"  # as rps beside rps-test-set
    if "train" not in told.values():
        if sum(map(bool, told.values())) == 1 < len(told):
            return None  # as "test tube" among other classes
        raise DatasetError(f"There is no folder of pictures to train with. {EXPECTED}")
    return {split: [root.folders[name] for name in told if told[name] == split] for split in SPLITS}


def _members_of_splits(by_split: Mapping[str, list[_Folder]], paths: Sequence[str]) -> tuple[Found, Reasons]:
    found: Found = {}
    reasons: Reasons = {}
    for split, folders in by_split.items():
        for folder in folders:
            inner, strays = _descend(folder, paths, found)
            reasons |= dict.fromkeys(strays, "it lies outside the folders of the classes")
            classes, without = _classes(inner, paths, split, allowed=found if split != "train" else None)
            reasons |= without
            for label, members in classes.items():
                if split != "train" and label not in found:
                    raise DatasetError(
                        f"The class {label!r} has a folder for {split}, but none to train with. "
                        "Each class needs pictures to train with."
                    )
                found.setdefault(label, []).extend(members)
    return found, reasons


def _classes(
    folder: _Folder, paths: Sequence[str], split: str | None, allowed: Found | None = None
) -> tuple[Found, Reasons]:
    """The members of each class in a folder, and the files without a class.

    Where there are no subfolders, the files' names tell; then only classes in ``allowed`` count, if it is given.
    """
    if folder.folders:
        found = {
            label: [Member(file, label, split) for file in inner.all_files()] for label, inner in folder.folders.items()
        }
        for label, members in found.items():
            if not members and (split in (None, "train")):
                raise DatasetError(f"The folder of the class {label!r} is empty. Put pictures into it, or remove it.")
        return found, dict.fromkeys(folder.files, "it lies outside the folders of the classes")
    found, reasons = {}, {}
    for file in folder.files:
        told = class_before_number(paths[file])
        if told is None or (allowed is not None and told not in allowed):
            reasons[file] = "it lies in no class's folder, and its name does not begin with a class"
        else:
            found.setdefault(told, []).append(Member(file, told, split))
    return found, reasons


def _checked_names(found: Found) -> tuple[str, ...]:
    names = tuple(sorted(found))
    if len(names) < 2:
        what = f"only the class {names[0]!r}" if names else "no class"
        raise DatasetError(f"There is {what} here; a network needs two or more to tell apart. {EXPECTED}")
    if len(names) > MAX_DATASET_CLASSES:
        raise DatasetError(f"There are {len(names):,} classes here; {MAX_DATASET_CLASSES:,} is the limit.")
    for name in names:
        if len(name) > MAX_CLASS_NAME or not name.isprintable():
            raise DatasetError(
                f"The class {name[:40]!r} has a name that is too long, or that cannot be printed. "
                f"Give its folder another one, of at most {MAX_CLASS_NAME} characters."
            )
    return names
