"""Which channels are shown and how much flows between them, against Keras, one input at a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from explorer import overview
from explorer.activations import feature_maps
from explorer.models import Classifier
from explorer.models.graph import visits
from explorer.overview import Amounts, shares
from explorer.overview.flow import ONE_THREAD, Kept, Share, Weights
from tests.models.networks import NETWORKS, classifier

L = keras.layers


def signed(model, seed=5):
    """The network with weights of both signs; variances stay positive."""
    rng = np.random.default_rng(seed)
    weights = [
        np.abs(rng.normal(0, 0.4, w.shape)) + 0.1 if w.path.endswith("variance") else rng.normal(0, 0.4, w.shape)
        for w in model.weights
    ]
    model.set_weights([np.asarray(weight, np.float32) for weight in weights])
    return model


def deep():
    """Two convolutions apart by a pooling, normalised, and two folded into a block."""
    layers = [
        keras.Input((16, 16, 3)),
        L.Rescaling(1 / 127.5, offset=-1, name="scale"),
        L.Conv2D(6, 3, padding="same", activation="relu", name="conv1"),
        L.MaxPooling2D(name="pool1"),
        L.Conv2D(14, 3, name="conv2"),
        L.BatchNormalization(name="norm2"),
        L.ReLU(name="relu2"),
        L.Flatten(name="flatten"),
        L.Dense(5, activation="relu", name="hidden"),
        L.Dense(3, activation="softmax", name="classes"),
    ]
    return Classifier(signed(keras.Sequential(layers)), ("a", "b", "c"), "deep")


def looked(net, **options):
    plan = overview.plan(net.model, input_shape=net.input_shape)
    pixels = net.fit(pictures_for(net))[0][0]
    measured = overview.measure(net, plan, pixels)
    found = overview.glance(plan, measured, lambda path: feature_maps(net, pixels, path)[path][0], **options)
    return plan, measured, found, pixels


def pictures_for(net, seed=1):
    return np.random.default_rng(seed).integers(0, 256, net.input_shape, np.uint8)


def column(found, path):
    index = [shown.column.group.told.path for shown in found.columns].index(path)
    return index, found.columns[index]


def between(found, start, end):
    """The strengths and signs between two columns as a matrix: a row for each of the second's channels."""
    a, b = column(found, start)[0], column(found, end)[0]
    strength = np.zeros((len(found.columns[b].channels), len(found.columns[a].channels)))
    sign = np.zeros_like(strength)
    for edge in found.edges:
        if (edge.start, edge.end) == (a, b):
            strength[edge.into, edge.out], sign[edge.into, edge.out] = edge.strength, edge.sign
    return strength, sign


@pytest.fixture(scope="module")
def seen():
    net = deep()
    return net, *looked(net)


def test_what_is_shown_is_what_keras_computes(seen):
    net, _, _, found, pixels = seen
    for path in ("scale", "conv1", "pool1", "relu2", "hidden"):
        part = keras.Model(net.model.inputs[0], net.model.get_layer(path).output)
        np.testing.assert_allclose(column(found, path)[1].values, np.asarray(part(pixels[None]))[0], atol=1e-4)
    np.testing.assert_allclose(found.probabilities, net.predict(pixels)[0], atol=1e-6)
    np.testing.assert_allclose(found.columns[-1].values, net.logits(pixels)[0], atol=1e-4)
    assert found.columns[-1].channels.tolist() == np.argsort(-found.probabilities).tolist()


def test_one_convolution_apart_it_is_the_magnitude_of_each_slice_on_its_map(seen):
    net, _, _, found, _ = seen
    layer = net.model.get_layer("conv2")
    pooled = column(found, "pool1")[1]
    strength, sign = between(found, "pool1", "relu2")
    size, net_sum = np.zeros_like(strength), np.zeros_like(strength)
    for place, channel in enumerate(pooled.channels):
        alone = np.zeros_like(pooled.values)
        alone[..., channel] = pooled.values[..., channel]
        part = np.asarray(keras.ops.conv(alone[None], layer.kernel, padding="valid"))[0]
        shown = part[..., column(found, "relu2")[1].channels]
        size[:, place], net_sum[:, place] = np.abs(shown).sum((0, 1)), shown.sum((0, 1))
    size /= size.max()
    drawn = size >= 0.03
    np.testing.assert_allclose(strength[drawn], size[drawn], rtol=1e-3)
    assert (strength[~drawn] == 0).all()
    np.testing.assert_array_equal(sign[drawn], np.sign(net_sum)[drawn])


def test_a_dense_layer_shares_by_its_products(seen):
    net, _, _, found, _ = seen
    hidden, classes = column(found, "hidden")[1], found.columns[-1]
    kernel = np.asarray(net.model.get_layer("classes").kernel)
    products = kernel[hidden.channels][:, classes.channels].T * hidden.values[hidden.channels]
    whole = np.abs(kernel[:, classes.channels].T * hidden.values).sum(axis=1, keepdims=True)
    expected = np.abs(products) / whole
    strength, sign = between(found, "hidden", "classes")
    np.testing.assert_allclose(
        strength, np.where(expected >= 0.03 * expected.max(), expected / expected.max(), 0), rtol=1e-3
    )
    np.testing.assert_array_equal(sign[strength > 0], np.sign(products)[strength > 0])


def test_a_flattened_map_is_added_up_channel_by_channel(seen):
    net, _, _, found, _ = seen
    maps, hidden = column(found, "relu2")[1], column(found, "hidden")[1]
    kernel = np.asarray(net.model.get_layer("hidden").kernel).reshape(*maps.values.shape, -1)
    given = np.abs(kernel * maps.values[..., None]).sum(axis=(0, 1))  # (channels, units)
    expected = (given / given.sum(axis=0))[maps.channels][:, hidden.channels].T
    strength, _ = between(found, "relu2", "hidden")
    drawn = strength > 0
    np.testing.assert_allclose(strength[drawn], (expected / expected.max())[drawn], rtol=1e-3)


def test_followed_back_through_many_layers_all_shares_are_still_one():
    net = classifier("branches")
    plan, measured, _, _ = looked(net)
    last = plan.classes.told.op.outputs[0]
    found = shares(last, np.eye(3, dtype=np.float32), [0], plan.calls, measured.amounts)
    np.testing.assert_allclose(found[0].size.sum(axis=1), 1, rtol=1e-4)
    assert (np.abs(found[0].net) <= found[0].size + 1e-6).all()


def test_an_addition_shares_by_the_size_of_its_parents():
    inputs = keras.Input((4, 4, 3))
    x = L.Add(name="add")([L.Conv2D(2, 1, name="left")(inputs), L.Conv2D(2, 1, name="right")(inputs)])
    net = Classifier(signed(keras.Model(inputs, L.Dense(2)(L.GlobalAveragePooling2D()(x)))), ("a", "b"), "sum")
    plan = overview.plan(net.model)
    _, _, found, pixels = looked(net, opened=[plan.stages[0].id])
    sizes = {path: np.abs(feature_maps(net, pixels, path)[path][0]).sum(axis=(0, 1)) for path in ("left", "right")}
    for path in sizes:
        strength, _ = between(found, path, "add")
        own = column(found, path)[1].channels
        into = column(found, "add")[1].channels
        for row, channel in enumerate(into):
            for at, other in enumerate(own):
                assert (strength[row, at] > 0) == (channel == other), "an addition keeps channels apart"
        share = {int(c): sizes[path][c] / sum(sizes[each][c] for each in sizes) for c in own}
        drawn = {int(into[row]): strength[row].max() for row in range(len(into))}
        top = max(share.values())
        assert drawn == pytest.approx({channel: value / top for channel, value in share.items()}, rel=1e-3)


def test_a_negative_gain_turns_the_sign_round():
    layers = [keras.Input((6, 6, 1)), L.Conv2D(1, 1, use_bias=False, name="conv"), L.BatchNormalization(name="norm")]
    model = keras.Sequential([*layers, L.GlobalAveragePooling2D(), L.Dense(2, use_bias=False)])
    for gain in (1.0, -1.0):
        weights = [np.ones(w.shape, np.float32) for w in model.weights]
        model.set_weights(weights)
        model.get_layer("norm").gamma.assign([gain])
        net = Classifier(model, ("a", "b"), "sign")
        _, _, found, _ = looked(net)
        assert {int(s) for s in between(found, "", "norm")[1].ravel()} == {1}, "the slice itself is positive"
    plan, measured, _, _ = looked(net)
    last = plan.classes.told.op.outputs[0]
    assert (shares(last, np.eye(2, dtype=np.float32), [0], plan.calls, measured.amounts)[0].net < 0).all()


def test_a_channel_without_an_edge_knows_where_it_comes_from():
    rng = np.random.default_rng(5)
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(40, 3, name="wide", activation="relu")(inputs)
    x = L.DepthwiseConv2D(3, depth_multiplier=2, name="deep")(x)
    model = keras.Model(inputs, L.Dense(2, name="scores")(L.GlobalAveragePooling2D(name="mean")(x)))
    model.set_weights([rng.normal(0, 1, weight.shape) for weight in model.weights])
    net = Classifier(model, ("a", "b"), "hidden")
    _, _, found, _ = looked(net, count=4)
    names = [shown.column.group.told.path for shown in found.columns]
    wide, deep = (found.columns[names.index(name)] for name in ("wide", "deep"))
    missing = [k for k, channel in enumerate(deep.channels) if channel // 2 not in wide.channels]
    told = {each.into: each for each in found.hidden if names[each.end] == "deep"}
    assert sorted(told) == missing
    assert missing, "with other weights there would be nothing to test"
    assert not any(each.channel in found.columns[each.start].channels for each in found.hidden)
    for into, each in told.items():
        assert (names[each.start], each.channel) == ("wide", deep.channels[into] // 2)
    assert [names[stop.column] for stop in found.strongest] == ["", "wide", "deep", "mean", "scores"]
    way = {names[stop.column]: stop.channel for stop in found.strongest}
    assert way["wide"] == way["deep"] // 2
    assert way["mean"] == way["deep"]


def test_what_is_too_faint_for_a_line_is_not_called_hidden():
    model = signed(keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(6, 3), L.Conv2D(6, 3), L.Flatten(), L.Dense(2)]))
    kernel, *_ = (layer.kernel for layer in model.layers if isinstance(layer, L.Conv2D))
    kernel.assign(np.asarray(kernel) * np.float32([0.005, 1, 1, 1, 1, 1]))
    _, _, found, _ = looked(Classifier(model, ("a", "b"), "faint"))
    into = {edge.into for edge in found.edges if edge.end == 1}
    assert len(into) == 5, "the faint one has no line"
    assert not found.hidden


def test_a_single_number_does_not_vary_so_the_largest_are_shown():
    inputs = keras.Input((4, 4, 3))
    x = L.Conv2D(8, 1, name="conv")(L.GlobalAveragePooling2D(keepdims=True, name="one")(inputs))
    net = Classifier(signed(keras.Model(inputs, L.Dense(2)(L.Flatten()(x)))), ("a", "b"), "one cell")
    _, _, found, _ = looked(net, count=3)
    shown = column(found, "conv")[1]
    assert shown.channels.tolist() == np.argsort(-np.abs(shown.values[0, 0]))[:3].tolist()


def test_classes_with_a_sigmoid_each_have_their_own_probability():
    model = signed(keras.Sequential([keras.Input((4, 4, 1)), L.Flatten(), L.Dense(3, activation="sigmoid")]))
    net = Classifier(model, ("a", "b", "c"), "sigmoids")
    _, _, found, pixels = looked(net)
    np.testing.assert_allclose(found.probabilities, np.asarray(model(pixels[None]))[0], rtol=1e-5)


@pytest.mark.parametrize(("rule", "weight"), [("variance", np.var), ("activity", lambda x: np.abs(x).mean())])
def test_the_rule_chooses_the_channels(rule, weight):
    net = deep()
    _, _, found, _ = looked(net, rule=rule, count=4)
    for path in ("conv1", "pool1", "relu2"):
        shown = column(found, path)[1]
        weights = [weight(shown.values[..., channel].astype(np.float64)) for channel in range(shown.values.shape[2])]
        assert shown.channels.tolist() == np.argsort(-np.asarray(weights), kind="stable")[:4].tolist()


def test_what_is_pinned_is_shown_and_moves_nothing_else():
    net = deep()
    _, _, plain, _ = looked(net, count=14)
    order = column(plain, "relu2")[1].channels.tolist()
    _, _, found, _ = looked(net, count=4, pinned={"relu2": [order[12], order[1], 99], "nothing": [1]})
    assert column(found, "relu2")[1].channels.tolist() == [order[0], order[1], order[2], order[12]]


def test_what_speaks_for_a_class_is_value_times_gradient():
    net = deep()
    plan, _, _, pixels = looked(net)
    found = overview.class_importance(net, plan, pixels, 2)
    head = net.model.get_layer("classes")
    maps = tf.constant(feature_maps(net, pixels, "pool1")["pool1"])
    with tf.GradientTape() as tape:
        tape.watch(maps)
        x = maps
        for layer in net.model.layers[net.model.layers.index(net.model.get_layer("conv2")) : -1]:
            x = layer(x)
        score = (tf.matmul(x, head.kernel) + head.bias)[0, 2]
    slope = tape.gradient(score, maps)
    np.testing.assert_allclose(found["pool1"], tf.reduce_sum(maps * slope, axis=(0, 1, 2)), rtol=1e-3, atol=1e-4)
    _, _, shown, _ = looked(net, rule="class", importance=found, count=3)
    assert column(shown, "pool1")[1].channels.tolist() == np.argsort(-found["pool1"])[:3].tolist()


def test_one_unit_for_two_classes_has_opposite_edges():
    net = classifier("transfer")
    _, _, found, _ = looked(net)
    strength, sign = between(found, "average", "dog")
    np.testing.assert_allclose(strength[0], strength[1])
    np.testing.assert_array_equal(sign[0], -sign[1])


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_build_of_network_folded_and_unfolded(name):
    net = classifier(name)
    plan, _, folded, _ = looked(net)
    _, _, unfolded, _ = looked(net, opened=[group.id for group in plan.groups()])
    for found in (folded, unfolded):
        path = found.strongest
        assert path[0].column == 0, "the strongest flow begins at the picture"
        assert path[-1] == (len(found.columns) - 1, found.columns[-1].channels[0])
        for edge in found.edges:
            assert 0 < edge.strength <= 1
            assert edge.out < len(found.columns[edge.start].channels)
            assert edge.into < len(found.columns[edge.end].channels)
            assert edge.start in found.columns[edge.end].column.parents
        for index, shown in enumerate(found.columns[1:], start=1):
            for parent in shown.column.parents:
                assert any((edge.start, edge.end) == (parent, index) for edge in found.edges)


@pytest.mark.parametrize("inputs", [30, 700])
def test_a_share_goes_through_small_and_large_layers_alike(inputs):
    rng = np.random.default_rng(4)
    kernel = rng.normal(0, 1, (inputs, 600)).astype(np.float32)
    size = rng.uniform(0, 1, inputs).astype(np.float32)
    rows = np.zeros((2, 600), np.float32)
    rows[[0, 1], [7, 400]] = 1
    assert (2 * kernel.size > ONE_THREAD) == (inputs == 700)
    weights = Weights(tf.constant(np.abs(kernel.T)), tf.constant(kernel.T))
    total = np.abs(kernel).T @ size
    for known in (None, total):
        found = Share(rows, rows).through(weights, size, known)
        for row, channel in enumerate((7, 400)):
            np.testing.assert_allclose(found.size[row], np.abs(kernel[:, channel]) * size / total[channel], rtol=1e-4)
            np.testing.assert_allclose(found.net[row], kernel[:, channel] * size / total[channel], rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(found.size.sum(axis=1), 1, rtol=1e-4)


def test_amounts_that_cancel_are_small():
    kept = Kept()
    amounts = Amounts({0: np.ones(2, np.float32)}, {}, kept)
    layer = L.Conv2D(1, 1, use_bias=False, name="layer")
    model = keras.Sequential([keras.Input((3, 3, 2)), layer])
    layer.kernel.assign(np.reshape([1.0, -1.0], (1, 1, 2, 1)))
    (call,) = visits(model)
    found = shares(call.outputs[0], np.ones((1, 1), np.float32), [0], [call], amounts)[0]
    np.testing.assert_allclose(found.size, [[0.5, 0.5]])
    np.testing.assert_allclose(found.net, [[0.5, -0.5]])


def test_classes_too_unlikely_for_a_float_are_ordered_by_their_scores():
    scores = np.float32([-27.4, 6.8, -150, -120])
    probabilities = np.float32([1e-15, 1, 0, 0])
    assert overview.Measured({}, {}, scores, probabilities).likeliest().tolist() == [1, 0, 3, 2]
