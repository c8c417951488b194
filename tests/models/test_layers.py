"""Paths, taps and summaries against Keras where it can, and against layers called by hand where it cannot."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from explorer.errors import LayerError, ModelError
from explorer.models.graph import in_reach, visits
from explorer.models.layers import describe_layers, final_activation, layer_paths, tap
from tests.models import networks

PATHS = {
    "flat": ["scale", "conv1", "pool1", "conv2", "relu2", "average", "classes"],
    "without_input": ["conv", "flatten", "logits"],
    "transfer": ["base.conv", "base.norm", "base.relu", "base", "average", "dog"],
    "two_levels": [
        "scale",
        "features.base.conv",
        "features.base.norm",
        "features.base.relu",
        "features.base",
        "features.mix",
        "features",
        "largest",
        "logits",
    ],
    "shared": ["conv", "inside.mix", "inside", "conv#2", "inside#2.mix", "inside#2", "average", "classes"],
    "mlp": ["flatten", "hidden", "classes"],
}


@pytest.mark.parametrize("name", PATHS)
def test_paths_are_in_the_order_the_picture_travels(name):
    assert layer_paths(networks.NETWORKS[name]()) == PATHS[name]


def test_branches_list_each_layer_after_what_it_reads():
    paths = layer_paths(networks.branches())
    multiply = next(path for path in paths if path.startswith("multiply"))
    assert sorted(paths[:2]) == ["left", "right"]
    assert paths[2:] == ["add", multiply, "concatenate", "average", "classes"]


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_the_last_layer_gives_what_the_network_gives(name):
    model = networks.NETWORKS[name]()
    pixels = tf.constant(networks.pictures(model, count=2), tf.float32)
    path = layer_paths(model)[-1]
    np.testing.assert_allclose(tap(model, [path])(pixels)[path], model(pixels, training=False), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["flat", "without_input", "grey", "branches", "mlp"])
def test_every_layer_gives_what_a_keras_model_cut_there_gives(name):
    model = networks.NETWORKS[name]()
    pixels = tf.constant(networks.pictures(model, count=2), tf.float32)
    paths = [path for path in layer_paths(model) if not path.startswith("multiply")]
    maps = tap(model, paths)(pixels)
    cut = keras.Model(model.inputs, [model.get_layer(path).output for path in paths])
    for path, expected in zip(paths, cut(pixels, training=False), strict=True):
        np.testing.assert_allclose(maps[path], expected, rtol=1e-5, atol=1e-6, err_msg=path)


def test_layers_two_networks_deep_give_what_their_layers_called_by_hand_give():
    model = networks.two_levels()
    pixels = tf.constant(networks.pictures(model), tf.float32)
    features = model.get_layer("features")
    inner = features.get_layer("base")
    conv = inner.get_layer("conv")(pixels / 255)
    norm = inner.get_layer("norm")(conv, training=False)
    mix = features.get_layer("mix")(tf.nn.relu(norm))
    maps = tap(model, ["features.base.conv", "features.base.norm", "features.base", "features.mix", "features"])(pixels)
    for path, expected in zip(maps, (conv, norm, tf.nn.relu(norm), mix, mix), strict=True):
        np.testing.assert_allclose(maps[path], expected, rtol=1e-5, atol=1e-6, err_msg=path)


def test_each_call_of_a_shared_layer_has_its_own_output():
    model = networks.shared()
    pixels = tf.constant(networks.pictures(model), tf.float32)
    conv, mix = model.get_layer("conv"), model.get_layer("inside").get_layer("mix")
    first = conv(pixels)
    second = conv(mix(first))
    maps = tap(model, ["conv#2", "conv", "inside#2.mix"])(pixels)
    assert list(maps) == ["conv#2", "conv", "inside#2.mix"]
    for path, expected in (("conv", first), ("conv#2", second), ("inside#2.mix", mix(second))):
        np.testing.assert_allclose(maps[path], expected, rtol=1e-5, atol=1e-5, err_msg=path)


def test_a_tap_changes_nothing_and_computes_nothing_past_the_last_layer_asked_for(monkeypatch):
    model = networks.flat()
    before = [len(layer._inbound_nodes) for layer in model.layers]
    called = []
    for layer in model.layers[1:]:
        real = layer.call
        monkeypatch.setattr(layer, "call", lambda x, real=real, name=layer.name: called.append(name) or real(x))
    tap(model, ["pool1"])(networks.pictures(model))
    assert called == ["scale", "conv1", "pool1"]
    assert [len(layer._inbound_nodes) for layer in model.layers] == before


def test_dropout_rests_even_where_the_network_was_written_with_training_on():
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, keras.layers.Dropout(0.9, name="drop")(inputs, training=True))
    pixels = networks.pictures(model)
    np.testing.assert_array_equal(tap(model, ["drop"])(pixels)["drop"], pixels)


def test_a_tap_can_be_differentiated_through_a_frozen_inner_network():
    model = networks.transfer()
    pixels = tf.constant(networks.pictures(model), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        maps = tap(model, ["base.conv", "dog"], logits=True)(pixels)
    slope = tape.gradient(maps["dog"], maps["base.conv"])
    # By hand: d logit / d conv = dense weight · [relu open] · norm's factor / number of cells.
    norm = model.get_layer("base").get_layer("norm")
    factor = norm.gamma / tf.sqrt(norm.moving_variance + norm.epsilon)
    opened = tf.cast(norm(maps["base.conv"], training=False) > 0, tf.float32)
    expected = model.get_layer("dog").kernel[:, 0] * opened * factor / (8 * 8)
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("ending", ["dense", "activation", "softmax", "operation", "flatten", "convolution"])
def test_logits_are_what_goes_into_the_final_softmax(ending):
    layers = keras.layers
    inputs = keras.Input((1, 1, 3))
    weights = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    if ending in ("flatten", "convolution"):
        conv = layers.Conv2D(4, 1, activation="softmax" if ending == "convolution" else None, name="last")
        x = conv(inputs)
        outputs = layers.Flatten()(x if ending == "convolution" else layers.Softmax()(x))
        conv.set_weights([weights.reshape(1, 1, 3, 4), np.arange(4, dtype=np.float32)])
    else:
        dense = layers.Dense(4, activation="softmax" if ending == "dense" else None)
        x = dense(layers.Flatten()(inputs))
        after = {
            "activation": layers.Activation("softmax"),
            "softmax": layers.Softmax(),
            "operation": keras.ops.softmax,
        }
        outputs = after[ending](x) if ending in after else x
        dense.set_weights([weights, np.arange(4, dtype=np.float32)])
    model = keras.Model(inputs, outputs)
    pixels = np.array([[[[0.3, -0.2, 1.0]]]], np.float32)
    path = layer_paths(model)[-1]
    assert final_activation(model) == "softmax"
    found = tap(model, [path], logits=True)(pixels)[path].numpy()[0]
    expected = pixels[0, 0, 0] @ weights + np.arange(4)
    if ending == "convolution":  # only known up to a constant
        found, expected = found - found[0], expected - expected[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_summaries_agree_with_keras():
    model = networks.flat()
    summaries = {summary.path: summary for summary in describe_layers(model)}
    for layer in model.layers[1:]:
        summary = summaries[layer.name]
        assert (summary.kind, summary.parameters) == (type(layer).__name__, layer.count_params())
        assert summary.output_shape == tuple(layer.output.shape[1:])
        assert summary.spatial is (len(layer.output.shape) == 4)
    fields = {path: summary.receptive_field.size[0] for path, summary in summaries.items()}
    assert fields == {"scale": 1, "conv1": 3, "pool1": 4, "conv2": 8, "relu2": 8, "average": 12, "classes": 12}


def test_shapes_inside_a_base_of_any_size_are_those_of_this_network():
    shapes = {summary.path: summary.output_shape for summary in describe_layers(networks.two_levels())}
    assert shapes["features.base.conv"] == (8, 8, 4)
    assert shapes["features"] == (8, 8, 2)
    assert [s.output_shape for s in describe_layers(networks.base(), input_shape=(20, 10, 3))] == [(10, 5, 4)] * 3


def test_a_layer_whose_field_is_not_known_is_still_described():
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.UpSampling2D(name="up")])
    assert describe_layers(model)[0].receptive_field is None


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("conv9", r"no layer 'conv9'. Did you mean .*'conv1'"),
        ("norm", r"no layer 'norm'. Did you mean 'base.norm'"),
        ("xyzzy", r"no layer 'xyzzy'. The first is"),
        ("", r"no layer ''. The first is"),
    ],
)
def test_a_path_that_is_not_there_is_told_with_those_near_it(path, sentence):
    model = networks.flat() if path == "conv9" else networks.transfer()
    with pytest.raises(LayerError, match=sentence):
        tap(model, [path])


def test_a_sequential_that_has_not_been_built_needs_the_size_of_its_pictures():
    model = keras.Sequential([keras.layers.Conv2D(2, 3, name="conv")], name="fresh")
    with pytest.raises(ModelError, match=r"'fresh' does not know the size.*keras\.Input"):
        layer_paths(model)
    assert layer_paths(model, input_shape=(8, 8, 3)) == ["conv"]


def test_a_network_that_is_only_code_has_no_known_order():
    class OnlyCode(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ModelError, match="neither a Sequential nor a functional network"):
        layer_paths(OnlyCode())


@pytest.mark.parametrize(
    ("network", "path", "reached"),
    [
        ("flat", "conv1", True),
        ("transfer", "base", False),
        ("transfer", "base.conv", False),
        ("transfer", "dog", True),
        ("branches", "multiply", False),
        ("shared", "conv", True),
        ("shared", "conv#2", False),
    ],
)
def test_what_keras_reaches_by_a_name_of_its_own(network, path, reached):
    assert in_reach(visits(networks.NETWORKS[network]()), path) is reached


def with_relu(kind):
    """Three units behind a ReLU, and their kernel and bias."""
    layers = keras.layers
    inputs = keras.Input((4, 5, 2))
    weights = np.random.default_rng(8).normal(size=(3, 2, 2, 3)).astype(np.float32)
    bias = np.float32([-3, 0, 3])
    after = {
        "relu": layers.ReLU(name="unit"),
        "relu6": layers.ReLU(6, name="unit"),
        "activation": layers.Activation("relu", name="unit"),
        "activation6": layers.Activation("relu6", name="unit"),
        "operation": keras.ops.relu,
    }
    if kind.startswith("dense"):
        layer = layers.Dense(3, activation="relu", use_bias=kind == "dense", name="unit")
        outputs = layer(inputs)
        weights = weights[0, 0]
    else:
        own = kind not in after
        layer = layers.Conv2D(
            *(3, (3, 2)),
            strides=2,
            padding="same",
            activation={"convolution6": "relu6"}.get(kind, "relu") if own else None,
            use_bias=kind != "convolution without bias",
            name="unit" if own else "before",
        )
        outputs = layer(inputs)
        outputs = outputs if own else after[kind](outputs)
    layer.set_weights([weights, bias][: len(layer.get_weights())])
    return keras.Model(inputs, outputs), layer


@pytest.mark.parametrize(
    "kind",
    [
        "convolution",
        "convolution without bias",
        "convolution6",
        "dense",
        "dense without bias",
        "relu",
        "relu6",
        "activation",
        "activation6",
        "operation",
    ],
)
def test_a_tap_before_the_relu(kind):
    model, layer = with_relu(kind)
    pixels = np.random.default_rng(9).normal(0, 4, (2, 4, 5, 2)).astype(np.float32)
    kernel = layer.get_weights()[0]
    expected = tf.tensordot(pixels, kernel, 1) if kernel.ndim == 2 else tf.nn.conv2d(pixels, kernel, 2, "SAME")
    expected = expected.numpy() + (layer.get_weights()[1] if layer.use_bias else 0)
    path = layer_paths(model)[-1]
    before = tap(model, [path], before_relu=[path])(pixels)[path]
    np.testing.assert_allclose(before, expected, rtol=1e-4, atol=1e-5)
    most = 6 if "6" in kind else np.inf
    np.testing.assert_allclose(tap(model, [path])(pixels)[path], np.clip(expected, 0, most), rtol=1e-4, atol=1e-5)
    assert expected.min() < -6
    assert expected.max() > 6


def test_before_the_relu_of_the_layer_named_only():
    model = networks.shared()
    pixels = tf.constant(networks.pictures(model), tf.float32)
    conv, mix = model.get_layer("conv"), model.get_layer("inside").get_layer("mix")
    conv.set_weights([conv.kernel.numpy() - 0.4, conv.bias.numpy()])
    middle = mix(conv(pixels))
    expected = tf.nn.conv2d(middle, conv.kernel, 1, "SAME") + conv.bias
    found = tap(model, ["conv#2"], before_relu=["conv#2"])(pixels)["conv#2"]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)
    assert found.numpy().min() < 0


def test_where_there_is_no_relu_of_its_own_nothing_is_left_out():
    model = networks.flat()
    pixels = networks.pictures(model)
    for path in ("pool1", "conv2", "classes", "average"):
        plain, asked = tap(model, [path])(pixels)[path], tap(model, [path], before_relu=[path])(pixels)[path]
        np.testing.assert_array_equal(plain, asked)
    logits = tap(model, ["classes"], logits=True, before_relu=["classes"])(pixels)["classes"]
    np.testing.assert_array_equal(logits, tap(model, ["classes"], logits=True)(pixels)["classes"])
