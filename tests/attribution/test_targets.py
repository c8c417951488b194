"""What is asked about, as a direction in the space of class scores."""

import numpy as np
import pytest

from explorer.attribution import Target
from explorer.attribution.targets import as_target
from explorer.errors import MethodError
from tests.models import networks

NAMES = ("class 0", "class 1", "class 2")


@pytest.fixture(scope="module")
def network():
    return networks.classifier("mlp")


@pytest.mark.parametrize(
    ("target", "direction"),
    [
        (Target(), [0, 0, 0]),
        (Target(2), [0, 0, 1]),
        (Target(0, versus=1), [1, -1, 0]),
        (Target(1, against=True), [0, -1, 0]),
        (Target(1, versus=2, against=True), [0, -1, 1]),
        (Target(np.int64(1)), [0, 1, 0]),
    ],
)
def test_a_target_is_a_direction(target, direction):
    found = target.direction(3)
    np.testing.assert_array_equal(found, direction)
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (Target(3), r"The class is 3; the network's classes are 0 to 2\."),
        (Target(-1), "The class is -1"),
        (Target(True), "The class is True"),
        (Target(1.0), r"The class is 1\.0"),
        (Target(0, versus=3), "The class is 3"),
        (Target(0, versus=False), "The class is False|against itself"),
        (Target(1, versus=1), "against itself"),
        (Target(versus=1), "Name the class"),
        (Target(against=True), "Name the class"),
    ],
)
def test_a_class_that_there_is_not_is_refused_in_a_sentence(target, sentence):
    with pytest.raises(MethodError, match=sentence):
        target.direction(3)


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        (None, Target()),
        (2, Target(2)),
        (np.uint8(2), Target(2)),
        ("class 1", Target(1)),
        ((0, 2), Target(0, versus=2)),
        (("class 2", "class 0"), Target(2, versus=0)),
        (Target(1, against=True), Target(1, against=True)),
    ],
)
def test_a_script_may_ask_in_several_ways(network, asked, target):
    assert as_target(asked, network) == target


@pytest.mark.parametrize(
    "asked",
    [3, -1, True, np.bool_(True), 1.0, "cat", "", "1", (0, 3), ("cat", 0), (0, 1, 2), (), [1], np.arange(2), {}],
)
def test_what_is_no_class_is_refused_in_a_sentence(network, asked):
    with pytest.raises(
        MethodError, match=r"^The (class is|network knows no class) .+(0 to 2|class 0, class 1, class 2)\.$"
    ):
        as_target(asked, network)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(), "the likeliest class"),
        (Target(1), "class 1"),
        (Target(1, versus=0), "class 1 rather than class 0"),
        (Target(2, against=True), "against class 2"),
    ],
)
def test_a_target_is_named_in_words(target, words):
    assert target.named(NAMES) == words
