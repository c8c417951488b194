"""Zip archives from strangers: all of one is checked when it is opened, and nothing is ever unpacked to disk.

The records are those of PKWARE's APPNOTE.TXT 6.3.10. Python's zipfile makes an object of every entry before anyone can
count them, cuts names at NUL and, up to 3.11.7, lets entries overlap (CVE-2024-0450; D. Fifield, "A better zip bomb",
2019). So the table of contents is read here, from a copy whose size is known.
"""

import io
import re
import stat
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from explorer.datasets.layout import is_hidden
from explorer.errors import DatasetError
from explorer.settings import MAX_ARCHIVE_RATIO, MAX_ENTRY_NAME, MAX_ENTRY_RATIO, MEGABYTE, Settings, current

END = struct.Struct("<4s4H2I2x")
END_64 = struct.Struct("<4s12x2I4Q")
LOCATOR_64 = struct.Struct("<4s12xI")
LISTED = struct.Struct("<4s4x2H4x3I4H2x2I")
LOCAL = struct.Struct("<4s22x2H")
END_SIGN, END_64_SIGN, LOCATOR_64_SIGN = b"PK\5\6", b"PK\6\6", b"PK\6\7"
LISTED_SIGN, LOCAL_SIGN = b"PK\1\2", b"PK\3\4"
MAX_COMMENT = 0xFFFF
ELSEWHERE_16, ELSEWHERE_32 = 0xFFFF, 0xFFFFFFFF
"""A number too large for its field, which is in a zip64 field instead."""
STORED, DEFLATED = 0, 8
ENCRYPTED = 0x0001 | 0x0040 | 0x2000
UTF8 = 0x0800

LISTED_BYTES = 1024
"""Most bytes of the table of contents for each file that an archive may list; a photo takes about 100."""
FREE_ENTRY, FREE_ARCHIVE = 1 * MEGABYTE, 5 * MEGABYTE
"""What unpacks to no more bytes than this may be packed as tightly as it likes."""

OTHER_FORMATS = (
    *(
        (0, sign)
        for sign in (b"7z\xbc\xaf'\x1c", b"Rar!\x1a\x07", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
    ),
    (257, b"ustar"),
)
"""Where other archives have which bytes: 7z, RAR, gzip, bzip2, xz, Zstandard, tar."""
NESTED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".jar")

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
DRIVE = re.compile("[A-Za-z]:")

DAMAGED = "The archive is damaged or cut short: its table of contents cannot be read. Download or pack it again."


class BrokenEntry(Exception):  # noqa: N818  what is broken is the entry, and the archive is not
    """The bytes of one file in an archive are damaged; the message says how. The other files can be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive.

    Attributes:
        name: its path, with forward slashes.
        size: in bytes, unpacked, as the archive says.
        checksum: CRC-32 of its unpacked bytes, as the archive says.
    """

    name: str
    size: int
    checksum: int


class Archive:
    """A zip archive, checked as a whole; a context manager.

    A hostile or damaged archive is refused when it is opened. Only names, numbers and headers are read then; the
    contents come one by one through :meth:`read`, from any number of threads.

    Attributes:
        entries: the files, without what file managers leave behind: ``__MACOSX``, names that start with a dot, files in
            such folders, ``Thumbs.db`` and ``desktop.ini``.
        folders: the folders that the archive lists by themselves, empty ones among them.

    >>> import zipfile
    >>> file = io.BytesIO()
    >>> with zipfile.ZipFile(file, "w") as archive:
    ...     archive.writestr("cats/1.txt", b"purr")
    >>> with Archive(file) as archive:
    ...     [(entry.name, archive.read(entry)) for entry in archive.entries]
    [('cats/1.txt', b'purr')]
    """

    entries: tuple[Entry, ...]
    folders: tuple[str, ...]

    def __init__(self, file: bytes | Path | BinaryIO, limits: Settings | None = None) -> None:
        """Open and check an archive.

        Args:
            file: its bytes, its path, or an open file that can seek, which stays open.
            limits: the most bytes, entries and unpacked bytes; ``settings.current()`` when not given.

        Raises:
            DatasetError: it is no zip archive, damaged, over a limit, or holds something that a folder of pictures
                does not. The sentence names the entry.
        """
        self._lock = threading.Lock()
        self._owned = isinstance(file, Path)
        try:
            self._file = _open(file)
        except OSError as error:
            raise DatasetError(f"The archive cannot be opened: {error.strerror or error}.") from error
        try:
            self._check(limits or current())
        except OSError as error:
            self.close()
            raise DatasetError(f"The archive cannot be read: {error.strerror or error}.") from error
        except DatasetError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._owned:
            self._file.close()

    def read(self, entry: Entry) -> bytes:
        """The unpacked bytes of one file: ``entry.size`` of them, all in memory, so look at the size first.

        Raises:
            BrokenEntry: they are damaged, or more or fewer than the archive says.
        """
        place = self._places[entry]
        if place.method == STORED and place.packed != entry.size:
            raise BrokenEntry("The archive gives two different sizes for this file.")
        try:
            packed = self._bytes(place.start, place.packed)
        except OSError as error:
            raise BrokenEntry(f"The archive cannot be read any more: {error.strerror or error}.") from error
        content = packed if place.method == STORED else _inflate(packed, entry.size)
        if len(content) < entry.size:
            raise BrokenEntry("This file is cut short inside the archive.")
        if zlib.crc32(content) != entry.checksum:
            raise BrokenEntry("This file is damaged inside the archive: its checksum does not match.")
        return content

    def _bytes(self, start: int, size: int) -> bytes:
        """At most ``size`` bytes of the archive, fewer at its end."""
        with self._lock:
            self._file.seek(start)
            return self._file.read(size)

    def _check(self, limits: Settings) -> None:
        size = self._file.seek(0, io.SEEK_END)
        _check_format(self._bytes(0, 512), size, limits)
        table = _table(self._bytes, size)
        _check_table(table, limits)
        listing = self._bytes(table.start, table.size)
        records = list(islice(_records(listing, table.shift), limits.max_archive_entries + 1))
        _check_count(len(records), limits)
        if (len(records) - table.entries) % 2**16:  # macOS counts beyond 65,535 from 0 again
            raise DatasetError(DAMAGED)
        _check_records(records)
        _check_sizes(records, limits)
        kept = [record for record in records if record.name and not is_hidden(record.name)]
        files = [record for record in kept if not record.is_folder]
        if not files:
            raise DatasetError("There are no files in the archive. Pack a folder that holds folders of pictures.")
        starts = dict(_data_starts(self._bytes, records, table.start))
        self._places = {
            Entry(record.name, record.size, record.checksum): _Place(
                starts[record.offset], record.packed, record.method
            )
            for record in files
        }
        self.entries = tuple(self._places)
        self.folders = tuple(record.name for record in kept if record.is_folder)


class _Place(NamedTuple):
    """Where the packed bytes of a file are, how many they are, and how they were packed."""

    start: int
    packed: int
    method: int


class _Table(NamedTuple):
    """The table of contents: where it starts, its bytes, its entries, and how far the archive was shifted.

    An archive is shifted when something stands in front of it, as in a program that unpacks itself.
    """

    start: int
    size: int
    entries: int
    shift: int


class _Record(NamedTuple):
    """One entry as the table of contents lists it.

    Its ``name`` is its ``path`` without empty and ``.`` components; ``raw`` are the bytes of the path.
    """

    path: str
    name: str
    raw: bytes
    flags: int
    method: int
    checksum: int
    packed: int
    size: int
    mode: int
    volume: int
    offset: int

    @property
    def is_folder(self) -> bool:
        return self.path.endswith("/")

    @property
    def shown(self) -> str:
        """At most 80 characters of its path, harmless in a sentence."""
        return repr(self.path if len(self.path) <= 80 else self.path[:79] + "…")


Reader = Callable[[int, int], bytes]
"""Takes where to start and how many bytes are wanted."""


def _open(file: bytes | Path | BinaryIO) -> BinaryIO:
    if isinstance(file, Path):
        return file.open("rb")
    return io.BytesIO(file) if isinstance(file, bytes) else file


def _check_format(head: bytes, size: int, limits: Settings) -> None:
    if size == 0:
        raise DatasetError("The file is empty. Pack the folder as .zip.")
    if size > limits.max_archive_bytes:
        raise DatasetError(
            f"The archive is {size / MEGABYTE:,.1f} MB; the limit is {limits.max_archive_bytes / MEGABYTE:,g} MB. "
            "Pack fewer or smaller pictures."
        )
    if not head.startswith(b"PK") and any(head.startswith(sign, at) for at, sign in OTHER_FORMATS):
        raise DatasetError("This is an archive of another kind than zip. Pack the folder as .zip.")


def _table(read: Reader, size: int) -> _Table:
    """Find the table of contents by the record at the archive's end, or the zip64 record in front of it."""
    first = max(0, size - END.size - MAX_COMMENT)
    tail = read(first, size - first)
    at = tail.rfind(END_SIGN)
    if at < 0 or len(tail) - at < END.size:
        if read(0, 4) == LOCAL_SIGN:
            raise DatasetError("The archive is cut short: its end is missing. Download or pack it again.")
        raise DatasetError("This is not a zip archive. Pack the folder as .zip.")
    _, disk, table_disk, here, count, bytes_, offset = END.unpack_from(tail, at)
    end, disks = first + at, 1
    before = read(max(0, end - LOCATOR_64.size), LOCATOR_64.size)
    if before.startswith(LOCATOR_64_SIGN):
        disks = LOCATOR_64.unpack(before)[-1]
        end -= LOCATOR_64.size + END_64.size
        record = read(max(0, end), END_64.size)
        if end < 0 or not record.startswith(END_64_SIGN):
            raise DatasetError(DAMAGED)
        _, disk, table_disk, here, count, bytes_, offset = END_64.unpack(record)
    if disk or table_disk or here != count or disks > 1:
        raise DatasetError("The archive is one part of several. Pack the folder as a single .zip.")
    return _Table(start=end - bytes_, size=bytes_, entries=count, shift=end - bytes_ - offset)


def _check_table(table: _Table, limits: Settings) -> None:
    _check_count(table.entries, limits)
    if table.shift < 0:
        raise DatasetError(DAMAGED)
    if table.size > limits.max_archive_entries * LISTED_BYTES:
        raise DatasetError(
            f"The archive's table of contents is {table.size / MEGABYTE:,.1f} MB; the limit is "
            f"{limits.max_archive_entries * LISTED_BYTES / MEGABYTE:,.1f} MB. Pack fewer files, with shorter names."
        )


def _check_count(entries: int, limits: Settings) -> None:
    if entries > limits.max_archive_entries:
        raise DatasetError(
            f"The archive lists more files and folders than the limit of {limits.max_archive_entries:,}. "
            "Pack fewer pictures."
        )


def _records(listing: bytes, shift: int) -> Iterator[_Record]:
    """The entries of a table of contents, one by one, so that nobody has to take more than are allowed."""
    at = 0
    while at < len(listing):
        if not listing.startswith(LISTED_SIGN, at) or len(listing) - at < LISTED.size:
            raise DatasetError(DAMAGED)
        _, flags, method, checksum, packed, size, *lengths, volume, attributes, offset = LISTED.unpack_from(listing, at)
        name_bytes, extra_bytes, _ = lengths
        at += LISTED.size
        if at + sum(lengths) > len(listing):
            raise DatasetError(DAMAGED)
        raw, extra = listing[at : at + name_bytes], listing[at + name_bytes : at + name_bytes + extra_bytes]
        at += sum(lengths)
        size, packed, offset = _widen(extra, (size, packed, offset))
        path, mode, offset = _decode(raw, flags), attributes >> 16, offset + shift
        name = "/".join([part for part in path.split("/") if part not in ("", ".")])
        yield _Record(path, name, raw, flags, method, checksum, packed, size, mode, volume, offset)


def _widen(extra: bytes, values: tuple[int, int, int]) -> Iterator[int]:
    """Those of the numbers that do not fit into 32 bits, from the zip64 field: 8 bytes each, in the same order."""
    wide: Iterator[tuple[int]] = iter(())
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            wide = struct.iter_unpack("<Q", field[: len(field) // 8 * 8])
        at += 4 + length
    return (next(wide, (value,))[0] if value == ELSEWHERE_32 else value for value in values)


def _decode(raw: bytes, flags: int) -> str:
    """An entry's path. macOS writes UTF-8 and does not say so; what is no UTF-8 is CP437."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if flags & UTF8:
            raise DatasetError(
                f"The archive is damaged: the name {raw[:40]!r} is not the UTF-8 that it says it is. Pack it again."
            ) from error
        return raw.decode("cp437")


FLAWS: Sequence[tuple[Callable[[_Record], object], str]] = (
    (
        lambda record: len(record.path) > MAX_ENTRY_NAME,
        f"a name longer than {MAX_ENTRY_NAME} characters. Give it a shorter one, or fewer folders around it",
    ),
    (lambda record: not record.path, "a file without a name. Pack the folder again"),
    (
        lambda record: CONTROL.search(record.path),
        "a name with characters that cannot be printed. Rename that file and pack the folder again",
    ),
    (
        lambda record: "\\" in record.path,
        "a name with a backslash. Pack the folder with a program that writes forward slashes",
    ),
    (
        lambda record: record.path.startswith("/") or DRIVE.match(record.path),
        "an absolute path. Pack the folder itself, without the path to it",
    ),
    (
        lambda record: ".." in record.path.split("/"),
        "a path that leads out of the archive. Pack the folder itself, without the path to it",
    ),
    (
        lambda record: stat.S_IFMT(record.mode) not in (0, stat.S_IFREG, stat.S_IFDIR),
        "a link or a special file. Put a copy of the picture in its place",
    ),
    (lambda record: record.flags & ENCRYPTED, "encrypted. Pack the folder without a password"),
    (
        lambda record: record.method not in (STORED, DEFLATED),
        "packed in an unusual way. Pack the folder as a plain .zip, with the method Deflate",
    ),
    (
        lambda record: record.volume not in (0, ELSEWHERE_16),
        "in another part of the archive. Pack the folder as a single .zip",
    ),
    (
        lambda record: record.path.lower().endswith(NESTED) and not is_hidden(record.name),
        "an archive inside the archive. Unpack it into a folder and pack that",
    ),
    (
        lambda record: record.size > max(FREE_ENTRY, MAX_ENTRY_RATIO * record.packed),
        f"a file that unpacks to more than {MAX_ENTRY_RATIO} times its packed size. Save it as PNG, or leave it out",
    ),
)
"""What an entry of a good archive is not, and what to do about it."""


def _check_records(records: Sequence[_Record]) -> None:
    seen = set()
    for record in records:
        for is_flawed, flaw in FLAWS:
            if is_flawed(record):
                raise DatasetError(f"The archive is refused for its entry {record.shown}: {flaw}.")
        if record.name in seen:
            raise DatasetError(f"The archive lists {record.shown} twice. Pack the folder again.")
        seen.add(record.name)


def _check_sizes(records: Sequence[_Record], limits: Settings) -> None:
    size, packed = sum(record.size for record in records), sum(record.packed for record in records)
    if size > limits.max_unpacked_bytes:
        largest = max(records, key=lambda record: record.size)
        raise DatasetError(
            f"The archive unpacks to {size / MEGABYTE:,.1f} MB, of which {largest.shown} is "
            f"{largest.size / MEGABYTE:,.1f} MB; the limit is {limits.max_unpacked_bytes / MEGABYTE:,g} MB. "
            "Pack fewer or smaller pictures."
        )
    if size > max(FREE_ARCHIVE, MAX_ARCHIVE_RATIO * packed):
        tightest = max(records, key=lambda record: record.size / max(1, record.packed))
        raise DatasetError(
            f"The archive unpacks to more than {MAX_ARCHIVE_RATIO} times its packed size, above all {tightest.shown}. "
            "Save such pictures as PNG, or leave them out."
        )


def _data_starts(read: Reader, records: Sequence[_Record], table_start: int) -> Iterator[tuple[int, int]]:
    """Where each entry begins, and where its data does.

    Raises:
        DatasetError: an entry's own header is not the listed one, or its data runs into what comes after it.
    """
    order = sorted(records, key=lambda record: record.offset)
    for record, after in zip(order, (*order[1:], None), strict=True):
        end = min(table_start, after.offset) if after else table_start
        start = _data_start(read, record, end)
        if start is None or start + record.packed > end:
            where = f"overlaps with {after.shown}" if after and end == after.offset else "is longer than the archive"
            raise DatasetError(f"The archive is damaged or hostile: {record.shown} {where}. Pack the folder again.")
        yield record.offset, start


def _data_start(read: Reader, record: _Record, end: int) -> int | None:
    """The first byte behind an entry's own header; None where not even the header ends before ``end``."""
    behind_name = record.offset + LOCAL.size + len(record.raw)
    if behind_name > end:
        return None
    header = read(record.offset, behind_name - record.offset)
    sign, name_bytes, extra_bytes = LOCAL.unpack_from(header)
    if sign != LOCAL_SIGN or name_bytes != len(record.raw) or header[LOCAL.size :] != record.raw:
        raise DatasetError(
            f"The archive is damaged: {record.shown} is not where its table of contents says. Pack the folder again."
        )
    return behind_name + int(extra_bytes)


def _inflate(packed: bytes, size: int) -> bytes:
    """Undo deflate (RFC 1951) up to ``size`` bytes.

    Raises:
        BrokenEntry: there are more, or the stream is damaged; one that is cut short gives fewer.
    """
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise BrokenEntry("This file is damaged inside the archive: it cannot be unpacked.") from error
    if len(content) > size:
        raise BrokenEntry(f"This file unpacks to more than the {size:,} bytes that the archive lists.")
    return content
