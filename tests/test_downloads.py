"""Downloads from a server on this machine that cuts, lies, forgets and changes its mind."""

import base64
import contextlib
import hashlib
import resource
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from filelock import FileLock

from explorer import downloads
from explorer.downloads import AlteredError, RemoteFile, fetch
from explorer.errors import DownloadError

CONTENT, OTHER = (np.random.default_rng(seed).bytes(1_000_000) for seed in (0, 1))
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()
EVERYTHING = len(CONTENT)


class Site:
    """What the server has, what it does wrong, and what it was asked.

    ``cuts`` has for each answer to come the bytes after which the connection ends, and how.
    """

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}/whole.bin"
        self.content = CONTENT
        self.headers = [("ETag", '"first"')]
        self.status = None
        self.cuts = []
        self.knows_ranges = self.knows_if_range = True
        self.says_length = True
        self.says_more = 0
        self.held_after = None
        self.gate = threading.Event()
        self.asked, self.sent = [], []

    def file(self, checksum=CHECKSUM, **details):
        return RemoteFile(self.address, checksum, **details)

    def validator(self):
        return dict(reversed(self.headers)).get("ETag") or dict(self.headers).get("Last-Modified")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        site = self.server.site
        wanted, condition = self.headers["Range"], self.headers["If-Range"]
        request = len(site.asked)
        site.asked.append((wanted, condition))
        site.sent.append(0)
        start, status = 0, site.status or 200
        same = not site.knows_if_range or condition in (None, site.validator())
        if wanted and site.knows_ranges and same and status == 200:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(site.content) else 416
        body = site.content[start:] if status in (200, 206) else b""
        self.send_response(status)
        if site.says_length:
            self.send_header("Content-Length", str(len(body) + site.says_more))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
        for name, value in site.headers:
            self.send_header(name, value)
        self.end_headers()
        end, how = site.cuts.pop(0) if site.cuts else (len(body), "closed")
        with contextlib.suppress(ConnectionError):  # the other side may have heard enough
            self.send(body[:end], request)
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def send(self, body, request):
        site = self.server.site
        for start in range(0, len(body), 50_000):
            if site.held_after is not None and start >= site.held_after:
                site.gate.wait(20)
            site.sent[request] += len(body[start : start + 50_000])  # before the other side can have read it
            self.wfile.write(body[start : start + 50_000])

    def log_message(self, *_):
        pass


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(downloads, "WAITS", (0, 0, 0))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.site = Site(running.server_port)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running.site
        running.site.gate.set()
        running.shutdown()
        thread.join()


def names(folder):
    """What lies in a folder but for the lock file, which filelock leaves there on Unix."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def begin(site, folder, count=300_000):
    """A download that is cut after so many bytes, and not tried again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(downloads, "WAITS", ())
        site.cuts = [(count, "closed")]
        with pytest.raises(DownloadError, match=r"connection ended"):
            fetch(site.file(), folder)
    assert site.sent == [count]


def test_a_file_comes_whole_and_once(site, tmp_path):
    told, folder = [], tmp_path / "new" / "folder"
    path = fetch(site.file(), folder, on_progress=lambda *progress: told.append(progress))
    assert path == folder / "whole.bin"
    assert path.read_bytes() == CONTENT
    assert told[0] == (0, EVERYTHING)
    assert told[-1] == (EVERYTHING, EVERYTHING)
    assert told == sorted(told)
    assert fetch(site.file(), folder) == path
    assert site.asked == [(None, None)]
    assert names(folder) == ["whole.bin"]


@pytest.mark.parametrize(
    ("checksum", "size"),
    [(CHECKSUM, None), (hashlib.md5(CONTENT, usedforsecurity=False).hexdigest().upper(), None), ("", EVERYTHING)],
)
def test_a_damaged_file_is_replaced(site, tmp_path, checksum, size):
    (tmp_path / "ours.bin").write_bytes(CONTENT[:-1])
    file = site.file(checksum, name="ours.bin", size=size)
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    fetch(file, tmp_path)
    assert len(site.asked) == 1


def test_a_file_of_which_nothing_is_known_is_taken_as_it_lies_there(site, tmp_path):
    (tmp_path / "whole.bin").write_bytes(b"mine")
    assert fetch(site.file(""), tmp_path).read_bytes() == b"mine"
    assert site.asked == []


def test_a_cut_download_is_gone_on_from_the_next_time(site, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "WAITS", ())
    site.cuts = [(123_456, "closed")]
    with pytest.raises(DownloadError) as caught:
        fetch(site.file(), tmp_path)
    assert str(caught.value) == (
        "The connection ended after 123,456 of 1,000,000 bytes; the next try goes on from there."
    )
    assert names(tmp_path) == [".whole.bin.part", ".whole.bin.part.json"]
    assert (tmp_path / ".whole.bin.part").read_bytes() == CONTENT[:123_456]
    told = []
    assert fetch(site.file(), tmp_path, on_progress=lambda *now: told.append(now)).read_bytes() == CONTENT
    assert told[0] == (123_456, EVERYTHING)
    assert site.asked == [(None, None), ("bytes=123456-", '"first"')]
    assert site.sent == [123_456, EVERYTHING - 123_456]
    assert names(tmp_path) == ["whole.bin"]


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_cut_connection_is_tried_again_three_times(site, tmp_path, how):
    site.cuts = [(300_000, how), (200_000, how), (0, how)]
    told = []
    assert fetch(site.file(), tmp_path, on_progress=lambda *now: told.append(now)).read_bytes() == CONTENT
    assert len(site.asked) == 4
    assert told == sorted(told)
    if how == "closed":
        assert [wanted for wanted, _ in site.asked] == [None, "bytes=300000-", "bytes=500000-", "bytes=500000-"]


def test_after_the_third_time_it_is_given_up(site, tmp_path):
    site.cuts = [(100, "closed")] * 9
    with pytest.raises(DownloadError, match=r"after 400 of 1,000,000 bytes; the next try goes on"):
        fetch(site.file(), tmp_path)
    assert len(site.asked) == 4


def unplug(monkeypatch):
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")


def test_a_network_that_goes_away_midway_is_waited_for(site, tmp_path, monkeypatch):
    site.cuts, told = [(300_000, "closed")], []

    def go_away(*now):
        told.append(now)
        if now[0] == 300_000:
            unplug(monkeypatch)

    with pytest.raises(DownloadError, match=r"after 300,000 of 1,000,000 bytes; the next try goes on"):
        fetch(site.file(), tmp_path, on_progress=go_away)
    assert told.count((300_000, EVERYTHING)) == 1 + 3  # once as it came, and once before each wait


def test_a_cut_among_chunks_is_seen(site, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "WAITS", ())
    site.says_length, site.content = False, b"64\r\n" + CONTENT[:50]  # 50 of the first 100 bytes
    site.headers.append(("Transfer-Encoding", "chunked"))
    with pytest.raises(DownloadError, match=r"^The connection ended after 50 bytes\.$"):
        fetch(site.file(""), tmp_path)


def test_waits_between_tries(site, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "WAITS", (0.1, 0.2))
    site.cuts = [(100, "closed")] * 2
    started = time.monotonic()
    fetch(site.file(), tmp_path)
    assert time.monotonic() - started > 0.3


def test_a_silent_server_is_left(site, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "WAITS", ())
    monkeypatch.setattr(downloads, "TIMEOUT", 0.2)
    site.held_after = 100_000
    with pytest.raises(DownloadError, match=r"after 100,000 of 1,000,000 bytes"):
        fetch(site.file(), tmp_path)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ConnectionError, OSError, AlteredError, GeneratorExit])
def test_a_cancelled_download_is_kept_and_gone_on_from(site, tmp_path, kind):
    cancelled, told = kind("enough"), []

    def cancel(received, expected):
        told.append(received)
        if received >= 300_000:
            raise cancelled

    with pytest.raises(kind) as caught:
        fetch(site.file(), tmp_path, on_progress=cancel)
    assert caught.value is cancelled
    assert (tmp_path / ".whole.bin.part").read_bytes() == CONTENT[: told[-1]]
    assert fetch(site.file(), tmp_path).read_bytes() == CONTENT
    assert site.asked == [(None, None), (f"bytes={told[-1]}-", '"first"')]
    assert site.sent[1] == EVERYTHING - told[-1] < EVERYTHING
    assert names(tmp_path) == ["whole.bin"]


DATE, LATER = "Tue, 01 Jul 2025 10:00:00 GMT", "Wed, 02 Jul 2025 10:00:00 GMT"


@pytest.mark.parametrize(
    ("before", "after", "condition"),
    [
        ([("ETag", '"first"')], [("ETag", '"second"')], '"first"'),
        ([("Last-Modified", DATE)], [("Last-Modified", LATER)], DATE),
        ([("ETag", 'W/"weak"'), ("Last-Modified", DATE)], [("ETag", 'W/"weak"'), ("Last-Modified", LATER)], DATE),
        ([("ETag", 'W/"weak"')], [("ETag", 'W/"weak"')], None),
        ([], [], None),
    ],
)
def test_content_that_changed_meanwhile_is_begun_anew(site, tmp_path, before, after, condition):
    site.content, site.headers = OTHER, before
    begin(site, tmp_path)
    site.content, site.headers = CONTENT, after
    assert fetch(site.file(), tmp_path).read_bytes() == CONTENT
    assert site.asked[1:] == [("bytes=300000-" if condition else None, condition)]
    assert names(tmp_path) == ["whole.bin"]


def test_a_date_is_enough_to_go_on(site, tmp_path):
    site.headers = [("ETag", 'W/"weak"'), ("Last-Modified", DATE)]
    site.validator = lambda: DATE
    begin(site, tmp_path)
    assert fetch(site.file(), tmp_path).read_bytes() == CONTENT
    assert site.sent[1] == 700_000


@pytest.mark.parametrize("after", [OTHER, CONTENT[:-100]])
def test_a_server_that_overlooks_the_condition_is_seen_through(site, tmp_path, after):
    site.knows_if_range = False
    begin(site, tmp_path)
    site.content = after
    site.headers = [("ETag", '"second"')] if len(after) == EVERYTHING else site.headers
    assert fetch(site.file(""), tmp_path).read_bytes() == after
    assert [wanted for wanted, _ in site.asked] == [None, "bytes=300000-", None]


def test_a_server_without_ranges_begins_anew(site, tmp_path):
    site.knows_ranges = False
    site.cuts = [(300_000, "closed")]
    assert fetch(site.file(), tmp_path).read_bytes() == CONTENT
    assert site.sent == [300_000, EVERYTHING]


def test_what_cannot_be_gone_on_from_is_not_promised(site, tmp_path):
    site.headers, site.cuts = [], [(300_000, "closed")] * 4
    with pytest.raises(DownloadError) as caught:
        fetch(site.file(), tmp_path)
    assert str(caught.value) == "The connection ended after 300,000 of 1,000,000 bytes."


@pytest.mark.parametrize("google", [True, False])
def test_a_part_that_is_whole_is_accepted(site, tmp_path, google):
    if google:
        site.headers.append(("x-goog-hash", f"md5={google_md5(CONTENT)}"))
    site.says_more, site.cuts = 100, [(EVERYTHING, "closed")] * 4  # it announces more than there is
    file = site.file("") if google else site.file()
    assert fetch(file, tmp_path).read_bytes() == CONTENT  # 416 the second time
    assert [wanted for wanted, _ in site.asked] == [None, "bytes=1000000-"]
    assert names(tmp_path) == ["whole.bin"]


def test_a_part_beyond_the_end_is_begun_anew(site, tmp_path):
    site.knows_if_range = False
    begin(site, tmp_path)
    site.content = CONTENT[:200_000]
    assert fetch(site.file(hashlib.sha256(CONTENT[:200_000]).hexdigest()), tmp_path).read_bytes() == site.content
    assert site.sent == [300_000, 0, 200_000]


@pytest.mark.parametrize("note", [b"", b'{"size": 1000', b"[]", b'{"colour": 1}', None])
def test_a_part_without_a_readable_note_is_begun_anew(site, tmp_path, note):
    begin(site, tmp_path)
    path = tmp_path / ".whole.bin.part.json"
    path.unlink() if note is None else path.write_bytes(note)
    assert fetch(site.file(), tmp_path).read_bytes() == CONTENT
    assert site.asked[1] == (None, None)


@pytest.mark.parametrize("file", [{"checksum": "0" * 64}, {"checksum": "0" * 32}, {"checksum": "", "size": 999_999}])
def test_altered_content_is_refused_and_nothing_of_it_stays(site, tmp_path, file):
    (tmp_path / "whole.bin").write_bytes(b"damaged")
    with pytest.raises(AlteredError, match=r"^whole.bin arrived incomplete or altered\.$"):
        fetch(site.file(**file), tmp_path)
    assert names(tmp_path) == ["whole.bin"]  # the one from before
    assert len(site.asked) == 1


def test_a_continued_part_that_was_altered_is_refused(site, tmp_path):
    begin(site, tmp_path)
    (tmp_path / ".whole.bin.part").write_bytes(OTHER[:300_000])
    with pytest.raises(AlteredError):
        fetch(site.file(), tmp_path)
    assert names(tmp_path) == []
    assert fetch(site.file(), tmp_path).read_bytes() == CONTENT


def google_md5(content):
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


@pytest.mark.parametrize(
    "hashes", [["crc32c=AAAAAA==", "md5={}"], ["crc32c=AAAAAA==,md5={}"], ["md5={}, crc32c=AAAAAA=="]]
)
def test_the_checksum_of_googles_storage_is_asked_for(site, tmp_path, hashes):
    site.headers += [("x-goog-hash", entry.format(google_md5(OTHER))) for entry in hashes]
    with pytest.raises(AlteredError):
        fetch(site.file(""), tmp_path)
    assert names(tmp_path) == []
    site.content, site.cuts = OTHER, [(300_000, "closed")]
    assert fetch(site.file(""), tmp_path).read_bytes() == OTHER
    site.content = CONTENT
    assert fetch(site.file(), tmp_path / "published").read_bytes() == CONTENT  # ours counts for more


@pytest.mark.parametrize("header", ["crc32c=AAAAAA==", "md5=A", "md5", ""])
def test_a_header_without_a_checksum_is_none(site, tmp_path, header):
    site.headers.append(("x-goog-hash", header))
    assert fetch(site.file(""), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("says_length", [True, False])
def test_a_file_that_is_larger_than_published_is_cut_off(site, tmp_path, says_length):
    site.says_length, site.held_after, told = says_length, 500_000, []
    with pytest.raises(AlteredError):
        fetch(site.file("", size=250_000), tmp_path, on_progress=lambda *now: told.append(now[0]))
    assert max(told, default=0) <= 250_000
    assert site.sent[0] <= 500_000  # held there until now
    assert names(tmp_path) == []


@pytest.mark.parametrize("says_length", [True, False])
def test_a_file_of_unknown_size_is_limited(site, tmp_path, says_length, monkeypatch):
    monkeypatch.setattr(downloads, "LIMIT", 250_000)
    site.says_length, site.held_after = says_length, 500_000
    with pytest.raises(AlteredError):
        fetch(site.file(), tmp_path)
    assert names(tmp_path) == []


def test_a_length_is_not_needed(site, tmp_path):
    site.says_length, told = False, []
    assert fetch(site.file(), tmp_path, on_progress=lambda *now: told.append(now)).read_bytes() == CONTENT
    assert told[-1] == (EVERYTHING, 0)


def test_what_the_server_answers_is_told(site, tmp_path):
    site.status = 404
    with pytest.raises(DownloadError, match=r"^The server 127\.0\.0\.1:\d+ answered 404\.$"):
        fetch(site.file(), tmp_path)
    assert names(tmp_path) == []
    assert len(site.asked) == 1


@pytest.mark.parametrize("proxy", [True, False])
def test_offline_is_told_at_once_and_what_has_come_is_kept(site, tmp_path, monkeypatch, proxy):
    begin(site, tmp_path)
    monkeypatch.setattr(downloads, "WAITS", (30, 30, 30))
    file = RemoteFile("http://127.0.0.1:9/whole.bin", CHECKSUM)
    if proxy:
        unplug(monkeypatch)
        file = RemoteFile("http://example.org/whole.bin", CHECKSUM)
    started = time.monotonic()
    with pytest.raises(DownloadError, match=r"^The server .+ cannot be reached\.$"):
        fetch(file, tmp_path)
    assert time.monotonic() - started < 5
    assert (tmp_path / ".whole.bin.part").read_bytes() == CONTENT[:300_000]


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:,a", "/etc/hostname", ""])
def test_addresses_elsewhere_are_refused(tmp_path, address):
    with pytest.raises(DownloadError, match=r"begins neither with http:// nor with https://"):
        fetch(RemoteFile(address, name="a"), tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("address", ["http://", "http://[::1/a", "http://127.0.0.1:port/a", "http://127.0.0.1/a b"])
def test_malformed_addresses_are_refused(tmp_path, address):
    with pytest.raises(DownloadError):
        fetch(RemoteFile(address, name="a"), tmp_path)


@pytest.mark.parametrize("address", ["ftp://127.0.0.1:9/a", "file:///etc/hostname"])
def test_redirections_elsewhere_are_not_followed(site, tmp_path, address):
    site.status = 302
    site.headers.append(("Location", address))
    with pytest.raises(DownloadError, match="answered 302"):
        fetch(site.file(), tmp_path)
    assert names(tmp_path) == []


def test_two_at_once_are_one_download(site, tmp_path):
    site.held_after = 500_000
    begun, waited = threading.Event(), []

    def first(received, _):
        if received >= 400_000:
            begun.set()

    def second(*progress):
        waited.append(progress)
        site.gate.set()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(fetch, site.file(), tmp_path, on_progress=first)
        assert begun.wait(20)
        path = fetch(site.file(), tmp_path, on_progress=second)
        assert other.result() == path
    assert path.read_bytes() == CONTENT
    assert site.asked == [(None, None)]
    assert 300_000 <= waited[0][0] <= 500_000
    assert waited[0][1] == EVERYTHING
    assert names(tmp_path) == ["whole.bin"]


def test_waiting_can_be_cancelled(site, tmp_path):
    def cancel(*_):
        raise KeyboardInterrupt

    with FileLock(tmp_path / ".whole.bin.lock"), pytest.raises(KeyboardInterrupt):
        fetch(site.file(size=EVERYTHING), tmp_path, on_progress=cancel)
    assert site.asked == []
    assert fetch(site.file(), tmp_path).read_bytes() == CONTENT


def test_a_lock_is_given_back_whatever_happens(site, tmp_path):
    begin(site, tmp_path)
    with FileLock(tmp_path / ".whole.bin.lock", timeout=0):
        pass


def test_a_folder_that_cannot_be_written_is_told(site, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"^whole\.bin could not be stored: Not a directory\.$"):
        fetch(site.file(), tmp_path / "file" / "folder")


def test_a_full_disk_is_told(site, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))  # what a full disk does, this does to one file
    try:
        with pytest.raises(DownloadError, match=r"^whole\.bin could not be stored: File too large\.$"):
            fetch(site.file(), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert fetch(site.file(), tmp_path).read_bytes() == CONTENT
    assert names(tmp_path) == ["whole.bin"]
