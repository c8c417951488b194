"""An unfolded channel as the browser is sent it."""

import base64

import keras
import numpy as np
import pytest

from explorer import trace
from explorer.models import Classifier
from explorer.ui import glance_unit
from tests.models.networks import pictures

L = keras.layers


@pytest.fixture(scope="module")
def found():
    """One sigmoid unit behind maps."""
    layers = [keras.Input((6, 6, 3)), L.Conv2D(9, 3, name="conv"), L.Flatten(), L.Dense(1, "sigmoid", name="dog")]
    model = keras.Sequential(layers)
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 0.1, weight.shape) for weight in model.get_weights()])
    net = Classifier(model, ("cat", "dog"), "two classes")
    return trace.unfold(trace.wired(net, pictures(model, 1)[0] / 255), "dog", 0)


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def total_by_map(sent):
    flat = sent["flattened"]
    sums = [float(floats(each["values"]) @ floats(each["weights"])) for each in flat["sources"]]
    return sum(sums) + flat["rest"] + sent["bias"]


def test_the_sum_map_by_map_is_the_total(found):
    sent = glance_unit.sent(found, {("conv", 2): "an edge"})
    assert sent["flattened"]["shape"] == [4, 4, 9]
    assert (len(sent["flattened"]["sources"]), sent["flattened"]["others"]) == (6, 3)
    assert total_by_map(sent) == pytest.approx(floats(sent["total"]).item(), rel=1e-5, abs=1e-5)
    names = {each["channel"]: each["name"] for each in sent["flattened"]["sources"]}
    assert all(name == ("an edge" if channel == 2 else f"channel {channel}") for channel, name in names.items())


def test_of_the_other_class_every_sign_is_turned_round(found):
    one, other = glance_unit.sent(found, {}), glance_unit.sent(glance_unit.opposite(found), {})
    assert total_by_map(other) == pytest.approx(-total_by_map(one), rel=1e-6)
    assert floats(other["total"]).item() == pytest.approx(-floats(one["total"]).item(), rel=1e-6)
    assert floats(other["result"]).item() == pytest.approx(1 - floats(one["result"]).item(), rel=1e-5)
