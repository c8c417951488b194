"""Networks of well-known tutorials, as stacks of blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from explorer.blocks.kinds import CONVOLUTION, DENSE, DROPOUT, FLATTEN, GLOBAL_AVERAGE, GLOBAL_MAX, MAX_POOLING, Block
from explorer.errors import ModelError, shown
from explorer.settings import MAX_BLOCKS


def _conv(filters: int, **options: Any) -> Block:
    return Block(CONVOLUTION, filters=filters, **options)


def _pool(window: int = 2) -> Block:
    return Block(MAX_POOLING, window=window, stride=window)


def _dense(units: int) -> Block:
    return Block(DENSE, units=units)


@dataclass(frozen=True)
class Recipe:
    """A network of a tutorial.

    Attributes:
        title: what a page calls it.
        blocks: the stack, without the head.
        input_shape: (H, W, C) of the pictures it was published for.
        classes: how many it tells apart there.
        parameters: how many it then has.
        source: where it is from.
        note: what it is good for, in a sentence.
    """

    title: str
    blocks: tuple[Block, ...]
    input_shape: tuple[int, int, int]
    classes: int
    parameters: int
    source: str
    note: str


_FLAT = Block(FLATTEN)
_HALF = Block(DROPOUT, rate=0.5)
_CATS = (_conv(32), _pool(), _conv(64), _pool(), _conv(128), _pool(), _conv(128), _pool(), _FLAT)
_ROCKS = (_conv(64), _pool(), _conv(64), _pool(), _conv(128), _pool(), _conv(128), _pool(), _FLAT)
_GREY, _COLOUR = (28, 28, 1), (150, 150, 3)
_CHOLLET = "F. Chollet, Deep Learning with Python"

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "convnet-32-64-64": Recipe(
            "Convnet 32-64-64",
            (_conv(32), _pool(), _conv(64), _pool(), _conv(64), _FLAT, _dense(64)),
            _GREY,
            10,
            93_322,
            f"{_CHOLLET}, first edition, listing 5.3: MNIST",
            "Three convolutions, small and quick: the first network to try.",
        ),
        "keras-io-mnist": Recipe(
            "Convnet of keras.io",
            (_conv(32), _pool(), _conv(64), _pool(), _FLAT, _HALF),
            _GREY,
            10,
            34_826,
            "keras.io, Simple MNIST convnet",
            "Two convolutions, dropout, and no hidden dense layer.",
        ),
        "convnet-64-64": Recipe(
            "Convnet 64-64-128",
            (_conv(64), _pool(), _conv(64), _pool(), _FLAT, _dense(128)),
            _GREY,
            10,
            243_786,
            "deeplearning.ai TensorFlow course, week 3: Fashion-MNIST",
            "Wide convolutions; most weights are in the dense layer.",
        ),
        "dense-512": Recipe(
            "Dense 512",
            (_FLAT, _dense(512)),
            _GREY,
            10,
            407_050,
            f"{_CHOLLET}, listing 2.2: MNIST",
            "No convolution at all: what a convnet has to beat.",
        ),
        "mlp-500-250-100": Recipe(
            "MLP 500-250-100",
            (_FLAT, _dense(500), _dense(250), _dense(100)),
            _GREY,
            10,
            543_860,
            "Fashion-MNIST walk-through of the fully connected kind",
            "Three hidden layers that see a row of numbers, not a picture.",
        ),
        "cats-dogs": Recipe(
            "Cats and dogs",
            (*_CATS, _dense(512)),
            _COLOUR,
            2,
            3_453_121,
            f"{_CHOLLET}, first edition, listing 5.5",
            "For photos of 150 × 150 pixels; overfits 2,000 of them within minutes.",
        ),
        "cats-dogs-dropout": Recipe(
            "Cats and dogs, dropout",
            (*_CATS, _HALF, _dense(512)),
            _COLOUR,
            2,
            3_453_121,
            f"{_CHOLLET}, first edition, listing 5.13",
            "The same with dropout: made to be trained with augmentation.",
        ),
        "course-16-32-64": Recipe(
            "Course 16-32-64",
            (_conv(16), _pool(), _conv(32), _pool(), _conv(64), _pool(), _FLAT, _dense(512)),
            _COLOUR,
            2,
            9_494_561,
            "deeplearning.ai TensorFlow course 2, week 1: cats and dogs",
            "Fewer filters, but 9 million weights in the dense layer.",
        ),
        "rock-paper-scissors": Recipe(
            "Rock, paper, scissors",
            (*_ROCKS, _HALF, _dense(512)),
            _COLOUR,
            3,
            3_473_475,
            "deeplearning.ai TensorFlow course 2, week 4",
            "Three classes of 150 × 150 pixels.",
        ),
    }
)
"""Networks by name."""


def blocks_of(recipe: str | Sequence[Block]) -> tuple[Block, ...]:
    """The stack of a recipe, or the stack itself.

    Raises:
        ModelError: there is no recipe of this name, or no stack or one that is too high.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ModelError(f"There is no recipe {shown(recipe)}; there are {', '.join(RECIPES)}.")
        return RECIPES[recipe].blocks
    stack = tuple(recipe)
    if len(stack) > MAX_BLOCKS or not all(isinstance(each, Block) for each in stack):
        raise ModelError(f"A network is up to {MAX_BLOCKS} blocks; this is {shown(stack)}.")
    return stack


def with_dropout(stack: Sequence[Block], rate: float | None) -> tuple[Block, ...]:
    """The stack with this dropout before its dense layers, instead of its own; None leaves it as it is.

    >>> [each.kind for each in with_dropout(RECIPES["dense-512"].blocks, 0.3)]
    ['flatten', 'dropout', 'dense']
    >>> RECIPES["cats-dogs"].blocks == with_dropout(RECIPES["cats-dogs-dropout"].blocks, 0)
    True
    """
    if rate is None:
        return tuple(stack)
    bare = [each for each in stack if each.kind != DROPOUT]
    if rate == 0:
        return tuple(bare)
    rows = (FLATTEN, GLOBAL_AVERAGE, GLOBAL_MAX)
    place = next((place + 1 for place, each in enumerate(bare) if each.kind in rows), len(bare))
    return (*bare[:place], Block(DROPOUT, rate=rate), *bare[place:])
