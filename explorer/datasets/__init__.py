"""Pictures with labels: the built-in datasets, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from explorer.datasets.dataset import Dataset, Split
from explorer.datasets.shapes import shapes
from explorer.errors import DatasetError

__all__ = ["BUILTIN", "Builtin", "Dataset", "DatasetError", "Split", "load", "shapes"]


@dataclass(frozen=True)
class Builtin:
    """A dataset that is known by its name.

    Attributes:
        title: for the person at the page.
        note: what is in it, in one sentence.
        open: makes or reads it.
    """

    title: str
    note: str
    open: Callable[[], Dataset]


BUILTIN: Mapping[str, Builtin] = MappingProxyType(
    {
        "shapes": Builtin(
            "Shapes", "Circles, squares and triangles on textured colour grounds, 64×64, drawn here.", shapes
        ),
    }
)


def load(name: str) -> Dataset:
    """A built-in dataset.

    Raises:
        DatasetError: no dataset has this name.

    >>> list(BUILTIN)
    ['shapes']
    """
    if name not in BUILTIN:
        raise DatasetError(f"There is no dataset {name!r}; there is {', '.join(BUILTIN)}.")
    return BUILTIN[name].open()
