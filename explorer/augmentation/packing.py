"""Augmented pictures as files: a zip with a folder for each class."""

import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from explorer.augmentation import applying, drawing
from explorer.augmentation.policy import Augmentation, check_seed
from explorer.errors import AugmentationError, shown
from explorer.images import encode_png
from explorer.settings import MAX_AUGMENTED_BYTES


def pack(
    policy: Augmentation,
    images: Sequence[NDArray[np.uint8]],
    labels: Sequence[int],
    class_names: Sequence[str],
    count: int,
    *,
    seed: int = 0,
    report: Callable[[float], object] | None = None,
) -> bytes:
    """A zip of so many versions, as even as can be over the pictures, each class in its folder.

    Beside the folders lie ``policy.json``, which :meth:`Augmentation.from_json` reads, and ``drawn.json``, from which
    :meth:`Augmentation.replay` makes the same pixels.

    Args:
        policy: the changes; MixUp and CutMix, which give no class, and ``rescale`` are left out.
        images: uint8 (H, W, 1 or 3) each.
        labels: the class of each, from 0.
        class_names: of the classes.
        count: how many versions, at least 1.
        seed: version number i draws from the stream (seed, i).
        report: called with the share that is done, 0–1.

    Raises:
        AugmentationError: there are no pictures, they do not go with their labels, or it would be too much.
    """
    seed = check_seed(seed)
    if not len(images) or len(images) != len(labels) or not 0 <= min(labels) <= max(labels) < len(class_names):
        raise AugmentationError("Each of the pictures needs a label, and each label a class.")
    largest = max(image.size for image in images)
    if not isinstance(count, int) or not 1 <= count <= MAX_AUGMENTED_BYTES // largest:
        raise AugmentationError(
            f"{shown(count)} versions were asked for; of these pictures it can be 1 to "
            f"{MAX_AUGMENTED_BYTES // largest:,}."
        )
    folders = _folders(class_names)
    file, drawn = io.BytesIO(), []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # PNG is packed already
        for index in range(count):
            place = index % len(images)
            picture = applying.as_picture(images[place])
            values = drawing.draw(policy, picture.shape, seed, index)
            name = f"{folders[labels[place]]}/{index:05d}.png"
            archive.writestr(name, encode_png(applying.apply(policy, picture, values)))
            drawn.append({"file": name, "picture": place, "drawn": values})
            if report is not None:
                report((index + 1) / count)
        archive.writestr("policy.json", policy.to_json())
        archive.writestr("drawn.json", json.dumps(drawn))
    return file.getvalue()


def _folders(class_names: Sequence[str]) -> list[str]:
    """A name for each class that is a folder's name on any system; no two alike."""
    folders: list[str] = []
    taken: set[str] = set()
    for index, name in enumerate(class_names):
        plain = unicodedata.normalize("NFKC", name)
        safe = re.sub(r"[^\w .()+-]", "_", plain).strip(" .")[:60].rstrip(" .") or f"class {index}"
        if RESERVED & {safe.casefold(), safe.casefold().split(".")[0]}:
            safe = f"{index} {safe}"
        while safe.casefold() in taken:
            safe = f"{index} {safe}"
        taken.add(safe.casefold())
        folders.append(safe)
    return folders


RESERVED = frozenset(
    [
        "policy.json",
        "drawn.json",
        "con",
        "prn",
        "aux",
        "nul",
        *(f"{device}{n}" for device in ("com", "lpt") for n in range(10)),
    ]
)
"""Names that Windows keeps for itself, and the two files beside the folders."""
