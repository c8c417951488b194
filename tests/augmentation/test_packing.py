"""A zip of versions, each class in its folder."""

import io
import json
import zipfile
from collections import Counter

import numpy as np
import pytest

from explorer.augmentation import PRESETS, Augmentation, AugmentationError, pack
from explorer.images import read_image, to_rgb
from tests.augmentation.oracles import photo

POLICY = PRESETS["heavy"].policy
PICTURES = [photo(12, 16), photo(12, 16)[:, ::-1].copy(), photo(9, 9)]


def opened(*args, **options):
    return zipfile.ZipFile(io.BytesIO(pack(*args, **options)))


def test_as_even_as_can_be_over_the_pictures_and_each_class_in_its_folder():
    archive = opened(POLICY, PICTURES, [0, 1, 1], ["cats", "dogs"], 10, seed=4)
    folders = Counter(name.split("/")[0] for name in archive.namelist() if "/" in name)
    assert folders == {"cats": 4, "dogs": 6}
    told = json.loads(archive.read("drawn.json"))
    assert [one["picture"] for one in told] == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]


def test_every_version_can_be_made_again_from_what_was_drawn():
    archive = opened(POLICY, PICTURES, [0, 1, 1], ["cats", "dogs"], 6, seed=4)
    policy = Augmentation.from_json(archive.read("policy.json"))
    assert policy == POLICY
    for one in json.loads(archive.read("drawn.json")):
        made = policy.replay(PICTURES[one["picture"]], one["drawn"])
        np.testing.assert_array_equal(read_image(archive.read(one["file"])), to_rgb(made))


def test_the_versions_of_one_picture_are_its_samples():
    archive = opened(POLICY, PICTURES[:1], [0], ["cat"], 5, seed=9)
    expected, _ = POLICY.sample(PICTURES[0], 5, seed=9)
    for index, version in enumerate(expected):
        np.testing.assert_array_equal(read_image(archive.read(f"cat/{index:05d}.png")), version)


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["../../etc", "a/b\\c"], ["_.._etc", "a_b_c"]),
        (["CON", "con"], ["0 CON", "1 con"]),
        (["Cat", "cat"], ["Cat", "1 cat"]),
        (["1 x", "x", "X"][:2], ["1 x", "x"]),
        (["a" * 59 + ". b", "con.txt"], ["a" * 59, "1 con.txt"]),
        (["...", "\x00\n"], ["class 0", "__"]),
        (["policy.json", "x" * 200], ["0 policy.json", "x" * 60]),
        (["naïve Ünïcode", "猫"], ["naïve Ünïcode", "猫"]),
    ],
)
def test_names_of_classes_become_names_of_folders_on_any_system(names, folders):
    archive = opened(Augmentation(), PICTURES[:2], [0, 1], names, 2)
    assert [name.rpartition("/")[0] for name in archive.namelist()[:2]] == folders


def test_progress_is_told_up_to_the_end():
    told = []
    pack(Augmentation(), PICTURES, [0, 0, 0], ["one"], 4, report=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("images", "labels", "names", "count"),
    [
        ([], [], ["a"], 1),
        (PICTURES, [0, 0], ["a"], 1),
        (PICTURES, [0, 1, 0], ["a"], 1),
        (PICTURES, [0, -1, 0], ["a"], 1),
        (PICTURES, [0, 0, 0], ["a"], 0),
        (PICTURES, [0, 0, 0], ["a"], 10**9),
        (PICTURES, [0, 0, 0], ["a"], 1.5),
    ],
)
def test_what_cannot_be_packed_gets_a_sentence(images, labels, names, count):
    with pytest.raises(AugmentationError, match=r"label|versions were asked for"):
        pack(Augmentation(), images, labels, names, count)


def test_no_two_classes_share_a_folder():
    archive = opened(Augmentation(), [photo(4, 4)] * 3, [0, 1, 2], ["x", "2 x", "x"], 3)
    assert len({name.split("/")[0] for name in archive.namelist() if "/" in name}) == 3
