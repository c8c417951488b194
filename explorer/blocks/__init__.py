"""Small networks as stacks of blocks: plain data, with shapes and parameters worked out without TensorFlow.

A page can so show a network, and say why it is impossible, before anything is built.
:func:`explorer.models.build` makes a Keras network of a stack.
"""

from explorer.blocks.kinds import (
    ACTIVATIONS,
    AVERAGE_POOLING,
    CONVOLUTION,
    DENSE,
    DROPOUT,
    FLATTEN,
    GLOBAL_AVERAGE,
    GLOBAL_MAX,
    KINDS,
    MAX_POOLING,
    NORMALISATION,
    OPTIONS,
    Block,
    Kind,
    block,
    title,
    to_dicts,
    values,
)
from explorer.blocks.recipes import (
    RECIPES,
    Recipe,
    blocks_of,
    with_dropout,
)
from explorer.blocks.shapes import (
    Row,
    Shape,
    check_input,
    describe,
    head_activation,
    head_units,
    least_side,
    loss_name,
)
from explorer.blocks.writing import (
    compact,
    from_compact,
)

__all__ = [
    "ACTIVATIONS",
    "AVERAGE_POOLING",
    "CONVOLUTION",
    "DENSE",
    "DROPOUT",
    "FLATTEN",
    "GLOBAL_AVERAGE",
    "GLOBAL_MAX",
    "KINDS",
    "MAX_POOLING",
    "NORMALISATION",
    "OPTIONS",
    "RECIPES",
    "Block",
    "Kind",
    "Recipe",
    "Row",
    "Shape",
    "block",
    "blocks_of",
    "check_input",
    "compact",
    "describe",
    "from_compact",
    "head_activation",
    "head_units",
    "least_side",
    "loss_name",
    "title",
    "to_dicts",
    "values",
    "with_dropout",
]
