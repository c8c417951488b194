"""The published networks: built as published, fed pixels, and their weights found, fetched or missed."""

import hashlib
import inspect
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import keras
import numpy as np
import pytest

from explorer.downloads import RemoteFile
from explorer.errors import ModelError
from explorer.models.preprocessing import CaffePreprocessing, preprocessing_layer
from explorer.models.pretrained import PRETRAINED, load_pretrained
from explorer.models.weight_files import fetch

CONTENT = bytes(range(256)) * 4000  # about 1 MB
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()
DOWNLOADED = [name for name, entry in PRETRAINED.items() if not entry.bundled]


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A Keras cache that is empty, no folder of weights, and no way out."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("EXPLORER_WEIGHTS_DIR", raising=False)
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    return tmp_path / "keras" / "models"


@pytest.fixture
def server(monkeypatch):
    """Serves CONTENT at /whole.h5, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/whole.h5" else 404)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            if self.path == "/whole.h5":
                self.wfile.write(CONTENT)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", ["caffe", "tf", "torch"])
def test_preprocessing_is_that_of_keras(kind):
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 5, 4, 3)).astype(np.float32)
    expected = keras.applications.imagenet_utils.preprocess_input(pixels.copy(), mode=kind)
    ours = np.asarray(preprocessing_layer(kind)(pixels))
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-4 if kind == "caffe" else 1e-5)


@pytest.mark.parametrize("name", [name for name in DOWNLOADED if PRETRAINED[name].preprocessing != "inside"])
def test_kind_of_preprocessing_is_that_of_the_network(name):
    entry = PRETRAINED[name]
    pixels = np.random.default_rng(1).uniform(0, 255, (1, 4, 4, 3)).astype(np.float32)
    expected = inspect.getmodule(entry.architecture).preprocess_input(pixels.copy())
    np.testing.assert_allclose(
        np.asarray(preprocessing_layer(entry.preprocessing)(pixels)), expected, rtol=1e-4, atol=1e-4
    )


def test_caffe_preprocessing_is_saved_and_loaded(tmp_path):
    net = keras.Sequential([keras.Input((2, 2, 3)), CaffePreprocessing()])
    net.save(tmp_path / "net.keras")
    pixels = np.full((1, 2, 2, 3), 200, np.float32)
    loaded = keras.models.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(np.asarray(loaded(pixels)), np.asarray(net(pixels)))


QUICK = ("VGG16", "MobileNet")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in DOWNLOADED]
)
def test_builds_as_published(name):
    entry = PRETRAINED[name]
    keras.layers.Conv2D(1, 1), keras.layers.Activation("relu")  # as if other networks had been built before
    classifier = load_pretrained(name, weights=None)
    model = classifier.model
    assert classifier.input_shape == (entry.size, entry.size, 3)
    assert classifier.name == model.name == name
    assert model.count_params() == entry.parameters
    assert len(classifier.class_names) == model.output_shape[1] == 1000
    assert isinstance(model.layers[-1], keras.layers.Softmax)
    assert not any(
        isinstance(layer, keras.Model) and layer.count_params() > entry.parameters / 2 for layer in model.layers
    )
    scores = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert not scores or scores[-1].activation is keras.activations.linear
    if entry.preprocessing != "inside":
        assert model.layers[1].name == "preprocessing"
    unnamed = {"InceptionV3": "conv2d", "Xception": "conv2d", "MobileNetV3Small": "activation"}
    assert unnamed.get(name, model.layers[2].name) in [layer.name for layer in model.layers]


@pytest.mark.parametrize("name", DOWNLOADED)
def test_addresses_and_checksums_are_those_of_keras(name):
    entry = PRETRAINED[name]
    module = inspect.getmodule(entry.architecture)
    source = inspect.getsource(module) + inspect.getsource(keras.src.applications.resnet)  # ResNet v2's are there too
    assert entry.weights.checksum in source
    assert entry.weights.address.rsplit("/", 1)[0] in source.replace('"\n    "', "")
    assert bool(entry.weights.checksum) == (name not in ("MobileNet", "MobileNetV2"))


# Keras's own saving, on this NumPy
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_weights_from_the_folder_are_found_and_efficientnet_b0_agrees_with_keras(nowhere, tmp_path, monkeypatch):
    original = keras.applications.EfficientNetB0(weights=None)
    original.get_layer("normalization").set_weights(
        [np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(1)]
    )
    original.save(tmp_path / "efficientnetb0.h5")
    get_file = "keras.src.applications.efficientnet.file_utils.get_file"
    monkeypatch.setattr(get_file, lambda *_, **__: str(tmp_path / "efficientnetb0.h5"))
    by_keras = keras.applications.EfficientNetB0(weights="imagenet")

    monkeypatch.setenv("EXPLORER_WEIGHTS_DIR", str(tmp_path))
    ours = load_pretrained("EfficientNetB0")
    pixels = np.random.default_rng(2).uniform(0, 255, (1, 224, 224, 3)).astype(np.float32)
    layers = ("stem_conv", "predictions")
    both = [keras.Model(net.input, [net.get_layer(name).output for name in layers]) for net in (by_keras, ours.model)]
    (stem, probabilities), (our_stem, our_scores) = [net(pixels) for net in both]
    np.testing.assert_allclose(np.asarray(our_stem), np.asarray(stem), atol=1e-4)
    logarithms = np.log(np.asarray(probabilities))
    np.testing.assert_allclose(  # scores are the logarithms but for a constant
        np.asarray(our_scores) - np.mean(our_scores), logarithms - np.mean(logarithms), atol=1e-3
    )


# Keras's own saving, on this NumPy
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_files_in_the_folder_that_do_not_fit(nowhere, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_WEIGHTS_DIR", str(tmp_path))
    file = tmp_path / PRETRAINED["MobileNetV3Small"].weights.filename
    file.write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelError, match="does not hold the weights of MobileNet v3 small with the 1,000"):
        load_pretrained("MobileNetV3Small")
    other = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3)])
    other.save(file)
    with pytest.raises(ModelError, match="does not hold the weights"):
        load_pretrained("MobileNetV3Small")


def test_offline_says_what_is_missing_and_what_to_do(nowhere):
    with pytest.raises(ModelError) as caught:
        load_pretrained("ResNet50")
    sentence = str(caught.value)
    file = "resnet50_weights_tf_dim_ordering_tf_kernels.h5"
    for part in (file, str(nowhere), "EXPLORER_WEIGHTS_DIR", "https://", "EfficientNetLite0 comes with the app"):
        assert part in sentence


def test_the_bundled_network_needs_no_network(nowhere):
    classifier = load_pretrained("EfficientNetLite0")
    assert classifier.class_names[285] == "Egyptian cat"
    assert not nowhere.exists()


def test_unknown_names_are_refused():
    with pytest.raises(ModelError, match=r"no published network 'VGG61' here; there are EfficientNetLite0, VGG16"):
        load_pretrained("VGG61")
    with pytest.raises(ModelError, match='"imagenet" or None'):
        load_pretrained("VGG16", weights="places")


def test_weights_are_downloaded_into_the_cache(server, tmp_path):
    told = []
    path = fetch(RemoteFile(f"{server}/whole.h5", CHECKSUM), tmp_path, on_progress=lambda *now: told.append(now))
    assert path == tmp_path / "whole.h5"
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_what_is_wrong_with_a_download_is_told_with_advice(server, tmp_path):
    with pytest.raises(ModelError, match=r"could not be downloaded\. The server 127\S+ answered 404\. Download http"):
        fetch(RemoteFile(f"{server}/gone.h5"), tmp_path)
    with pytest.raises(ModelError, match=r"arrived incomplete or altered\. Try again later\. The network Eff"):
        fetch(RemoteFile(f"{server}/whole.h5", "0" * 64), tmp_path)


def test_a_hosted_copy_tells_no_folder_of_the_server(nowhere, monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    with pytest.raises(ModelError, match="not on this server") as raised:
        fetch(RemoteFile("https://example.org/none.h5"), nowhere)
    assert str(nowhere) not in str(raised.value)
