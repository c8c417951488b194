"""Shapes and parameters of a stack of blocks, and why one is impossible."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from explorer.blocks.kinds import (
    CONVOLUTION,
    DENSE,
    DROPOUT,
    FLATTEN,
    GLOBAL_AVERAGE,
    GLOBAL_MAX,
    KINDS,
    NORMALISATION,
    Block,
    title,
)
from explorer.blocks.recipes import blocks_of
from explorer.errors import KernelError, ModelError, shown
from explorer.settings import MAX_CLASSES, MAX_MODEL_PARAMETERS, MAX_NETWORK_SIDE
from explorer.windows import output_size

Shape = tuple[int, ...]
"""(H, W, C), or (K,) where the places are gone."""


@dataclass(frozen=True)
class Row:
    """One layer of a described network.

    Attributes:
        label: kind and values, such as ``Convolution 32 · 3 × 3``.
        output_shape: (H, W, C) or (K,).
        parameters: how many it learns or keeps.
        block: what it was made of; None for the head and what is added for it.
    """

    label: str
    output_shape: Shape
    parameters: int
    block: Block | None = None


def describe(recipe: str | Sequence[Block], input_shape: tuple[int, int, int], classes: int) -> list[Row]:
    """Every layer with its output's shape and its parameters, the head included.

    Two classes end in one sigmoid unit, more in a softmax.

    Args:
        recipe: a key of :data:`RECIPES`, or a stack.
        input_shape: (H, W, C) of the pictures.
        classes: how many are told apart.

    Raises:
        ModelError: the stack is impossible; the sentence says where and what helps.

    >>> rows = describe("keras-io-mnist", (28, 28, 1), 10)
    >>> rows[0].label, rows[0].output_shape, sum(row.parameters for row in rows)
    ('Convolution 32 · 3 × 3', (26, 26, 32), 34826)
    """
    stack = blocks_of(recipe)
    check_input(input_shape, classes)
    rows: list[Row] = []
    shape: Shape = input_shape
    for place, each in enumerate(stack):
        try:
            after = _after(each, shape)
        except ModelError as error:
            raise ModelError(f"Layer {place + 1}, {title(each)}: {error}{_remedy(stack, input_shape, place)}") from None
        rows.append(Row(title(each), after, _parameters(each, shape), each))
        shape = after
    if len(shape) == 3:
        rows.append(Row("Flatten", (math.prod(shape),), 0))
        shape = rows[-1].output_shape
    units = head_units(classes)
    rows.append(Row(f"Dense {units} · {head_activation(classes)}", (units,), (shape[0] + 1) * units))
    total = sum(row.parameters for row in rows)
    if total > MAX_MODEL_PARAMETERS:
        raise ModelError(
            f"The network has {total:,} parameters; {MAX_MODEL_PARAMETERS:,} is the limit. "
            "Pool more often before the first dense layer, or give it fewer units."
        )
    return rows


def head_units(classes: int) -> int:
    """Units of the last layer: one for two classes."""
    return 1 if classes == 2 else classes


def head_activation(classes: int) -> str:
    """What turns the last layer's scores into probabilities."""
    return "sigmoid" if classes == 2 else "softmax"


def loss_name(classes: int) -> str:
    """The loss that goes with the head, by its name in Keras."""
    return "binary_crossentropy" if classes == 2 else "categorical_crossentropy"


def check_input(input_shape: object, classes: object) -> None:
    """Raise a ModelError where no network of ours can be built for these pictures and classes."""
    sides = tuple(input_shape) if isinstance(input_shape, tuple | list) else ()
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if (
        len(sides) != 3
        or not whole
        or not all(1 <= side <= MAX_NETWORK_SIDE for side in sides)
        or sides[2] not in (1, 3)
    ):
        raise ModelError(
            f"Pictures for a network are (height, width, 1 or 3), up to {MAX_NETWORK_SIDE} pixels a side; "
            f"this is {shown(input_shape)}."
        )
    if not isinstance(classes, int) or isinstance(classes, bool) or not 2 <= classes <= MAX_CLASSES:
        raise ModelError(f"A network tells 2 to {MAX_CLASSES:,} classes apart, not {shown(classes)}.")


def _after(each: Block, shape: Shape) -> Shape:
    """The shape after a block."""
    spatial = len(shape) == 3
    if each.kind == DENSE:
        if spatial:
            raise ModelError("It takes a row of numbers, and here are maps. Put Flatten or a global pooling before it.")
        return (each.units,)
    if each.kind in (NORMALISATION, DROPOUT):
        return shape
    if not spatial:
        raise ModelError("It takes maps, and here is a row of numbers. Put it before Flatten and the dense layers.")
    if each.kind == FLATTEN:
        return (math.prod(shape),)
    if each.kind in (GLOBAL_AVERAGE, GLOBAL_MAX):
        return (shape[2],)
    try:
        sides = [output_size(side, each.window, each.stride, each.padding) for side in shape[:2]]
    except KernelError:
        sides = [0]
    if min(sides) < 1:
        raise ModelError(f"Its {each.window} × {each.window} window does not fit into maps of {shape[0]} × {shape[1]}.")
    return (*sides, each.filters if each.kind == CONVOLUTION else shape[2])


def _parameters(each: Block, shape: Shape) -> int:
    if each.kind == CONVOLUTION:
        return (each.window * each.window * shape[-1] + 1) * each.filters
    if each.kind == DENSE:
        return (shape[-1] + 1) * each.units
    return 4 * shape[-1] if each.kind == NORMALISATION else 0


def _remedy(stack: tuple[Block, ...], input_shape: tuple[int, int, int], place: int) -> str:
    """What helps against a window that does not fit: larger pictures, where those do."""
    if "window" not in KINDS[stack[place].kind].uses:
        return ""
    side = least_side(stack, input_shape[2])
    larger = f", or take pictures of at least {side} × {side} pixels" if side and side > min(input_shape[:2]) else ""
    return f" Pool less before it, or pad with “same”{larger}."


def least_side(recipe: str | Sequence[Block], channels: int = 3) -> int | None:
    """The smallest square pictures that a stack can be built for, in pixels a side; None where there are none.

    >>> least_side("cats-dogs"), least_side("convnet-32-64-64"), least_side("dense-512")
    (46, 18, 1)
    """
    stack = blocks_of(recipe)
    low, high = 1, MAX_NETWORK_SIDE
    while low < high:  # what fits into smaller pictures fits into larger ones
        middle = (low + high) // 2
        low, high = (low, middle) if _fits(stack, (middle, middle, channels)) else (middle + 1, high)
    return low if _fits(stack, (low, low, channels)) else None


def _fits(stack: tuple[Block, ...], shape: Shape) -> bool:
    try:
        for each in stack:
            shape = _after(each, shape)
    except ModelError:
        return False
    return True
