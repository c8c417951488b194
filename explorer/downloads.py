"""Files from the web: whole or not at all, continued where they were cut off, and ended when the person says so.

Keras's ``get_file`` has no time limit, cannot be continued or ended, and leaves half a file behind when the program is
killed. pooch cannot continue a download either. Here what has come lies beside the file to be, as ``.<name>.part``,
until all of it is there and checked. ``.<name>.part.json`` notes what the server announced, and ``.<name>.lock`` keeps
two visitors from writing the same part.
"""

import base64
import contextlib
import hashlib
import http
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from email.message import Message
from http.client import HTTPMessage
from pathlib import Path
from typing import IO
from urllib.response import addinfourl

from filelock import FileLock, Timeout

from explorer.errors import DownloadError

Progress = Callable[[int, int], object]
"""Called with the bytes that are here and the bytes in all (0 when the server does not say)."""

TIMEOUT = 20
"""Longest silence of a server, in seconds."""
CHUNK = 1 << 18
"""Most bytes that are read at a time."""
LIMIT = 4_000_000_000
"""Most bytes of a file whose size is not known beforehand."""
WAITS = (0.5, 1.0, 2.0)
"""Seconds before a connection that was cut is tried again."""
TURN = 0.2
"""Seconds between two reports while another process or thread downloads the same file."""

_Steps = Generator[tuple[int, int], None, None]
"""Where a download can be ended: at each step, the bytes that are here and the bytes in all."""
_Answer = http.client.HTTPResponse | addinfourl


class AlteredError(DownloadError):
    """What came is not what was published; nothing of it is kept."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on the web.

    Attributes:
        address: its URL, ``http`` or ``https``.
        checksum: MD5 (32 hexadecimal digits) or SHA-256 (64) of the file; empty where none is published.
        name: what it is called here; the end of the address unless given.
        size: in bytes; None where it is not known.
    """

    address: str
    checksum: str = ""
    name: str = ""
    size: int | None = None

    @property
    def filename(self) -> str:
        """What the file is called.

        >>> RemoteFile("https://example.org/models/vgg.h5").filename
        'vgg.h5'
        """
        return self.name or self.address.rsplit("/", 1)[-1]


def fetch(file: RemoteFile, folder: Path, *, on_progress: Progress | None = None) -> Path:
    """The file in ``folder``, downloaded if it is not there, or not whole.

    What came of an earlier download is gone on from, if the server can and its file is still the same. Where no
    checksum is published, the one that Google's storage sends along is taken.

    Args:
        file: which one.
        folder: where downloads are kept; made if need be.
        on_progress: called with each piece that arrives, and while another process or thread downloads the same
            file. If it raises, the download ends, and what has come is kept for the next time.

    Raises:
        DownloadError: it cannot be downloaded or stored; :class:`AlteredError` where what came is not what was
            published.
    """
    # Steps, so that what on_progress raises is never taken for an error of the download.
    with contextlib.closing(_fetch(file, folder)) as steps:
        for received, expected in steps:
            if on_progress:
                on_progress(received, expected)
    return folder / file.filename


@dataclass(frozen=True)
class _Announced:
    """What a server says of a file.

    Attributes:
        size: in bytes; 0 if it does not say.
        validator: what tells this content from a later one, as ``If-Range`` takes it; empty if there is none.
        checksum: MD5 in hexadecimal digits, or empty.
    """

    size: int = 0
    validator: str = ""
    checksum: str = ""

    @property
    def resumable(self) -> bool:
        return bool(self.size and self.validator)


@dataclass(frozen=True)
class _Part:
    """What has come of a file, and a note of what the server announced when it was begun."""

    path: Path
    note: Path

    @property
    def received(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def announced(self) -> _Announced:
        try:
            return _Announced(**json.loads(self.note.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):  # a note that was cut off is none
            return _Announced()

    def begin(self, announced: _Announced) -> None:
        self.discard()  # first of all, so that no note ever lies beside another one's part
        self.note.write_text(json.dumps(asdict(announced)), "utf-8")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def _fetch(file: RemoteFile, folder: Path) -> _Steps:
    path = folder / file.filename
    part = _Part(folder / f".{file.filename}.part", folder / f".{file.filename}.part.json")
    try:
        if _is_whole(path, file.checksum, file.size):
            return
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{file.filename}.lock")
        yield from _take_turn(lock, file, part)
        try:
            if not _is_whole(path, file.checksum, file.size):
                yield from _download(file, part)
                part.path.replace(path)
                part.discard()
        finally:
            lock.release()
    except OSError as error:
        raise DownloadError(f"{file.filename} could not be stored: {error.strerror or error}.") from error


def _take_turn(lock: FileLock, file: RemoteFile, part: _Part) -> _Steps:
    while True:
        try:
            lock.acquire(timeout=TURN)
        except Timeout:
            yield part.received, part.announced.size or file.size or 0
        else:
            return


def _download(file: RemoteFile, part: _Part) -> _Steps:
    """The whole file into its part, over as many connections as it takes."""
    try:
        yield from _receive_all(file, part)
        announced = part.announced
        if not _is_whole(part.path, file.checksum or announced.checksum, file.size or announced.size):
            raise _altered(file)
    except AlteredError:
        part.discard()
        raise


def _receive_all(file: RemoteFile, part: _Part) -> _Steps:
    answered = False
    for wait in (*WAITS, None):
        try:
            for received, expected in _receive(file, part):
                answered = True
                yield received, expected
        except ConnectionError as error:
            if not answered:
                raise DownloadError(f"The server {_host(file)} cannot be reached.") from error
            if wait is None:
                raise DownloadError(_how_far(part)) from error
        else:
            return
        yield part.received, part.announced.size
        time.sleep(wait)


def _receive(file: RemoteFile, part: _Part) -> _Steps:
    """What one connection brings, put at the end of the part.

    Raises:
        ConnectionError: there is no connection, or it ended too early.
        AlteredError: more comes than there should be.
    """
    with _answer(file, part) as answer:
        if answer.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return
        received, expected = part.received, part.announced.size
        if expected > LIMIT or (file.size and expected not in (0, file.size)):
            raise _altered(file)
        most = expected or file.size or LIMIT
        with part.path.open("ab") as out:
            yield received, expected
            while chunk := _read(answer):
                received += len(chunk)
                if received > most:
                    raise _altered(file)
                out.write(chunk)
                yield received, expected
    if received < expected:
        raise ConnectionError


def _answer(file: RemoteFile, part: _Part) -> _Answer:
    """The server's answer: the rest of the part, else the file from its first byte, with the part emptied.

    It answers 416 if the part is the whole file already.
    """
    start, begun = part.received, part.announced
    if start and begun.resumable:
        answer = _ask(file, {"Range": f"bytes={start}-", "If-Range": begun.validator})
        if answer.status == http.HTTPStatus.PARTIAL_CONTENT and _goes_on(answer.headers, start, begun):
            return answer
        if answer.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and _is_whole(
            part.path, file.checksum or begun.checksum, begun.size
        ):
            return answer
        if answer.status == http.HTTPStatus.OK:
            part.begin(_announced(answer.headers))
            return answer
        answer.close()
    answer = _ask(file, {})
    part.begin(_announced(answer.headers))
    return answer


def _ask(file: RemoteFile, headers: dict[str, str]) -> _Answer:
    if not file.address.lower().startswith(_SCHEMES):
        raise DownloadError(f"The address {file.address} begins neither with http:// nor with https://.")
    try:
        request = urllib.request.Request(file.address, headers=headers)  # noqa: S310
        answer: _Answer = urllib.request.build_opener(_WebOnly).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and headers:
            return error
        error.close()
        raise DownloadError(f"The server {_host(file)} answered {error.code}.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ConnectionError from error
    return answer


_SCHEMES = ("http://", "https://")


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows no redirection to ftp, which urllib would."""

    def redirect_request(  # noqa: PLR0917 — the signature is urllib's
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith(_SCHEMES):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _goes_on(headers: Message, start: int, begun: _Announced) -> bool:
    """Whether a partial answer is the rest of what was begun.

    >>> headers = Message()
    >>> headers["Content-Range"] = "bytes 100-199/200"
    >>> _goes_on(headers, 100, _Announced(200)), _goes_on(headers, 90, _Announced(200))
    (True, False)
    """
    if _announced(headers).validator not in ("", begun.validator):
        return False
    unit, _, place = headers.get("Content-Range", "").strip().partition(" ")
    return unit == "bytes" and place.startswith(f"{start}-") and place.endswith(f"/{begun.size}")


def _announced(headers: Message) -> _Announced:
    """What a server says of a file.

    The checksum is that of Google's storage, ``md5=<base64>`` among others, in one header or several
    (https://cloud.google.com/storage/docs/xml-api/reference-headers).

    >>> headers = Message()
    >>> headers["Content-Length"], headers["ETag"] = "12", '"first"'
    >>> headers["x-goog-hash"] = "crc32c=yZRlqg==,md5=XrY7u+Ae7tCTyyK7j1rNww=="
    >>> _announced(headers)
    _Announced(size=12, validator='"first"', checksum='5eb63bbbe01eeed093cb22bb8f5acdc3')
    """
    length, tag = headers.get("Content-Length", ""), headers.get("ETag", "")
    checksum = ""
    for entry in ",".join(headers.get_all("x-goog-hash", [])).split(","):
        kind, _, value = entry.strip().partition("=")
        if kind == "md5":
            with contextlib.suppress(ValueError):
                checksum = base64.b64decode(value).hex()
    # A weak tag stands for content that is much the same, but perhaps not byte for byte.
    validator = tag if tag.startswith('"') else headers.get("Last-Modified", "")
    return _Announced(int(length) if length.isdecimal() else 0, validator, checksum)


def _read(answer: _Answer) -> bytes:
    try:
        return answer.read1(CHUNK)  # what is there; read() would wait for a full chunk
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError from error


def _is_whole(path: Path, checksum: str, size: int | None) -> bool:
    """Whether a file is there with this checksum, else with this size, as far as they are known."""
    if not path.is_file():
        return False
    if not checksum:
        return not size or path.stat().st_size == size
    kind = "sha256" if len(checksum) == 64 else "md5"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False))
    return digest.hexdigest() == checksum.lower()


def _altered(file: RemoteFile) -> AlteredError:
    return AlteredError(f"{file.filename} arrived incomplete or altered.")


def _how_far(part: _Part) -> str:
    announced = part.announced
    of_all = f" of {announced.size:,}" if announced.size else ""
    later = "; the next try goes on from there" if announced.resumable else ""
    return f"The connection ended after {part.received:,}{of_all} bytes{later}."


def _host(file: RemoteFile) -> str:
    return file.address.split("/")[2]
