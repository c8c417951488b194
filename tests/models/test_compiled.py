"""Compiled functions: built once, bounded, and safe among threads."""

import threading
import time

import pytest
import tensorflow as tf

from explorer.models import compiled
from explorer.models.compiled import CompiledFunctions, register_gradient


def test_a_function_is_built_once():
    functions, built = CompiledFunctions(), []

    def build(key):
        return functions.get(key, lambda: built.append(key) or (lambda x: (key, x)))

    assert build("a")(1) == ("a", 1)
    assert build(("a", 2))(3) == (("a", 2), 3)
    assert build("a") is build("a")
    assert built == ["a", ("a", 2)]


def test_each_network_has_its_own():
    one, other = CompiledFunctions(), CompiledFunctions()
    assert one.get("a", lambda: abs) is abs
    assert other.get("a", lambda: len) is len


def test_the_one_not_used_for_longest_goes_first(monkeypatch):
    monkeypatch.setattr(compiled, "MAX_COMPILED", 3)
    functions, built = CompiledFunctions(), []
    for key in "abcadabcd":
        functions.get(key, lambda key=key: built.append(key) or abs)
    # a b c are kept; d drops b, which drops c, which drops d, which drops a.
    assert built == list("abcdbcd")


def test_what_could_not_be_built_is_tried_again():
    functions = CompiledFunctions()
    with pytest.raises(ZeroDivisionError):
        functions.get("a", lambda: 1 / 0)
    assert functions.get("a", lambda: abs) is abs


def test_one_function_may_need_another_while_it_is_built():
    functions = CompiledFunctions()
    assert functions.get("outer", lambda: functions.get("inner", lambda: abs)) is abs
    assert functions.get("inner", lambda: len) is abs


def test_threads_that_ask_at_once_build_once():
    functions, built, found = CompiledFunctions(), [], []
    together = threading.Barrier(4)

    def slowly():
        built.append(1)
        time.sleep(0.02)
        return abs

    def ask():
        together.wait()
        found.append(functions.get("a", slowly))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]
    assert found == [abs] * 4


def test_a_gradient_is_named_once_and_takes_the_place_of_the_own_one():
    for factor in (3.0, 100.0):  # the second is too late, and does no harm
        register_gradient("ExplorerTestGradient", lambda _, gradient, factor=factor: factor * gradient)

    @tf.function(autograph=False)
    def slope(x):
        with tf.compat.v1.get_default_graph().gradient_override_map({"Square": "ExplorerTestGradient"}):
            y = tf.square(x)
        return tf.gradients(y, [x])[0], tf.gradients(tf.square(x), [x])[0]

    assert [float(value) for value in slope(tf.constant(5.0))] == [3, 10]
