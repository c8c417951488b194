"""Files out and in: the same predictions, and a sentence for each file that must not be opened."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from explorer.errors import ModelError
from explorer.models import archive, inspection
from explorer.models.archive import load_classifier, save_classifier
from explorer.models.classifier import Classifier
from tests.models import networks

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
"""Keras 3.15 reads TensorFlow's variables so, with NumPy 2.4."""


@pytest.fixture(scope="module")
def saved():
    classifier = Classifier(networks.two_levels(), ("cat", "dog", "łoś"), "pets")
    return classifier, save_classifier(classifier)


@pytest.fixture
def no_trial(monkeypatch):
    """A refusal has to come before any loading, in whatever process."""

    def fail(*args, **kwargs):
        raise AssertionError("the file was loaded")

    monkeypatch.setattr(archive, "_try", fail)
    monkeypatch.setattr(keras.saving, "load_model", fail)


def entries(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def changed(data, **files):
    names = {"config": "config.json", "metadata": "metadata.json", "weights": "model.weights.h5"}
    return archive._pack(entries(data) | {names.get(key, key): content for key, content in files.items()})


def test_a_saved_file_is_a_plain_keras_file_that_predicts_the_same(saved, tmp_path):
    classifier, data = saved
    path = save_classifier(classifier, tmp_path / "pets.keras")
    assert path.read_bytes()[:2] == data[:2] == b"PK"
    pixels = networks.pictures(classifier.model).astype(np.float32)
    np.testing.assert_array_equal(keras.models.load_model(path)(pixels), classifier.model(pixels))
    assert sorted(entries(data)) == ["config.json", "metadata.json", "model.weights.h5"]


def test_a_file_from_elsewhere_is_tried_and_then_predicts_the_same_with_its_names(saved):
    classifier, data = saved
    loaded = load_classifier(data, "pets")
    assert loaded.class_names == ("cat", "dog", "łoś")
    assert loaded.key == classifier.key
    pixels = networks.pictures(classifier.model)
    np.testing.assert_array_equal(loaded.predict(pixels), classifier.predict(pixels))


@pytest.mark.parametrize("name", ["without_input", "transfer", "branches", "shared"])
def test_every_build_comes_back(name, tmp_path):
    classifier = networks.classifier(name)
    loaded = load_classifier(save_classifier(classifier, tmp_path / "n.keras"), name, trusted=True)
    pixels = networks.pictures(classifier.model)
    np.testing.assert_allclose(loaded.predict(pixels), classifier.predict(pixels), rtol=1e-5)


def test_names_come_from_the_caller_then_from_the_file_then_from_numbers(saved):
    _, data = saved
    assert load_classifier(data, "x", class_names=["a", "b", "c"], trusted=True).class_names == ("a", "b", "c")
    for metadata in (b"{}", b"[]", b"no json", b'{"class_names": [1, 2, 3]}'):
        names = load_classifier(changed(data, metadata=metadata), "x", trusted=True).class_names
        assert names == ("class 0", "class 1", "class 2")
    with pytest.raises(ModelError, match="3 classes apart, but 2 names"):
        load_classifier(changed(data, metadata=b'{"class_names": ["a", "b"]}'), "x", trusted=True)


def test_a_hosted_program_opens_no_uploads(saved, monkeypatch, no_trial):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    with pytest.raises(ModelError, match=r"cannot be uploaded to this public copy.*Install"):
        load_classifier(saved[1], "x")


def test_the_first_loading_may_fail_in_a_process_of_its_own(saved, tmp_path, monkeypatch):
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["layers"] = h5py.ExternalLink("elsewhere.h5", "/secret")
    path = tmp_path / "broken.keras"
    path.write_bytes(changed(saved[1], weights=weights.getvalue()))
    with pytest.raises(ModelError, match="point into another file"):
        archive._try(path)
    monkeypatch.setattr(archive, "TRIAL_SECONDS", 0.2)
    with pytest.raises(ModelError, match="did not load and run within"):
        archive._try(path)
    monkeypatch.setattr(archive, "TRIAL", "import os; os.abort()")
    monkeypatch.setattr(archive, "TRIAL_SECONDS", 20)
    with pytest.raises(ModelError, match="perhaps for want of memory"):
        archive._try(path)


def test_a_network_that_keras_cannot_run_is_told_so_before_it_is_opened(tmp_path):
    inputs, layers = keras.Input((8, 9, 3)), keras.layers
    cropped = layers.RandomCrop(4, 5)(inputs)  # Keras leaves out the crop where it says that it was made
    for model in (
        keras.Model(inputs, layers.Dense(2)(layers.Flatten()(cropped))),
        keras.Model(inputs, layers.Dense(2, name="a<b")(layers.Flatten()(inputs))),
    ):
        model.save(tmp_path / "network.keras")
        with pytest.raises(ModelError, match="cannot run it on a picture of 8 × 9 pixels"):
            load_classifier(tmp_path / "network.keras", "x")


def test_one_whose_answer_is_not_a_number_is_opened_all_the_same(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.set_weights([np.full(weight.shape, np.nan) for weight in model.weights])
    model.save(tmp_path / "network.keras")
    assert load_classifier(tmp_path / "network.keras", "x").input_shape == (4, 4, 1)


def test_memory_is_bounded_where_the_system_can(capsys, monkeypatch, saved, tmp_path):
    resource = pytest.importorskip("resource")
    limits = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: limits.append((kind, limit)))
    path = tmp_path / "n.keras"
    path.write_bytes(saved[1])
    archive.trial(str(path), 1000)
    assert limits == [(resource.RLIMIT_DATA, (1000, 1000))]
    assert json.loads(capsys.readouterr().out) == {"problem": ""}
    path.write_bytes(changed(saved[1], config=b"{}"))
    archive.trial(str(path), 1000)
    assert "Keras cannot load this network" in json.loads(capsys.readouterr().out)["problem"]


def part(kind, module="keras.layers", **more):
    return {"class_name": kind, "module": module, "config": {}, "registered_name": None, **more}


@pytest.mark.parametrize(
    ("inside", "sentence"),
    [
        (part("Lambda"), "'Lambda', which runs code"),
        (part("Lambda", "keras.src.layers.core.lambda_layer"), "'Lambda', which runs code"),
        (part("TFSMLayer"), "'TFSMLayer', which runs code"),
        (part("TextVectorization"), "reads other files"),
        (part("TorchModuleWrapper"), "'TorchModuleWrapper', which runs code"),
        ({"class_name": "__lambda__", "config": {"value": "…"}}, "'__lambda__' of 'an unknown module'"),
        (part("__lambda__", None), "not a layer of Keras"),
        (part("function", "os", config="system"), "'function' of 'os'"),
        (part("function", "keras.utils", config="get_file"), "'function' of 'keras.utils'"),
        (part("function", "keras.src.ops.numpy", config="np"), "'function' of 'keras.src.ops.numpy'"),
        (part("get_file", "keras.utils"), "'get_file' of 'keras.utils'"),
        (part("load_model", "keras.models"), "'load_model' of 'keras.models'"),
        (part("enable_unsafe_deserialization", "keras.config"), "of 'keras.config'"),
        (part("Mine", "my_package", registered_name="my_package>Mine"), "'Mine' of 'my_package'"),
        (part("Mine", None, registered_name="Custom>Mine"), "'Mine' of 'Custom>Mine'"),
        (part("get_file", "keras.utils", registered_name="convnet_explorer>x"), "of 'keras.utils'"),
        (part("__typespec__", "tensorflow"), "of 'tensorflow'"),
        (part("X" * 500), None),
    ],
)
def test_parts_that_are_not_keras_own_or_run_code_are_refused_unloaded(saved, no_trial, inside, sentence):
    config = json.loads(entries(saved[1])["config.json"])
    config["config"]["layers"][1]["config"]["extra"] = [{"deep": inside}]
    if sentence is None:  # a name that Keras does not know is left to the trial
        inspection.check_config(json.dumps(config).encode())
        return
    with pytest.raises(ModelError, match=sentence):
        load_classifier(changed(saved[1], config=json.dumps(config).encode()), "x")


def test_what_training_was_compiled_with_does_not_matter(saved):
    config = json.loads(entries(saved[1])["config.json"])
    config["compile_config"] = {"loss": part("my_loss", "my_package")}
    loaded = load_classifier(changed(saved[1], config=json.dumps(config).encode()), "x", trusted=True)
    assert not loaded.model.compiled


@pytest.mark.parametrize("config", [b"{", b"[]", b"{}", b"7", b'{"a":' * 100_000, "é".encode("latin-1")])
def test_a_damaged_description_is_told_so(saved, no_trial, config):
    with pytest.raises(ModelError, match=r"damaged|describes no network"):
        load_classifier(changed(saved[1], config=config), "x")


def zipped(*pairs, kind=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", kind) as file:
        for name, content in pairs:
            file.writestr(name, content)
    return packed.getvalue()


THREE = [(name, b"{}") for name in inspection.ENTRIES]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not a .keras file"),
        (b"GIF89a", "not a .keras file"),
        (b"\x89HDF\r\n\x1a\n", r"HDF5 file \(.h5\), which can run code"),
        (zipped(), "each once"),
        (zipped(*THREE[:2]), "each once"),
        (zipped(*THREE, ("assets/vocabulary.txt", b"a")), "holds 'assets/vocabulary.txt'"),
        (zipped(*THREE, ("../evil", b"a")), r"holds '\.\./evil'"),
        (zipped(THREE[0], THREE[1], ("model.weights.npz", b"a")), "holds 'model.weights.npz'"),
        (zipped(THREE[0], THREE[1], (inspection.WEIGHTS, bytes(2_000_000))), "unpacks to 2,000,004 bytes; 1,000,000"),
        (bytes(1_000_001), "has 1,000,001 bytes; 1,000,000 is the limit"),
    ],
)
def test_files_that_are_no_network_are_told_so(data, sentence, no_trial, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MODEL_BYTES", 1_000_000)
    with pytest.raises(ModelError, match=sentence):
        load_classifier(data, "x")


def test_damaged_lying_encrypted_and_doubled_entries_are_refused(saved, no_trial):
    for position in (60, len(saved[1]) // 2):
        broken = bytearray(saved[1])
        broken[position] ^= 0xFF
        with pytest.raises(ModelError, match=r"damaged|not a \.keras file"):
            load_classifier(bytes(broken), "x")
    encrypted = bytearray(saved[1])
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ModelError, match="encrypted"):
        load_classifier(bytes(encrypted), "x")
    with pytest.warns(UserWarning, match="Duplicate"):
        doubled = zipped(*THREE, THREE[0])
    with pytest.raises(ModelError, match="each once"):
        load_classifier(doubled, "x")


def test_weights_that_are_in_another_file_or_too_many_are_refused(tmp_path):
    for name, links in {
        "external": {"a": h5py.ExternalLink("b.h5", "/x")},
        "soft": {"a": h5py.SoftLink("/x")},
    }.items():
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            for key, link in links.items():
                file.create_group("inner")[key] = link
    with h5py.File(tmp_path / "storage.h5", "w") as file:
        file.create_dataset("a", (4,), "f4", external=[("secret.bin", 0, 16)])
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "a", (4,))
        file.create_virtual_dataset("a", layout)
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("a", (10**9,), "f4", chunks=(1000,))
    for path in tmp_path.glob("*.h5"):
        with pytest.raises(ModelError, match="unpack to 4,000,000,000" if path.stem == "bomb" else "another file"):
            inspection.check_weights(path.read_bytes(), 10**6)
    with pytest.raises(ModelError, match="damaged"):
        inspection.check_weights(b"\x89HDF\r\n\x1a\nrubbish", 10**6)


def test_too_many_parameters_and_what_is_no_picture_network_are_told(saved, monkeypatch, tmp_path):
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    plain.save(tmp_path / "plain.keras")
    with pytest.raises(ModelError, match="does not read pictures"):
        load_classifier(tmp_path / "plain.keras", "x", trusted=True)
    monkeypatch.setattr(archive, "MAX_MODEL_PARAMETERS", 10)
    with pytest.raises(ModelError, match="parameters; 10 is the limit"):
        load_classifier(saved[1], "x", trusted=True)
    with pytest.raises(ModelError, match=r"'none\.keras' cannot be read"):
        load_classifier(tmp_path / "none.keras", "x")
