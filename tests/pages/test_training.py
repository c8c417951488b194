"""The Training page: what would be trained, a run from beginning to end, steering, judging, other people's runs."""

import csv
import io
import json
import shutil
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from explorer import settings, training
from explorer.blocks import RECIPES, Block, describe
from explorer.training import ENDED, TrainConfig, learning
from explorer.training.folder import EventWriter, Folder
from explorer.ui import augmentation_options, site, state, training_blocks, visitors
from explorer.ui import training_options as options
from explorer.ui.training_explanation import EXPERIMENTS
from tests.pages.visiting import HOSTILE, Visits, component, looked, nonsense, said
from tests.training.conftest import begin, told

KEYS = ("dataset", "recipe", "epochs", "batch_size", "optimizer", "learning_rate", "schedule", "early_stopping", "seed")
BUTTONS = ("start", "pause", "stop")
VISITS = Visits("training", options.TABS)
start, url = VISITS.start, VISITS.url
TINY = TrainConfig("mnist-small", epochs=2, train_pictures=96, batch_size=32, recipe="keras-io-mnist")
SECONDS = 90


@pytest.fixture(autouse=True)
def runs_dir(tmp_path, monkeypatch):
    """Each test has its own runs."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("EXPLORER_RUNS_DIR", str(folder))
    return folder


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    """The folder of a run that has finished, trained in this process."""
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_RUNS_DIR", str(root))
        folder = plain_run(root)
        learning.work(folder)
    assert told(folder).last == "finished"
    return folder


@pytest.fixture
def finished(trained_once, monkeypatch):
    """The run of that folder."""
    monkeypatch.setenv("EXPLORER_RUNS_DIR", str(trained_once.path.parent))
    return training.open_run(trained_once.path.name)


def plain_run(root, config=TINY, owner=""):
    """A run as ``start`` makes it, on a bundled dataset, without a queue and without a process."""
    folder = begin(root, config)
    folder.about.write_text(json.dumps({"name": "tiny", "owner": owner, "created": 1.0, "data": None}))
    return folder


def going(root, *events, config=TINY, owner=""):
    """A run that a process seems to have: its lock is held by this one. Gives the lock, which keeps it alive."""
    folder = plain_run(root, config, owner)
    lock = folder.lock
    lock.acquire()
    writer = EventWriter(folder.events)
    shape = {"classes": [str(digit) for digit in range(10)], "shape": [28, 28, 1], "steps": 3, "parameters": 34826}
    writer.write("started", epoch=1, step=0, **shape)
    for name, values in events:
        writer.write(name, **values)
    return folder, lock


# What is seen first


def test_the_promised_keys_are_drawn_on_a_fresh_page():
    at = looked(start())
    drawn = {key for key in at.session_state.keys() if key.startswith("training.")}  # noqa: SIM118
    assert {f"training.{name}" for name in (*KEYS, "run")} <= drawn
    assert all(at.button(key=f"training.{name}") for name in BUTTONS)


def test_a_fresh_visit_sees_the_pictures_the_network_and_a_button():
    at = looked(start())
    assert at.title[0].value == "Train it live"
    assert url(at) == {}
    assert "93,322 parameters" in said(at)
    assert "5,400 pictures of 10 classes; a tenth was held out" in said(at)
    assert len(component(at, "versions")["tiles"]) == 8
    assert not at.button(key="training.start").disabled
    assert at.button(key="training.pause").disabled
    assert at.button(key="training.stop").disabled
    table = at.dataframe[0].value
    assert list(table["Layer"])[-1] == "Dense 10 · softmax"
    assert int(table["parameters"].sum()) == 93_322


def test_the_first_screen_and_a_finished_run_s_pictures_need_no_tensorflow(finished):
    program = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        f"for link in ({{}}, {{'training.run': {finished.id!r}, 'training.tab': 'wrong'}}):\n"
        f"    at = AppTest.from_file({str(settings.ROOT / 'pages' / 'training.py')!r}, default_timeout=60)\n"
        "    at.query_params = link; at.run(); assert not at.exception, at.exception\n"
        "assert at.metric[0].value.endswith('%')\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=settings.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_shown_or_its_impossibility_explained(recipe):
    at = start(link={"recipe": recipe})
    assert not at.exception
    assert at.button(key="training.start").disabled == bool(at.error)
    if at.error:
        assert "at least" in at.error[0].value
        assert recipe in ("cats-dogs", "cats-dogs-dropout", "rock-paper-scissors")


def test_larger_pictures_make_an_impossible_network_possible():
    at = looked(start(link={"recipe": "cats-dogs", "image_size": "64"}))
    assert not at.button(key="training.start").disabled


def test_two_classes_end_in_a_sigmoid(monkeypatch):
    rows = describe("dense-512", (28, 28, 1), 2)
    assert rows[-1].label == "Dense 1 · sigmoid"


# A run


def test_a_tiny_network_is_trained_to_the_end_through_the_page(sent):
    link = {
        "dataset": "mnist-small",
        "recipe": "keras-io-mnist",
        "epochs": "2",
        "train_pictures": "128",
        "batch_size": "32",
    }
    at = looked(start(link=link))
    looked(at.button(key="training.start").click().run())
    run = training.open_run(at.session_state["training.run"])
    assert url(at)["run"] == run.id
    deadline = time.monotonic() + SECONDS
    while run.status not in ENDED and time.monotonic() < deadline:
        time.sleep(0.5)
        looked(at.run())
    assert run.status == "finished", run.reason
    looked(at.run())
    assert run.history()["epoch"] == [1, 2]
    assert "2 of 2 epochs" in at.get("progress")[0].proto.text
    watched = component(at, "versions")["tiles"]
    assert len(watched) == 8
    assert all(tile["mark"].endswith("%") for tile in watched)
    rows = list(csv.DictReader(io.StringIO(sent.download("history.csv"))))
    assert [float(row["val_accuracy"]) for row in rows] == pytest.approx(run.history()["val_accuracy"])
    assert any(
        "events.out" in name for name in zipfile.ZipFile(io.BytesIO(sent.download("tensorboard.zip"))).namelist()
    )
    assert TrainConfig.from_json(sent.download("training.json")) == run.config
    assert sent.download("network.keras")[:2] == b"PK"


def test_what_it_gets_wrong_adds_up(finished):
    at = looked(start(link={"run": finished.id, "tab": "wrong"}))
    with np.load(finished.folder.tested) as saved:
        labels = saved["labels"]
        wrong = int((saved["probabilities"].argmax(axis=1) != labels).sum())
    assert at.metric[0].value == f"{1 - wrong / len(labels):.1%}"
    assert at.metric[2].value == f"{wrong:,}"
    tiles = [each for each in at.get("bidi_component") if each.proto.component_name.endswith("versions")][-1]
    shown = json.loads(tiles.proto.json)["tiles"]
    assert all(tile["tone"] == "bad" for tile in shown)
    shares = [int(tile["mark"].rsplit(" ", 1)[1].rstrip("%")) for tile in shown]
    assert shares == sorted(shares, reverse=True)
    at.toggle(key="training.only_wrong").set_value(False).run()
    assert f"{len(labels):,} pictures" in said(looked(at))


def test_a_run_is_a_network_of_the_other_pages(finished):
    for page in ("feature_maps", "grad_cam"):
        at = Visits(page, options.TABS).start(link={"model": f"run:{finished.id}", "image": "digit"})
        assert not at.exception
        assert not at.error
        box = at.selectbox(key=f"{page}.model")
        assert box.value == f"run:{finished.id}"
        assert any("tiny" in each for each in box.options)


def test_ask_it_with_a_picture_and_compare(finished):
    at = looked(start(link={"run": finished.id, "tab": "ask", "ask": "picture"}))
    assert len([each for each in at.get("progress") if "·" in each.proto.text]) >= 5
    at = looked(start(link={"run": finished.id, "tab": "compare"}))
    assert list(at.dataframe[0].value["run"]) == ["tiny"]
    at = looked(start(link={"run": finished.id, "tab": "network"}))
    assert int(at.dataframe[0].value["parameters"].sum()) == RECIPES["keras-io-mnist"].parameters


def test_the_epoch_slider_goes_back(finished):
    at = looked(start(link={"run": finished.id}))
    assert "After epoch 2" in said(at)
    at = looked(start(link={"run": finished.id, "epoch": "0"}))
    assert "After epoch 0" in said(at)


def test_a_finished_run_goes_on_where_more_epochs_are_asked_for(finished, monkeypatch):
    asked = []
    monkeypatch.setattr(training.Run, "resume", lambda _, epochs=None, **_more: asked.append(epochs))
    at = looked(start(link={"run": finished.id}))
    looked(at.button(key="training.go_on").click().run())
    assert asked == [7]


# While it goes on


BATCH = {
    "learning_rate": 0.001,
    "epoch": 1,
    "step": 2,
    "steps": 3,
    "loss": 1.5,
    "accuracy": 0.4,
    "batch_loss": 1.4,
    "batch_accuracy": 0.5,
}


def test_progress_speed_and_time_left_are_said(runs_dir):
    folder, lock = going(runs_dir, ("batch", {**BATCH, "images_per_second": 1234.0, "seconds_left": 42.0}))
    at = looked(start(link={"run": folder.path.name}))
    bar = at.get("progress")[0].proto
    assert bar.text == "Epoch 1 of 2 · 1,234 pictures a second · about 42 s left"
    assert bar.value == 33
    lock.release()


def test_the_buttons_write_wishes(runs_dir):
    folder, lock = going(runs_dir, ("batch", BATCH))
    at = looked(start(link={"run": folder.path.name}))
    looked(at.button(key="training.pause").click().run())
    assert folder.wish().wanted == "pause"
    EventWriter(folder.events).write("paused", epoch=1, step=2)
    looked(at.run())
    assert at.button(key="training.pause").label == "Resume"
    looked(at.button(key="training.pause").click().run())
    assert folder.wish().wanted == "run"
    EventWriter(folder.events).write("resumed")
    rate = next(each for each in at.number_input if each.key == f"training.new_rate.{folder.path.name}")
    rate.set_value(0.0005).run()
    looked(at.button(key="training.set_rate").click().run())
    assert (folder.wish().learning_rate, folder.wish().number) == (0.0005, 1)
    looked(at.button(key="training.stop").click().run())
    assert folder.wish().wanted == "stop"
    lock.release()


def test_a_killed_process_is_said_and_can_be_resumed(runs_dir):
    folder, lock = going(runs_dir, ("batch", BATCH))
    at = looked(start(link={"run": folder.path.name}))
    lock.release()  # what the system does when a process is killed
    at.run()
    assert "ended without a word" in at.error[0].value
    assert at.button(key="training.pause").label == "Resume"
    assert not at.button(key="training.pause").disabled


def test_a_failed_run_says_why(runs_dir):
    folder, lock = going(runs_dir, ("failed", {"reason": "The loss is not a number in epoch 1: try a tenth."}))
    lock.release()
    at = start(link={"run": folder.path.name})
    assert not at.exception
    assert "not a number" in at.error[0].value


def test_a_waiting_run_says_its_place(runs_dir, monkeypatch):
    monkeypatch.setenv("EXPLORER_RUNS_AT_ONCE", "1")
    folder, lock = going(runs_dir, ("batch", BATCH))
    (runs_dir / ".active").mkdir(exist_ok=True)
    (runs_dir / ".active" / folder.path.name).touch()
    first, second = training.start(TINY), training.start(TINY)
    assert (first.status, second.status) == ("queued", "queued")
    words = [looked(start(link={"run": run.id})).get("progress")[0].proto.text for run in (first, second)]
    assert words == ["Others are training. It is the next one.", "Others are training. 1 more is before it."]
    at = looked(start(link={"run": second.id}))
    at.button(key="training.stop").click().run()
    assert second.status == "stopped"
    first.stop()
    lock.release()


def test_names_are_changed_and_deleting_is_asked_first(runs_dir):
    folder, lock = going(runs_dir, ("stopped", {"reason": "Stopped by hand.", "used": 0}))
    lock.release()
    at = looked(start(link={"run": folder.path.name}))
    run = training.open_run(folder.path.name)
    at.text_input(key=f"training.new_name.{run.id}").set_value("my *first*").run()
    assert run.name == "my *first*"
    assert at.button(key="training.delete").disabled
    at.checkbox(key=f"training.sure.{run.id}").check().run()
    looked(at.button(key="training.delete").click().run())
    assert not folder.path.exists()
    assert at.session_state["training.run"] == ""


# Build your own


def table(at):
    """The key under which the table of blocks keeps what is typed."""
    return f"{training_blocks.TABLE}.{at.session_state[state.STACK_BASE][1]}"


def test_the_table_begins_with_the_first_recipe_and_its_edits_change_the_network():
    at = looked(start(link={"recipe": "own"}))
    assert "93,322 parameters" in said(at)
    at.session_state[table(at)] = {
        "edited_rows": {0: {"filters": 8}, 6: {"units": 16}},
        "added_rows": [{"kind": "Dropout", "rate": 0.3}],
        "deleted_rows": [4],
    }
    looked(at.run())
    stack = at.session_state[state.OWN_STACK]
    assert stack[0] == Block("convolution", filters=8)
    assert [each.kind for each in stack] == [
        *("convolution", "max_pooling", "convolution", "max_pooling", "flatten", "dense", "dropout"),
    ]
    assert stack[-1].rate == 0.3
    assert at.dataframe[-1].value["Layer"].tolist()[-2:] == ["Dropout 30 %", "Dense 10 · softmax"]


def test_an_impossible_stack_is_explained_and_cannot_be_trained():
    at = looked(start(link={"recipe": "own"}))
    at.session_state[table(at)] = {"edited_rows": {}, "added_rows": [], "deleted_rows": [5]}
    at.run()
    assert "Put Flatten or a global pooling before it" in at.error[0].value
    assert at.button(key="training.start").disabled


@pytest.mark.parametrize(
    "edits", [*HOSTILE, {"edited_rows": 3}, {"added_rows": [{"kind": {}}, 7]}, {"deleted_rows": ["x"]}]
)
def test_nonsense_in_the_table_is_survived(edits):
    at = looked(start(link={"recipe": "own"}))
    at.session_state[table(at)] = edits
    training_blocks.edited([{"kind": "Dense"}], edits)
    assert not at.exception


# Links, sessions, visitors


def test_choices_travel_in_the_link():
    link = {
        "dataset": "shapes",
        "recipe": "dense-512",
        "epochs": "7",
        "optimizer": "sgd",
        "learning_rate": "0.05",
        "schedule": "cosine",
        "early_stopping": "1",
        "seed": "3",
        "augmentation": "flip",
        "dropout": "0.3",
    }
    at = looked(start(link=link))
    assert url(at) == link
    at = looked(
        start(link={"epochs": "0", "optimizer": "x", "learning_rate": "nan", "run": "../../etc", "nonsense": "1"})
    )
    assert url(at) == {}
    assert len(at.info) >= 4


@pytest.mark.parametrize("turn", range(6))
def test_nonsense_in_the_session_is_survived(turn):
    at = start(**nonsense(options.CONTROLS, turn))
    assert not at.exception


def test_the_experiments_set_the_choices_up():
    for number, _ in enumerate(EXPERIMENTS):
        at = looked(start(tab="try"))
        looked(at.button(key=f"training.try_{number}").click().run())
        assert url(at)
        assert not at.button(key="training.start").disabled


def test_another_visitor_s_run_is_not_there(runs_dir, trained_once, monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    monkeypatch.setenv("EXPLORER_RUNS_AT_ONCE", "1")
    other, lock = going(runs_dir, ("batch", BATCH), owner="somebody else")
    (runs_dir / ".active").mkdir()
    (runs_dir / ".active" / other.path.name).touch()
    token = "a" * 32
    at = start()
    at.session_state[state.VISITOR] = token
    looked(at.run())
    assert at.selectbox(key="training.run").options == ["a new run"]
    looked(at.button(key="training.start").click().run())
    run = training.open_run(at.session_state["training.run"])
    assert token not in run.folder.about.read_text()

    mine = runs_dir / trained_once.path.name  # a run of this visitor's that has a network
    shutil.copytree(trained_once.path, mine)
    (mine / "run.json").write_text(json.dumps({"name": "mine", "owner": run.about.owner, "created": 1.0, "data": None}))
    looked(at.run())
    assert len(at.selectbox(key="training.run").options) == 3
    stranger = start(link={"run": mine.name})
    assert not stranger.exception
    assert stranger.session_state["training.run"] == ""
    assert stranger.selectbox(key="training.run").options == ["a new run"]
    elsewhere = Visits("feature_maps", options.TABS).start(link={"model": f"run:{mine.name}"})
    assert elsewhere.selectbox(key="feature_maps.model").value == "EfficientNetLite0"
    assert not any("mine" in each for each in elsewhere.selectbox(key="feature_maps.model").options)
    lock.release()


def test_a_cookie_that_is_no_token_is_not_taken(monkeypatch):
    assert visitors.TOKEN.fullmatch("0" * 32)
    for hostile in ("", "0" * 31, "g" * 32, "../" * 11, "0" * 33):
        assert not visitors.TOKEN.fullmatch(hostile)


def test_hosted_limits_are_said(monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    at = looked(start(link={"epochs": "50"}))
    at.button(key="training.start").click().run()
    assert "20 is the limit" in at.error[0].value
    assert not training.list_runs()


def test_the_home_page_and_the_menu_know_the_page():
    assert any(entry.file == "pages/training.py" for entry in site.PAGES)


def test_folder_helper_is_a_run(runs_dir):
    assert isinstance(plain_run(runs_dir), Folder)


# What a first visitor stumbled over


def field(at, name):
    """The number field whose key begins so."""
    return next(each for each in at.number_input if each.key.startswith(f"training.{name}"))


def bar(at):
    return at.get("progress")[0].proto.text


def ended(root, *events):
    """A run whose process is gone, with one epoch behind it."""
    folder, lock = going(root, ("batch", BATCH), ("epoch", {"epoch": 1, "loss": 1.0, "learning_rate": 0.001}), *events)
    EventWriter(folder.events).write("stopped", reason="Stopped by hand.", used=1)
    lock.release()
    return folder


def test_a_rate_set_by_hand_is_said_everywhere(runs_dir):
    folder = ended(runs_dir, ("rate", {"learning_rate": 0.02, "epoch": 2, "step": 0}))
    at = looked(start(link={"run": folder.path.name, "tab": "code"}))
    assert "Convnet of keras.io · adam 0.001 → 0.02 from epoch 2" in said(at)
    assert "(2, 0): 0.02," in at.code[0].value
    curves = [json.loads(each.proto.spec) for each in at.get("plotly_chart")]
    assert [shape["x0"] for each in curves for shape in each["layout"]["shapes"]] == [1, 1]
    at = looked(start(link={"run": folder.path.name, "tab": "compare"}))
    assert list(at.dataframe[0].value["optimizer"]) == ["adam, 0.001 → 0.02 from epoch 2"]


def test_a_rate_that_was_typed_is_taken_by_going_on(runs_dir, monkeypatch):
    asked = []
    monkeypatch.setattr(training.Run, "resume", lambda _, **how: asked.append(how))
    folder = ended(runs_dir)
    at = looked(start(link={"run": folder.path.name}))
    assert field(at, "new_rate").value == 0.001
    looked(at.button(key="training.go_on").click().run())
    field(at, "new_rate").set_value(0.02)
    looked(at.button(key="training.go_on").click().run())
    assert asked == [{"epochs": 7, "learning_rate": None}, {"epochs": 7, "learning_rate": 0.02}]


def test_a_rate_can_be_set_of_a_finished_run_and_the_field_shows_each_run_s_own(finished):
    other, lock = going(finished.path.parent, ("batch", {**BATCH, "learning_rate": 0.007}))
    at = looked(start(link={"run": finished.id}))
    field(at, "new_rate").set_value(0.03)
    looked(at.button(key="training.set_rate").click().run())
    assert finished.folder.wish().learning_rate == 0.03
    assert "0.03, as soon as it goes on" in at.toast[0].value
    assert field(at, "new_rate").value == 0.03
    at.session_state["training.run"] = other.path.name
    looked(at.run())
    assert field(at, "new_rate").value == 0.007
    lock.release()
    shutil.rmtree(other.path)
    finished.folder.control.unlink()


def test_going_on_with_another_rate_writes_one_wish(runs_dir, monkeypatch):
    monkeypatch.setenv("EXPLORER_RUNS_AT_ONCE", "1")
    (runs_dir / ".active").mkdir()
    folder, lock = going(runs_dir)  # takes the only place
    (runs_dir / ".active" / folder.path.name).touch()
    run = training.open_run(ended(runs_dir).path.name)
    with pytest.raises(training.RunError, match="learning_rate is -1"):
        run.resume(epochs=3, learning_rate=-1.0)
    with pytest.raises(training.RunError, match="Every epoch"):
        run.resume(epochs=1, learning_rate=0.5)
    assert run.folder.wish().learning_rate is None
    run.resume(epochs=3, learning_rate=0.5)
    assert (run.folder.wish().wanted, run.folder.wish().learning_rate) == ("run", 0.5)
    lock.release()


def test_a_run_that_wakes_again_does_not_show_what_was(runs_dir):
    batch = {**BATCH, "images_per_second": 1015.0, "seconds_left": 0.0}
    folder, lock = going(runs_dir, ("batch", batch), ("epoch", {"epoch": 1}), ("finished", {"used": 1}))
    writer = EventWriter(folder.events)
    writer.write("queued")
    writer.write("launched", pid=1)
    writer.write("started", epoch=2, step=0, classes=["a", "b"], shape=[28, 28, 1], steps=3)
    at = looked(start(link={"run": folder.path.name}))
    assert bar(at) == "Waking TensorFlow… It goes on with epoch 2."
    writer.write("batch", **{**batch, "epoch": 2})
    looked(at.run())
    assert bar(at) == "Epoch 2 of 2 · 1,015 pictures a second · about 0 s left"
    looked(at.button(key="training.stop").click().run())
    assert bar(at) == "Stopping…"
    lock.release()


def test_without_a_run_steering_is_no_popover_that_stays_open(runs_dir):
    folder = ended(runs_dir)
    at = looked(start(link={"run": folder.path.name}))
    assert len(at.get("popover")) == 5
    at.checkbox(key=f"training.sure.{folder.path.name}").check().run()
    looked(at.button(key="training.delete").click().run())
    assert len(at.get("popover")) == 4  # those of the sidebar
    assert at.button(key="training.no_steer").disabled


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("epochs", 0, "“Epochs” is 0; it is a whole number from 1 to 500."),
        ("epochs", 99_999, "“Epochs” is 99,999; it is a whole number from 1 to 500."),
        ("batch_size", 7_000, "“Batch size” is 7,000; it is a whole number from 1 to 1024."),
        ("learning_rate", -1.0, "“Learning rate” is -1.0; it is a number from 1e-07 to 100."),
        ("image_size", 3, "“Size, pixels” is 3; it is a whole number from 8"),
        ("patience", 0, "“Patience, epochs” is 0; it is a whole number from 1 to 50."),
    ],
)
def test_a_number_out_of_range_is_said_and_not_trained(name, typed, sentence):
    at = looked(start(link={"early_stopping": "1"}))
    at.number_input(key=f"training.{name}").set_value(typed).run()
    assert not at.exception
    assert sentence in at.error[0].value
    assert at.number_input(key=f"training.{name}").value == typed  # as it was typed
    assert at.button(key="training.start").disabled
    at.number_input(key=f"training.{name}").set_value(32).run()
    assert not looked(at).button(key="training.start").disabled


def test_beside_a_run_a_number_out_of_range_begins_none(runs_dir):
    folder = ended(runs_dir)
    at = looked(start(link={"run": folder.path.name}))
    assert "These are for the next run" in said(at)
    at.number_input(key="training.epochs").set_value(0).run()
    at.button(key="training.start").click().run()
    assert "“Epochs” is 0" in at.error[0].value
    assert len(training.list_runs()) == 1


def test_one_s_own_network_is_in_the_link_and_comes_back(runs_dir):
    at = looked(start(link={"recipe": "own"}))
    assert "does not say its layers" in at.info[0].value
    at.session_state[table(at)] = {"edited_rows": {0: {"filters": 8, "padding": "same"}}, "deleted_rows": [1]}
    looked(at.run())
    assert url(at) == {"recipe": "own", "stack": "c8.3.1.same-c64-m2.2-c64-f-d"}
    again = looked(start(link=url(at)))
    assert not again.info
    assert again.session_state[state.OWN_STACK] == at.session_state[state.OWN_STACK]
    assert again.session_state[state.STACK_BASE][0] == at.session_state[state.OWN_STACK]
    assert url(looked(again.run())) == url(at)
    other = {"recipe": "own", "stack": "f-d9"}
    assert url(looked(start(link=other))) == other


@pytest.mark.parametrize("text", ["q", "c0", "c8-", "-".join(["c"] * 61), "d" * 900, "o95", "c32", "f.1", "c٣", "d1e3"])
def test_a_hostile_network_in_a_link_gives_a_sentence(text):
    at = looked(start(link={"recipe": "own", "stack": text}))
    assert "The link's value for “layers” cannot be used" in at.info[0].value
    assert "93,322 parameters" in said(at)


def test_the_schedule_s_fields_are_its_own():
    names = [name for names in options.OF_SCHEDULE.values() for name in names]
    for schedule in ("constant", "plateau"):
        at = looked(start(link={"schedule": schedule}))
        drawn = {each.key for each in [*at.number_input, *at.slider]}
        shown = [name for name in names if f"training.{name}" in drawn]
        assert shown == list(options.OF_SCHEDULE.get(schedule, ()))


def test_what_helps_is_found_again_by_its_link(finished, runs_dir, monkeypatch):
    help_page = Visits("augmentation", augmentation_options.TABS)
    link = {"tab": "help", "help_runs": f"{finished.id},{finished.id}", "help_dataset": "shapes"}
    at = looked(help_page.start(link=link))
    assert help_page.url(at) == link
    assert {each.proto.text for each in at.get("progress")} == {"Without: finished", "With: finished"}
    assert "0 pictures are right only with it" in at.info[-1].value
    for hostile in ("x", "../../etc,..", f"{finished.id},{finished.id},{finished.id}", "," * 99):
        at = looked(help_page.start(link={**link, "help_runs": hostile}))
        assert "they are no runs of yours, or were deleted" in at.info[0].value
        assert not at.get("progress")
    monkeypatch.setattr(training, "start", lambda *_, **__: finished)
    at = looked(help_page.start(link={"tab": "help"}))
    looked(at.button(key="augmentation.help_start").click().run())
    assert help_page.url(at)["help_runs"] == f"{finished.id},{finished.id}"


def test_a_policy_that_mirrors_digits_is_said_beforehand():
    help_page = Visits("augmentation", augmentation_options.TABS)
    at = looked(help_page.start(link={"tab": "help"}))
    assert "mirrors, and a mirrored digit" in at.warning[0].value
    looked(at.button(key="augmentation.help_example").click().run())
    assert not at.warning
    assert not looked(help_page.start(link={"tab": "help", "help_dataset": "shapes"})).warning


def test_the_advice_to_learn_on_has_a_button(runs_dir, monkeypatch):
    asked = []
    monkeypatch.setattr(training.Run, "resume", lambda _, **how: asked.append(how))
    epochs = [
        ("epoch", {"epoch": number, "loss": 1 / number, "val_loss": 1 / number, "accuracy": 0.2 * number})
        for number in (1, 2, 3)
    ]
    for _, figures in epochs:
        figures["val_accuracy"] = figures["accuracy"]
    folder = ended(runs_dir, *epochs)
    at = looked(start(link={"run": folder.path.name}))
    assert "more epochs." in at.info[-1].value
    looked(at.button(key="training.five_more").click().run())
    assert asked == [{"epochs": 8}]
    good = ended(runs_dir, *[(name, {**figures, "accuracy": 0.99, "val_accuracy": 0.99}) for name, figures in epochs])
    at = looked(start(link={"run": good.path.name}))
    assert not [each for each in at.button if each.key == "training.five_more"]


def test_the_epoch_that_is_shown_is_the_newest_again_after_going_on(finished, monkeypatch):
    monkeypatch.setattr(training.Run, "resume", lambda *_, **__: None)
    at = looked(start(link={"run": finished.id, "epoch": "0"}))
    looked(at.button(key="training.go_on").click().run())
    assert "After epoch 2" in said(at)
