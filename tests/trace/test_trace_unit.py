"""One value traced back, against plain loops over rows and columns, and against Keras."""

import keras
import numpy as np
import pytest

from explorer import trace
from explorer.errors import LayerError
from explorer.models import Classifier
from tests.models.networks import NETWORKS, classifier, pictures

L = keras.layers


def network(*layers, shape=(9, 8, 3), seed=0):
    """A classifier of some layers under test, with weights of both signs, and a head."""
    inputs = keras.Input(shape, name="pixels")
    x = L.Rescaling(1 / 100, offset=-1.0, name="scale")(inputs)
    for layer in layers:
        x = layer(x)
    if len(x.shape) == 4:
        x = L.GlobalAveragePooling2D(name="pooled")(x)
    model = keras.Model(inputs, L.Dense(3, name="scores")(x))
    rng = np.random.default_rng(seed)
    signed = [rng.normal(0, 0.5, weight.shape).astype(np.float32) for weight in model.get_weights()]
    model.set_weights(
        [np.abs(w) + 0.1 if v.path.endswith("variance") else w for w, v in zip(signed, model.weights, strict=True)]
    )
    return Classifier(model, ("a", "b", "c"), "under test")


def picture(shape=(9, 8, 3), seed=1):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def output_of(net, image, path):
    """What Keras gives for a layer, by its own means."""
    part = keras.Model(net.model.inputs[0], net.model.get_layer(path).output)
    return np.asarray(part(image[np.newaxis].astype(np.float32)))[0]


CONVOLUTIONS = {
    "valid": L.Conv2D(4, 3, name="layer"),
    "same": L.Conv2D(4, 3, padding="same", name="layer"),
    "even": L.Conv2D(4, (2, 4), padding="same", name="layer"),
    "stride": L.Conv2D(4, 3, strides=2, padding="same", name="layer"),
    "uneven strides": L.Conv2D(4, 3, strides=(2, 1), padding="same", name="layer"),
    "dilated": L.Conv2D(4, 3, dilation_rate=2, padding="same", name="layer"),
    "without bias": L.Conv2D(4, 1, use_bias=False, name="layer"),
    "with activation": L.Conv2D(4, 3, activation="relu", name="layer"),
}


def by_loops(values, layer, row, col, channel):
    """A convolution's sum at one place, from TensorFlow's rule for padding, in plain loops."""
    kernel, bias = np.asarray(layer.kernel), 0.0 if layer.bias is None else float(layer.bias[channel])
    size = np.asarray(kernel.shape[:2])
    span = np.asarray(layer.dilation_rate) * (size - 1) + 1
    pad = np.zeros(2, int)
    if layer.padding == "same":
        out = -(-np.asarray(values.shape[:2]) // layer.strides)
        pad = np.maximum((out - 1) * layer.strides + span - values.shape[:2], 0) // 2
    total, patch = bias, np.zeros(kernel.shape[:3])
    for i in range(size[0]):
        for j in range(size[1]):
            r = row * layer.strides[0] - pad[0] + i * layer.dilation_rate[0]
            c = col * layer.strides[1] - pad[1] + j * layer.dilation_rate[1]
            if 0 <= r < values.shape[0] and 0 <= c < values.shape[1]:
                for k in range(kernel.shape[2]):
                    patch[i, j, k] = values[r, c, k]
                    total += float(values[r, c, k]) * float(kernel[i, j, k, channel])
    return total, patch


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolutions_value_is_the_sum_of_its_products(name):
    layer = CONVOLUTIONS[name]
    net, image = network(type(layer).from_config(layer.get_config())), picture()
    under = net.model.get_layer("layer")
    values, maps = output_of(net, image, "scale"), output_of(net, image, "layer")
    height, width, channels = maps.shape
    for row, col in ((0, 0), (height - 1, width - 1), (height // 2, 0)):
        channel = (row + col) % channels
        found = trace.trace_unit(net, image, "layer", row, col, channel)
        total, patch = by_loops(values, under, row, col, channel)
        np.testing.assert_allclose(found.patch, patch, atol=1e-6)
        np.testing.assert_array_equal(found.weights, np.asarray(under.kernel)[..., channel])
        np.testing.assert_allclose(found.products.sum() + found.bias, total, atol=1e-4)
        assert found.total == pytest.approx(total, abs=1e-4)
        assert found.output == pytest.approx(maps[row, col, channel], abs=1e-6)
        assert found.output == pytest.approx(max(0, total) if name == "with activation" else total, abs=1e-4)


def test_a_convolution_in_groups_reads_only_its_own_group():
    net = network(L.Conv2D(4, 1, name="wide"), L.Conv2D(6, 3, groups=2, name="layer"))
    image = picture()
    values, maps = output_of(net, image, "wide"), output_of(net, image, "layer")
    kernel, bias = (np.asarray(each) for each in net.model.get_layer("layer").weights)
    for channel, group in ((1, slice(0, 2)), (5, slice(2, 4))):
        found = trace.trace_unit(net, image, "layer", 2, 3, channel)
        np.testing.assert_array_equal(found.patch, values[2:5, 3:6, group])
        by_hand = (values[2:5, 3:6, group] * kernel[..., channel]).sum() + bias[channel]
        assert found.total == pytest.approx(by_hand, abs=1e-4)
        assert found.output == pytest.approx(maps[2, 3, channel], abs=1e-6)


def test_a_depthwise_channel_has_one_input():
    net, image = network(L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", name="layer")), picture()
    values, maps = output_of(net, image, "scale"), output_of(net, image, "layer")
    kernel = np.asarray(net.model.get_layer("layer").kernel)
    found = trace.trace_unit(net, image, "layer", 4, 4, 3)
    np.testing.assert_array_equal(found.patch[..., 0], values[3:6, 3:6, 1])
    np.testing.assert_array_equal(found.weights[..., 0], kernel[:, :, 1, 1])
    assert found.total == pytest.approx(maps[4, 4, 3], abs=1e-5)


def test_a_separable_convolution_is_one_of_products():
    net, image = network(L.SeparableConv2D(5, 3, depth_multiplier=2, name="layer")), picture()
    maps = output_of(net, image, "layer")
    found = trace.trace_unit(net, image, "layer", 1, 2, 4)
    assert found.patch.shape == (3, 3, 3)
    assert found.total == pytest.approx(maps[1, 2, 4], abs=1e-4)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_pooling_takes_the_largest_or_the_mean_and_padding_does_not_count(padding):
    for kind, form, reduce in ((L.MaxPooling2D, "max", np.max), (L.AveragePooling2D, "mean", np.mean)):
        net, image = network(kind(3, strides=2, padding=padding, name="layer")), picture()
        values, maps = output_of(net, image, "scale"), output_of(net, image, "layer")
        first = 0 if padding == "valid" else -1  # 9 rows and 8 columns: one row above, one column to the right
        for row, col in ((0, 0), (maps.shape[0] - 1, maps.shape[1] - 1)):
            found = trace.trace_unit(net, image, "layer", row, col, 2)
            top, left = 2 * row + first, 2 * col
            window = values[max(0, top) : top + 3, left : left + 3, 2]
            assert found.form == form
            assert found.total == pytest.approx(reduce(window), abs=1e-6)
            assert found.output == pytest.approx(maps[row, col, 2], abs=1e-6)
            assert found.weights.sum() == pytest.approx(1)
            if form == "max":
                assert found.patch[found.weights == 1].item() == window.max()


def test_a_dense_value_is_the_sum_over_its_inputs():
    net, image = network(L.Flatten(name="flat"), L.Dense(5, activation="tanh", name="layer")), picture()
    flat, found = output_of(net, image, "flat"), trace.trace_unit(net, picture(), "layer", 0, 0, 3)
    kernel, bias = (np.asarray(each) for each in net.model.get_layer("layer").weights)
    np.testing.assert_allclose(found.products, flat * kernel[:, 3], atol=1e-6)
    assert found.total == pytest.approx(float(flat @ kernel[:, 3] + bias[3]), abs=1e-4)
    assert found.output == pytest.approx(np.tanh(found.total), abs=1e-5)
    assert found.field is None


def test_normalisation_and_activation_follow_the_sum():
    layers = (L.Conv2D(4, 3, name="conv"), L.BatchNormalization(name="norm"), L.ReLU(max_value=6, name="layer"))
    net, image = network(*layers), picture()
    norm = net.model.get_layer("norm")
    gamma, beta, mean, variance = (np.asarray(each, np.float64)[1] for each in norm.weights)
    found = trace.trace_unit(net, image, "layer", 2, 2, 1)
    by_hand = gamma * (found.total - mean) / np.sqrt(variance + norm.epsilon) + beta
    (first, normalised), (second, activated) = found.steps
    assert (first.kind, first.path, second.kind, second.name) == ("normalisation", "norm", "activation", "relu")
    assert first.normalisation(found.total) == pytest.approx(by_hand, abs=1e-6)
    assert normalised == pytest.approx(by_hand, abs=1e-4)
    assert found.output == activated == pytest.approx(min(6, max(0, by_hand)), abs=1e-4)
    assert trace.trace_unit(net, image, "norm", 2, 2, 1).output == pytest.approx(by_hand, abs=1e-4)
    assert trace.trace_unit(net, image, "conv", 2, 2, 1).steps == ()


def joined(join):
    """Two branches of the picture that meet in a layer."""
    inputs = keras.Input((6, 6, 3))
    left, right = L.Conv2D(3, 1, name="left")(inputs), L.Conv2D(3, 3, padding="same", name="right")(inputs)
    x = L.GlobalAveragePooling2D()(join([left, right]))
    model = keras.Model(inputs, L.Dense(2)(x))
    return Classifier(model, ("a", "b"), "joined")


@pytest.mark.parametrize(
    ("layer", "by_hand"),
    [
        (L.Add(name="layer"), lambda a, b: a + b),
        (L.Subtract(name="layer"), lambda a, b: a - b),
        (L.Average(name="layer"), lambda a, b: (a + b) / 2),
        (L.Multiply(name="layer"), lambda a, b: a * b),
        (L.Concatenate(name="layer"), lambda a, b: np.concatenate([a, b])),
    ],
    ids=lambda each: getattr(each, "name", None) and type(each).__name__,
)
def test_branches_that_meet(layer, by_hand):
    net, image = joined(type(layer).from_config(layer.get_config())), picture((6, 6, 3))
    left, right = output_of(net, image, "left"), output_of(net, image, "right")
    expected = by_hand(left[2, 4], right[2, 4])
    for channel in range(len(expected)):
        found = trace.trace_unit(net, image, "layer", 2, 4, channel)
        assert found.total == pytest.approx(expected[channel], rel=1e-5, abs=1e-5)
        assert found.output == pytest.approx(expected[channel], rel=1e-5, abs=1e-5)
        assert found.products.sum() == pytest.approx(expected[channel], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_layer_of_every_build_of_network(name):
    net = classifier(name)
    image = pictures(net.model, 1)[0]
    wiring = trace.wired(net, image)
    for path, call in wiring.calls.items():
        values = wiring.value(call.outputs[0])
        channel = values.shape[-1] - 1
        found = trace.unfold(wiring, path, channel)
        np.testing.assert_array_equal(found.result, values[..., channel])
        parts = sum((source.part.astype(np.float64) for source in found.sources), np.zeros(()))
        if found.form not in ("other", "picture"):
            scale = max(1.0, float(np.abs(found.total).max()))
            np.testing.assert_allclose(parts + found.rest + found.bias, found.total, atol=1e-5 * scale)
            before = found.after[0] if found.steps and found.steps[0].kind == "same" else None
            if not found.steps or before is not None:
                np.testing.assert_allclose(found.total, found.result, atol=1e-4 * scale)


def test_what_is_not_there_is_a_sentence():
    net, image = classifier("flat"), picture((12, 12, 3))
    for path, row, col, channel, why in (
        ("conv9", 0, 0, 0, "There is no layer 'conv9'"),
        ("conv1", 0, 0, 4, "channels 0 to 3"),
        ("conv1", 12, 0, 0, "12 × 12 cells"),
        ("conv1", 0, -1, 0, "12 × 12 cells"),
        ("classes", 0, 1, 0, "has no maps"),
        ("scale", 0, 0, 0, "only prepares the picture"),
    ):
        with pytest.raises(LayerError, match=why):
            trace.trace_unit(net, image, path, row, col, channel)


def test_the_field_is_the_part_of_the_picture_that_the_value_depends_on():
    net, image = network(L.Conv2D(4, 3, name="first"), L.Conv2D(2, 3, strides=2, name="layer")), picture()
    top, left, bottom, right = trace.trace_unit(net, image, "layer", 1, 1, 0).field
    assert (top, left, bottom, right) == (2, 2, 7, 7)
    before = trace.trace_unit(net, image, "layer", 1, 1, 0).output
    changed = image.copy()
    changed[:2], changed[7:] = 255 - changed[:2], 255 - changed[7:]
    assert trace.trace_unit(net, changed, "layer", 1, 1, 0).output == pytest.approx(before, abs=1e-6)
    changed[6, 6] = 255 - changed[6, 6]
    assert trace.trace_unit(net, changed, "layer", 1, 1, 0).output != pytest.approx(before, abs=1e-3)
