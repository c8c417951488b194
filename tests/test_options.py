"""What options take and what they refuse, in which words."""

import math

import numpy as np
import pytest

from explorer.errors import ExplorerError, MethodError
from explorer.options import Choice, Flag, Number

WHOLE = Number("Masks", 8, 1, 64, 1)
REAL = Number("Share", 0.5, 0.0, 1.0, 0.05, "A part of the whole.")
CHOICE = Choice("Side", "left", {"left": "on the left", "right": "on the right"})
FLAG = Flag("Signed")


def test_a_whole_step_makes_whole_numbers():
    assert WHOLE.whole
    assert not REAL.whole
    assert not Number("Angle", 0.0, 0.0, 9.0, 1.0).whole


@pytest.mark.parametrize("value", [1, 64, 7, np.int64(7), np.uint8(64)])
def test_whole_numbers(value):
    found = WHOLE.check("masks", value)
    assert found == int(value)
    assert type(found) is int


@pytest.mark.parametrize("value", [0, 65, -1, 10**400, 1.0, 7.5, True, False, np.True_, "7", None, [7], math.nan])
def test_what_is_no_whole_number_in_the_range(value):
    with pytest.raises(MethodError, match=r"^masks is .*; it is a whole number from 1 to 64\.$"):
        WHOLE.check("masks", value)


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, 0.123, np.float32(0.5), np.float64(1), np.int32(1)])
def test_numbers(value):
    found = REAL.check("share", value)
    assert found == float(value)
    assert type(found) is float


@pytest.mark.parametrize(
    "value", [-0.001, 1.001, math.nan, math.inf, -math.inf, np.float32("nan"), True, np.False_, "0.5", None, 1j, [0.5]]
)
def test_what_is_no_number_in_the_range(value):
    with pytest.raises(MethodError, match=r"^share is .*; it is a number from 0 to 1\.$"):
        REAL.check("share", value)


def test_choices():
    assert CHOICE.check("side", "right") == "right"
    for value in ("on the left", "Left", "", None, 0, True, ["left"], {"left"}, b"left"):
        with pytest.raises(MethodError, match=r"^side is .*; it can be left, right\.$"):
            CHOICE.check("side", value)


def test_flags():
    for value in (True, False, np.True_, np.False_):
        assert FLAG.check("signed", value) is bool(value)
    for value in (1, 0, "True", None, 1.0, []):
        with pytest.raises(MethodError, match=r"^signed is .*; it can be True or False\.$"):
            FLAG.check("signed", value)


def test_a_refusal_is_meant_for_the_person():
    assert issubclass(MethodError, ExplorerError)


@pytest.mark.parametrize("option", [WHOLE, REAL, CHOICE, FLAG])
def test_defaults_are_allowed_and_entries_cannot_change(option):
    assert option.check("it", option.default) == option.default
    with pytest.raises(AttributeError):
        option.default = None
