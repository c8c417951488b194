"""Keras networks from stacks of blocks, ready to be trained from scratch."""

from collections.abc import Sequence
from typing import Any

import keras

from explorer import blocks
from explorer.blocks import RECIPES, Block
from explorer.errors import ModelError, shown

INITIALIZERS = ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal", "random_normal", "zeros")
"""How weights may begin, by their names in Keras."""


def build(
    recipe: str | Sequence[Block],
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    dropout: float | None = None,
    initializer: str = "glorot_uniform",
    mixed_precision: bool = False,
) -> Any:
    """A network with new weights that takes pixels of 0–255 and gives probabilities.

    Two classes end in one sigmoid unit, more in a softmax; the first layer divides by 255.

    Args:
        recipe: a key of :data:`RECIPES`, or a stack of blocks.
        input_shape: (H, W, C) of the pictures.
        classes: how many are told apart.
        dropout: share of numbers that are silenced before the dense layers, instead of the recipe's own.
        initializer: one of :data:`INITIALIZERS`.
        mixed_precision: compute in float16 where it is safe; only a GPU is faster for it. The head stays float32.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        ModelError: the recipe is not known, or the stack is impossible for these pictures.

    >>> build("convnet-32-64-64", (28, 28, 1), 10).count_params()
    93322
    """
    if initializer not in INITIALIZERS:
        raise ModelError(f"Weights begin by one of {', '.join(INITIALIZERS)}, not {shown(initializer)}.")
    stack = blocks.with_dropout(blocks.blocks_of(recipe), dropout)
    rows = blocks.describe(stack, input_shape, classes)
    policy = keras.dtype_policies.DTypePolicy("mixed_float16" if mixed_precision else "float32")
    layers = [keras.Input(input_shape, name="pixels"), keras.layers.Rescaling(1 / 255, name="rescaling")]
    numbers: dict[str, int] = {}
    for each in stack:
        numbers[each.kind] = numbers.get(each.kind, 0) + 1
        layers.append(_layer(each, f"{each.kind}_{numbers[each.kind]}", initializer, policy))
    if len(rows[len(stack) - 1].output_shape if stack else input_shape) == 3:
        layers.append(keras.layers.Flatten(name="flatten"))
    head = keras.layers.Dense(
        blocks.head_units(classes),
        blocks.head_activation(classes),
        kernel_initializer=initializer,
        dtype="float32",
        name="classes",
    )
    return keras.Sequential([*layers, head], name="network")


def _layer(each: Block, name: str, initializer: str, policy: Any) -> Any:
    """The Keras layer of a block."""
    kind, common = each.kind, {"name": name, "dtype": policy}
    made = getattr(keras.layers, blocks.KINDS[kind].layer)
    if kind == blocks.CONVOLUTION:
        return made(
            each.filters,
            each.window,
            strides=each.stride,
            padding=each.padding,
            activation=_activation(each),
            kernel_initializer=initializer,
            **common,
        )
    if kind == blocks.DENSE:
        return made(each.units, activation=_activation(each), kernel_initializer=initializer, **common)
    if kind in (blocks.MAX_POOLING, blocks.AVERAGE_POOLING):
        return made(each.window, strides=each.stride, padding=each.padding, **common)
    return made(each.rate, **common) if kind == blocks.DROPOUT else made(**common)


def _activation(each: Block) -> str | None:
    return None if each.activation == "linear" else each.activation


__all__ = ["INITIALIZERS", "RECIPES", "build"]
