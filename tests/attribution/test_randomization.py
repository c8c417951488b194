"""Does a map change with the weights? On a small convolutional network, and of a method that only sees the picture."""

import keras
import numpy as np
import pytest

from explorer.attribution import METHODS, Method, explain, explaining, passes
from explorer.attribution.contract import Computed
from explorer.attribution.randomization import copied, randomization_check, rank_correlation
from explorer.errors import ImageInputError, MethodError, ModelError
from explorer.models import Classifier
from explorer.models.preprocessing import CaffePreprocessing
from tests.models.networks import NETWORKS, classifier, pictures

L = keras.layers
PATHS = ["classes", "norm", "conv3", "conv2", "conv1"]


@pytest.fixture(scope="module")
def network():
    """Three convolutions, one of them normalised, over 16 × 16 pixels, with random weights of both signs."""
    keras.utils.set_random_seed(5)
    layers = [
        keras.Input((16, 16, 3)),
        L.Rescaling(1 / 127.5, -1, name="scale"),
        L.Conv2D(8, 3, padding="same", activation="relu", name="conv1"),
        L.Conv2D(8, 3, padding="same", activation="relu", name="conv2"),
        L.Conv2D(8, 3, padding="same", use_bias=False, name="conv3"),
        L.BatchNormalization(name="norm"),
        L.ReLU(name="relu"),
        L.Flatten(name="flatten"),
        L.Dense(4, activation="softmax", name="classes"),
    ]
    model = keras.Sequential(layers)
    rng = np.random.default_rng(5)
    norm = [rng.uniform(0.5, 2, 8).astype(np.float32) for _ in range(4)]
    model.get_layer("norm").set_weights(norm)
    return Classifier(model, ("a", "b", "c", "d"), "small")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)


def correlation_in_a_loop(one, other):
    """Spearman's, the long way: ranks by counting, then Pearson's formula."""

    def ranks(values):
        flat = list(np.ravel(values))
        return [sum(o < v for o in flat) + (sum(o == v for o in flat) + 1) / 2 for v in flat]

    a, b = ranks(one), ranks(other)
    mean = (len(a) + 1) / 2
    above = sum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True))
    below = sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b)
    return above / below**0.5


def test_rank_correlation_is_that_of_a_loop_with_ties():
    rng = np.random.default_rng(0)
    for _ in range(5):
        one, other = rng.integers(0, 6, (2, 5, 4)).astype(np.float32)
        assert rank_correlation(one, other) == pytest.approx(correlation_in_a_loop(one, other))
    assert rank_correlation(one, np.exp(one)) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)
    assert rank_correlation(one, np.ones_like(one)) == 0


@pytest.fixture(scope="module")
def checked(network, image):
    """Saliency under the cascade, with the network's weights and answers before it."""
    weights, answer = network.model.get_weights(), network.predict(image)
    told = []
    check = randomization_check(network, image, method="saliency", target=2, seed=3, on_progress=told.append)
    return check, weights, answer, told


def test_saliency_changes_with_the_weights(checked):
    check, *_ = checked
    assert check.points[0].correlation == 1
    assert [point.path for point in check.points] == ["", *PATHS]
    assert check.changes is True
    assert check.sentence.startswith("Saliency changes when the weights do (rank correlation 0.")
    assert max(abs(point.correlation) for point in check.points[2:]) < 0.5


def test_the_network_itself_is_not_touched(checked, network, image):
    _, weights, answer, _ = checked
    for before, after in zip(weights, network.model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(network.predict(image), answer)


def test_the_first_map_is_the_networks_own_and_all_are_of_its_class(checked, network, image):
    check, *_ = checked
    own = explain(network, image, method="saliency", target=2)
    np.testing.assert_array_equal(check.points[0].explanation.raw_values, own.raw_values)
    assert {point.explanation.target.index for point in check.points} == {2}
    likeliest = randomization_check(network, image, method="saliency", stages=1).points
    assert {point.explanation.target.index for point in likeliest} == {int(network.predict(image)[0].argmax())}


def test_progress_rises_to_one(checked):
    *_, told = checked
    assert told == sorted(told)
    assert told[-1] == 1


def test_correlations_are_of_magnitudes_for_gradients_and_of_signed_maps_otherwise(network, image, checked):
    check, *_ = checked
    first, last = check.points[0].explanation, check.points[-1].explanation
    assert check.points[-1].correlation == pytest.approx(correlation_in_a_loop(first.raw_values, last.raw_values))
    cam = randomization_check(network, image, method="grad-cam", stages=1).points
    signed = correlation_in_a_loop(cam[0].explanation.raw, cam[1].explanation.raw)
    assert cam[1].correlation == pytest.approx(signed)
    product = randomization_check(network, image, method="gradient-x-input", stages=1).points
    sizes = [np.abs(point.explanation.raw) for point in product]
    assert product[1].correlation == pytest.approx(correlation_in_a_loop(*sizes))


class Watched:
    """A method that looks at the picture alone, and remembers the weights of the networks that it was called with."""

    def __init__(self):
        self.weights = []
        self.saliency = None  # a list, where the networks' gradients are to be remembered too

    def __call__(self, request):
        self.weights.append({layer.name: layer.get_weights() for layer in request.classifier.model.layers})
        if self.saliency is not None:
            self.saliency.append(passes.pixel_gradients(request.classifier, request.pixels, request.direction)[0])
        brightness = request.pixels[0].mean(axis=2)
        scores = np.arange(4, dtype=np.float32)
        return Computed(brightness, brightness, scores, request.direction)


@pytest.fixture
def watched(monkeypatch):
    """The picture's brightness, as a method of that name."""
    watch = Watched()
    method = Method("Brightness", "perturbation", watch, "", "", "", "", "")
    monkeypatch.setattr(explaining, "METHODS", {**METHODS, "brightness": method})
    monkeypatch.setattr("explorer.attribution.randomization._check_copy", lambda *_: None)
    return watch


def test_a_method_that_only_sees_the_picture_is_called_out(network, image, watched):
    check = randomization_check(network, image, method="brightness", target=0)
    assert check.changes is False
    assert check.sentence == (
        "Brightness does not change when the weights do (rank correlation 1.00 on average): "
        "it shows the picture, not the network."
    )


def test_each_step_shuffles_the_numbers_of_its_layers_and_leaves_those_below(network, image, watched):
    randomization_check(network, image, method="brightness", target=0)
    before, *steps = watched.weights
    assert len(steps) == len(PATHS)
    for done, after in enumerate(steps, start=1):
        for number, name in enumerate(PATHS):
            for old, new in zip(before[name], after[name], strict=True):
                np.testing.assert_array_equal(np.sort(old, axis=None), np.sort(new, axis=None))
                is_same = np.array_equal(old, new)
                assert is_same == (number >= done or np.ptp(old) == 0), (name, done)


def test_few_stages_share_the_layers_and_end_with_the_same_network(network, image, watched):
    check = randomization_check(network, image, method="brightness", target=0, stages=3)
    assert [point.path for point in check.points] == ["", "classes", "conv3", "conv1"]
    randomization_check(network, image, method="brightness", target=0, stages=99)
    few, many = watched.weights[3], watched.weights[-1]
    for name in PATHS:
        for one, other in zip(few[name], many[name], strict=True):
            np.testing.assert_array_equal(one, other)
    one_step = randomization_check(network, image, method="brightness", target=0, stages=1)
    assert [point.path for point in one_step.points] == ["", "conv1"]


def test_the_compiled_pass_sees_the_new_weights_and_is_compiled_once(network, image, watched, monkeypatch):
    compiled, watched.saliency = [], []
    build = passes._compile_pixels
    monkeypatch.setattr(passes, "_compile_pixels", lambda *args, **kw: compiled.append(1) or build(*args, **kw))
    randomization_check(network, image, method="brightness", target=0)
    assert len(compiled) == 1
    fresh = copied(network)
    for name, weights in watched.weights[-1].items():
        fresh.model.get_layer(name).set_weights(weights)
    direction = np.float32([1, 0, 0, 0])
    expected = passes.pixel_gradients(fresh, image[np.newaxis].astype(np.float32), direction)[0]
    np.testing.assert_allclose(watched.saliency[-1], expected, rtol=1e-4, atol=1e-8)
    assert np.abs(watched.saliency[0] - expected).max() > 1e-4


def test_cancelled_it_returns_what_was_done(network, image):
    answers = iter([False, False, False, False, True])
    check = randomization_check(network, image, method="saliency", cancelled=lambda: next(answers))
    assert [point.path for point in check.points] == ["", "classes", "norm"]
    assert check.changes is None
    assert check.sentence.startswith("Stopped after 2 of 5 steps")


def test_of_a_blank_map_nothing_can_be_said(network, watched):
    check = randomization_check(network, np.zeros((16, 16, 3), np.uint8), method="brightness", target=0, stages=2)
    assert [point.correlation for point in check.points] == [1, 0, 0]
    assert check.changes is None
    assert "blank" in check.sentence


@pytest.mark.parametrize("name", NETWORKS)
def test_a_copy_answers_the_same_and_has_its_own_weights(name):
    original = classifier(name)
    images = pictures(original.model)
    copy = copied(original)
    answer = original.predict(images)
    np.testing.assert_array_equal(copy.predict(images), answer)
    copy.model.set_weights([weight * 0 for weight in copy.model.get_weights()])
    np.testing.assert_array_equal(original.predict(images), answer)


def test_a_copy_keeps_a_learned_normalisation_and_preprocessing_of_our_own():
    normalise = L.Normalization(name="normalise")
    normalise.adapt(np.random.default_rng(0).normal(80, 9, (20, 4, 4, 3)).astype(np.float32))
    layers = [keras.Input((4, 4, 3)), CaffePreprocessing(), normalise, L.Flatten(), L.Dense(3)]
    original = Classifier(keras.Sequential(layers), ("a", "b", "c"), "normalised")
    images = pictures(original.model)
    np.testing.assert_array_equal(copied(original).predict(images), original.predict(images))


def test_mistakes_are_sentences(network, image):
    with pytest.raises(MethodError, match="number of steps is 0"):
        randomization_check(network, image, stages=0)
    with pytest.raises(ImageInputError, match="One picture"):
        randomization_check(network, image[np.newaxis])
    with pytest.raises(MethodError, match="no method 'guess'"):
        randomization_check(network, image, method="guess")
    with pytest.raises(MethodError, match="no option 'samples'"):
        randomization_check(network, image, method="saliency", samples=3)
    empty = Classifier(keras.Sequential([keras.Input((1, 2, 1)), L.Flatten()]), ("a", "b"), "empty")
    with pytest.raises(MethodError, match="no weights"):
        randomization_check(empty, np.zeros((1, 2, 1), np.uint8), method="saliency")


def test_a_network_that_cannot_be_copied_is_refused(network, image, monkeypatch):
    own = keras.Sequential([keras.Input((4, 4, 1)), L.Lambda(lambda x: x * 2), L.Flatten(), L.Dense(2)])
    with pytest.raises(ModelError, match="cannot be copied"):
        copied(Classifier(own, ("a", "b"), "own code"))
    other = copied(network)
    other.model.set_weights([weight[::-1] for weight in other.model.get_weights()])
    monkeypatch.setattr("explorer.attribution.randomization.copied", lambda _: other)
    with pytest.raises(ModelError, match="cannot be copied"):
        randomization_check(network, image, method="saliency")
