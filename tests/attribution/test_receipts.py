"""Receipts: what is listed adds up to what is shown."""

import keras
import numpy as np
import pytest

from explorer.attribution import METHODS, explain, receipt
from explorer.errors import MethodError
from explorer.models import Classifier
from tests.models import networks

L = keras.layers
CAMS = [name for name, method in METHODS.items() if method.family == "cam"]


@pytest.fixture(scope="module")
def network():
    """Twelve channels, whose weights have both signs."""
    layers = [keras.Input((6, 6, 1)), L.Conv2D(12, 3, activation="relu", name="conv"), L.Flatten(), L.Dense(3)]
    model = keras.Sequential(layers)
    random = np.random.default_rng(4)
    model.set_weights([random.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    return Classifier(model, ("a", "b", "c"), "signed")


@pytest.mark.parametrize("method", CAMS)
def test_a_receipt_adds_up_to_the_map(network, method):
    found = explain(network, networks.pictures(network.model, 1)[0], method=method)
    paid = receipt(found, most=5)
    total = sum(line.product.astype(float) for line in paid.lines) + paid.rest
    np.testing.assert_allclose(total, found.raw, rtol=1e-4, atol=1e-4 * np.abs(found.raw).max())
    np.testing.assert_allclose(paid.running[-1], found.raw, rtol=1e-4, atol=1e-4 * np.abs(found.raw).max())
    np.testing.assert_array_equal(np.maximum(paid.total, 0), paid.shown)
    np.testing.assert_array_equal(paid.shown, found.raw_values)
    assert len(paid.lines) + paid.others == 12
    assert len(paid.running) == len(paid.lines) + 1
    for line in paid.lines:
        np.testing.assert_array_equal(line.map * line.weights, line.product)
        np.testing.assert_array_equal(line.map, found.terms.maps[..., line.channel])
        assert line.weight is None or (line.weights == np.float32(line.weight)).all()
    assert (paid.lines[0].weight is None) == (method in ("hires-cam", "layer-cam"))


def test_the_largest_contributions_come_first_and_their_shares_are_of_all(network):
    found = explain(network, networks.pictures(network.model, 1)[0], method="hires-cam")
    sizes = [np.abs(found.terms.products[..., k]).sum() for k in range(12)]
    lines = receipt(found, most=12).lines
    assert [line.channel for line in lines] == [k for k in np.argsort(sizes)[::-1] if sizes[k] > 0]
    np.testing.assert_allclose(
        [line.share for line in lines], np.sort(sizes)[::-1][: len(lines)] / sum(sizes), rtol=1e-5
    )
    running = receipt(found, most=2).running
    np.testing.assert_allclose(running[1] - running[0], lines[1].product, atol=1e-5)


def test_a_receipt_of_a_blank_map_has_one_line_of_nothing(network):
    black = explain(network, np.zeros((6, 6), np.uint8), method="eigen-cam")
    dead = Classifier(keras.models.clone_model(network.model), network.class_names, "dead")
    dead.model.set_weights([np.zeros_like(weight) for weight in network.model.get_weights()])
    for found in (explain(dead, np.zeros((6, 6), np.uint8)), black):
        paid = receipt(found)
        assert paid.lines
        np.testing.assert_array_equal(paid.total, found.raw)
    assert [line.share for line in receipt(explain(dead, np.zeros((6, 6), np.uint8))).lines] == [0.0]


@pytest.mark.parametrize("method", [name for name in METHODS if name not in CAMS])
def test_what_adds_up_no_channels_has_no_receipt(network, method):
    few = {"rise": {"masks": 32}, "integrated-gradients": {"steps": 8}, "smoothgrad": {"samples": 4}}
    found = explain(network, networks.pictures(network.model, 1)[0], method=method, **few.get(method, {}))
    assert found.terms is None
    with pytest.raises(MethodError, match=r"Only class activation maps are a sum over channels"):
        receipt(found)
