"""Zip archives: good ones read as zipfile reads them, hostile ones are refused whole, and nothing is ever written."""

import builtins
import io
import os
import stat
import struct
import tempfile
import threading
import time
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest

from explorer.datasets import archive as module
from explorer.datasets.archive import Archive, BrokenEntry, Entry
from explorer.errors import DatasetError
from explorer.settings import HOSTED, LOCAL

ZEROS_900K = bytes(900_000)
ANY = 0xFFFFFFFF


@pytest.fixture(autouse=True)
def watched(tmp_path, monkeypatch):
    """The working directory, home and the folder for temporary files, which stay empty."""
    folder = tmp_path / "watched"
    folder.mkdir()
    for name in ("HOME", "TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.rglob("*")) == []


def deflate(content):
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(content) + stream.flush()


@dataclass
class Part:
    """One entry, with everything that can be wrong about it."""

    name: bytes
    content: bytes = b"pixels"
    method: int = 0
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    checksum: int | None = None
    flags: int = 0
    mode: int = 0
    volume: int = 0
    offset: int | None = None
    local_name: bytes | None = None
    local_extra: bytes = b""
    extra: bytes = b""
    comment: bytes = b""

    def __post_init__(self):
        self.packed = self.packed if self.packed is not None else self._pack()
        self.size = self.size if self.size is not None else len(self.content)
        self.packed_size = self.packed_size if self.packed_size is not None else len(self.packed)
        self.checksum = self.checksum if self.checksum is not None else zlib.crc32(self.content)

    def _pack(self):
        return deflate(self.content) if self.method == 8 else self.content

    @property
    def _common(self):
        return self.flags, self.method, 0, 33, self.checksum, self.packed_size, self.size

    def local(self):
        name = self.local_name if self.local_name is not None else self.name
        lengths = (len(name), len(self.local_extra))
        return struct.pack("<4s5H3I2H", b"PK\3\4", 20, *self._common, *lengths) + name + self.local_extra

    def listed(self, offset):
        lengths = (len(self.name), len(self.extra), len(self.comment), self.volume, 0, self.mode << 16)
        head = struct.pack("<4s2H4H3I5H2I", b"PK\1\2", 20, 20, *self._common, *lengths, offset)
        return head + self.name + self.extra + self.comment


def build(*parts, prefix=b"", count=None, disk=0, parts_here=None, offset=None, size=None, zip64=False, comment=b""):
    """An archive, record by record as in PKWARE's APPNOTE; the arguments lie where they are given."""
    body, offsets = io.BytesIO(), []
    for part in parts:
        offsets.append(body.tell() if part.offset is None else part.offset)
        if part.offset is None:
            body.write(part.local() + part.packed)
    body = body.getvalue()
    listing = b"".join(part.listed(place) for part, place in zip(parts, offsets, strict=True))
    count = len(parts) if count is None else count
    here = count if parts_here is None else parts_here
    offset = len(body) if offset is None else offset
    size = len(listing) if size is None else size
    end = b""
    if zip64:
        end = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, disk, disk, here, count, size, offset)
        end += struct.pack("<4sIQI", b"PK\6\7", 0, len(body + listing), disk + 1)
        disk, here, count, size, offset = 0, 0xFFFF, 0xFFFF, ANY, ANY
    end += struct.pack("<4s4H2IH", b"PK\5\6", disk, disk, here % 2**16, count % 2**16, size, offset, len(comment))
    return prefix + body + listing + end + comment


def contents(file, limits=LOCAL):
    with Archive(file, limits) as archive:
        return {entry.name: archive.read(entry) for entry in archive.entries}


def as_zipfile_reads(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {info.filename: file.read(info) for info in file.infolist() if not info.is_dir()}


def packed(files, method=zipfile.ZIP_DEFLATED, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method, **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def refusal(data, limits=LOCAL):
    with pytest.raises(DatasetError) as caught:
        Archive(data, limits)
    sentence = str(caught.value)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert len(sentence) < 400
    assert sentence.isprintable()
    return sentence


NOISE = np.random.default_rng(7).bytes(20_000)
GOOD = {"cats/1.jpg": NOISE, "cats/2.png": b"purr" * 500, "dogs/1.jpg": b"woof", "dogs/empty.jpg": b""}


# Good archives


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_good_archive_reads_as_zipfile_reads_it(method, tmp_path):
    data = packed(GOOD, method)
    (tmp_path / "good.zip").write_bytes(data)
    for file in (data, io.BytesIO(data), tmp_path / "good.zip"):
        assert contents(file) == as_zipfile_reads(data) == GOOD
    with Archive(data) as archive:
        assert archive.entries[2] == Entry("dogs/1.jpg", 4, zlib.crc32(b"woof"))


def test_the_archives_of_these_tests_are_real():
    parts = [Part(b"a/1.jpg", b"one" * 99, method=8), Part(b"b/2.jpg", b"two", extra=b"\x99\x99\1\0x", comment=b"hm")]
    for data in (build(*parts), build(*parts, zip64=True), build(*parts, comment=b"from afar", prefix=b"#!")):
        assert contents(data) == as_zipfile_reads(data) == {"a/1.jpg": b"one" * 99, "b/2.jpg": b"two"}


def test_folders_are_reported_apart_and_what_file_managers_leave_is_not():
    files = {"cats/": b"", "cats/1.jpg": b"1", "none/": b"", "__MACOSX/": b"", "__MACOSX/cats/._1.jpg": b"2"}
    files |= {"cats/.DS_Store": b"3", ".git/x.jpg": b"4", ".git/": b"", "cats/thumbs.db": b"5", "Desktop.ini": b"6"}
    with Archive(packed(files | {"./cats//deep/./x.y.jpg": b"7", "./": b"", ".hidden.zip": b"8"})) as archive:
        assert [entry.name for entry in archive.entries] == ["cats/1.jpg", "cats/deep/x.y.jpg"]
        assert archive.folders == ("cats", "none")


def test_names_in_every_alphabet_read_right():
    names = ["Kätzchen/бабочка.jpg", "猫/🐈.png"]
    assert list(contents(packed(dict.fromkeys(names, b"x")))) == names
    unflagged = build(Part("Kätzchen/бабочка.jpg".encode()), Part("Kätzchen/é.jpg".encode("cp437")))
    assert list(contents(unflagged)) == ["Kätzchen/бабочка.jpg", "Kätzchen/é.jpg"]


def test_a_program_in_front_is_allowed():
    program = b"MZ" + bytes(5000)
    data = packed(GOOD)
    assert contents(program + data) == GOOD  # all positions are off by 5002
    assert contents(build(Part(b"a.jpg", offset=None), prefix=program)) == {"a.jpg": b"pixels"}


def test_zip64_and_streamed_archives_read_right():
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise OSError

        def tell(self):
            raise OSError

    plain, pipe = io.BytesIO(), Pipe()
    for file in (plain, pipe):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in GOOD.items():
                with archive.open(name, "w", force_zip64=True) as entry:
                    entry.write(content)
        assert contents(file.getvalue()) == GOOD
    wide = struct.pack("<2H3Q", 1, 24, 6, 6, 0)  # size, packed size, place
    data = bytearray(build(Part(b"a.jpg", extra=b"\x99\x99\0\0" + wide), zip64=True))
    listed = data.index(b"PK\1\2")
    data[listed + 20 : listed + 28] = data[listed + 42 : listed + 46] * 0 + struct.pack("<2I", ANY, ANY)
    data[listed + 42 : listed + 46] = struct.pack("<I", ANY)
    assert contents(bytes(data)) == as_zipfile_reads(bytes(data)) == {"a.jpg": b"pixels"}


def test_counts_beyond_16_bits_are_believed_as_macos_writes_them(monkeypatch):
    parts = [Part(b"%d" % number, b"") for number in range(65_540)]
    data = build(*parts)
    with Archive(data, LOCAL) as archive:
        assert len(archive.entries) == 65_540
    looked_at, decode = [], module._decode
    monkeypatch.setattr(module, "_decode", lambda raw, flags: looked_at.append(raw) or decode(raw, flags))
    assert "more files and folders than the limit of 20,000" in refusal(data, HOSTED)  # it announces only 4
    assert len(looked_at) == 20_001


def test_the_callers_file_stays_open_and_a_path_is_closed(tmp_path):
    file, path = io.BytesIO(packed(GOOD)), tmp_path / "good.zip"
    path.write_bytes(packed(GOOD))
    with Archive(file) as mine, Archive(path) as its:
        pass
    assert mine.read(mine.entries[0]) == NOISE
    with pytest.raises(ValueError, match="closed file"):
        its.read(its.entries[0])
    path.write_bytes(b"no zip at all")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        refusal(path)
    assert "cannot be opened: No such file" in refusal(tmp_path / "none.zip")
    assert "cannot be opened: Is a directory" in refusal(tmp_path)


# Threads


def test_threads_do_not_get_each_others_bytes():
    class Hasty(io.BytesIO):
        def seek(self, *place):
            at = super().seek(*place)
            time.sleep(0)  # another thread's turn
            return at

    files = {f"{number}.jpg": b"%d" % number * 50 for number in range(400)}
    with Archive(Hasty(packed(files))) as archive, ThreadPoolExecutor(8) as pool:
        read = list(pool.map(archive.read, archive.entries))
    assert read == list(files.values())


def test_two_threads_unpack_at_the_same_time(monkeypatch):
    both, inflate = threading.Barrier(2, timeout=10), module._inflate

    def together(*arguments):
        both.wait()
        return inflate(*arguments)

    monkeypatch.setattr(module, "_inflate", together)
    with Archive(packed(GOOD)) as archive, ThreadPoolExecutor(2) as pool:
        assert list(pool.map(archive.read, archive.entries)) == list(GOOD.values())


# Hostile archives

LONG = b"x" * 1024
FLAWED = {
    "absolute": (Part(b"/etc/passwd"), "'/etc/passwd': an absolute path"),
    "absolute folder": (Part(b"/"), "'/': an absolute path"),
    "drive": (Part(b"C:/x.jpg"), "'C:/x.jpg': an absolute path"),
    "drive without slash": (Part(b"c:x.jpg"), "'c:x.jpg': an absolute path"),
    "parent": (Part(b"a/../../x.jpg"), "'a/../../x.jpg': a path that leads out"),
    "parent at the end": (Part(b"a/.."), "'a/..': a path that leads out"),
    "parent among litter": (Part(b"__MACOSX/../x"), "'__MACOSX/../x': a path that leads out"),
    "backslash": (Part(rb"..\x.jpg"), r"'..\\x.jpg': a name with a backslash"),
    "nul": (Part(b"ok.jpg\0/../x"), r"'ok.jpg\x00/../x': a name with characters"),
    "newline": (Part(b"a\n# big.jpg"), r"'a\n# big.jpg': a name with characters"),
    "c1 control": (Part("a\x9b31m.jpg".encode()), r"'a\x9b31m.jpg': a name with characters"),
    "line separator": (Part("a\u2028.jpg".encode()), r"'a\u2028.jpg': a name with characters"),
    "no name": (Part(b""), "'': a file without a name"),
    "too long": (Part(LONG + b"x"), "'" + "x" * 79 + "…': a name longer than 1024 characters"),
    "symlink": (Part(b"link.jpg", b"/etc/passwd", mode=stat.S_IFLNK | 0o777), "'link.jpg': a link"),
    "device": (Part(b"null.jpg", b"", mode=stat.S_IFCHR | 0o666), "'null.jpg': a link"),
    "fifo": (Part(b"pipe.jpg", b"", mode=stat.S_IFIFO), "'pipe.jpg': a link"),
    "encrypted": (Part(b"a.jpg", flags=1), "'a.jpg': encrypted"),
    "strongly encrypted": (Part(b"a.jpg", flags=0x40), "'a.jpg': encrypted"),
    "masked": (Part(b"a.jpg", flags=0x2000), "'a.jpg': encrypted"),
    "bzip2": (Part(b"a.jpg", method=12), "'a.jpg': packed in an unusual way"),
    "lzma": (Part(b"a.jpg", method=14), "'a.jpg': packed in an unusual way"),
    "deflate64": (Part(b"a.jpg", method=9), "'a.jpg': packed in an unusual way"),
    "other volume": (Part(b"a.jpg", volume=1), "'a.jpg': in another part"),
    "ratio": (Part(b"big.bmp", bytes(10_000_000), method=8), "'big.bmp': a file that unpacks to more than 200 times"),
    "ratio from nothing": (Part(b"a.bmp", b"", size=1_000_001), "'a.bmp': a file that unpacks to more than 200"),
    "4 GB without zip64": (Part(b"a.bmp", size=ANY), "'a.bmp': a file that unpacks to more than 200"),
    "not utf-8": (Part(b"\xff\xfe.jpg", flags=0x800), r"name b'\xff\xfe.jpg' is not the UTF-8"),
    "longer than the file": (Part(b"a.jpg", packed_size=7), "'a.jpg' is longer than the archive"),
    "behind the end": (Part(b"a.jpg", offset=10**9), "'a.jpg' is longer than the archive"),
    "behind 64 bits": (
        Part(b"a.jpg", offset=ANY, extra=struct.pack("<2HQ", 1, 8, 2**64 - 1)),
        "'a.jpg' is longer than the archive",
    ),
    "another name inside": (Part(b"a.jpg", local_name=b"b.jpg"), "'a.jpg' is not where"),
    "a longer name inside": (Part(b"a.jpg", local_name=b"a.jpg/../x"), "'a.jpg' is not where"),
    "points into data": (Part(b"a.jpg", offset=1), "'cats/0.jpg' overlaps with 'a.jpg'"),
} | {
    f"nested {name}": (Part(f"a/{name}".encode()), f"'a/{name}': an archive inside the archive")
    for name in ("b.zip", "b.TAR", "b.tgz", "b.tar.gz", "b.bz2", "b.xz", "b.7z", "b.rar", "b.Jar")
}


@pytest.mark.parametrize("case", FLAWED)
def test_one_hostile_entry_refuses_the_whole_archive(case):
    part, words = FLAWED[case]
    good = [Part(b"cats/%d.jpg" % number) for number in range(3)]
    assert words in refusal(build(*good, part))
    assert contents(build(*good)).keys() == {"cats/0.jpg", "cats/1.jpg", "cats/2.jpg"}


def test_what_is_only_unusual_is_allowed():
    parts = [Part(LONG), Part(b"a..jpg"), Part(b"...b/x"), Part(b"photos.zip/1.jpg"), Part(b":1.jpg", volume=0xFFFF)]
    parts += [Part(b"zipper"), Part(b"x.jpg", mode=stat.S_IFREG | 0o644), Part(b"y/", b"", mode=stat.S_IFDIR | 0o755)]
    with Archive(build(*parts)) as archive:
        assert [entry.name for entry in archive.entries] == [
            LONG.decode(), "a..jpg", "photos.zip/1.jpg", ":1.jpg", "zipper", "x.jpg",
        ]  # fmt: skip
        assert archive.folders == ("y",)


def test_what_only_looks_like_another_archive_or_a_bomb():
    tarry = bytes(257 - 30 - 5) + b"ustar"
    assert contents(build(Part(b"a.jpg", tarry))) == {"a.jpg": tarry}
    plain = NOISE + bytes(1_400_000)  # a plain ground behind a small form: 66 times its packed size
    assert contents(build(Part(b"a.bmp", plain, method=8))) == {"a.bmp": plain}


def test_the_same_name_twice():
    assert "'a.jpg' twice" in refusal(build(Part(b"a.jpg"), Part(b"b.jpg"), Part(b"a.jpg", b"other")))
    assert "'./a.jpg' twice" in refusal(build(Part(b"a.jpg"), Part(b"./a.jpg")))
    assert "'a/' twice" in refusal(build(Part(b"a"), Part(b"a/", b"")))
    assert len(contents(build(Part(b"a.jpg"), Part(b"A.jpg")))) == 2


def test_entries_that_share_bytes():
    first = Part(b"a.jpg", local_name=b"b.jpg")
    assert "overlaps with 'b.jpg'" in refusal(build(Part(b"a.jpg"), Part(b"b.jpg", offset=0)))
    assert "overlaps" in refusal(build(first, Part(b"b.jpg", offset=0), Part(b"c.jpg")))
    assert "'a.jpg' overlaps with 'b.jpg'" in refusal(build(Part(b"a.jpg", packed_size=7), Part(b"b.jpg")))
    extra = Part(b"a.jpg", local_extra=b"\x99\x99\x08\0" + bytes(8))
    assert contents(build(extra, Part(b"b.jpg"))) == {"a.jpg": b"pixels", "b.jpg": b"pixels"}
    data = bytearray(build(extra, Part(b"b.jpg")))
    data[28:30] = struct.pack("<H", 13)  # of the extra field: a.jpg's data starts one byte later
    assert "'a.jpg' overlaps with 'b.jpg'" in refusal(bytes(data))


def test_fifields_quoted_overlap():
    """The data of ``a`` is a stored block that quotes the header of ``b``, and then the data of ``b``."""
    content = bytes(500_000)
    inner = Part(b"b", content, method=8)
    header = inner.local()
    quote = b"\0" + struct.pack("<2H", len(header), len(header) ^ 0xFFFF)
    outer = Part(b"a", header + content, method=8, packed=quote + header + inner.packed)
    assert zlib.decompress(outer.packed, -15) == outer.content  # two files of half a megabyte, one kernel of 0.5 kB
    inner.offset = len(outer.local()) + len(quote)
    assert "'a' overlaps with 'b'" in refusal(build(outer, inner))


def test_an_archive_of_many_small_bombs():
    zeros = deflate(ZEROS_900K)
    parts = [Part(b"%d.bmp" % number, ZEROS_900K, 8, zeros) for number in range(6)]
    assert contents(build(*parts[:5]))["4.bmp"] == ZEROS_900K  # 4.5 MB may be packed as tightly as they like
    assert "more than 100 times its packed size, above all '0.bmp'" in refusal(build(*parts))
    heavy = Part(b"noise.jpg", np.random.default_rng(1).bytes(60_000))
    assert len(contents(build(*parts, heavy))) == 7  # 5.46 MB in 65 kB


def test_limits():
    data = packed(GOOD)
    unpacked = sum(map(len, GOOD.values()))
    just = replace(LOCAL, max_archive_bytes=len(data), max_archive_entries=len(GOOD), max_unpacked_bytes=unpacked)
    assert contents(data, just) == GOOD
    assert "the limit is" in refusal(data, replace(just, max_archive_bytes=len(data) - 1))
    assert "more files and folders than the limit of 3" in refusal(data, replace(just, max_archive_entries=3))
    sentence = refusal(data, replace(just, max_unpacked_bytes=unpacked - 1))
    assert "unpacks to 0.0 MB, of which 'cats/1.jpg' is 0.0 MB" in sentence
    wordy = build(Part(b"a.jpg", comment=bytes(3000)), Part(b"b.jpg"))
    assert "table of contents is 0.0 MB" in refusal(wordy, replace(LOCAL, max_archive_entries=2))


def test_a_table_of_contents_that_lies():
    parts = [Part(b"a.jpg"), Part(b"b.jpg")]
    damaged = "its table of contents cannot be read"
    for lie in (
        {"count": 1}, {"count": 3}, {"count": 0}, {"size": 0}, {"size": 50}, {"size": 10**6}, {"offset": 10**6},
        {"offset": 10**6, "zip64": True}, {"size": 2**63, "zip64": True}, {"offset": 2**64 - 1, "zip64": True},
        {"count": 70_000, "size": 70_000 * 60, "zip64": True}, {"count": 70_000, "zip64": True},
    ):  # fmt: skip
        assert damaged in refusal(build(*parts, **lie)), lie
    assert "limit of 20,000" in refusal(build(*parts, count=70_000, zip64=True), HOSTED)
    assert "limit of 200,000" in refusal(build(*parts, count=2**63, zip64=True))
    assert "'a.jpg' is longer than the archive" in refusal(build(*parts, offset=0))  # as if a program were in front
    assert "'a.jpg' is not where" in refusal(build(*parts, prefix=b"program").replace(b"PK\3\4", b"PK\3\5"))
    wordy = build(Part(b"a.jpg"), Part(b"b.jpg", comment=b"PK\1\2"))
    lengths = wordy.rindex(b"PK\1\2", 0, -30) + 32
    for length in (0, 3, 5, 60_000):  # of the last comment, which is 4 long
        assert damaged in refusal(wordy[:lengths] + struct.pack("<H", length) + wordy[lengths + 2 :]), length
    assert damaged in refusal(build(*parts).replace(b"PK\1\2", b"PK\1\3"))
    wide = build(*parts, zip64=True)
    assert damaged in refusal(b"PK\6\6" + wide[wide.index(b"PK\6\7") :])
    assert damaged in refusal(wide.replace(b"PK\6\6", b"PK\0\0"))
    assert damaged in refusal(wide[wide.index(b"PK\6\7") :])


def test_parts_of_a_larger_archive():
    for lie in ({"disk": 1}, {"parts_here": 1}, {"disk": 1, "zip64": True}, {"parts_here": 1, "zip64": True}):
        assert "one part of several" in refusal(build(Part(b"a.jpg"), Part(b"b.jpg"), **lie)), lie


def test_files_that_are_no_zip_archive():
    tar = b"cats/1.jpg".ljust(257, b"\0") + b"ustar\00000".ljust(255, b"\0") + packed(GOOD)
    for head in (
        tar,
        b"7z\xbc\xaf\x27\x1c\0\4",
        b"Rar!\x1a\7\1\0",
        b"\x1f\x8b\x08\0",
        b"BZh9",
        b"\xfd7zXZ\0",
        b"(\xb5/\xfd",
    ):
        assert refusal(head) == "This is an archive of another kind than zip. Pack the folder as .zip."
    assert refusal(b"") == "The file is empty. Pack the folder as .zip."
    assert "not a zip archive" in refusal(NOISE)
    assert "not a zip archive" in refusal(b"PK\5\6")
    assert "no files in the archive" in refusal(packed({}))
    assert "no files in the archive" in refusal(packed({"cats/": b"", "cats/.x": b"", "desktop.ini": b""}))
    data = packed(GOOD)
    assert "cut short: its end is missing" in refusal(data[:-30])
    assert "cut short" in refusal(data[-60:])


# Broken entries


def test_one_wrong_checksum_breaks_that_entry_only():
    parts = [Part(b"a.jpg", method=8), Part(b"b.jpg", checksum=1, method=8), Part(b"c.jpg"), Part(b"d.jpg", checksum=1)]
    with Archive(build(*parts)) as archive:
        a, b, c, d = archive.entries
        assert archive.read(a) == archive.read(c) == b"pixels"
        for broken in (b, d):
            with pytest.raises(BrokenEntry, match="its checksum does not match"):
                archive.read(broken)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Part(b"a", method=8, packed=deflate(NOISE)[:-9], content=NOISE), "cut short"),
        (Part(b"a", method=8, packed=b""), "cut short"),
        (Part(b"a", method=8, packed=b"\xff" * 20), "cannot be unpacked"),
        (Part(b"a", method=8, size=5), "more than the 5 bytes"),
        (Part(b"a", method=8, size=0, checksum=0), "more than the 0 bytes"),
        (Part(b"a", method=8, size=7), "cut short"),
        (Part(b"a", size=5), "two different sizes"),
        (Part(b"a", size=7), "two different sizes"),
    ],
)
def test_a_damaged_or_lying_entry_breaks_and_the_next_one_does_not(part, words):
    with Archive(build(part, Part(b"good.jpg"))) as archive:
        with pytest.raises(BrokenEntry, match=words):
            archive.read(archive.entries[0])
        assert archive.read(archive.entries[1]) == b"pixels"


def test_a_bomb_with_a_small_listed_size_stops_there():
    """100 MB of zeros that are listed as 1000 bytes: nothing near 100 MB is made."""
    import tracemalloc

    chunk, stream = bytes(10**6), zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(stream.compress(chunk) for _ in range(100)) + stream.flush()
    with Archive(build(Part(b"a.bmp", b"", 8, bomb, size=1000))) as archive:
        tracemalloc.start()
        with pytest.raises(BrokenEntry, match="more than the 1,000 bytes"):
            archive.read(archive.entries[0])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 10**6


def test_a_file_that_fails_or_shrinks_after_opening(tmp_path):
    class Failing(io.BytesIO):
        broken = False

        def read(self, *size):
            if self.broken:
                raise OSError(5, "Input/output error")
            return super().read(*size)

    file = Failing(build(Part(b"a.jpg"), Part(b"b.jpg")))
    archive = Archive(file)
    file.broken = True
    with pytest.raises(BrokenEntry, match="Input/output error"):
        archive.read(archive.entries[0])
    assert "cannot be read: Input/output error" in refusal(file)
    path = tmp_path / "shrinks.zip"
    path.write_bytes(build(Part(b"a.jpg", NOISE)))
    with Archive(path) as archive:
        path.write_bytes(b"")
        with pytest.raises(BrokenEntry, match="cut short"):
            archive.read(archive.entries[0])


# Nothing is written, nothing else is raised


def test_no_file_is_opened_for_writing(tmp_path, monkeypatch):
    path = tmp_path / "good.zip"
    path.write_bytes(packed(GOOD))
    io_open, os_open = io.open, os.open

    def reading_only(file, mode="r", *rest, **options):
        assert not set(mode) & set("wax+"), file
        return io_open(file, mode, *rest, **options)

    def reading_only_below(file, flags, *rest, **options):
        assert not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT), file
        return os_open(file, flags, *rest, **options)

    def never(*arguments, **_):
        raise AssertionError(arguments)

    for owner, name, guard in (
        (builtins, "open", reading_only), (io, "open", reading_only), (os, "open", reading_only_below),
        (os, "mkdir", never), (os, "symlink", never), (os, "mkfifo", never),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, guard)
    assert contents(path) == GOOD
    for part, _ in FLAWED.values():
        refusal(build(part))
    with Archive(build(Part(b"a.jpg", checksum=1))) as archive, pytest.raises(BrokenEntry):
        archive.read(archive.entries[0])


def test_damage_at_five_hundred_places_raises_nothing_else():
    zip64 = io.BytesIO()
    with zipfile.ZipFile(zip64, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in GOOD.items():
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(content)
    small = GOOD | {"cats/1.jpg": NOISE[:100]}
    sources = [(packed(small), small), (packed(small, zipfile.ZIP_STORED), small), (zip64.getvalue(), GOOD)]
    chance, outcomes = np.random.default_rng(2024), dict.fromkeys(("refused", "broken", "right"), 0)
    for _ in range(500):
        data, files = sources[chance.integers(3)]
        damaged = bytearray(data)
        if chance.random() < 0.3:
            cut = chance.integers(len(data))
            del damaged[cut : cut + chance.choice((1, 10, len(data)))]
        else:
            for place in chance.integers(len(data), size=chance.choice((1, 1, 3))):
                damaged[place] = chance.choice((0, 0xFF, chance.integers(256)))
        try:
            with Archive(bytes(damaged), HOSTED) as archive:
                for entry in archive.entries:
                    try:
                        assert archive.read(entry) == files[entry.name]
                        outcomes["right"] += 1
                    except BrokenEntry:
                        outcomes["broken"] += 1
        except DatasetError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 50
