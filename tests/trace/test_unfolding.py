"""A channel unfolded: which inputs are told, and what the rest is."""

import keras
import numpy as np
import pytest

from explorer import trace
from explorer.errors import LayerError
from explorer.models import Classifier
from tests.models.networks import classifier, pictures

L = keras.layers


def deep(filters=12):
    inputs = keras.Input((10, 10, 3))
    x = L.Conv2D(filters, 3, activation="relu", name="first")(inputs)
    x = L.Conv2D(4, 3, strides=2, padding="same", name="second")(x)
    model = keras.Model(inputs, L.Dense(2)(L.Flatten(name="flat")(x)))
    keras.utils.set_random_seed(3)
    model.set_weights(
        [np.random.default_rng(3).normal(0, 0.3, w.shape).astype(np.float32) for w in model.get_weights()]
    )
    return Classifier(model, ("a", "b"), "deep")


@pytest.fixture(scope="module")
def wiring():
    net = deep()
    return trace.wired(net, pictures(net.model, 1)[0])


def test_the_strongest_inputs_come_first_and_the_others_are_added_up(wiring):
    found = trace.unfold(wiring, "second", 2, inputs=4)
    layer = wiring.calls["second"].layer
    first = wiring.value(wiring.calls["first"].outputs[0])
    kernel = np.asarray(layer.kernel)[..., 2]
    alone = []
    for channel in range(12):  # each input alone, by Keras
        one = np.zeros_like(first)
        one[..., channel] = first[..., channel]
        alone.append(np.asarray(keras.ops.conv(one[None], layer.kernel, strides=2, padding="same"))[0, ..., 2])
    order = np.argsort([-np.abs(each).sum() for each in alone])
    assert [source.channel for source in found.sources] == order[:4].tolist()
    assert {source.path for source in found.sources} == {"first"}
    for source in found.sources:
        np.testing.assert_allclose(source.part, alone[source.channel], atol=1e-5)
        np.testing.assert_array_equal(source.weights, kernel[..., source.channel])
        np.testing.assert_array_equal(source.values, first[..., source.channel])
        assert source.flow == pytest.approx(np.abs(alone[source.channel]).sum(), rel=1e-5)
    assert found.others == 8
    np.testing.assert_allclose(found.rest, sum(alone[channel] for channel in order[4:]), atol=1e-4)
    np.testing.assert_allclose(found.total, found.result, atol=1e-4)


def test_numbers_that_were_flattened_know_their_place(wiring):
    path = next(path for path in wiring.calls if path.startswith("dense"))
    found = trace.unfold(wiring, path, 1, terms=5)
    maps = wiring.value(wiring.calls["second"].outputs[0])
    for source in found.sources:
        channel, row, col = source.place
        assert source.values == maps[row, col, channel]
    assert found.form == "dense"
    assert found.result.shape == ()


def test_a_units_own_activation_is_a_step(wiring):
    found = trace.unfold(wiring, "first", 0)
    assert [(step.kind, step.name) for step in found.steps] == [("activation", "relu")]
    np.testing.assert_allclose(np.maximum(found.total, 0), found.result, atol=1e-4)
    x, y = found.steps[0].curve(2.0)
    np.testing.assert_allclose(y, np.maximum(x, 0))
    row, col = found.strongest
    assert found.result[row, col] == found.result.max()


def test_preprocessing_is_a_step_after_the_picture():
    net = classifier("grey")
    image = pictures(net.model, 1)[0]
    found = trace.unfold(trace.wired(net, image), "scale", 0)
    assert (found.form, found.gathers) == ("picture", "")
    np.testing.assert_array_equal(found.sources[0].values, image[..., 0])
    np.testing.assert_allclose(found.steps[0].normalisation(image[..., 0]), found.result, atol=1e-6)


def test_a_row_of_numbers_and_an_unknown_layer_are_shown_as_they_are():
    net = classifier("grey")
    wiring = trace.wired(net, pictures(net.model, 1)[0])
    assert trace.unfold(wiring, "flatten", 3).form == "other"

    inputs = keras.Input((4, 4, 3))
    x = L.UpSampling2D(2, interpolation="bicubic", name="up")(inputs)
    model = keras.Model(inputs, L.Dense(2)(L.GlobalAveragePooling2D()(x)))
    net = Classifier(model, ("a", "b"), "enlarged")
    wiring = trace.wired(net, pictures(model, 1)[0])
    found = trace.unfold(wiring, "up", 1)
    assert (found.form, found.kind, found.sources) == ("other", "UpSampling2D", ())
    with pytest.raises(LayerError, match="not known"):
        trace.trace_unit(net, pictures(model, 1)[0], "up", 0, 0, 1)


def test_a_channel_that_is_not_there(wiring):
    with pytest.raises(LayerError, match="channels 0 to 3"):
        trace.unfold(wiring, "second", 4)
    with pytest.raises(LayerError, match="no layer"):
        trace.unfold(wiring, "third", 0)


def test_a_dense_layer_behind_maps_is_told_map_by_map(wiring):
    path = next(path for path in wiring.calls if path.startswith("dense"))
    found = trace.unfold(wiring, path, 1, inputs=3)
    maps = wiring.value(wiring.calls["second"].outputs[0])
    layer = wiring.calls[path].layer
    sums = []
    for channel in range(4):  # each map alone, by Keras
        alone = np.zeros_like(maps)
        alone[..., channel] = maps[..., channel]
        sums.append(float(np.asarray(layer(alone.reshape(1, -1)))[0, 1]) - float(np.asarray(layer.bias)[1]))
    order = np.argsort(-np.abs(sums)).tolist()
    told = found.flattened
    assert told.shape == maps.shape
    assert [source.channel for source in told.sources] == order[:3]
    for source in told.sources:
        assert source.path == "second"
        np.testing.assert_array_equal(source.values, maps[..., source.channel])
        assert float(source.part.sum()) == pytest.approx(sums[source.channel], rel=1e-5)
        np.testing.assert_allclose(source.values * source.weights, source.part, rtol=1e-6)
    assert told.others == 1
    assert told.rest == pytest.approx(sums[order[3]], rel=1e-5)
    whole = sum(float(source.part.sum()) for source in told.sources) + told.rest + found.bias
    assert whole == pytest.approx(float(found.total), rel=1e-5)


def test_the_weights_of_a_flattened_map_lie_where_its_cells_are(wiring):
    path = next(path for path in wiring.calls if path.startswith("dense"))
    kernel = np.asarray(wiring.calls[path].layer.kernel)
    height, width, count = wiring.value(wiring.calls["second"].outputs[0]).shape
    for source in trace.unfold(wiring, path, 0).flattened.sources:
        for row, col in np.ndindex(height, width):
            assert source.weights[row, col] == kernel[(row * width + col) * count + source.channel, 0]


def test_only_a_dense_layer_behind_maps_has_any():
    inputs = keras.Input((6,))
    net = keras.Model(inputs, L.Dense(2, name="scores")(inputs))
    row = trace.Wiring(net, {"scores": np.zeros(2, np.float32)}, np.ones(6, np.float32))
    assert trace.unfold(row, "scores", 0).flattened is None


def test_no_more_is_told_than_may_be_sent(wiring):
    path = next(path for path in wiring.calls if path.startswith("dense"))
    plane = wiring.value(wiring.calls["second"].outputs[0])[..., 0].nbytes
    two = trace.unfold(wiring, path, 0, most_bytes=2 * 2 * plane)
    assert (len(two.flattened.sources), two.flattened.others) == (2, 2)
    assert trace.unfold(wiring, path, 0, most_bytes=plane).flattened is None
    assert [len(trace.unfold(wiring, "second", 0, most_bytes=most).sources) for most in (1, 10**9)] == [2, 6]
    map_bytes, result_bytes = 8 * 8 * 4, 4 * 4 * 4
    four = trace.unfold(wiring, "second", 0, most_bytes=4 * map_bytes + 3 * result_bytes)
    assert (len(four.sources), four.others) == (4, 8)
    np.testing.assert_allclose(four.total, four.result, rtol=1e-4, atol=1e-2)
