"""What is said about a dataset: against plain loops, NumPy's own means and planted flaws."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from explorer.datasets import cues, survey
from explorer.datasets.dataset import Dataset, Split
from explorer.datasets.shapes import shapes
from explorer.errors import DatasetError


def pictures(count, side=6, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, channels)).astype(np.uint8)


def split_of(labels, *, side=6, channels=3, sizes=None):
    labels = np.array(labels, np.int64)
    return Split(pictures(len(labels), side, channels), labels, sizes)


def dataset_of(train, validation=(0, 1), test=(0, 1), names=("cat", "dog"), **options):
    return Dataset("made", names, *(split_of(labels, **options) for labels in (train, validation, test)))


@pytest.fixture
def small_chunks(monkeypatch):
    """Three or so pictures at a time, so that what is carried from chunk to chunk matters."""
    monkeypatch.setattr(survey, "CHUNK_BYTES", 3000)


@pytest.fixture
def shares():
    """A list that notes progress, and afterwards checks it."""
    noted = []
    yield noted
    assert noted == sorted(noted)
    assert noted[-1] == pytest.approx(1)


def test_counts_are_those_of_a_loop():
    dataset = dataset_of([0, 2, 2, 0, 2], [1], [], names=("a", "b", "c"))
    for name, found in survey.counts(dataset).items():
        labels = dataset.splits[name].labels.tolist()
        assert found.tolist() == [sum(label == one for label in labels) for one in range(3)]


@pytest.mark.parametrize("count", [0, 1, 7, 8])
def test_chunks_cover_every_picture_once(monkeypatch, count):
    monkeypatch.setattr(survey, "CHUNK_BYTES", 40)
    slices = list(survey.chunks(count, 10))
    assert [index for rows in slices for index in range(count)[rows]] == list(range(count))
    assert all(rows.stop - rows.start <= 4 for rows in slices)
    assert [rows.stop - rows.start for rows in survey.chunks(2, 1000)] == [1, 1]


def test_thumbnails_are_means_of_areas():
    images = pictures(3, side=12)
    blocks = images.reshape(3, 4, 3, 4, 3, 3).mean(axis=(2, 4))
    assert survey.thumbnails(images, 4) == pytest.approx(blocks, abs=1e-3)
    assert survey.thumbnails(images[..., :1], 4) == pytest.approx(blocks[..., :1], abs=1e-3)


# Flaws


def test_a_good_dataset_has_no_flaws(shares):
    sizes = np.full((60, 2), 6, np.int32)
    sizes[0] = (90, 60)  # an aspect ratio just at the limit
    dataset = Dataset(
        "good", ("a", "b"), split_of([0] * 40 + [1] * 20, sizes=sizes), split_of([0, 1]), split_of([1, 0])
    )
    assert survey.flaws(dataset, on_progress=shares.append) == ()


@pytest.mark.parametrize(
    ("dataset", "sentences"),
    [
        (dataset_of([0, 1] * 20, []), ["validation split is empty"]),
        (dataset_of([0, 1] * 20, test=[]), ["test split is empty"]),
        (dataset_of([]), ["train split is empty"]),
        (dataset_of([0, 1] * 20, [0, 0]), ['No picture in validation shows "dog".']),
        (dataset_of([0, 1] * 20, test=[1]), ['No picture in test shows "cat".']),
        (dataset_of([0] * 20), ['No picture in train shows "dog".']),
        (dataset_of([0] * 20 + [1] * 19), ['Train has fewer than 20 pictures of "dog".']),
        (dataset_of([0] * 60 + [1] * 20), []),
        (dataset_of([0] * 61 + [1] * 20), ['61 pictures of "cat" and 20 of "dog", 3.0 times fewer']),
        (
            dataset_of([0] * 80 + [1] * 20, [0], []),
            ["test split is empty", 'No picture in validation shows "dog"', "4.0 times fewer"],
        ),
        (dataset_of([0, 1] * 20, names=("*a*", "`b`"), test=[0]), ['No picture in test shows "`b`".']),
    ],
)
def test_each_flaw_of_the_counts_is_one_sentence(dataset, sentences):
    found = survey.flaws(dataset)
    assert len(found) == len(sentences), found
    for sentence, expected in zip(found, sentences, strict=True):
        assert expected in sentence


def test_many_missing_classes_are_counted_and_not_all_named():
    names = tuple("abcdefgh")
    found = survey.flaws(dataset_of(list(range(8)) * 20, [0], [0, 1], names=names))
    assert found == (
        'No picture in validation shows "b", "c", "d", "e", "f" or 2 more classes.',
        'No picture in test shows "c", "d", "e", "f", "g" or 1 more class.',
    )
    assert survey.flaws(dataset_of(list(range(8)) * 20, range(8), range(5), names=names)) == (
        'No picture in test shows "f", "g" or "h".',
    )


def test_enlarged_and_distorted_pictures_are_counted_where_sizes_are_known():
    sizes = np.array([[6, 6], [5, 6], [6, 5], [12, 12], [12, 19], [19, 12], [12, 18]], np.int32)
    train = split_of([0, 1] * 20)
    dataset = Dataset("sized", ("a", "b"), train, split_of([0, 1, 0, 1, 0, 1, 0], sizes=sizes), split_of([0, 1]))
    enlarged, distorted = survey.flaws(dataset)
    assert enlarged.startswith("2 of 7 pictures (29 %) were smaller than 6×6")
    assert distorted.startswith("2 of 7 pictures (29 %) had an aspect ratio more than 1.5 times off that of 6×6")


def test_an_aspect_ratio_is_held_against_the_datasets_own():
    wide = Split(np.random.default_rng(0).integers(0, 255, (40, 4, 8, 1)).astype(np.uint8), np.arange(40) % 2)
    sized = replace(wide, sizes=np.array([[100, 200]] * 39 + [[100, 100]], np.int32))
    found = survey.flaws(Dataset("wide", ("a", "b"), sized, wide, wide))
    assert [sentence[:32] for sentence in found] == ["1 of 40 pictures (2 %) had an as"]


def test_flat_pictures_are_found_in_every_split(small_chunks, shares):
    dataset = dataset_of([0, 1] * 20, side=8)
    dataset.train.images[[3, 39]] = (7, 80, 200)  # one colour is flat, too
    dataset.test.images[1] = 0
    dataset.train.images[5] = 9
    dataset.train.images[5, 7, 7, 2] = 10  # all but one value
    assert np.flatnonzero(survey.flat_pictures(dataset.train)).tolist() == [3, 39]
    assert survey.flaws(dataset, on_progress=shares.append) == (
        "3 of 44 pictures (7 %) were found to be flat: all pixels of such a picture are equal.",
    )


# Means and colours


@pytest.mark.parametrize("channels", [1, 3])
def test_mean_images_are_those_of_numpy(small_chunks, shares, channels):
    split = split_of([0, 3, 0, 0, 1, 3, 0, 1, 0, 0, 0, 0], channels=channels)
    found = survey.mean_images(split, 4, on_progress=shares.append)
    assert found.counts.tolist() == [8, 2, 0, 2]
    assert found.mean.shape == (4, 6, 6, channels)
    assert found.mean.dtype == found.deviation.dtype == np.float32
    for label in (0, 1, 3):
        chosen = split.images[split.labels == label].astype(np.float64)
        assert found.mean[label] == pytest.approx(chosen.mean(axis=0), abs=1e-4)
        assert found.deviation[label] == pytest.approx(chosen.std(axis=0), abs=1e-4)
    assert np.isnan(found.mean[2]).all()
    assert np.isnan(found.deviation[2]).all()


def test_deviations_of_bright_pictures_are_exact():
    images = np.full((3000, 2, 2, 1), 255, np.uint8)
    images[0] = 254
    found = survey.mean_images(Split(images, np.zeros(3000, int)), 1)
    assert found.deviation == pytest.approx(np.full((1, 2, 2, 1), np.sqrt(2999) / 3000), rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_colours_are_those_of_a_loop(small_chunks, shares, channels):
    split = split_of([0, 2, 0, 2, 2, 2, 2, 2, 2], channels=channels)
    found = survey.colours(split, 3, on_progress=shares.append)
    for channel in range(channels):
        values = split.images[..., channel].ravel().tolist()
        assert found.histogram[channel].tolist() == [values.count(level) for level in range(256)]
        for label in (0, 2):
            chosen = split.images[split.labels == label][..., channel].astype(np.float64)
            assert found.mean[label, channel] == pytest.approx(chosen.mean())
            assert found.deviation[label, channel] == pytest.approx(chosen.std())
    assert np.isnan(found.mean[1]).all()
    assert found.brightness.dtype == np.float32
    for image, bright in zip(split.images.astype(np.float64), found.brightness, strict=True):
        red, green, blue = np.broadcast_to(image, (6, 6, 3)).mean(axis=(0, 1))
        assert bright == pytest.approx(0.299 * red + 0.587 * green + 0.114 * blue, rel=1e-5)


def test_an_empty_split_is_no_error():
    empty = split_of([])
    assert np.isnan(survey.mean_images(empty, 2).mean).all()
    assert survey.colours(empty, 2).histogram.sum() == 0
    assert survey.flat_pictures(empty).shape == (0,)
    assert survey.size_counts(empty, 3) == []


def test_sizes_are_counted_most_frequent_first():
    sizes = np.array([[4, 9], [9, 4], [5, 5], [9, 4], [5, 5], [9, 4], [1, 2]], np.int32)
    split = split_of([0] * 7, sizes=sizes)
    assert survey.size_counts(split, 9) == [((9, 4), 3), ((5, 5), 2), ((1, 2), 1), ((4, 9), 1)]
    assert survey.size_counts(split, 2) == [((9, 4), 3), ((5, 5), 2)]
    assert survey.size_counts(split_of([0]), 2) == []


# Cues


@pytest.fixture(scope="module")
def patched():
    return shapes(900, 300, 300, size=32, patch_class="circle")


def by_name(found):
    return {cue.name: cue for cue in found}


def test_plain_shapes_have_no_cue(shares):
    found = by_name(cues.cues(shapes(900, 300, 0, size=32), on_progress=shares.append))
    assert list(found) == ["colour", "thumbnail", "corners"]
    for cue in found.values():
        assert cue.chance == pytest.approx(1 / 3)
        assert cue.accuracy == pytest.approx(1 / 3, abs=0.1)
        assert not cue.beyond_chance
        assert "says nothing sure" in cue.sentence
        assert (cue.split, cue.counts) == ("validation", (900, 300))


def test_the_planted_patch_is_a_cue_until_the_test(patched):
    validation = by_name(cues.cues(patched))["corners"]
    test = by_name(cues.cues(patched, on="test"))["corners"]
    assert validation.accuracy > 0.6
    assert validation.beyond_chance
    assert test.accuracy == pytest.approx(1 / 3, abs=0.1)
    assert not test.beyond_chance
    percent = round(100 * validation.accuracy)
    assert validation.sentence == (
        f"The mean colour of each corner alone tells the class of {percent} % of 300 pictures of validation; "
        "always guessing the most frequent class is right for 33 %."
    )


@pytest.mark.parametrize(
    ("right", "measured", "chance", "beyond"),
    [(16, 16, 0.5, True), (15, 16, 0.5, False), (10, 10, 0.5, False), (6, 6, 0.1, True), (3, 3, 0.1, False)],
)
def test_few_pictures_can_be_enough(right, measured, chance, beyond):
    """All of 16 right by throwing a coin: once in 65,536 times; 15 of 16: 17 times as often."""
    cue = cues.Cue("colour", "The colour", right / measured, chance, "test", (99, measured))
    assert cue.beyond_chance == beyond


def test_a_ground_that_gives_the_class_away_is_found(small_chunks):
    dataset = dataset_of([0, 1] * 50, [0, 0, 0, 1] * 25, side=16)
    for split in (dataset.train, dataset.validation):
        split.images[split.labels == 1, ..., 0] //= 2  # less red
    found = by_name(cues.cues(dataset))
    assert found["colour"].accuracy == 1
    assert found["colour"].chance == 0.75
    assert found["colour"].beyond_chance


def test_a_cue_is_found_under_variation_that_all_corners_share():
    """One corner six grey levels brighter than the others, in pictures whose brightness varies by forty."""
    random = np.random.default_rng(0)
    labels = np.arange(400) % 2
    bright = np.clip(random.normal(128, 40, 400), 0, 240)
    images = np.empty((400, 16, 16, 1), np.uint8)
    images[:] = bright.astype(np.uint8).reshape(-1, 1, 1, 1)
    images[labels == 1, :2, :2] += 6
    dataset = Dataset(
        "faint", ("a", "b"), *(Split(images[rows], labels[rows]) for rows in np.split(np.arange(400), [200, 300]))
    )
    found = by_name(cues.cues(dataset))
    assert found["corners"].accuracy > 0.9
    assert found["colour"].accuracy < 0.7


def test_each_trait_sees_only_its_own_pixels():
    """A corner's colour is no matter of the other corners' place; a thumbnail knows where, the mean colour does not."""
    labels = np.arange(80) % 4
    images = np.full((80, 16, 16, 1), 100, np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, col = divmod(int(label), 2)
        image[15 * row, 15 * col] = 200
    split = Split(images, labels)
    found = by_name(cues.cues(Dataset("corner", tuple("abcd"), split, split, split)))
    assert found["corners"].accuracy == found["thumbnail"].accuracy == 1
    assert found["colour"].accuracy == 0.25


def test_cues_are_measured_where_there_are_pictures():
    train, other = split_of([0, 1] * 50), split_of([0, 1] * 10)
    empty = split_of([])
    names = ("a", "b")

    def measured(dataset, **options):
        return [(cue.split, cue.counts) for cue in cues.cues(dataset, **options)][:1]

    assert measured(Dataset("d", names, train, other, other)) == [("validation", (100, 20))]
    assert measured(Dataset("d", names, train, empty, other)) == [("test", (100, 20))]
    assert measured(Dataset("d", names, train, empty, empty)) == [("train", (80, 20))]
    assert measured(Dataset("d", names, empty, other, other)) == []
    assert measured(Dataset("d", names, split_of([0, 1]), empty, empty)) == []
    with pytest.raises(DatasetError, match="'validation'; there is test"):
        cues.cues(Dataset("d", names, train, empty, other), on="validation")
    with pytest.raises(DatasetError, match="no such split"):
        cues.cues(Dataset("d", names, train, empty, empty), on="train")


def test_of_many_pictures_evenly_spread_ones_are_taken(monkeypatch):
    monkeypatch.setattr(cues, "FIT_PICTURES", 30)
    monkeypatch.setattr(cues, "MEASURE_PICTURES", 7)
    assert cues.cues(dataset_of([0, 1] * 50, [0, 1] * 10))[0].counts == (30, 7)
    assert survey.evenly(np.arange(100), 4).tolist() == [12, 37, 62, 87]


# Memory


def test_memory_stays_far_below_the_datasets_size(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "CHUNK_BYTES", 2_000_000)
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (2000, 64, 64, 3))
    images[:] = np.arange(2000, dtype=np.uint16).reshape(-1, 1, 1, 1) % 251
    images.flush()
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    split = Split(mapped, np.arange(2000) % 2)
    dataset = Dataset("large", ("a", "b"), split, split, split)
    tracemalloc.start()
    survey.flaws(dataset)
    survey.mean_images(split, 2)
    survey.colours(split, 2)
    cues.cues(dataset)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000 < mapped.nbytes / 6
