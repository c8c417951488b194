"""Classes and splits from the folders, in the layouts of the tutorials and in some that nobody should have."""

import io
import re
import unicodedata
import zipfile
from collections import Counter

import pytest

from explorer.datasets import layout, read_files, read_folder, read_zip
from explorer.datasets.layout import MAX_CLASS_NAME, arrange
from explorer.errors import DatasetError
from tests.datasets.pictures import contents, number_of, numbered, written

OUTSIDE = "it lies outside the folders of the classes"
OUTSIDE_SPLITS = "it lies outside the folders train, validation and test"
NO_CLASS = "it lies in no class's folder, and its name does not begin with a class"


def told(paths, folders=()):
    """For each file (label, split), or why it has none."""
    arranged = arrange(paths, folders)
    reasons = {skipped.file: skipped.reason for skipped in arranged.skipped}
    members = {paths[member.index]: (member.label, member.split) for member in arranged.members}
    assert not members.keys() & reasons.keys()
    return members | reasons


def zipped(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in files:
            archive.writestr(path, content)
    return file.getvalue()


@pytest.fixture(params=["folder", "zip", "files"])
def read(request, tmp_path):
    """Reads files as a folder, as a zip, and as uploaded files; all have to come to the same."""

    def reading(files, **options):
        if request.param == "folder":
            return read_folder(written(tmp_path / "mine", files), **options)
        return read_zip(zipped(files), **options) if request.param == "zip" else read_files(files, **options)

    return reading


def cats_and_dogs(root="cats_and_dogs_filtered"):
    for split, count in (("train", 5), ("validation", 3)):
        for kind in ("cat", "dog"):
            yield from (f"{root}/{split}/{kind}s/{kind}.{number}.jpg" for number in range(count))


def test_cats_and_dogs_as_the_tutorials_have_it(read):
    paths = list(cats_and_dogs())
    files = [*numbered(paths), ("cats_and_dogs_filtered/vectorize.py", b"import os")]
    dataset = read(files)
    assert dataset.class_names == ("cats", "dogs")
    assert contents(dataset) == {
        "train": [("cats", number) for number in range(5)] + [("dogs", number) for number in range(5, 10)],
        "validation": [("cats", number) for number in (10, 11, 12)] + [("dogs", number) for number in (13, 14, 15)],
        "test": [],
    }
    (skipped,) = dataset.skipped
    assert skipped.file.split("/")[-1] == "vectorize.py"
    assert skipped.reason.startswith("its name is not that of a picture; PNG, ")
    for split in dataset.splits.values():
        assert [paths[number_of(image)] for image in split.images] == list(split.files)


def test_flat_class_folders(read):
    dataset = read(numbered([f"{label}/{number}.png" for label in ["zebra", "ant", "mole"] for number in range(20)]))
    assert dataset.class_names == ("ant", "mole", "zebra")
    counts = {name: Counter(label for label, _ in where) for name, where in contents(dataset).items()}
    assert counts == {
        split: dict.fromkeys(("ant", "mole", "zebra"), count)
        for split, count in (("train", 14), ("validation", 3), ("test", 3))
    }
    everything = sorted(one for where in contents(dataset).values() for one in where)
    assert everything == sorted((["zebra", "ant", "mole"][number // 20], number) for number in range(60))


def test_rock_paper_scissors_with_a_test_folder_of_its_own(read):
    labels = ["paper", "rock", "scissors"]
    paths = [f"rps/{label}/{label}01-00{number}.png" for label in labels for number in range(4)]
    paths += [f"rps-test-set/{label}/test{label}01-0{number}.png" for label in labels for number in range(2)]
    dataset = read(numbered(paths))
    assert dataset.class_names == ("paper", "rock", "scissors")
    assert contents(dataset) == {
        "train": [(labels[number // 4], number) for number in range(12)],
        "validation": [],
        "test": [(labels[number // 2], 12 + number) for number in range(6)],
    }
    assert dataset.skipped == ()


def test_kaggles_flat_files(read):
    dataset = read(numbered([f"{kind}.{number}.jpg" for kind in ("dog", "cat") for number in range(4)]))
    assert dataset.class_names == ("cat", "dog")
    everything = sorted(one for where in contents(dataset).values() for one in where)
    assert everything == [("cat", number) for number in range(4, 8)] + [("dog", number) for number in range(4)]
    assert [len(split) for split in dataset.splits.values()] == [4, 2, 2]


@pytest.mark.parametrize("around", ["", "train/", "dogs-vs-cats/", "dogs-vs-cats/train/", "a/b/c/"])
def test_kaggles_flat_files_in_folders(around):
    paths = [f"{around}{kind}.{number}.jpg" for kind in ("dog", "cat") for number in range(4)]
    arranged = arrange(paths)
    assert arranged.class_names == ("cat", "dog")
    assert not arranged.is_split
    assert [member.label for member in arranged.members] == ["dog"] * 4 + ["cat"] * 4


def test_kaggles_test_folder_without_labels_is_left_out():
    paths = [f"train/{kind}.{number}.jpg" for kind in ("cat", "dog") for number in range(2)] + ["test1/1.jpg"]
    assert told(paths) == {path: (path[6:9], "train") for path in paths[:4]} | {"test1/1.jpg": NO_CLASS}
    assert not arrange(paths).is_split  # so that there is something to validate and test with


@pytest.mark.parametrize("around", ["test/", "test/test/"])
def test_a_flat_test_folder_beside_classes_is_left_out(around):
    paths = ["train/cats/1.jpg", "train/dogs/1.jpg", "validation/cats/9.jpg", f"{around}1.jpg", f"{around}bird.1.jpg"]
    assert told(paths) == {
        "train/cats/1.jpg": ("cats", "train"),
        "train/dogs/1.jpg": ("dogs", "train"),
        "validation/cats/9.jpg": ("cats", "validation"),
        paths[3]: NO_CLASS,
        paths[4]: NO_CLASS,
    }


def test_splits_that_hold_themselves_as_in_intels_scenes():
    paths = [f"seg_{split}/seg_{split}/{label}/1.jpg" for split in ("train", "test") for label in ("sea", "street")]
    assert told([*paths, "seg_pred/seg_pred/5.jpg"]) == {
        path: (path.split("/")[2], path.split("/")[0].removeprefix("seg_")) for path in paths
    } | {"seg_pred/seg_pred/5.jpg": OUTSIDE_SPLITS}


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train", "val", "test"), ("train", "validation", "test")),
        (("Training", "Validation", "Testing"), ("train", "validation", "test")),
        (("01_train", "dev-set", "images.test"), ("train", "validation", "test")),
        (("train", "valid"), ("train", "validation")),
    ],
)
def test_words_for_splits(names, splits):
    paths = [f"{name}/{label}/1.jpg" for name in names for label in ("a", "b")]
    assert [split for _, split in told(paths).values()] == [split for split in splits for _ in "ab"]


@pytest.mark.parametrize("around", ["photos/", "a/b/c/", "train/", "my photos/new/"])
def test_folders_around_do_not_matter(around):
    flat = [f"{around}{label}/{number}.jpg" for label in ("cats", "dogs") for number in range(2)]
    assert told(flat) == {path: (path.split("/")[-2], None) for path in flat}
    split = [f"{around}{part}/{label}/1.jpg" for part in ("train", "test") for label in ("cats", "dogs")]
    assert told(split) == {path: (path.split("/")[-2], path.split("/")[-3]) for path in split}
    assert told([*flat, "stray.jpg"])["stray.jpg"] == OUTSIDE
    assert told([*flat, "readme.txt"])["readme.txt"].startswith("its name is not that of a picture")


def test_a_class_whose_name_has_a_word_for_splits_stays_one():
    paths = [f"{label}/{size}/1.jpg" for label in ("test tube", "beaker", "flask") for size in ("small", "large")]
    assert told(paths) == {path: (path.split("/")[0], None) for path in paths}


def test_a_class_that_is_called_train_stays_one():
    paths = [f"{label}/{number}.jpg" for label in ("bus", "car", "train") for number in range(3)]
    arranged = arrange(paths)
    assert arranged.class_names == ("bus", "car", "train")
    assert {member.split for member in arranged.members} == {None}
    assert Counter(member.label for member in arranged.members) == {"bus": 3, "car": 3, "train": 3}
    inside = [f"{split}/{path}" for split in ("train", "test") for path in paths]
    assert Counter(told(inside).values()) == {
        (label, split): 3 for label in ("bus", "car", "train") for split in ("train", "test")
    }


def test_folders_inside_a_class_belong_to_it():
    paths = ["cats/1.jpg", "cats/persian/1.jpg", "cats/persian/old/1.jpg", "dogs/poodle/1.jpg"]
    assert [label for label, _ in told(paths).values()] == ["cats", "cats", "cats", "dogs"]


def test_one_class_in_the_test_folder_is_not_taken_for_a_folder_around():
    paths = ["train/cats/1.jpg", "train/dogs/1.jpg", "test/cats/IMG_1.jpg", "test/cats/DSC_2.jpg", "val/cats/new/1.jpg"]
    assert [one for path, one in told(paths).items() if not path.startswith("train")] == [
        ("cats", "test"),
        ("cats", "test"),
        ("cats", "validation"),
    ]


def test_class_names_are_sorted_and_the_members_keep_their_order():
    paths = [f"{label}/1.jpg" for label in ("b", "a10", "B", "a2", "é")]
    arranged = arrange(paths)
    assert arranged.class_names == ("B", "a10", "a2", "b", "é")
    assert [member.index for member in arranged.members] == list(range(5))


def test_two_ways_to_write_the_same_name_are_one_class():
    composed, apart = (unicodedata.normalize(form, "Käfer") for form in ("NFC", "NFD"))
    paths = [f"train/{composed}/1.jpg", f"train/{apart}/2.jpg", f"validation/{apart}/3.jpg", "train/Öl/1.jpg"]
    arranged = arrange(paths)
    assert arranged.class_names == (composed, "Öl")
    assert Counter((member.label, member.split) for member in arranged.members) == {
        (composed, "train"): 2,
        (composed, "validation"): 1,
        ("Öl", "train"): 1,
    }
    assert arrange([f"{composed}.1.jpg", f"{apart}.2.jpg", "Öl.1.jpg"]).class_names == (composed, "Öl")


def test_what_systems_leave_lying_around_is_not_even_mentioned():
    litter = ["__MACOSX/cats/._1.jpg", "cats/.DS_Store", ".git/config", "dogs/Thumbs.db", ".ipynb_checkpoints/a/1.jpg"]
    assert told(["cats/1.jpg", "dogs/1.jpg", *litter], ["__MACOSX", ".git", "cats"]) == {
        "cats/1.jpg": ("cats", None),
        "dogs/1.jpg": ("dogs", None),
    }


@pytest.mark.parametrize(
    ("paths", "folders", "sentence"),
    [
        (["cats/1.jpg"], ["cats", "dogs"], "The folder of the class 'dogs' is empty. Put pictures into it"),
        (["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg"], ["train/c"], "The folder of the class 'c' is empty"),
        (["cats/1.jpg", "cats/2.jpg"], [], "only the class 'cats' here; a network needs two or more"),
        (["photos/cats/cat.1.jpg", "photos/cats/cat.2.jpg"], [], "only the class 'cats'"),
        (["1.jpg", "2.jpg"], [], "There is no class here"),
        (["train/1.jpg", "train/2.jpg"], [], "There is no class here"),
        ([], [], "There is no class here"),
        (
            ["train/cats/1.jpg", "train/dogs/1.jpg", "validation/birds/1.jpg"],
            [],
            "The class 'birds' has a folder for validation, but none to train with",
        ),
        (["validation/a/1.jpg", "test/a/1.jpg"], [], "There is no folder of pictures to train with"),
        (["val/1/1.jpg", "test/1/1.jpg", "x/1/1.jpg", "y/1/1.jpg"], [], "no folder of pictures to train with"),
        ([f"c{number}/1.jpg" for number in range(1001)], [], "There are 1,001 classes here; 1,000 is the limit"),
        (["cats/1.jpg", "do\x07gs/1.jpg"], [], r"The class 'do\x07gs' has a name that is too long, or"),
        (["cats/1.jpg", "do\u202egs/1.jpg"], [], "that cannot be printed"),
        (["cats/1.jpg", "do\udcffgs/1.jpg"], [], "that cannot be printed"),
        (["cats/1.jpg", "d" * (MAX_CLASS_NAME + 1) + "/1.jpg"], [], "at most 100 characters"),
    ],
)
def test_layouts_that_are_none(paths, folders, sentence):
    with pytest.raises(DatasetError, match=re.escape(sentence)) as raised:
        arrange(paths, folders)
    assert str(raised.value).isprintable()


def test_as_many_classes_as_are_allowed_and_names_as_long():
    assert len(arrange([f"c{number}/1.jpg" for number in range(1000)]).class_names) == 1000
    assert arrange(["cats/1.jpg", "d" * MAX_CLASS_NAME + "/1.jpg"]).class_names[1] == "d" * MAX_CLASS_NAME


def test_an_empty_folder_for_validation_is_no_error():
    paths = ["train/a/1.jpg", "train/b/1.jpg", "validation/a/2.jpg"]
    assert arrange(paths, ["validation/b", "validation/a"]).class_names == ("a", "b")


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("cat.0.jpg", "cat"),
        ("x/rock 12.png", "rock"),
        ("testscissors01-29.png", "testscissors"),
        ("cat (3).jpg", "cat"),
        ("black_bird_0007.jpeg", "black_bird"),
        ("a1b2.png", "a1b"),
        ("cat.jpg", None),
        ("cat-.jpg", None),
        ("0001.jpg", None),
        ("_1.jpg", None),
        ("1", None),
        ("", None),
    ],
)
def test_the_class_before_the_number(path, label):
    assert layout.class_before_number(path) == label


def test_hostile_names():
    names = {
        "1" * 1000 + "a": None,
        "-" * 1000: None,
        "-1" * 500 + "a": None,
        " " * 1000 + "x": None,
        "b" * 1000 + "1": "b" * 1000,
    }
    assert {name: layout.class_before_number(f"{name}.jpg") for name in names} == names
    deepest = "/".join("a" * layout.MAX_DEPTH)
    assert arrange([f"{deepest}/cat/1.jpg"[2:], f"{deepest}/dog/1.jpg"[2:]]).class_names == ("cat", "dog")
    for paths, folders in (
        ([f"{deepest}/cat/1.jpg", f"{deepest}/dog/1.jpg"], ()),
        (["a/1.jpg", "b/1.jpg"], ["a/" * 5000]),
    ):
        with pytest.raises(DatasetError, match="more than 16 folders deep"):
            arrange(paths, folders)
