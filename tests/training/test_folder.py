"""A run's folder: events read while they are written, wishes whatever they hold, files that are whole, the lock."""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from filelock import FileLock

from explorer.errors import RunError
from explorer.training.folder import EventReader, EventWriter, Folder, Wish, process_lives, put, writing_whole


def in_a_process(program, *arguments, **options):
    """Another Python that runs this program."""
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def said(events):
    return [{name: value for name, value in event.items() if name != "time"} for event in events]


def test_events_come_back_as_they_were_written(tmp_path):
    writer, reader = EventWriter(tmp_path / "events"), EventReader(tmp_path / "events")
    assert reader.read() == []
    before = time.time()
    writer.write("started", classes=["a", "ü\n"], shape=[2, 2, 1])
    writer.write("batch", epoch=1, step=2, loss=0.25)
    events = reader.read()
    assert said(events) == [
        {"event": "started", "classes": ["a", "ü\n"], "shape": [2, 2, 1]},
        {"event": "batch", "epoch": 1, "step": 2, "loss": 0.25},
    ]
    assert all(before - 0.01 <= event["time"] <= time.time() + 0.01 for event in events)
    assert reader.read() == []
    EventWriter(tmp_path / "events").write("finished")
    assert said(reader.read()) == [{"event": "finished"}]
    assert len(EventReader(tmp_path / "events").read()) == 3


def test_what_is_no_number_is_none(tmp_path):
    EventWriter(tmp_path / "events").write(
        "note", loss=math.nan, rates=[1.0, math.inf, [-math.inf]], pair=(math.nan, 2), whole=3, word="NaN"
    )
    json.loads((tmp_path / "events").read_text(), parse_constant=pytest.fail)
    event = EventReader(tmp_path / "events").read()[0]
    assert (event["loss"], event["rates"], event["pair"], event["whole"]) == (None, [1.0, None, [None]], [None, 2], 3)


WRITER = """
    import json, os, random, sys, time
    chance = random.Random(0)
    handle = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    text = b"".join(
        json.dumps({"event": "note", "time": 1.0, "number": number, "ü": "é" * chance.randint(0, 200)},
                   ensure_ascii=False).encode() + b"\\n"
        for number in range(4000)
    )
    place = 0
    while place < len(text):
        place += os.write(handle, text[place:place + chance.randint(1, 700)])
        time.sleep(0.0001)
"""


def test_every_event_is_read_once_while_another_process_writes_in_pieces(tmp_path):
    """4,000 lines of up to 400 bytes, written in pieces that end within lines and within characters."""
    reader, events, reads = EventReader(tmp_path / "events"), [], 0
    writer = in_a_process(WRITER, tmp_path / "events")
    with writer:
        while writer.poll() is None:
            found = reader.read()
            reads += bool(found)
            events += found
    events += reader.read()
    assert writer.returncode == 0
    assert [event["number"] for event in events] == list(range(4000))
    assert reads > 3


def test_lines_of_several_writers_do_not_mix(tmp_path):
    """The app says "launched" while the worker may write too."""

    def write(number):
        for count in range(300):
            EventWriter(tmp_path / "events").write("note", writer=number, count=count, long="x" * 5_000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    reader, events = EventReader(tmp_path / "events"), []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        events += reader.read()
    events += reader.read()
    for number in range(4):
        assert [event["count"] for event in events if event["writer"] == number] == list(range(300))


def test_a_line_torn_by_a_kill_is_left_out_and_nothing_after_it(tmp_path):
    path = tmp_path / "events"
    reader = EventReader(path)
    EventWriter(path).write("started")
    with path.open("ab") as file:
        file.write(b'{"event": "batch", "time": 3.0, "epo')
    assert said(reader.read()) == [{"event": "started"}]
    assert reader.read() == []
    writer = EventWriter(path)
    writer.write("queued")
    writer.write("launched")
    assert said(reader.read()) == said(EventReader(path).read()[1:]) == [{"event": "queued"}, {"event": "launched"}]


TORN = """
    import resource, signal, sys
    from pathlib import Path
    from explorer.training.folder import EventWriter
    path = Path(sys.argv[1])
    writer = EventWriter(path)
    writer.write("started")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
    try:
        writer.write("epoch", epoch=1, long="x" * 100)
    except OSError:
        print("full")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    writer.write("failed", reason="The disk is full.")
"""


def test_the_last_words_are_read_though_the_full_disk_took_half_a_line(tmp_path):
    with in_a_process(TORN, tmp_path / "events") as writer:
        assert writer.stdout.read() == "full\n"
    assert b'{"event": "epo' in (tmp_path / "events").read_bytes()
    assert [event["event"] for event in EventReader(tmp_path / "events").read()] == ["started", "failed"]


GARBAGE = [
    b"",
    b"nonsense",
    b"\x00\xff\xfe",
    b"[]",
    b"3",
    b"null",
    b'{"event": "batch"}',
    b'{"event": 3, "time": 1}',
    b'{"event": "finished", "time": "now"}',
    b'{"event": "finished", "time": NaN}',
    b'{"event": "finished", "time": true}',
    b'{"event": "finished", "time": 1' + b"0" * 400 + b"}",
    b'{"event": "batch", "time": 1, "epoch": 1}',
    b'{"event": "batch", "time": 1, "epoch": null, "step": 1}',
    b'{"event": "epoch", "time": 1}',
    b'{"event": "epoch", "time": 1, "epoch": "one"}',
    b"[" * 50_000,
    b'{"event": "note", "time": 1, "x": "' + b"x" * 1_000_001 + b'"}',
]


def test_lines_that_are_no_events_are_left_out(tmp_path):
    good = b'{"event": "note", "time": 1}'
    (tmp_path / "events").write_bytes(b"".join(line + b"\n" + good + b"\n" for line in GARBAGE))
    assert len(EventReader(tmp_path / "events").read()) == len(GARBAGE)


def test_a_wish_comes_back(tmp_path):
    folder = Folder(tmp_path)
    assert folder.wish() == Wish()
    for wish in (Wish("pause"), Wish("stop", 0.5, 3), Wish("run", 1e-7, 1)):
        folder.put_wish(wish)
        assert folder.wish() == wish


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"\xff",
        b"[]",
        b"null",
        b'"stop"',
        b"{}",
        b'{"wanted": "explode"}',
        b'{"wanted": ["stop"]}',
        b'{"wanted": "stop", "number": "many"}',
        b'{"wanted": "stop", "number": Infinity}',
        b'{"wanted": "stop", "number": NaN}',
        b'{"wanted": "stop", "number": []}',
        b'{"wanted": "stop", "learning_rate": 1' + b"0" * 400 + b"}",
        b'{"wanted": "stop", "learning_rate": {"a": 1}}',
        b"[" * 50_000,
    ],
)
def test_a_wish_that_is_none_is_to_run_on(tmp_path, content):
    (tmp_path / "control.json").write_bytes(content)
    assert Folder(tmp_path).wish() == Wish()


@pytest.mark.parametrize("rate", ["NaN", "Infinity", "-1", "0", "null", "[]", "false"])
def test_a_rate_that_is_none_is_no_wish(tmp_path, rate):
    (tmp_path / "control.json").write_text(f'{{"wanted": "pause", "learning_rate": {rate}, "number": 2}}')
    assert Folder(tmp_path).wish() == Wish("pause", None, 2)


def test_a_wish_into_a_folder_that_is_gone_gives_a_sentence(tmp_path):
    with pytest.raises(RunError, match=r"^The run's folder cannot be written: No such file or directory\. Make room"):
        Folder(tmp_path / "gone").put_wish(Wish())


def test_whoever_reads_a_file_that_is_put_finds_it_whole(tmp_path):
    path, over = tmp_path / "control.json", threading.Event()
    put(path, b"0" * 300_000)

    def write():
        for number in range(200):
            put(path, str(number % 10).encode() * 300_000)
        over.set()

    thread = threading.Thread(target=write)
    thread.start()
    reads = 0
    while not over.is_set():
        content = path.read_bytes()
        reads += 1
        assert len(content) == 300_000
        assert len(set(content)) == 1
    thread.join()
    assert reads > 10
    assert os.listdir(tmp_path) == ["control.json"]  # noqa: PTH208


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path):
    path = tmp_path / "state.npz"
    put(path, b"before")
    with pytest.raises(ZeroDivisionError), writing_whole(path) as place:
        place.write_bytes(b"half" * (1 // 0))
    old, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, old[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            put(path, b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["state.npz"]  # noqa: PTH208


def test_size_and_epochs_by_hand(tmp_path):
    folder = Folder(tmp_path / "run")
    assert folder.size() == 0
    assert folder.kept_epochs() == []
    folder.epochs.mkdir(parents=True)
    for name, size in (("0000.npz", 5), ("0012.npz", 7), (".writing-0013.npz", 2), ("x.npz", 1), ("00003.npz", 1)):
        (folder.epochs / name).write_bytes(bytes(size))
    folder.config.write_bytes(b"{}")
    assert folder.kept_epochs() == [0, 12]
    assert folder.epoch(12).name == "0012.npz"
    assert folder.size() == 18


HOLDER = """
    import sys
    from explorer.training.folder import Folder
    lock = Folder(sys.argv[1]).lock
    lock.acquire()
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_the_lock_is_seen_and_gone_with_its_process(tmp_path):
    folder = Folder(tmp_path)
    assert not folder.is_locked()
    assert not Folder(tmp_path / "gone").is_locked()
    with in_a_process(HOLDER, tmp_path, stdin=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == "held\n"
        assert all(folder.is_locked() for _ in range(20))
        assert (tmp_path / "lock").is_file()
        holder.kill()
        holder.wait()
        assert not folder.is_locked()
        holder.stdin.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no flock")
def test_two_pages_that_look_at_a_dead_run_do_not_take_each_other_for_its_process(tmp_path):
    import fcntl

    folder = Folder(tmp_path)
    folder.lock.acquire().lock.release()
    with (tmp_path / "lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # as one that looks has it for a moment
        assert not folder.is_locked()


def test_a_worker_gets_the_lock_while_pages_look(tmp_path):
    folder, over = Folder(tmp_path), threading.Event()

    def look():
        while not over.is_set():
            folder.is_locked()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    lock = folder.lock
    assert isinstance(lock, FileLock)
    lock.acquire(timeout=10)
    over.set()
    for thread in threads:
        thread.join()
    assert folder.is_locked()
    lock.release()


def test_a_process_lives_until_it_is_gone():
    assert process_lives(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not process_lives(child.pid)
    for wrong in (None, "1", 0, -1, True, 1.0):
        assert not process_lives(wrong)
