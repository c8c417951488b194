"""Ascents on networks of known weights, against NumPy, Keras's own optimiser, and what theory says is found."""

from itertools import pairwise

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view

from explorer.ascent import PRESETS, Recipe, ascend, asking, climbing, diversify, dream, invert
from explorer.errors import ImageInputError, LayerError, MethodError, ModelError
from explorer.models import Classifier
from explorer.models.compiled import CompiledFunctions
from tests.models import networks

L = keras.layers
RANDOM = np.random.default_rng(0)
KERNEL = RANDOM.normal(size=(8, 8, 3, 1)).astype(np.float32)
EDGE = np.where(np.arange(24) < 12, -1, 1).reshape(1, 24, 1, 1).repeat(24, 0).repeat(3, 2).astype(np.float32)
STILL = {"jitter": 0, "rotation": 0.0, "scale": 0.0}
PLAIN = {
    **STILL,
    "total_variation": 0.0,
    "blur": 0.0,
    "clip": False,
    "decorrelate": False,
    "parameterisation": "pixels",
}


def sequential(size, *layers, seed=3):
    """A Sequential with random weights."""
    model = keras.Sequential([keras.Input(size), *layers])
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    return model


def one_layer(kernel, size=None):
    """A single convolution without bias, on pictures as large as its kernel."""
    net = sequential(
        (*(size or kernel.shape[:2]), kernel.shape[2]),
        L.Conv2D(kernel.shape[3], kernel.shape[:2], use_bias=False, name="conv"),
    )
    net.set_weights([kernel])
    return net


def cosine(one, other):
    one, other = one.ravel().astype(np.float64), other.ravel().astype(np.float64)
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def grown(frames):
    return frames[-1].pixels[0] - frames[0].pixels[0]


def convolved(pixels, kernel):
    """Pixels (N, H, W, C) under a kernel (kh, kw, C, K), as Keras does, without padding."""
    windows = sliding_window_view(pixels.astype(np.float64), kernel.shape[:2], axis=(1, 2))
    return np.einsum("nhwcij,ijck->nhwk", windows, kernel)


def inner_mean(maps):
    """The mean of maps (N, h, w, C) without a border of a quarter of a side, two cells at most."""
    down, across = (min(2, (side - 1) // 4) for side in maps.shape[1:3])
    return maps[:, down : maps.shape[1] - down, across : maps.shape[2] - across].mean(axis=(1, 2))


def rms(values):
    return np.sqrt(np.mean(np.square(values, dtype=np.float64)))


@pytest.fixture(scope="module")
def net():
    """12 × 12 × 3 → convolution, ReLU, convolution → three classes; its functions stay compiled."""
    model = sequential(
        (12, 12, 3),
        L.Rescaling(1 / 127.5, offset=-1, name="scale"),
        L.Conv2D(4, 3, activation="relu", name="conv"),
        L.Conv2D(5, 3, name="second"),
        L.GlobalAveragePooling2D(name="average"),
        L.Dense(3, activation="softmax", name="classes"),
    )
    return Classifier(model, "abc", "small")


def maps_of(net, path, pixels):
    return keras.Model(net.model.inputs[0], net.model.get_layer(path).output)(pixels).numpy()


# The known optimum


@pytest.fixture(scope="module")
def single():
    """A convolution whose kernel is as large as its pictures."""
    return one_layer(KERNEL)


@pytest.mark.parametrize("preset", ["chollet", "keras"])
def test_plain_presets_find_the_kernel_itself(single, preset):
    frames = list(ascend(single, "conv", 0, preset=preset))
    assert cosine(grown(frames), KERNEL) > 0.9999
    assert cosine(frames[-1].pixels - PRESETS[preset].recipe.grey, KERNEL) > 0.95
    recipe = PRESETS[preset].recipe
    assert rms(grown(frames)) == pytest.approx(recipe.steps * recipe.step_size, rel=1e-4)


@pytest.mark.parametrize("preset", ["chollet", "keras"])
def test_the_centre_unit_of_a_larger_picture_grows_the_kernel_where_it_looks(single, preset):
    change = grown(list(ascend(single, "conv", 0, size=(20, 15), objective="centre", preset=preset)))
    seen = (slice(6, 14), slice(4, 12))  # under unit (13 // 2, 8 // 2)
    assert cosine(change[seen], KERNEL) > 0.9999
    change[seen] = 0
    assert not change.any()


@pytest.mark.parametrize("preset", ["smooth", "lucid"])
def test_other_presets_find_it_once_what_shapes_the_picture_is_off(single, preset):
    frames = list(ascend(single, "conv", 0, preset=preset, **PLAIN, rule="gradient", step_size=4.0))
    assert cosine(grown(frames), KERNEL) > 0.9999


def test_adam_goes_equally_far_in_every_pixel(single):
    # With the same gradient at each step both moments cancel: what is left is its sign.
    change = grown(list(ascend(single, "conv", 0, preset="lucid", **PLAIN)))
    recipe = PRESETS["lucid"].recipe
    np.testing.assert_allclose(change, np.sign(KERNEL[..., 0]) * recipe.steps * recipe.step_size, rtol=1e-3)


@pytest.mark.parametrize(("preset", "least"), [("smooth", 0.85), ("lucid", 0.6)])
def test_what_is_coarser_than_the_moves_survives_them_and_what_is_finer_does_not(single, preset, least):
    # Among pictures of 0–255 the best for a kernel of −1 and 1 is the kernel itself.
    frames = list(ascend(one_layer(EDGE), "conv", 0, preset=preset))
    assert cosine(frames[-1].pixels - 127.5, EDGE) > least
    assert -1e-3 <= frames[-1].pixels.min() < frames[-1].pixels.max() <= 255.001
    assert abs(cosine(grown(list(ascend(single, "conv", 0, preset=preset))), KERNEL)) < 0.3


def test_waves_come_near_the_best_that_any_picture_reaches():
    kernel = KERNEL[:, :, :1]
    frames = list(ascend(one_layer(kernel), "conv", 0, preset="lucid", **STILL))
    best = 255 * np.maximum(kernel, 0).sum()  # white where the kernel is positive, else black
    assert 0.6 * best < frames[-1].scores[0] <= best
    assert np.mean(np.sign(frames[-1].pixels[0] - 127.5) == np.sign(kernel[..., 0])) > 0.8


# Steps, by hand


def slope_of_roughness(picture):
    """Of the sum of √(down² + across² + 1) over pixels with both neighbours, by loops."""
    slope = np.zeros_like(picture)
    for row in range(picture.shape[0] - 1):
        for col in range(picture.shape[1] - 1):
            down, across = picture[row + 1, col] - picture[row, col], picture[row, col + 1] - picture[row, col]
            length = np.sqrt(down**2 + across**2 + 1)
            slope[row + 1, col] += down / length
            slope[row, col + 1] += across / length
            slope[row, col] -= (down + across) / length
    return slope


def slope_of_mean(kernel, cells):
    """Of the mean of the named cells of a map, whose picture is 7 × 7, for a kernel (3, 3, C)."""
    slope = np.zeros((7, 7, kernel.shape[2]))
    for row, col in cells:
        slope[row : row + 3, col : col + 3] += kernel / 9
    return slope


INNER = [(row, col) for row in (1, 2, 3) for col in (1, 2, 3)]
"""The cells of a 5 × 5 map without its border of one."""


@pytest.fixture(scope="module")
def two_filters():
    """7 × 7 × 3 → two maps of 5 × 5."""
    return one_layer(RANDOM.normal(size=(3, 3, 3, 2)).astype(np.float32), (7, 7))


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(
    "parts",
    [{}, {"total_variation": 0.2, "l2": 0.4, "clip": True, "noise": 127.5}],
    ids=["plain", "all"],
)
def test_one_step_is_the_one_by_hand(two_filters, parts, direction):
    recipe = Recipe(step_size=30.0, steps=1, noise=60.0).but(**parts)
    frames = list(ascend(two_filters, "conv", 1, preset=recipe, direction=direction))
    start = frames[0].pixels[0].astype(np.float64)
    slope = direction * slope_of_mean(two_filters.get_weights()[0][..., 1], INNER)
    slope = slope / rms(slope)
    slope -= recipe.total_variation * slope_of_roughness(start) + recipe.l2 * (start - 127.5) / 127.5
    expected = start + 30 * slope / rms(slope)
    if recipe.clip:
        assert expected.min() < 0
        expected = np.clip(expected, 0, 255)
    np.testing.assert_allclose(frames[1].pixels[0], expected, atol=0.01)


def test_one_step_in_natural_colours(two_filters):
    # Lucid's matrix, its longest column of length 1: pixels are 127.5 + matrix · parameters, so slopes go through its
    # transpose.
    matrix = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    matrix /= np.linalg.norm(matrix, axis=0).max()
    frames = list(ascend(two_filters, "conv", 0, steps=1, step_size=9.0, decorrelate=True))
    slope = slope_of_mean(two_filters.get_weights()[0][..., 0], INNER)
    slope = slope / rms(slope) @ matrix
    np.testing.assert_allclose(grown(frames), 9 * slope / rms(slope) @ matrix.T, atol=0.01)


@pytest.mark.parametrize("factor", [1e-30, 1e25])
def test_steps_do_not_depend_on_how_loud_a_network_is(two_filters, factor):
    loud = one_layer((two_filters.get_weights()[0].astype(np.float64) * factor).astype(np.float32), (7, 7))
    parts = {"steps": 3, "total_variation": 0.2, "l2": 0.1}
    found, expected = (list(ascend(model, "conv", 0, **parts))[-1].pixels for model in (loud, two_filters))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_step_shrinks_evenly(two_filters):
    frames = list(ascend(two_filters, "conv", 0, steps=5, step_size=10.0, decay=0.8))
    steps = [rms(after.pixels - before.pixels) for before, after in pairwise(frames)]
    np.testing.assert_allclose(steps, [10, 8, 6, 4, 2], rtol=1e-3)


def test_adam_is_that_of_keras(net):
    frames = list(ascend(net, "second", 2, preset=Recipe(rule="adam", steps=5, step_size=6.0)))
    model = keras.Model(net.model.inputs[0], net.model.get_layer("second").output)
    pixels = tf.Variable(frames[0].pixels)
    adam = keras.optimizers.Adam(learning_rate=6.0)
    for frame in frames[1:]:
        with tf.GradientTape() as tape:
            score = tf.reduce_mean(model(pixels)[:, 1:-1, 1:-1, 2])  # 8 × 8 cells
        slope = tape.gradient(score, pixels)
        adam.apply([-slope / tf.sqrt(tf.reduce_mean(slope**2))], [pixels])
        np.testing.assert_allclose(frame.pixels, pixels.numpy(), atol=0.1)


def test_blur_after_a_step_is_opencvs(two_filters):
    parts = {"steps": 2, "blur": 3.0, "blur_every": 1}
    frames = list(ascend(two_filters, "conv", 0, **parts))
    sharp = list(ascend(two_filters, "conv", 0, **parts | {"blur": 0.0}))[1].pixels[0]
    blurred = cv2.GaussianBlur(sharp, (9, 9), 1.5, borderType=cv2.BORDER_CONSTANT)  # half of it after half the steps
    there = cv2.GaussianBlur(np.ones((7, 7, 3), np.float32), (9, 9), 1.5, borderType=cv2.BORDER_CONSTANT)
    np.testing.assert_allclose(frames[1].pixels[0], blurred / there, atol=0.02)


# Starts


def test_the_start_is_the_recipes(net):
    def start(**parts):
        return next(ascend(net, "second", [0, 1], **parts)).pixels

    grey = start(preset="chollet")
    assert 128 <= grey.min() < 129
    assert 147 < grey.max() <= 148
    noise = start(start="noise")
    assert noise.min() >= 0
    assert noise.max() <= 255
    assert noise.std() == pytest.approx(255 / np.sqrt(12), rel=0.1)
    assert (start(noise=0.0, grey=99.0) == 99).all()
    waves = start(preset="lucid")
    assert 1 < np.abs(waves - 127.5).max() < 20
    for pixels in (grey, noise, waves):
        assert not np.allclose(pixels[0], pixels[1])
    photo = networks.pictures(net.model, 1)[0]
    np.testing.assert_allclose(start(start="picture", image=photo), [photo, photo], atol=1e-4)
    wide = np.pad(photo, ((0, 0), (5, 5), (0, 0)))
    np.testing.assert_allclose(start(start="picture", image=wide), [photo, photo], atol=1e-4)
    near = start(preset="lucid", start="picture", image=photo)
    np.testing.assert_allclose(near, np.clip([photo, photo], 2.55, 252.45), atol=0.05)


# Seeds, company, batches


@pytest.mark.parametrize("preset", ["smooth", "lucid"])
def test_the_same_seed_gives_the_same_picture_to_the_last_bit(net, preset):
    def last(seed):
        return list(ascend(net, "second", [1, 3], preset=preset, steps=4, seed=seed))[-1]

    one, again, other = last(5), last(np.int64(5)), last(6)
    np.testing.assert_array_equal(one.pixels, again.pixels)
    np.testing.assert_array_equal(one.scores, again.scores)
    assert all(rms(one.pixels[k] - other.pixels[k]) > 1 for k in (0, 1))


@pytest.fixture
def counted(monkeypatch):
    """How many pictures each call of a compiled step was given."""
    calls = []
    original = climbing.step_of

    def step_of(network, shape):
        step = original(network, shape)

        def run(*arguments):
            calls.append(len(arguments[0]))
            return step(*arguments)

        run.graph = step.graph
        return run

    monkeypatch.setattr(climbing, "step_of", step_of)
    return calls


@pytest.mark.parametrize("preset", ["smooth", "lucid"])
def test_company_and_batches_change_nothing(net, counted, preset):
    def last(channels, **more):
        return list(ascend(net, "second", channels, preset=preset, steps=4, seed=2, **more))[-1]

    together = last([4, 0, 4, 1, 2])
    assert counted == [5] * 4
    counted.clear()
    split = last([4, 0, 4, 1, 2], max_bytes=1)
    assert counted == [1] * 20
    np.testing.assert_allclose(split.pixels, together.pixels, atol=0.05)
    np.testing.assert_allclose(split.scores, together.scores, rtol=1e-3)
    alone = last(0)
    np.testing.assert_allclose(alone.pixels[0], together.pixels[1], atol=0.05)
    assert rms(together.pixels[0] - together.pixels[2]) > 1  # the same channel from another start
    np.testing.assert_allclose(last([4, 4]).pixels, together.pixels[[0, 2]], atol=0.05)


def test_batches_are_of_about_as_many_bytes_as_allowed(net, counted):
    floats = 12 * 12 * 3 + 10 * 10 * 4 + 8 * 8 * 5  # what the forward pass alone makes
    list(ascend(net, "second", [0] * 12, steps=1, max_bytes=12 * 4 * floats))
    assert 2 <= counted[0] < 12  # the way back needs some, too
    assert sum(counted) == 12
    assert max(counted) - min(counted) <= 1


# Units that are shut, and what a channel likes least


def rectified(kind, size=(8, 8, 1), weights=None):
    """One layer of two units, with its ReLU in different places; the linear twin is of the kind "linear"."""
    conv = {"kernel_size": 3}
    layers = {
        "linear": [L.Conv2D(2, **conv, name="unit")],
        "convolution": [L.Conv2D(2, **conv, activation="relu", name="unit")],
        "relu": [L.Conv2D(2, **conv), L.ReLU(name="unit")],
        "relu6": [L.Conv2D(2, **conv), L.ReLU(6, name="unit")],
        "activation": [L.Conv2D(2, **conv), L.Activation("relu", name="unit")],
        "dense": [L.Flatten(), L.Dense(2, activation="relu", name="unit")],
    }
    model = sequential(size, *layers[kind])
    if weights is not None:
        model.set_weights(weights)
    return model


@pytest.mark.parametrize("kind", ["convolution", "relu", "relu6", "activation", "dense"])
def test_what_is_liked_least_is_followed_below_the_relu(kind):
    model = rectified(kind)
    kernel, bias = model.get_weights()
    frames = list(ascend(model, "unit", [0, 1], direction=-1))
    pixels = frames[-1].pixels
    linear = pixels.reshape(2, -1) @ kernel if kind == "dense" else inner_mean(convolved(pixels, kernel))
    np.testing.assert_allclose(frames[-1].scores, np.diag(linear + bias), rtol=1e-4)
    assert (frames[-1].scores < 0).all()
    assert (frames[-1].scores < frames[0].scores).all()


@pytest.fixture(scope="module")
def shut():
    """Weights of one convolution that is just shut wherever it looks, and what it would step to if it were open."""
    kernel = RANDOM.normal(size=(3, 3, 1, 2)).astype(np.float32)
    frames = list(ascend(rectified("linear", weights=[kernel, np.zeros(2)]), "unit", [0, 1], steps=1))
    highest = convolved(frames[0].pixels, kernel).max(axis=(0, 1, 2))
    return [kernel, -highest.astype(np.float32) - 20], frames[1].pixels


@pytest.mark.parametrize("kind", ["convolution", "relu", "relu6"])
def test_a_unit_that_starts_dead_lights_up(shut, kind):
    weights, opened = shut
    frames = list(ascend(rectified(kind, weights=weights), "unit", [0, 1]))
    assert frames[0].scores.tolist() == [0, 0]
    np.testing.assert_allclose(frames[1].pixels, opened, atol=0.01)
    assert (frames[-1].scores > 0).all()


def test_the_way_is_found_through_a_dead_layer_below(shut):
    model = sequential((8, 8, 1), L.Conv2D(2, 3, activation="relu"), L.Conv2D(1, 1, activation="relu", name="unit"))
    model.set_weights([*shut[0], np.ones((1, 1, 2, 1)), np.full(1, -1.0)])
    frames = list(ascend(model, "unit", 0, steps=40))
    assert frames[0].scores[0] == 0 < frames[-1].scores[0]


def test_where_some_cells_are_open_only_they_are_followed():
    model = rectified("convolution", size=(7, 7, 1))
    kernel = model.get_weights()[0]
    start = next(ascend(model, "unit", 0, steps=1)).pixels
    before = convolved(start, kernel)[0, :, :, 0]
    middle = np.median(before[1:-1, 1:-1])
    model.set_weights([kernel, np.full(2, -middle - 1e-3, np.float32)])
    frames = list(ascend(model, "unit", 0, steps=1))
    slope = slope_of_mean(kernel[..., 0], [(row, col) for row, col in INNER if before[row, col] > middle + 1e-3])
    np.testing.assert_allclose(grown(frames), 4.1 * slope / rms(slope), atol=0.01)


@pytest.mark.parametrize(
    ("kind", "score", "parts"),
    [
        ("linear", 2.0, {}),
        ("convolution", 0.0, {"rule": "adam"}),
        ("linear", 2.0, {"parameterisation": "fourier"}),
        ("convolution", 0.0, {"parameterisation": "fourier", "rule": "adam"}),
    ],
)
def test_a_unit_that_cannot_light_stays_as_it_is(kind, score, parts):
    model = rectified(kind, weights=[np.zeros((3, 3, 1, 2)), np.full(2, 2.0 if kind == "linear" else -1.0)])
    frames = list(ascend(model, "unit", [0, 1], steps=3, **parts))
    assert all(frame.scores.tolist() == [score, score] for frame in frames)
    np.testing.assert_allclose(frames[-1].pixels, frames[0].pixels, atol=0.01)


# Networks, layers, sizes


def test_classes_are_followed_by_their_logits(net):
    frames = list(ascend(net, "classes", [0, 1, 2], steps=6))
    averages, dense = maps_of(net, "average", frames[-1].pixels), net.model.get_layer("classes")
    logits = averages @ dense.kernel.numpy() + dense.bias.numpy()
    np.testing.assert_allclose(frames[-1].scores, np.diag(logits), rtol=1e-4)
    assert (frames[-1].scores > frames[0].scores + 0.1).all()


def by_hand(name, model, pixels):
    """What the layers make of pixels when they are called one by one."""
    get = model.get_layer
    if name == "transfer":
        inner = get("base")
        last = get("dog")
        maps = tf.nn.relu(inner.get_layer("norm")(inner.get_layer("conv")(pixels)))
        units = tf.reduce_mean(maps, axis=(1, 2)) @ last.kernel + last.bias
        return {"base.relu": inner_mean(maps.numpy()), "dog": units.numpy()}
    if name == "two_levels":
        conv = get("features").get_layer("base").get_layer("conv")(pixels / 255)
        return {"features.base.conv": inner_mean(conv.numpy())}
    if name == "shared":
        conv, mix = get("conv"), get("inside").get_layer("mix")
        return {"conv#2": inner_mean(conv(mix(conv(pixels))).numpy())}
    conv = get("conv")(pixels)
    return {"conv": inner_mean(conv.numpy()), "logits": get("logits")(get("flatten")(conv)).numpy()}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("transfer", "base.relu"),
        ("transfer", "dog"),
        ("two_levels", "features.base.conv"),
        ("shared", "conv#2"),
        ("without_input", "conv"),
        ("without_input", "logits"),
    ],
)
def test_any_path_of_any_network(name, path):
    model = networks.NETWORKS[name]()
    frames = list(ascend(model, path, 0, steps=3))
    assert frames[-1].scores[0] > frames[0].scores[0]
    np.testing.assert_allclose(frames[-1].scores, by_hand(name, model, frames[-1].pixels)[path][:, 0], rtol=1e-4)
    assert frames[-1].pixels.shape == (1, *model.inputs[0].shape[1:])


@pytest.mark.parametrize(("size", "sides"), [(17, (17, 17)), ((9, 20), (9, 20)), (np.int64(10), (10, 10))])
def test_sizes_that_the_layer_allows(net, size, sides):
    frames = list(ascend(net, "second", [1, 2], size=size, steps=2))
    assert frames[-1].size == sides
    assert frames[-1].pixels.shape == frames[-1].images.shape == (2, *sides, 3)
    maps = frames[-1].pixels / 127.5 - 1
    for path in ("conv", "second"):
        maps = net.model.get_layer(path)(maps)
    np.testing.assert_allclose(frames[-1].scores, np.diag(inner_mean(maps.numpy())[:, 1:3]), rtol=1e-4)


def test_a_network_of_any_size_gets_the_default_one():
    frame = next(ascend(networks.base(), "conv", 0, steps=1))
    assert frame.images.shape == (1, asking.DEFAULT_SIDE, asking.DEFAULT_SIDE, 3)


def test_one_channel_pictures():
    frames = list(ascend(networks.classifier("grey"), "conv", [0, 3], steps=2, preset="lucid"))
    assert frames[-1].images.shape == (2, 28, 28, 1)
    assert (frames[-1].scores > frames[0].scores).all()


# What cannot be asked: told at the call


@pytest.mark.parametrize(
    ("asked", "error", "sentence"),
    [
        ({"layer": "secnd"}, LayerError, r"^There is no layer 'secnd'\. Did you mean 'second'\?$"),
        ({"layer": "secnd", "direction": -1}, LayerError, "^There is no layer 'secnd'"),
        ({"layer": None}, LayerError, "^There is no layer 'None'"),
        ({"channels": 5}, LayerError, r"^The layer 'second' has the channels 0 to 4; there is no 5\.$"),
        ({"channels": -1}, LayerError, "there is no -1"),
        ({"channels": 1.0}, LayerError, "there is no 1.0"),
        ({"channels": True}, LayerError, "there is no True"),
        ({"channels": None}, LayerError, "there is no None"),
        ({"channels": "ab"}, LayerError, "there is no 'a'"),
        ({"channels": [0, 1, 7]}, LayerError, "there is no 7"),
        ({"channels": [0, 1.5]}, LayerError, r"there is no 1\.5"),
        ({"channels": np.zeros((2, 2), int)}, LayerError, "there is no array"),
        ({"channels": []}, LayerError, r"^0 channels were asked for; 1 to 64 can grow together\.$"),
        ({"channels": [0] * 65}, LayerError, "^65 channels were asked for"),
        ({"size": 0}, LayerError, r"^The size is 0; height and width .* whole numbers from 1 to 1024 pixels\.$"),
        ({"size": -3}, LayerError, "The size is -3"),
        ({"size": 12.0}, LayerError, r"The size is 12\.0"),
        ({"size": True}, LayerError, "The size is True"),
        ({"size": 1025}, LayerError, "The size is 1025"),
        ({"size": (12, 10**9)}, LayerError, "The size is"),
        ({"size": (12, 12, 3)}, LayerError, "The size is"),
        ({"size": ()}, LayerError, "The size is"),
        ({"size": (12,)}, LayerError, "The size is"),
        ({"size": [12, 12]}, LayerError, "The size is"),
        ({"size": "12"}, LayerError, "The size is"),
        ({"size": 4}, LayerError, r"^At 4 × 4 pixels .* to the layer 'second': the picture is too small .*\.$"),
        ({"octaves": 5}, LayerError, r"^At 3 × 3 pixels .* It is the smallest of 5 octaves: fewer would do, too\.$"),
        ({"seed": -1}, MethodError, r"^seed is -1; it is a whole number from 0 to 4294967295\.$"),
        ({"seed": 2**32}, MethodError, "seed is 4294967296"),
        ({"seed": 1.0}, MethodError, r"seed is 1\.0"),
        ({"seed": True}, MethodError, "seed is True"),
        ({"seed": None}, MethodError, "seed is None"),
        ({"direction": 0}, MethodError, r"^direction is 0; it is 1 \(.*\) or -1 \(.*\)\.$"),
        ({"direction": "up"}, MethodError, "direction is 'up'"),
        ({"steps": 0}, MethodError, "^steps is 0; it is a whole number from 1 to 2000"),
        ({"steps": 2001}, MethodError, "steps is 2001"),
        ({"steps": 3.0}, MethodError, r"steps is 3\.0"),
        ({"preset": "dali"}, MethodError, "^There is no preset 'dali'; there are smooth, lucid, chollet, keras"),
        ({"momentum": 1}, MethodError, "^An ascent has no part 'momentum'; its parts: objective"),
        ({"objective": "max"}, MethodError, "^objective is 'max'; it can be mean, centre, dream"),
        ({"jitter": -1}, MethodError, "jitter is -1"),
        ({"diversity": -0.5}, MethodError, r"^diversity is -0\.5; it is a number from 0 to 10\.$"),
        ({"diversity": np.nan}, MethodError, "diversity is nan"),
        ({"diversity": "some"}, MethodError, "diversity is 'some'"),
        ({"start": "picture"}, MethodError, r"^The start is a picture, and none was given\.$"),
        ({"start": "picture", "image": np.zeros(3)}, ImageInputError, "^Pictures for a network have the shape"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_told_at_the_call(net, asked, error, sentence):
    wanted = {"layer": "second", "channels": 0, **asked}
    with pytest.raises(error, match=sentence):
        ascend(net, wanted.pop("layer"), wanted.pop("channels"), **wanted)


def test_dreams_inversions_and_variations_are_checked_at_the_call_too(net):
    photo = networks.pictures(net.model, 1)[0]
    for ask, sentence in (
        (lambda: dream(net, "secnd", photo), "There is no layer"),
        (lambda: dream(net, "second", photo, channels=[5], octaves=1), "there is no 5"),
        (lambda: dream(net, "second", photo, channels=[], octaves=1), "0 channels were asked for"),
        (lambda: dream(net, "second", photo, size=0), "The size is 0"),
        (lambda: dream(net, "second", photo, octaves=5), "the smallest of 5 octaves"),
        (lambda: invert(net, "secnd", photo), "There is no layer"),
        (lambda: invert(net, "second", photo, size=3), "At 3 × 3 pixels"),
        (lambda: diversify(net, "second", 9), "there is no 9"),
        (lambda: diversify(net, "second", [1]), "there is no"),
    ):
        with pytest.raises(LayerError, match=sentence):
            ask()
    for ask, sentence in (
        (lambda: dream(net, "second", None, octaves=1), "The start is a picture, and none was given"),
        (lambda: dream(net, "second", photo, seed=-1, octaves=1), "seed is -1"),
        (lambda: invert(net, "second", photo, steps=0), "steps is 0"),
        (lambda: diversify(net, "second", 0, count=1), r"^count is 1; it is a whole number from 2 to 9\.$"),
        (lambda: diversify(net, "second", 0, count=10), "count is 10"),
        (lambda: diversify(net, "second", 0, count=2.0), r"count is 2\.0"),
        (lambda: diversify(net, "second", 0, diversity=11), "diversity is 11"),
        (lambda: diversify(net, "second", 0, diversity="x"), "diversity is 'x'"),
    ):
        with pytest.raises(MethodError, match=sentence):
            ask()
    with pytest.raises(ImageInputError):
        invert(net, "second", None)


@pytest.mark.parametrize("more", [{"size": 9}, {"octaves": 2}])
def test_a_network_that_reads_one_size_only_says_so(more):
    with pytest.raises(LayerError, match=r"^At \d × \d pixels \(height × width\) .* reads one size only\. Choose "):
        ascend(networks.mlp(), "hidden", 0, **more)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (keras.Sequential([keras.Input((5,)), L.Dense(2)], name="flat"), r"'flat' reads none: its input is \(5,\)\."),
        (keras.Sequential([keras.Input((4, 4, 2)), L.Conv2D(1, 1)]), r"\(4, 4, 2\)\. .* with 1 or 3 channels"),
        (keras.Sequential([L.Conv2D(1, 1)], name="fresh"), "'fresh' reads none: its input is not known"),
        (None, "its input is not known"),
    ],
    ids=["row", "two channels", "unbuilt", "none"],
)
def test_a_network_that_reads_no_pictures(model, sentence):
    with pytest.raises(ModelError, match=sentence):
        ascend(model, "conv", 0)


def test_a_layer_without_channels():
    model = sequential((4, 4, 1), L.Reshape((2, 2, 2, 2), name="cube"))
    with pytest.raises(LayerError, match=r"^The layer 'cube' has no channels to follow: its output .* \(2, 2, 2, 2\)"):
        ascend(model, "cube", 0)


def test_a_network_that_diverged():
    model = one_layer(np.full((3, 3, 3, 1), np.nan, np.float32), (6, 6))
    for frames in (ascend(model, "conv", 0), invert(model, "conv", np.full((6, 6, 3), 9, np.uint8))):
        with pytest.raises(ModelError, match=r"^At step 0 the layer 'conv' gives something that is not a number\. "):
            next(frames)


# Frames


def test_frames_from_the_start_to_the_finished_patterns(net):
    frames = list(ascend(net, "second", [3, 0], preset="smooth", steps=7, contrast=0.0))
    assert [frame.step for frame in frames] == list(range(8))
    for frame in frames:
        assert (frame.steps, frame.size, frame.contrast) == (7, (12, 12), 0.0)
        assert frame.pixels.dtype == frame.scores.dtype == np.float32
        assert frame.images.dtype == np.uint8
        assert frame.images.shape == frame.pixels.shape == (2, 12, 12, 3)
        np.testing.assert_array_equal(frame.images, np.rint(frame.pixels))
    expected = inner_mean(maps_of(net, "second", frames[-1].pixels))
    np.testing.assert_allclose(frames[-1].scores, [expected[0, 3], expected[1, 0]], rtol=1e-4)


@pytest.mark.parametrize("objective", ["centre", "dream"])
def test_without_moves_every_score_is_of_its_own_pixels(net, objective):
    for frame in ascend(net, "second", [1, 2], objective=objective, steps=3):
        maps = maps_of(net, "second", frame.pixels)
        found = {"centre": maps[:, 4, 4], "dream": inner_mean(maps**2)}[objective]
        np.testing.assert_allclose(frame.scores, [found[0, 1], found[1, 2]], rtol=1e-3, atol=1e-5)


def test_octaves_grow_but_what_is_shown_has_the_size_asked_for(net):
    frames = list(ascend(net, "second", 0, size=(24, 20), octaves=3, octave_scale=1.5, steps=7))
    sides = [frame.pixels.shape[1:3] for frame in frames]
    assert sides == [(11, 9)] * 2 + [(16, 13)] * 3 + [(24, 20)] * 3
    assert all(frame.images.shape == (1, 24, 20, 3) for frame in frames)
    assert [frame.step for frame in frames] == list(range(8))
    few = list(ascend(net, "second", 0, size=24, octaves=3, steps=1))
    assert [frame.step for frame in few] == [0, 1]
    assert few[-1].pixels.shape == (1, 24, 24, 3)


def test_leaving_the_frames_ends_the_work(net, counted):
    frames = ascend(net, "second", [0, 1])
    assert counted == []
    for _ in range(3):
        next(frames)
    assert counted == [2] * 3
    frames.close()
    assert next(frames, None) is None
    assert counted == [2] * 3


# What is compiled


class Watched(L.Layer):
    """Does nothing, and counts how often it is traced or run."""

    def __init__(self, **options):
        super().__init__(**options)
        self.calls = 0

    def call(self, x):
        self.calls += 1
        return x


@pytest.mark.parametrize("bare", [True, False], ids=["keras", "classifier"])
def test_nothing_is_compiled_twice(monkeypatch, bare):
    watched = Watched()
    model = sequential(
        (8, 8, 3), watched, L.Conv2D(4, 3, name="conv"), L.GlobalAveragePooling2D(), L.Dense(2, name="classes")
    )
    network = model if bare else Classifier(model, "ab", "watched")
    built = []
    original = CompiledFunctions.get
    monkeypatch.setattr(
        CompiledFunctions, "get", lambda self, key, build: original(self, key, lambda: built.append(key) or build())
    )

    def grow(channels, **more):
        return list(ascend(network, "conv", channels, **{"steps": 2, "jitter": 2, "blur": 1.0} | more))

    watched.calls = 0
    grow(0)
    assert (watched.calls, len(built)) == (2, 2)  # the step, and the layer's output
    grow(0, size=10)
    assert (watched.calls, len(built)) == (4, 4)
    before = watched.calls, list(built)
    for size in (None, 10, (8, 8), 8, np.int64(10)):
        grow([0, 1, 2, 3, 3], size=size, steps=3, seed=9, max_bytes=1)
    grow(2, noise=5.0, step_size=9.0, jitter=7, rotation=3.0, blur=0.5, decay=0.5, contrast=0.0, grey=3.0)
    grow(1, start="noise")
    grow(1, start="picture", image=np.zeros((8, 8, 3), np.uint8))
    grow([1, 2], direction=-1)  # there is no ReLU to leave out
    assert (watched.calls, built) == before
    grow(0, clip=True)
    assert watched.calls == before[0] + 1  # another step; so the counting works


# Dreams


def test_a_dream_keeps_what_the_layer_does_not_see():
    model = sequential((24, 24, 3), L.Cropping2D(((0, 0), (0, 8))), L.Conv2D(4, 3, name="conv"))
    photo = networks.pictures(model, 1)[0]
    parts = STILL | {"total_variation": 0.0, "blur": 0.0}
    frames = list(dream(model, "conv", photo, steps=9, octaves=3, **parts))
    sides = [frame.pixels.shape[1] for frame in frames]
    assert sides == [12] * 3 + [17] * 3 + [24] * 4
    small = cv2.resize(photo.astype(np.float32), (12, 12), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(frames[0].pixels[0], small, atol=0.01)
    assert all(frame.images.shape == (1, 24, 24, 3) for frame in frames)
    np.testing.assert_allclose(frames[-1].pixels[0, :, 18:], photo[:, 18:], atol=0.01)
    assert rms(frames[-1].pixels[0, :, :16] - photo[:, :16]) > 5
    assert 0 <= frames[-1].pixels.min() < frames[-1].pixels.max() <= 255

    def seen(pixels, channels=(0, 1, 2, 3)):
        kernel, bias = model.get_weights()
        maps = convolved(pixels[:, :, :16], kernel) + bias
        return inner_mean(maps**2)[0, list(channels)].mean()

    assert frames[-1].scores[0] == pytest.approx(seen(frames[-1].pixels), rel=1e-4)
    assert frames[-1].scores[0] > 1.2 * seen(photo[np.newaxis])
    two = list(dream(model, "conv", photo, channels=[3, 1], octaves=1, steps=2))[-1]
    assert two.scores[0] == pytest.approx(seen(two.pixels, (1, 3)), rel=1e-4)


# Inversions


@pytest.fixture(scope="module")
def turned():
    """Colours in another order of axes: nothing is lost."""
    kernel = np.linalg.qr(RANDOM.normal(size=(3, 3)))[0].reshape(1, 1, 3, 3).astype(np.float32)
    return one_layer(kernel, (12, 10))


def test_inverting_a_layer_that_loses_nothing_returns_the_picture(turned):
    photo = cv2.resize(RANDOM.integers(0, 256, (4, 4, 3)).astype(np.uint8), (10, 12), interpolation=cv2.INTER_LINEAR)
    in_pixels = {"parameterisation": "pixels", "rule": "gradient", "step_size": 6.0}
    for parts, least, miss in (({"steps": 200}, 0.97, 20), (in_pixels, 0.99, 10)):
        frames = list(invert(turned, "conv", photo, **parts))
        assert frames[0].scores[0] < 0.9
        assert frames[-1].scores[0] > least
        goal = photo.astype(np.float64)  # a rotation keeps lengths
        expected = 1 - ((frames[-1].pixels[0] - goal) ** 2).sum() / (goal**2).sum()
        assert frames[-1].scores[0] == pytest.approx(expected, abs=1e-4)
        assert np.abs(frames[-1].pixels[0] - photo).mean() < miss
    again = list(invert(turned, "conv", photo, octaves=3, steps=3))  # one size only: features of others differ
    assert {frame.pixels.shape for frame in again} == {(1, 12, 10, 3)}


def test_nothing_can_be_found_by_zeros():
    model = rectified("convolution", weights=[np.ones((3, 3, 1, 2)), np.full(2, -1e6)])
    with pytest.raises(LayerError, match=r"^The layer 'unit' gives only zeros for this picture"):
        invert(model, "unit", np.full((8, 8, 1), 200, np.uint8))


# Diversity


def alike(maps):
    """The mean cosine of the Gram matrices of all pairs of pictures."""
    grams = [picture.reshape(-1, maps.shape[-1]).T @ picture.reshape(-1, maps.shape[-1]) for picture in maps]
    return np.mean([cosine(one, other) for k, one in enumerate(grams) for other in grams[:k]])


def test_diversity_keeps_the_pictures_apart(net):
    found = {}
    for weight in (0, 0.5, 1):
        frames = list(diversify(net, "conv", 1, count=3, diversity=weight, steps=20))
        assert frames[-1].pixels.shape == (3, 12, 12, 3)
        found[weight] = alike(maps_of(net, "conv", frames[-1].pixels))
        assert (frames[-1].scores > frames[0].scores).all()
    assert found[1] < found[0.5] - 0.1 < found[0] - 0.2
