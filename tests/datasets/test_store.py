"""Datasets on disk: opened as they were written or not at all, by several at once, within a limit."""

import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from explorer.datasets import Dataset, Split, open_stored, read_files, store
from explorer.settings import ROOT
from tests.datasets.pictures import contents, number_of, numbered, picture

FILES = numbered([f"{label}/{number}.png" for label in ("cats", "dogs") for number in range(6)])


def pixels(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 5, 3)).astype(np.uint8)


def made(seed=0, *, counts=(6, 3, 2), sizes=False, files=False):
    splits = []
    for place, count in enumerate(counts):
        labels = np.arange(count) % 2
        size = np.arange(2 * count, dtype=np.int32).reshape(count, 2) + place if sizes else None
        names = [f"{place}/{number}.png" for number in range(count)] if files else ()
        splits.append(Split(pixels(count, seed + place), labels, size, names))
    return Dataset("made", ("b", "a"), *splits, notes=("Something was done.",))


def key_of(number):
    return f"{number:064x}"


@pytest.mark.parametrize("sizes", [True, False])
@pytest.mark.parametrize("counts", [(6, 3, 2), (6, 0, 2), (2, 0, 0)])
def test_what_is_kept_is_opened_as_it_was(sizes, counts):
    dataset = made(counts=counts, sizes=sizes, files=sizes)
    store.keep(dataset, key_of(1))
    opened = open_stored(key_of(1))
    assert (opened.name, opened.class_names, opened.key, opened.notes) == (
        "made",
        ("b", "a"),
        key_of(1),
        ("Something was done.",),
    )
    for name, split in dataset.splits.items():
        other = opened.splits[name]
        assert np.array_equal(other.images, split.images)
        assert np.array_equal(other.labels, split.labels)
        assert (other.images.dtype, other.labels.dtype) == (np.uint8, np.int64)
        assert list(other.files) == list(split.files)
        assert len(other.files) == (len(split) if sizes else 0)
        assert (other.sizes is None) if not sizes else np.array_equal(other.sizes, split.sizes)
    assert not any(part.name.startswith(".") for part in store.folder().iterdir())


def test_names_of_files_are_read_when_one_is_asked_for():
    store.keep(made(files=True), key_of(1))
    opened = open_stored(key_of(1))
    assert opened.test.files[1] == "2/1.png"
    assert opened.test.files[-1:] == ["2/1.png"]
    assert "1/2.png" in opened.validation.files
    with pytest.raises(IndexError):
        opened.test.files[2]


def test_pictures_outlive_their_files():
    """Another visitor's dataset may push one out that is being looked at."""
    dataset = read_files(FILES)
    named = open_stored(dataset.key)
    assert named.train.files[0]
    for file in (store.folder() / dataset.key).iterdir():
        file.unlink()
    (store.folder() / dataset.key).rmdir()
    assert sorted(number_of(image) for image in np.concatenate([s.images for s in dataset.splits.values()])) == list(
        range(12)
    )
    assert list(dataset.train.files) == [""] * len(dataset.train)
    assert named.train.files[0]
    assert open_stored(dataset.key) is None


@pytest.mark.parametrize("key", ["", ".", "..", "../datasets/{}", "{}/", "./{}", "{}\0", "a\\b", "a" * 5000, "nothing"])
def test_keys_that_name_no_dataset(key):
    assert open_stored(key.format(read_files(FILES).key)) is None


def about_with(**changes):
    def change(folder):
        about = json.loads((folder / store.ABOUT).read_text())
        (folder / store.ABOUT).write_text(json.dumps(about | changes))

    return change


def cut(name, by):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:by])


def text(content):
    return lambda folder: (folder / store.ABOUT).write_bytes(content)


DAMAGE = {
    "images cut": cut(store.IMAGES, -1),
    "images empty": cut(store.IMAGES, 0),
    "images longer": lambda folder: (folder / store.IMAGES).write_bytes(bytes(12 * 192 + 1)),
    "images gone": lambda folder: (folder / store.IMAGES).unlink(),
    "labels gone": lambda folder: (folder / store.LABELS).unlink(),
    "labels longer": lambda folder: np.zeros(13, np.int64).tofile(folder / store.LABELS),
    "labels cut": cut(store.LABELS, -8),
    "labels cut oddly": cut(store.LABELS, -3),
    "labels of no class": lambda folder: np.full(12, 2).tofile(folder / store.LABELS),
    "sizes gone": lambda folder: (folder / store.SIZES).unlink(),
    "sizes cut": cut(store.SIZES, -8),
    "sizes cut oddly": cut(store.SIZES, -4),
    "about gone": lambda folder: (folder / store.ABOUT).unlink(),
    "about cut": cut(store.ABOUT, 30),
    "about empty": text(b""),
    "about no text": text(b"\xff\xfe\x00"),
    "about a list": text(b"[]"),
    "about a number": text(b"3"),
    "about nothing": text(b"{}"),
    "no counts": about_with(counts=[]),
    "one count": about_with(counts=[12]),
    "counts of text": about_with(counts=["8", "2", "2"]),
    "counts too large": about_with(counts=[2**62, 2, 2]),
    "no shape": about_with(shape=[]),
    "another shape": about_with(shape=[8, 8, 1]),
    "no picture's shape": about_with(shape=[64, 3]),
    "one class": about_with(class_names=["cats"]),
    "no classes": about_with(class_names=None),
    "skipped": about_with(skipped=[["one"]]),
    "nothing at all": lambda folder: [file.unlink() for file in folder.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_dataset_is_not_opened_but_read_again(damage):
    dataset = read_files(FILES)
    expected, folder = contents(dataset), store.folder() / dataset.key
    del dataset
    damage(folder)
    assert open_stored(folder.name) is None
    assert contents(read_files(FILES)) == expected
    assert contents(open_stored(folder.name)) == expected
    assert [path.name for path in store.folder().iterdir()] == [folder.name]


def test_a_file_where_the_dataset_should_be():
    key = read_files(FILES).key
    (store.folder() / key).rename(store.folder() / key_of(9))
    (store.folder() / key).write_bytes(b"in the way")
    assert sum(map(len, read_files(FILES).splits.values())) == 12
    assert open_stored(key)


def test_a_store_for_reading_only(monkeypatch):
    key = read_files(FILES).key

    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    assert open_stored(key).key == key


def test_no_room_to_keep(tmp_path):
    (tmp_path / "cache").write_bytes(b"")  # no folder can be made there
    dataset = made()
    kept = store.keep(dataset, key_of(1))
    assert kept.key == key_of(1)
    assert np.array_equal(kept.train.images, dataset.train.images)


def aged(number, age):
    """A dataset that was used so many seconds ago."""
    store.keep(made(seed=number), key_of(number))
    when = time.time() - age
    os.utime(store.folder() / key_of(number) / store.ABOUT, (when, when))
    return sum(file.stat().st_size for file in (store.folder() / key_of(number)).iterdir())


def stored():
    return sorted(int(path.name, 16) for path in store.folder().iterdir())


def test_what_was_not_used_for_longest_makes_room(limited):
    size = max(aged(number, age) for number, age in ((1, 400), (2, 300), (3, 200), (4, 100)))
    limited(max_store_bytes=3 * size)
    assert open_stored(key_of(1))  # used just now
    store.keep(made(seed=5), key_of(5))
    assert stored() == [1, 4, 5]
    store.keep(made(seed=4), key_of(4))  # found, and nothing is written
    assert stored() == [1, 4, 5]


def test_the_newest_stays_even_if_it_is_too_large(limited):
    aged(1, 100)
    limited(max_store_bytes=10)
    dataset = read_files(FILES)
    assert [path.name for path in store.folder().iterdir()] == [dataset.key]
    assert sum(map(len, open_stored(dataset.key).splits.values())) == 12


def test_what_killed_processes_left_is_removed_and_what_is_being_written_is_not():
    store.folder().mkdir(parents=True)
    for name, age in ((".writing-old", store.ABANDONED_SECONDS + 60), (".writing-new", store.ABANDONED_SECONDS - 600)):
        (store.folder() / name / "key").mkdir(parents=True)
        (store.folder() / name / "key" / store.IMAGES).write_bytes(b"half")
        when = time.time() - age
        os.utime(store.folder() / name, (when, when))
    key = read_files(FILES).key
    assert sorted(path.name for path in store.folder().iterdir()) == [".writing-new", key]


def half_a_write(key):
    with store.writing(key) as writer:
        writer.add(pixels(1)[0])
        raise RuntimeError


def test_what_nobody_opens_is_not_kept_for_ever(limited):
    limited(max_store_seconds=3600.0)
    old, new, opened = (key_of(number) for number in (1, 2, 3))
    for key in (old, opened):
        store.keep(made(), key)
        os.utime(store.folder() / key / store.ABOUT, (0, 0))
    assert open_stored(opened)
    store.keep(made(), new)
    assert {path.name for path in store.folder().iterdir()} == {new, opened}


def test_what_was_removed_by_halves_counts_and_goes_too(limited):
    half = store.folder() / key_of(1)
    half.mkdir(parents=True)
    (half / store.IMAGES).write_bytes(bytes(10_000))
    os.utime(half, (0, 0))
    store.keep(made(), key_of(2))
    limited(max_store_bytes=9_000)
    store.make_room(key_of(2))
    assert [path.name for path in store.folder().iterdir()] == [key_of(2)]


def test_a_write_that_fails_leaves_what_was_there():
    dataset = read_files(FILES)
    with pytest.raises(RuntimeError):
        half_a_write(dataset.key)
    assert contents(open_stored(dataset.key)) == contents(dataset)
    assert [path.name for path in store.folder().iterdir()] == [dataset.key]


def test_whoever_is_second_leaves_the_first_ones_dataset():
    """Two threads read the same files: each waits until the other has begun."""
    begun, results = threading.Barrier(2), []

    def tell(share, _):
        if share == 1 / 12:
            begun.wait(10)

    def run():
        results.append(read_files(FILES, on_progress=tell))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert contents(results[0]) == contents(results[1]) == contents(open_stored(results[0].key))
    assert [path.name for path in store.folder().iterdir()] == [results[0].key]
    assert len({os.stat(one.train.images.filename).st_ino for one in results}) == 1  # noqa: PTH116


def test_a_dataset_is_never_gone_while_it_is_written_again():
    dataset, key = made(), key_of(1)
    store.keep(dataset, key)
    missed, done = [], threading.Event()

    def look():
        while not done.is_set():
            if open_stored(key) is None:
                missed.append(1)

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(40):
        with store.writing(key) as writer:
            for split in dataset.splits.values():
                for image in split.images:
                    writer.add(image)
            writer.finish(dataset)
    done.set()
    thread.join()
    assert missed == []


PROGRAM = """
import sys, time
from explorer.datasets import read_folder
print("ready", flush=True)
sys.stdin.readline()
print(read_folder(sys.argv[1]).key, flush=True)
"""


def test_two_processes_read_the_same_folder(tmp_path):
    for label in ("cats", "dogs"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(30):
            (tmp_path / "pets" / label / f"{number}.png").write_bytes(picture(number + 100 * (label == "dogs")))
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "pets")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        assert [process.stdout.readline() for process in (one, other)] == ["ready\n"] * 2
        for process in (one, other):
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.stdout.readline().strip() for process in (one, other)]
    assert answers[0] == answers[1] != ""
    assert [path.name for path in store.folder().iterdir()] == [answers[0]]
    numbers = sorted(number for where in contents(open_stored(answers[0])).values() for _, number in where)
    assert numbers == [*range(30), *range(100, 130)]
