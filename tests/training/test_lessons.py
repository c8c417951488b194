"""The pictures of a run: how many, of which classes, at which size, and where they are kept."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from explorer import settings
from explorer.datasets import Dataset, Split
from explorer.errors import RunError
from explorer.training import lessons
from explorer.training.config import TrainConfig
from explorer.training.folder import Folder
from tests.training.conftest import pictures, tiny


def uneven(counts, seed=0):
    """Labels with so many of each class, shuffled."""
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))


@pytest.mark.parametrize(
    ("counts", "wanted", "expected"),
    [
        ((10, 10, 10), 9, [3, 3, 3]),
        ((100, 5, 50), 30, [13, 5, 12]),
        ((1, 1, 98), 10, [1, 1, 8]),
        ((4, 4), 100, [4, 4]),
        ((5, 5, 5, 5), 2, None),
        ((5,), 0, [0]),
    ],
)
def test_pictures_are_drawn_evenly_from_the_classes(counts, wanted, expected):
    """As many of each as there are, up to a share that is the same for all others."""
    labels = uneven(counts)
    places = lessons.evenly(labels, wanted, seed=3)
    assert len(set(places.tolist())) == len(places) == min(wanted, sum(counts))
    assert (np.diff(places) > 0).all()
    drawn = np.bincount(labels[places], minlength=len(counts))
    if expected is None:
        assert sorted(drawn) == [0, 0, 1, 1]
    else:
        assert sorted(drawn) == sorted(expected)
        assert all(abs(one - other) <= 1 for one, other in zip(drawn, expected, strict=True))


def test_chance_draws_the_pictures_of_a_class():
    labels = uneven((50, 50))
    draws = [lessons.evenly(labels, 20, seed).tolist() for seed in range(5)]
    assert draws[0] == lessons.evenly(labels, 20, 0).tolist()
    assert len({tuple(draw) for draw in draws}) == 5
    assert max(max(draw) for draw in draws) > 80


def test_all_pictures_are_learned_from():
    dataset = tiny()
    lesson = lessons.prepare(TrainConfig(), dataset)
    assert lesson.dataset is dataset
    assert lesson.notes == ()
    assert len(lesson.watched) == 8
    assert max(np.bincount(dataset.validation.labels[lesson.watched])) == 3


def test_fewer_pictures_each_with_its_label():
    dataset = tiny(train=100)
    lesson = lessons.prepare(TrainConfig(train_pictures=30), dataset)
    assert np.bincount(lesson.dataset.train.labels).tolist() == [10, 10, 10]
    means = lesson.dataset.train.images.mean((1, 2, 3))
    assert (np.abs(means - (40 + 75 * lesson.dataset.train.labels)) < 12).all()
    assert lesson.notes == ("It learns from 30 of 100 pictures, drawn evenly from the classes.",)
    assert lesson.dataset.validation is dataset.validation
    other = lessons.prepare(TrainConfig(train_pictures=30, seed=1), dataset)
    assert not np.array_equal(other.dataset.train.images, lesson.dataset.train.images)


def test_hosted_limits_the_pictures(monkeypatch):
    monkeypatch.setattr(settings, "HOSTED", replace(settings.HOSTED, max_train_images=12))
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    assert len(lessons.prepare(TrainConfig(), tiny()).dataset.train) == 12
    assert len(lessons.prepare(TrainConfig(train_pictures=50), tiny()).dataset.train) == 12
    assert len(lessons.prepare(TrainConfig(train_pictures=6), tiny()).dataset.train) == 6


def test_where_nothing_validates_a_tenth_is_held_out():
    dataset = tiny(train=90, validation=0)
    lesson = lessons.prepare(TrainConfig(), dataset)
    made = lesson.dataset
    assert (len(made.train), len(made.validation), len(made.test)) == (81, 9, 33)
    assert np.bincount(made.validation.labels).tolist() == [3, 3, 3]
    held = {image.tobytes() for image in made.validation.images}
    rest = {image.tobytes() for image in made.train.images}
    assert not held & rest
    assert held | rest == {image.tobytes() for image in dataset.train.images}
    assert lesson.notes == ("The dataset has no pictures to validate with: 9 of those to learn from were held out.",)


def test_too_few_pictures_give_a_sentence():
    for train, validation, said in (
        (1, 0, "too few pictures"),
        (0, 0, "too few pictures"),
        (0, 5, "no pictures to le"),
    ):
        with pytest.raises(RunError, match=said):
            lessons.prepare(TrainConfig(), tiny(classes=2, train=train, validation=validation, test=0))


def test_pictures_are_made_to_the_size_that_is_asked_for():
    """As Pillow resizes the centre; more of them than are done at once."""
    wide = np.random.default_rng(0).integers(0, 256, (300, 12, 20, 3), np.uint8)
    split = Split(wide, np.arange(300) % 2)
    dataset = Dataset("wide", ("a", "b"), split, split, Split(wide[:0], np.zeros(0, int)))
    lesson = lessons.prepare(TrainConfig(image_size=6), dataset)
    assert lesson.dataset.image_shape == (6, 6, 3)
    assert len(lesson.dataset.test) == 0
    for index in (0, 299):
        centre = Image.fromarray(wide[index][:, 4:16])
        expected = np.asarray(centre.resize((6, 6), Image.Resampling.BICUBIC)).astype(int)
        assert np.abs(lesson.dataset.train.images[index].astype(int) - expected).max() <= 1
    assert lesson.notes == ("The pictures were made to 6 × 6 pixels; they had 12 × 20.",)
    assert lessons.prepare(TrainConfig(image_size=8), tiny()).notes == ()


def test_too_many_large_pictures_give_a_sentence(monkeypatch):
    """Those that are not learned from do not count."""
    monkeypatch.setattr(settings, "LOCAL", replace(settings.LOCAL, max_resized_bytes=30_000))
    with pytest.raises(RunError, match=r"^163 pictures of 16 × 16 pixels take 0 MB; .* or learn from fewer\.$"):
        lessons.prepare(TrainConfig(image_size=16), tiny())
    assert len(lessons.prepare(TrainConfig(image_size=16, train_pictures=50), tiny()).dataset.train) == 50


def test_a_dataset_that_was_handed_over_is_kept(tmp_path):
    dataset = tiny()
    about = lessons.keep(dataset, Folder(tmp_path))
    again = lessons.kept("tiny", about, Folder(tmp_path))
    assert again.class_names == ("a", "b", "c")
    for one, other in zip(dataset.splits.values(), again.splits.values(), strict=True):
        assert (one.images == other.images).all()
        assert (one.labels == other.labels).all()
    (tmp_path / "data" / "train_images.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(RunError, match=r"^The run's pictures cannot be read any more\.$"):
        lessons.kept("tiny", about, Folder(tmp_path))


def test_a_stored_dataset_is_not_copied(tmp_path):
    dataset = lessons.dataset_of(TrainConfig(dataset="shapes", pictures=24, image_size=16))
    about = lessons.keep(dataset, Folder(tmp_path))
    assert about == {"stored": dataset.key}
    assert not (tmp_path / "data").exists()
    again = lessons.kept("shapes", about, Folder(tmp_path))
    assert (again.train.images == dataset.train.images).all()
    with pytest.raises(RunError, match=r"no longer stored\. Open the dataset again and begin a new run\.$"):
        lessons.kept("shapes", {"stored": "0" * 64}, Folder(tmp_path))


def test_a_dataset_by_name_has_what_is_asked_of_it():
    drawn = lessons.dataset_of(TrainConfig(dataset="shapes", pictures=24, image_size=16, dataset_seed=3))
    assert drawn.image_shape == (16, 16, 3)
    assert sum(map(len, drawn.splits.values())) == 24
    other = lessons.dataset_of(TrainConfig(dataset="shapes", pictures=24, image_size=16, dataset_seed=4))
    assert not np.array_equal(drawn.train.images, other.train.images)
    assert lessons.dataset_of(TrainConfig(dataset="mnist-small", image_size=14)).image_shape == (28, 28, 1)


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b"3", b"[" * 50_000, b'{"a": 1'])
def test_what_says_nothing_of_a_run_is_nothing(text):
    assert lessons.describe(text) == {}


def test_the_watched_are_few_where_there_are_few():
    assert len(lessons.prepare(TrainConfig(), tiny(validation=3)).watched) == 3
    assert len(pictures(5)) == 5
