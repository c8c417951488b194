"""Pictures made to the size and channels that a network reads, saying what was done to them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from explorer.errors import ImageInputError
from explorer.images.pixels import to_grey

Pixels = NDArray[np.float32]


def fit(images: NDArray[Any], shape: tuple[int, int, int], *, crop: bool = True) -> tuple[Pixels, tuple[str, ...]]:
    """Pictures made to one size and number of channels.

    Pictures of the right size are not touched. Others are cropped to the centre of the right proportions and
    resized with Pillow's bicubic filter, which averages where it makes a picture smaller: it is how the published
    accuracies on ImageNet are measured. What the filter overshoots is cut off at 0 and 255.

    Args:
        images: (H, W), (H, W, 1), (H, W, 3) or (N, H, W, 1 or 3), uint8 or float in 0–255.
        shape: height, width and channels (1 or 3) wanted.
        crop: crop first; otherwise the whole picture is squeezed or stretched into the size.

    Returns:
        float32 (N, height, width, channels) in 0–255, and a sentence for each thing that was done.

    Raises:
        ImageInputError: the array is no picture, is empty, or holds values that are not finite.

    >>> pixels, notes = fit(np.full((4, 6, 3), 9, np.uint8), (2, 2, 1))
    >>> pixels.shape, notes[0]
    ((1, 2, 2, 1), 'Cropped to the 4 × 4 pixels (height × width) in the middle.')
    """
    batch = _batch(images)
    notes: list[str] = []
    if batch.dtype != np.uint8 and 0 < batch.max() <= 1:
        notes.append("The values lie between 0 and 1, but the network expects 0 to 255: the picture is almost black.")
    batch = _resized(batch, shape[0], shape[1], notes, crop=crop)
    batch = _channels(batch, shape[2], notes)
    return np.ascontiguousarray(batch, np.float32), tuple(notes)


def _batch(images: NDArray[Any]) -> NDArray[Any]:
    """uint8 or float32 (N, H, W, 1 or 3)."""
    array = np.asarray(images)
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim == 3:
        array = array[np.newaxis]
    if array.ndim != 4 or array.shape[3] not in (1, 3) or array.size == 0:
        raise ImageInputError(
            f"Pictures for a network have the shape (H, W, 3), (H, W, 1) or (N, H, W, 3 or 1), not {np.shape(images)}."
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise ImageInputError("The pictures hold values that are not finite numbers; they have to lie in 0–255.")
    return array.astype(np.float32)


def _channels(batch: NDArray[Any], channels: int, notes: list[str]) -> NDArray[Any]:
    if batch.shape[3] == channels:
        return batch
    if channels == 3:
        notes.append("The grey picture went in as equal red, green and blue.")
        return np.repeat(batch, 3, axis=3)
    if (batch != batch[..., :1]).any():
        notes.append("Turned grey, because this network reads one channel.")
    return np.stack([to_grey(image) for image in batch])[..., np.newaxis]


def _resized(batch: NDArray[Any], height: int, width: int, notes: list[str], *, crop: bool) -> NDArray[Any]:
    if batch.shape[1:3] == (height, width):
        return batch
    _, _, rows, cols = seen_part(batch.shape[1:3], (height, width), crop=crop)
    if (rows, cols) != batch.shape[1:3]:
        notes.append(f"Cropped to the {rows} × {cols} pixels (height × width) in the middle.")
    if (rows, cols) != (height, width):
        notes.append(f"Resized from {rows} × {cols} to {height} × {width} pixels (height × width).")
    return np.stack([to_size(image, height, width, crop=crop) for image in batch])


def to_size(image: NDArray[Any], height: int, width: int, *, crop: bool = True) -> NDArray[Any]:
    """One picture made to a size, as :func:`fit` does it; one of that size is not touched.

    Args:
        image: (H, W, 1 or 3), uint8 or float32 in 0–255.
        height: wanted, in pixels.
        width: likewise.
        crop: crop to the centre of the right proportions first; otherwise squeeze or stretch.

    Returns:
        (height, width, 1 or 3) of the same type.

    >>> to_size(np.full((4, 6, 3), 9, np.uint8), 2, 2).shape
    (2, 2, 3)
    """
    top, left, rows, cols = seen_part(image.shape[:2], (height, width), crop=crop)
    part = image[top : top + rows, left : left + cols]
    return part if (rows, cols) == (height, width) else _resize(part, height, width)


def seen_part(picture: Sequence[int], size: tuple[int, int], *, crop: bool = True) -> tuple[int, int, int, int]:
    """The part of a picture that :func:`fit` shows to a network.

    Args:
        picture: its height and width.
        size: the network's.
        crop: as in :func:`fit`; without it the part is the whole picture.

    Returns:
        Top, left, height and width of the part, in the picture's pixels.

    >>> seen_part((4, 6), (2, 2))
    (0, 1, 4, 4)
    """
    rows, cols = picture[:2]
    if not crop or rows * size[1] == cols * size[0]:
        return 0, 0, rows, cols
    seen_rows, seen_cols = _largest(rows, cols, size[0] / size[1])
    return (rows - seen_rows) // 2, (cols - seen_cols) // 2, seen_rows, seen_cols


def _largest(rows: int, cols: int, proportion: float) -> tuple[int, int]:
    """The largest height and width of that proportion that fit in."""
    if rows > cols * proportion:
        return max(1, round(cols * proportion)), cols
    return rows, max(1, round(rows / proportion))


def _resize(image: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    size = (width, height)
    if image.dtype == np.uint8:
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        return np.asarray(picture.resize(size, Image.Resampling.BICUBIC)).reshape(height, width, -1)
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(image[:, :, c])).resize(size, Image.Resampling.BICUBIC))
        for c in range(image.shape[2])
    ]
    resized: NDArray[Any] = np.clip(np.stack(planes, axis=2), min(0.0, image.min()), max(255.0, image.max()))
    return resized
