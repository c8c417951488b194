"""The Datasets page's programs are run where they will be: beside the page's download, the zip or the folder."""

import ast
import contextlib
import io
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
import zlib
from unittest import mock

import keras
import numpy as np
import pytest
from PIL import Image

from explorer import datasets
from explorer.datasets import BUILTIN
from explorer.snippets import dataset_programs, own_dataset_programs
from explorer.snippets.datasets import CATS_AND_DOGS, OF_KERAS
from explorer.ui import dataset_explanation

TRAIN_AND_TEST = {"train/cats": 4, "train/dogs": 3, "test/cats": 2, "test/dogs": 2}
CLASSES_ALONE = {"cats": 20, "dogs": 20}
BUNDLED = {
    "fashion-mnist-small": (10, {"train": 600, "validation": 0, "test": 100}, (28, 28, 1)),
    "mnist-small": (10, {"train": 600, "validation": 0, "test": 100}, (28, 28, 1)),
    "shapes": (3, {"train": 300, "validation": 50, "test": 50}, (64, 64, 3)),
}
"""Classes, pictures of each class in each split, and the shape of a picture."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a program in a folder of its own; what it prints, line by line, and the names that it leaves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPLORER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("EXPLORER_DATA_DIR", str(tmp_path / "data"))

    def start(program):
        (tmp_path / "program.py").write_text(program, encoding="utf-8")
        with contextlib.redirect_stdout(io.StringIO()) as said:
            left = runpy.run_path("program.py")
        return said.getvalue().splitlines(), left

    return start


def png(number, size=(20, 20)):
    """A picture of its own for each number, of (height, width); in colour."""
    pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_folder(root, folders, size=(20, 20)):
    """Class folders with so many pictures each."""
    for folder, count in folders.items():
        (root / folder).mkdir(parents=True)
        for number in range(count):
            path = f"{folder}/{number}.png"
            (root / path).write_bytes(png(zlib.crc32(path.encode()), size))
    return root


def pack(root, file):
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(root.rglob("*.png")):
            archive.write(path, path.relative_to(root).as_posix())


def own_programs(kind, dataset, **options):
    folders = dataset_explanation.class_folders(dataset)
    return own_dataset_programs(kind, dataset.image_shape, class_folders=folders, **options)


def shapes(left, *names):
    return [tuple(left[name].element_spec[0].shape) for name in names]


# ---- those that come with the app ----


@pytest.mark.parametrize("name", BUNDLED)
def test_both_programs_of_a_bundled_dataset_have_its_counts(run, tmp_path, name):
    classes, counts, shape = BUNDLED[name]
    programs = dataset_programs(name)
    assert list(programs) == ["This project", "NumPy"]
    said, left = run(programs["This project"])
    assert ast.literal_eval(said[0]) == left["dataset"].class_names
    assert len(left["dataset"].class_names) == classes
    for line, (split, count) in zip(said[1:], counts.items(), strict=True):
        assert line.startswith(f"{split} {(classes * count, *shape)} [")
        first = left["dataset"].splits[split].labels[:10]
        assert line.endswith(f"{first}")
        assert (np.bincount(left["dataset"].splits[split].labels, minlength=classes) == count).all()
    (tmp_path / "dataset.npz").write_bytes(dataset_explanation.npz(left["dataset"]))
    said, left = run(programs["NumPy"])
    assert "explorer" not in programs["NumPy"]
    assert [line.split(")")[0] + ")" for line in said[:3]] == [
        f"{split} {(classes * count, *shape)}" for split, count in counts.items()
    ]
    assert said[2].endswith(f") {np.full(classes, counts['test'])}")
    assert tuple(left["file"]["class_names"]) == datasets.load(name).class_names


def test_the_program_of_planted_shapes_plants_the_same_patch(run):
    programs = dataset_programs("shapes", image_size=32, seed=3, patch_class="circle")
    assert "datasets.load('shapes', image_size=32, seed=3, patch_class='circle')" in programs["This project"]
    said, left = run(programs["This project"])
    assert said[1].startswith("train (900, 32, 32, 3) [")
    expected = datasets.load("shapes", image_size=32, seed=3, patch_class="circle")
    np.testing.assert_array_equal(left["dataset"].train.images, expected.train.images)
    assert not np.array_equal(left["dataset"].train.images, datasets.load("shapes", image_size=32).train.images)


def test_the_numpy_program_needs_nothing_but_numpy(tmp_path):
    dataset = datasets.load("shapes", image_size=16)
    (tmp_path / "dataset.npz").write_bytes(dataset_explanation.npz(dataset))
    (tmp_path / "program.py").write_text(dataset_programs("shapes")["NumPy"], encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "train (900, 16, 16, 3) [300 300 300]",
        "validation (150, 16, 16, 3) [50 50 50]",
        "test (150, 16, 16, 3) [50 50 50]",
        "['circle' 'square' 'triangle']",
    ]


# ---- those that are downloaded ----


def arrays_of(name, classes):
    """A tiny dataset in place of a large one: (x, y) of train and test, two and one of each class."""
    shape = (32, 32, 3) if name.startswith("cifar") else (28, 28)
    parts = []
    for times in (2, 1):
        labels = np.tile(np.arange(classes), times)
        parts.append((np.random.default_rng(times).integers(0, 256, (len(labels), *shape), np.uint8), labels))
    return parts


@pytest.mark.parametrize("name", OF_KERAS)
def test_programs_of_arrays_on_the_web(run, tmp_path, monkeypatch, name):
    train, test = arrays_of(name, 100 if name == "cifar100" else 10)
    folder = tmp_path / "data" / name
    folder.mkdir(parents=True)
    np.savez(folder / "by_hand.npz", x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
    programs = dataset_programs(name)
    assert list(programs) == ["This project", "Keras"]
    said, _ = run(programs["This project"])
    assert len(ast.literal_eval(said[0])) == len(test[0])
    assert said[1].startswith(f"train ({len(train[0])}, ")
    assert said[3].startswith(f"test ({len(test[0])}, ")
    module = getattr(keras.datasets, OF_KERAS[name])  # the real one downloads; its signature is kept
    monkeypatch.setattr(module, "load_data", mock.create_autospec(module.load_data, return_value=(train, test)))
    said, _ = run(programs["Keras"])
    assert said == [f"{train[0].shape} {test[0].shape}"]
    module.load_data.assert_called_once_with()


def test_programs_of_cats_and_dogs(run, tmp_path, monkeypatch):
    unpacked = write_folder(
        tmp_path / "unpacked", {f"cats_and_dogs_filtered/{split}/{one}": 3 for split in ("train", "validation")
                                for one in ("cats", "dogs")}, (30, 40),
    )  # fmt: skip
    folder = tmp_path / "data" / "cats-and-dogs"
    folder.mkdir(parents=True)
    pack(unpacked, folder / "cats_and_dogs_filtered.zip")
    programs = dataset_programs("cats-and-dogs", image_size=24)
    assert list(programs) == ["This project", "Keras"]
    said, _ = run(programs["This project"])
    assert said[0] == "('cats', 'dogs')"
    assert [line.split(" [")[0] for line in said[1:]] == [
        "train (6, 24, 24, 3)", "validation (6, 24, 24, 3)", "test (0, 24, 24, 3)",
    ]  # fmt: skip
    real, asked = keras.utils.get_file, []

    def from_disk(fname, origin, **options):
        asked.append(origin)
        return real(fname, (folder / "cats_and_dogs_filtered.zip").as_uri(), cache_dir=str(tmp_path), **options)

    monkeypatch.setattr(keras.utils, "get_file", from_disk)
    said, left = run(programs["Keras"])
    assert asked == [CATS_AND_DOGS] == [BUILTIN["cats-and-dogs"].open.files[0].address]
    assert said[-1] == "['cats', 'dogs'] 1 1"
    assert shapes(left, "train", "validation") == [(None, 24, 24, 3)] * 2


def test_programs_of_rock_paper_scissors(run, tmp_path):
    folder = tmp_path / "data" / "rock-paper-scissors"
    folder.mkdir(parents=True)
    for name, count in (("rps", 4), ("rps-test-set", 2)):
        unpacked = tmp_path / f"unpacked {name}"
        write_folder(unpacked, {f"{name}/{one}": count for one in ("paper", "rock", "scissors")})
        pack(unpacked, folder / f"{name}.zip")
    programs = dataset_programs("rock-paper-scissors", image_size=16)
    assert list(programs) == ["This project", "NumPy"]
    said, left = run(programs["This project"])
    assert said[0] == "('paper', 'rock', 'scissors')"
    assert said[1].startswith("train (12, 16, 16, 3) ")
    assert said[3].startswith("test (6, 16, 16, 3) ")
    (tmp_path / "dataset.npz").write_bytes(dataset_explanation.npz(left["dataset"]))
    said, _ = run(programs["NumPy"])
    assert said[0] == "train (12, 16, 16, 3) [4 4 4]"
    assert said[2] == "test (6, 16, 16, 3) [2 2 2]"


@pytest.mark.parametrize("name", BUILTIN)
@pytest.mark.parametrize("options", [{}, {"small_split": True, "seed": 2}])
def test_every_program_is_python_and_a_small_split_is_only_ours(name, options):
    programs = dataset_programs(name, **options)
    for program in programs.values():
        compile(program, name, "exec")
    assert programs["This project"].count("small_split=True, ") == 0  # the last argument
    if options:
        assert "seed=2, small_split=True)" in programs["This project"]
        assert "Keras" not in programs


# ---- a person's own ----


@pytest.mark.parametrize("wrapper", ["", "my pets/"])
def test_own_class_folders_that_the_seed_splits(run, tmp_path, wrapper):
    write_folder(tmp_path / "pictures", {f"{wrapper}{name}": count for name, count in CLASSES_ALONE.items()}, (20, 30))
    pack(tmp_path / "pictures", tmp_path / "pictures.zip")
    seen = datasets.read_zip(tmp_path / "pictures.zip", image_size=16, seed=5)
    for kind in ("zip", "folder", "files"):
        said, left = run(own_programs(kind, seen, seed=5)["This project"])
        assert said[0] == "('cats', 'dogs')"
        counts = [np.bincount(split.labels).tolist() for split in left["dataset"].splits.values()]
        assert counts == [[14, 14], [3, 3], [3, 3]]
        for name, split in left["dataset"].splits.items():
            assert list(split.files) == list(seen.splits[name].files)
            np.testing.assert_array_equal(split.images, seen.splits[name].images)
    said, left = run(own_programs("zip", seen, seed=5)["Keras"])
    assert said[-1] == "['cats', 'dogs'] 1 1"
    assert [sum(len(labels) for _, labels in left[name]) for name in ("train", "validation")] == [28, 12]
    assert shapes(left, "train", "validation") == [(None, 16, 16, 3)] * 2


def test_own_train_and_test_folders_without_a_validation_folder(run, tmp_path):
    write_folder(tmp_path / "pictures", {f"pets/{name}": count for name, count in TRAIN_AND_TEST.items()})
    seen = datasets.read_folder(tmp_path / "pictures")
    programs = own_programs("folder", seen)
    said, _ = run(programs["This project"])
    assert said[0] == "('cats', 'dogs')"
    assert [line.split(" [")[0] for line in said[1:]] == [
        "train (7, 20, 20, 3)", "validation (0, 20, 20, 3)", "test (4, 20, 20, 3)",
    ]  # fmt: skip
    said, left = run(programs["Keras"])
    assert said[-1] == "['cats', 'dogs'] 1 1"
    assert [sum(len(labels) for _, labels in left[name]) for name in ("train", "test")] == [7, 4]
    assert shapes(left, "train", "test") == [(None, 20, 20, 3)] * 2
    (tmp_path / "dataset.npz").write_bytes(dataset_explanation.npz(seen))
    said, _ = run(programs["NumPy"])
    assert said[0] == "train (7, 20, 20, 3) [4 3]"
    assert said[2] == "test (4, 20, 20, 3) [2 2]"


def test_keras_s_program_sees_the_pixels_that_we_see(run, tmp_path):
    write_folder(tmp_path / "pictures", TRAIN_AND_TEST)
    for path in (tmp_path / "pictures").rglob("*.png"):
        Image.open(path).convert("L").save(path)
    seen = datasets.read_folder(tmp_path / "pictures")
    assert seen.image_shape == (20, 20, 1)
    _, left = run(own_programs("folder", seen)["Keras"])
    theirs = np.concatenate([images for images, _ in left["train"]])
    assert theirs.shape == (7, 20, 20, 1)
    assert {image.astype(np.uint8).tobytes() for image in theirs} == {image.tobytes() for image in seen.train.images}


def test_names_that_tell_the_class_leave_keras_without_a_program(run, tmp_path):
    files = [(f"{name}.{number}.png", png(number)) for number, name in enumerate(["cat", "dog"] * 4)]
    seen = datasets.read_files(files)
    programs = own_programs("files", seen)
    assert list(programs) == ["This project", "NumPy"]
    (tmp_path / "pictures").mkdir()
    for name, content in files:
        (tmp_path / "pictures" / name).write_bytes(content)
    said, left = run(programs["This project"])
    assert said[0] == "('cat', 'dog')"
    np.testing.assert_array_equal(left["dataset"].train.images, seen.train.images)


@pytest.mark.parametrize("folder", ["it's", 'a "b" {c}', "back\\slash", "Café"])
def test_folders_with_odd_names_are_quoted(folder):
    for class_folders in ({"train": folder}, {"train": f"{folder}/train", "test": f"{folder}/test"}):
        program = own_dataset_programs("zip", (20, 20, 3), class_folders=class_folders)["Keras"]
        texts = [node.value for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Constant)]
        assert {f"pictures/{path}" for path in class_folders.values()} <= set(texts)


def test_class_folders_are_where_the_classes_lie(tmp_path):
    def found(folders):
        root = write_folder(tmp_path / "found", folders)
        try:
            return dict(dataset_explanation.class_folders(datasets.read_folder(root)))
        finally:
            shutil.rmtree(root)

    assert found({"cats": 9, "dogs": 9}) == {"train": "", "validation": "", "test": ""}
    assert found({"cats/cats": 9, "cats/dogs": 9}) == {"train": "cats", "validation": "cats", "test": "cats"}
    assert found({"cats/a": 5, "cats/b": 5, "dogs": 9}) == {"train": "", "validation": "", "test": ""}
    assert found({"rps/a": 2, "rps/b": 2, "rps-test-set/a": 1, "rps-test-set/b": 1}) == {
        "train": "rps", "test": "rps-test-set",
    }  # fmt: skip
    assert found({"train 1/a": 2, "train 2/b": 2, "test/a": 1, "test/b": 1}) == {}


def test_a_small_split_of_own_pictures_is_only_ours():
    for class_folders in ({"train": ""}, {"train": "train", "test": "test"}):
        programs = own_dataset_programs("zip", (20, 20, 3), small_split=True, class_folders=class_folders)
        assert list(programs) == ["This project", "NumPy"]
        assert "read_zip('pictures.zip', image_size=20, small_split=True)" in programs["This project"]
