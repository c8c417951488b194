"""What happened to a run, put together from its events."""

import json
import os
import subprocess
import sys

import pytest

from explorer.training.folder import START_SECONDS, EventWriter, Folder
from explorer.training.story import DEAD, NEVER, Steered, Story

NOW = 1_000.0


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def tell(folder, *events):
    """Append events: a name, or a name and values."""
    with folder.events.open("a") as file:
        for event in events:
            name, values = event if isinstance(event, tuple) else (event, {})
            file.write(json.dumps({"event": name, "time": NOW, **values}) + "\n")


def gone():
    """The number of a process that is no more."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_run_from_its_beginning_to_its_end(folder):
    story = Story(folder).read_on()
    assert (story.last, story.status(NOW), story.epoch) == ("", "queued", 0)
    tell(folder, "queued")
    assert story.read_on().status(NOW) == "queued"
    tell(folder, ("launched", {"pid": os.getpid()}))
    assert story.read_on().status(NOW) == "running"
    lock = folder.lock
    with lock:
        tell(folder, ("started", {"epoch": 1, "step": 0, "classes": ["a", "b"]}), ("note", {"sentence": "Aha."}))
        assert story.read_on().status(NOW) == "running"
        tell(folder, ("batch", {"epoch": 1, "step": 1}), ("paused", {"epoch": 1}))
        assert story.read_on().status(NOW) == "paused"
        tell(folder, "resumed", ("epoch", {"epoch": 1, "loss": 0.5, "val_loss": None}), "testing")
        assert story.read_on().status(NOW) == "running"
        tell(folder, ("tested", {"loss": 1.0}), ("finished", {"reason": "", "used": 1}))
        assert story.read_on().verdict(NOW) == ("finished", "")
    assert story.verdict(NOW) == ("finished", "")
    assert (story.notes, story.used, story.epoch, story.tested["loss"]) == (["Aha."], 1, 1, 1.0)
    assert story.history["epoch"] == [1]
    assert story.history["loss"] == [0.5]
    assert story.history["val_loss"] == [None]


def test_a_process_that_never_began(folder):
    tell(folder, "queued", ("launched", {"pid": gone()}))
    assert Story(folder).read_on().verdict(NOW) == ("failed", NEVER)


def test_a_process_that_takes_too_long_to_begin(folder):
    tell(folder, "queued", ("launched", {"pid": os.getpid()}))
    story = Story(folder).read_on()
    assert story.status(NOW + START_SECONDS - 1) == "running"
    assert story.verdict(NOW + START_SECONDS + 1) == ("failed", NEVER)


@pytest.mark.parametrize("last", ["started", "paused", "resumed", "testing"])
def test_a_process_that_was_killed(folder, last):
    tell(folder, "queued", ("launched", {"pid": os.getpid()}), ("started", {"epoch": 1, "step": 0}), last)
    assert Story(folder).read_on().verdict(NOW) == ("failed", DEAD)


def test_one_that_was_killed_while_it_began_again(folder):
    tell(
        folder, "queued", ("launched", {"pid": gone()}), ("started", {"epoch": 1}), ("stopped", {"reason": "By hand."})
    )
    assert Story(folder).read_on().verdict(NOW) == ("stopped", "By hand.")
    tell(folder, "queued", ("launched", {"pid": gone()}))
    assert Story(folder).read_on().verdict(NOW) == ("failed", DEAD)


def test_one_that_ended_between_reading_and_asking(folder):
    tell(folder, "queued", ("launched", {"pid": gone()}), ("started", {"epoch": 1}))
    story = Story(folder).read_on()
    tell(folder, ("finished", {"reason": "", "used": 3}))
    assert story.verdict(NOW) == ("finished", "")
    assert story.used == 3


@pytest.mark.parametrize("quick", ["started", "paused", "finished", "failed"])
def test_a_process_that_is_quicker_than_who_started_it(folder, quick):
    """ "launched" is written after the process began, and may come after what that one says."""
    tell(folder, "queued", ("started", {"epoch": 1, "step": 0}), (quick, {"epoch": 1, "step": 0, "reason": "So."}))
    tell(folder, ("launched", {"pid": gone()}))
    story = Story(folder).read_on()
    assert story.last == quick
    with folder.lock:
        expected = {"started": "running", "paused": "paused"}
        assert story.status(NOW) == expected.get(quick, quick)


def test_what_was_lost_is_forgotten(folder):
    """Three epochs, killed in the fourth after 6 of its steps, resumed from the third's end."""
    epochs = [("epoch", {"epoch": number, "loss": number}) for number in range(4)]
    batches = [("batch", {"epoch": epoch, "step": step}) for epoch in (1, 2, 3, 4) for step in (2, 4, 6)]
    tell(folder, "queued", ("started", {"epoch": 1, "step": 0}), *epochs, *batches)
    story = Story(folder).read_on()
    assert story.epoch == 3
    assert len(story.batches) == 12
    tell(folder, ("started", {"epoch": 4, "step": 0}))
    assert sorted(story.read_on().epochs) == [0, 1, 2, 3]
    assert [(each["epoch"], each["step"]) for each in story.batches][-1] == (3, 6)
    tell(folder, ("tested", {"loss": 1}), ("started", {"epoch": 3, "step": 4}))
    story.read_on()
    assert sorted(story.epochs) == [0, 1, 2]
    assert [(each["epoch"], each["step"]) for each in story.batches][-2:] == [(3, 2), (3, 4)]
    assert story.tested == {}
    assert story.history["epoch"] == [1, 2]
    assert story.history["loss"] == [1, 2]


def test_versions_change_with_what_there_is_to_see(folder):
    story, seen = Story(folder), set()
    for event in ("queued", ("started", {"epoch": 1}), ("batch", {"epoch": 1, "step": 1}), ("epoch", {"epoch": 1})):
        tell(folder, event)
        seen.add(story.read_on().version)
        assert story.read_on().version in seen
    assert len(seen) == 4
    before = story.weights_version
    tell(folder, ("batch", {"epoch": 2, "step": 1}))
    assert story.read_on().weights_version == before
    tell(folder, ("epoch", {"epoch": 2}))
    assert story.read_on().weights_version != before


def test_a_rate_that_was_set_after_the_checkpoint_is_forgotten_until_it_is_set_again(tmp_path):
    """Killed in epoch 3: what was set in it is lost with it, and set again where the run goes on."""
    folder = Folder(tmp_path)
    writer = EventWriter(folder.events)
    for rate, epoch, step in ((0.5, 2, 1), (0.3, 3, 0), (0.1, 3, 2)):
        writer.write("rate", learning_rate=rate, epoch=epoch, step=step)
    story = Story(folder).read_on()
    assert story.steered == (Steered(0.5, 2, 1), Steered(0.3, 3, 0), Steered(0.1, 3, 2))
    writer.write("started", epoch=3, step=0)
    writer.write("rate", learning_rate=0.1, epoch=3, step=0)
    assert story.read_on().steered == (Steered(0.5, 2, 1), Steered(0.1, 3, 0))
    writer.write("rate", learning_rate="fast", epoch=3, step=1)
    writer.write("rate", learning_rate=0.2)
    assert len(story.read_on().steered) == 2


def test_it_wakes_until_the_first_batch_after_each_start(tmp_path):
    folder = Folder(tmp_path)
    writer, story = EventWriter(folder.events), Story(folder)
    seen = []
    for name, values in (
        *(("started", {"epoch": 1, "step": 0}), ("epoch", {"epoch": 0}), ("batch", {"epoch": 1, "step": 1})),
        *(("epoch", {"epoch": 1}), ("finished", {}), ("queued", {}), ("launched", {}), ("started", {"epoch": 2})),
        ("batch", {"epoch": 2, "step": 1}),
    ):
        writer.write(name, **values)
        seen.append(story.read_on().waking)
    assert seen == [True, True, False, False, False, True, True, True, False]
