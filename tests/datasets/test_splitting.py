"""Which picture goes where: shares, seeds, and copies that stay together."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from explorer.datasets import read_files, splitting
from explorer.datasets.splitting import SMALL, quotas, small, split
from explorer.errors import DatasetError
from tests.datasets.pictures import contents, number_of, numbered, picture


def counts(labels, splits):
    """For each class how many of its pictures each split has."""
    return [
        tuple(int(((splits == place) & (np.array(labels) == label)).sum()) for place in range(3))
        for label in range(max(labels) + 1)
    ]


@pytest.mark.parametrize(
    ("count", "shares"),
    [
        (0, (0, 0, 0)),
        (1, (1, 0, 0)),
        (2, (1, 0, 1)),
        (3, (1, 1, 1)),
        (4, (2, 1, 1)),
        (7, (5, 1, 1)),
        (20, (14, 3, 3)),
        (100, (70, 15, 15)),
        (1001, (701, 150, 150)),
        (12_500, (8750, 1875, 1875)),
    ],
)
def test_shares_of_a_class(count, shares):
    assert quotas(count) == shares


def test_shares_add_up_and_are_never_far_off():
    for count in range(3, 2000):
        parts = quotas(count)
        assert sum(parts) == count
        assert min(parts) >= 1
        assert all(abs(part - share * count) < 1.2 for part, share in zip(parts, (0.7, 0.15, 0.15), strict=True))


def test_each_class_is_split_by_the_shares():
    sizes = (100, 7, 33, 3, 2, 1, 250)
    labels = np.random.default_rng(0).permutation(np.repeat(range(7), sizes)).tolist()
    splits = split(labels, range(len(labels)), seed=3)
    assert counts(labels, splits) == [quotas(size) for size in sizes]
    assert set(splits) == {0, 1, 2}


def test_the_seed_decides():
    labels = [0] * 40 + [1] * 40
    first, again, other = (split(labels, range(80), seed) for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()
    assert counts(labels, first) == counts(labels, other)
    assert (first[:40] != first[40:]).any()  # the classes are not drawn alike


def test_every_picture_gets_its_turn_in_every_split():
    labels = [0] * 10 + [1] * 10
    seen = np.array([split(labels, range(20), seed) for seed in range(300)])
    for place, share in enumerate((7, 1, 2)):
        often = (seen == place).mean(axis=0) * 10
        assert abs(often - share).max() < 1.2  # more than four standard deviations of 300 throws


def test_copies_stay_together():
    random = np.random.default_rng(1)
    labels = [0] * 60 + [1] * 60
    copied = random.integers(0, 30, 60).tolist() + random.integers(30, 70, 60).tolist()
    for seed in range(20):
        splits = split(labels, copied, seed)
        where = defaultdict(set)
        for content, place in zip(copied, splits.tolist(), strict=True):
            where[content].add(place)
        assert max(map(len, where.values())) == 1
        assert counts(labels, splits) == [quotas(60)] * 2  # single pictures fill up what is left


def test_copies_under_two_labels_stay_together():
    labels = [0] * 30 + [1] * 30
    copied = [*range(30), *range(5), *range(100, 125)]
    for seed in range(20):
        splits = split(labels, copied, seed)
        assert (splits[:5] == splits[30:35]).all()
        assert counts(labels, splits)[0] == quotas(30)
        assert sum(counts(labels, splits)[1]) == 30


def test_a_class_of_one_picture_over_and_over_is_split_all_the_same():
    labels = [0] * 40 + [1] * 40
    splits = split(labels, ["same"] * 40 + list(range(40)), seed=0)
    assert counts(labels, splits) == [quotas(40)] * 2


def test_one_picture_that_fills_more_than_a_split_has_room_for_is_all_in_train():
    labels = [0] * 20
    for seed in range(10):
        splits = split(labels, ["same"] * 15 + list(range(5)), seed)
        assert (splits[:15] == 0).all()
        assert counts(labels, splits) == [(15, 3, 2)]
    assert split([0, 0, 1], ["x", "x", "y"], 0).tolist() == [0, 0, 0]


def test_byte_identical_files_are_never_in_two_splits():
    files = []
    for label in ("cats", "dogs"):
        for number in range(12):
            picture_number = number + 20 * (label == "dogs")
            files += [(f"{label}/{number}-{copy}.png", picture(picture_number)) for copy in range(1 + number % 3)]
    files.append(("dogs/a cat.png", picture(11)))
    for seed in range(5):
        where = {name: {number for _, number in one} for name, one in contents(read_files(files, seed=seed)).items()}
        assert not where["train"] & where["validation"]
        assert not where["train"] & where["test"]
        assert not where["validation"] & where["test"]
        assert set.union(*where.values()) == {*range(12), *range(20, 32)}


def test_seeds_of_files_that_are_read():
    files = numbered([f"{label}/{number}.png" for label in "ab" for number in range(20)])
    one, again, other = (read_files(files, seed=seed, name=f"read with {seed}") for seed in (1, 1, 2))
    assert one.key == again.key != other.key
    assert contents(one) == contents(again) != contents(other)
    labels = [one.train.labels.tolist(), other.train.labels.tolist()]
    assert labels[0] != sorted(labels[0])  # shuffled, so that each batch has every class
    assert [number_of(image) for image in one.train.images] != [number_of(image) for image in other.train.images]


@pytest.fixture(scope="module")
def many():
    """4,500 pictures: labels, class 0 has 2,400 and class 1 has 2,100."""
    return np.random.default_rng(2).permutation(np.repeat([0, 1], (2400, 2100)))


def test_a_small_split_of_pictures_that_are_not_split(many):
    nowhere = np.zeros(len(many), np.int8)
    splits = small(many, nowhere, ("cat", "dog"), 0)
    assert counts(many.tolist(), splits) == [SMALL] * 2 == [(1000, 500, 500)] * 2
    assert (splits == -1).sum() == 500
    assert (splits == small(many, nowhere, ("cat", "dog"), 0)).all()
    assert (splits != small(many, nowhere, ("cat", "dog"), 1)).any()


def test_a_small_split_takes_each_split_from_its_own():
    labels, before = np.repeat([0, 1], 2300), np.tile(np.repeat([0, 1, 2], (1200, 600, 500)), 2).astype(np.int8)
    splits = small(labels, before, ("cat", "dog"), 0)
    assert counts(labels.tolist(), splits) == [SMALL] * 2
    assert (before[splits >= 0] == splits[splits >= 0]).all()


def test_a_small_split_fills_what_is_empty_from_the_training_pictures(many):
    before = np.zeros(len(many), np.int8)
    before[np.flatnonzero(many == 0)[:600]] = 2
    before[np.flatnonzero(many == 1)[:550]] = 2
    splits = small(many, before, ("cat", "dog"), 0)
    assert counts(many.tolist(), splits) == [SMALL] * 2
    assert (before[splits == 0] == 0).all()
    assert (before[splits == 1] == 0).all()
    assert (before[splits == 2] == 2).all()


def test_a_small_split_takes_a_copied_picture_once(many):
    copied = np.arange(len(many))
    copied[np.flatnonzero(many == 0)[:300]] = -5
    copied[np.flatnonzero(many == 1)[:50]] = -5
    splits = small(many, np.zeros(len(many), np.int8), ("cat", "dog"), 0, copied.tolist())
    assert counts(many.tolist(), splits) == [SMALL] * 2
    assert (splits[copied == -5] >= 0).sum() <= 1
    copied[np.flatnonzero(many == 1)[:200]] = -7
    with pytest.raises(DatasetError, match="the class 'dog' has only 401 left for test"):
        small(many, np.zeros(len(many), np.int8), ("cat", "dog"), 0, copied.tolist())


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ((2000, 1999), r"takes 1000 \+ 500 \+ 500 pictures .* the class 'dog' has only 499 left for test"),
        ((900, 2000), "the class 'cat' has only 900 left for train. Switch the small split off"),
        ((1200, 2000), "the class 'cat' has only 200 left for validation"),
        ((2000, 0), "the class 'dog' has only 0 left for train"),
    ],
)
def test_too_few_for_a_small_split(sizes, sentence):
    labels = np.repeat([0, 1], sizes)
    with pytest.raises(DatasetError, match=sentence):
        small(labels, np.zeros(len(labels), np.int8), ("cat", "dog"), 0)


def test_a_small_split_of_files(monkeypatch):
    monkeypatch.setattr(splitting, "SMALL", (4, 2, 2))
    files = numbered([f"{label}/{number}.png" for label in "ab" for number in range(10)])
    dataset = read_files(files, small_split=True)
    assert [Counter(split.labels.tolist()) for split in dataset.splits.values()] == [
        {0: 4, 1: 4},
        {0: 2, 1: 2},
        {0: 2, 1: 2},
    ]
    everything = [one for where in contents(dataset).values() for one in where]
    assert len(set(everything)) == 16
    copies = [(f"a/again {number}.png", picture(0)) for number in range(50)]
    dataset = read_files([*files, *copies], small_split=True, seed=1)
    everything = [one for where in contents(dataset).values() for one in where]
    assert len(set(everything)) == len(everything) == 16


def test_splits_that_are_given_are_kept_even_with_copies():
    paths = [f"{part}/{label}/{n}.png" for part in ("train", "validation", "test") for label in "ab" for n in range(2)]
    files = [*numbered(paths), ("test/a/same.png", picture(0))]
    for seed in range(3):
        assert contents(read_files(files, seed=seed)) == {
            "train": [("a", 0), ("a", 1), ("b", 2), ("b", 3)],
            "validation": [("a", 4), ("a", 5), ("b", 6), ("b", 7)],
            "test": [("a", 0), ("a", 8), ("a", 9), ("b", 10), ("b", 11)],
        }
