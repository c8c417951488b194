"""Datasets that come as arrays: the IDX files of MNIST (plain or gzipped), and NPZ files laid out as Keras's.

IDX: two zero bytes, the type (8 for uint8), the number of dimensions, each dimension as a big-endian uint32, then the
numbers (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits").
"""

import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.datasets.dataset import Dataset, Split
from explorer.errors import DatasetError

UINT8 = 8
PARTS = {"train": "train", "test": "t10k"}
"""What the IDX files of each split begin with."""
KEYS = {split: (f"x_{split}", f"y_{split}") for split in PARTS}
"""Where an NPZ file has the pictures and the labels of each split."""


def idx_files(folder: Path) -> list[Path] | None:
    """The four IDX files in a folder, in the order train pictures, train labels, test pictures, test labels.

    Returns:
        None where one of them is missing. ``images-idx3-ubyte`` and ``images.idx3-ubyte`` are both usual.
    """
    files = []
    for part in PARTS.values():
        for what in ("images?idx3", "labels?idx1"):
            found = sorted(folder.glob(f"{part}-{what}-ubyte")) or sorted(folder.glob(f"{part}-{what}-ubyte.gz"))
            if not found:
                return None
            files.append(found[0])
    return files


def read_idx(path: Path, *, max_bytes: int) -> NDArray[np.uint8]:
    """The array in an IDX file, gzipped or not.

    Args:
        path: the file.
        max_bytes: most bytes that it may unpack to.

    Raises:
        DatasetError: it is no IDX file of uint8, is damaged, cut short or too large.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:3] != bytes((0, 0, UINT8)) or not 1 <= head[3] <= 4:
                raise DatasetError(f"{path.name} is not an IDX file of whole numbers from 0 to 255.")
            shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
            count = math.prod(shape)
            if count > max_bytes:
                raise DatasetError(f"{path.name} holds {count:,} numbers; {max_bytes:,} is the limit.")
            content = file.read(count + 1)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DatasetError(f"{path.name} is damaged or cut short. Get it again.") from error
    if len(content) != count:
        raise DatasetError(f"{path.name} is cut short, or longer than its head says. Get it again.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def read_idx_dataset(files: Sequence[Path], name: str, class_names: tuple[str, ...], *, max_bytes: int) -> Dataset:
    """The dataset in four IDX files.

    Args:
        files: as :func:`idx_files` gives them.
        name: of the dataset.
        class_names: of its classes.
        max_bytes: most bytes that each file may unpack to.

    Raises:
        DatasetError: a file cannot be read, or they do not go together.
    """
    images, labels, test_images, test_labels = (read_idx(path, max_bytes=max_bytes) for path in files)
    return dataset_of((images, labels), (test_images, test_labels), name, class_names)


def read_npz_dataset(path: Path, name: str, class_names: tuple[str, ...], *, max_bytes: int) -> Dataset:
    """The dataset in an NPZ file with ``x_train``, ``y_train``, ``x_test`` and ``y_test``, as Keras's ``mnist.npz``.

    Args:
        path: the file.
        name: of the dataset.
        class_names: of its classes.
        max_bytes: most bytes that it may unpack to.

    Raises:
        DatasetError: it is no such file, is damaged or too large.
    """
    expected = [key for keys in KEYS.values() for key in keys]
    try:
        images, labels, test_images, test_labels = _npz_arrays(path, expected, max_bytes)
    except KeyError as error:
        raise DatasetError(f"{path.name} has to hold the arrays {', '.join(expected)}.") from error
    except DatasetError:
        raise
    except Exception as error:  # NumPy and zipfile raise many kinds; each means that this is no such file
        raise DatasetError(f"{path.name} is not an NPZ file of plain numbers, or is damaged.") from error
    return dataset_of((images, labels), (test_images, test_labels), name, class_names)


def _npz_arrays(path: Path, keys: Sequence[str], max_bytes: int) -> list[NDArray[Any]]:
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > max_bytes:
        raise DatasetError(f"{path.name} unpacks to {size:,} bytes; {max_bytes:,} is the limit.")
    with np.load(path, allow_pickle=False) as file:
        return [np.asarray(file[key]) for key in keys]


def dataset_of(
    train: tuple[NDArray[np.uint8], NDArray[np.integer]],
    test: tuple[NDArray[np.uint8], NDArray[np.integer]],
    name: str,
    class_names: tuple[str, ...],
) -> Dataset:
    """A dataset without validation pictures from arrays of pictures (N, H, W) or (N, H, W, C), and their labels.

    Raises:
        DatasetError: the arrays do not go together.
    """
    train_split, test_split = (_split(*arrays) for arrays in (train, test))
    validation = Split(train_split.images[:0], train_split.labels[:0])
    return Dataset(name, class_names, train_split, validation, test_split)


def _split(images: NDArray[np.uint8], labels: NDArray[np.integer]) -> Split:
    if images.ndim == 3:
        images = images[..., np.newaxis]
    flat = labels.reshape(-1)
    if flat.dtype.kind not in "iu":
        raise DatasetError(f"Labels are whole numbers; these are {flat.dtype}.")
    return Split(images, flat.astype(np.int64))
