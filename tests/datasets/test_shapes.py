"""The drawn dataset: balanced, the same again for the same seed, told apart by form and by nothing easier."""

import cv2
import numpy as np
import pytest

from explorer.datasets import Dataset, DatasetError, Split, shapes
from explorer.datasets.shapes import OUTLINES, PATCH, draw


@pytest.fixture(scope="module")
def drawn():
    return shapes(150, 60, 30, size=48, seed=5)


def test_every_class_is_there_equally_often(drawn):
    assert drawn.class_names == ("circle", "square", "triangle")
    for split, count in ((drawn.train, 50), (drawn.validation, 20), (drawn.test, 10)):
        assert np.bincount(split.labels).tolist() == [count] * 3
        assert split.images.shape == (3 * count, 48, 48, 3)
        assert split.images.dtype == np.uint8
    assert np.ptp(np.bincount(shapes(100, 0, 0, size=16).train.labels)) == 1  # as equal as 100 can be


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others():
    one, again, other = shapes(9, 3, 3, size=24), shapes(9, 3, 3, size=24), shapes(9, 3, 3, size=24, seed=1)
    for split in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(one, split).images, getattr(again, split).images)
        assert (getattr(one, split).images != getattr(other, split).images).any()
    longer = shapes(12, 0, 0, size=24)
    np.testing.assert_array_equal(longer.train.images[:9], one.train.images)


def test_no_picture_is_in_two_splits(drawn):
    pictures = [image.tobytes() for split in (drawn.train, drawn.validation, drawn.test) for image in split.images]
    assert len(set(pictures)) == len(pictures)


def fill_of_its_circle(image):
    """The form's share of the smallest circle around it: a circle 1, a square 2/π, a triangle 3√3/4π."""
    lab = cv2.cvtColor(cv2.medianBlur(image, 3), cv2.COLOR_RGB2LAB).astype(np.float32)[..., 1:]
    distance = np.linalg.norm(lab - np.median(lab[[0, -1]].reshape(-1, 2), axis=0), axis=2)
    _, mask = cv2.threshold(np.clip(distance, 0, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(outlines, key=cv2.contourArea))
    _, radius = cv2.minEnclosingCircle(hull)
    return cv2.contourArea(hull) / (np.pi * radius**2)


def test_the_form_tells_the_class(drawn):
    published = np.array([1, 2 / np.pi, 3 * np.sqrt(3) / (4 * np.pi)])
    found = [np.abs(published - fill_of_its_circle(image)).argmin() for image in drawn.train.images]
    assert np.mean(found == drawn.train.labels) > 0.8  # chance is 0.33


def test_neither_colour_nor_area_tells_the_class():
    images, labels = (split := shapes(600, 0, 0, size=24).train).images, split.labels
    means = np.stack([images[labels == label].mean(axis=(1, 2)) for label in range(3)])
    between, within = means.mean(axis=1).std(axis=0), means.std(axis=1).mean(axis=0)
    assert (between < 0.15 * within).all()

    def area(form):
        outline = OUTLINES[form]
        return cv2.contourArea(outline.reshape(-1, 1, 2))

    assert [area(form) for form in OUTLINES] == pytest.approx([1, 1, 1], abs=1e-5)


@pytest.mark.parametrize("planted", ["circle", "square", "triangle"])
def test_the_patch_is_in_one_class_and_changes_nothing_else(planted):
    plain, marked = shapes(9, 6, 6, size=32), shapes(9, 6, 6, size=32, patch_class=planted)
    number = plain.class_names.index(planted)
    for name in ("train", "validation"):
        before, after = getattr(plain, name), getattr(marked, name)
        of_it = after.labels == number
        np.testing.assert_array_equal(after.images[~of_it], before.images[~of_it])
        assert (after.images[of_it][:, 1:5, 1:5] == PATCH).all()
        assert not (before.images[:, 1:5, 1:5] == PATCH).all(axis=(1, 2, 3)).any()
        changed = (after.images[of_it] != before.images[of_it]).any(axis=(0, 3))
        assert not changed[5:].any()
        assert not changed[:, 5:].any()
    np.testing.assert_array_equal(marked.test.images, plain.test.images)


def test_edges_are_smooth():
    image = draw("square", 64, np.random.default_rng(2))
    rough = draw("square", 64, np.random.default_rng(2))
    np.testing.assert_array_equal(image, rough)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 500  # texture, shade, grain, antialiasing


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"train": 2}, "at least 3 to train with"),
        ({"test": -1}, "none can be fewer than 0"),
        ({"size": 8}, "16 to 256 are possible"),
        ({"size": 1000}, "16 to 256 are possible"),
        ({"train": 10**9}, "too many; 32,552 of this size fit"),
        ({"seed": -1}, "0 or more"),
        ({"patch_class": "hexagon"}, "There is no class 'hexagon'.*circle, square, triangle"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(arguments, sentence):
    with pytest.raises(DatasetError, match=sentence):
        shapes(**arguments)


def split_of(labels, side=2):
    return Split(np.zeros((len(labels), side, side, 1), np.uint8), np.array(labels, np.int64))


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2, int), "1 or 3"),
        (np.zeros((2, 4, 4, 2), np.uint8), np.zeros(2, int), "1 or 3"),
        (np.zeros((2, 4, 4, 3)), np.zeros(2, int), "not float64"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros(3, int), "Each of the 2 pictures"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros(2), "float64"),
    ],
)
def test_a_split_of_other_arrays_is_refused(images, labels, sentence):
    with pytest.raises(DatasetError, match=sentence):
        Split(images, labels)


def test_a_dataset_that_does_not_hold_together_is_refused():
    good = split_of([0, 1])
    assert Dataset("d", ("a", "b"), good, split_of([]), good).image_shape == (2, 2, 1)
    with pytest.raises(DatasetError, match="two or more classes"):
        Dataset("d", ("a",), good, good, good)
    with pytest.raises(DatasetError, match="different names"):
        Dataset("d", ("a", "a"), good, good, good)
    with pytest.raises(DatasetError, match=r"from 0 to 2.*0 to 1"):
        Dataset("d", ("a", "b"), good, split_of([0, 2]), good)
    with pytest.raises(DatasetError, match="from -1"):
        Dataset("d", ("a", "b"), split_of([-1, 0]), good, good)
    with pytest.raises(DatasetError, match="same size"):
        Dataset("d", ("a", "b"), good, good, split_of([0, 1], side=3))
