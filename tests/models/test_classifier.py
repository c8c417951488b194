"""The contract of a classifier, its sentences, and its numbers against Keras and by hand."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from explorer.errors import ImageInputError, ModelError
from explorer.images.sizing import fit
from explorer.models import classifier as module
from explorer.models import compiled
from explorer.models.classifier import Classifier
from explorer.models.layers import tap
from tests.models import networks

L = keras.layers


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_probabilities_are_those_of_keras_and_sum_to_one(name):
    classifier = networks.classifier(name)
    pixels = networks.pictures(classifier.model, count=3)
    raw = classifier.model(pixels.astype(np.float32), training=False).numpy()
    expected = {"transfer": np.hstack([1 - raw, raw]), "without_input": softmax(raw), "two_levels": softmax(raw)}
    found = classifier.predict(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found, expected.get(name, raw), rtol=1e-4, atol=1e-6)


def one_unit(activation, weight=2.0):
    model = keras.Sequential([keras.Input((1, 1, 1)), L.Flatten(), L.Dense(1, activation, name="unit")], name="unit")
    model.set_weights([np.array([[weight]], np.float32), np.zeros(1, np.float32)])
    return Classifier(model, ("off", "on"), "unit")


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_unit_is_two_classes_with_opposite_scores(activation):
    classifier = one_unit(activation)
    pixels = np.array([[[[1]]], [[[0]]]], np.uint8)
    on = 1 / (1 + np.exp(-2.0))
    np.testing.assert_allclose(classifier.predict(pixels), [[1 - on, on], [0.5, 0.5]], rtol=1e-5)
    np.testing.assert_allclose(classifier.logits(pixels), [[-2, 2], [0, 0]], rtol=1e-6)
    assert classifier.top(pixels[0]) == [(1, "on", pytest.approx(on)), (0, "off", pytest.approx(1 - on))]


def test_logits_of_a_saturated_unit_are_not_lost():
    classifier = one_unit("sigmoid", weight=-1.0)
    np.testing.assert_allclose(classifier.logits(np.full((1, 1, 1), 255, np.uint8)), [[255, -255]])
    assert classifier.predict(np.full((1, 1, 1), 255, np.uint8)).tolist() == [[1.0, 0.0]]


def test_independent_sigmoids_become_shares():
    model = keras.Sequential([keras.Input((1, 1, 1)), L.Flatten(), L.Dense(3, "sigmoid")])
    model.set_weights([np.zeros((1, 3), np.float32), np.log([1 / 3, 1, 3]).astype(np.float32)])
    np.testing.assert_allclose(
        Classifier(model, "abc", "shares").predict(np.zeros((1, 1, 1), np.uint8)), [[1 / 6, 1 / 3, 1 / 2]], rtol=1e-5
    )


def test_logits_are_what_goes_into_the_softmax():
    classifier = networks.classifier("flat")
    pixels = networks.pictures(classifier.model)
    dense = classifier.model.get_layer("classes")
    average = tap(classifier.model, ["average"])(pixels)["average"].numpy()
    expected = average @ dense.kernel.numpy() + dense.bias.numpy()
    np.testing.assert_allclose(classifier.logits(pixels), expected, rtol=1e-4)


def test_no_batch_size_compiles_anew_and_large_ones_are_cut(monkeypatch):
    monkeypatch.setattr(module, "MAX_BATCH", 4)
    classifier = networks.classifier("grey")
    seen = []
    classifier.compiled("predict", lambda: spy(classifier, seen))
    pixels = networks.pictures(classifier.model, count=10)
    for count in (1, 3, 10):
        np.testing.assert_allclose(
            classifier.predict(pixels[:count]), classifier.model(pixels[:count] * 1.0), rtol=1e-4, atol=1e-6
        )
    assert seen == [1, 3, 4, 4, 2]
    assert classifier.model.get_layer("conv").activation is keras.activations.relu


def spy(classifier, seen):
    compiled = classifier._compile(classifier.probabilities)
    return lambda pixels: seen.append(pixels.shape[0]) or compiled(pixels)


def test_many_threads_predict_the_same_and_compile_once():
    classifier = networks.classifier("flat")
    pixels = networks.pictures(classifier.model)
    expected = classifier.model(pixels.astype(np.float32), training=False).numpy()
    built, results = [], []
    original = classifier._compile
    classifier._compile = lambda finish: built.append(1) or original(finish)
    threads = [threading.Thread(target=lambda: results.append(classifier.predict(pixels))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert len(results) == 6
    for result in results:
        np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_compiled_functions_are_kept_while_in_use_and_bounded(monkeypatch):
    monkeypatch.setattr(compiled, "MAX_COMPILED", 2)
    classifier = networks.classifier("mlp")
    built = []
    for key in ("a", "b", "a", "c", "a", "b"):
        assert classifier.compiled(key, lambda key=key: built.append(key) or str.upper)("x") == "X"
    assert built == ["a", "b", "c", "b"]


def test_the_key_tells_content_apart_and_is_the_same_for_the_same():
    key = networks.classifier("flat").key
    assert key == networks.classifier("flat").key
    assert key.startswith("flat-")
    changed = networks.flat()
    weights = changed.get_weights()
    weights[2].flat[7] += 1e-3
    changed.set_weights(weights)
    names = ("class 0", "class 1", "class 2")
    others = {Classifier(changed, names, "flat").key, Classifier(networks.flat(), ("x", "y", "z"), "flat").key}
    linear = networks.flat()
    linear.get_layer("conv1").activation = keras.activations.tanh
    others.add(Classifier(linear, names, "flat").key)
    assert len(others | {key}) == 4


def sequential(*layers, size=(4, 4, 3)):
    return keras.Sequential([keras.Input(size), *layers], name="net")


@pytest.mark.parametrize(
    ("model", "names", "sentence"),
    [
        (sequential(L.Dense(2), size=(5,)), "ab", r"'net' does not read pictures: its input is \(5,\)\. It has to be"),
        (sequential(L.Flatten(), L.Dense(2), size=(4, 4, 4)), "ab", "with 1 or 3 channels"),
        (sequential(L.Conv2D(2, 1)), "ab", r"does not tell classes apart: its output is \(4, 4, 2\)"),
        (sequential(L.Flatten(), L.Dense(3)), "ab", "tells 3 classes apart, but 2 names were given"),
        (sequential(L.Flatten(), L.Dense(1)), "a", "tells 2 classes apart, but 1 names were given"),
        (sequential(L.Flatten(), L.Dense(2)), (1, 2), "have to be texts"),
        (sequential(L.Flatten(), L.Dense(2, "relu")), "ab", "last activation of the network is 'relu'"),
        (sequential(L.Flatten(), L.Dense(1, "softmax")), "ab", "softmax over one unit is always 1"),
        (
            sequential(
                L.Permute((3, 1, 2)), L.Conv2D(2, 1, name="c", data_format="channels_first"), L.Flatten(), L.Dense(2)
            ),
            "ab",
            r"The layer 'c' has its channels first: .+ data_format=\"channels_last\"\.",
        ),
        (keras.Sequential([L.Dense(2)]), "ab", "does not know the size of its pictures"),
    ],
)
def test_a_network_that_does_not_fit_is_told_so(model, names, sentence):
    with pytest.raises(ModelError, match=sentence):
        Classifier(model, names, "net")


def test_a_network_of_two_inputs_is_refused():
    one, two = keras.Input((4, 4, 3)), keras.Input((4, 4, 3))
    model = keras.Model([one, two], L.Dense(2)(L.Flatten()(L.Add()([one, two]))))
    with pytest.raises(ModelError, match=r"its input is \(4, 4, 3\) and \(4, 4, 3\)"):
        Classifier(model, "ab", "two")


def test_a_diverged_network_is_told_so():
    model = networks.mlp()
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(ModelError, match="not a number"):
        Classifier(model, "abc", "diverged").predict(np.zeros((4, 4, 1), np.uint8))


def test_a_network_for_any_size_gets_224():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, L.Dense(2)(L.GlobalAveragePooling2D()(inputs)))
    classifier = Classifier(model, "ab", "any")
    assert classifier.input_shape == (224, 224, 3)
    assert classifier.fit(np.zeros((300, 400, 3), np.uint8))[0].shape == (1, 224, 224, 3)
    assert classifier.spec == tf.TensorSpec((None, 224, 224, 3), tf.float32)


def test_a_picture_of_the_right_size_goes_in_untouched():
    picture = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    pixels, notes = fit(picture, (5, 6, 3))
    assert (pixels.dtype, notes) == (np.float32, ())
    np.testing.assert_array_equal(pixels[0], picture)
    floats = picture.astype(np.float64) - 7.5
    np.testing.assert_array_equal(fit(floats[None], (5, 6, 3))[0][0], floats)


def test_the_centre_square_is_resized_as_pillow_does():
    picture = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    expected = Image.fromarray(picture[:, 10:40]).resize((12, 12), Image.Resampling.BICUBIC)
    pixels, notes = fit(picture, (12, 12, 3))
    np.testing.assert_array_equal(pixels[0], np.asarray(expected))
    assert notes == (
        "Cropped to the 30 × 30 pixels (height × width) in the middle.",
        "Resized from 30 × 30 to 12 × 12 pixels (height × width).",
    )
    np.testing.assert_allclose(fit(picture.astype(np.float32), (12, 12, 3))[0], pixels, atol=1)
    squeezed, notes = fit(picture, (12, 12, 3), crop=False)
    np.testing.assert_array_equal(
        squeezed[0], np.asarray(Image.fromarray(picture).resize((12, 12), Image.Resampling.BICUBIC))
    )
    assert notes == ("Resized from 30 × 50 to 12 × 12 pixels (height × width).",)


def test_colours_become_grey_and_grey_becomes_three_equal_colours():
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 100
    pixels, notes = fit(red, (2, 2, 1))
    np.testing.assert_allclose(pixels, np.full((1, 2, 2, 1), 29.9), rtol=1e-6)
    assert "grey" in notes[0]
    pixels, notes = fit(np.array([[1, 2], [3, 4]], np.uint8), (2, 2, 3))
    np.testing.assert_array_equal(pixels[0], np.repeat([[[1], [2]], [[3], [4]]], 3, axis=2))
    assert len(notes) == 1


def test_pictures_of_zero_to_one_are_noticed():
    assert "between 0 and 1" in fit(np.full((2, 2, 3), 0.5), (2, 2, 3))[1][0]
    assert fit(np.zeros((2, 2, 3)), (2, 2, 3))[1] == ()


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 2, 4)),
        np.zeros((0, 2, 3)),
        np.zeros(3),
        np.full((2, 2, 3), np.nan),
        np.full((2, 2), "a"),
        np.zeros((1, 1, 2, 2, 3)),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(images):
    with pytest.raises(ImageInputError, match=r"\.$"):
        fit(images, (2, 2, 3))


def test_turning_grey_is_said_of_colours_alone():
    grey = np.repeat(np.random.default_rng(0).integers(0, 256, (9, 9, 1), np.uint8), 3, axis=2)
    coloured = grey.copy()
    coloured[0, 0] = (200, 10, 10)
    for picture, notes in ((grey, ()), (coloured, ("Turned grey, because this network reads one channel.",))):
        fitted, said = fit(picture, (9, 9, 1))
        assert fitted.shape == (1, 9, 9, 1)
        assert said == notes
    np.testing.assert_allclose(fit(grey, (9, 9, 1))[0][0], grey[..., :1], atol=0.01)
