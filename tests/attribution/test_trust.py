"""How far to trust a map: curves worked out in loops on a linear network, and a real network on real photos."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from explorer.attribution import Target, baselines, explain
from explorer.attribution.perturbation import fill_of
from explorer.attribution.trust import (
    Curve,
    DeletionInsertion,
    LayerScore,
    average_drop,
    compare,
    deletion_insertion,
    layer_finder,
    most_faithful,
)
from explorer.errors import ImageInputError, LayerError, MethodError
from explorer.images import SAMPLES, read_image
from explorer.models import Classifier, load_pretrained
from tests.models.networks import classifier

HEIGHT, WIDTH = 4, 6
WEIGHTS = np.random.default_rng(3).normal(0, 0.01, (HEIGHT, WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def linear():
    """Logits (w · x, 0): the probability of "yes" is the sigmoid of the sum of weights times pixels."""
    layers = [keras.Input((HEIGHT, WIDTH, 1)), keras.layers.Flatten(), keras.layers.Dense(2, use_bias=False)]
    model = keras.Sequential(layers)
    model.set_weights([np.stack([WEIGHTS.ravel(), np.zeros(HEIGHT * WIDTH, np.float32)], axis=1)])
    return Classifier(model, ("yes", "no"), "linear")


@pytest.fixture(scope="module")
def convolutional():
    return classifier("flat")


def picture(seed=0, height=HEIGHT, width=WIDTH, channels=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.float64(x)))


def by_hand(image, values, steps, fill, *, shown):
    """One curve, pixel by pixel, of a map without equal values."""
    order = sorted(np.ndindex(values.shape), key=lambda place: -values[place])
    curve = []
    for step in range(steps + 1):
        first = order[: round(step / steps * len(order))]
        score = 0.0
        for place in np.ndindex(values.shape):
            keeps = (place in first) == shown
            score += float(WEIGHTS[place]) * float(image[place][0] if keeps else fill[place][0])
        curve.append(sigmoid(score))
    return np.array(curve)


def test_the_area_is_the_mean_height():
    assert Curve(np.array([0, 0.25, 1]), np.array([1, 0.5, 0.1])).area == pytest.approx(0.25 * 0.75 + 0.75 * 0.3)
    assert Curve(np.array([0, 0.5]), np.array([1, 0.5])).area == pytest.approx(0.75)
    assert Curve(np.array([0.0]), np.array([0.4])).area == 0.4
    assert DeletionInsertion(
        Curve(np.array([0, 1]), np.array([1, 0])), Curve(np.array([0, 1]), np.array([0.5, 1]))
    ).faithfulness == pytest.approx(0.25)


def test_the_curves_of_a_linear_network_are_those_of_a_loop(linear):
    image, values = picture(), np.random.default_rng(9).normal(size=(HEIGHT, WIDTH))
    found = deletion_insertion(linear, image, values, target="yes", steps=24)
    mean = np.full((HEIGHT, WIDTH, 1), image.mean())
    blur = fill_of(image[np.newaxis].astype(np.float32), "blur")[0]
    np.testing.assert_allclose(found.deletion.probabilities, by_hand(image, values, 24, mean, shown=False), atol=1e-5)
    np.testing.assert_allclose(found.insertion.probabilities, by_hand(image, values, 24, blur, shown=True), atol=1e-5)
    np.testing.assert_allclose(found.deletion.shares, np.arange(25) / 24)
    assert found.deletion.probabilities[0] == found.insertion.probabilities[-1]
    assert found.deletion.complete


def test_fewer_steps_take_several_pixels_and_more_than_there_are_pixels_take_one(linear):
    image, values = picture(), np.random.default_rng(9).normal(size=(HEIGHT, WIDTH))
    fine, coarse = (deletion_insertion(linear, image, values, steps=steps).deletion for steps in (99, 6))
    assert len(fine.shares) == 25
    np.testing.assert_allclose(coarse.shares, np.arange(7) / 6)
    np.testing.assert_allclose(coarse.probabilities, fine.probabilities[::4], atol=1e-6)


def test_the_right_map_is_faithful_and_the_wrong_one_is_not(linear):
    image = picture()
    right = WEIGHTS * (image[..., 0] - image.mean())  # what each pixel adds to the score, over the mean colour
    good, bad = (deletion_insertion(linear, image, sign * right, target="yes") for sign in (1, -1))
    assert good.deletion.area < bad.deletion.area
    assert good.faithfulness > 0.1 > -0.1 > bad.faithfulness


def test_what_is_measured_follows_the_target(linear):
    image, values = picture(), WEIGHTS
    yes, no, against, likeliest = (
        deletion_insertion(linear, image, values, target=target).deletion.probabilities
        for target in ("yes", 1, Target(0, against=True), None)
    )
    np.testing.assert_allclose(no, 1 - yes, atol=1e-6)
    np.testing.assert_allclose(against, 1 - yes, atol=1e-6)
    np.testing.assert_array_equal(likeliest, yes if yes[0] > 0.5 else no)
    explained = explain(linear, image, method="saliency", target="yes" if yes[0] < 0.5 else "no")
    assert deletion_insertion(linear, image, explained).deletion.probabilities[0] == pytest.approx(
        1 - likeliest[0], abs=1e-6
    )


@pytest.fixture(scope="module")
def top_half():
    """The share of light in the upper half of the picture decides, and nothing else."""
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2, use_bias=False)]
    model = keras.Sequential(layers)
    weights = np.zeros((64, 2), np.float32)
    weights[:32, 0] = 1 / 2550
    model.set_weights([weights])
    return Classifier(model, ("light", "dark"), "top half")


def test_equal_values_go_in_a_random_order_that_the_seed_decides(top_half):
    """In reading order a constant map would remove the upper half first, and look faithful."""
    image = np.repeat(np.uint8([[255], [0]]), 4, axis=0).repeat(8, axis=1)
    constant = np.full((3, 5), 0.3, np.float32)
    one, again, other = (
        deletion_insertion(top_half, image, constant, target=0, seed=seed).deletion.probabilities for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    lost = np.log(one / (1 - one))[[0, 14, 28]]  # logits at none, half and all removed: the mean colour is half light
    assert lost == pytest.approx([3.2, 2.4, 1.6], abs=0.3)


def test_equal_values_of_an_explanation_go_by_its_signed_map(linear):
    image = picture()
    signed = np.random.default_rng(5).normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    found = explain(linear, image, method="saliency", target="yes")
    blank = replace(found, raw=signed, raw_values=np.zeros_like(signed))
    half = replace(found, raw=signed, raw_values=np.maximum(signed, 0))
    expected = deletion_insertion(linear, image, signed, target="yes").deletion.probabilities
    for explanation in (blank, half):
        np.testing.assert_array_equal(deletion_insertion(linear, image, explanation).deletion.probabilities, expected)


def test_a_map_of_the_picture_is_cropped_with_it_and_any_other_lies_over_what_is_seen(linear):
    wide = picture(height=HEIGHT, width=2 * WIDTH)
    values = np.random.default_rng(2).normal(size=wide.shape[:2])
    inside = slice(WIDTH // 2, WIDTH // 2 + WIDTH)
    whole = deletion_insertion(linear, wide, values)
    np.testing.assert_array_equal(
        whole.insertion.probabilities,
        deletion_insertion(linear, wide[:, inside], values[:, inside]).insertion.probabilities,
    )
    coarse = np.float32([[0, 1]])  # the right half first, then outwards
    smooth = np.tile(np.float32([0, 0.1, 0.4, 0.6, 0.9, 1]), (HEIGHT, 1))
    np.testing.assert_array_equal(
        deletion_insertion(linear, picture(), coarse, steps=3).deletion.probabilities[[0, 3]],
        deletion_insertion(linear, picture(), smooth, steps=3).deletion.probabilities[[0, 3]],
    )
    squeezed = deletion_insertion(linear, wide, values, crop=False)
    assert (squeezed.insertion.probabilities != whole.insertion.probabilities).any()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 2, 1)), "height, width"),
        (np.zeros((0, 2)), "height, width"),
        (np.array([["a"]]), "numbers"),
        (np.array([[np.nan, 1]]), "not finite"),
        (np.array([[np.inf, 1]]), "not finite"),
    ],
)
def test_what_is_no_map_is_refused(linear, values, message):
    with pytest.raises(MethodError, match=message):
        deletion_insertion(linear, picture(), values)


def test_other_mistakes_are_sentences(linear):
    with pytest.raises(MethodError, match="number of steps is 0"):
        deletion_insertion(linear, picture(), WEIGHTS, steps=0)
    with pytest.raises(MethodError, match="classes are 0 to 1"):
        deletion_insertion(linear, picture(), WEIGHTS, target=2)
    with pytest.raises(ImageInputError, match="One picture"):
        deletion_insertion(linear, picture()[np.newaxis], WEIGHTS)
    found = explain(linear, picture(), method="saliency")
    with pytest.raises(MethodError, match="another picture"):
        deletion_insertion(linear, picture(seed=1), found)


def test_progress_rises_to_one_and_a_yes_ends_the_curves_early(linear):
    told = []
    deletion_insertion(linear, picture(), WEIGHTS, steps=24, on_progress=told.append)
    assert told == sorted(told)
    assert (len(told), told[-1]) == (2, 1)
    whole = deletion_insertion(linear, picture(), WEIGHTS, steps=24)
    part = deletion_insertion(linear, picture(), WEIGHTS, steps=24, cancelled=lambda: True)
    assert not part.deletion.complete
    np.testing.assert_array_equal(part.deletion.probabilities, whole.deletion.probabilities[:16])
    np.testing.assert_array_equal(part.insertion.probabilities, whole.insertion.probabilities[:16])
    np.testing.assert_array_equal(part.insertion.shares, whole.insertion.shares[:16])


def test_compare_asks_about_one_class_for_all_maps(linear):
    image = picture()
    likeliest = int(linear.predict(image)[0].argmax())
    found = explain(linear, image, method="saliency", target=1 - likeliest)
    told = []
    results = compare(linear, image, {"weights": WEIGHTS, "shown": found}, steps=5, on_progress=told.append)
    assert list(results) == ["weights", "shown"]
    assert told == sorted(told)
    assert told[-1] == 1
    for name, values in {"weights": WEIGHTS, "shown": found}.items():
        alone = deletion_insertion(linear, image, values, target=1 - likeliest, steps=5)
        np.testing.assert_array_equal(results[name].deletion.probabilities, alone.deletion.probabilities)
    answers = iter([False, True])
    assert list(compare(linear, image, {"a": WEIGHTS, "b": WEIGHTS}, steps=5, cancelled=lambda: next(answers))) == ["a"]
    assert compare(linear, image, {"a": WEIGHTS}, steps=24, cancelled=iter([False, True]).__next__) == {}


def test_average_drop_and_increase_on_paper(linear):
    images = [picture(seed) for seed in range(3)]
    found = [explain(linear, image, method="saliency", target="yes") for image in images]
    maps = [np.random.default_rng(seed).random((HEIGHT, WIDTH), np.float32) for seed in range(3)]
    found = [replace(one, raw_values=values) for one, values in zip(found, maps, strict=True)]
    whole, kept = [], []
    for image, values in zip(images, maps, strict=True):
        scaled = (values - values.min()) / (values.max() - values.min())
        whole.append(sigmoid((WEIGHTS * image[..., 0]).sum()))
        kept.append(sigmoid((WEIGHTS * image[..., 0] * scaled).sum()))
    drops = [max(0, y - o) / y for y, o in zip(whole, kept, strict=True)]
    result = average_drop(linear, images, found)
    assert result.drops == pytest.approx(drops, abs=1e-5)
    assert result.drop == pytest.approx(np.mean(drops), abs=1e-5)
    assert result.increase == pytest.approx(np.mean([o > y for y, o in zip(whole, kept, strict=True)]))
    assert 0 < result.increase < 1  # so that both cases are among the three
    everything = replace(found[0], raw_values=np.ones((1, 1), np.float32))
    assert average_drop(linear, images[:1], [everything]).drop == 0
    nothing = replace(found[0], raw_values=np.zeros((1, 1), np.float32))
    assert average_drop(linear, images[:1], [nothing]).drops[0] == pytest.approx(max(0, 1 - 0.5 / whole[0]), abs=1e-5)


def test_average_drop_wants_one_explanation_of_each_picture(linear):
    found = explain(linear, picture(), method="saliency")
    for images, explanations in (([], []), ([picture()], []), ([picture()] * 2, [found])):
        with pytest.raises(MethodError, match="Each picture needs an explanation"):
            average_drop(linear, images, explanations)
    with pytest.raises(MethodError, match="another picture"):
        average_drop(linear, [picture(1)], [found])


def test_the_layer_finder_measures_each_layer_as_by_itself(convolutional):
    image = picture(height=20, width=12, channels=3)
    layers = ["conv1", "pool1", "relu2"]
    told = []
    scores = layer_finder(convolutional, image, layers, method="layer-cam", target=2, steps=6, on_progress=told.append)
    assert [score.path for score in scores] == layers
    assert told == sorted(told)
    assert told[-1] == 1
    for score in scores:
        alone = explain(convolutional, image, method="layer-cam", layer=score.path, target=2)
        np.testing.assert_array_equal(score.explanation.raw, alone.raw)
        assert score.explanation.values.shape == (12, 12)  # bounded, however large the photo
        assert score.explanation.terms is None
        result = deletion_insertion(convolutional, image, alone, steps=6)
        np.testing.assert_array_equal(score.result.deletion.probabilities, result.deletion.probabilities)
    answers = iter([False, False, True])
    found = layer_finder(convolutional, image, layers, steps=6, cancelled=lambda: next(answers))
    assert [score.path for score in found] == ["conv1", "pool1"]


def test_the_layer_finder_refuses_what_has_no_layer(convolutional):
    with pytest.raises(MethodError, match="Saliency looks at no layer"):
        layer_finder(convolutional, picture(height=12, width=12, channels=3), ["conv1"], method="saliency")
    with pytest.raises(LayerError, match="no layer 'conv9'"):
        layer_finder(convolutional, picture(height=12, width=12, channels=3), ["conv9"])


def test_the_most_faithful_layer_is_that_of_the_largest_difference():
    def score(path, deletion, insertion):
        curves = [Curve(np.array([0.0]), np.array([area])) for area in (deletion, insertion)]
        return LayerScore(path, None, DeletionInsertion(*curves))

    scores = [score("a", 0.1, 0.4), score("b", 0.5, 0.9), score("c", 0.3, 0.7)]
    assert most_faithful(scores).path == "b"
    with pytest.raises(MethodError, match="No layer"):
        most_faithful([])


def test_the_baselines_know_nothing_of_the_network():
    one, again, other = (baselines.random_map((9, 30), seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert one.std() > 0.1
    assert 0 <= one.min() <= one.max() <= 1
    blob = baselines.centre_blob((9, 31))
    assert np.unravel_index(blob.argmax(), blob.shape) == (4, 15)
    np.testing.assert_allclose(blob, blob[::-1, ::-1], rtol=1e-6)
    assert blob[4, 15] == 1
    assert blob[0, 15] == pytest.approx(np.exp(-((4 / (9 / 4)) ** 2) / 2))
    step = np.repeat(np.uint8([[0, 0, 0, 200, 200]]), 4, axis=0)[..., np.newaxis].repeat(3, axis=2)
    np.testing.assert_allclose(baselines.edges(step), np.tile([0, 0, 800, 800, 0], (4, 1)), rtol=1e-5)
    pixels = picture(height=9, width=31, channels=3)[np.newaxis].astype(np.float32)
    for title, make in baselines.BASELINES.values():
        values = make(pixels, 4)
        assert (values.shape, values.dtype) == ((9, 31), np.float32), title
    np.testing.assert_array_equal(baselines.BASELINES["random"][1](pixels, 1), baselines.random_map((9, 31), 1))


def test_grad_cam_beats_chance_on_photos():
    """On photos in which the bundled network finds one thing."""
    network = load_pretrained("EfficientNetLite0")
    better = []
    for name in ("coffee", "camera", "face"):
        image = read_image(SAMPLES[name].read_bytes())
        found = explain(network, image)
        curves = compare(network, image, {"shown": found, "chance": baselines.random_map((224, 224), 0)}, steps=8)
        better.append(curves["shown"].faithfulness - curves["chance"].faithfulness)
    assert min(better) > 0, better
    assert np.mean(better) > 0.2, better
