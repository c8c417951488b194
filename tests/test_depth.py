"""Along the depth of a network: counted zeros, an honest probe, and where a channel is excited."""

import keras
import numpy as np
import pytest

from explorer import depth, maps
from explorer.errors import DatasetError, LayerError
from explorer.models import Classifier, layer_paths
from explorer.windows import ReceptiveField, receptive_field


@pytest.fixture
def network():
    """Convolution, ReLU, pooling and classes, with weights chosen by hand; 8×8 grey pictures."""
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(3, 3, padding="same", name="conv")(inputs)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.MaxPooling2D(2, name="pool")(x)
    x = keras.layers.Flatten(name="flat")(x)
    outputs = keras.layers.Dense(2, name="classes")(x)
    model = keras.Model(inputs, outputs)
    weights = np.zeros((3, 3, 1, 3), np.float32)
    weights[1, 1, 0] = 1, -1, 0  # the picture, its negative, nothing
    model.get_layer("conv").set_weights([weights, np.float32([0, 0, 0])])
    return model


LAYERS = ["conv", "relu", "pool", "flat", "classes"]


def pictures(count=6, side=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 1), dtype=np.uint8)


def test_the_profile_of_a_network_of_known_weights(network):
    images = pictures(7)
    images[:, :4] = 0
    found = {one.path: one for one in depth.profile(network, images, LAYERS)}
    assert list(found) == LAYERS
    sizes = {path: (one.height, one.width, one.channels, one.values) for path, one in found.items()}
    assert sizes == {
        "conv": (8, 8, 3, 192),
        "relu": (8, 8, 3, 192),
        "pool": (4, 4, 3, 48),
        "flat": (1, 1, 48, 48),
        "classes": (1, 1, 2, 2),
    }
    dark = np.mean(images == 0)
    assert found["conv"].zeros == pytest.approx((2 * dark + 1) / 3)
    assert found["relu"].zeros == pytest.approx((dark + 2) / 3)
    assert (found["conv"].dead, found["relu"].dead) == (1, 2)
    assert found["flat"].dead == 8 + 2 * 16  # of the picture's channel the dark upper half, of the others all


def test_a_channel_that_lives_in_one_picture_is_not_dead(network):
    images = np.zeros((9, 8, 8, 1), np.uint8)
    images[8, 3, 3] = 1
    assert [one.dead for one in depth.profile(network, images, ["relu"])] == [2]
    assert [one.dead for one in depth.profile(network, images[:8], ["relu"])] == [3]


def groups(count=40, classes=3, features=5, distance=4.0, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(count * classes) % classes
    centres = random.normal(size=(classes, features)) * distance
    return (centres[labels] + random.normal(size=(len(labels), features))).astype(np.float32), labels


def test_a_probe_finds_what_is_linearly_there():
    features, labels = groups(distance=10)
    assert depth.probe(features, labels) == 1.0
    names = np.array([7, -2, 100])[labels]  # any whole numbers are labels
    assert depth.probe(features * 1e5 + 3e6, names) == 1.0


@pytest.mark.parametrize("features", [3, 400])
def test_a_probe_of_noise_is_at_chance(features):
    random = np.random.default_rng(features)
    labels = np.arange(300) % 3
    accuracy = depth.probe(random.normal(size=(300, features)).astype(np.float32), labels)
    assert accuracy == pytest.approx(1 / 3, abs=3 * np.sqrt(2 / 9 / 300))


def test_a_probe_does_not_see_what_it_is_tested_on():
    """One feature a picture, which is 1 for that picture alone: all of it can be learnt, none of it helps."""
    labels = np.arange(60) % 2
    assert depth.probe(np.eye(60, dtype=np.float32), labels) <= 0.5


def slow_probe_outputs(features, targets, others):
    """Ridge by gradient descent instead of in closed form."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    x = np.hstack([(features - mean) / deviation, np.ones((len(features), 1))])
    penalty = np.append(np.full(features.shape[1], depth.RIDGE * len(features)), 0)[:, np.newaxis]
    weights = np.zeros((x.shape[1], targets.shape[1]))
    rate = 1 / (np.linalg.norm(x, 2) ** 2 + penalty.max())
    for _ in range(5000):
        weights -= rate * (x.T @ (x @ weights - targets) + penalty * weights)
    return np.hstack([(others - mean) / deviation, np.ones((len(others), 1))]) @ weights


@pytest.mark.parametrize("size", [4, 30])
def test_both_closed_forms_are_ridge_regression(size):
    random = np.random.default_rng(size)
    features, others = random.normal(size=(20, size)), random.normal(size=(6, size))
    targets = np.eye(3)[random.integers(0, 3, 20)]
    np.testing.assert_allclose(
        depth._ridge(features, targets, others), slow_probe_outputs(features, targets, others), atol=1e-6
    )


def test_folds_hold_every_class_alike():
    answers = np.repeat([0, 1, 2], [50, 10, 23])
    fold = depth._stratified(answers, 5, np.random.default_rng(0))
    for label in range(3):
        counts = np.bincount(fold[answers == label], minlength=5)
        assert np.ptp(counts) <= 1
    assert np.ptp(np.bincount(fold)) <= 1


@pytest.mark.parametrize(
    ("features", "labels", "folds", "sentence"),
    [
        (np.zeros((10, 2)), np.zeros(10, int), 5, "here are 1 classes"),
        (np.zeros((10, 2)), np.arange(10) // 8, 5, "the smallest with 2"),
        (np.zeros((10, 2)), np.arange(10) % 2, 1, "two or more folds"),
        (np.zeros((10, 2)), np.arange(9) % 2, 3, "one label a picture"),
        (np.zeros((10, 2, 2)), np.arange(10) % 2, 3, r"of the shape \(pictures, features\)"),
        (np.full((10, 2), np.nan), np.arange(10) % 2, 3, "no finite number"),
        (np.zeros((0, 2)), np.zeros(0, int), 3, "one label a picture"),
    ],
)
def test_what_no_probe_can_judge_is_said_in_a_sentence(features, labels, folds, sentence):
    with pytest.raises(DatasetError, match=sentence):
        depth.probe(features, labels, folds=folds)


def bright_and_dark(count=30):
    """Two classes that differ in brightness: linearly there in the picture's own channel, not in a dead one."""
    labels = np.arange(count) % 2
    return (pictures(count) // 3 + 120 * labels.reshape(-1, 1, 1, 1)).astype(np.uint8), labels


def test_the_probe_curve(network):
    images, labels = bright_and_dark()
    shares = []
    points = depth.probe_curve(network, images, labels, ["conv", "flat", "pool"], on_progress=shares.append)
    assert [point.path for point in points] == ["conv", "flat", "pool"]
    assert points[0].accuracy == points[2].accuracy == 1.0
    assert {point.chance for point in points} == {0.5}
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_the_probe_sees_means_over_positions(network, monkeypatch):
    images, labels = bright_and_dark()
    seen = []
    monkeypatch.setattr(depth, "probe", lambda features, *_, **__: seen.append(features) or 0.0)
    depth.probe_curve(network, images, labels, ["conv"])
    means = images[..., 0].mean(axis=(1, 2))
    np.testing.assert_allclose(seen[0], np.stack([means, -means, 0 * means], axis=1), rtol=1e-5)


def test_a_cancelled_curve_gives_what_it_has(network):
    images, labels = bright_and_dark()
    assert depth.probe_curve(network, images, labels, LAYERS, cancelled=lambda: True) == []
    asked = iter([False] * (-(-len(images) // depth.BATCH) + 2) + [True] * 9)
    points = depth.probe_curve(network, images, labels, LAYERS, cancelled=lambda: next(asked))
    assert [point.path for point in points] == ["conv", "relu"]


def test_similarity_by_depth(network):
    a, b = pictures(2)
    found = dict(depth.similarity_by_depth(network, a, b, LAYERS))
    assert list(found) == LAYERS
    one, other = a.astype(float).ravel(), b.astype(float).ravel()
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert found["conv"] == pytest.approx(expected, abs=1e-6)
    assert found["relu"] == pytest.approx(expected, abs=1e-6)
    assert dict(depth.similarity_by_depth(network, a, a, LAYERS))["classes"] == pytest.approx(1)
    assert found["conv"] == pytest.approx(maps.cosine(a.astype(np.float32), b.astype(np.float32)), abs=1e-6)


def test_the_pictures_that_excite_a_channel_most_and_where(network):
    images = np.full((11, 8, 8, 1), 5, np.uint8)
    images[9, 2, 7], images[4, 6, 1], images[0, 0, 0] = 250, 99, 99
    found = depth.most_exciting(network, images, "relu", 0, k=4)
    assert found[:3] == [
        depth.Excitement(9, 250.0, 2, 7),
        depth.Excitement(0, 99.0, 0, 0),
        depth.Excitement(4, 99.0, 6, 1),
    ]
    assert len(found) == 4
    assert len(depth.most_exciting(network, images, "relu", 0, k=99)) == 11
    pooled = depth.most_exciting(network, images, "pool", 0, k=1)[0]
    assert (pooled.row, pooled.col) == (1, 3)
    patch = depth.patch_of(receptive_field(network, "pool").at(pooled.row, pooled.col), images[9])
    assert patch.max() == 250
    assert patch.shape == (4, 3, 1)  # 4×4, of which a column lies in the padding
    assert depth.most_exciting(network, images, "classes", 1, k=1)[0].row == 0


def test_a_classifier_fits_pictures_of_any_size(network):
    classifier = Classifier(keras.Sequential([network, keras.layers.Softmax()]), ["one", "other"], "small")
    photo = np.full((2, 32, 40, 3), 30, np.uint8)
    photo[1, 16:, 20:] = 240
    path = next(path for path in layer_paths(classifier.model) if path.endswith("relu"))
    assert depth.profile(classifier, photo, [path])[0].values == 192
    found = depth.most_exciting(classifier, photo, path, 0)
    assert [one.index for one in found] == [1, 0]
    assert found[0].row >= 4
    assert found[0].col >= 4
    cosines = depth.similarity_by_depth(classifier, photo[0], photo[1, :20], [path])
    assert 0.5 < cosines[0][1] < 1


def test_what_most_exciting_cannot_find(network):
    with pytest.raises(LayerError, match="channels 0 to 2; there is no 3"):
        depth.most_exciting(network, pictures(), "conv", 3)
    with pytest.raises(LayerError, match="no -1"):
        depth.most_exciting(network, pictures(), "conv", -1)
    with pytest.raises(DatasetError, match="at least one"):
        depth.most_exciting(network, pictures(0), "conv", 0)
    with pytest.raises(DatasetError, match="at least one"):
        depth.profile(network, pictures(0), LAYERS)
    with pytest.raises(DatasetError, match="6 pictures and 5 labels"):
        depth.probe_curve(network, pictures(), np.arange(5) % 2, LAYERS)
    with pytest.raises(LayerError):
        depth.profile(network, pictures(), ["nowhere"])


def test_a_patch_ends_where_the_picture_ends():
    image = np.arange(30, dtype=np.uint8).reshape(5, 6)
    np.testing.assert_array_equal(depth.patch_of((1, 2, 4, 5), image), image[1:4, 2:5])
    np.testing.assert_array_equal(depth.patch_of((-9, -9, 99, 99), image), image)
    field = ReceptiveField(size=(3, 3), stride=(2, 2), start=(-1, -1))
    np.testing.assert_array_equal(depth.patch_of(field.at(0, 0), image), image[:2, :2])
    for outside in ((-5, 0, -1, 3), (0, 6, 3, 9), (9, 9, 12, 12)):
        with pytest.raises(LayerError, match="padding only"):
            depth.patch_of(outside, image)
