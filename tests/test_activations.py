"""Feature maps of known weights, against this package's own convolution and NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from explorer import activations
from explorer.activations import feature_maps
from explorer.convolution import convolve
from explorer.errors import ImageInputError, LayerError
from explorer.models.classifier import Classifier
from tests.models import networks

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)


@pytest.fixture(scope="module")
def edges():
    """Horizontal and vertical Sobel edges, rectified, pooled to one number each."""
    layers = [
        keras.Input((9, 8, 1)),
        keras.layers.Conv2D(2, 3, padding="same", name="sobel"),
        keras.layers.ReLU(name="relu"),
        keras.layers.GlobalMaxPooling2D(name="strongest"),
        keras.layers.Softmax(name="classes"),
    ]
    model = keras.Sequential(layers)
    model.set_weights([np.stack([SOBEL, SOBEL.T], axis=-1)[:, :, None], np.array([0, 5], np.float32)])
    return Classifier(model, ("upright", "level"), "edges")


def test_maps_are_those_of_the_kernels_signed_and_unscaled(edges):
    picture = np.random.default_rng(0).integers(0, 256, (9, 8), np.uint8)
    maps = feature_maps(edges, picture, ["strongest", "sobel", "relu"])
    expected = np.stack([convolve(picture, SOBEL)[..., 0], convolve(picture, SOBEL.T, bias=5.0)[..., 0]], axis=-1)
    assert list(maps) == ["strongest", "sobel", "relu"]
    assert {values.dtype for values in maps.values()} == {np.dtype(np.float32)}
    assert maps["sobel"].min() < 0
    np.testing.assert_allclose(maps["sobel"][0], expected, rtol=1e-5)
    np.testing.assert_allclose(maps["relu"][0], np.maximum(expected, 0), rtol=1e-5)
    np.testing.assert_allclose(maps["strongest"], [expected.max(axis=(0, 1))], rtol=1e-5)


def test_one_compiled_function_serves_all_pictures(edges, monkeypatch):
    built = []
    compile_once = activations._compile
    monkeypatch.setattr(activations, "_compile", lambda *args: built.append(args[1]) or compile_once(*args))
    for seed in range(3):
        feature_maps(edges, networks.pictures(edges.model, count=seed + 1, seed=seed), ("sobel", "classes"))
    assert built == [("sobel", "classes")]


def test_large_batches_are_cut_and_joined(edges, monkeypatch):
    pictures = networks.pictures(edges.model, count=7)
    whole = feature_maps(edges.model, pictures, ["relu", "classes"])
    monkeypatch.setattr(activations, "MAX_BATCH", 3)
    for path, values in feature_maps(edges, pictures, ["relu", "classes"]).items():
        assert values.shape[0] == 7
        np.testing.assert_allclose(values, whole[path], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_a_classifier_and_its_bare_network_agree_on_every_layer(name):
    classifier = networks.classifier(name)
    pictures = networks.pictures(classifier.model, count=1)
    paths = networks_paths(classifier)
    compiled, plain = feature_maps(classifier, pictures, paths), feature_maps(classifier.model, pictures[0], paths)
    for path in paths:
        np.testing.assert_allclose(compiled[path], plain[path], rtol=1e-4, atol=1e-5, err_msg=path)
    last = classifier.model(tf.constant(pictures, tf.float32), training=False)
    np.testing.assert_allclose(compiled[paths[-1]], last, rtol=1e-4, atol=1e-6)


def networks_paths(classifier):
    from explorer.models import layer_paths

    return layer_paths(classifier.model)


def test_a_picture_of_another_size_is_fitted_for_a_classifier_and_refused_for_a_bare_network(edges):
    picture = np.full((30, 30, 3), 128, np.uint8)
    assert feature_maps(edges, picture, "relu")["relu"].shape == (1, 9, 8, 2)
    with pytest.raises(ImageInputError, match=r"shape \(9, 8, 1\), not \(30, 30, 3\)"):
        feature_maps(edges.model, picture, "relu")


def test_a_network_that_never_saw_a_picture_takes_this_one():
    model = keras.Sequential([keras.layers.Rescaling(2, name="double")])
    np.testing.assert_array_equal(feature_maps(model, np.ones((2, 2, 1)), "double")["double"], np.full((1, 2, 2, 1), 2))


def test_an_unknown_layer_is_told_with_similar_ones(edges):
    with pytest.raises(LayerError, match=r"no layer 'sobell'\. Did you mean 'sobel'"):
        feature_maps(edges, np.zeros((9, 8), np.uint8), ["sobel", "sobell"])
