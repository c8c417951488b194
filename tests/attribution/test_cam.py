"""Class activation maps on a network of two channels, worked out on paper, and against loops and Keras."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from explorer.attribution import cam, explain
from explorer.models import Classifier
from tests.models import networks

L = keras.layers

# The picture [[1, 2], [3, 4]] gives the maps A = [[1, 2], [3, 4]] and B = [[2, 1], [0, 0]] = ReLU(3 − A).
# The score is 1·A00 − 1·A01 + 2·A10 + 0·A11 − 4·B00 + 1·B01 − 2·B10 − 3·B11: those are the gradients.
PICTURE = np.uint8([[1, 2], [3, 4]])
OF_A, OF_B = [[1, -1], [2, 0]], [[-4, 1], [-2, -3]]


@pytest.fixture(scope="module")
def paper():
    layers = [keras.Input((2, 2, 1)), L.Conv2D(2, 1, activation="relu", name="conv"), L.Flatten(), L.Dense(2)]
    model = keras.Sequential(layers)
    head = np.float32([OF_A, OF_B]).transpose(1, 2, 0).reshape(8, 1)
    model.set_weights([np.float32([[[[1, -1]]]]), np.float32([0, 3]), np.hstack([head, -head]), np.zeros(2)])
    return Classifier(model, ("for", "against"), "paper")


@pytest.fixture(scope="module")
def flat():
    return networks.classifier("flat")


PAPER = {
    "grad-cam": [[0.5 - 4, 1 - 2], [1.5, 2]],  # weights: the means, 1/2 and −2
    # weights: of A 1/(2 + 1·10) · 1 + 1/(2 + 2·10) · 2 = 23/132, of B 1/(2 + 1·3) · 1 = 1/5
    "grad-cam++": [[23 / 132 + 2 / 5, 46 / 132 + 1 / 5], [69 / 132, 92 / 132]],
    "hires-cam": [[1 - 8, -2 + 1], [6, 0]],
    "layer-cam": [[1, 1], [6, 0]],
    "xgrad-cam": [[0.5 - 14 / 3, 1 - 7 / 3], [1.5, 2]],  # weights (1 − 2 + 6 + 0)/10 and (−8 + 1)/3
    # the first eigenvector of [[30, 4], [4, 5]], of the eigenvalue (35 + √689)/2, is (0.988035, 0.154233)
    "eigen-cam": [[1.296501, 2.130303], [2.964105, 3.952140]],
}


@pytest.mark.parametrize("method", PAPER)
def test_every_map_is_the_one_worked_out_on_paper(paper, method):
    found = explain(paper, PICTURE, method=method, layer="conv", target=0)
    np.testing.assert_allclose(found.raw, PAPER[method], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.raw_values, np.maximum(PAPER[method], 0), rtol=1e-5, atol=1e-6)
    assert found.score == pytest.approx(1 - 2 + 6 + 0 - 8 + 1, abs=1e-5)
    np.testing.assert_array_equal(found.values, found.raw_values)  # the layer is as large as the picture


def bilinear(cells, height, width):
    """A map between the centres of its cells, and as at its border outside of them."""
    wide = np.zeros((height, width))
    for i, j in np.ndindex(height, width):
        y, x = (
            (at + 0.5) * len_ / size - 0.5 for at, len_, size in zip((i, j), cells.shape, (height, width), strict=True)
        )
        y, x = np.clip(y, 0, cells.shape[0] - 1), np.clip(x, 0, cells.shape[1] - 1)
        top, left = int(y), int(x)
        below, right = min(top + 1, cells.shape[0] - 1), min(left + 1, cells.shape[1] - 1)
        upper = cells[top, left] * (1 - x + left) + cells[top, right] * (x - left)
        lower = cells[below, left] * (1 - x + left) + cells[below, right] * (x - left)
        wide[i, j] = upper * (1 - y + top) + lower * (y - top)
    return wide


def score_cam_by_loop(classifier, maps, picture, target, tried):
    """Wang et al., algorithm 1, one channel at a time, with Keras's own forward pass."""
    model = keras.Model(classifier.model.inputs[0], classifier.model.layers[-1].input)
    kernel, bias = classifier.model.layers[-1].get_weights()

    def score(pixels):
        return (model(pixels[np.newaxis].astype(np.float32), training=False).numpy() @ kernel + bias)[0, target]

    gains = []
    for k in tried:
        mask = (maps[..., k] - maps[..., k].min()) / (maps[..., k].max() - maps[..., k].min())
        wide = bilinear(mask, *picture.shape[:2])
        gains.append(score(picture * wide[..., np.newaxis]) - score(np.zeros_like(picture)))
    powers = np.exp(np.float64(gains))
    return sum(maps[..., k] * power / powers.sum() for k, power in zip(tried, powers, strict=True))


def test_score_cam_is_the_papers_loop(paper, flat):
    found = explain(paper, PICTURE, method="score-cam", layer="conv", target=0)
    maps = np.float32([[[1, 2], [2, 1]], [[3, 0], [4, 0]]])
    expected = score_cam_by_loop(paper, maps, PICTURE[..., np.newaxis], 0, [0, 1])
    np.testing.assert_allclose(found.raw, expected, rtol=1e-4, atol=1e-5)
    picture = networks.pictures(flat.model, 1)[0]
    found = explain(flat, picture, method="score-cam", layer="relu2", target=2)
    maps = keras.Model(flat.model.inputs[0], flat.model.get_layer("relu2").output)(picture[np.newaxis]).numpy()[0]
    expected = score_cam_by_loop(flat, maps, picture.astype(np.float32), 2, range(5))
    np.testing.assert_allclose(found.raw, expected, rtol=1e-4)


def test_score_cam_tries_the_channels_that_vary_most_and_can_be_stopped(monkeypatch):
    layers = [keras.Input((8, 8, 1)), L.Conv2D(40, 3, name="conv"), L.GlobalAveragePooling2D(), L.Dense(2)]
    wide = Classifier(networks.seeded(keras.Sequential(layers)), ("a", "b"), "wide")
    picture = networks.pictures(wide.model, 1)[0]
    done = []
    found = explain(wide, picture, method="score-cam", channels=8, on_progress=done.append)
    variances = found.terms.maps.var(axis=(0, 1))
    assert set(np.flatnonzero(found.terms.weights)) <= set(np.argsort(-variances)[:8])
    assert found.terms.weights.sum() == pytest.approx(1, abs=1e-5)
    assert done == [1.0]
    asked = iter([False, True])
    found = explain(wide, picture, method="score-cam", cancelled=lambda: next(asked))
    assert found.notes == ("Stopped after 32 of 40 channels: the map is the sum of those.",)
    assert found.raw.any()
    found = explain(wide, picture, method="score-cam", cancelled=lambda: True)
    assert found.notes == ("Stopped after 0 of 40 channels: the map is the sum of those.",)
    assert not found.raw.any()


def test_where_the_maps_are_averaged_grad_cam_is_hires_cam(flat):
    """Global average pooling and a dense head: all cells of a map have the same gradient."""
    picture = networks.pictures(flat.model, 1)[0]
    one, other = (
        explain(flat, picture, method=method, layer="relu2", target=1) for method in ("grad-cam", "hires-cam")
    )
    assert one.raw.any()
    np.testing.assert_allclose(one.raw, other.raw, rtol=1e-5)
    one, other = (
        explain(flat, picture, method=method, layer="conv1", target=1) for method in ("grad-cam", "hires-cam")
    )
    assert np.abs(one.raw / one.raw.max() - other.raw / other.raw.max()).max() > 0.1


def test_where_the_maps_are_flattened_grad_cam_is_not_hires_cam():
    network = networks.classifier("without_input")
    picture = networks.pictures(network.model, 1)[0]
    one, other = (explain(network, picture, method=method, layer="conv") for method in ("grad-cam", "hires-cam"))
    assert np.abs(one.raw / one.raw.max() - other.raw / other.raw.max()).max() > 0.1


def grad_cam_by_tape(maps, rest, target):
    """From a layer's maps (1, h, w, C) on, by a gradient tape through layers that are called by hand."""
    maps = tf.constant(maps)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = rest(maps)[0, target]
    weights = tape.gradient(score, maps).numpy()[0].mean(axis=(0, 1))
    return (maps.numpy()[0] * weights).sum(axis=2)


def affine(dense, x):
    return x @ dense.kernel + dense.bias


def test_in_a_frozen_base_grad_cam_is_that_of_the_network_built_flat():
    network = networks.classifier("transfer")
    picture = networks.pictures(network.model, 1)[0]
    inner = network.model.get_layer("base")
    inputs = keras.Input((16, 16, 3))
    x = L.Conv2D(4, 3, strides=2, padding="same", name="conv")(inputs)
    x = L.BatchNormalization(name="norm")(x)
    x = L.GlobalAveragePooling2D()(L.ReLU(name="relu")(x))
    built = keras.Model(inputs, L.Dense(1, activation="sigmoid")(x))
    built.set_weights(network.model.get_weights())
    flat = Classifier(built, network.class_names, "built flat")
    for layer in ("conv", "relu"):
        nested = explain(network, picture, layer=f"base.{layer}", target=1)
        same = explain(flat, picture, layer=layer, target=1)
        np.testing.assert_allclose(nested.raw, same.raw, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(nested.values, same.values, rtol=1e-5, atol=1e-5)
        assert nested.score == pytest.approx(same.score, rel=1e-5)
        assert nested.raw.any()
    conv = inner.get_layer("conv")(picture[np.newaxis].astype(np.float32))
    dense = network.model.layers[-1]
    expected = grad_cam_by_tape(
        conv,
        lambda maps: affine(dense, tf.reduce_mean(tf.nn.relu(inner.get_layer("norm")(maps, training=False)), (1, 2))),
        0,
    )
    np.testing.assert_allclose(
        explain(network, picture, layer="base.conv", target=1).raw, expected, rtol=1e-5, atol=1e-5
    )


def test_two_networks_deep_grad_cam_is_that_of_the_layers_called_by_hand():
    network = networks.classifier("two_levels")
    picture = networks.pictures(network.model, 1)[0]
    features = network.model.get_layer("features")
    inner, mix = features.get_layer("base"), features.get_layer("mix")
    conv = inner.get_layer("conv")(picture[np.newaxis] / np.float32(255))
    dense = network.model.get_layer("logits")

    def rest(maps):
        return affine(dense, tf.reduce_max(mix(tf.nn.relu(inner.get_layer("norm")(maps, training=False))), (1, 2)))

    expected = grad_cam_by_tape(conv, rest, 2)
    found = explain(network, picture, layer="features.base.conv", target=2)
    np.testing.assert_allclose(found.raw, expected, rtol=1e-5, atol=1e-6)
    assert explain(network, picture).layer == "features.mix"


def test_each_call_of_a_shared_layer_has_its_own_map():
    network = networks.classifier("shared")
    picture = networks.pictures(network.model, 1)[0]
    conv, mix = network.model.get_layer("conv"), network.model.get_layer("inside").get_layer("mix")
    dense = network.model.get_layer("classes")
    first = conv(picture[np.newaxis].astype(np.float32))
    second = conv(mix(first))
    # of both calls, what comes after them
    rests = {
        "conv": lambda maps: affine(dense, tf.reduce_mean(mix(conv(mix(maps))), (1, 2))),
        "conv#2": lambda maps: affine(dense, tf.reduce_mean(mix(maps), (1, 2))),
    }
    for layer, maps in (("conv", first), ("conv#2", second)):
        found = explain(network, picture, layer=layer, target=1)
        np.testing.assert_allclose(found.raw, grad_cam_by_tape(maps, rests[layer], 1), rtol=1e-4, err_msg=layer)


def test_eigen_cam_is_the_same_for_every_class_and_agrees_with_a_singular_value_decomposition(flat):
    picture = networks.pictures(flat.model, 1)[0]
    for layer in ("conv1", "relu2"):  # more cells than channels; as the smaller product the other way round below
        one, other = (explain(flat, picture, method="eigen-cam", layer=layer, target=target) for target in (0, 2))
        np.testing.assert_array_equal(one.raw, other.raw)
    for shape in ((3, 4, 5), (2, 2, 30)):
        maps = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        vector = np.linalg.svd(maps.reshape(-1, shape[2]))[2][0]
        expected = maps @ vector
        found = maps @ cam.eigen_cam(maps, maps)
        np.testing.assert_allclose(found, expected if expected.sum() > 0 else -expected, rtol=1e-3, atol=1e-4)
        assert found.sum() >= 0


def test_grad_cam_plus_plus_weighs_small_gradients_like_large_ones():
    """α = 1 / (2 + G ΣA): with ΣA = 0 it is one half, however small the gradient."""
    maps = np.float32([[[1.0], [-1.0]]])
    for size in (1.0, 1e-7):
        gradients = np.full((1, 2, 1), size, np.float32)
        np.testing.assert_allclose(cam.grad_cam_plus_plus(maps, gradients), [size], rtol=1e-5)


def test_a_map_is_enlarged_bilinearly(flat):
    found = explain(flat, networks.pictures(flat.model, 1)[0], layer="relu2")
    assert found.raw.shape == (4, 4)
    np.testing.assert_allclose(found.signed, bilinear(found.raw, 12, 12), rtol=1e-5)
    np.testing.assert_allclose(found.values, cv2.resize(found.raw_values, (12, 12)), rtol=1e-5)
