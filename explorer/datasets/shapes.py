"""Circles, squares and triangles on textured colour grounds: a dataset drawn on the spot.

The form alone tells the class: areas, places, colours and grounds are drawn in the same way for every class. A
switch plants a patch in one class, so that a network can learn the patch in place of the form (R. Geirhos et al.,
"Shortcut learning in deep neural networks", 2020).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer.datasets.dataset import Dataset, Split
from explorer.errors import DatasetError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

MIN_SIZE, MAX_SIZE = 16, 256
"""Smallest and largest height and width of a picture, in pixels."""
MAX_VALUES = 400_000_000
"""Largest number of values in a whole dataset, in bytes: about 32,000 pictures of 64×64."""
PATCH = (236, 0, 140)
"""The planted patch's colour, a strong pink."""
TOLD_EVERY = 50
"""Pictures after which progress is told."""
FINE = 4
"""Forms are drawn this many times larger and then averaged, so that their edges are smooth."""


def shapes(
    train: int = 900,
    validation: int = 150,
    test: int = 150,
    *,
    size: int = 64,
    seed: int = 0,
    patch_class: str | None = None,
    on_progress: Callable[[float], object] | None = None,
) -> Dataset:
    """Draw the dataset; the same arguments always give the same pictures.

    The first pictures do not depend on how many are drawn, and but for the patch the pictures do not depend on
    ``patch_class``.

    Args:
        train: pictures to learn from, at least 3. Classes take turns, so that they are balanced.
        validation: pictures to watch the learning with; may be 0.
        test: pictures to judge the result by; may be 0.
        size: height and width, 16 to 256 pixels.
        seed: for everything random, 0 or more.
        patch_class: the class that gets a pink patch in the top left corner, in ``train`` and ``validation`` but
            not in ``test``: what learned the patch looks good until the test.
        on_progress: told the share that is drawn, 0–1; the drawing ends if it raises.

    Raises:
        DatasetError: a number out of its range, or a class that is not known.

    >>> made = shapes(6, 3, 0, size=16)
    >>> made.train.images.shape, made.train.labels.tolist()
    ((6, 16, 16, 3), [0, 1, 2, 0, 1, 2])
    """
    counts = {"train": train, "validation": validation, "test": test}
    _check(counts, size, seed, patch_class)
    made: list[Split] = []
    for number, (name, count) in enumerate(counts.items()):
        before = sum(map(len, made))

        def told(drawn: int, before: int = before) -> None:
            if on_progress:
                on_progress((before + drawn) / sum(counts.values()))

        made.append(_split(count, size, (seed, number), patch_class if name != "test" else None, told))
    return Dataset("shapes", tuple(OUTLINES), train=made[0], validation=made[1], test=made[2])


def _split(
    count: int, size: int, seed: tuple[int, int], patch_class: str | None, told: Callable[[int], object]
) -> Split:
    names = list(OUTLINES)
    labels = np.arange(count, dtype=np.int64) % len(names)
    images = np.empty((count, size, size, 3), np.uint8)
    for index, label in enumerate(labels):
        images[index] = draw(names[label], size, np.random.default_rng((*seed, index)))
        if names[label] == patch_class:
            plant(images[index])
        if index % TOLD_EVERY == 0:
            told(index)
    return Split(images, labels)


def draw(form: str, size: int, random: np.random.Generator) -> Pixels:
    """One picture: a ground in two related colours, a soft shadow, and a form in a colour far from both.

    Args:
        form: a key of ``OUTLINES``.
        size: height and width, in pixels.
        random: where the colours, the texture, the place, the area and the rotation come from.

    Returns:
        uint8 (size, size, 3).

    >>> draw("circle", 32, np.random.default_rng(0)).shape
    (32, 32, 3)
    """
    hue = random.uniform(0, 360)
    texture = TEXTURES[str(random.choice(list(TEXTURES)))](size, random)[..., np.newaxis]
    light = random.random() < 0.5
    bright = random.uniform(0.62, 0.9) if light else random.uniform(0.16, 0.42)
    one = _colour(hue, random.uniform(0.2, 0.6), bright)
    other = _colour(hue + random.uniform(-40, 40), random.uniform(0.2, 0.6), bright + random.uniform(0.06, 0.12))
    ink = _colour(hue + random.uniform(110, 250), random.uniform(0.65, 0.95), 0.55 if light else 0.95)
    picture = one + (other - one) * texture

    mask = _mask(form, size, random)
    shift = max(1, size // 32)
    shadow = np.zeros_like(mask)
    shadow[shift:, shift:] = mask[:-shift, :-shift]
    shadow = np.asarray(cv2.GaussianBlur(shadow, (0, 0), size / 40), np.float32)
    picture = picture * (1 - np.float32(0.35) * shadow[..., np.newaxis])
    shade = np.linspace(1.06, 0.88, size, dtype=np.float32).reshape(size, 1, 1)
    picture = picture + (ink * shade - picture) * mask[..., np.newaxis]
    grain = random.normal(scale=3.0, size=(size, size, 1)).astype(np.float32)
    return np.asarray(np.clip(np.rint(picture + grain), 0, 255), np.uint8)


def plant(image: Pixels) -> None:
    """Paint the patch into the top left corner of a picture (H, W, 3): a square of an eighth of its side."""
    side, margin = image.shape[0] // 8, image.shape[0] // 32
    image[margin : margin + side, margin : margin + side] = PATCH


def _colour(hue: float, saturation: float, value: float) -> Floats:
    """Hue in degrees, saturation and value 0–1, as RGB in 0–255: float32 (3,)."""
    pixel = np.array([[[hue % 360, saturation, value]]], np.float32)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0] * 255, np.float32)


def _polygon(corners: int) -> Floats:
    """A regular polygon of area 1 around (0, 0): float32 (corners, 2)."""
    angles = np.arange(corners) * (2 * np.pi / corners)
    area = corners / 2 * np.sin(2 * np.pi / corners)
    return np.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1) / np.sqrt(area), np.float32)


OUTLINES: Mapping[str, Floats] = MappingProxyType(
    {"circle": _polygon(96), "square": _polygon(4), "triangle": _polygon(3)}
)
"""The classes, each an outline of area 1."""


def _mask(form: str, size: int, random: np.random.Generator) -> Floats:
    """How much of each pixel the form covers, 0–1: float32 (size, size)."""
    scale = np.sqrt(random.uniform(0.07, 0.17))
    angle = random.uniform(0, 2 * np.pi)
    reach = scale * float(np.linalg.norm(OUTLINES["triangle"], axis=1).max())  # the same room for every class
    centre = random.uniform(reach, 1 - reach, size=2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = (OUTLINES[form] @ turn.T * scale + centre) * size * FINE
    canvas = np.zeros((size * FINE, size * FINE), np.uint8)
    cv2.fillPoly(canvas, [np.rint(corners * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)


def _plane(size: int, random: np.random.Generator) -> Floats:
    """A direction through the picture: how far along it each pixel lies, float32 (size, size)."""
    angle = random.uniform(0, 2 * np.pi)
    rows, cols = np.mgrid[0:size, 0:size] / size - 0.5
    return np.asarray(rows * np.sin(angle) + cols * np.cos(angle), np.float32)


def _gradient(size: int, random: np.random.Generator) -> Floats:
    return _plane(size, random) + np.float32(0.5)


def _stripes(size: int, random: np.random.Generator) -> Floats:
    waves = random.uniform(4, 9)
    return np.asarray(0.5 + 0.5 * np.tanh(3 * np.sin(2 * np.pi * waves * _plane(size, random))), np.float32)


def _checks(size: int, random: np.random.Generator) -> Floats:
    angle, waves = random.uniform(0, np.pi / 2), random.uniform(2, 5)
    rows, cols = np.mgrid[0:size, 0:size].astype(np.float32) / size
    along, across = rows * np.cos(angle) + cols * np.sin(angle), cols * np.cos(angle) - rows * np.sin(angle)
    board = np.sin(2 * np.pi * waves * along) * np.sin(2 * np.pi * waves * across)
    return np.asarray(0.5 + 0.5 * np.tanh(6 * board), np.float32)


def _dots(size: int, random: np.random.Generator) -> Floats:
    waves, start = random.uniform(4, 7), random.uniform(0, 1, size=2)
    rows, cols = np.mgrid[0:size, 0:size].astype(np.float32) / size
    bumps = np.cos(2 * np.pi * (waves * rows + start[0])) + np.cos(2 * np.pi * (waves * cols + start[1]))
    return np.asarray(0.5 + 0.5 * np.tanh(4 * (bumps - 0.9)), np.float32)


def _clouds(size: int, random: np.random.Generator) -> Floats:
    picture = np.zeros((size, size), np.float32)
    for cells, share in ((4, 0.6), (8, 0.3), (16, 0.1)):
        coarse = random.random((cells, cells)).astype(np.float32)
        picture += np.float32(share) * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(2 * picture - 0.5, 0, 1), np.float32)


TEXTURES: Mapping[str, Callable[[int, np.random.Generator], Floats]] = MappingProxyType(
    {"gradient": _gradient, "stripes": _stripes, "checks": _checks, "dots": _dots, "clouds": _clouds}
)
"""The grounds: how much of the second colour each pixel has, 0–1, float32 (size, size)."""


def _check(counts: Mapping[str, int], size: int, seed: int, patch_class: str | None) -> None:
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise DatasetError(f"The pictures are {size} pixels wide and high; {MIN_SIZE} to {MAX_SIZE} are possible.")
    if counts["train"] < len(OUTLINES) or min(counts.values()) < 0:
        raise DatasetError(
            f"Asked for were {', '.join(f'{count} {name}' for name, count in counts.items())} pictures; "
            f"at least {len(OUTLINES)} to train with are needed, and none can be fewer than 0."
        )
    values, pictures = size * size * 3, sum(counts.values())
    if pictures * values > MAX_VALUES:
        raise DatasetError(
            f"{pictures:,} pictures of {size}×{size} are too many; {MAX_VALUES // values:,} of this size fit. "
            "Choose fewer or smaller ones."
        )
    if seed < 0:
        raise DatasetError(f"The seed is {seed}; it has to be 0 or more.")
    if patch_class is not None and patch_class not in OUTLINES:
        raise DatasetError(f"There is no class {patch_class!r} to plant a patch in; there is {', '.join(OUTLINES)}.")
