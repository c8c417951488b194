"""What a dataset is: three splits of labelled pictures, and the names of the classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.errors import DatasetError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Pictures with their labels.

    Attributes:
        images: uint8 (N, H, W, C), C is 1 or 3.
        labels: int (N,), the number of each picture's class, from 0.
        sizes: int (N, 2), height and width of each picture before it was made to fit; None where nobody knows.
        files: the file that each picture came from; empty where they did not come from files.

    Raises:
        DatasetError: the arrays have other shapes or types, or do not go together.

    >>> len(Split(np.zeros((5, 8, 8, 1), np.uint8), np.zeros(5, int)))
    5
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    sizes: NDArray[np.int32] | None = None
    files: Sequence[str] = ()

    def __post_init__(self) -> None:
        shape = self.images.shape
        if len(shape) != 4 or shape[3] not in (1, 3) or self.images.dtype != np.uint8:
            raise DatasetError(
                f"Pictures of a dataset are uint8 of the shape (pictures, height, width, 1 or 3), "
                f"not {self.images.dtype} of the shape {shape}."
            )
        if self.labels.shape != shape[:1] or self.labels.dtype.kind not in "iu":
            raise DatasetError(
                f"Each of the {shape[0]} pictures needs one whole number as its label; "
                f"the labels are {self.labels.dtype} of the shape {self.labels.shape}."
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why, as a sentence."""

    file: str
    reason: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures to learn from, to watch the learning with, and to judge it by in the end.

    Attributes:
        name: of the dataset.
        class_names: of the classes, in the order of their numbers; at least two, all different.
        train: what a network learns from.
        validation: what is looked at while it learns; may be empty.
        test: what is looked at once, at the end; may be empty.
        key: names the content: sha256 of what it was read from and how; empty where it was not stored.
        notes: sentences on what was done to the pictures on the way.
        skipped: files that were left out.

    Raises:
        DatasetError: too few classes, a label without a class, or splits with pictures of different sizes.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    key: str = ""
    notes: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __post_init__(self) -> None:
        if len(self.class_names) < 2 or len(set(self.class_names)) < len(self.class_names):
            raise DatasetError(
                f"The dataset {self.name!r} needs two or more classes with different names; "
                f"it has {', '.join(self.class_names) or 'none'}."
            )
        for split in (self.train, self.validation, self.test):
            if len(split) and not (split.labels.min() >= 0 and split.labels.max() < len(self.class_names)):
                raise DatasetError(
                    f"The labels of {self.name!r} go from {split.labels.min()} to {split.labels.max()}; "
                    f"with {len(self.class_names)} classes they are 0 to {len(self.class_names) - 1}."
                )
            if split.images.shape[1:] != self.image_shape:
                raise DatasetError(f"The splits of {self.name!r} do not have pictures of the same size.")

    @property
    def splits(self) -> Mapping[str, Split]:
        """The three splits by name: train, validation, test."""
        return {name: getattr(self, name) for name in SPLITS}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every picture."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels
