"""Runs as a page sees them; their processes are played by this one."""

import json
import os
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from explorer import settings, training
from explorer.blocks import Block
from explorer.errors import DatasetError, ModelError, RunError
from explorer.training import Run, TrainConfig, checkpoints, launching, learning, list_runs, open_run, runs, start
from explorer.training.folder import EventWriter, Folder, Wish
from tests.training.conftest import CONFIG, begin, tiny


@pytest.fixture
def nobody(monkeypatch):
    """Processes are started by name only: the list of their folders."""
    started = []

    def begin(arguments, **_):
        started.append(arguments[0])
        return SimpleNamespace(pid=os.getpid(), wait=lambda: 0)

    monkeypatch.setattr(launching, "_start", begin)
    return started


def limited(monkeypatch, profile="LOCAL", **limits):
    monkeypatch.setattr(settings, profile, replace(getattr(settings, profile), **limits))


def say(run, event, **values):
    EventWriter(run.folder.events).write(event, **values)


@pytest.fixture(scope="module")
def trained(runs_of_the_module):
    """Two epochs, finished."""
    folder = begin(runs_of_the_module, CONFIG.but(epochs=2))
    learning.work(folder)
    return Run(folder.path)


@pytest.fixture(scope="module")
def stopped(runs_of_the_module):
    """Stopped at its first batch."""
    folder = begin(runs_of_the_module)
    folder.put_wish(Wish("stop"))
    learning.work(folder)
    return Run(folder.path)


# Beginning


def test_a_run_begins_as_a_folder(runs_dir, nobody):
    config = CONFIG.but(seed=3)
    before = time.time()
    run = start(config, tiny(), name="  My   first ", owner="ann")
    assert run.path == runs_dir / run.id
    assert (run.status, run.config, run.name, run.about.owner) == ("running", config, "My first", "ann")
    assert before <= run.about.created <= time.time()
    assert nobody == [str(run.path)]
    assert [event["event"] for event in run.events()] == ["queued", "launched"]
    assert (run.waits_behind, run.history()["epoch"], run.reason) == (0, [], "")
    assert [each.id for each in list_runs("ann")] == [run.id]
    assert training.any_active()


def test_a_third_waits_behind_the_others(runs_dir, nobody):
    first, second, third, fourth = (start(CONFIG, tiny(), owner=owner) for owner in ("ann", "ben", "ann", "ben"))
    assert len(nobody) == 2
    assert [run.status for run in (first, second, third, fourth)] == ["running", "running", "queued", "queued"]
    assert [run.waits_behind for run in (first, second, third, fourth)] == [0, 0, 0, 1]
    with pytest.raises(RunError, match=r"^Only a run that is running can be paused; this one is queued\.$"):
        fourth.pause()
    with pytest.raises(RunError, match=r"^The run is queued; only one that is paused or has ended can be resumed\.$"):
        fourth.resume()
    third.stop()
    assert (third.status, third.reason, fourth.waits_behind) == ("stopped", "Stopped before its turn came.", 0)
    with pytest.raises(RunError, match=r"^The run has ended already; this one is stopped\.$"):
        third.stop()
    fourth.delete()
    assert not fourth.path.exists()
    assert list((runs_dir / ".queue").iterdir()) == []
    third.resume()
    assert (third.status, third.waits_behind) == ("queued", 0)
    say(first, "failed", reason="So.")
    second.advance()
    assert (third.status, len(nobody)) == ("running", 3)


def test_names_are_given_and_changed(runs_dir, nobody):
    config = TrainConfig(train_pictures=10)
    one, two = start(config), start(config)
    assert (one.name, two.name) == (
        f"#1 {config.recipe}, {config.dataset}",
        f"#2 {config.recipe}, {config.dataset}",
    )
    two.rename(" Ünï  🐈 ")
    assert open_run(two.id).name == "Ünï 🐈"
    assert (two.about.owner, two.about.data) == ("", None)
    for name in ("", "  ", "x" * 61, "a\x00b", "\u202e"):
        with pytest.raises(RunError, match="A run's name has 1 to 60 characters"):
            two.rename(name)
    before = sorted(runs_dir.iterdir())
    with pytest.raises(RunError, match="A run's name"):
        start(CONFIG, tiny(), name="x" * 61)
    assert sorted(runs_dir.iterdir()) == before, "nothing is left of it"
    assert len(nobody) == 2


def test_what_does_not_fit_is_refused_before_anything_is_written(runs_dir, nobody, monkeypatch):
    with pytest.raises(ModelError, match=r"^Layer 1, Convolution 32 · 9 × 9: "):
        start(CONFIG.but(blocks=(Block("convolution", window=9),)), tiny())
    with pytest.raises(ModelError, match="at least 46 × 46 pixels"):
        start(TrainConfig(recipe="cats-dogs"))
    with pytest.raises(RunError, match=r"^There is no dataset 'nothing'; there are fashion-mnist-small, "):
        start(TrainConfig("nothing"))
    with pytest.raises(DatasetError):
        start(TrainConfig("shapes", pictures=24, patch_class="hexagon"))
    limited(monkeypatch, max_training_bytes=1e4)
    with pytest.raises(RunError, match=r"about 0\.1 GB|about 0\.0 GB of memory; 1e-05 GB is the limit here"):
        start(CONFIG, tiny())
    assert not runs_dir.exists()
    assert nobody == []


def test_a_folder_that_cannot_be_written_gives_a_sentence(tmp_path, nobody, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EXPLORER_RUNS_DIR", str(tmp_path / "file" / "runs"))
    with pytest.raises(RunError, match=r"^The run's folder cannot be written: Not a directory\. Make room"):
        start(CONFIG, tiny())
    assert list_runs() == []
    assert nobody == []


def test_a_run_that_could_not_be_written_leaves_nothing(runs_dir, nobody, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "put", full)
    with pytest.raises(RunError, match=r"^The run's folder cannot be written: No space left on device\."):
        start(CONFIG, tiny())
    assert [path.name for path in runs_dir.iterdir()] == []
    assert nobody == []


# Whose they are


def test_a_visitor_sees_only_their_own(runs_dir, nobody):
    of_ann, of_ben, of_nobody = (start(CONFIG, tiny(), owner=owner) for owner in ("ann", "ben", ""))
    assert [run.id for run in list_runs("ann")] == [of_ann.id]
    assert [run.id for run in list_runs("")] == [of_nobody.id]
    assert {run.id for run in list_runs()} == {of_ann.id, of_ben.id, of_nobody.id}
    assert open_run(of_ann.id, "ann").id == open_run(of_ann.id).id == of_ann.id
    for owner in ("ben", "", "ANN"):
        with pytest.raises(RunError, match=r"^There is no run '.*'; it may have been deleted\.$"):
            open_run(of_ann.id, owner)
    of_ben.folder.about.write_text('{"owner": ["ann"]}')
    assert [run.id for run in list_runs("ann")] == [of_ann.id]
    of_ann.folder.about.unlink()
    assert list_runs("ann") == []


@pytest.mark.parametrize(
    "run_id",
    [
        "",
        ".",
        "..",
        "../x",
        "../../etc/passwd",
        "/etc",
        ".queue",
        "20260101-000000-0000000g",
        "20260101-000000-00000000\n",
        "20260101-000000-00000000/..",
        "20260101-000000-00000000",
        "٢٠٢٦٠١٠١-000000-00000000",
        "x" * 100_000,
        "\x00",
    ],
)
def test_a_run_that_is_not_there_gives_a_sentence(runs_dir, run_id):
    with pytest.raises(RunError, match=r"^There is no run "):
        open_run(run_id)
    assert not runs_dir.exists()


def test_folders_that_are_no_runs_are_passed_over(runs_dir):
    folder = begin(runs_dir)
    for name in ("notes", "20260101-000000-ffffffff", ".deleted-20260101-000000-00000000"):
        (runs_dir / name).mkdir()
    (runs_dir / "20260101-000000-eeeeeeee").touch()
    assert [run.id for run in list_runs()] == [folder.path.name]
    folder.config.write_text("nonsense")
    with pytest.raises(RunError, match="no JSON text"):
        _ = Run(folder.path).config


# Limits


def test_a_visitor_of_the_hosted_app_is_limited(runs_dir, nobody, monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    limited(monkeypatch, "HOSTED", max_queue=4)
    with pytest.raises(RunError, match=r"^21 epochs were asked for; 20 is the limit here\.$"):
        start(CONFIG.but(epochs=21), tiny())
    for _ in range(4):
        start(CONFIG, tiny(), owner="ann")
    with pytest.raises(RunError, match=r"^4 of your runs train or wait already, the limit here\. Stop one, or wait\.$"):
        start(CONFIG, tiny(), owner="ann")
    for _ in range(2):
        start(CONFIG, tiny(), owner="ben")
    with pytest.raises(RunError, match=r"^4 runs wait for their turn already\. Try again in some minutes\.$"):
        start(CONFIG, tiny(), owner="ben")
    assert len(nobody) == 2
    run = list_runs("ann")[-1]
    say(run, "finished")
    with pytest.raises(RunError, match="21 epochs"):
        run.resume(epochs=21)


def test_no_more_runs_are_kept_than_there_is_room_for(runs_dir, nobody, monkeypatch):
    """On one's own machine one is asked to delete some; of strangers' runs the oldest go, but none that trains."""
    for number in range(6):
        folder = begin(runs_dir)
        folder.about.write_text(json.dumps({"owner": "ann", "created": time.time()}))
        say(Run(folder.path), "started" if number == 1 else "finished", epoch=1)
    limited(monkeypatch, max_runs=6)
    with pytest.raises(RunError, match=r"^6 runs are kept, the limit here\. Delete some first\.$"):
        start(CONFIG, tiny(), owner="ann")
    size = sum(run.folder.size() for run in list_runs())
    limited(monkeypatch, max_runs_bytes=size * 3 // 4)
    with pytest.raises(RunError, match=r"GB on the disk; .* GB is the limit\. Delete some first\.$"):
        start(CONFIG, tiny(), owner="ben")
    limited(monkeypatch, "HOSTED", max_runs_bytes=size * 3 // 4)
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    before = [run.id for run in reversed(list_runs("ann"))]
    with Folder(runs_dir / before[1]).lock:
        start(CONFIG, tiny(), owner="ben")
        assert [run.id for run in reversed(list_runs("ann"))] == [before[1], *before[3:]]
    assert len(nobody) == 1


def test_a_network_whose_checkpoints_are_too_large_is_refused(nobody, runs_dir, monkeypatch):
    """29 parameters, 24 bytes each."""
    limited(monkeypatch, max_run_bytes=29 * 24 - 1)
    with pytest.raises(RunError, match=r"^The checkpoints of 29 parameters would take about 0 MB on the disk; "):
        start(CONFIG, tiny())
    limited(monkeypatch, max_run_bytes=29 * 24)
    start(CONFIG, tiny())
    assert nobody


def test_a_run_is_not_launched_twice(runs_dir, nobody):
    """Two pages resume the same run."""
    folder = begin(runs_dir)
    one, other = Run(folder.path), Run(folder.path)
    say(one, "stopped", reason="So.")
    one.resume()
    with pytest.raises(RunError, match="only one that is paused or has ended"):
        other.resume()
    launching.Queue(runs_dir).add(one.id)
    one.advance()
    assert nobody == [str(folder.path)]


def test_what_is_too_old_goes_unless_it_still_trains(runs_dir, nobody, monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    old, young, trains = (begin(runs_dir) for _ in range(3))
    day = 86_400
    for folder, age in ((old, 2 * day), (young, 0.9 * day), (trains, 2 * day)):
        folder.about.write_text(json.dumps({"owner": "ann", "created": time.time() - age}))
        say(Run(folder.path), "started" if folder is trains else "finished", epoch=1)
    (runs_dir / ".deleted-20260101-000000-00000000").mkdir()
    with trains.lock:
        run = start(CONFIG, tiny(), owner="ben")
    assert {each.id for each in list_runs()} == {young.path.name, trains.path.name, run.id}
    assert not list(runs_dir.glob(".deleted-*"))
    assert len(nobody) == 1


# Wishes


def test_wishes_are_written_for_the_process(runs_dir, nobody):
    run = start(CONFIG, tiny())
    run.pause()
    assert run.folder.wish() == Wish("pause")
    run.set_learning_rate(0.5)
    run.set_learning_rate(0.25)
    assert run.folder.wish() == Wish("pause", 0.25, 2)
    say(run, "started", epoch=1, step=0)
    with run.folder.lock:
        say(run, "paused", epoch=1)
        assert run.status == "paused"
        run.pause()
        run.resume()
        assert run.folder.wish() == Wish("run", 0.25, 2)
        run.stop()
        assert run.folder.wish() == Wish("stop", 0.25, 2)
        say(run, "resumed")
        with pytest.raises(RunError, match=r"^The run is running; only one that is paused or has ended can be resumed"):
            run.resume()
    for rate in (0, -1, float("nan"), 1e9, True, "fast"):
        with pytest.raises(RunError, match="learning_rate is"):
            run.set_learning_rate(rate)
    assert nobody


def test_what_has_ended_can_go_on(trained, nobody, monkeypatch):
    with pytest.raises(RunError, match=r"^Every epoch has been trained\. Ask for more epochs to go on\.$"):
        trained.resume()
    with pytest.raises(RunError, match=r"^Only a run that is running can be paused; this one is finished\.$"):
        trained.pause()
    with pytest.raises(RunError, match="epochs is 0"):
        trained.resume(epochs=0)
    assert trained.config.epochs == 2
    assert nobody == []
    limited(monkeypatch, max_epochs=3)
    with pytest.raises(RunError, match="3 is the limit here"):
        trained.resume(epochs=4)


def test_waiting_gives_up_when_the_time_is_up(runs_dir, nobody):
    run = start(CONFIG, tiny())
    begun = time.monotonic()
    assert run.wait(0.2) == "running"
    assert 0.2 <= time.monotonic() - begun < 5
    say(run, "finished")
    assert run.wait() == "finished"
    assert [event["event"] for event in run.events(wait=None)] == ["queued", "launched", "finished"]
    assert nobody


# What was learned


def test_the_network_of_an_epoch_says_what_the_process_said(trained):
    """Of the test's pictures at the end, and of the watched ones after every epoch."""
    story = trained.story()
    with np.load(trained.folder.tested) as saved:
        probabilities, labels = saved["probabilities"], saved["labels"]
    classifier = trained.classifier()
    assert classifier.class_names == ("a", "b", "c")
    assert classifier.name == trained.name
    assert labels.tolist() == tiny().test.labels.tolist()
    np.testing.assert_allclose(classifier.predict(tiny().test.images), probabilities, atol=1e-5)
    with np.load(trained.folder.watched) as saved:
        watched = saved["images"]
    for epoch in (0, 1, 2):
        given = trained.classifier(epoch).predict(watched)
        np.testing.assert_allclose(given, story.epochs[epoch]["predictions"], atol=1e-4)
    assert not np.allclose(trained.classifier(0).predict(watched), classifier.predict(watched), atol=1e-4)


def test_the_network_of_a_run_that_was_stopped_within_an_epoch(stopped):
    story = stopped.story()
    assert (story.used, story.epoch, stopped.status) == (-1, 0, "stopped")
    with np.load(stopped.folder.tested) as saved:
        np.testing.assert_allclose(stopped.classifier().predict(tiny().test.images), saved["probabilities"], atol=1e-5)
    state = checkpoints.read_state(stopped.folder)
    assert (state[0].epoch, state[0].step) == (0, 1)


def test_two_classes_have_two_probabilities(runs_dir):
    folder = begin(runs_dir, CONFIG.but(epochs=1), tiny(classes=2))
    learning.work(folder)
    classifier = Run(folder.path).classifier()
    with np.load(folder.tested) as saved:
        np.testing.assert_allclose(classifier.predict(tiny(classes=2).test.images), saved["probabilities"], atol=1e-5)
    assert classifier.class_names == ("a", "b")


def test_weights_that_are_not_there_give_a_sentence(trained, runs_dir, nobody):
    for epoch in (3, -1, 10**9, "x" * 1_000):
        with pytest.raises(RunError, match=r"are not there; there are those of 0, 1, 2\.$"):
            trained.classifier(epoch)
    run = start(CONFIG, tiny())
    with pytest.raises(RunError, match=r"^The run has not begun yet, so there is no network to look at\.$"):
        run.classifier()
    say(run, "started", epoch=1, step=0, classes=["a", "b", "c"], shape=[8, 8, 1])
    with pytest.raises(RunError, match=r"there are those of none yet\.$"):
        run.classifier()
    run.folder.epochs.mkdir()
    checkpoints.save_weights(run.folder.epoch(0), [np.zeros(3, np.float32)])
    with pytest.raises(RunError, match=r"^The run's weights do not fit its network\. Begin a new run\.$"):
        run.classifier()
    assert nobody


def test_the_pictures_of_a_run_can_be_had_again(trained):
    lesson = trained.lesson()
    assert (lesson.dataset.test.images == tiny().test.images).all()
    with np.load(trained.folder.watched) as saved:
        assert (saved["images"] == lesson.dataset.validation.images[lesson.watched]).all()


# Deleting


def test_a_deleted_run_is_gone(runs_dir):
    folder = begin(runs_dir)
    run = Run(folder.path)
    say(run, "finished")
    run.delete()
    assert list(runs_dir.glob("2026*")) == list(runs_dir.glob(".deleted-*")) == []
    with pytest.raises(RunError, match="may have been deleted"):
        Run(folder.path)
    for act in (run.delete, lambda: run.rename("x"), lambda: run.config, lambda: run.set_learning_rate(0.1)):
        with pytest.raises(RunError):
            act()
    assert run.history()["epoch"] == []


def test_one_that_does_not_stop_is_not_deleted(runs_dir, monkeypatch):
    monkeypatch.setattr("explorer.training.run.STOP_SECONDS", 0.2)
    folder = begin(runs_dir)
    run = Run(folder.path)
    say(run, "started", epoch=1, step=0)
    with folder.lock, pytest.raises(RunError, match=r"^The run does not stop at the moment\. Try again"):
        run.delete()
    assert folder.wish().wanted == "stop"
    assert Folder(folder.path).config.is_file()
