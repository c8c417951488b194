"""Runs in processes of their own: killed, out of room, waiting, warmed. Each takes seconds and shows several things."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from explorer.blocks import Block
from explorer.errors import RunError
from explorer.training import Run, Spare, checkpoints, learning, list_runs, open_run, start
from explorer.training.folder import EventWriter, Folder, process_lives
from explorer.training.story import DEAD, Story
from tests.training.conftest import CONFIG, begin, tiny, told

PATIENCE = 240.0
"""Seconds until a test gives up; a free machine needs a twentieth."""
LONG = CONFIG.but(epochs=500, batch_size=1)
"""Trains until it is stopped."""


def until(condition, what, seconds=PATIENCE):
    """What a condition gives, as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:g} s"
        time.sleep(0.05)
    return found


def status_of(run):
    """As another program sees it, which lets nobody begin."""
    return Story(Folder(run.path)).read_on().status(time.time())


def process_of(run):
    """The number of the process that has a run, from the lock itself."""
    inode = (run.path / "lock").stat().st_ino
    with open("/proc/locks") as file:  # noqa: PTH123
        held = [line.split() for line in file if "FLOCK" in line and "WRITE" in line]
    return int(next(words[4] for words in held if words[5].endswith(f":{inode}")))


def program(text, *arguments, **options):
    """Another Python that runs this program and prints what it found."""
    command = [sys.executable, "-c", textwrap.dedent(text), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, **options)


def dead(process):
    """Kill a program that we started, and see it off."""
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def left():
    """Runs that are ended when the test is over, whatever it came to."""
    begun = []
    yield begun
    for run in begun:
        if run.path.is_dir() and run.status in ("running", "paused", "queued"):
            run.stop()
            run.wait(PATIENCE)


APP = """
    import sys, time
    from explorer.training import start
    from tests.training.test_processes import CONFIG, LONG, tiny
    for config, owner in ((LONG, "ann"), (CONFIG, "ben"), (LONG, "cleo")):
        run = start(config, tiny(), owner=owner)
        print(run.id, run.status, run.waits_behind, flush=True)
    time.sleep(1000)
"""


def test_the_app_is_killed_two_visitors_train_on_and_a_third_who_waits_begins(runs_dir, monkeypatch, left):
    """Nobody but the process that ends is there to let the third begin."""
    monkeypatch.setenv("EXPLORER_RUNS_AT_ONCE", "2")
    monkeypatch.setattr("explorer.training.run.STOP_SECONDS", PATIENCE)
    app = program(APP)
    lines = [app.stdout.readline().split() for _ in range(3)]
    dead(app)
    assert [line[1:] for line in lines] == [["running", "0"], ["running", "0"], ["queued", "0"]]
    ann, ben, cleo = (open_run(line[0], owner) for line, owner in zip(lines, ("ann", "ben", "cleo"), strict=True))
    left += [ann, cleo]
    assert [run.id for run in list_runs("ann")] == [ann.id]
    with pytest.raises(RunError, match="There is no run"):
        open_run(ann.id, "ben")
    assert status_of(cleo) == "queued"

    both = until(lambda: ann.folder.is_locked() and ben.folder.is_locked(), "training at once")
    assert both
    until(lambda: status_of(ben) == "finished", "the second run's end")
    assert ben.history()["epoch"] == [1, 2, 3]
    assert status_of(ann) == "running"
    until(lambda: Story(cleo.folder).read_on().batches, "the third run's beginning")
    assert status_of(cleo) == "running"
    assert cleo.folder.events.stat().st_size > 0
    assert (runs_dir / ".queue").is_dir()
    assert not list((runs_dir / ".queue").iterdir())

    cleo.delete()
    assert [run.id for run in list_runs("cleo")] == []
    assert not list(runs_dir.glob(".deleted-*"))
    until(lambda: ann.story().batches, "the first run's batches")
    ann.stop()
    assert ann.wait(PATIENCE) == "stopped"
    assert ann.reason == "Stopped by hand."
    with np.load(ann.folder.tested) as saved:
        np.testing.assert_allclose(ann.classifier().predict(tiny().test.images), saved["probabilities"], atol=1e-5)
    until(lambda: not list((runs_dir / ".active").iterdir()), "the end of their processes")


def test_the_process_is_killed_within_an_epoch_and_a_warm_one_goes_on(runs_dir, left):
    """Before that it is paused, given another rate, asked for its network, and let go on."""
    spare = Spare()
    config = CONFIG.but(epochs=2, batch_size=1)
    run = start(config, tiny(train=2000), name="killed")
    left.append(run)
    until(lambda: run.story().epoch == 1 and run.story().batches[-1]["epoch"] == 2, "the second epoch")
    run.pause()
    until(lambda: run.status == "paused", "the pause")
    classifier = run.classifier()
    with np.load(run.folder.watched) as saved:
        said = run.story().epochs[1]["predictions"]
        np.testing.assert_allclose(classifier.predict(saved["images"]), said, atol=1e-4)
    quiet = len(run.story().batches)
    run.set_learning_rate(0.002)
    time.sleep(0.5)
    assert len(run.story().batches) == quiet
    run.resume()
    until(lambda: run.status == "running" and len(run.story().batches) > quiet, "going on")
    assert [each["learning_rate"] for each in run.story().rates] == [0.002]
    assert run.story().batches[-1]["learning_rate"] == 0.002
    before = checkpoints.read_weights(run.folder.epoch(1))

    spare.warm()
    os.kill(process_of(run), signal.SIGKILL)
    killed = time.monotonic()
    until(lambda: run.status == "failed", "the word of it", seconds=5)
    assert time.monotonic() - killed < 5
    assert run.reason == DEAD
    assert Run(run.path).classifier().predict(tiny().test.images).shape == (33, 3)

    again = open_run(run.id, spare=spare)
    warmed = spare._process.pid
    again.resume()
    assert again.wait(PATIENCE) == "finished"
    story = again.story()
    assert story.history["epoch"] == [1, 2]
    starts = [event for event in again.events() if event["event"] == "started"]
    assert [(each["epoch"], each["step"]) for each in starts] == [(1, 0), (2, 0)], "that epoch alone was lost"
    launched = [event["pid"] for event in again.events() if event["event"] == "launched"]
    assert launched[1] == warmed, "the warm process took it"
    for one, other in zip(before, checkpoints.read_weights(run.folder.epoch(1)), strict=True):
        assert (one == other).all()
    assert story.history["learning_rate"] == pytest.approx([0.01, 0.002]), "the wish holds"
    with np.load(again.folder.tested) as saved:
        np.testing.assert_allclose(again.classifier().predict(tiny().test.images), saved["probabilities"], atol=1e-5)
    assert spare.take(run.path) is None


LIMITED = """
    import resource, sys
    from explorer.training import worker
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    print(worker.main([sys.argv[1]]))
"""


def test_a_full_disk_ends_a_run_and_its_last_checkpoint_is_still_there(runs_dir):
    """No file may be larger than 100 kB; the weights are 135 kB."""
    wide = CONFIG.but(blocks=(Block("flatten"), Block("dense", units=500)), epochs=1)
    folder = begin(runs_dir, wide)
    learning.work(folder)
    weights, state = folder.epoch(1).read_bytes(), folder.state.read_bytes()
    folder.config.write_text(wide.but(epochs=2).to_json())
    EventWriter(folder.events).write("queued")

    process = program(LIMITED, folder.path, stderr=subprocess.DEVNULL)
    answer, _ = process.communicate(timeout=PATIENCE)
    assert answer == "0\n"
    run = Run(folder.path)
    assert (run.status, run.story().epoch) == ("failed", 1)
    assert run.reason == (
        "The disk is full. Delete old runs or make room, then resume: the last checkpoint is still there."
    )
    assert folder.kept_epochs() == [0, 1]
    assert (folder.epoch(1).read_bytes(), folder.state.read_bytes()) == (weights, state)
    assert not list(folder.path.rglob(".writing-*"))
    assert run.classifier(1).predict(tiny().test.images).shape == (33, 3)

    learning.work(folder)
    assert (told(folder).last, told(folder).history["epoch"]) == ("finished", [1, 2])


WARMING = """
    import time
    from explorer.training import Spare
    spare = Spare()
    spare.warm()
    spare.warm()
    print(spare._process.pid, flush=True)
    time.sleep(1000)
"""


def test_a_spare_process_ends_with_the_program_that_warmed_it():
    program_ = program(WARMING)
    pid = int(program_.stdout.readline())
    assert process_lives(pid)
    dead(program_)
    until(lambda: not process_lives(pid), "its end")


def test_a_spare_process_can_be_ended_and_is_not_given_a_run_then(tmp_path):
    spare = Spare()
    spare.warm()
    process = spare._process
    spare.end()
    assert process.poll() is not None
    assert spare.take(tmp_path) is None
    spare.warm()
    spare._process.kill()
    spare._process.wait()
    ended = spare._process
    assert spare.take(tmp_path) is None
    ended.stdin.close()
