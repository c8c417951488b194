"""Gradient methods on linear networks, whose gradients are their weights, and against loops."""

import keras
import numpy as np
import pytest

from explorer.attribution import explain, passes
from explorer.models import Classifier
from tests.models import networks

L = keras.layers
WEIGHTS = np.random.default_rng(7).normal(0, 0.02, (4, 5, 3, 2)).astype(np.float32)
PICTURE = np.random.default_rng(8).integers(0, 256, (4, 5, 3), np.uint8)


@pytest.fixture(scope="module")
def linear():
    """Two logits, each Σ w x + b."""
    model = keras.Sequential([keras.Input((4, 5, 3)), L.Flatten(), L.Dense(2)])
    model.set_weights([WEIGHTS.reshape(60, 2), np.float32([3, -2])])
    return Classifier(model, ("a", "b"), "linear")


@pytest.fixture(scope="module")
def mixed():
    """Convolutions with weights of both signs, two ReLUs and a pooling: 8 × 8 × 3 → three classes."""
    layers = [
        keras.Input((8, 8, 3)),
        L.Rescaling(1 / 255),
        L.Conv2D(6, 3, activation="relu"),
        L.MaxPooling2D(2),
        L.Conv2D(5, 2),
        L.ReLU(),
        L.Flatten(),
        L.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    random = np.random.default_rng(3)
    model.set_weights([random.normal(0, 0.4, weight.shape) for weight in model.get_weights()])
    return Classifier(model, ("a", "b", "c"), "mixed")


@pytest.mark.parametrize("target", [0, 1])
def test_of_a_linear_network_saliency_is_the_weights(linear, target):
    found = explain(linear, PICTURE, method="saliency", target=target)
    np.testing.assert_allclose(found.values, np.abs(WEIGHTS[..., target]).max(axis=2), rtol=1e-5)
    np.testing.assert_allclose(found.signed, WEIGHTS[..., target].sum(axis=2), rtol=1e-5, atol=1e-7)


def test_of_a_linear_network_gradient_times_input_is_weight_times_pixel(linear):
    found = explain(linear, PICTURE, method="gradient-x-input", target=1)
    expected = (WEIGHTS[..., 1] * PICTURE.astype(float)).sum(axis=2)
    np.testing.assert_allclose(found.signed, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.values, np.maximum(expected, 0), rtol=1e-5, atol=1e-5)
    assert found.signed.sum() - 2 == pytest.approx(found.score, rel=1e-4)  # the bias is nobody's share


@pytest.mark.parametrize("samples", [4, 20])
def test_of_a_linear_network_smoothgrad_is_saliency(linear, samples):
    smooth = explain(linear, PICTURE, method="smoothgrad", samples=samples)
    plain = explain(linear, PICTURE, method="saliency")
    np.testing.assert_allclose(smooth.values, plain.values, rtol=1e-5)
    np.testing.assert_allclose(smooth.signed, plain.signed, rtol=1e-5, atol=1e-7)
    assert smooth.score == plain.score


def test_smoothgrad_is_the_mean_over_noisy_copies_and_follows_its_seed(mixed):
    picture = networks.pictures(mixed.model, 1)[0]
    found = explain(mixed, picture, method="smoothgrad", samples=200, noise=0.1)
    again = explain(mixed, picture, method="smoothgrad", samples=200, noise=0.1)
    np.testing.assert_array_equal(found.values, again.values)
    other = explain(mixed, picture, method="smoothgrad", samples=200, noise=0.1, seed=1)
    assert np.abs(found.values - other.values).max() > 0
    # A loop with noise of its own comes near; a single gradient, or noise of another size, does not.
    direction = np.eye(3, dtype=np.float32)[found.target.index]
    random = np.random.default_rng(99)

    def mean(deviation, copies=800):
        noisy = picture + random.normal(0, deviation, (copies, *picture.shape)).astype(np.float32)
        return np.abs(passes.pixel_gradients(mixed, noisy, direction)[0].mean(axis=0)).max(axis=2)

    def apart(one):
        return np.abs(one - found.values).mean()

    near = apart(mean(0.1 * np.ptp(picture.astype(float))))
    assert near < 0.4 * apart(mean(0.0, 1))
    assert near < 0.4 * apart(mean(0.5 * np.ptp(picture.astype(float))))


def test_noisy_copies_are_asked_about_the_class_of_the_clean_picture():
    """A picture on the edge between two classes: most copies fall on the other side, where all weights differ."""
    model = keras.Sequential([keras.Input((1, 2, 1)), L.Flatten(), L.Dense(2)])
    model.set_weights([np.float32([[1, -1], [0, 0]]), np.float32([-100, 100.5])])
    edge = Classifier(model, ("a", "b"), "edge")
    found = explain(edge, np.uint8([[100, 0]]), method="smoothgrad", noise=0.5)
    assert found.target.index == 1
    np.testing.assert_array_equal(found.signed, [[-1, 0]])


@pytest.mark.parametrize("baseline", ["black", "grey", "blur"])
@pytest.mark.parametrize("network", ["linear", "mixed"])
def test_integrated_gradients_add_up_to_the_change_of_the_score(request, network, baseline):
    classifier = request.getfixturevalue(network)
    picture = networks.pictures(classifier.model, 1, seed=5)[0]
    nothing = {"black": np.zeros(picture.shape), "grey": np.full(picture.shape, 128.0)}
    for target in range(len(classifier.class_names)):
        found = explain(classifier, picture, method="integrated-gradients", baseline=baseline, target=target)
        if baseline in nothing:
            change = found.score - classifier.logits(nothing[baseline])[0, target]
            assert abs(found.raw.sum(dtype=float) - change) <= 0.01 * abs(change)
            assert abs(change) > 0.1
        assert not any("adds up" in note for note in found.notes)
        np.testing.assert_array_equal(found.values, np.maximum(found.signed, 0))


@pytest.mark.parametrize("name", ["flat", "transfer", "two_levels", "branches"])
def test_integrated_gradients_of_other_builds_are_complete_too(name):
    classifier = networks.classifier(name)
    picture = networks.pictures(classifier.model, 1)[0]
    found = explain(classifier, picture, method="integrated-gradients", target=1)
    change = found.score - classifier.logits(np.zeros(picture.shape, np.uint8))[0, 1]
    assert abs(found.raw.sum(dtype=float) - change) <= 0.01 * abs(change)


def test_integrated_gradients_are_the_mean_gradient_of_a_fine_even_loop(mixed):
    picture = networks.pictures(mixed.model, 1)[0]
    found = explain(mixed, picture, method="integrated-gradients", steps=64, target=0)
    places = (np.arange(2000, dtype=np.float32) + 0.5) / 2000
    inputs = places[:, np.newaxis, np.newaxis, np.newaxis] * picture.astype(np.float32)
    mean = passes.pixel_gradients(mixed, inputs, np.float32([1, 0, 0]))[0].mean(axis=0)
    expected = (mean * picture).sum(axis=2)
    np.testing.assert_allclose(found.raw, expected, atol=0.02 * np.abs(expected).max())


@pytest.fixture(scope="module")
def steep():
    """A score that changes close to black only: 100 ReLU(20 − x), a kink at 20 of 255 of the way to white."""
    layers = [keras.Input((1, 1, 1)), L.Conv2D(1, 1, activation="relu"), L.Flatten(), L.Dense(2, use_bias=False)]
    model = keras.Sequential(layers)
    model.set_weights([-np.ones((1, 1, 1, 1)), np.float32([20]), np.float32([[-100, 100]])])
    return Classifier(model, ("a", "b"), "steep")


def count_pictures(monkeypatch):
    """How many pictures each pass took."""
    real, counts = passes.pixel_gradients, []

    def counting(classifier, pixels, direction, **options):
        counts.append(len(pixels))
        return real(classifier, pixels, direction, **options)

    monkeypatch.setattr(passes, "pixel_gradients", counting)
    return counts


def test_steps_are_halved_until_the_sum_is_right(steep, monkeypatch):
    counts = count_pictures(monkeypatch)
    found = explain(steep, np.uint8([[255]]), method="integrated-gradients", steps=8, target="a")
    assert found.score == 0
    np.testing.assert_allclose(found.raw, [[2000]], rtol=0.01)
    assert 9 < sum(counts) <= 8 * 8 + 2  # the picture alone, both ends, and what lies between
    assert max(counts) <= 16


def test_a_sum_that_stays_wrong_is_said_with_its_numbers(steep, monkeypatch):
    monkeypatch.setattr("explorer.attribution.gradients.MISS", 1e-9)
    found = explain(steep, np.uint8([[255]]), method="integrated-gradients", steps=8, target="a")
    assert len(found.notes) == 1
    assert found.notes[0].startswith("After 64 steps the map adds up to ")
    assert found.notes[0].endswith(", while the score changes by 2e+03. Raise the steps.")


def test_between_a_picture_and_itself_there_is_no_way(linear):
    found = explain(linear, np.zeros((4, 5, 3), np.uint8), method="integrated-gradients")
    assert not found.raw.any()
    assert found.notes == (
        "The picture is the same as the baseline, so there is no way between them. Choose another baseline.",
    )
    assert explain(linear, np.zeros((4, 5, 3), np.uint8), method="integrated-gradients", baseline="grey").raw.any()


@pytest.mark.parametrize(
    ("method", "options"), [("smoothgrad", {"samples": 40}), ("integrated-gradients", {"steps": 40})]
)
def test_work_tells_how_far_it_is_and_can_be_stopped(mixed, monkeypatch, method, options):
    picture = networks.pictures(mixed.model, 1)[0]
    done = []
    counts = count_pictures(monkeypatch)
    explain(mixed, picture, method=method, on_progress=done.append, **options)
    assert done == sorted(done)
    assert done[-1] == 1
    assert max(counts) <= 16
    asked = iter([False, True])
    found = explain(mixed, picture, method=method, cancelled=lambda: next(asked), **options)
    assert found.raw.any()
    assert len(found.notes) == 1
    assert found.notes[0].startswith("Stopped after 1")
    found = explain(mixed, picture, method=method, cancelled=lambda: True, **options)
    assert len(found.notes) == 1
    start = "Stopped after 0 of 40 noisy" if method == "smoothgrad" else "Stopped after 1 step: the map adds up to "
    assert found.notes[0].startswith(start)


BUILDS = {
    "fused": (lambda: [L.Conv2D(3, 1, activation="relu"), L.Conv2D(4, 1, activation="relu")], np.inf),
    "layer": (lambda: [L.Conv2D(3, 1), L.ReLU(), L.Conv2D(4, 1), L.ReLU()], np.inf),
    "activation": (lambda: [L.Conv2D(3, 1), L.Activation("relu"), L.Conv2D(4, 1), L.Activation("relu")], np.inf),
    "relu6": (lambda: [L.Conv2D(3, 1), L.ReLU(max_value=6), L.Conv2D(4, 1), L.ReLU(max_value=6)], 6),
}


def guided_by_loop(weights, pixels, most, target):
    """Springenberg et al.: pixel by pixel forward, then back with two rules at each ReLU. Also without the second."""
    (first, b1, second, b2, head, _), maps = weights, np.zeros((2, *pixels.shape))
    head = head.reshape(*pixels.shape[:2], -1, 2)
    for which, guided in enumerate((True, False)):
        for i, j in np.ndindex(pixels.shape[:2]):
            z1 = pixels[i, j] @ first[0, 0] + b1
            z2 = np.clip(z1, 0, most) @ second[0, 0] + b2
            back = head[i, j, :, target].astype(float)
            for z, kernel in ((z2, second[0, 0]), (z1, first[0, 0])):
                is_open = (z > 0) & (z < most) & ((back > 0) | (not guided))
                back = kernel @ np.where(is_open, back, 0)
            maps[which, i, j] = back
    return maps


@pytest.mark.parametrize("name", BUILDS)
def test_guided_backpropagation_is_the_papers_loop_for_every_kind_of_relu(name):
    build, most = BUILDS[name]
    model = keras.Sequential([keras.Input((5, 5, 3)), *build(), L.Flatten(), L.Dense(2)])
    random = np.random.default_rng(11)
    model.set_weights([random.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    picture = random.integers(0, 30, (5, 5, 3), np.uint8)
    guided, plain = guided_by_loop(model.get_weights(), picture.astype(float), most, 1)
    network = Classifier(model, ("a", "b"), name)
    found = explain(network, picture, method="guided-backpropagation", target=1)
    np.testing.assert_allclose(found.values, np.abs(guided).max(axis=2), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.signed, guided.sum(axis=2), rtol=1e-4, atol=1e-6)
    assert found.notes == ()
    without = explain(network, picture, method="saliency", target=1)
    np.testing.assert_allclose(without.values, np.abs(plain).max(axis=2), rtol=1e-4, atol=1e-6)
    assert np.abs(found.values - without.values).max() > 0.01


def test_without_a_relu_guided_backpropagation_says_that_it_is_saliency(linear):
    found = explain(linear, PICTURE, method="guided-backpropagation", target=0)
    assert found.notes == ("The network has no ReLU, so this is plain saliency.",)
    np.testing.assert_array_equal(found.values, explain(linear, PICTURE, method="saliency", target=0).values)
