"""Whether labels survive: pictures that a mirror exchanges, shares counted by hand, and the bundled datasets."""

from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import pytest

from explorer import datasets
from explorer.augmentation import Augmentation, AugmentationError, drawing, neighbours
from explorer.augmentation import survival as module
from explorer.augmentation.edges import edges_of, likeness, unit
from explorer.augmentation.glyphs import glyphs
from explorer.augmentation.survival import alone, blame, survival

MIRROR = Augmentation(horizontal_flip=True)
NAMES = ("b", "d")


def bs_and_ds(each=20):
    """b: a bar with a ring at its right, of slightly other places and sizes; every d is a mirrored b."""
    rng = np.random.default_rng(5)
    bs = np.zeros((each, 28, 28, 1), np.uint8)
    for picture in bs:
        right, down, radius = (int(number) for number in rng.integers((-1, -1, 4), (2, 2, 6)))
        cv2.line(picture, (9 + right, 4 + down), (9 + right, 23 + down), 255, 2)
        cv2.circle(picture, (9 + right + radius, 23 + down - radius), radius, 255, 2)
    return np.concatenate([bs, bs[:, :, ::-1]]), np.repeat([0, 1], each)


def mnist(*digits, count=6000):
    split = datasets.load("mnist-small").train
    kept = np.flatnonzero(np.isin(split.labels, digits))[:count] if digits else np.arange(count)
    return split.images[kept], split.labels[kept]


def mirrored(count, seed):
    """For each picture whether the policy mirrors it with this seed."""
    return np.array([drawing.draw(MIRROR, (28, 28, 1), seed, index)["flip_horizontal"] for index in range(count)])


def test_a_mirror_makes_ds_of_bs_and_no_other_change_is_found():
    images, labels = bs_and_ds()
    found = survival(MIRROR, images, labels, NAMES, seed=3)
    flipped = mirrored(40, seed=3)
    assert (found.pictures, found.before, found.convincing_before, found.chance) == (40, 0, 0, 0.5)
    assert found.after == found.convincing_after == flipped.mean()
    assert found.probability == found.probability_lost == 0.5 ** flipped.sum()
    assert found.breaks
    turned = {(turn.label, turn.other): turn.pictures for turn in found.turned}
    assert turned == {("b", "d"): flipped[:20].sum(), ("d", "b"): flipped[20:].sum()}
    assert [turn.pictures for turn in found.turned] == sorted(turned.values(), reverse=True)


def test_examples_are_what_was_drawn_and_the_most_convincing_come_first():
    images, labels = bs_and_ds()
    found = survival(MIRROR, images, labels, NAMES, seed=3)
    made = MIRROR.augment(images, 3)
    assert len(found.examples) == module.MOST_EXAMPLES
    for example in found.examples:
        np.testing.assert_array_equal(example.original, images[example.index])
        np.testing.assert_array_equal(example.changed, example.original[:, ::-1])
        np.testing.assert_array_equal(example.changed, made[example.index])
        np.testing.assert_array_equal(MIRROR.replay(example.original, example.drawn), example.changed)
        assert (example.look_alike == images[labels != labels[example.index]]).all(axis=(1, 2, 3)).any()
        assert example.label == NAMES[labels[example.index]] != example.other
        assert example.likeness == pytest.approx(1, abs=1e-5)
        assert example.own_likeness < 0.9
        assert example.convincing
    margins = [example.likeness - example.own_likeness for example in found.examples]
    assert margins == sorted(margins, reverse=True)


def test_convincing_examples_come_before_mere_strangers():
    found = survival(Augmentation(rotation_range=180), *mnist(6, 9, 1, count=500), list("0123456789"))
    flags = [example.convincing for example in found.examples]
    assert flags == sorted(flags, reverse=True)
    for part in (True, False):
        margins = [one.likeness - one.own_likeness for one in found.examples if one.convincing is part]
        assert margins == sorted(margins, reverse=True)


@pytest.mark.parametrize("data", [bs_and_ds, lambda: mnist(count=400)], ids=["b and d", "mnist"])
def test_what_changes_nothing_finds_nothing(data):
    images, labels = data()
    found = survival(Augmentation(), images, labels, list("0123456789"))
    assert found.after == found.before
    assert found.convincing_after == found.convincing_before
    assert found.probability == found.probability_lost == 1
    assert not found.breaks
    assert not found.loses
    assert (found.examples, found.turned) == ((), ())
    assert found.verdict.startswith("No evidence that labels break")


def test_shifted_brighter_and_inverted_pictures_stay_what_they_are():
    images, labels = bs_and_ds()
    for policy in (Augmentation(width_shift_range=4, height_shift_range=4), Augmentation(brightness_range=(0.5, 0.9))):
        found = survival(policy, images, labels, NAMES)
        assert (found.after, found.convincing_after) == (0, 0)
    np.testing.assert_allclose(edges_of(255 - images), edges_of(images), atol=1e-3)


def test_edges_point_at_twice_their_angle():
    row, col = np.mgrid[:28, :28]
    expectations = (
        (col, (1, 0)),
        (row, (-1, 0)),
        (row + col, (0, 1)),
        (row - col, (0, -1)),
        (2 * col + row, (0.6, 0.8)),
    )
    for steepest, expected in expectations:
        ramp = (3 * (steepest - steepest.min())).astype(np.uint8)[None, ..., None]
        inside = edges_of(ramp)[0, 3:-3, 3:-3].reshape(-1, 2)
        np.testing.assert_allclose(inside / np.linalg.norm(inside, axis=1, keepdims=True), [expected] * 64, atol=1e-3)


def test_likeness_is_the_cosine_at_the_best_shift():
    edges = np.random.default_rng(0).normal(size=(5, 6, 7, 2)).astype(np.float32)
    expected = np.full((3, 5), -2.0)
    padded = np.pad(edges[:3].astype(float), ((0, 0), (2, 2), (2, 2), (0, 0)))
    for one, other, down, right in product(range(3), range(5), range(5), range(5)):
        window = padded[one, down : down + 6, right : right + 7].ravel()
        cosine = window @ edges[other].ravel() / np.linalg.norm(window) / np.linalg.norm(edges[other])
        expected[one, other] = max(expected[one, other], cosine)
    np.testing.assert_allclose(likeness(edges[:3], unit(edges)), expected, atol=1e-5)


def test_the_share_before_is_that_of_a_search_by_hand():
    images, labels = mnist(count=60)
    edges = edges_of(images)
    alike = likeness(edges, unit(edges))
    wrong = []
    for one in range(60):
        others = [other for other in range(60) if other != one]
        wrong.append(labels[max(others, key=lambda other: alike[one, other])] != labels[one])
    found = survival(Augmentation(), images, labels, list("0123456789"))
    assert found.pictures == 60
    assert 0 < found.before == np.mean(wrong)


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (5, 0), (0, 4), (6, 2), (3, 3)])
def test_the_probability_is_that_of_coins(worse, better):
    before = np.array([False] * worse + [True] * better + [True, False])
    after = np.array([True] * worse + [False] * better + [True, False])
    tosses = [sum(coins) >= worse for coins in product((0, 1), repeat=worse + better)]
    assert module._accident(before, after) == np.mean(tosses)


def test_a_single_odd_look_alike_convinces_nobody():
    images, _ = bs_and_ds(4)
    labels = np.array([0, 0, 1, 1, 1, 1, 2, 2])
    crowd = neighbours.crowd_of(images, labels, ("a", "b", "c"), 8, 0)
    alike = np.array(
        [
            [0.1, 0.2, 0.9, 0.8, 0.7, 0.3, 0.6, 0.5],  # three of class 1, then one of class 2
            [0.1, 0.2, 0.9, 0.8, 0.5, 0.3, 0.6, 0.4],  # two of class 1, then one of class 2
            [0.1, 0.7, 0.6, 0.5, 0.4, 0.3, 0.9, 0.8],  # all two of class 2
            [0.1, 0.7, 0.6, 0.5, 0.4, 0.3, 0.9, 0.2],  # one of class 2
        ],
        np.float32,
    )[:, crowd.rows]
    assert neighbours._unanimous(crowd, alike, np.array([1, 1, 2, 2])).tolist() == [True, False, True, False]


def test_what_is_small_or_may_be_an_accident_is_no_evidence():
    images, labels = bs_and_ds()
    found = survival(MIRROR, images, labels, NAMES)
    assert found.breaks
    assert not replace(found, probability=0.011).breaks
    assert not replace(found, convincing_after=0.014).breaks
    assert found.loses
    assert not replace(found, probability_lost=0.011).loses
    assert not replace(found, after=0.09).loses


def test_many_pictures_of_no_edges_are_lost_but_like_nothing():
    images, labels = bs_and_ds()
    blank = Augmentation(brightness_range=(0, 0))
    found = survival(blank, images, labels, NAMES)
    assert (found.after, found.convincing_after) == (1, 0)
    assert found.loses
    assert not found.breaks
    assert "It is not shown that they became another class" in found.verdict
    flat = survival(Augmentation(), np.zeros_like(images), labels, NAMES)
    assert (flat.before, flat.after) == (1, 1)
    assert flat.doubtful
    assert "says little" in flat.verdict


def test_seeds_choose_pictures_and_changes():
    images, labels = mnist(count=300)
    runs = [survival(MIRROR, images, labels, list("0123456789"), pictures=50, seed=seed) for seed in (1, 1, 2)]
    first, again, other = runs
    plain = [replace(run, examples=()) for run in runs]
    assert plain[0] == plain[1]
    assert [one.index for one in first.examples] == [one.index for one in again.examples]
    assert [one.index for one in first.examples] != [one.index for one in other.examples]
    assert first.pictures == 50


def test_colour_is_looked_at_as_grey():
    images, labels = bs_and_ds()
    grey = survival(MIRROR, images, labels, NAMES)
    colour = survival(MIRROR, images.repeat(3, axis=3), labels, NAMES)
    assert replace(grey, examples=()) == replace(colour, examples=())
    assert colour.examples[0].changed.shape == (28, 28, 3)


@pytest.mark.parametrize("shape", [(7, 9), (28, 90), (300, 200)])
def test_pictures_of_any_size(shape):
    images, labels = bs_and_ds(6)
    resized = np.stack([cv2.resize(image, shape[::-1], interpolation=cv2.INTER_AREA) for image in images])
    assert survival(MIRROR, resized[..., None], labels, NAMES).before < 0.5


def test_few_of_many_pictures_are_read(monkeypatch):
    images, labels = bs_and_ds()
    monkeypatch.setattr(neighbours, "MOST_NEIGHBOURS", 30)
    monkeypatch.setattr(neighbours, "FEWEST_NEIGHBOURS", 10)
    assert len(neighbours.crowd_of(images, labels, NAMES, 5, 0).rows) == 30
    monkeypatch.setattr(neighbours, "NEIGHBOUR_BYTES", 20 * 28 * 28)
    assert len(neighbours.crowd_of(images, labels, NAMES, 5, 0).rows) == 20
    monkeypatch.setattr(neighbours, "NEIGHBOUR_BYTES", 1)
    assert len(neighbours.crowd_of(images, labels, NAMES, 5, 0).rows) == 10


def test_pictures_that_are_alone_in_their_class_are_not_changed():
    images, labels = bs_and_ds()
    found = survival(MIRROR, images[:21], labels[:21], NAMES)
    assert found.pictures == 20
    # The single d has no other d to be as near to, so that only what looks just like it is like it.
    convincing = [example.likeness for example in found.examples if example.convincing]
    assert 0 < len(convincing) < len(found.examples)
    assert min(convincing) >= 1 - neighbours.SAME


@pytest.mark.parametrize("name", ["", " \n", "`$x$` | <b>\n# d", "長" * 300, 7])
def test_odd_names_stay_on_one_line(name):
    images, labels = bs_and_ds()
    found = survival(MIRROR, images, labels, ("b", name))
    assert "\n" not in found.verdict
    assert len(found.verdict) < 500
    assert {turn.label for turn in found.turned} == {"b", " ".join(str(name).split()) or "class 1"}


def test_equal_names_stay_two_classes():
    images, labels = bs_and_ds()
    found = survival(MIRROR, images, labels, ("same", "same"))
    assert found.breaks
    assert len(found.turned) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"images": np.zeros((0, 28, 28, 1), np.uint8)}, "Pictures are uint8"),
        ({"images": np.zeros((40, 28, 28, 1), np.float32)}, "these are float32"),
        ({"images": np.zeros((40, 28, 28), np.uint8)}, "Pictures are uint8"),
        ({"images": np.zeros((40, 28, 28, 4), np.uint8)}, "Pictures are uint8"),
        ({"images": [[0]]}, "these are no array"),
        ({"labels": np.zeros(39, int)}, "Each of the 40 pictures needs one whole number"),
        ({"labels": np.zeros(40)}, "the labels are float64"),
        ({"labels": np.full(40, 2)}, "with 2 classes they are 0 to 1"),
        ({"labels": np.full(40, -1)}, "The labels go from -1"),
        ({"labels": np.zeros(40, int)}, "two or more classes"),
        ({"class_names": ("b",)}, "Two or more classes are needed"),
        ({"class_names": ()}, "there are 0"),
        ({"pictures": 0}, "pictures is 0"),
        ({"pictures": 2.5}, "whole number from 1 to 2,000"),
        ({"pictures": True}, "pictures is True"),
        ({"seed": -1}, "The seed is -1"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(change, sentence):
    images, labels = bs_and_ds()
    asked = {"images": images, "labels": labels, "class_names": NAMES, **change}
    for function in (survival, blame):
        with pytest.raises(AugmentationError, match=sentence) as caught:
            function(MIRROR, **asked)
        assert str(caught.value).endswith(".")


def test_one_picture_of_each_class_is_too_few():
    images, _ = bs_and_ds()
    with pytest.raises(AugmentationError, match="two or more of one"):
        survival(MIRROR, images[:2], np.array([0, 1]), NAMES)


def test_what_is_done_is_told_and_can_be_ended():
    images, labels = bs_and_ds()
    told = []
    survival(MIRROR, images, labels, NAMES, report=told.append)
    blame(MIRROR.but(zoom_range=0.1), images, labels, NAMES, report=told.append)
    assert told[-1] == 1
    assert all(0 <= share <= 1 for share in told)

    def stop(_):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        survival(MIRROR, images, labels, NAMES, report=stop)


def test_blame_falls_on_the_mirror():
    policy = Augmentation(rotation_range=5, width_shift_range=2, horizontal_flip=True, mixup=0.4, fill_mode="constant")
    images, labels = bs_and_ds()
    found = blame(policy, images, labels, NAMES, seed=3)
    assert {one.parameter for one in found} == {"horizontal_flip", "rotation_range", "width_shift_range"}
    flip, *others = found
    assert flip.parameter == "horizontal_flip"
    alone_ = survival(MIRROR, images, labels, NAMES, seed=3)
    assert (flip.pictures, flip.before, flip.after) == (40, 0, alone_.after)
    assert flip.convincing_after == alone_.convincing_after > 0.2
    assert all((one.after, one.convincing_after) == (0, 0) for one in others)


def test_a_parameter_alone_has_what_it_needs_and_draws_the_same():
    policy = Augmentation(
        rotation_range=30, fill_mode="constant", cval=9, erasing_probability=1, erasing_area=0.1, cutmix=1, blur_range=1
    )
    parts = alone(policy)
    assert list(parts) == ["rotation_range", "blur_range", "erasing_probability"]
    assert parts["rotation_range"] == Augmentation(rotation_range=30, fill_mode="constant", cval=9, erasing_area=0.1)
    assert parts["erasing_probability"].erasing_area == 0.1
    whole = drawing.draw(policy, (28, 28, 1), 4, 7)
    assert drawing.draw(parts["rotation_range"], (28, 28, 1), 4, 7)["theta"] == whole["theta"]
    assert drawing.draw(parts["erasing_probability"], (28, 28, 1), 4, 7)["erasing"] == whole["erasing"]


def test_glyphs_are_whole_and_in_the_middle():
    images, labels, names = glyphs()
    assert images.shape == (18 * len(names), 28, 28, 1)
    assert np.bincount(labels).tolist() == [18] * len(names)
    assert len(set(names)) == len(names)
    border = np.ones((28, 28), bool)
    border[1:-1, 1:-1] = False
    assert images[:, border].max() == 0
    for image in images[..., 0]:
        ys, xs = np.nonzero(image > 40)
        assert abs(ys.min() + ys.max() - 27) <= 2
        assert abs(xs.min() + xs.max() - 27) <= 4  # a slanted form has no border to be centred by
        assert len(ys) > 20


def test_text_that_is_mirrored_is_found_by_its_letters():
    data = glyphs()
    found = survival(MIRROR, *data)
    pairs = {(turn.label, turn.other) for turn in found.turned}
    assert found.breaks
    assert {("b", "d"), ("d", "b"), ("p", "q"), ("q", "p")} <= pairs
    assert not {label for label, _ in pairs} & set("OXATHMWNn")
    assert "became" in found.verdict
    assert not survival(Augmentation(rotation_range=10, width_shift_range=0.1), *data).breaks
    halves = survival(Augmentation(vertical_flip=True, horizontal_flip=True), *data)
    assert {("6", "9"), ("n", "u")} <= {(turn.label, turn.other) for turn in halves.turned}


def test_a_turned_six_is_a_nine():
    found = survival(Augmentation(rotation_range=180), *mnist(6, 9, count=700), list("0123456789"))
    assert found.before < 0.01
    assert found.breaks
    assert [(turn.label, turn.other) for turn in found.turned] in ([("6", "9"), ("9", "6")], [("9", "6"), ("6", "9")])


@pytest.mark.parametrize(
    ("dataset", "policy"),
    [
        ("mnist-small", Augmentation(rotation_range=10, width_shift_range=0.1)),
        ("fashion-mnist-small", MIRROR),
        ("shapes", MIRROR),
    ],
)
def test_no_wolf_is_cried(dataset, policy):
    chosen = datasets.load(dataset)
    found = survival(policy, chosen.train.images, chosen.train.labels, chosen.class_names, pictures=250)
    assert not found.breaks
    assert "in doubt" not in found.verdict


def test_mirrored_digits_are_warned_of():
    found = survival(MIRROR, *mnist(count=1500), list("0123456789"))
    assert found.before <= 0.06
    assert found.breaks
    assert "Their labels are in doubt" in found.verdict
