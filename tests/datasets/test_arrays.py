"""IDX and NPZ files: read as they are written, and refused when they lie."""

import gzip
import io
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from explorer.datasets.arrays import dataset_of, idx_files, read_idx, read_idx_dataset, read_npz_dataset
from explorer.errors import DatasetError

LIMIT = 1_000_000
NAMES = ("zero", "one", "two")


def idx(array, kind=8):
    """As LeCun describes it, byte by byte."""
    head = bytes((0, 0, kind, array.ndim)) + b"".join(struct.pack(">I", size) for size in array.shape)
    return head + array.astype(np.uint8).tobytes()


def arrays(train=30, test=12, seed=0):
    random = np.random.default_rng(seed)
    return {
        "x_train": random.integers(0, 256, (train, 28, 28)).astype(np.uint8),
        "y_train": (np.arange(train) % 3).astype(np.uint8),
        "x_test": random.integers(0, 256, (test, 28, 28)).astype(np.uint8),
        "y_test": (np.arange(test) % 3).astype(np.uint8),
    }


IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def same(dataset, content):
    for name, part in (("train", "train"), ("test", "test")):
        split, images = dataset.splits[name], content[f"x_{part}"]
        assert np.array_equal(split.images, images.reshape(*images.shape[:3], -1))
        assert split.labels.tolist() == content[f"y_{part}"].ravel().tolist()
        assert split.labels.dtype == np.int64
    assert len(dataset.validation) == 0
    assert dataset.validation.images.shape[1:] == dataset.image_shape
    return True


def refused(tmp_path, content, name="file-idx3-ubyte"):
    """The sentence with which a file is refused."""
    (tmp_path / name).write_bytes(content)
    read = read_npz_dataset if name.endswith(".npz") else read_idx
    more = ("digits", NAMES) if name.endswith(".npz") else ()
    with pytest.raises(DatasetError) as raised:
        read(tmp_path / name, *more, max_bytes=LIMIT)
    assert name in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("shape", [(7,), (3, 4), (5, 4, 3), (2, 3, 4, 3), (0, 28, 28)])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_plain_and_gzipped(tmp_path, shape, suffix):
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    content = gzip.compress(idx(array)) if suffix else idx(array)
    (tmp_path / f"a-ubyte{suffix}").write_bytes(content)
    read = read_idx(tmp_path / f"a-ubyte{suffix}", max_bytes=LIMIT)
    assert read.shape == shape
    assert read.dtype == np.uint8
    assert np.array_equal(read, array)


GOOD = idx(np.arange(60).reshape(5, 4, 3))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"\x89PNG" + bytes(100),
        idx(np.zeros((2, 3)), kind=13),
        bytes((0, 0, 8, 0)),
        bytes((0, 0, 8, 5)) + bytes(200),
        bytes((0, 1, 8, 1, 0, 0, 0, 1, 7)),
        b"\x1f\x8b" + bytes(20),
    ],
)
def test_files_that_are_no_idx(tmp_path, content):
    assert "is not an IDX file of whole numbers from 0 to 255" in refused(tmp_path, content)


def test_idx_files_that_are_cut_or_longer_than_they_say(tmp_path):
    assert "damaged or cut short" in refused(tmp_path, GOOD[:9])
    for content in (GOOD[:-1], GOOD[:16], GOOD + b"x", GOOD + bytes(5000)):
        assert "is cut short, or longer than its head says" in refused(tmp_path, content)
    whole = gzip.compress(GOOD)
    for content in (whole[:-3], whole[:20], whole[:5], b"no gzip at all"):
        assert "is damaged or cut short. Get it again." in refused(tmp_path, content, "file-ubyte.gz")
    damaged = bytearray(whole)
    damaged[-6] ^= 1  # its checksum
    assert "damaged" in refused(tmp_path, bytes(damaged), "file-ubyte.gz")
    with pytest.raises(DatasetError, match="nothing-ubyte is damaged or cut short"):
        read_idx(tmp_path / "nothing-ubyte", max_bytes=LIMIT)


@pytest.mark.parametrize("shape", [(LIMIT + 1,), (2**32 - 1,) * 4, (1001, 1000)])
def test_an_idx_head_that_promises_too_much_is_refused_before_anything_is_read(tmp_path, shape):
    head = bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape)
    assert f"; {LIMIT:,} is the limit." in refused(tmp_path, head + bytes(100))


def test_a_gzipped_bomb_is_not_unpacked(tmp_path):
    head = bytes((0, 0, 8, 1)) + struct.pack(">I", LIMIT)
    bomb = gzip.compress(head + bytes(60 * LIMIT))
    tracemalloc.start()
    assert "longer than its head says" in refused(tmp_path, bomb, "bomb-ubyte.gz")
    assert tracemalloc.get_traced_memory()[1] < 8 * LIMIT
    tracemalloc.stop()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("sign", ["-", "."])
def test_the_four_idx_files_of_a_dataset(tmp_path, suffix, sign):
    content = arrays()
    for key, name in IDX_NAMES.items():
        file = idx(content[key])
        (tmp_path / (name.replace("-idx", f"{sign}idx") + suffix)).write_bytes(gzip.compress(file) if suffix else file)
    files = idx_files(tmp_path)
    assert [file.name.split(sign + "idx")[0] for file in files] == [
        name.split("-idx")[0] for name in IDX_NAMES.values()
    ]
    assert same(read_idx_dataset(files, "digits", NAMES, max_bytes=LIMIT), content)
    files[2].unlink()
    assert idx_files(tmp_path) is None


def test_plain_idx_files_come_before_gzipped_ones(tmp_path):
    for name in IDX_NAMES.values():
        (tmp_path / f"{name}.gz").write_bytes(b"")
        (tmp_path / name).write_bytes(b"")
    assert [file.suffix for file in idx_files(tmp_path)] == [""] * 4


def test_idx_files_that_do_not_go_together(tmp_path):
    content = arrays()
    content["y_train"] = content["y_train"][:-1]
    for key, name in IDX_NAMES.items():
        (tmp_path / name).write_bytes(idx(content[key]))
    with pytest.raises(DatasetError, match="Each of the 30 pictures needs one whole number as its label"):
        read_idx_dataset(idx_files(tmp_path), "digits", NAMES, max_bytes=LIMIT)
    with pytest.raises(DatasetError, match=r"one whole number as its label|Pictures of a dataset are uint8"):
        read_idx_dataset(list(reversed(idx_files(tmp_path))), "digits", NAMES, max_bytes=LIMIT)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_files_as_keras_has_them(tmp_path, save):
    content = arrays()
    save(tmp_path / "mnist.npz", **content, another=np.arange(3))
    assert same(read_npz_dataset(tmp_path / "mnist.npz", "digits", NAMES, max_bytes=LIMIT), content)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64, np.uint16])
def test_labels_in_a_column_and_of_other_types(tmp_path, kind):
    content = arrays()
    for part in ("train", "test"):
        content[f"y_{part}"] = content[f"y_{part}"].reshape(-1, 1).astype(kind)
        content[f"x_{part}"] = np.repeat(content[f"x_{part}"][..., None], 3, 3)[:, :8, :9]
    np.savez(tmp_path / "cifar.npz", **content)
    dataset = read_npz_dataset(tmp_path / "cifar.npz", "pictures", NAMES, max_bytes=LIMIT)
    assert same(dataset, content)
    assert dataset.image_shape == (8, 9, 3)
    assert same(
        dataset_of(*((content[f"x_{part}"], content[f"y_{part}"]) for part in ("train", "test")), "x", NAMES), content
    )


class Evil:
    """Would leave a mark, were it unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def npz(**members):
    """A zip of members that are bytes already."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def header(text, version=1):
    said = text.encode() + b"\n"
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H", len(said)) + said


def test_npz_files_with_pickles_are_refused_and_nothing_is_run(tmp_path):
    mark = tmp_path / "mark"
    members = {key: npy(array) for key, array in arrays().items()}
    evil = np.empty(30, object)
    evil[:] = [Evil(mark)] * 30
    sentence = "evil.npz is not an NPZ file of plain numbers, or is damaged."
    for content in (npz(**members | {"y_train": npy(evil)}), pickle.dumps(Evil(mark))):
        assert refused(tmp_path, content, "evil.npz") == sentence
    (tmp_path / "evil.npz").write_bytes(npz(**members | {"x_test": pickle.dumps(Evil(mark))}))
    with pytest.raises(DatasetError, match="Pictures of a dataset are uint8"):
        read_npz_dataset(tmp_path / "evil.npz", "digits", NAMES, max_bytes=LIMIT)
    assert not mark.exists()


@pytest.mark.parametrize(
    "head",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000000000, 28, 28), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999999999,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 28, 28), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (40, 28, 28), }",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': (30, 28, 28), }",
        "{'descr': [('a', '|u1', (9999999999,))], 'fortran_order': False, 'shape': (30,), }",
        "{'descr': '|u1', 'shape': (30, 28, 28), }",
        "{" * 3000,
        "__import__('os').abort()",
        "9" * 20_000,
        "",
    ],
)
def test_npz_files_whose_heads_lie(tmp_path, head):
    members = {key: npy(array) for key, array in arrays().items()} | {"x_train": header(head) + bytes(30 * 28 * 28)}
    sentence = refused(tmp_path, npz(**members), "lies.npz")
    assert sentence == "lies.npz is not an NPZ file of plain numbers, or is damaged."


def test_npz_files_that_are_damaged_or_something_else(tmp_path):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays())
    whole = file.getvalue()
    broken = bytearray(whole)
    broken[2000] ^= 255
    encrypted = bytearray(npz(**{key: npy(array) for key, array in arrays().items()}))
    at = encrypted.find(b"PK\1\2")
    encrypted[at + 8] |= 1
    encrypted[6] |= 1
    alone = npy(arrays()["x_train"])
    for content in (b"", whole[:5000], whole[:-30], bytes(broken), b"PK\3\4", alone, bytes(encrypted), alone + whole):
        assert "is not an NPZ file of plain numbers, or is damaged." in refused(tmp_path, content, "x.npz")
    with pytest.raises(DatasetError, match=r"no.npz is not an NPZ file"):
        read_npz_dataset(tmp_path / "no.npz", "x", NAMES, max_bytes=LIMIT)


@pytest.mark.parametrize("missing", ["x_train", "y_train", "x_test", "y_test"])
def test_npz_files_in_which_something_is_missing(tmp_path, missing):
    file = io.BytesIO()
    np.savez(file, **{key: array for key, array in arrays().items() if key != missing})
    assert (
        refused(tmp_path, file.getvalue(), "x.npz") == "x.npz has to hold the arrays x_train, y_train, x_test, y_test."
    )


def test_npz_files_that_are_too_large_are_not_unpacked(tmp_path):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays(), large=np.zeros(40 * LIMIT, np.uint8))
    tracemalloc.start()
    assert "unpacks to 40,033" in refused(tmp_path, file.getvalue(), "large.npz")
    assert tracemalloc.get_traced_memory()[1] < LIMIT
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"y_train": np.zeros(30)}, "Labels are whole numbers; these are float64"),
        ({"y_train": np.zeros((30, 10), np.uint8)}, "Each of the 30 pictures needs one whole number"),
        ({"y_test": np.full(12, 3)}, "The labels of 'digits' go from 3 to 3; with 3 classes they are 0 to 2"),
        ({"y_test": np.full(12, -1)}, "go from -1 to -1"),
        ({"x_train": np.zeros((30, 28, 28))}, "Pictures of a dataset are uint8"),
        ({"x_train": np.zeros((30, 784), np.uint8)}, "of the shape"),
        ({"x_train": np.zeros((30, 3, 32, 32), np.uint8)}, "1 or 3"),
        ({"x_train": np.zeros((30, 27, 28), np.uint8)}, "do not have pictures of the same size"),
        ({"x_train": np.uint8(3)}, "of the shape"),
    ],
)
def test_arrays_that_do_not_go_together(tmp_path, changes, sentence):
    np.savez(tmp_path / "x.npz", **arrays() | changes)
    with pytest.raises(DatasetError, match=sentence):
        read_npz_dataset(tmp_path / "x.npz", "digits", NAMES, max_bytes=LIMIT)
