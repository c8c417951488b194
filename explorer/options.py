"""The options of a method as data: from them a page draws its widgets, and what is asked for is checked."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from explorer.errors import MethodError, shown

Value = float | int | str | bool


@dataclass(frozen=True)
class Number:
    """An option that is a number in a range.

    Attributes:
        label: what it is, in a word or two, with its unit.
        default: on a fresh page.
        low: least value.
        high: greatest value.
        step: of the slider; a whole number makes the option a whole number.
        help: what it does, in a sentence.
    """

    label: str
    default: float
    low: float
    high: float
    step: float
    help: str = ""

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are allowed."""
        return isinstance(self.step, int)

    def check(self, name: str, value: object) -> Value:
        """The value, or a :class:`MethodError` that says what is allowed."""
        allowed = (int, np.integer) if self.whole else (int, float, np.integer, np.floating)
        if isinstance(value, bool) or not isinstance(value, allowed) or not self.low <= value <= self.high:
            kind = "a whole number" if self.whole else "a number"
            raise MethodError(f"{name} is {shown(value)}; it is {kind} from {self.low:g} to {self.high:g}.")
        return int(value) if self.whole else float(value)


@dataclass(frozen=True)
class Choice:
    """An option that is one of a few named things.

    Attributes:
        label: what it is.
        default: on a fresh page.
        choices: name → what a page calls it.
        help: what it does, in a sentence.
    """

    label: str
    default: str
    choices: Mapping[str, str]
    help: str = ""

    def check(self, name: str, value: object) -> Value:
        """The value, or a :class:`MethodError` that says what is allowed."""
        if not isinstance(value, str) or value not in self.choices:
            raise MethodError(f"{name} is {shown(value)}; it can be {', '.join(self.choices)}.")
        return value


@dataclass(frozen=True)
class Flag:
    """An option that is on or off.

    Attributes:
        label: what it is.
        default: on a fresh page.
        help: what it does, in a sentence.
    """

    label: str
    default: bool = False
    help: str = ""

    def check(self, name: str, value: object) -> Value:
        """The value, or a :class:`MethodError` that says what is allowed."""
        if not isinstance(value, bool | np.bool_):
            raise MethodError(f"{name} is {shown(value)}; it can be True or False.")
        return bool(value)


@dataclass(frozen=True)
class Interval:
    """An option that is a range: its lower and its upper end.

    Attributes:
        label: what it is, in a word or two, with its unit.
        default: lower and upper end on a fresh page.
        low: least value.
        high: greatest value.
        step: of the slider.
        help: what it does, in a sentence.
    """

    label: str
    default: tuple[float, float]
    low: float
    high: float
    step: float
    help: str = ""

    def check(self, name: str, value: object) -> tuple[float, float]:
        """The two ends, or a :class:`MethodError` that says what is allowed."""
        ends = list(value) if isinstance(value, tuple | list) else []
        numbers = [end for end in ends if isinstance(end, int | float | np.number) and not isinstance(end, bool)]
        if not (len(ends) == len(numbers) == 2 and self.low <= numbers[0] <= numbers[1] <= self.high):
            raise MethodError(
                f"{name} is {shown(value)}; it is two numbers from {self.low:g} to {self.high:g}, "
                "the smaller one first."
            )
        return float(numbers[0]), float(numbers[1])


Option = Number | Choice | Flag
