"""The Datasets page: bundled and own pictures, bad uploads, links, picks, surveys, downloads, programs."""

import ast
import base64
import csv
import functools
import inspect
import io
import json
import re
import subprocess
import sys
import zipfile
from contextlib import chdir, contextmanager, redirect_stdout
from dataclasses import replace

import keras
import numpy as np
import pytest
import streamlit as st
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.pages_manager import PagesManager

from explorer import datasets, images, settings, snippets
from explorer.datasets import BUILTIN, builtin, names
from explorer.errors import DownloadError
from explorer.ui import cache, dataset_loading, dataset_options, dataset_surveying, state
from explorer.ui.shelf import Shelf
from explorer.ui.texts import JOINER, plain
from tests.pages.visiting import Visits, component, looked, nonsense, said

KEYS = {"dataset", "split", "class", "seed", "image_size", "small_split", "patch", "pictures", "picture", "page", "tab"}
"""The names that tests and links hang on."""
TABS = tuple(dataset_options.TABS.options)
VISITS = Visits("datasets", dataset_options.TABS)
start, url = VISITS.start, VISITS.url
SMALL = {"dataset": "shapes", "image_size": 16}
QUICK = {"dataset": "mnist-small"}
"""What opens in a moment."""
MARKUP = (
    "**bold** [x](www.example.org)",
    "<b onclick=alert(1)>h<img src=x>",
    "$x^2$ `code` ~~gone~~",
    ":smile: :red[r] ![i](data:x) #",
)
"""Names of classes that Markdown, HTML, LaTeX or Streamlit would act on."""


def noise(seed, shape=(12, 12, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def png(pixels):
    return images.encode_png(np.asarray(pixels, np.uint8))


PETS = {
    path: noise(number)
    for number, path in enumerate(
        (
            *(f"pets/train/cat/{place}.png" for place in range(3)),
            *(f"pets/train/dog/{place}.png" for place in range(2)),
            "pets/validation/cat/7.png",
            "pets/validation/dog/7.png",
            "pets/test/cat/8.png",
            "pets/test/dog/8.png",
            "pets/test/dog/9.png",
        )
    )
}
"""The tutorials' layout: path → pixels."""
PETS_SUMMARY = "**5** train · **2** validation · **3** test · 2 classes · 12 × 12 pixels, colour"
FASHION_SUMMARY = "**6,000** train · **1,000** test · 10 classes · 28 × 28 pixels, grey"
MNIST_SUMMARY = FASHION_SUMMARY
SHAPES_SUMMARY = "**900** train · **150** validation · **150** test · 3 classes · 16 × 16 pixels, colour"


def encoded(pictures):
    return {path: each if isinstance(each, bytes) else png(each) for path, each in pictures.items()}


def packed(pictures):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in encoded(pictures).items():
            archive.writestr(path, content)
    return file.getvalue()


def upload(at, *files, folder=False):
    """Files as (name, bytes), dropped on the page together."""
    key = dataset_options.FOLDER if folder else dataset_options.FILES
    dropped = [(name, content, "application/octet-stream") for name, content in files]
    return at.file_uploader(key=key).set_value(dropped).run()


def uploaded(pictures, name="pets.zip", **session):
    """A page that shows an own zip."""
    return looked(upload(start(**QUICK | session), (name, packed(pictures))))


def again(at, **choices):
    """The same session with other choices."""
    for name, value in choices.items():
        at.session_state[f"datasets.{name}"] = dataset_options.TABS.options[value] if name == "tab" else value
    return at.run()


def press(at, button):
    return at.button(key=f"datasets.{button}").click().run()


def send(at, picked, place=0):
    """What the browser's component sends, as Streamlit's server gets it."""
    states = at._tree.get_widget_states()
    target = _make_trigger_id(at.get("bidi_component")[place].proto.id, "events")
    event = json.dumps([{"event": "picked", "value": picked}])
    states.widgets.append(WidgetState(id=target, json_trigger_value=event))
    return at._run(states)


def literal(text):
    """Text as Markdown shows it, where nothing in it is markup."""
    return re.sub(r"\\(.)", r"\1", text).replace(JOINER, "")


def refused(at):
    """The sentence of the page's only error."""
    assert not at.exception
    (error,) = at.error
    return literal(error.value)


def notes(at):
    return [literal(note.value) for note in at.info]


def summary(at):
    """How many pictures there are, and of what size."""
    (found,) = [each.value for each in at.caption if each.value.endswith((" pixels, grey", " pixels, colour"))]
    return found


def classes(at):
    """The names that the page has for its classes, and how many pictures each is said to have."""
    strip = component(at, "strip")
    if strip:
        return [(stage["title"], stage["shape"]) for stage in strip["stages"]]
    heads = [button.label for button in at.button if button.key.startswith("datasets.open_")]
    return [tuple(literal(head.replace("**", "")).split(" · ")) for head in heads]


def grids(at):
    """What each sheet was given."""
    found = [each.proto for each in at.get("bidi_component") if each.proto.component_name.endswith("channel_grid")]
    return [json.loads(each.json) for each in found]


def tile(grid, place):
    """A picture of a sheet at its own size of 12 × 12."""
    sheet = images.read_image(base64.b64decode(grid["mosaic"].partition(",")[2]))
    times, step = (
        grid["side"] // 12,
        grid["side"] + (sheet.shape[1] - grid["columns"] * grid["side"]) // max(1, grid["columns"] - 1),
    )
    row, column = divmod(place, grid["columns"])
    return sheet[row * step : row * step + grid["side"], column * step : column * step + grid["side"]][
        times // 2 :: times, times // 2 :: times
    ]


def picked_picture(at, sent, shape):
    """The picture that stands large beside the counts, at its own size, and its words."""
    shown = images.read_image(sent.pictures[at.main.get("image")[0].value[0]])
    assert shown.shape[0] % shape[0] == 0  # crisp squares
    words = next(each.value for each in at.markdown if each.value.startswith("**") and " · " in each.value)
    return shown[:: shown.shape[0] // shape[0], :: shown.shape[1] // shape[1]], literal(words)


@pytest.fixture(scope="module")
def fashion():
    """The arrays of the bundled file, read by NumPy."""
    with np.load(settings.ASSETS / "datasets" / "fashion-mnist-small.npz") as file:
        return {name: file[name] for name in file}


@pytest.fixture(scope="module")
def opened():
    """The page as a person finds it. Only to be looked at."""
    return looked(start())


@pytest.fixture(scope="module")
def pets():
    """The page with an own zip in the tutorials' layout. Only to be looked at."""
    return uploaded(PETS)


@pytest.fixture
def bare_shelf(monkeypatch):
    """Nothing has been opened or surveyed yet, by anybody."""
    shelf = Shelf(10**8)
    monkeypatch.setattr(cache, "shelf", lambda: shelf)
    opened = Shelf(12)
    monkeypatch.setattr(cache, "opened", lambda: opened)
    return shelf


@pytest.fixture
def at_home(monkeypatch, tmp_path):
    """Folders for datasets that are empty."""
    monkeypatch.setenv("EXPLORER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "data"


@pytest.fixture
def offline(monkeypatch, at_home):
    """No server answers; the addresses that were asked for."""
    asked = []

    def fetch(file, folder, *, on_progress=None):
        asked.append(file.address)
        raise DownloadError("The server storage.googleapis.com cannot be reached.")

    monkeypatch.setattr(builtin, "fetch", fetch)
    return asked


@pytest.fixture
def limited(monkeypatch):
    """``limited(max_upload_bytes=9)`` makes this machine's own limits smaller."""
    return lambda **limits: monkeypatch.setattr(settings, "LOCAL", replace(settings.LOCAL, **limits))


@pytest.fixture
def interrupted(monkeypatch):
    """Work that stands still at its first report, with its *Stop* on the page."""

    @contextmanager
    def progress(key, sentence, *, stop="Stop", on_stop=None):
        def report(*_):
            st.text(sentence)
            st.button(stop, key=key, on_click=on_stop)
            st.stop()

        yield report

    monkeypatch.setattr(dataset_loading, "progress", progress)


# What is seen first


def test_every_choice_is_there_from_the_start_and_greyed_where_it_does_nothing(opened):
    def greyed(at):
        fields = {**{each.key: each for each in (*at.number_input, *at.toggle)}}
        return {name: fields[f"datasets.{name}"].disabled for name in ("image_size", "seed", "small_split")}

    assert {each.key for each in opened.file_uploader} == {"datasets.upload", "datasets.upload_folder"}
    assert greyed(opened) == {"image_size": True, "seed": True, "small_split": True}
    shapes = looked(start(dataset="shapes"))
    assert greyed(shapes) == {"image_size": False, "seed": False, "small_split": True}


def test_the_registry_has_the_keys_that_links_use():
    assert {control.key for control in dataset_options.CONTROLS} == {f"datasets.{name}" for name in KEYS}


def test_the_first_screen_needs_no_network_and_no_tensorflow():
    program = """
import socket, sys
from streamlit.testing.v1 import AppTest
def refuse(*_):
    raise AssertionError("the page asks the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
at = AppTest.from_file("app.py", default_timeout=60).run()
at = at.switch_page("pages/datasets.py").run()
assert not at.exception and not at.error and not at.info
assert at.title[0].value == "Datasets" and len(at.image) == 1
assert at.selectbox(key="datasets.dataset").value == "fashion-mnist-small"
print(sorted({"tensorflow", "keras", "torch", "jax"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=settings.ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_fresh_visit_sees_clothes_by_class(opened, fashion):
    assert url(opened) == {}
    assert not opened.info
    assert summary(opened) == FASHION_SUMMARY
    of_class = np.bincount(fashion["y_train"])
    assert classes(opened) == [(name, f"{of_class[label]:,} pictures") for label, name in enumerate(names.FASHION)]
    for label, stage in enumerate(component(opened, "strip")["stages"]):
        assert stage["channels"] == np.flatnonzero(fashion["y_train"] == label)[:5].tolist()
        assert stage["labels"] == [f"picture {place}" for place in stage["channels"]]
    first = int(np.flatnonzero(fashion["y_train"] == 0)[0])
    assert component(opened, "strip")["selected"] == ["class 0", first]
    assert f"**T-shirt/top · picture {first}**" in said(opened)


def test_the_formula_and_the_guess_are_the_page_s_own_numbers(opened, fashion):
    text = said(opened)
    assert r"28 \times 28 \times 1 = 784$ numbers" in text
    assert r"0 \dots 9" in text
    assert "from train (6,000), is **watched** on validation (0)" in text
    assert "on test (1,000)" in text
    chance = np.bincount(fashion["y_train"]).max() / 6000
    assert f"{100 * chance:.1f}\\%$ of train" in text
    assert "Zalando" in text


@pytest.mark.parametrize("name", [name for name, entry in BUILTIN.items() if entry.here])
def test_every_bundled_dataset_opens(name):
    at = looked(start(link={"dataset": name}))
    dataset = datasets.load(name)
    assert not at.info
    assert classes(at) == [
        (one, f"{np.sum(dataset.train.labels == label):,} pictures") for label, one in enumerate(dataset.class_names)
    ]
    assert f"*{BUILTIN[name].title}*: {BUILTIN[name].note}" in said(at)
    assert url(at) == ({} if name == "fashion-mnist-small" else {"dataset": name})
    assert "· bundled" in BUILTIN[name].title + at.selectbox(key="datasets.dataset").options[list(BUILTIN).index(name)]


# Split, class, leaf, picture


def test_split_class_leaf_and_picture_choose_what_is_shown(fashion):
    at = looked(start())
    looked(at.button_group(key="datasets.split").set_value("test").run())
    assert classes(at)[7] == ("Sneaker", f"{np.sum(fashion['y_test'] == 7)} pictures")
    looked(at.selectbox(key="datasets.class").select("Sneaker").run())
    places = np.flatnonzero(fashion["y_test"] == 7).tolist()
    (grid,) = grids(at)
    assert grid["channels"] == places[:72]
    assert grid["selected"] == places[0]
    assert f"**Sneaker · picture {places[0]}**" in said(at)
    looked(at.number_input(key="datasets.page").set_value(2).run())
    assert grids(at)[0]["channels"] == places[72:144]
    assert at.number_input(key="datasets.page").max == -(-len(places) // 72)
    looked(again(at, picture=places[73]))
    assert f"**Sneaker · picture {places[73]}**" in said(at)
    assert url(at) == {"split": "test", "class": "Sneaker", "page": "2", "picture": str(places[73])}


def test_the_strip_s_leaves_show_the_next_five_of_each_class(fashion):
    at = looked(start(page=3))
    stage = component(at, "strip")["stages"][4]
    assert stage["channels"] == np.flatnonzero(fashion["y_train"] == 4)[10:15].tolist()
    most = int(np.bincount(fashion["y_train"]).max())
    assert at.number_input(key="datasets.page").max == -(-most // 5)


def test_the_large_picture_is_the_picked_one(fashion, sent):
    at = looked(start(split="test", picture=123))
    shown, words = picked_picture(at, sent, (28, 28))
    np.testing.assert_array_equal(shown[..., 0], fashion["x_test"][123])
    assert words == f"**{names.FASHION[fashion['y_test'][123]]} · picture 123**"


def test_another_dataset_split_or_class_starts_at_its_first_picture():
    at = looked(start(link={"class": "Bag", "picture": "40", "page": "2"}))
    looked(at.button_group(key="datasets.split").set_value("test").run())
    assert url(at) == {"class": "Bag", "split": "test"}
    looked(again(at, picture=3, page=2))
    looked(at.selectbox(key="datasets.class").select("Coat").run())
    assert url(at) == {"class": "Coat", "split": "test"}
    looked(again(at, picture=3))
    looked(at.selectbox(key="datasets.dataset").select("mnist-small").run())
    assert url(at) == {"dataset": "mnist-small", "split": "test"}
    assert not at.info


def test_back_and_forward_bring_class_and_picture_too():
    at = looked(start(link={"class": "Bag", "picture": "40", "page": "2"}))
    before = dict(at.query_params)
    looked(at.selectbox(key="datasets.dataset").select("mnist-small").run())
    looked(again(at, **{"class": "7", "split": "test"}))
    after = dict(at.query_params)
    for link, told in ((before, {"class": "Bag", "picture": "40", "page": "2"}), (after, None), (before, None)):
        at.query_params = dict(link)
        looked(at.run())
        assert dict(at.query_params) == link
        assert not at.info
        assert told is None or url(at) == told


def test_a_split_without_pictures_gives_a_note_and_train(opened):
    at = looked(start(link={"split": "validation"}))
    assert notes(at) == ["Fashion-MNIST, small has no pictures for validation; those for train are shown."]
    assert classes(at) == classes(opened)


def test_a_note_has_the_name_of_the_dataset_as_it_is():
    without_test = {path: pixels for path, pixels in PETS.items() if "/test/" not in path}
    at = uploaded(without_test, "my_*pets*.zip")
    looked(at.button_group(key="datasets.split").set_value("test").run())
    assert at.info[0].value == plain("my_*pets* has no pictures for test; those for train are shown.")
    assert "The test split is empty" in said(at)


def test_classes_beyond_the_columns_are_on_the_next_leaf():
    many = {f"c{number:02d}/1.png": noise(number, (4, 4, 3)) for number in range(31)}
    at = uploaded(many, "many.zip")
    assert [title for title, _ in classes(at)] == [f"c{number:02d}" for number in range(30)]
    looked(at.number_input(key="datasets.page").set_value(2).run())
    assert classes(at) == [("c30", "1 picture")]
    assert at.number_input(key="datasets.page").max == 2
    assert literal(said(at)).count("fewer than 20 pictures of") == 1


# Shapes, seeds, sizes, small splits


def test_shapes_are_drawn_with_the_patch_the_seed_and_the_size_that_are_asked_for(sent):
    at = looked(start(dataset="shapes", patch="circle", seed=3, image_size=16))
    drawn = datasets.shapes(size=16, seed=3, patch_class="circle")
    assert "**900** train · **150** validation · **150** test · 3 classes · 16 × 16 pixels, colour" in said(at)
    shown, words = picked_picture(at, sent, (16, 16))
    np.testing.assert_array_equal(shown, drawn.train.images[0])
    assert (drawn.train.images[0][:2, :2] == (236, 0, 140)).all()
    assert words == "**circle · picture 0**"
    assert url(at) == {"dataset": "shapes", "patch": "circle", "seed": "3", "image_size": "16"}
    shown, _ = picked_picture(looked(again(at, patch="none", seed=4)), sent, (16, 16))
    np.testing.assert_array_equal(shown, datasets.shapes(size=16, seed=4).train.images[0])


def test_shapes_that_are_too_large_are_a_sentence_and_the_ones_before_stay():
    at = looked(start(**SMALL))
    at.number_input(key="datasets.image_size").set_value(300).run()
    assert refused(at) == "The pictures are 300 pixels wide and high; 16 to 256 are possible."
    assert summary(at) == SHAPES_SUMMARY
    assert "Shown below: Shapes." in said(at)
    looked(at.number_input(key="datasets.image_size").set_value(16).run())


def test_a_small_split_of_too_few_is_a_sentence_and_the_dataset_before_stays():
    at = uploaded(PETS)
    at.toggle(key="datasets.small_split").set_value(True).run()
    assert refused(at) == (
        "The small split takes 1000 + 500 + 500 pictures of each class; the class 'cat' has only 3 left for train. "
        "Switch the small split off."
    )
    assert summary(at) == PETS_SUMMARY
    assert "Shown below: pets." in said(at)
    looked(at.toggle(key="datasets.small_split").set_value(False).run())
    assert summary(at) == PETS_SUMMARY


def test_own_pictures_are_made_to_the_size_that_is_asked_for():
    at = uploaded(PETS)
    looked(at.number_input(key="datasets.image_size").set_value(20).run())
    assert summary(at) == PETS_SUMMARY.replace("12 × 12", "20 × 20")
    assert "10 of 10 pictures were cut to the middle and resized to 20 × 20 pixels." in said(at)
    assert "the file is 12 × 12" in said(at)
    assert "had to be enlarged" in said(at)


def test_another_seed_splits_anew():
    flat = {
        f"{name}/{place}.png": noise(place + 40 * number) for number, name in enumerate("ab") for place in range(20)
    }
    at = uploaded(flat, "flat.zip")
    assert "**28** train · **6** validation · **6** test · 2 classes" in said(at)
    assert "split 70% : 15% : 15%" in said(at)
    first = [grid["labels"] for grid in grids(at)]
    looked(at.number_input(key="datasets.seed").set_value(5).run())
    assert "**28** train · **6** validation · **6** test · 2 classes" in said(at)
    assert [set(grid["labels"]) for grid in grids(at)] != [set(one) for one in first]


# Datasets that are not here


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + b"".join(side.to_bytes(4, "big") for side in array.shape) + array.tobytes()


def put_mnist(folder, train=(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9), test=(4, 2)):
    """Small IDX files of MNIST in a person's own folder."""
    folder.mkdir(parents=True)
    for part, chosen in (("train", train), ("t10k", test)):
        labels = np.array(chosen, np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(noise(1, (len(labels), 28, 28))))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))


def test_without_internet_access_mnist_says_what_to_do_and_can_be_tried_again(at_home, offline, bare_shelf):
    at = looked(start(**SMALL))
    at.selectbox(key="datasets.dataset").select("mnist").run()
    sentence = refused(at)
    assert sentence.startswith("The server storage.googleapis.com cannot be reached. By hand: download ")
    assert "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz" in sentence
    assert f"into the folder {at_home / 'mnist'}" in sentence
    assert "The bundled datasets work offline." in sentence
    assert "Shown below: Shapes." in said(at)
    assert summary(at) == SHAPES_SUMMARY
    assert len(offline) == 1
    looked_below = press(at, "open_1")  # the page below works, and no rerun asks the server again
    assert url(looked_below) == {"dataset": "mnist", "class": "square", "image_size": "16"}
    refused(at.run())
    assert len(offline) == 1
    refused(press(at, "again"))
    assert len(offline) == 2
    put_mnist(at_home / "mnist")
    looked(press(at, "again"))
    assert "**11** train · **2** test · 10 classes · 28 × 28 pixels, grey" in said(at)
    assert notes(at) == ["There is no class “square” here; every class is shown."]
    assert len(offline) == 2
    assert not [button for button in at.button if button.key == "datasets.again"]


def test_the_first_thing_asked_for_may_be_out_of_reach(offline, opened):
    at = start(link={"dataset": "cats-and-dogs"})
    assert "mledu-datasets/cats_and_dogs_filtered.zip" in refused(at)
    assert "Shown below: Fashion-MNIST, small." in said(at)
    assert classes(at) == classes(opened)
    looked(at.selectbox(key="datasets.dataset").select("mnist-small").run())
    refused(at.selectbox(key="datasets.dataset").select("cats-and-dogs").run())
    assert "Shown below: MNIST, small." in said(at)
    assert len(offline) == 2  # who asks anew is answered anew


@pytest.mark.usefixtures("offline")
def test_on_a_public_copy_the_advice_is_another(monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    sentence = refused(start(link={"dataset": "cifar10"}))
    assert sentence.endswith("This dataset is not on this server; the bundled ones work.")


def test_a_class_that_only_test_has_does_no_harm(at_home, offline, sent):
    put_mnist(at_home / "mnist", train=(0, 1, 1), test=(0, 9))
    at = looked(start(link={"dataset": "mnist", "split": "test"}))
    assert "No picture in train shows" in said(at)
    assert images.read_image(sent.download("classes.png")).shape[0] > 28
    for tab in TABS:
        looked(again(at, tab=tab))


# Own pictures


def test_an_own_zip_in_the_tutorials_layout(pets, sent):
    assert summary(pets) == PETS_SUMMARY
    assert url(pets) == {"dataset": "own"}
    assert classes(pets) == [("cat", "3 pictures"), ("dog", "2 pictures")]
    assert "Folders named train, validation and test are taken as they are." in said(pets)
    assert "Train has fewer than 20 pictures" in said(pets)
    for grid, name in zip(grids(pets), ("cat", "dog"), strict=True):
        for place, label in enumerate(grid["labels"]):
            np.testing.assert_array_equal(tile(grid, place), PETS[f"pets/train/{name}/{label}"])


def test_pictures_whose_names_begin_with_their_class():
    files = [(f"{name}.{place}.png", png(noise(place))) for name in ("cat", "dog") for place in range(1, 11)]
    at = looked(upload(start(**QUICK), *files))
    assert "**14** train · **2** validation · **4** test · 2 classes" in said(at)
    assert [name for name, _ in classes(at)] == ["cat", "dog"]


def test_a_folder_that_the_browser_sends_keeps_its_paths():
    at = looked(upload(start(**QUICK), *encoded(PETS).items(), folder=True))
    assert summary(at) == PETS_SUMMARY
    assert "**cat · pets/train/cat/" in literal(said(at))
    folder, files = (at.file_uploader(key=key) for key in (dataset_options.FOLDER, dataset_options.FILES))
    assert folder.accept_directory
    assert not files.accept_directory


def put_pictures(folder, pictures):
    for path, content in encoded(pictures).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def test_a_folder_on_this_machine_is_read_and_read_again_when_it_has_changed(tmp_path):
    at = start(**QUICK)
    at.text_input(key="datasets.folder").set_value(f" {tmp_path / 'pets'} ").run()
    assert refused(at) == f"There is no folder '{tmp_path / 'pets'}'."
    assert summary(at) == MNIST_SUMMARY
    put_pictures(tmp_path, PETS)
    looked(press(at, "again"))
    assert summary(at) == PETS_SUMMARY
    put_pictures(tmp_path, {"pets/train/cat/new.png": noise(99)})
    assert summary(looked(at.run())) == PETS_SUMMARY  # looked at once
    looked(press(at, "read_again"))
    assert summary(at) == PETS_SUMMARY.replace("**5** train", "**6** train")
    (tmp_path / "pets").rename(tmp_path / "gone")
    assert "There is no folder" in refused(press(at, "read_again"))
    assert summary(at) == PETS_SUMMARY.replace("**5** train", "**6** train")


def test_a_bad_folder_does_not_lock_away_what_was_uploaded(tmp_path):
    at = uploaded(PETS)
    at.text_input(key="datasets.folder").set_value(str(tmp_path / "nothing")).run()
    assert "There is no folder" in refused(at)
    looked(at.selectbox(key="datasets.dataset").select("mnist-small").run())
    looked(at.selectbox(key="datasets.dataset").select("own").run())
    assert summary(at) == PETS_SUMMARY
    at.text_input(key="datasets.folder").set_value(str(tmp_path / "none")).run()
    refused(at)
    looked(at.text_input(key="datasets.folder").set_value("").run())
    assert summary(at) == PETS_SUMMARY


def test_a_file_that_is_neither_zip_nor_picture_is_named():
    at = upload(start(**QUICK), ("essay.pdf", b"%PDF-1.7"))
    assert refused(at) == "'essay.pdf' is neither a zip nor a picture. Pack the folder as .zip."
    assert summary(at) == MNIST_SUMMARY


def test_the_address_to_download_by_hand_can_be_copied(offline):
    at = start(link={"dataset": "cats-and-dogs"})
    refused(at)
    assert "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip" in [
        each.value for each in at.code
    ]


def test_a_broken_picture_among_good_ones_is_named_with_its_reason(sent):
    at = uploaded(PETS | {"pets/train/cat/torn_[x].png": b"Dear diary", "pets/readme.txt": b"hello"})
    assert summary(at) == PETS_SUMMARY
    (expander,) = [each for each in at.expander if "left out" in each.label]
    assert expander.label == "2 files were left out"
    listed = [literal(each.value) for each in expander.markdown]
    assert any(re.match(r"pets/train/cat/torn_\[x\]\.png — .{10,}", line) for line in listed)
    assert not any("torn_[x]" in each.value for each in expander.markdown)
    assert any(line.startswith("pets/readme.txt — ") and "picture" in line for line in listed)
    rows = list(csv.reader(io.StringIO(sent.download("left_out.csv"))))
    assert rows[0] == ["file", "reason"]
    assert {row[0] for row in rows[1:]} == {"pets/train/cat/torn_[x].png", "pets/readme.txt"}
    one = uploaded(PETS | {"pets/train/cat/torn.png": b"Dear diary"})
    assert [each.label for each in one.expander if "left out" in each.label] == ["1 file was left out"]


def test_a_newer_upload_takes_the_place_of_an_older_one():
    birds = {path.replace("cat", "wren").replace("dog", "owl"): pixels for path, pixels in PETS.items()}
    at = looked(upload(start(**QUICK), ("pets.zip", packed(PETS))))
    old, new = ("pets.zip", packed(PETS)), ("birds.zip", packed(birds))
    assert [name for name, _ in classes(looked(upload(at, old, new)))] == ["owl", "wren"]
    single = [(f"{name}.{place}.png", png(noise(place))) for name in ("ant", "bee") for place in range(1, 4)]
    assert [name for name, _ in classes(looked(upload(at, old, new, *single)))] == ["ant", "bee"]
    assert [name for name, _ in classes(looked(upload(at, *single, old)))] == ["cat", "dog"]
    looked(at.selectbox(key="datasets.dataset").select("mnist-small").run())
    assert summary(looked(at.run())) == MNIST_SUMMARY  # an upload that was dealt with does not come back by itself
    looked(at.selectbox(key="datasets.dataset").select("own").run())
    assert [name for name, _ in classes(at)] == ["cat", "dog"]


# Bad and hostile uploads


def encrypted(archive):
    """The same archive, which says of every entry that it is encrypted."""
    changed = bytearray(archive)
    for sign, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        for found in re.finditer(re.escape(sign), archive):
            changed[found.start() + flags] |= 1
    return bytes(changed)


PICTURE = png(noise(0))
BAD = {
    "traversal": (packed({"a/1.png": PICTURE, "../../b/1.png": PICTURE}), "leads out of the archive"),
    "absolute": (packed({"/a/1.png": PICTURE, "b/1.png": PICTURE}), "an absolute path"),
    "encrypted": (encrypted(packed(PETS)), "without a password"),
    "not a zip": (b"Dear diary, " * 99, "not a zip archive"),
    "another archive": (b"Rar!\x1a\x07" + bytes(99), "another kind than zip"),
    "a picture": (PICTURE, "not a zip archive"),
    "empty": (b"", "is empty"),
    "without files": (packed({}), "no files in the archive"),
    "cut short": (packed(PETS)[:-90], "cut short|damaged"),
    "bomb": (None, "unpacks to more than 200 times"),
    "nested": (packed({"a/1.png": PICTURE, "b/1.zip": packed(PETS)}), "archive inside the archive"),
    "one class": (packed({"a/1.png": PICTURE, "a/2.png": PICTURE}), "only the class 'a'"),
    "an empty class": (packed({"a/1.png": PICTURE, "b/": b""}), "folder of the class 'b' is empty"),
    "no class": (packed({"1.png": PICTURE}), "no class here"),
    "broken": (packed({"a/1.png": b"x", "a/2.png": b"x", "b/1.png": b"x"}), "no picture to train with"),
    "a broken class": (packed({"a/1.png": PICTURE, "b/<b>_1.png": b"x"}), "The class 'b' has no picture"),
    "nothing to train with": (
        packed({f"{split}/{name}/1.png": PICTURE for split in ("validation", "test") for name in "ab"}),
        "no folder of pictures to train with",
    ),
    "a long name": (packed({"a/1.png": PICTURE, f"{'b' * 101}/1.png": PICTURE}), "too long"),
}


@pytest.fixture(scope="module")
def bombs():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", bytes(3_000_000))
        archive.writestr("b/1.png", PICTURE)
    return file.getvalue()


@pytest.fixture(scope="module")
def patient():
    """A page that is given one bad file after the other."""
    return uploaded(PETS)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_zip_is_a_sentence_and_the_dataset_before_stays(patient, bombs, name):
    content, sentence = BAD[name]
    at = upload(patient, (f"{name}.zip", bombs if content is None else content))
    said_of_it = refused(at)
    assert re.search(sentence, said_of_it)
    assert said_of_it[0].isupper()
    assert summary(at) == PETS_SUMMARY
    assert "Shown below: pets." in said(at)
    assert "your own pictures" in at.selectbox(key="datasets.dataset").options
    assert not [button for button in at.button if button.key == "datasets.again"]  # it would be as bad again
    assert refused(at.run()) == said_of_it


def test_markup_in_an_error_is_shown_as_it_is():
    hostile = packed({"a/1.png": PICTURE, "[x](..)<b>$y$ **z**/../1.png": PICTURE})
    at = upload(start(**QUICK), ("x.zip", hostile))
    assert "'[x](..)<b>$y$ **z**/../1.png'" in refused(at)
    assert not re.search(r"(?<!\\)[\[<$*]", at.error[0].value)


def test_after_a_bad_upload_everything_can_be_chosen_again():
    at = upload(start(), ("bad.zip", b"Dear diary"))
    refused(at)
    assert summary(at) == FASHION_SUMMARY
    looked(at.selectbox(key="datasets.dataset").select("mnist-small").run())
    assert "not a zip archive" in refused(at.selectbox(key="datasets.dataset").select("own").run())
    assert "Shown below: MNIST, small." in said(at)
    looked(upload(at, ("pets.zip", packed(PETS))))
    assert summary(at) == PETS_SUMMARY


@pytest.mark.parametrize("folder", [False, True])
def test_an_upload_over_the_limit_is_refused_before_it_is_read(limited, folder):
    limited(max_upload_bytes=1_000_000)
    at = uploaded(PETS)
    large = [(f"{name}.png", png(noise(9, (420, 420, 3)))) for name in ("a/1", "b/1")]
    at = upload(at, *large, folder=folder)
    assert refused(at) == "The upload has 1.1 MB; 1 MB is the limit. Take fewer or smaller pictures."
    assert summary(at) == PETS_SUMMARY
    assert "your own pictures" in at.selectbox(key="datasets.dataset").options
    assert "1 MB is the limit" in refused(at.run())  # said until the files are replaced
    looked(upload(at, folder=folder))
    assert summary(at) == PETS_SUMMARY
    assert (
        at.file_uploader(key=dataset_options.FOLDER if folder else dataset_options.FILES).proto.max_upload_size_mb == 1
    )


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"max_archive_bytes": 1000}, "the limit is 0.001 MB"),
        ({"max_archive_entries": 5}, "more files and folders than the limit of 5"),
        ({"max_dataset_files": 5}, r"\b5\b.*limit"),
        ({"max_dataset_bytes": 1000}, "limit"),
    ],
)
def test_the_other_limits_hold_too(limited, limits, sentence):
    at = looked(start(**SMALL))
    limited(**limits)
    limits_bite = {path: noise(number + 1000) for number, path in enumerate(PETS)}
    assert re.search(sentence, refused(upload(at, ("pets.zip", packed(limits_bite)))))
    assert summary(at) == SHAPES_SUMMARY


def test_files_of_the_same_path_are_refused():
    at = upload(start(**QUICK), ("cat.1.png", PICTURE), ("dog.1.png", PICTURE), ("cat.1.png", PICTURE))
    assert "Two of the files are called 'cat.1.png'" in refused(at)


# Names from strangers


@pytest.fixture(scope="module")
def marked():
    """A page whose classes, files and name are full of markup."""
    pictures = {
        f"{split}/{name}/{name} {place}.png": noise(place + 9 * number)
        for number, name in enumerate(MARKUP)
        for place, split in enumerate(("train", "train", "validation", "test"))
    }
    pictures["train/" + MARKUP[0] + "/copy.png"] = pictures[f"test/{MARKUP[0]}/{MARKUP[0]} 3.png"]
    return uploaded(pictures, "![i](data:x) :material/face: <u>$x$.zip", tab="copies")


def texts(at):
    """Everything that Streamlit takes for Markdown."""
    drawn = [at.markdown, at.caption, at.info, at.error, at.title]
    labels = [each.label for each in (*at.button, *at.expander, *at.metric)]
    return [each.value for group in drawn for each in group] + labels + [each.value for each in at.metric]


@pytest.mark.parametrize("tab", TABS)
def test_names_of_classes_and_files_are_shown_as_they_are(marked, tab):
    at = looked(again(marked, tab=tab, **{"class": "", "picture": None}))
    drawn = texts(at)
    for name in MARKUP:
        assert not any(name in text for text in drawn)
        assert any(plain(name) in text for text in drawn)
        assert (literal(plain(name)), "3 pictures" if name == MARKUP[0] else "2 pictures") in classes(at)
    assert not any("onclick" in text and "\\<b onclick" not in text for text in drawn)
    assert at.selectbox(key="datasets.class").options == ["Every class", *sorted(MARKUP)]
    charts = " ".join(each.proto.spec for each in at.get("plotly_chart"))
    assert "<b onclick" not in charts
    assert "\\u003cb onclick" not in charts
    assert "&lt;b onclick" in charts


def test_a_class_with_markup_can_be_opened_and_linked_to(marked):
    for name in MARKUP:
        at = looked(again(marked, **{"class": name}))
        assert not at.info
        assert url(at)["class"] == name
        (grid,) = grids(at)
        assert grid["labels"][0].startswith((name, "copy"))
    at = again(marked, **{"class": ""})
    at.query_params = {"datasets.dataset": "own", "datasets.class": "<i>[x](y)"}
    assert notes(looked(at.run())) == ["There is no class “<i>[x](y)” here; every class is shown."]
    assert "[x]" not in at.info[0].value


def test_the_name_of_an_own_dataset_is_text(marked, limited):
    limited(max_upload_bytes=1000)
    at = upload(again(marked, small_split=True), ("large.zip", noise(1, (2000,)).tobytes()))
    assert not at.exception
    (caption,) = [each.value for each in at.caption if "Shown below" in each.value]
    assert literal(caption) == "Shown below: ![i](data:x) :material/face: <u>$x$."
    assert ":material/face:" not in caption
    assert "<u>" not in caption
    looked(upload(again(marked, small_split=False)))


def test_a_file_name_that_is_no_text_is_shown_without_what_cannot_be_read(tmp_path):
    put_pictures(tmp_path, PETS)
    try:
        (tmp_path / "pets" / "train" / "cat" / "caf\udce9.png").write_bytes(PICTURE)
    except (OSError, UnicodeError):
        pytest.skip("this file system has only names in Unicode")
    at = start(**QUICK)
    at.text_input(key="datasets.folder").set_value(str(tmp_path / "pets")).run()
    assert summary(looked(at)) == PETS_SUMMARY.replace("**5** train", "**6** train")
    shown = {label: place for grid in grids(at) for place, label in zip(grid["channels"], grid["labels"], strict=True)}
    assert "/caf\ufffd.png" in literal(said(looked(again(at, picture=shown["caf\ufffd.png"]))))


# A public copy


def test_a_public_copy_reads_no_folders_and_has_smaller_limits(monkeypatch, tmp_path):
    put_pictures(tmp_path, PETS)
    local = looked(start(**QUICK))
    assert local.file_uploader(key=dataset_options.FILES).proto.max_upload_size_mb == 500
    local.text_input(key="datasets.folder").set_value(str(tmp_path / "pets")).run()
    assert summary(looked(local)) == PETS_SUMMARY
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    at = looked(start(folder=str(tmp_path / "pets"), **QUICK))
    assert not [field for field in at.text_input if field.key == "datasets.folder"]
    assert summary(at) == MNIST_SUMMARY
    assert "your own pictures" not in at.selectbox(key="datasets.dataset").options
    assert {each.proto.max_upload_size_mb for each in at.file_uploader} == {100}
    looked(upload(at, ("pets.zip", packed(PETS))))
    assert summary(at) == PETS_SUMMARY
    assert "folders of the server cannot be read" in refused(local.number_input(key="datasets.seed").set_value(1).run())
    assert summary(local) == PETS_SUMMARY
    assert str(tmp_path) not in " ".join(texts(local))


# Links and what browsers send


LINKS = {
    "dataset": ["own", "x", "../../etc/passwd", "99"],
    "split": ["x", "Train", "0", "-1"],
    "class": ["x", "a\nb", "c" * 101, "None"],
    "seed": ["-1", "10000", "1.5", "x"],
    "image_size": ["15", "513", "-16", "nan"],
    "small_split": ["2", "True", "-1", "x"],
    "patch": ["hexagon", "1", "", "x"],
    "pictures": ["0", "-24", "99999999", "many"],
    "picture": ["6000", "-1", "9999999999999", "1.0"],
    "page": ["0", "-3", "10000000", "x"],
    "tab": ["x", "Mean pictures", "-1", "9"],
}


@pytest.fixture(scope="module")
def linked():
    """A page to be sent one hostile link after the other."""
    return looked(start())


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("name", LINKS)
def test_a_hostile_link_gives_a_note_and_the_default(linked, opened, name, turn):
    assert set(LINKS) == KEYS
    linked.query_params = {f"datasets.{name}": LINKS[name][turn]}
    at = looked(linked.run())
    assert len(at.info) == 1
    assert component(at, "strip") == component(opened, "strip")
    assert url(at) == {}
    assert not looked(at.run()).info


def test_a_link_of_nonsense_alone_gives_as_many_notes(opened):
    link = dict.fromkeys(KEYS, "<img src=x onerror=alert(1)>") | {"nothing": "1", "upload": "x", "folder": "/etc"}
    at = looked(start(link=link))
    assert len(at.info) == len(KEYS) + 1
    assert not any("<img" in note.value.replace("\\<", "") for note in at.info)
    assert url(at) == {}
    assert classes(at) == classes(opened)


def test_a_leaf_beyond_the_last_is_the_first(linked, fashion):
    linked.query_params = {"datasets.page": "999999"}
    at = looked(linked.run())
    (note,) = notes(at)
    assert re.fullmatch(r"The last page is [\d,]+, so there is no page 999,999; the first is shown\.", note)
    assert url(at) == {}
    assert component(at, "strip")["stages"][0]["channels"] == np.flatnonzero(fashion["y_train"] == 0)[:5].tolist()


@pytest.mark.parametrize(
    "link",
    [
        {"class": "Ankle boot", "split": "test", "picture": "5", "tab": "copies"},
        {"dataset": "mnist-small", "class": "7", "page": "3", "picture": "0", "tab": "download"},
        {"dataset": "shapes", "patch": "square", "seed": "12", "image_size": "16", "split": "validation", "page": "2"},
    ],
)
def test_a_link_opens_what_it_names(link):
    at = looked(start(link=link))
    assert not at.info
    assert url(at) == link
    again_opened = looked(start(link=url(at)))
    assert [each.proto.json for each in at.get("bidi_component")] == [
        each.proto.json for each in again_opened.get("bidi_component")
    ]


def test_a_class_in_any_script_goes_through_a_link():
    name = "Žába & 猫 = 50 % #1"
    at = uploaded({f"{one}/{place}.png": noise(place) for one in (name, "dog") for place in range(4)}, "x.zip")
    looked(at.selectbox(key="datasets.class").select(name).run())
    link = dict(at.query_params)
    assert url(at)["class"] == name
    looked(at.selectbox(key="datasets.class").select("").run())
    assert "class" not in url(at)
    at.query_params = link
    looked(at.run())
    assert not at.info
    assert url(at)["class"] == name
    assert len(grids(at)) == 1


@pytest.mark.parametrize("turn", range(6))
def test_nonsense_in_the_session_never_raises(turn):
    values = nonsense(dataset_options.CONTROLS, turn)
    at = looked(start(tab=TABS[turn], **values))
    assert not at.exception
    linked_to = url(at)
    again_opened = looked(start(link=linked_to))
    assert not again_opened.info
    assert url(again_opened) == linked_to


# Picks


def test_a_click_on_a_column_s_head_opens_the_class_and_on_a_picture_picks_it(fashion):
    at = looked(start())
    place = int(np.flatnonzero(fashion["y_train"] == 6)[3])
    looked(send(at, {"path": "class 6", "channel": place}))
    assert url(at) == {"picture": str(place)}
    assert component(at, "strip")["selected"] == ["class 6", place]
    assert f"**Shirt · picture {place}**" in said(at)
    looked(send(at, {"path": None}))
    assert url(at) == {"picture": str(place)}
    for sent in ("<script>", 7, [], {"path": "class 10", "channel": 0}, {"path": "class 6", "channel": 5999}, None):
        looked(send(at, sent))
        assert url(at) == {"picture": str(place)}
    for sent in ({"path": "class 6", "channel": True}, {"path": ["class 6"], "channel": {}}, {"channel": -1}):
        looked(send(at, sent))
        assert url(at) == {"picture": str(place)}
    looked(send(at, {"path": "class 6", "channel": -1}))
    assert url(at) == {"class": "Shirt"}


def test_a_click_in_a_sheet_picks_and_escape_clears(fashion):
    at = looked(start(link={"class": "Bag"}))
    places = np.flatnonzero(fashion["y_train"] == 8).tolist()
    looked(send(at, {"channel": places[9]}))
    assert url(at) == {"class": "Bag", "picture": str(places[9])}
    assert grids(at)[0]["selected"] == places[9]
    assert f"**Bag · picture {places[9]}**" in said(at)
    for sent in ({"channel": 1.0}, {"channel": "x"}, {"channel": 10**30}, "x", {"channel": places[80]}):
        looked(send(at, sent))
        assert url(at)["picture"] == str(places[9])
    looked(send(at, {"channel": None}))
    assert url(at) == {"class": "Bag"}
    assert f"**Bag · picture {places[0]}**" in said(at)


def test_a_few_classes_have_sheets_side_by_side_and_heads_that_open_them():
    at = looked(start(**SMALL))
    drawn = grids(at)
    assert [grid["channels"][:3] for grid in drawn] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]  # the classes take turns
    looked(send(at, {"channel": 7}, place=1))
    assert url(at) == {"dataset": "shapes", "image_size": "16", "picture": "7"}
    assert [grid["selected"] for grid in grids(at)] == [7, 7, 7]
    assert "**square · picture 7**" in said(at)
    looked(press(at, "open_2"))
    assert url(at) == {"dataset": "shapes", "image_size": "16", "class": "triangle"}
    assert grids(at)[0]["channels"][:3] == [2, 5, 8]


@pytest.fixture
def in_the_app(monkeypatch):
    """AppTest takes each run for a server's first, and would run the page without the app around it before that."""
    made = PagesManager.__init__

    def make(manager, *arguments, **options):
        made(manager, *arguments, **options)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", make)


@pytest.mark.usefixtures("in_the_app")
def test_pictures_go_on_to_the_other_pages_with_their_label(open_app):
    at = open_app("datasets")
    keys = {button.key for button in at.button}
    assert {"datasets.to_kernels", "datasets.to_feature_maps", "datasets.to_grad_cam"} <= keys
    at.session_state["datasets.dataset"], at.session_state["datasets.image_size"] = "shapes", 16
    at.session_state["datasets.picture"] = 4
    looked(at.run())
    looked(press(at, "to_kernels"))
    assert at.title[0].value == "Kernels"
    chosen = at.session_state[state.PICTURE]
    assert chosen.label == "shapes: square · picture 4"
    np.testing.assert_array_equal(chosen.picture.pixels, datasets.load("shapes", image_size=16).train.images[4])
    assert plain("shapes: square · picture 4") in said(at)
    looked(at.switch_page("pages/datasets.py").run())
    assert "**square · picture 4**" in said(at)


def test_a_page_by_itself_has_no_way_on(opened):
    assert not [button for button in opened.button if button.key.startswith("datasets.to_")]


# What is in the pictures


def test_the_mean_pictures_are_the_means(pets, sent):
    at = looked(again(uploaded(PETS), tab="means"))
    cats, dogs = (
        np.stack([pixels for path, pixels in PETS.items() if f"train/{name}" in path]).astype(float)
        for name in ("cat", "dog")
    )
    shown = [images.read_image(sent.pictures[each.value[0]]) for each in at.main.get("image")[1:]]
    assert [each.value for each in at.caption if each.value.startswith("**c") or each.value.startswith("**d")] == [
        "**cat**",
        "**dog**",
    ]
    for picture, pixels in zip(shown, (cats, dogs), strict=True):
        times = picture.shape[0] // 12
        both = picture[::times, ::times]
        np.testing.assert_allclose(both[:, :12], pixels.mean(axis=0), atol=0.51)
        np.testing.assert_allclose(both[:, 12:], np.minimum(255, 2 * pixels.std(axis=0)), atol=0.51)


def test_colours_and_sizes_are_counted():
    sized = PETS | {"pets/train/cat/wide.png": np.full((12, 24, 3), (10, 20, 30))}
    at = looked(again(uploaded(sized), tab="colours"))
    assert "12 × 12: **5** · 12 × 24: **1**" in said(at)
    at = looked(again(uploaded(PETS), tab="colours"))
    pixels = np.stack([each for path, each in PETS.items() if "train" in path]).astype(float)
    means = pixels.mean(axis=(0, 1, 2))
    assert f"Mean red {means[0]:.1f}, green {means[1]:.1f}, blue {means[2]:.1f} of 255." in said(at)
    table = at.dataframe[0].value
    cats = np.stack([each for path, each in PETS.items() if "train/cat" in path]).astype(float)
    assert table["class"].tolist() == ["cat", "dog"]
    np.testing.assert_allclose(table["mean green"][0], cats[..., 1].mean(), atol=0.051)
    np.testing.assert_allclose(table["spread blue"][0], cats[..., 2].std(), atol=0.051)


def test_a_planted_copy_is_found_and_shown(sent):
    planted = PETS | {"pets/test/dog/copy.png": PETS["pets/train/cat/1.png"]}
    at = looked(again(uploaded(planted), tab="copies"))
    text = said(at)
    assert "**1** of the 4 test pictures are also in train: 1 exactly, 0 nearly, 1 of them under another label." in text
    assert "**None** of the 2 validation pictures is also in train." in text
    assert "None** of the 4 test pictures is also in validation." in text
    (caption,) = [literal(each.value) for each in at.caption if "exact copy" in each.value]
    assert caption == "train: cat · pets/train/cat/1.png — test: dog · pets/test/dog/copy.png · exact copy"
    pair = images.read_image(sent.pictures[at.main.get("image")[-1].value[0]])
    half = pair.shape[1] // 2
    np.testing.assert_array_equal(pair[:, :half], pair[:, half:])
    looked(again(uploaded({path: each for path, each in PETS.items() if "train" in path}), tab="copies"))


def test_copies_inside_a_split_are_counted():
    twice = PETS | {
        "pets/train/cat/5.png": PETS["pets/train/cat/0.png"],
        "pets/train/dog/5.png": PETS["pets/train/cat/0.png"],
    }
    at = looked(again(uploaded(twice), tab="copies"))
    assert (
        "2 pictures of train are exact copies of another one there; 1 groups of copies have different labels."
        in said(at)
    )


def test_shortcuts_find_the_patch_where_it_is_and_not_in_test():
    at = looked(start(patch="circle", split="validation", tab="cues", **SMALL))
    corners = {metric.label: float(metric.value.rstrip("%")) for metric in at.metric}
    assert corners["The mean colour of each corner"] > 60
    assert "of 150 pictures of validation; always guessing the most frequent class is right for 33 %" in said(at)
    looked(at.button_group(key="datasets.split").set_value("test").run())
    corners = {metric.label: float(metric.value.rstrip("%")) for metric in at.metric}
    assert corners["The mean colour of each corner"] < 45
    assert "pictures of test" in said(at)


def test_of_much_data_a_survey_is_made_only_when_it_is_asked_for(monkeypatch, bare_shelf):
    monkeypatch.setattr(dataset_surveying, "AT_ONCE_BYTES", 0)
    at = looked(start(tab="means", link={"dataset": "shapes", "image_size": "16", "pictures": "24"}))
    assert "The test split" not in said(at)
    (flaws,) = [button for button in at.button if button.key == "datasets.flaws_start"]
    assert flaws.label == "Look for flaws in 0 MB of pictures"
    looked(flaws.click().run())
    assert "Train has fewer than 20 pictures" in said(at)
    at = looked(start(tab="means", **SMALL))
    looked(press(at, "flaws_start"))
    label = f"Look through {1200 * 16 * 16 * 3 / 1e6:,.0f} MB of pictures"
    for tab, drawn in (
        ("means", lambda: [each.value for each in at.caption if each.value == "**circle**"]),
        ("colours", lambda: at.dataframe),
        ("copies", lambda: [each for each in at.markdown if "Barz" in each.value]),
        ("cues", lambda: at.metric),
    ):
        looked(again(at, tab=tab))
        assert [button.label for button in at.button if button.key.endswith("_start")] == [label], tab
        assert not drawn(), tab
        looked(press(at, f"{tab}_start"))
        assert drawn(), tab
        assert drawn(), looked(at.run())
        assert not [button for button in at.button if button.key.endswith(("_start", "_stop"))]
    other = looked(start(tab="cues", **SMALL))
    assert other.metric  # somebody has looked already
    looked(other.button_group(key="datasets.split").set_value("test").run())
    assert not other.metric  # another question


# Stopping, and other visitors


def test_stop_brings_back_what_was_open_before(interrupted, bare_shelf):
    at = looked(start(dataset="shapes", image_size=16))
    at = looked(upload(at, ("stopped.zip", packed({path: noise(at + 500) for at, path in enumerate(PETS)}))))
    assert at.text[0].value == "Reading the pictures…"
    looked(press(at, "stop"))
    assert summary(at) == SHAPES_SUMMARY
    assert url(at) == {"dataset": "shapes", "image_size": "16"}
    assert not at.text
    looked(at.run())
    assert not at.text
    assert "your own pictures" in at.selectbox(key="datasets.dataset").options
    looked(at.selectbox(key="datasets.dataset").select("own").run())
    assert at.text  # it begins once more, when it is chosen once more


def test_stop_brings_back_own_pictures_with_their_options(interrupted, bare_shelf, monkeypatch, tmp_path):
    progress = dataset_loading.progress
    monkeypatch.undo()
    at = uploaded(PETS)
    looked(again(at, seed=3, **{"class": "dog"}))
    monkeypatch.setattr(dataset_loading, "progress", progress)
    looked(upload(at, ("stopped.zip", packed({path: noise(at + 600) for at, path in enumerate(PETS)}))))
    assert at.text
    looked(press(at, "stop"))
    assert summary(at) == PETS_SUMMARY
    assert at.session_state["datasets.seed"] == 3
    assert at.session_state[state.OWN_DATASET].label == "pets"
    assert url(at)["dataset"] == "own"


def test_one_visitor_s_pictures_are_nobody_else_s(pets):
    mine = looked(start(link={"dataset": "mnist-small"}))
    mine = looked(upload(mine, ("secret.zip", packed(PETS))))
    looked(press(mine, "open_0"))
    for link in (url(mine), {"dataset": "secret"}, {"dataset": mine.session_state[state.OWN_DATASET].digest}):
        theirs = looked(start(link=link))
        assert any("its author's own, which a link never carries" in note for note in notes(theirs))
        assert summary(theirs) == FASHION_SUMMARY
        assert "your own pictures" not in theirs.selectbox(key="datasets.dataset").options
        assert "secret" not in " ".join(texts(theirs))
        assert "cat" not in [name for name, _ in classes(theirs)]
    assert summary(looked(mine.run())) == PETS_SUMMARY


# Taking it away


def rows(text):
    return list(csv.reader(io.StringIO(text)))


def test_the_counts_are_the_counts(sent):
    uploaded(PETS)
    assert rows(sent.download("counts.csv")) == [
        ["class", "train", "validation", "test"],
        ["cat", "3", "1", "1"],
        ["dog", "2", "1", "2"],
    ]
    picture = images.read_image(sent.download("classes.png"))
    assert picture.shape == (96, 2 * 96 + 4, 3)


def test_a_class_is_no_formula_in_a_spreadsheet(sent):
    formulas = ("=1+1", "+1", "-1", "@SUM(A1)")
    uploaded({f"{name}/{place}.png": noise(place) for name in formulas for place in range(3)} | {"=1+1/x.png": b"x"})
    assert [row[0] for row in rows(sent.download("counts.csv"))[1:]] == [f"'{name}" for name in sorted(formulas)]
    assert rows(sent.download("left_out.csv"))[1][0] == "'=1+1/x.png"


def test_the_arrays_come_back_from_an_npz_file(sent):
    at = uploaded(PETS)
    with np.load(io.BytesIO(sent.download("dataset.npz")), allow_pickle=False) as file:
        assert file["class_names"].tolist() == ["cat", "dog"]
        assert {name: file[f"x_{name}"].shape for name in datasets.SPLITS} == {
            "train": (5, 12, 12, 3),
            "validation": (2, 12, 12, 3),
            "test": (3, 12, 12, 3),
        }
        for place, label in enumerate(file["y_test"]):
            like = [path for path, pixels in PETS.items() if (pixels == file["x_test"][place]).all()]
            assert like[0].split("/")[1:3] == ["test", ("cat", "dog")[label]]
    assert "left_out.csv" not in [button.label for button in at.get("download_button")]


def test_a_large_dataset_has_no_npz_file(sent, monkeypatch):
    monkeypatch.setattr("explorer.ui.dataset_explanation.MAX_NPZ_BYTES", 1000)
    looked(start(**SMALL))
    assert set(sent.makers) == {"counts.csv", "classes.png"}


# Programs


def calls(program):
    return [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call)]


def run(program):
    """What a program prints."""
    said_by_it = io.StringIO()
    with redirect_stdout(said_by_it):
        exec(compile(program, "program", "exec"), {"__name__": "__main__"})  # noqa: S102
    return said_by_it.getvalue()


def real(program):
    """Whether every function of a library that a program calls is there, and takes what it is given."""
    homes = {"datasets": datasets, "keras": keras, "np": np}
    checked = 0
    for call in calls(program):
        first, *rest = ast.unparse(call.func).split(".")
        if first in homes:
            function = functools.reduce(getattr, rest, homes[first])
            if first != "np":
                inspect.signature(function).bind(*call.args, **{one.arg: one.value for one in call.keywords})
            checked += 1
    return checked > 0


@pytest.mark.parametrize("name", BUILTIN)
def test_the_programs_of_every_dataset_name_real_functions(name):
    for options in {}, {"small_split": True, "seed": 2, "image_size": 40 if BUILTIN[name].sized else None}:
        programs = snippets.dataset_programs(name, **options)
        assert all(real(program) for program in programs.values())
        (load,) = [one for one in calls(programs["This project"]) if ast.unparse(one.func) == "datasets.load"]
        given = {one.arg: ast.literal_eval(one.value) for one in load.keywords}
        assert [ast.literal_eval(one) for one in load.args] == [name]
        assert given == {option: value for option, value in options.items() if value is not None}


@pytest.mark.parametrize(
    ("link", "call"),
    [
        ({}, "datasets.load('fashion-mnist-small')"),
        ({"dataset": "mnist-small"}, "datasets.load('mnist-small')"),
        (
            {"dataset": "shapes", "image_size": "16", "seed": "2", "patch": "circle"},
            "datasets.load('shapes', image_size=16, seed=2, patch_class='circle')",
        ),
    ],
)
def test_the_programs_of_bundled_datasets_load_what_the_page_shows(link, call, sent, tmp_path):
    at = looked(start(link=link))
    ours, by_numpy = (each.value for each in at.code)
    assert call in ours
    dataset = datasets.load(
        link.get("dataset", "fashion-mnist-small"),
        image_size=int(link["image_size"]) if "image_size" in link else None,
        seed=int(link.get("seed", 0)),
        patch_class=link.get("patch"),
    )
    told = run(ours)
    assert str(dataset.class_names) in told
    assert f"train {dataset.train.images.shape} {dataset.train.labels[:10]}" in told
    (tmp_path / "dataset.npz").write_bytes(sent.download("dataset.npz"))
    with chdir(tmp_path):
        assert f"test {dataset.test.images.shape} {np.bincount(dataset.test.labels)}" in run(by_numpy)


@pytest.mark.parametrize("kind", ["zip", "files", "folder"])
@pytest.mark.parametrize("split_folders", [True, False])
def test_the_programs_of_own_pictures_read_them_again(tmp_path, kind, split_folders):
    pictures = (
        PETS
        if split_folders
        else {path.split("/", 2)[2].replace("/", f"/{n}-"): each for n, (path, each) in enumerate(PETS.items())}
    )
    put_pictures(tmp_path / "pictures", pictures)
    (tmp_path / "pictures.zip").write_bytes(packed(pictures))
    at = start(**QUICK)
    if kind == "zip":
        upload(at, ("pictures.zip", packed(pictures)))
    elif kind == "files":
        upload(at, *encoded(pictures).items(), folder=True)
    else:
        at.text_input(key="datasets.folder").set_value(str(tmp_path / "pictures")).run()
    ours, by_keras, _ = (each.value for each in at.code)
    with chdir(tmp_path):
        told = run(ours)
    counted = re.findall(r"(train|validation|test) \((\d+), 12, 12, 3\)", told)
    assert [f"**{count}** {split}" for split, count in counted] == summary(at).split(" · ")[:3]
    assert real(by_keras)
    assert ("/train'" in by_keras) == split_folders
    assert "image_size=(12, 12)" in by_keras


# Experiments


@pytest.mark.parametrize(
    ("number", "link"),
    [
        (0, {"tab": "means"}),
        (1, {"dataset": "shapes", "patch": "circle", "split": "validation", "tab": "cues"}),
        (2, {"split": "test", "tab": "copies"}),
    ],
)
def test_each_experiment_sets_up_what_it_speaks_of(number, link):
    at = looked(start(split="test", seed=5, picture=3, **{"class": "circle"}, **SMALL))
    looked(press(at, f"try_{number}"))
    assert url(at) == link
    assert not at.info
    if number == 0:
        assert {"**Shirt**", "**Pullover**", "**Coat**"} <= {each.value for each in at.caption}
    elif number == 1:
        percent = {metric.label: float(metric.value.rstrip("%")) for metric in at.metric}
        assert percent["The mean colour of each corner"] > 60
    else:
        found = re.search(
            r"\*\*(\d+)\*\* of the 1,000 test pictures are also in train: \d+ exactly, (\d+) nearly", said(at)
        )
        assert int(found[2]) > 0
        assert len(at.main.get("image")) > 1
