"""Pictures with labels: datasets that are known by name, and a person's own."""

from explorer.datasets.builtin import BUILTIN, Builtin, load
from explorer.datasets.dataset import SPLITS, Dataset, Skipped, Split
from explorer.datasets.own import read_files, read_folder, read_zip
from explorer.datasets.shapes import shapes
from explorer.datasets.store import open_stored
from explorer.errors import DatasetError

__all__ = [
    "BUILTIN",
    "SPLITS",
    "Builtin",
    "Dataset",
    "DatasetError",
    "Skipped",
    "Split",
    "load",
    "open_stored",
    "read_files",
    "read_folder",
    "read_zip",
    "shapes",
]
