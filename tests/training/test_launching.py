"""Who trains and who waits: places, order, and marks of processes that are gone. No process is started here."""

import json
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from filelock import FileLock

from explorer.training import launching
from explorer.training.folder import EventReader, EventWriter, Folder, put
from explorer.training.launching import Queue, Spare

IDS = [f"20260101-000000-{number:08x}" for number in range(8)]


class Process:
    """As much of a process as the queue sees; it dies when asked to."""

    def __init__(self, folder):
        self.pid = -1
        self.lock = FileLock(folder.lock.lock_file, thread_local=False)
        self.lock.acquire(timeout=1)
        EventWriter(folder.events).write("started", epoch=1, step=0)

    def wait(self):
        return 0

    def die(self):
        self.lock.release()


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A queue for two; what it starts is in ``.started``, by the run's name, and holds the run's lock."""
    monkeypatch.setenv("EXPLORER_RUNS_AT_ONCE", "2")
    made = Queue(tmp_path)
    made.started = {}
    for each in IDS:
        (tmp_path / each).mkdir()
        put(tmp_path / each / "config.json", b"{}")

    def start(arguments, **_):
        folder = Folder(arguments[0])
        made.started[folder.path.name] = Process(folder)
        return made.started[folder.path.name]

    monkeypatch.setattr(launching, "_start", start)
    yield made
    for process in made.started.values():
        process.lock.release(force=True)


def events(queue, run_id):
    return [event["event"] for event in EventReader(Folder(queue.root / run_id).events).read()]


def test_two_train_and_the_others_wait_in_order(queue):
    for each in IDS[:4]:
        queue.add(each)
        queue.advance()
    assert list(queue.started) == queue.active() == IDS[:2]
    assert queue.waiting() == IDS[2:4]
    assert events(queue, IDS[0]) == ["queued", "started", "launched"]
    assert events(queue, IDS[2]) == ["queued"]
    queue.add(IDS[2])  # again
    assert queue.waiting() == IDS[2:4]
    queue.advance()
    assert len(queue.started) == 2


def test_a_process_that_ends_makes_room(queue):
    for each in IDS[:4]:
        queue.add(each)
    queue.advance()
    EventWriter(Folder(queue.root / IDS[0]).events).write("finished")
    queue.advance()
    assert len(queue.started) == 2, "it still has its process"
    queue.release(IDS[0])
    queue.started[IDS[0]].die()
    queue.advance()
    assert queue.active() == IDS[1:3]
    assert queue.waiting() == IDS[3:4]


def test_a_process_that_was_killed_makes_room(queue):
    """It leaves its mark, and says nothing."""
    for each in IDS[:3]:
        queue.add(each)
    queue.advance()
    queue.started[IDS[1]].die()
    assert queue.active() == IDS[:1]
    queue.advance()
    assert queue.active() == [IDS[0], IDS[2]]
    assert not (queue.root / ".active" / IDS[1]).exists()


def test_one_that_was_killed_begins_again_in_the_place_of_its_own_mark(queue, monkeypatch):
    monkeypatch.setenv("EXPLORER_RUNS_AT_ONCE", "1")
    queue.add(IDS[0])
    queue.advance()
    queue.started[IDS[0]].die()
    queue.add(IDS[0])
    queue.advance()
    assert queue.active() == IDS[:1]
    assert queue.waiting() == []
    assert events(queue, IDS[0])[-3:] == ["queued", "started", "launched"]


def test_a_paused_run_keeps_its_place(queue):
    for each in IDS[:3]:
        queue.add(each)
    queue.advance()
    EventWriter(Folder(queue.root / IDS[0]).events).write("paused")
    queue.advance()
    assert queue.active() == IDS[:2]


def test_a_run_that_waits_can_be_taken_out(queue):
    for each in IDS[:4]:
        queue.add(each)
    queue.advance()
    assert queue.remove(IDS[2])
    assert not queue.remove(IDS[2])
    assert not queue.remove(IDS[0])
    assert queue.waiting() == IDS[3:4]


def test_what_was_deleted_or_is_no_run_is_passed_over(queue):
    for each in IDS[:2]:
        queue.add(each)
    (queue.root / IDS[0] / "config.json").unlink()
    (queue.root / ".queue" / "0000-nonsense").touch()
    (queue.root / ".queue" / "0").touch()
    (queue.root / ".active").mkdir(exist_ok=True)
    (queue.root / ".active" / "gone").touch()
    queue.advance()
    assert list(queue.started) == queue.active() == IDS[1:2]
    assert queue.waiting() == []


def test_runs_that_waited_when_the_app_was_killed_begin_with_the_next_one(queue):
    """Its queue is in the folder: also when it was killed between the entry and the word of it."""
    queue.add(IDS[0])
    (queue.root / ".queue" / f"{time.time_ns():020d}-{IDS[1]}").touch()
    again = Queue(queue.root)
    assert again.waiting() == IDS[:2]
    again.advance()
    assert list(queue.started) == IDS[:2]


def test_many_who_look_at_once_start_each_run_once(queue):
    """More than two never train, and nobody is started twice."""
    for each in IDS:
        queue.add(each)
    for count in (2, 4, 6, 8):
        threads = [threading.Thread(target=Queue(queue.root).advance) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(queue.started) == IDS[:count]
        for each in IDS[count - 2 : count]:
            queue.started[each].die()
    for each in IDS:
        assert events(queue, each) == ["queued", "started", "launched"]


def test_an_ending_process_does_not_take_the_mark_of_the_next(queue, monkeypatch):
    """Stopped and resumed at once: the first process is just ending when the second is started."""
    from explorer.training import worker

    monkeypatch.setenv("EXPLORER_RUNS_AT_ONCE", "1")
    seen = []
    module = SimpleNamespace(work=lambda _: seen.append(queue.active()))
    monkeypatch.setitem(sys.modules, "explorer.training.learning", module)
    queue.mark(IDS[0])
    queue.release(IDS[0])  # by the first process, after the second was launched
    monkeypatch.setattr(worker.os, "nice", lambda _: 0)
    assert worker.train(queue.root / IDS[0]) == 0
    assert seen == [IDS[:1]]
    assert queue.active() == []


def test_a_spare_that_was_never_warmed_takes_nothing(tmp_path):
    spare = Spare()
    assert spare.take(tmp_path) is None
    spare.end()


def test_events_of_a_queue_are_plain(queue):
    queue.add(IDS[0])
    assert json.loads(Folder(queue.root / IDS[0]).events.read_text())["event"] == "queued"
