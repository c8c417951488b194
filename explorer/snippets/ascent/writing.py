"""How the programs' Python is written: numbers, texts and lists that fit on their lines."""

import textwrap
from collections.abc import Sequence
from typing import Any

Lines = list[str]
WIDTH = 100
"""Most characters in a line."""


def indented(lines: Sequence[str]) -> Lines:
    """The lines of a block."""
    return [f"    {line}" if line else line for line in lines]


def number(value: Any) -> str:
    """A number, or a word, as Python writes it; whole numbers without a point.

    >>> [number(value) for value in (4.0, 4.1, True, "mean")]
    ['4', '4.1', 'True', "'mean'"]
    """
    if isinstance(value, str | bool):
        return repr(value)
    return str(int(value)) if value == int(value) else repr(float(value))


def times(weight: float) -> str:
    """A factor before something; nothing for 1."""
    return "" if weight == 1 else f"{number(weight)} * "


def file_name(name: str) -> str:
    """The name of a file, with names of the program's in braces."""
    return f'{"f" if "{" in name else ""}"{name}"'


def listed(name: str, values: Sequence[Any]) -> Lines:
    """A list of numbers under a name, on as many lines as it takes."""
    line = f"{name} = {list(values)}"
    if len(line) <= WIDTH:
        return [line]
    indent = "    "
    wrapped = textwrap.wrap(
        str(list(values))[1:-1], WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    return [f"{name} = [", *wrapped, "]"]


def assigned(name: str, text: str) -> Lines:
    """A text under a name, on as many lines as it takes."""
    line = f"{name} = {text!r}"
    return [line] if len(line) <= WIDTH else [f"{name} = (", *(f"    {piece}" for piece in _pieces(text)), ")"]


def literal(text: str, most: int = 30) -> str:
    """A text between brackets: on one line, or on several where it is long."""
    if len(repr(text)) <= most:
        return repr(text)
    return "\n" + "\n".join(f"    {piece}" for piece in _pieces(text)) + "\n"


def _pieces(text: str) -> Lines:
    """Literals of at most 80 characters, which Python joins again."""
    pieces = [""]
    for character in text:
        if len(repr(pieces[-1] + character)) > 80:
            pieces.append("")
        pieces[-1] += character
    return [repr(piece) for piece in pieces]
