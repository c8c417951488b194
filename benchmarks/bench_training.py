"""The cost of training in a process that tells what it does, as ratios measured in one run. Prints a markdown table.

Each ratio has a bar; the program ends with an error when one is above it. Runs are written to a temporary folder that
is gone afterwards. Seconds and bytes go to the error stream.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from common import Row, report

from explorer import datasets, training
from explorer.settings import MEGABYTE, ROOT
from explorer.training import Spare, TrainConfig, lessons
from explorer.training.folder import EventReader, EventWriter, Folder

EPOCHS = 4
"""Of a training whose speed is measured; the first, in which everything is traced, is left out."""
TURNS = 5
"""Trainings of each kind, in turn."""
STARTS = 5
RUNS, FIRST_RUNS = 20, 4
"""Runs in a process whose memory is watched, and those before it is held against what comes."""
WARM_SHARE = 2.0
"""A spare process gets this many times what a cold start takes."""
CONFIG = TrainConfig(dataset="fashion-mnist-small", recipe="convnet-32-64-64", batch_size=64, epochs=EPOCHS)
SHORT = CONFIG.but(epochs=1, train_pictures=64)
SCRIPT = """
import time

import keras

from explorer import datasets

train = datasets.load("fashion-mnist-small").train
layers = keras.layers
model = keras.Sequential([
    keras.Input(train.images.shape[1:]), layers.Rescaling(1 / 255),
    layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
    layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(),
    layers.Conv2D(64, 3, activation="relu"), layers.Flatten(),
    layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax"),
])
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
labels = keras.utils.to_categorical(train.labels[:64], 10)
model.fit(train.images[:64].astype("float32"), labels, batch_size=64, verbose=0)
print(time.time())
"""
"""What a person would write and run: TensorFlow imported, one step."""


# ---- pictures a second ----


def told_epochs() -> list[float]:
    """The seconds of each epoch of a run's own code but the first: validation, checkpoints and events included."""
    from explorer.training.learning import Training

    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path)
        folder.config.write_text(CONFIG.to_json(), encoding="utf-8")
        folder.about.write_text("{}", encoding="utf-8")
        Training(folder, EventWriter(folder.events)).go()
        ends = [each["time"] for each in EventReader(folder.events).read() if each["event"] == "epoch"]
    assert len(ends) == EPOCHS + 1  # the first tells of the network that has learned nothing
    return np.diff(ends[1:]).tolist()


def bare_epochs() -> list[float]:
    """The seconds of each epoch of ``model.fit`` but the first, on the same pictures as float32 arrays."""
    import keras

    from explorer.models import build

    dataset = lessons.prepare(CONFIG, datasets.load(CONFIG.dataset)).dataset
    classes, ends = len(dataset.class_names), []
    (x, y), validation = (
        (np.asarray(split.images, np.float32), keras.utils.to_categorical(split.labels, classes))
        for split in (dataset.train, dataset.validation)
    )
    model = build(CONFIG.recipe, dataset.image_shape, classes)
    model.compile(CONFIG.optimizer, "categorical_crossentropy", metrics=["accuracy"])
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.time()))
    model.fit(
        x,
        y,
        validation_data=validation,
        batch_size=CONFIG.batch_size,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[clock],
    )
    return np.diff(ends).tolist()


def speed_row() -> Row:
    """An epoch of a run against one of a bare fit."""
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(TURNS):
        for kind in (told_epochs, bare_epochs)[:: 1 if turn % 2 else -1]:
            (ours if kind is told_epochs else theirs).extend(kind())
    told, bare = statistics.median(ours), statistics.median(theirs)
    pictures = len(lessons.prepare(CONFIG, datasets.load(CONFIG.dataset)).dataset.train)
    print(f"A run {pictures / told:,.0f} images/s, model.fit {pictures / bare:,.0f}.", file=sys.stderr)
    return Row(f"an epoch of {pictures:,} pictures in a run, all it writes included", "model.fit", told / bare, 1.05)


# ---- press to first batch ----


def by_script() -> float:
    """Seconds until a program of its own has done one step."""
    begun = time.time()
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, cwd=ROOT)
    return float(done.stdout) - begun


def to_first_batch(spare: Spare | None = None) -> float:
    """Seconds from the start of a run to its first batch."""
    begun = time.time()
    run = training.start(CONFIG, spare=spare)
    first = next(event for event in run.events(wait=None) if event["event"] == "batch")
    run.stop()
    run.wait()
    run.delete()
    return float(first["time"]) - begun


def start_rows() -> list[Row]:
    """A start without and with a spare process, against the script."""
    by_script()  # the files are in memory from now on
    script, cold, warmed = [], [], []
    for _ in range(STARTS):
        script.append(by_script())
        cold.append(to_first_batch())
        spare = Spare()
        spare.warm()
        time.sleep(WARM_SHARE * cold[-1])
        warmed.append(to_first_batch(spare))
    bare, alone, ready = map(statistics.median, (script, cold, warmed))
    print(f"To the first batch: script {bare:.1f} s, cold {alone:.1f} s, with a spare {ready:.1f} s.", file=sys.stderr)
    against = "a script that imports TensorFlow and takes a step"
    return [
        Row("start to first batch, cold", against, alone / bare, 1.1),
        Row("start to first batch, a spare process waits", against, ready / bare, 0.35),
    ]


# ---- memory ----


def resident() -> int:
    """Bytes of memory that this process holds now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def print_memory() -> None:
    """Start, watch and read short runs, and print what this process holds after each."""
    spare = Spare()
    picture = datasets.load(SHORT.dataset).test.images[:1]
    for _ in range(RUNS):
        run = training.start(SHORT, spare=spare)
        spare.warm()
        story = run.story()
        while story.read_on().status(time.time()) not in training.ENDED:
            time.sleep(0.1)
        assert story.last == "finished", story.reason
        assert run.history()["epoch"] == [1]
        run.classifier().predict(picture)
        run.delete()
        print(resident(), flush=True)
    spare.end()


def memory_row() -> Row:
    """What the app holds after many runs, against what it held after a few."""
    done = subprocess.run(
        [sys.executable, __file__, "--memory"], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    held = [int(line) for line in done.stdout.split()]
    shown = ", ".join(f"{size / MEGABYTE:.0f}" for size in held)
    print(f"Held after each of {RUNS} runs, in MB: {shown}.", file=sys.stderr)
    return Row(
        f"memory of the app after {RUNS} runs, watched and asked",
        f"after {FIRST_RUNS}",
        held[-1] / held[FIRST_RUNS - 1],
        1.05,
    )


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as path:
        os.environ["EXPLORER_RUNS_DIR"] = str(Path(path) / "runs")
        os.environ["EXPLORER_CACHE_DIR"] = str(Path(path) / "cache")
        datasets.load(CONFIG.dataset)  # kept in the store from now on
        rows = [*start_rows(), memory_row(), speed_row()]
    report(rows)


if __name__ == "__main__":
    if sys.argv[1:] == ["--memory"]:
        print_memory()
    else:
        main()
