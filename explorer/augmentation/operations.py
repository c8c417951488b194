"""The fourteen changes of RandAugment and AugMix, and how they are chosen and put together.

RandAugment (Cubuk and others, 2020, arXiv:1909.13719) applies N of them, chosen evenly, with one magnitude from 0 to
30. AugMix (Hendrycks and others, 2020, arXiv:1912.02781) blends several short chains of them, and the result with the
picture; it leaves out those that change brightness, contrast, colour and sharpness. The ranges are AutoAugment's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from explorer.augmentation.colour import rounded
from explorer.augmentation.geometry import affine, warp

Images = NDArray[np.uint8]
Step = list[Any]
"""The name of an operation and its strength, in the operation's own unit."""
Fill = tuple[str, float]
"""Fill mode and grey level of gaps."""

LARGEST_MAGNITUDE = 30
SHARE = "share"
"""Unit of a strength that is a share: of a side, or of the way to a grey, black or blurred picture and beyond."""
MAX_DEPTH = 3
"""Most operations in one chain of AugMix."""


@dataclass(frozen=True)
class Operation:
    """One change.

    Attributes:
        apply: (picture, strength, fill) → picture, uint8 (H, W, 1 or 3).
        strength: magnitude as a share, 0–1 → strength in the operation's own unit.
        signed: whether the strength goes either way.
        unit: what a page writes after the strength, :data:`SHARE`, or nothing where there is no strength.
    """

    apply: Callable[[Images, float, Fill], Images]
    strength: Callable[[float], float]
    signed: bool = False
    unit: str | None = None


def _moved(parameter: str) -> Callable[[Images, float, Fill], Images]:
    def apply(image: Images, strength: float, fill: Fill) -> Images:
        height, width = image.shape[:2]
        side = {"tx": width, "ty": height}.get(parameter, 1)
        return warp(image, affine({parameter: strength * side}, height, width), *fill)

    return apply


def _sheared(*, across: bool) -> Callable[[Images, float, Fill], Images]:
    """A shear by the share ``strength``, about the centre."""

    def apply(image: Images, strength: float, fill: Fill) -> Images:
        height, width = image.shape[:2]
        centre = (height - 1) / 2 if across else (width - 1) / 2
        rows = (
            [[1, strength, -strength * centre], [0, 1, 0]] if across else [[1, 0, 0], [strength, 1, -strength * centre]]
        )
        return warp(image, np.array(rows, np.float64), *fill)

    return apply


def _by_pillow(change: Callable[[Image.Image, float], Image.Image]) -> Callable[[Images, float, Fill], Images]:
    def apply(image: Images, strength: float, fill: Fill) -> Images:  # noqa: ARG001
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        return np.asarray(change(picture, strength), np.uint8).reshape(image.shape)

    return apply


def _enhanced(kind: Callable[[Image.Image], Any]) -> Operation:
    """1 leaves the picture as it is; at the largest magnitude the factor is 0.1 or 1.9."""
    return Operation(
        _by_pillow(lambda picture, strength: kind(picture).enhance(1 + strength)),
        lambda share: 0.9 * share,
        True,
        SHARE,
    )


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "identity": Operation(lambda image, _, __: image, lambda _: 0.0),
        "autocontrast": Operation(_by_pillow(lambda picture, _: ImageOps.autocontrast(picture)), lambda _: 0.0),
        "equalize": Operation(_by_pillow(lambda picture, _: ImageOps.equalize(picture)), lambda _: 0.0),
        "rotate": Operation(_moved("theta"), lambda share: 30 * share, True, "°"),
        "solarize": Operation(
            _by_pillow(lambda picture, level: ImageOps.solarize(picture, round(level))),
            lambda share: 256 * (1 - share),
            unit=" and up",
        ),
        "posterize": Operation(
            _by_pillow(lambda picture, bits: ImageOps.posterize(picture, round(bits))),
            lambda share: float(8 - round(4 * share)),
            unit=" bits",
        ),
        "colour": _enhanced(ImageEnhance.Color),
        "contrast": _enhanced(ImageEnhance.Contrast),
        "brightness": _enhanced(ImageEnhance.Brightness),
        "sharpness": _enhanced(ImageEnhance.Sharpness),
        "shear x": Operation(_sheared(across=True), lambda share: 0.3 * share, True, SHARE),
        "shear y": Operation(_sheared(across=False), lambda share: 0.3 * share, True, SHARE),
        "translate x": Operation(_moved("tx"), lambda share: 0.45 * share, True, SHARE),
        "translate y": Operation(_moved("ty"), lambda share: 0.45 * share, True, SHARE),
    }
)
"""The changes by name."""

RAND_AUGMENT = tuple(OPERATIONS)
AUG_MIX = tuple(
    name for name in OPERATIONS if name not in ("identity", "colour", "contrast", "brightness", "sharpness")
)


def choose(numbers: np.random.Generator, among: Sequence[str], count: int, magnitude: float) -> list[Step]:
    """Operations with their strengths, chosen evenly and independently.

    Args:
        numbers: where chance comes from.
        among: names of operations.
        count: how many.
        magnitude: 0 to 30.
    """
    steps: list[Step] = []
    for _ in range(count):
        name = among[int(numbers.integers(len(among)))]
        operation = OPERATIONS[name]
        sign = -1 if operation.signed and numbers.random() < 0.5 else 1
        steps.append([name, sign * operation.strength(magnitude / LARGEST_MAGNITUDE)])
    return steps


def choose_chains(numbers: np.random.Generator, chains: int, severity: int) -> dict[str, Any]:
    """AugMix's chains of one to three operations, their weights and the share of the blend.

    Args:
        numbers: where chance comes from.
        chains: how many; their weights are drawn from a Dirichlet(1, …, 1) distribution.
        severity: 1 to 10; each operation draws its magnitude evenly from 0.1 to three times that.
    """
    weights = numbers.dirichlet(np.ones(chains)).tolist()
    drawn = []
    for _ in range(chains):
        depth = int(numbers.integers(1, MAX_DEPTH + 1))
        drawn.append([choose(numbers, AUG_MIX, 1, numbers.uniform(0.1, 3 * severity))[0] for _ in range(depth)])
    return {"blend": float(numbers.beta(1.0, 1.0)), "weights": weights, "chains": drawn}


def apply_steps(image: Images, steps: Sequence[Step], fill: Fill) -> Images:
    """The picture after one operation after the other."""
    for name, strength in steps:
        image = OPERATIONS[name].apply(image, strength, fill)
    return image


def apply_chains(image: Images, drawn: Mapping[str, Any], fill: Fill) -> Images:
    """(1 − m) · picture + m · Σ wᵢ · chainᵢ(picture)."""
    mixture = np.zeros(image.shape, np.float64)
    for weight, steps in zip(drawn["weights"], drawn["chains"], strict=True):
        mixture += weight * apply_steps(image, steps, fill)
    return rounded((1 - drawn["blend"]) * image + drawn["blend"] * mixture)


def are_steps(value: object) -> bool:
    """Whether a value from outside is a list of operations with strengths that they can have."""
    return isinstance(value, list | tuple) and len(value) <= 10 and all(_is_step(one) for one in value)


def _is_step(value: object) -> bool:
    if not (isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[0], str)):
        return False
    operation, strength = OPERATIONS.get(value[0]), value[1]
    if operation is None or isinstance(strength, bool) or not isinstance(strength, int | float):
        return False
    ends = operation.strength(0.0), operation.strength(1.0)
    least = -max(ends) if operation.signed else min(ends)
    return least <= strength <= max(ends)


def are_chains(value: object) -> bool:
    """Whether a value from outside is what :func:`choose_chains` could have drawn."""
    if not isinstance(value, Mapping) or set(value) != {"blend", "weights", "chains"}:
        return False
    weights, chains = value["weights"], value["chains"]
    if not (
        isinstance(weights, list | tuple) and isinstance(chains, list | tuple) and len(weights) == len(chains) <= 10
    ):
        return False
    shares = [value["blend"], *weights]
    return all(isinstance(one, int | float) and 0 <= one <= 1 for one in shares) and all(map(are_steps, chains))
