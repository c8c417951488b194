"""The Grad-CAM page's program is run where it will be: beside the page's picture and network, and nothing else."""

import os
import runpy
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest

from explorer import images, maps
from explorer.attribution import METHODS, Target, explain
from explorer.models import Classifier, layer_paths, load_pretrained, save_classifier
from explorer.models.preprocessing import preprocessing_layer
from explorer.snippets import attribution_program
from tests.models.networks import NETWORKS, base, pictures, seeded

L = keras.layers

OPTIONS = {
    "score-cam": {"channels": 8},
    "smoothgrad": {"samples": 20, "noise": 0.1, "seed": 3},
    "integrated-gradients": {"steps": 24, "baseline": "blur"},
    "occlusion": {"patch": 0.3, "stride": 0.75},
    "rise": {"masks": 96, "cells": 4, "kept": 0.4, "seed": 5},
}


def both_signs(model, name=None, seed=3):
    """A classifier around a network whose kernels have negative weights too, so that methods and classes differ."""
    random = np.random.default_rng(seed)
    weights = [weight * random.choice([-1, 1], weight.shape, p=[0.4, 0.6]) if weight.ndim > 1 else weight
               for weight in model.get_weights()]  # fmt: skip
    model.set_weights(weights)
    units = max(2, model.outputs[0].shape[-1])
    return Classifier(model, tuple(f"class {i}" for i in range(units)), name or model.name)


@pytest.fixture(scope="module")
def networks():
    """One of each, kept with what it has compiled."""
    return {name: both_signs(build()) for name, build in NETWORKS.items()}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the program for an explanation of a picture; checks its maps and score, and gives all that it made."""

    def start(network, method="grad-cam", picture=None, **question):
        picture = pictures(network.model, 1)[0] if picture is None else picture
        found = explain(network, picture, method=method, **question)
        prepare(tmp_path, network, picture, found)
        monkeypatch.chdir(tmp_path)
        made = runpy.run_path("program.py")
        assert_same(tmp_path, found)
        assert float(made["score"]) == pytest.approx(found.score, rel=1e-4, abs=1e-4)
        return found, made

    return start


def prepare(folder, network, picture, found):
    (folder / "network.keras").write_bytes(save_classifier(network))
    (folder / "picture.png").write_bytes(images.encode_png(picture))
    (folder / "program.py").write_text(attribution_program(found, network), encoding="utf-8")


def assert_same(folder, found, *, tolerance=1e-4):
    largest = np.abs(found.raw).max()
    assert largest > 0, "a blank map proves nothing"
    for name, values in {"signed.npy": found.raw, "map.npy": found.raw_values}.items():
        written = np.load(folder / name)
        assert written.shape == values.shape
        np.testing.assert_allclose(written, values, rtol=tolerance, atol=tolerance * largest)
    shown = cv2.cvtColor(cv2.imread(str(folder / "overlay.png")), cv2.COLOR_BGR2RGB)
    picture = np.broadcast_to(found.pixels[0], shown.shape).astype(np.uint8)
    drawn = maps.heat(picture, found.values, opacity=0.6).pixels
    assert np.mean(np.abs(shown.astype(int) - drawn) > 4) < 0.01  # a few may be one step of the colours apart


@pytest.mark.parametrize("method", METHODS)
def test_the_program_s_map_is_the_method_s(method, networks, run):
    found, _ = run(networks["without_input"], method, **OPTIONS.get(method, {}))
    program = attribution_program(found, networks["without_input"])
    assert "explorer" not in program
    assert len(program.splitlines()) <= 52
    assert max(map(len, program.splitlines())) <= 120


def test_no_two_methods_give_the_same_map(networks):
    """Otherwise a program with another method's lines would pass the test before."""
    network = networks["without_input"]
    picture = pictures(network.model, 1)[0]
    found = [explain(network, picture, method=method, **OPTIONS.get(method, {})) for method in METHODS]
    for i, one in enumerate(found):
        for other in found[:i]:
            if one.raw.shape == other.raw.shape:
                apart = np.abs(one.raw - other.raw).max() + np.abs(one.raw_values - other.raw_values).max()
                assert apart > 1e-3 * np.abs(one.raw).max(), (one.method, other.method)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "mlp"])
def test_the_network_may_be_of_any_build(name, networks, run):
    run(networks[name])


@pytest.mark.parametrize(
    ("name", "method"), [("flat", "guided-backpropagation"), ("transfer", "guided-backpropagation"), ("mlp", "rise")]
)
def test_no_layer_is_needed_for_the_pixels(name, method, networks, run):
    run(networks[name], method, **({"masks": 32, "cells": 3} if method == "rise" else {}))


@pytest.mark.parametrize(
    ("name", "layer"),
    [("two_levels", "features"), ("transfer", "base"), ("shared", "conv#2"), ("shared", "conv"),
     ("branches", "concatenate"), ("branches", "multiply"), ("grey", "pool")],
)  # fmt: skip
def test_the_layer_may_be_anywhere(name, layer, networks, run):
    path = next(path for path in layer_paths(networks[name].model) if path.startswith(layer))
    found, _ = run(networks[name], "hires-cam", layer=path if layer == "multiply" else layer)
    assert found.layer.startswith(layer)


def test_the_layer_may_be_a_network_that_is_frozen(run):
    inputs, frozen = keras.Input((9, 9, 3)), base()
    frozen.trainable = False
    outputs = L.Dense(2)(L.GlobalAveragePooling2D()(frozen(inputs)))
    run(both_signs(keras.Model(inputs, outputs), "outer"), layer="base")


@pytest.mark.parametrize("target", [0, 1, (0, 1), Target(0, versus=1, against=True)])
def test_both_classes_of_one_sigmoid(target, networks, run):
    run(networks["transfer"], "gradient-x-input", target=target)


@pytest.mark.parametrize("target", [2, (2, 0), Target(1, against=True), Target(1, versus=2, against=True)])
def test_any_question_to_a_softmax(target, networks, run):
    run(networks["grey"], "score-cam", target=target, channels=8)


ENDINGS = {
    "logits": [L.Dense(3, name="last")],
    "softmax layer": [L.Dense(3), L.Softmax(name="last")],
    "activation layer": [L.Dense(3), L.Activation("softmax", name="last")],
    "sigmoids": [L.Dense(3, "sigmoid", name="last")],
    "something after": [L.Dense(3, "softmax", name="last"), L.Dropout(0.5)],
    "softmax and reshape": [L.Dense(3), L.Softmax(name="last"), L.Reshape((3,))],
    "convolution": [L.Reshape((1, 1, 4)), L.Conv2D(3, 1, activation="softmax", name="last"), L.Flatten()],
}


@pytest.mark.parametrize(
    ("ending", "sequential", "method"),
    [(ending, method == "saliency", method) for ending in ENDINGS for method in ("grad-cam", "saliency")]
    + [("softmax layer", True, "grad-cam"), ("softmax layer", False, "saliency")],
)
def test_the_score_is_a_logit_however_the_network_ends(ending, sequential, method, run):
    layers = [L.Conv2D(4, 3, activation="relu", name="conv"), L.GlobalAveragePooling2D(), *ENDINGS[ending]]
    layers = [type(layer).from_config(layer.get_config()) for layer in layers]
    inputs = keras.Input((6, 6, 3))
    model = keras.Sequential([inputs, *layers])
    if not sequential:
        x = inputs
        for layer in layers:
            x = layer(x)
        model = keras.Model(inputs, x)
    run(both_signs(seeded(model), ending), method)


def test_a_network_that_begins_with_this_project_s_preprocessing(run):
    layers = [keras.Input((8, 8, 3)), preprocessing_layer("caffe"), L.Conv2D(3, 3, name="conv"), L.Flatten()]
    found, _ = run(both_signs(keras.Sequential([*layers, L.Dense(2)]), "caffe"))
    assert found.layer == "conv"


@pytest.mark.parametrize("fill", ["black", "grey", "mean", "blur"])
def test_whatever_stands_for_nothing(fill, networks, run):
    choices = METHODS["occlusion"].options["fill"].choices
    if fill in choices:
        run(networks["mlp"], "occlusion", patch=0.5, fill=fill)
        run(networks["flat"], "occlusion", patch=0.5, stride=1.0, fill=fill)
    if fill in METHODS["integrated-gradients"].options["baseline"].choices:
        run(networks["flat"], "integrated-gradients", steps=8, baseline=fill)
    assert fill in {*choices, *METHODS["integrated-gradients"].options["baseline"].choices}


def test_integrated_gradients_takes_as_many_steps_as_on_the_page(run):
    layers = [keras.Input((6, 6, 1)), L.Rescaling(1 / 8), L.Conv2D(4, 3, activation="tanh"), L.Flatten(), L.Dense(2)]
    network = both_signs(seeded(keras.Sequential(layers)), "curved")
    found, made = run(network, "integrated-gradients", steps=8)
    assert 8 < len(made["missed"]) < 64
    assert not found.notes


def test_names_from_a_file_are_no_part_of_the_program(networks, run):
    names = ('a" + undefined + "', "b'\nraise SystemExit('run')\n#", "c\\\ud800\u2028")
    network = Classifier(networks["flat"].model, names, "hostile")
    for index in range(3):
        found = explain(network, pictures(network.model, 1)[0], target=index)
        compile(attribution_program(found, network).encode("utf-8"), "program.py", "exec")
    assert len(attribution_program(found, network).splitlines()) < 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "options"), [("grad-cam", {}), ("guided-backpropagation", {}), ("integrated-gradients", {"steps": 8})]
)
def test_the_bundled_network_s_program_runs_without_this_package(method, options, tmp_path):
    network = load_pretrained("EfficientNetLite0")
    pixels, _ = network.fit(images.read_image(images.SAMPLES["chelsea"].read_bytes()))
    picture = pixels[0].astype(np.uint8)
    found = explain(network, picture, method=method, **options)
    prepare(tmp_path, network, picture, found)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "for Egyptian cat" in done.stdout
    assert_same(tmp_path, found, tolerance=2e-3)  # sums are rounded in another order, and a ReLU at its edge may flip
