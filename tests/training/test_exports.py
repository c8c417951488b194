"""The CSV is read back by pandas, the zip by zipfile."""

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from explorer.training.exports import history_csv, tensorboard_zip
from explorer.training.folder import EventWriter
from explorer.training.run import Run

RUN_ID = "20260101-120000-0123abcd"


@pytest.fixture
def run(tmp_path):
    path = tmp_path / RUN_ID
    path.mkdir()
    (path / "config.json").write_text(json.dumps({}))
    return Run(path)


def test_the_history_is_a_line_an_epoch(run):
    events = EventWriter(run.folder.events)
    events.write("started", epoch=1, step=0)
    events.write("epoch", epoch=0, predictions=[])
    figures = {"loss": 0.123456789, "accuracy": 0.5, "val_loss": 1e-9, "val_accuracy": 1.0}
    events.write("epoch", epoch=1, **figures, learning_rate=0.001, seconds=2.5)
    events.write("epoch", epoch=2, **{**figures, "val_loss": float("nan")}, learning_rate=0.0005, seconds=2.25)
    text = history_csv(run)
    assert text.splitlines()[0] == "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds"
    assert "\r" not in text
    table = pd.read_csv(io.StringIO(text))
    assert table["epoch"].tolist() == [1, 2]
    assert table.iloc[0].to_dict() == {"epoch": 1, **figures, "learning_rate": 0.001, "seconds": 2.5}
    assert np.isnan(table["val_loss"][1])
    assert table["seconds"][1] == 2.25


def test_before_the_first_epoch_there_is_only_the_header(run):
    assert history_csv(run) == "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n"


def test_tensorboards_logs_are_packed_below_the_runs_name(run, tmp_path):
    wanted = {}
    for place, name in (("train", "events.out.1"), ("train", "events.out.2"), ("validation", "events.out.1")):
        file = run.folder.logs / place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"{place} {name}".encode() * 50)
        wanted[f"{RUN_ID}/{place}/{name}"] = file.read_bytes()
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (run.folder.logs / "train" / "link").symlink_to(secret)
    (run.folder.logs / "folder").symlink_to(tmp_path)
    (run.folder.logs / "gone").symlink_to(tmp_path / "nowhere")
    with zipfile.ZipFile(io.BytesIO(tensorboard_zip(run))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(wanted)
        assert {name: archive.read(name) for name in archive.namelist()} == wanted


def test_without_logs_the_zip_is_empty_and_valid(run, tmp_path):
    with zipfile.ZipFile(io.BytesIO(tensorboard_zip(run))) as archive:
        assert archive.namelist() == []
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("secret")
    run.folder.logs.symlink_to(tmp_path / "elsewhere")
    with zipfile.ZipFile(io.BytesIO(tensorboard_zip(run))) as archive:
        assert archive.namelist() == []
