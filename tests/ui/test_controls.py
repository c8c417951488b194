"""Every control against hostile texts and values, and its text against its own parser."""

import math

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer.ascent import OPTIONS
from explorer.attribution import METHODS
from explorer.options import Choice, Flag, Number
from explorer.ui import kernel_editor, kernel_options
from explorer.ui.controls import Real, Select, Slider, Switch, Whole, of_option
from explorer.ui.kernel_editor import WEIGHTS

WHOLE = Whole(key="toy.whole", label="Whole", default=3, low=1, high=9)
REAL = Real(key="toy.real", label="Real", default=0.0, low=-2.0, high=2.0, step=0.5)
SELECT = Select(key="toy.select", label="Select", default="a", options={"a": "A", "b": "B"})
SWITCH = Switch(key="toy.switch", label="Switch", default=False)

EVERY = {control.key: control for control in (*kernel_options.CONTROLS, WHOLE, REAL, SELECT, SWITCH)}
HOSTILE = [
    "", " ", "nan", "NaN", "inf", "-inf", "Infinity", "1e999", "-1e999", "1e308", "9" * 5000, "-1", "-0", "0x10", "1_0",
    "1,2", "²", "٣", "１", " 3", "3 ", "3\n", "\x00", "None", "null", "True", "true", "[]", "{}", "../../etc/passwd",
    "<script>alert(1)</script>", "'; DROP TABLE", "$\\frac{1}{0}$", "a" * 100_000, "1;2,3", ";", ",", ";;;", "1,,2",
    "nan,1;1,1", "1e7", "own", "\ud800", ",".join("1" * 16), ";".join("1" * 16), "1,2\n3,4", "%00", "𝟛",
]  # fmt: skip
VALUES = [
    None, True, False, -1, 0, 99, 10**400, -(10**400), math.nan, math.inf, -math.inf, "x", "", "1", b"1", [], [1], {},
    (), {"edited_rows": 1}, object(), 1 + 2j, 0.5, 3.0, np.float64("nan"),
]  # fmt: skip


def parsed(control, text):
    """The value, or the sentence why there is none."""
    try:
        return control.parse(text), None
    except ValueError as why:
        return None, str(why)


@pytest.mark.parametrize("key", EVERY)
def test_a_links_text_is_an_allowed_value_or_a_sentence(key):
    control = EVERY[key]
    for text in HOSTILE:
        value, why = parsed(control, text)
        if why is None:
            assert control.allows(value), text[:20]
            assert control.parse(control.text(value)) == value
        else:
            assert why == control.allowed()
            assert len(why) < 300


@pytest.mark.parametrize("key", [key for key in EVERY if key != WEIGHTS.key])
def test_any_value_of_the_session_is_allowed_or_not_but_never_an_exception(key):
    control = EVERY[key]
    for value in VALUES:
        assert control.allows(value) in (True, False)
        if control.allows(value):
            assert control.parse(control.text(value)) == value


@pytest.mark.parametrize(
    ("control", "good", "bad"),
    [
        (WHOLE, {"1": 1, "9": 9, "05": 5}, ["0", "10", "-1", "+3", "3.0", "1e0", "٣", "²", " 3", "3" * 12]),
        (REAL, {"-2": -2, "2": 2, "0.25": 0.25, "1e-3": 0.001}, ["2.0001", "-3", "nan", "inf", "1,5", "0x1"]),
        (SELECT, {"a": "a", "b": "b"}, ["A", "a ", "", "c"]),
        (SWITCH, {"0": False, "1": True}, ["", "2", "true", "on", " 1", "01"]),
        (WEIGHTS, {"1": ((1,),), "1,0;-2,.5": ((1, 0), (-2, 0.5)), "1,2,3": ((1, 2, 3),)}, ["1,2;3", "x", "1e7", ""]),
    ],
    ids=["whole", "real", "select", "switch", "weights"],
)
def test_what_is_allowed_and_what_is_not(control, good, bad):
    for text, value in good.items():
        assert control.parse(text) == value
        assert type(control.parse(text)) is type(value) or control is REAL
    for text in bad:
        with pytest.raises(ValueError, match=r"^(it is|the choices are) "):
            control.parse(text)


def test_allowed_values_only():
    assert [value for value in range(-2, 12) if WHOLE.allows(value)] == list(range(1, 10))
    assert not any(WHOLE.allows(value) for value in (True, 3.0, "3", None))
    assert not any(REAL.allows(value) for value in (math.nan, math.inf, 2.1, "1", None, True))
    assert not any(SWITCH.allows(value) for value in (0, 1, "1", None))


@pytest.mark.parametrize("seed", range(20))
def test_numbers_survive_their_text(seed):
    random = np.random.default_rng(seed)
    real = float(random.uniform(-2, 2))
    assert REAL.parse(REAL.text(real)) == real
    sides = random.integers(1, 16, 2)
    weights = random.normal(scale=10.0 ** random.integers(-6, 4), size=sides).astype(np.float32)
    text = WEIGHTS.text(tuple(map(tuple, weights.astype(float).tolist())))
    np.testing.assert_array_equal(np.float32(WEIGHTS.parse(text)), weights)  # to the last bit of float32
    assert len(text) <= 20 * 15 * 15


def test_texts_are_short():
    assert WEIGHTS.text(((1.0, -0.5), (0.1, 1e6))) == "1,-0.5;0.1,1e06"
    assert (REAL.text(2), REAL.text(0.5), SWITCH.text(True), WHOLE.text(4)) == ("2", "0.5", "1", "4")


def test_the_largest_kernel_fits_into_a_link():
    full = tuple(tuple([-123456.7] * 15) for _ in range(15))
    assert WEIGHTS.parse(WEIGHTS.text(full)) == full


def test_cells_that_are_not_there_or_no_numbers_are_passed_over():
    base = ((1.0, 2.0), (3.0, 4.0))
    edits = {
        0: {"0": math.nan, "1": None, "7": 5, "x": 5, "-1": 5},
        1: {"0": 1e300, "1": "8"},
        9: {"0": 5},
        -1: {"0": 5},
        "²": {"0": 5},
    }
    assert kernel_editor.typed_over(base, {"edited_rows": edits}) == ((1.0, 0.0), (1e6, 4.0))
    for nonsense in (None, 3, "x", [], {"edited_rows": {}}):
        assert kernel_editor.typed_over(base, nonsense) == base


OF_METHODS = {f"{name}-{part}": option for name, method in METHODS.items() for part, option in method.options.items()}
EVERY_OPTION = {**OPTIONS, **OF_METHODS}


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        (Choice("Side", "left", {"left": "L", "right": "R"}, "Where."), Select),
        (Flag("Signed", True, "With its sign."), Switch),
        (Number("Masks", 8, 1, 64, 1, "How many."), Whole),
        (Number("Share", 0.5, 0.0, 1.0, 0.05, "How much."), Slider),
        (Number("Angle", 3.0, 0.0, 9.0, 1.0, "How far."), Slider),
    ],
)
def test_a_methods_option_becomes_its_widget(option, kind):
    control = of_option("page.it", option)
    assert type(control) is kind
    assert (control.key, control.label, control.default) == ("page.it", option.label, option.default)
    assert control.help == option.help
    if isinstance(option, Number):
        assert (control.low, control.high) == (option.low, option.high)
        assert getattr(control, "step", 1) == option.step
    if isinstance(option, Choice):
        assert control.options == option.choices


@pytest.mark.parametrize("name", EVERY_OPTION)
def test_an_option_and_its_widget_allow_the_same(name):
    option = EVERY_OPTION[name]
    control = of_option("page.it", option)
    assert control.allows(control.initial())
    assert option.check(name, control.parse(control.text(option.default))) == option.default
    for text in HOSTILE:
        value, why = parsed(control, text)
        if why is None:
            assert option.check(name, value) == value
    if isinstance(option, Number):
        kind = int if option.whole else float
        for value, allowed in (
            (option.low, True),
            (option.high, True),
            (option.low - 1, False),
            (option.high + 1, False),
        ):
            assert control.allows(kind(value)) is allowed


@pytest.mark.parametrize(
    ("step", "value", "written"),
    [(0.001, 0.004, "0.004"), (0.0005, 0.001, "0.0010"), (0.05, 0.5, "0.50"), (1.0, 7.0, "7")],
)
def test_a_slider_writes_its_numbers_as_finely_as_its_steps(step, value, written):
    def drawn(step, value):
        from explorer.ui.controls import Slider, Span

        Slider(key="toy.slider", label="S", default=value, low=0.0, high=10.0, step=step).draw()
        Span(key="toy.span", label="S", default=(value, 9.0), low=0.0, high=10.0, step=step).draw()

    at = AppTest.from_function(drawn, args=(step, value)).run()
    assert [each.proto.format % value for each in at.slider] == [written, written]


def test_a_number_that_is_not_bounded_arrives_and_is_explained():
    def drawn():
        import streamlit as st

        from explorer.ui.controls import Whole

        whole = Whole(key="toy.whole", label="Whole", default=3, low=1, high=9, bounded=False)
        st.text(f"{whole.draw()}; {whole.problem()}")

    at = AppTest.from_function(drawn).run()
    assert at.text[0].value == "3; None"
    at.number_input[0].set_value(4000).run()
    assert at.number_input[0].value == 4000
    assert at.text[0].value == "3; “Whole” is 4,000; it is a whole number from 1 to 9."
    at.number_input[0].set_value(9).run()
    assert at.text[0].value == "9; None"


def interrupted():
    """A page whose run ends after a value was set and before its widget is drawn, the first time."""
    import streamlit as st

    from explorer.ui.controls import Whole

    control = Whole(key="toy.page", label="Page", default=1, low=1, high=9)
    if "begun" not in st.session_state:
        st.session_state["begun"] = True
        control.put(3)
        st.stop()
    st.caption(str(control.draw()))


def test_a_value_set_in_a_run_that_ended_early_is_still_told_to_the_browser():
    at = AppTest.from_function(interrupted, default_timeout=30).run()
    assert not at.number_input
    drawn = at.run().number_input[0]
    assert (at.caption[0].value, drawn.proto.value, drawn.proto.set_value) == ("3", 3, True)
    assert not at.run().number_input[0].proto.set_value, "once is enough: what is typed next has to stay"
    assert at.number_input[0].set_value(5).run().caption[0].value == "5"
