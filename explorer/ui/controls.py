"""Options as a registry: one entry a choice, from which its widget, its default and its place in the URL are drawn.

A control knows how to write its value into a link and how to read it back. Neither a link nor the session is
trusted: what is not allowed is never drawn, the default takes its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from explorer.options import Choice, Flag, Interval, Option
from explorer.ui import state

MOST_TYPED = 2**53
"""Beyond it a browser has no whole numbers."""

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_tab_container import TabContainer


@dataclass(frozen=True, kw_only=True)
class Control:
    """One choice on a page.

    Attributes:
        key: the widget's key, ``<page>.<name>``; also the name of its parameter in the URL.
        label: what the person reads beside it.
        default: the value of a fresh page, unless ``initial`` works it out; it is left out of the URL.
        help: one sentence behind the question mark.
    """

    key: str
    label: str
    default: Any = None
    help: str | None = None

    def initial(self) -> Any:
        """The value of a fresh page."""
        return self.default

    def allows(self, value: Any) -> bool:
        """Whether ``value`` is one the page can compute with."""
        raise NotImplementedError

    def allowed(self) -> str:
        """What is allowed, as the end of a sentence."""
        raise NotImplementedError

    def read(self, text: str) -> Any:
        """The value written as ``text``, not yet checked; ValueError when it is nothing of the kind."""
        raise NotImplementedError

    def text(self, value: Any) -> str:
        """How ``value`` is written into a link."""
        return str(value)

    def widget(self, **options: Any) -> Any:
        """Draw the widget."""
        raise NotImplementedError

    def parse(self, text: str) -> Any:
        """The value that a link's ``text`` stands for.

        Raises:
            ValueError: it stands for none, or for one that is not allowed; the message says what is.
        """
        try:
            value = self.read(text)
        except ValueError:
            raise ValueError(self.allowed()) from None
        if not self.allows(value):
            raise ValueError(self.allowed())
        return value

    def current(self) -> Any:
        """The value the session holds; the default on a fresh page, and instead of one that is not allowed."""
        value = st.session_state.get(self.key)
        return value if value is not None and self.allows(value) else self.initial()

    def put(self, value: Any) -> None:
        """Set the value. Only before the widget is drawn."""
        st.session_state[self.key] = value
        state.expect(self.key)

    def typed_wrong(self) -> Any:
        """What was typed though it is not allowed; None of a widget that lets nobody do that."""
        return None

    def problem(self) -> str | None:
        """What is wrong with what was typed, a sentence."""
        wrong = self.typed_wrong()
        return None if wrong is None else f"“{self.label}” is {wrong:,}; {self.allowed()}."

    def draw(self, **options: Any) -> Any:
        """Draw the widget at the value the session holds, and return that value.

        Streamlit tells the browser a value only if it was set in the very run that draws the widget. A run may end
        before: then it is set once more, or the browser would show its default, and send it with the next press.
        """
        wrong = None if options.get("disabled") else self.typed_wrong()
        value = self.current() if wrong is None else wrong
        if state.expected(self.key) or self.key not in st.session_state or st.session_state[self.key] != value:
            st.session_state[self.key] = value
        self.widget(label=self.label, key=self.key, help=self.help, persist_state="session", **options)
        return self.current()


@dataclass(frozen=True, kw_only=True)
class Select(Control):
    """One of several named options; ``look`` chooses a drop-down list or a row of segments."""

    options: Mapping[str, str]
    look: Literal["list", "segments"] = "list"

    def allows(self, value: Any) -> bool:
        """One of the options' names."""
        return isinstance(value, str) and value in self.options

    def allowed(self) -> str:
        """The names."""
        names = list(self.options)
        return f"the choices are {', '.join(names)}" if len(names) < 8 else "there is no such choice"

    def read(self, text: str) -> str:
        """Itself."""
        return text

    def widget(self, **options: Any) -> None:
        """A drop-down list or a row of segments."""
        names = self.shown()
        if self.look == "list":
            st.selectbox(options=names, format_func=self._label, **options)
        else:
            st.segmented_control(options=names, format_func=self._label, required=True, **options)

    def shown(self) -> list[str]:
        """The names that can be chosen now."""
        return list(self.options)

    def _label(self, name: str) -> str:
        return self.options.get(name, name)


@dataclass(frozen=True, kw_only=True)
class SelectPresent(Select):
    """The same, where some options are only there while the session holds something.

    Attributes:
        needs: option → the key of the session that it needs; others need nothing.
    """

    needs: Mapping[str, str]

    def allows(self, value: Any) -> bool:
        """One of the options that are there."""
        return super().allows(value) and (
            value not in self.needs or st.session_state.get(self.needs[value]) is not None
        )

    def shown(self) -> list[str]:
        """The options that are there."""
        return [name for name in self.options if self.allows(name)]


@dataclass(frozen=True, kw_only=True)
class Tabs(Select):
    """One of several tabs: the session holds its label, as ``st.tabs`` does, the link its name."""

    def current(self) -> str:
        """The open tab's name."""
        label = st.session_state.get(self.key)
        return next((name for name, known in self.options.items() if known == label), self.initial())

    def put(self, value: Any) -> None:
        """Open a tab. Only before the tabs are drawn."""
        st.session_state[self.key] = self.options[value]

    def containers(self) -> "dict[str, TabContainer]":
        """Draw the tabs; name → its container, whose ``open`` says whether it is the one that is seen."""
        self.put(self.current())
        drawn = st.tabs(list(self.options.values()), key=self.key, on_change="rerun")
        return dict(zip(self.options, drawn, strict=True))


@dataclass(frozen=True, kw_only=True)
class Whole(Control):
    """A whole number from ``low`` to ``high``.

    Attributes:
        low, high: the range.
        bounded: the browser turns a number out of range red and keeps it for itself. Otherwise it arrives, is shown as
            it was typed, and ``problem`` says what is allowed.
    """

    low: int
    high: int
    bounded: bool = True

    def allows(self, value: Any) -> bool:
        """A whole number in the range."""
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    def allowed(self) -> str:
        """The range."""
        return f"it is a whole number from {self.low} to {self.high}"

    def read(self, text: str) -> int:
        """Plain digits."""
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValueError
        return int(text)

    def typed_wrong(self) -> Any:
        """A whole number out of range, as far as a browser can write one."""
        typed = st.session_state.get(self.key)
        whole = isinstance(typed, int) and not isinstance(typed, bool) and abs(typed) < MOST_TYPED
        return typed if whole and not self.bounded and not self.allows(typed) else None

    def _range(self) -> dict[str, Any]:
        return {"min_value": self.low, "max_value": self.high} if self.bounded else {}

    def widget(self, **options: Any) -> None:
        """A number field with steppers."""
        st.number_input(**self._range(), step=1, **options)


@dataclass(frozen=True, kw_only=True)
class OptionalWhole(Whole):
    """The same, or nothing, for what the page then works out itself.

    Attributes:
        placeholder: what the empty field says.
    """

    placeholder: str | None = None

    def allows(self, value: Any) -> bool:
        """Nothing, or a whole number in the range."""
        return value is None or super().allows(value)

    def widget(self, **options: Any) -> None:
        """A number field that can be emptied again."""
        st.number_input(**self._range(), step=1, value=None, **{"placeholder": self.placeholder, **options})


@dataclass(frozen=True, kw_only=True)
class Real(Control):
    """A number from ``low`` to ``high``, moved in steps of ``step``."""

    low: float
    high: float
    step: float

    def allows(self, value: Any) -> bool:
        """A finite number in the range."""
        return _is_real(value) and self.low <= value <= self.high

    def current(self) -> Any:
        """A float, whatever kind of number was put there."""
        return float(super().current())

    def allowed(self) -> str:
        """The range."""
        return f"it is a number from {self.low:g} to {self.high:g}"

    def read(self, text: str) -> float:
        """As Python reads a number."""
        return float(text)

    def text(self, value: Any) -> str:
        """The shortest text that reads back as the same number."""
        return repr(float(value)).removesuffix(".0")

    def widget(self, **options: Any) -> None:
        """A number field with steppers."""
        st.number_input(min_value=self.low, max_value=self.high, step=self.step, **options)


@dataclass(frozen=True, kw_only=True)
class Slider(Real):
    """The same, as a slider."""

    def widget(self, **options: Any) -> None:
        """A slider; whole steps are written without decimals."""
        form = _decimals(self.step)
        st.slider(min_value=self.low, max_value=self.high, step=self.step, format=form, **options)


@dataclass(frozen=True, kw_only=True)
class Span(Control):
    """A range between ``low`` and ``high``, as a slider with two ends; a link says ``0.5,1.5``."""

    low: float
    high: float
    step: float

    def allows(self, value: Any) -> bool:
        """Two finite numbers in the range, the smaller one first."""
        return (
            isinstance(value, tuple | list)
            and len(value) == 2
            and all(_is_real(end) for end in value)
            and self.low <= value[0] <= value[1] <= self.high
        )

    def allowed(self) -> str:
        """The range, and how it is written."""
        return f"it is two numbers from {self.low:g} to {self.high:g} with a comma between them, the smaller one first"

    def current(self) -> Any:
        """A tuple."""
        low, high = super().current()
        return float(low), float(high)

    def read(self, text: str) -> tuple[float, ...]:
        """Two numbers with a comma between them."""
        return tuple(float(end) for end in text.split(",", 2))

    def text(self, value: Any) -> str:
        """The shortest text that reads back as the same numbers."""
        return ",".join(repr(float(end)).removesuffix(".0") for end in value)

    def widget(self, **options: Any) -> None:
        """A slider with two ends."""
        form = _decimals(self.step)
        st.slider(min_value=self.low, max_value=self.high, step=self.step, format=form, **options)


def _decimals(step: float) -> str:
    """How a slider writes its numbers: as finely as its steps, and with two decimals at least where they are parts.

    >>> _decimals(1.0), _decimals(0.5), _decimals(0.0005)
    ('%.0f', '%.2f', '%.4f')
    """
    if step >= 1:
        return "%.0f"
    exponent = Decimal(repr(step)).normalize().as_tuple().exponent
    return f"%.{max(2, -int(exponent))}f"


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class Switch(Control):
    """On or off."""

    def allows(self, value: Any) -> bool:
        """True or false."""
        return isinstance(value, bool)

    def allowed(self) -> str:
        """The two texts."""
        return "it is 1 (on) or 0 (off)"

    def read(self, text: str) -> bool:
        """``1`` or ``0``."""
        if text not in ("0", "1"):
            raise ValueError
        return text == "1"

    def text(self, value: Any) -> str:
        """``1`` or ``0``."""
        return "1" if value else "0"

    def widget(self, **options: Any) -> None:
        """A switch."""
        st.toggle(**options)


def of_option(key: str, option: Option | Interval) -> Control:
    """The widget of a method's option.

    >>> of_option("page.side", Choice("Side", "left", {"left": "on the left", "right": "on the right"})).parse("right")
    'right'
    """
    if isinstance(option, Choice):
        return Select(
            key=key, label=option.label, default=option.default, help=option.help or None, options=option.choices
        )
    if isinstance(option, Flag):
        return Switch(key=key, label=option.label, default=option.default, help=option.help or None)
    low, high, note = option.low, option.high, option.help or None
    if isinstance(option, Interval):
        return Span(
            key=key, label=option.label, default=option.default, low=low, high=high, step=option.step, help=note
        )
    if option.whole:
        return Whole(key=key, label=option.label, default=int(option.default), low=int(low), high=int(high), help=note)
    return Slider(
        key=key, label=option.label, default=float(option.default), low=low, high=high, step=option.step, help=note
    )
