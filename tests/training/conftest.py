"""What tests of training share: folders of their own, a dataset that is learned in no time, runs without a process."""

import itertools
import json

import numpy as np
import pytest

from explorer.blocks import Block
from explorer.datasets import Dataset, Split
from explorer.training import lessons
from explorer.training.config import OWN, TrainConfig
from explorer.training.folder import Folder, put
from explorer.training.story import Story

STACK = (Block("convolution", filters=2, activation="tanh"), Block("global_average"))
CONFIG = TrainConfig("tiny", OWN, blocks=STACK, epochs=3, batch_size=32, learning_rate=0.01)
"""29 parameters with three classes."""


@pytest.fixture(autouse=True, scope="module")
def runs_of_the_module(tmp_path_factory):
    """Where runs lie, and no spare process."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("runs")
        patch.setenv("EXPLORER_RUNS_DIR", str(folder))
        patch.setenv("EXPLORER_SPARE", "0")
        yield folder


@pytest.fixture
def runs_dir(tmp_path, monkeypatch):
    """A folder of runs for one test."""
    monkeypatch.setenv("EXPLORER_RUNS_DIR", str(tmp_path / "runs"))
    return tmp_path / "runs"


def pictures(count, classes=3, side=8, channels=1, seed=0):
    """A split: the brighter, the higher the class, with noise."""
    chance = np.random.default_rng(seed)
    labels = chance.permutation(np.arange(count) % classes)
    levels = 40 + 150 * labels[:, None, None, None] / (classes - 1)
    noise = chance.integers(-30, 31, (count, side, side, channels))
    return Split((levels + noise).astype(np.uint8), labels)


def tiny(classes=3, train=100, validation=30, test=33, **options):
    """A dataset in memory."""
    names = tuple("abcdefgh"[:classes])
    splits = (pictures(count, classes, seed=seed, **options) for seed, count in enumerate((train, validation, test)))
    return Dataset("tiny", names, *splits)


NUMBERS = itertools.count(1)


def begin(root, config=CONFIG, dataset=None):
    """A run's folder as ``start`` makes it, without a queue and without a process."""
    folder = Folder(root / f"20260101-000000-{next(NUMBERS):08x}")
    folder.path.mkdir(parents=True)
    kept = lessons.keep(tiny() if dataset is None else dataset, folder)
    put(folder.about, json.dumps({"name": "test", "owner": "", "created": 1.0, "data": kept}).encode())
    put(folder.config, config.to_json().encode())
    return folder


def told(folder):
    return Story(folder).read_on()
