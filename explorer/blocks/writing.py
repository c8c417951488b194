"""A stack of blocks as a short text, such as a link carries."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from explorer.blocks.kinds import (
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
)
from explorer.errors import ModelError, shown
from explorer.options import Choice
from explorer.settings import MAX_BLOCKS

LETTERS: Mapping[str, str] = MappingProxyType(
    {
        CONVOLUTION: "c",
        NORMALISATION: "n",
        MAX_POOLING: "m",
        AVERAGE_POOLING: "a",
        DROPOUT: "o",
        FLATTEN: "f",
        GLOBAL_AVERAGE: "g",
        GLOBAL_MAX: "x",
        DENSE: "d",
    }
)
"""Each kind in :func:`compact`."""
EMPTY = "none"


def compact(stack: Sequence[Block]) -> str:
    """The stack as a short text: a letter a layer, and its values up to the last that is not the usual one.

    >>> from explorer.blocks import RECIPES
    >>> compact(RECIPES["keras-io-mnist"].blocks), compact([Block("convolution", padding="same", activation="tanh")])
    ('c-m2.2-c64-m2.2-f-o', 'c32.3.1.same.tanh')
    """
    return "-".join(map(_compact, stack)) or EMPTY


def _compact(each: Block) -> str:
    said = [(getattr(each, name), OPTIONS[name].default) for name in KINDS[each.kind].uses]
    while said and said[-1][0] == said[-1][1]:
        said.pop()
    return LETTERS[each.kind] + ".".join(str(value).removeprefix("0.") for value, _ in said)


def from_compact(text: str) -> tuple[Block, ...]:
    """The stack that :func:`compact` has written so.

    Raises:
        ModelError: it is no such text, or a value in it is not allowed.

    >>> from_compact("f-o25-d512") == (Block("flatten"), Block("dropout", rate=0.25), Block("dense", units=512))
    True
    """
    parts = [] if text == EMPTY else text.split("-", MAX_BLOCKS)
    if len(parts) > MAX_BLOCKS:
        raise ModelError(f"A network is up to {MAX_BLOCKS} layers.")
    return tuple(map(_from_compact, parts))


def _from_compact(part: str) -> Block:
    kind = next((kind for kind, letter in LETTERS.items() if letter == part[:1]), None)
    given = part[1:].split(".") if part[1:] else []
    if kind is None or len(given) > len(KINDS[kind].uses):
        raise ModelError(f"There is no layer {shown(part)}.")
    found = Block(kind, **{name: _said(name, value) for name, value in zip(KINDS[kind].uses, given, strict=False)})
    if _compact(found) != part:
        raise ModelError(f"There is no layer {shown(part)}.")
    return found


def _said(name: str, value: str) -> Any:
    option = OPTIONS[name]
    if isinstance(option, Choice):
        return value
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise ModelError(f"{name} is {shown(value)}; it is a number.")
    return int(value) if option.whole else float(f"0.{value}")
