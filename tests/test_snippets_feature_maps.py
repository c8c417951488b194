"""The Feature maps page's program is run where it will be: in a folder with the page's downloads, and nothing else."""

import os
import runpy
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer import settings
from explorer.models import Classifier
from explorer.models.preprocessing import preprocessing_layer
from tests.models.networks import classifier


def shown_program(folder, sent, network=None, **link):
    """Opens the page, and puts its downloads and its program into a folder; the arrays that the page has."""
    at = AppTest.from_file(str(settings.ROOT / "pages" / "feature_maps.py"), default_timeout=120)
    if network is not None:
        at.session_state["_own_network"] = network
        link["model"] = "own"
    at.query_params = {f"feature_maps.{name}": value for name, value in link.items()}
    at.run()
    assert not at.exception
    assert not at.error
    for name in ("network.keras", "picture.png", "maps.npz"):
        (folder / name).write_bytes(sent.download(name))
    (folder / "program.py").write_text(at.code[0].value, encoding="utf-8")
    with np.load(folder / "maps.npz") as arrays:
        return arrays["maps"]


def test_the_bundled_network_s_program_runs_without_this_package(tmp_path, sent):
    expected = shown_program(tmp_path, sent, layer="block3a_expand_relu", sort="mean", page="2")
    program = (tmp_path / "program.py").read_text(encoding="utf-8")
    assert "explorer" not in program
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "shape (56, 56, 144)" in done.stdout
    np.testing.assert_allclose(np.load(tmp_path / "maps.npy"), expected, rtol=1e-4, atol=1e-4)
    assert cv2.imread(str(tmp_path / "grid.png")).shape == (4 * 56, 12 * 56, 3)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("transfer", "base.relu"),
        ("two_levels", "features.base.norm"),
        ("shared", "conv#2"),
        ("without_input", "conv"),
        ("branches", "concatenate"),
        ("grey", "pool"),
        ("flat", "classes"),
    ],
)
def test_the_program_s_maps_are_the_page_s(tmp_path, sent, monkeypatch, name, layer):
    expected = shown_program(tmp_path, sent, classifier(name), layer=layer, sort="sparsity")
    monkeypatch.chdir(tmp_path)
    runpy.run_path("program.py")
    np.testing.assert_allclose(np.load("maps.npy"), expected, rtol=1e-5, atol=1e-6)
    assert (tmp_path / "grid.png").is_file() is (expected.ndim == 3)


@pytest.mark.parametrize("kind", ["caffe", "tf", "torch"])
def test_a_network_that_begins_with_a_published_preprocessing(tmp_path, sent, monkeypatch, kind):
    layers = [keras.Input((8, 8, 3)), preprocessing_layer(kind), keras.layers.Conv2D(3, 3, name="conv")]
    layers += [keras.layers.Flatten(name="flatten"), keras.layers.Dense(2, name="logits")]
    network = Classifier(keras.Sequential(layers), ("a", "b"), kind)
    expected = shown_program(tmp_path, sent, network, layer="conv", scale="raw")
    monkeypatch.chdir(tmp_path)
    runpy.run_path("program.py")
    np.testing.assert_allclose(np.load("maps.npy"), expected, rtol=1e-5, atol=1e-4)
