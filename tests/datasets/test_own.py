"""A person's own pictures: what is read, what is left out and said, and that nothing else is touched."""

import builtins
import errno
import io
import os
import stat
import tempfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer import images
from explorer.datasets import read_files, read_folder, read_zip, reading, sources, store
from explorer.datasets.own import CHECKED, CHECKING, read_archives
from explorer.errors import DatasetError
from explorer.images.sizing import to_size
from tests.datasets.pictures import colour_of, contents, encoded, number_of, numbered, picture, written

RANDOM = np.random.default_rng(0)
GOOD = numbered([f"{label}/{number}.png" for label in ("cats", "dogs") for number in range(6)])


def zipped(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files:
            archive.writestr(path, content)
    return file.getvalue()


def by_file(dataset):
    """Each file's picture, label and size."""
    return {
        file: (split.images[place], dataset.class_names[split.labels[place]], tuple(split.sizes[place].tolist()))
        for split in dataset.splits.values()
        for place, file in enumerate(split.files)
    }


def noise(height, width, channels=3):
    return RANDOM.integers(0, 256, (height, width, channels)).astype(np.uint8)


@pytest.fixture
def decoded(monkeypatch):
    """The pictures that were decoded, one entry each."""
    calls, read = [], images.read

    def counting(*args, **options):
        calls.append(threading.get_ident())
        return read(*args, **options)

    monkeypatch.setattr(images, "read", counting)
    return calls


def test_a_folder_a_zip_and_files_give_the_same(tmp_path):
    folder = written(tmp_path / "pets", GOOD)
    packed = tmp_path / "pets.zip"
    packed.write_bytes(zipped(GOOD))
    with packed.open("rb") as opened:
        read = [
            read_folder(folder),
            read_folder(str(folder)),
            read_files(GOOD),
            read_zip(packed),
            read_zip(str(packed)),
            read_zip(packed.read_bytes()),
            read_zip(opened),
            read_zip(io.BytesIO(packed.read_bytes()), name="mine"),
        ]
        assert not opened.closed
    assert [one.name for one in read] == ["pets"] * 2 + ["your pictures"] + ["pets"] * 2 + ["your pictures"] * 2 + [
        "mine"
    ]
    first = by_file(read[0])
    assert sorted(first) == sorted(path for path, _ in GOOD)
    for dataset in read:
        assert dataset.class_names == ("cats", "dogs")
        assert dataset.skipped == ()
        assert dataset.notes == ()
        assert contents(dataset) == contents(read[0])
        for file, (image, label, size) in by_file(dataset).items():
            assert number_of(image) == next(number for number, (path, _) in enumerate(GOOD) if path == file)
            assert (label, size) == (file.split("/")[0], (8, 8))


def test_what_comes_out_is_mapped_and_cannot_be_changed():
    dataset = read_files(GOOD)
    for split in dataset.splits.values():
        assert isinstance(split.images, np.memmap)
        assert split.images.mode == "r"
        for array in (split.images, split.labels, split.sizes):
            with pytest.raises(ValueError, match="read-only"):
                array[:1] = 0
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.labels.dtype == np.int64
    assert Path(dataset.train.images.filename).is_relative_to(store.folder() / dataset.key)


def kinds():
    """Files of every kind, and the upright RGB pixels (10 × 12) that they stand for, made here by hand."""
    colour = noise(10, 12)
    grey16 = (np.arange(120).reshape(10, 12) * 550).astype(np.uint16)
    palette = Image.fromarray(colour).quantize(16)
    alpha = np.dstack([colour, np.tile(np.repeat([0, 255], 6).astype(np.uint8), (10, 1))])
    on_white = colour.copy()
    on_white[:, :6] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise: what is stored is turned counter-clockwise
    cmyk = Image.fromarray(colour).convert("CMYK")
    jpeg = encoded(colour, "JPEG", quality=95)
    return {
        "colour.png": (encoded(colour), colour),
        "16 bits.png": (
            encoded(Image.fromarray(grey16)),
            np.repeat(np.rint(grey16 / 65535 * 255).astype(np.uint8)[..., None], 3, 2),
        ),
        "alpha.png": (encoded(alpha), on_white),
        "palette.png": (encoded(palette), np.asarray(palette.convert("RGB"))),
        "palette.gif": (encoded(palette, "GIF"), np.asarray(palette.convert("RGB"))),
        "turned.png": (encoded(np.rot90(colour), exif=turned), colour),
        "cmyk.tif": (encoded(cmyk, "TIFF"), np.asarray(cmyk.convert("RGB"))),
        "grey.bmp": (encoded(colour[..., 0], "BMP"), np.repeat(colour[..., :1], 3, 2)),
        "lossless.webp": (encoded(colour, "WEBP", lossless=True), colour),
        "photo.jpg": (jpeg, np.asarray(Image.open(io.BytesIO(jpeg)))),
    }


def test_every_kind_of_file_comes_out_upright_in_rgb():
    made = kinds()
    files = [(f"{label}/{name}", content) for label in "ab" for name, (content, _) in made.items()]
    dataset = read_files(files)
    assert dataset.skipped == ()
    assert dataset.image_shape == (10, 12, 3)
    for file, (image, _, size) in by_file(dataset).items():
        assert size == (10, 12)
        assert np.array_equal(image, made[file[2:]][1]), file
        assert np.array_equal(image, images.read_image(made[file[2:]][0]))


def test_grey_pictures_stay_grey():
    grey = [noise(9, 7, 1)[..., 0] for _ in range(8)]
    files = [(f"{'ab'[number % 2]}/{number}.png", encoded(pixels)) for number, pixels in enumerate(grey)]
    dataset = read_files(files)
    assert dataset.image_shape == (9, 7, 1)
    for file, (image, _, _) in by_file(dataset).items():
        assert np.array_equal(image[..., 0], grey[int(file[2])])
    assert contents_of_store(dataset.key)["images.u8"] == 8 * 9 * 7

    blue = np.zeros((9, 7, 3), np.uint8)
    blue[8, 6, 2] = 1  # one level in one corner of one picture
    dataset = read_files([*files, ("b/blue.png", encoded(blue))])
    assert dataset.image_shape == (9, 7, 3)
    seen = by_file(dataset)
    assert np.array_equal(seen.pop("b/blue.png")[0], blue)
    for file, (image, _, _) in seen.items():
        assert np.array_equal(image, np.repeat(grey[int(file[2])][..., None], 3, 2))


def contents_of_store(key):
    return {file.name: file.stat().st_size for file in (store.folder() / key).iterdir()}


def test_grey_pictures_in_more_than_one_piece(monkeypatch):
    monkeypatch.setattr(store, "CHUNK_BYTES", 50)
    grey = [noise(9, 7, 1)[..., 0] for _ in range(8)]
    dataset = read_files([(f"{'ab'[number % 2]}/{number}.png", encoded(pixels)) for number, pixels in enumerate(grey)])
    for file, (image, _, _) in by_file(dataset).items():
        assert np.array_equal(image[..., 0], grey[int(file[2])])


def test_one_small_size_is_kept_and_others_become_150():
    assert read_files([(f"{label}/1.png", picture(1, 256, 3)) for label in "ab"]).image_shape == (256, 3, 3)
    large = read_files([(f"{label}/1.png", picture(1, 257, 8)) for label in "ab"])
    assert large.image_shape == (150, 150, 3)
    assert large.train.sizes.tolist() == [[257, 8]] * 2
    mixed = read_files([("a/1.png", picture(1, 8, 8)), ("a/2.png", picture(2, 8, 9)), ("b/1.png", picture(1))])
    assert mixed.image_shape == (150, 150, 3)
    assert {file: size for file, (_, _, size) in by_file(mixed).items()} == {
        "a/1.png": (8, 8),
        "a/2.png": (8, 9),
        "b/1.png": (8, 8),
    }
    assert mixed.notes == ("3 of 3 pictures were cut to the middle and resized to 150 × 150 pixels.",)


def test_broken_pictures_do_not_decide_the_size():
    files = [*GOOD, *((f"cats/broken {number}.png", b"\x89PNG\r\n\x1a\nnothing") for number in range(9))]
    assert read_files(files).image_shape == (8, 8, 3)


@pytest.mark.parametrize(("height", "width"), [(40, 24), (24, 40), (31, 31), (5, 7)])
@pytest.mark.parametrize("crop", [True, False])
def test_resizing_is_pillows(height, width, crop):
    pixels, same = noise(height, width), noise(16, 16)
    files = [("a/1.png", encoded(pixels)), ("b/1.png", encoded(same))]
    dataset = read_files(files, image_size=16, crop=crop)
    seen = by_file(dataset)
    whole = Image.fromarray(pixels)
    side, bicubic = min(height, width), Image.Resampling.BICUBIC
    left, top = (width - side) // 2, (height - side) // 2
    part = whole.crop((left, top, left + side, top + side)) if crop else whole
    assert np.array_equal(seen["a/1.png"][0], np.asarray(part.resize((16, 16), bicubic)))
    assert np.array_equal(seen["a/1.png"][0], to_size(pixels, 16, 16, crop=crop))
    assert np.array_equal(seen["b/1.png"][0], same)
    assert seen["a/1.png"][2] == (height, width)
    how = "cut to the middle and resized" if crop else "squeezed or stretched"
    assert dataset.notes == (f"1 of 2 pictures were {how} to 16 × 16 pixels.",)


@pytest.mark.parametrize("size", [0, -5, 513])
def test_sizes_that_are_not_allowed(size):
    with pytest.raises(DatasetError, match=f"1 to 512 pixels wide and high, not {size}"):
        read_files(GOOD, image_size=size)


def test_a_seed_below_zero():
    with pytest.raises(DatasetError, match="The seed is -1"):
        read_files(GOOD, seed=-1)


def test_bad_files_are_named_with_a_reason_and_the_rest_is_right(tmp_path, limited):
    limited(max_image_bytes=5000, max_image_pixels=1000)
    bad = {
        "cats/cut short.png": (picture(99)[:40], "damaged, cut short"),
        "cats/half.jpg": (encoded(noise(30, 30), "JPEG")[:-300], "could not be decoded"),
        "cats/empty.png": (b"", "The file is empty"),
        "cats/notes.txt": (b"cats are fine", "its name is not that of a picture"),
        "dogs/page.jpg": (b"<!doctype html><html>404</html>", "This is a web page"),
        "dogs/drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "This is an SVG drawing"),
        "dogs/wide.png": (encoded(np.zeros((10, 101, 3))), "0.0 megapixels (101 × 10)"),
        "dogs/long.png": (RANDOM.bytes(5001), "MB"),
        "dogs/inside/broken.gif": (b"GIF89a", "damaged, cut short"),
    }
    files = [*GOOD, *((name, content) for name, (content, _) in bad.items())]
    folder = written(tmp_path / "pets", files)
    for dataset in (read_folder(folder), read_files(files), read_zip(zipped(files))):
        skipped = {one.file: one.reason for one in dataset.skipped}
        assert skipped.keys() == bad.keys()
        for name, (_, reason) in bad.items():
            assert reason in skipped[name], name
        assert contents(dataset).keys() == {"train", "validation", "test"}
        assert sorted(number for where in contents(dataset).values() for _, number in where) == list(range(12))
        for file, (image, _, _) in by_file(dataset).items():
            assert dict(GOOD)[file] == picture(number_of(image))


def test_a_class_of_which_nothing_can_be_read():
    files = [*GOOD, ("birds/1.png", b"no"), ("zebras/1.png", picture(40))]
    files += [(f"dogs/x{number}.png", b"") for number in range(30)]
    with pytest.raises(DatasetError, match=r"The class 'birds' has no picture to train with .*'birds/1.png': This fi"):
        read_files(files)
    assert list(store.folder().iterdir()) == []


@pytest.fixture
def odd_folder(tmp_path):
    """Good pictures among links, pipes, circles and hidden files."""
    folder = written(tmp_path / "pets", GOOD)
    outside = written(tmp_path / "secrets", [("private.png", picture(77)), ("cats/private.png", picture(78))])
    (folder / "cats/out.png").symlink_to(outside / "private.png")
    (folder / "cats/in.png").symlink_to(folder / "cats/0.png")
    (folder / "cats/nowhere.png").symlink_to(folder / "nothing.png")
    (folder / "cats/circle.png").symlink_to(folder / "cats/circle.png")
    (folder / "birds").symlink_to(outside / "cats")
    (folder / "dogs/up").symlink_to(folder)
    os.mkfifo(folder / "dogs/pipe.png")
    written(folder, [("cats/.hidden.png", picture(50)), (".git/1.png", picture(51)), ("dogs/Thumbs.db", b"")])
    return folder


def test_links_pipes_and_circles_are_left_out(odd_folder):
    dataset = read_folder(odd_folder)
    assert {one.file: one.reason for one in dataset.skipped} == {
        "birds": "it is a link to a folder",
        "cats/circle.png": dataset.skipped[1].reason,
        "cats/nowhere.png": "it cannot be opened (No such file or directory)",
        "cats/out.png": "it is a link to a place outside the folder",
        "dogs/pipe.png": "it is not an ordinary file",
        "dogs/up": "it is a link to a folder",
    }
    assert "it cannot be opened" in dataset.skipped[1].reason
    assert dataset.class_names == ("cats", "dogs")
    seen = by_file(dataset)
    assert sorted(seen) == sorted([path for path, _ in GOOD] + ["cats/in.png"])
    assert number_of(seen["cats/in.png"][0]) == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    folder = written(tmp_path / "pets", GOOD)
    (folder / "cats/0.png").chmod(0)
    assert [(one.file, one.reason) for one in read_folder(folder).skipped] == [
        ("cats/0.png", "it cannot be opened (Permission denied)")
    ]


def test_a_file_that_cannot_be_opened(tmp_path, monkeypatch):
    folder = written(tmp_path / "pets", GOOD)
    opened = Path.open

    def refusing(path, *args, **options):
        if path.name == "0.png":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", refusing)
    dataset = read_folder(folder)
    assert sorted((one.file, one.reason) for one in dataset.skipped) == [
        (f"{label}/0.png", "it cannot be opened (Permission denied)") for label in ("cats", "dogs")
    ]


def test_names_that_are_no_text_are_read_all_the_same(tmp_path):
    files = [("cats/one\nline.png", picture(30)), ("cats/re\rturn.png", picture(31)), ("dogs/é ½.png", picture(32))]
    folder = written(tmp_path / "pets", [*GOOD, *files])
    Path(os.fsdecode(os.fsencode(folder / "dogs") + b"/\xff\xfe.png")).write_bytes(picture(33))
    Path(os.fsdecode(os.fsencode(folder / "dogs") + b"/\xff.txt")).write_bytes(b"no picture")
    dataset = read_folder(folder)
    seen = {number_of(image): file for file, (image, _, _) in by_file(dataset).items()}
    assert seen == {number: path for number, (path, _) in enumerate(GOOD)} | {
        30: "cats/one\ufffdline.png",
        31: "cats/re\ufffdturn.png",
        32: "dogs/é ½.png",
        33: "dogs/\ufffd\ufffd.png",
    }
    assert [one.file for one in dataset.skipped] == ["dogs/\ufffd.txt"]


def test_too_many_files(tmp_path, limited):
    limited(max_dataset_files=11)
    folder = written(tmp_path / "pets", GOOD)
    for read in (lambda: read_folder(folder), lambda: read_files(GOOD), lambda: read_zip(zipped(GOOD))):
        with pytest.raises(DatasetError, match="There are more than 11 files here, which is the limit"):
            read()


def test_too_many_bytes(limited, decoded):
    limited(max_dataset_bytes=12 * 16 * 16 * 3 - 1)
    with pytest.raises(DatasetError, match=r"12 pictures of 16 × 16 pixels take 0 MB; 0 MB is the limit. Choose a sm"):
        read_files(GOOD, image_size=16)
    assert decoded == []
    assert read_files(GOOD, image_size=15).image_shape == (15, 15, 3)


def test_too_many_pixels_those_of_broken_pictures_too(limited):
    limited(max_dataset_pixels=12 * 64)
    assert read_files(GOOD)
    broken = encoded(noise(30, 30))[:-400]
    for more in (picture(99), broken):
        with pytest.raises(DatasetError, match="more than 0 megapixels together"):
            read_files([*GOOD, ("cats/more.png", more)])


def test_a_part_of_a_picture_does_not_keep_the_whole_of_it(monkeypatch):
    kept = []

    def add(self, image, size):
        kept.append(image.base is None and image.nbytes)
        return written_by(self, image, size)

    written_by = store.Writer.add
    monkeypatch.setattr(store.Writer, "add", add)
    read_files(
        [(f"{label}/{number}.png", picture(number, 90, 10)) for label in "ab" for number in range(3)], image_size=10
    )
    assert kept == [10 * 10 * 3] * 6


def test_hidden_folders_are_not_walked_and_large_files_not_read(tmp_path, limited):
    limited(max_image_bytes=5000)
    folder = written(
        tmp_path / "pets", [*GOOD, ("cats/film.png", bytes(5001)), *((f".git/{n}", b"x") for n in range(99))]
    )
    limited(max_dataset_files=13)
    dataset = read_folder(folder)
    assert [(one.file, one.reason.split(";")[0]) for one in dataset.skipped] == [("cats/film.png", "it has 0.0 MB")]


def test_the_key_names_limits_and_what_was_left_out(tmp_path, limited):
    folder = written(tmp_path / "pets", GOOD)
    (folder / "cats/link.png").symlink_to(tmp_path / "elsewhere.png")
    with_link = read_folder(folder)
    (folder / "cats/link.png").unlink()
    without = read_folder(folder)
    assert [one.file for one in with_link.skipped] == ["cats/link.png"]
    assert without.skipped == ()
    limited(max_image_pixels=63)
    with pytest.raises(DatasetError, match="no picture to train with that could be read"):
        read_folder(folder)


@pytest.mark.parametrize("path", ["nothing", "~nobody-has-this-name/x", "x" * 5000, "a\0b", "circle", "file.png"])
def test_folders_that_are_none(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file.png").write_bytes(picture(0))
    with pytest.raises(DatasetError, match="There is no folder"):
        read_folder(path)


def test_nothing_at_all(tmp_path):
    for read in (lambda: read_folder(tmp_path), lambda: read_files([]), lambda: read_files([(".DS_Store", b"x")])):
        with pytest.raises(DatasetError, match="There are no files here"):
            read()
    with pytest.raises(DatasetError, match="cannot be opened: No such file"):
        read_zip(tmp_path / "nothing.zip")


def test_two_files_of_the_same_name():
    with pytest.raises(DatasetError, match=r"Two of the files are called 'cat.1.png'. Upload the folder, or a zip"):
        read_files([("cat.1.png", picture(1)), ("dog.1.png", picture(2)), ("cat.1.png", picture(3))])


def test_paths_of_other_systems():
    dataset = read_files([(path.replace("/", "\\"), content) for path, content in GOOD])
    assert sorted(by_file(dataset)) == sorted(path for path, _ in GOOD)


def test_the_second_reading_decodes_nothing(tmp_path, decoded):
    folder = written(tmp_path / "pets", GOOD)
    first = read_folder(folder)
    assert len(decoded) >= len(GOOD)
    decoded.clear()
    again = read_folder(folder)
    assert decoded == []
    assert again.key == first.key
    assert contents(again) == contents(first)
    assert by_file(again).keys() == by_file(first).keys()
    folder.rename(tmp_path / "animals")
    renamed = read_folder(tmp_path / "animals")
    assert decoded == []
    assert (renamed.name, renamed.key) == ("animals", first.key)


def test_the_key_names_content_and_options():
    base = dict(GOOD)
    changed = dict(base, **{"cats/0.png": picture(500)})
    renamed = {("cats/zero.png" if path == "cats/0.png" else path): content for path, content in GOOD}
    swapped = dict(base, **{"cats/0.png": base["dogs/0.png"], "dogs/0.png": base["cats/0.png"]})
    keys = [read_files(one.items()).key for one in (base, changed, renamed, swapped)]
    keys += [
        read_files(GOOD, **options).key for options in ({"image_size": 8}, {"crop": False}, {"seed": 1}, {"seed": 2})
    ]
    assert len(set(keys)) == 8
    assert read_files(GOOD, name="another").key == read_files(reversed(GOOD)).key == keys[0]
    assert reading.Options(small_split=True).key("x") != reading.Options().key("x") != reading.Options().key("y")


def test_a_changed_file_or_an_empty_folder_more_is_noticed(tmp_path):
    folder = written(tmp_path / "pets", GOOD)
    first = read_folder(folder)
    (folder / "cats/0.png").write_bytes(picture(200))
    second = read_folder(folder)
    assert second.key != first.key
    assert 200 in {number for where in contents(second).values() for _, number in where}
    (folder / "birds").mkdir()
    with pytest.raises(DatasetError, match="The folder of the class 'birds' is empty"):
        read_folder(folder)


@pytest.mark.parametrize("count", [6, 300])
def test_progress_rises_to_the_end(tmp_path, count):
    files = [(f"{label}/{number}.png", picture(number)) for label in "ab" for number in range(count)]
    told = []
    read_folder(written(tmp_path / "pets", files), on_progress=lambda share, doing: told.append((share, doing)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert max(share for share, doing in told if doing == CHECKING) == CHECKED
    assert {doing for _, doing in told} == {CHECKING, "Reading the pictures"}
    told.clear()
    read_files(files, on_progress=lambda share, _: told.append(share))
    assert told == sorted(told)
    assert (told[0], told[-1]) == (1 / (2 * count), 1)
    assert len(told) <= 2 * reading.TOLD


class EndedError(Exception):
    pass


@pytest.mark.parametrize("after", [0, 0.1, 0.21, 0.6, 1.0])
def test_who_raises_in_progress_ends_the_reading_and_nothing_stays(tmp_path, after):
    def end(share, _):
        if share >= after:
            raise EndedError

    folder, threads = written(tmp_path / "pets", GOOD), threading.active_count()
    with pytest.raises(EndedError):
        read_folder(folder, on_progress=end)
    assert not store.folder().exists() or list(store.folder().iterdir()) == []
    assert threading.active_count() == threads
    assert sum(map(len, read_folder(folder).splits.values())) == 12


@pytest.mark.parametrize("method", ["add", "finish"])
def test_a_full_disk_gives_a_sentence_and_nothing_stays(monkeypatch, method):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store.Writer, method, full)
    with pytest.raises(DatasetError, match=r"could not be stored .No space left on device.. Make room in .*CACHE_DIR"):
        read_files(GOOD)
    assert list(store.folder().iterdir()) == []


def test_a_cache_folder_that_is_a_file(tmp_path):
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"could not be stored .*EXPLORER_CACHE_DIR name another folder"):
        read_files(GOOD)


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Home, the working directory, the folder for temporary files and that for datasets, with something in each."""
    for name in ("home", "work", "tmp", "data"):
        written(tmp_path / name, [("keep.txt", b"mine"), ("cats/1.png", picture(0))])
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(tmp_path / "tmp"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(tmp_path / "work")

    def listing():
        return {
            path.relative_to(tmp_path): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.lstat().st_size)
            for path in tmp_path.rglob("*")
            if "cache" not in path.relative_to(tmp_path).parts[:1]
        }

    return listing


def hostile_zips():
    for name in ("../../evil.png", "/tmp/evil.png", "cats/../../evil.png", "C:/evil.png", "cats\\..\\evil.png"):  # noqa: S108
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for path, content in GOOD:
                archive.writestr(path, content)
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            archive.writestr(entry, picture(1))
        yield file.getvalue()
    link = zipfile.ZipInfo("cats/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    yield zipped([*GOOD, (link, b"/etc/passwd")])
    yield zipped([*GOOD, ("cats/bomb.png", bytes(20_000_000))])
    yield zipped([*GOOD, ("more.zip", zipped(GOOD))])
    yield zipped(GOOD)[:-200]
    yield b"PK\3\4nothing"
    yield b""


def test_nothing_is_written_outside_the_cache(odd_folder, watched, tmp_path, monkeypatch):
    writing, opened, made = [], builtins.open, os.open

    def watch(file, mode="r", *args, **options):
        if set(mode) & set("wax+") and isinstance(file, str | Path):
            writing.append(Path(file).resolve())
        return opened(file, mode, *args, **options)

    def watch_made(path, flags, *args, **options):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            writing.append(Path(os.fsdecode(path)).resolve())
        return made(path, flags, *args, **options)

    monkeypatch.setattr(builtins, "open", watch)
    monkeypatch.setattr(io, "open", watch)
    monkeypatch.setattr(os, "open", watch_made)
    before = watched()
    read_folder(odd_folder)
    read_zip(zipped(GOOD))
    read_files([*GOOD, ("../../evil.png", picture(1)), ("/etc/evil.png", picture(2)), ("cats/x.png", b"broken")])
    for content in hostile_zips():
        with pytest.raises(DatasetError) as raised:
            read_zip(content)
        assert str(raised.value).endswith(".")
    with pytest.raises(DatasetError):
        read_files([("../a/1.png", picture(1)), ("../../b/1.png", picture(1))])
    assert watched() == before
    assert len(writing) > 5
    assert all(path.is_relative_to(tmp_path / "cache") for path in writing)
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"datasets"}
    assert all(len(path.name) == 64 for path in store.folder().iterdir())


def test_a_zip_whose_one_file_is_damaged_names_it():
    content = bytearray(zipped([("cats/victim.png", RANDOM.bytes(3000)), *GOOD]))
    content[1000] ^= 255
    dataset = read_zip(bytes(content))
    assert [one.file for one in dataset.skipped] == ["cats/victim.png"]
    assert "damaged inside the archive" in dataset.skipped[0].reason
    assert sum(map(len, dataset.splits.values())) == 12


def test_a_file_in_a_zip_that_is_too_large_is_not_even_unpacked(limited):
    limited(max_image_bytes=1000)
    dataset = read_zip(zipped([*GOOD, ("cats/large.png", RANDOM.bytes(1500))]))
    assert [(one.file, one.reason) for one in dataset.skipped] == [
        ("cats/large.png", "it has 0.0 MB; 0.001 MB is the limit for a picture")
    ]


def test_several_archives_read_as_one():
    first, second = GOOD[:6], [("birds/1.png", picture(40)), ("birds/2.png", picture(41)), ("birds/3.png", picture(42))]
    options = reading.Options()
    dataset = read_archives([zipped(first), zipped(second)], "both", options)
    assert (dataset.name, dataset.class_names) == ("both", ("birds", "cats"))
    assert sorted(number for where in contents(dataset).values() for _, number in where) == [*range(6), 40, 41, 42]


def test_only_a_few_pictures_are_read_ahead(limited):
    """Were every picture as large as is allowed, no more than fits the memory set aside is decoded side by side."""
    limited(max_image_pixels=200_000_000)  # one of them fills it
    files = [(f"{label}/{number}.png", picture(number)) for label in "ab" for number in range(100)]
    source, begun = sources.of_files(files, "many"), []

    def counting(place):
        begun.append(place)
        return source.read(place)

    def tell(share, _):
        if share == 1 / 200:
            time.sleep(0.3)  # long enough to decode them all
        ahead.append(len(begun) - share * 200)

    ahead = []
    reading.read(replace(source, read=counting), reading.Options(image_size=8), tell)
    assert max(ahead) <= 4 * reading.TOGETHER
    assert len(begun) == 200


def test_colours_used_here_are_no_greys():
    assert len({colour_of(number) for number in range(4096)}) == 4096
    assert all(len(set(colour_of(number))) == 3 for number in range(4096))
