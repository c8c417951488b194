"""Copies between splits: planted ones are found at their places, and no others."""

import tracemalloc
from itertools import product

import cv2
import numpy as np
import pytest

from explorer.datasets import duplicates, survey
from explorer.datasets.dataset import Dataset, Split
from explorer.datasets.duplicates import aligned_likeness, near_duplicates
from explorer.datasets.shapes import shapes
from explorer.errors import DatasetError
from explorer.images import SAMPLES, read_image


def jpeg(image):
    _, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 75])
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]


def darker(image):
    return np.rint(image * 0.9).astype(np.uint8)


def resized(image):
    height, width = image.shape[:2]
    small = cv2.resize(image, (round(0.9 * width), round(0.9 * height)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def shifted(image):
    moved = image.copy()
    moved[1:, 1:] = image[:-1, :-1]
    return moved


CHANGES = (jpeg, darker, resized, shifted)


@pytest.fixture(scope="module")
def drawn():
    return shapes(600, 120, 120, size=48)


@pytest.fixture
def planted(drawn):
    """The drawn dataset to write into."""
    splits = (Split(split.images.copy(), split.labels.copy()) for split in drawn.splits.values())
    return Dataset("planted", drawn.class_names, *splits)


@pytest.fixture(scope="module")
def photos():
    """Different crops of different photos, 64×64, that are not almost without contrast."""
    crops = []
    for name in ("chelsea", "astronaut", "coffee", "coins", "brick"):
        photo = read_image(SAMPLES[name].read_bytes())
        for top, left in product(range(0, photo.shape[0] - 95, 96), range(0, photo.shape[1] - 95, 96)):
            crops.append(cv2.resize(photo[top : top + 96, left : left + 96], (64, 64), interpolation=cv2.INTER_AREA))
    stacked = np.stack(crops)
    return stacked[stacked.std(axis=(1, 2)).max(axis=1) > 8]


def of(images, labels=None):
    return Split(images, np.zeros(len(images), np.int64) if labels is None else np.array(labels))


def places(found):
    return [(pair.earlier, pair.earlier_index, pair.later, pair.later_index) for pair in found.pairs]


def test_different_drawings_are_no_copies(drawn):
    found = near_duplicates(drawn)
    assert found.pairs == ()
    assert found.notes == ()
    assert {names: (one.later, one.earlier, one.sampled) for names, one in found.compared.items()} == {
        ("train", "validation"): (120, 600, 600),
        ("train", "test"): (120, 600, 600),
        ("validation", "test"): (120, 120, 120),
    }
    assert all(one.count == one.contradictory_count == 0 for one in found.within.values())


def test_planted_copies_are_found_at_their_places_and_no_others(planted):
    train, validation, test = (split.images for split in planted.splits.values())
    test[7] = train[31]  # label 1 both
    test[9] = train[400]  # label 1 in train, 0 in test
    validation[50] = darker(train[599])
    test[119] = jpeg(validation[2])
    shares = []
    found = near_duplicates(planted, on_progress=shares.append)
    assert places(found)[:2] == [("train", 31, "test", 7), ("train", 400, "test", 9)]
    assert set(places(found)[2:]) == {("train", 599, "validation", 50), ("validation", 2, "test", 119)}
    assert [pair.exact for pair in found.pairs] == [True, True, False, False]
    assert [pair.other_label for pair in found.pairs[:2]] == [False, True]
    assert [(one.exact, one.near, one.other_label) for one in found.compared.values()] == [
        (0, 1, 0),
        (2, 0, 1),
        (0, 1, 0),
    ]
    darkened = next(pair for pair in found.pairs if pair.later == "validation")
    expected = np.abs(train[599].astype(int) - validation[50].astype(int)).mean()
    assert darkened.difference == pytest.approx(expected, rel=1e-4)
    assert [(pair.likeness, pair.difference) for pair in found.pairs[:2]] == [(1, 0), (1, 0)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_pairs_are_sorted_by_likeness(planted):
    for index, change in enumerate(CHANGES):
        planted.test.images[index] = change(planted.train.images[100 + index])
    likeness = [pair.likeness for pair in near_duplicates(planted).pairs]
    assert len(likeness) == 4
    assert likeness == sorted(likeness, reverse=True)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changed_copies_are_mostly_found(drawn, photos, change):
    for images in (drawn.train.images[:240], photos):
        half = len(images) // 2
        later, others = images[:half], images[half:]
        known = np.concatenate([others, [change(image) for image in later]])
        found = near_duplicates(Dataset("changed", ("a", "b"), of(known), of(images[:0]), of(later)))
        right = [pair for pair in found.pairs if pair.earlier_index == len(others) + pair.later_index]
        assert len(right) >= 0.9 * half
        assert len(found.pairs) == len(right)


def test_a_later_picture_is_in_one_pair_with_each_earlier_split(planted):
    planted.train.images[[5, 8]] = planted.test.images[3]
    planted.train.images[20] = jpeg(planted.test.images[3])
    planted.validation.images[6] = jpeg(planted.test.images[3])
    found = near_duplicates(planted)
    assert [pair for pair in places(found) if pair[2] == "test"] == [
        ("train", 5, "test", 3),
        ("validation", 6, "test", 3),
    ]


def test_where_all_pictures_are_alike_a_copy_has_to_stand_out():
    """A hundred pictures that correlate by more than 0.95, like the ones of MNIST, are not copies."""
    random = np.random.default_rng(0)
    shared = cv2.GaussianBlur(random.normal(size=(24, 24)), (0, 0), 2)
    own = np.stack([cv2.GaussianBlur(random.normal(size=(24, 24)), (0, 0), 2) for _ in range(100)])
    values = 40 * shared / shared.std() + 7 * own / own.std(axis=(1, 2), keepdims=True)
    images = np.clip(128 + values, 0, 255).astype(np.uint8)[..., np.newaxis]
    later = images[60:].copy()
    later[4] = np.rint(0.9 * images[17]).astype(np.uint8)
    inner = np.float32(images[[0]]), np.float32(images[[70]])
    assert aligned_likeness(*inner)[0] > duplicates.LIKENESS
    found = near_duplicates(Dataset("alike", ("a", "b"), of(images[:60]), of(images[:0]), of(later)))
    assert places(found) == [("train", 17, "test", 4)]


def test_several_changed_copies_do_not_hide_each_other(planted):
    changed = [jpeg(planted.test.images[0]), darker(planted.test.images[0]), resized(planted.test.images[0])]
    planted.train.images[np.arange(12) * 50] = changed * 4
    assert [pair[2:] for pair in places(near_duplicates(planted))] == [("test", 0)]


def test_flat_pictures_are_copies_only_when_they_are_equal(planted):
    planted.train.images[4], planted.test.images[8] = 90, 91
    planted.train.images[12], planted.validation.images[3] = 200, 200
    assert places(near_duplicates(planted)) == [("train", 12, "validation", 3)]


def test_pictures_that_show_next_to_nothing_are_not_compared(planted):
    """A step of one grey level in a quarter of the picture, deviation 0.43, and one of two levels."""
    for step, found in ((1, []), (2, [("train", 4, "test", 8)])):
        planted.train.images[4] = 90
        planted.train.images[4, :24, :24] += step
        planted.test.images[8] = planted.train.images[4]
        planted.test.images[8, 40, 40] += step
        assert places(near_duplicates(planted)) == found


def test_equal_pictures_inside_a_split_and_contradictory_labels(planted):
    images, labels = planted.train.images, planted.train.labels
    images[[10, 13, 16]] = images[1]
    labels[[1, 10, 13, 16]] = 2
    images[[21, 300]] = images[20]
    labels[[20, 21, 300]] = [0, 1, 0]
    found = near_duplicates(planted).within
    assert (found["train"].count, found["train"].contradictory) == (5, ((20, 21, 300),))
    assert found["train"].contradictory_count == 1
    assert found["test"].count == 0


def test_above_the_work_limit_the_earlier_split_is_sampled_and_that_is_said(planted, monkeypatch):
    planted.test.images[0] = planted.train.images[1]
    planted.test.images[1] = jpeg(planted.train.images[2])  # not in the sample 5, 15, 25, …
    planted.test.images[2] = jpeg(planted.train.images[25])
    monkeypatch.setattr(duplicates, "MAX_WORK", 60 * 120)
    found = near_duplicates(planted)
    assert found.compared["train", "test"].sampled == 60
    assert places(found) == [("train", 1, "test", 0), ("train", 25, "test", 2)]
    assert "near copies of test" in found.notes[1].lower()
    assert "60 evenly spread pictures of the 600 of train" in found.notes[1]


def test_the_list_is_cut_and_the_counts_are_not(planted, monkeypatch):
    monkeypatch.setattr(duplicates, "MAX_LISTED", 3)
    planted.test.images[:5] = planted.train.images[:5]
    planted.train.images[100:110] = planted.train.images[200:210]
    found = near_duplicates(planted)
    assert len(found.pairs) == 3
    assert found.compared["train", "test"].exact == 5
    assert len(found.within["train"].contradictory) == 3
    assert found.within["train"].contradictory_count == 10


def test_chunks_and_blocks_change_nothing(planted, monkeypatch):
    planted.test.images[0] = planted.train.images[599]
    planted.test.images[119] = jpeg(planted.train.images[0])
    whole = near_duplicates(planted)
    monkeypatch.setattr(survey, "CHUNK_BYTES", 100_000)
    monkeypatch.setattr(duplicates, "PRODUCTS", 100)
    assert places(near_duplicates(planted)) == places(whole) == [("train", 599, "test", 0), ("train", 0, "test", 119)]


@pytest.mark.parametrize("side", [1, 2, 3, 5, 90])
def test_pictures_of_any_size_and_empty_splits(side):
    images = np.random.default_rng(0).integers(0, 256, (6, side, side, 1)).astype(np.uint8)
    found = near_duplicates(Dataset("any", ("a", "b"), of(images[:4]), of(images[:0]), of(images[3:])))
    assert ("train", 3, "test", 0) in places(found)
    assert list(found.compared) == [("train", "test")]
    assert near_duplicates(Dataset("none", ("a", "b"), *[of(images[:0])] * 3)).compared == {}


def test_a_likeness_out_of_its_range_is_refused(drawn):
    with pytest.raises(DatasetError, match=r"is 0.5; it can be 0.8 to 1"):
        near_duplicates(drawn, likeness=0.5)


def test_a_higher_likeness_asks_for_more(planted):
    planted.test.images[0] = jpeg(planted.train.images[0])
    planted.test.images[1] = darker(planted.train.images[1])
    found = near_duplicates(planted, likeness=0.9995)
    assert places(found) == [("train", 1, "test", 1)]
    assert found.limit == 0.9995


def test_the_likeness_is_the_best_correlation_of_nine_shifts():
    random = np.random.default_rng(1)
    ones, others = (random.normal(size=(4, 7, 9, 3)).astype(np.float32) for _ in range(2))
    others[1, 1:, :-1] = ones[1, :-1, 1:]
    others[2] = 5
    others[3] = -ones[3]
    for index, likeness in enumerate(aligned_likeness(ones, others)):
        inner = others[index, 1:-1, 1:-1].ravel()
        if index == 2:
            assert likeness == 0
            continue
        shifts = [ones[index, top : top + 5, left : left + 7].ravel() for top, left in product(range(3), range(3))]
        assert likeness == pytest.approx(max(np.corrcoef(shift, inner)[0, 1] for shift in shifts), abs=1e-5)


def test_memory_stays_far_below_the_datasets_size(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "CHUNK_BYTES", 2_000_000)
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (1500, 96, 96, 3))
    coarse = np.random.default_rng(0).integers(0, 256, (1500, 4, 4, 3)).astype(np.uint8)
    for index, image in enumerate(coarse):
        images[index] = cv2.resize(image, (96, 96), interpolation=cv2.INTER_LINEAR)
    images[1200:] = 255 - images[:300]
    images[1200:1400] = images[:200] // 2  # candidates that are read again to be compared
    images.flush()
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    dataset = Dataset("large", ("a", "b"), of(mapped[:1200]), of(mapped[:0]), of(mapped[1200:]))
    tracemalloc.start()
    found = near_duplicates(dataset)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.compared["train", "test"].near == 200
    assert peak < 6_000_000 < mapped.nbytes / 6
