"""The Augmentation page: versions and what was drawn, presets, links, tabs, a network's answers, files."""

import base64
import io
import json
import subprocess
import sys
import zipfile

import cv2
import keras
import numpy as np
import pytest

from explorer import images, settings
from explorer.augmentation import PRESETS, SWEEPS, TRANSFORMS, Augmentation, describe
from explorer.models import Classifier
from explorer.ui import augmentation_consequence, augmentation_explanation, augmentation_stage, cache
from explorer.ui import augmentation_options as options
from explorer.ui.augmentation_explanation import EXPERIMENTS, explanation
from tests.models.networks import classifier
from tests.pages.visiting import Visits, component, looked, nonsense, said

KEYS = {
    *("image", "preset", "rotation_range", "width_shift_range", "height_shift_range", "shear_range", "zoom_range"),
    *("horizontal_flip", "fill_mode", "seed"),
}
"""The names that tests and links hang on, the button aside."""
TABS = tuple(options.TABS.options)
VISITS = Visits("augmentation", options.TABS)
start, url = VISITS.start, VISITS.url
DIGIT = {"image": "digit"}


def tiles(at):
    """What the grid shows."""
    return component(at, "versions")["tiles"]


def pixels(tile):
    """The pixels of a tile that was sent without loss."""
    encoded = base64.b64decode(tile["src"].removeprefix("data:image/png;base64,"))
    return cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def digit():
    return images.read_image(images.SAMPLES["digit"].read_bytes())


@pytest.fixture(scope="module")
def opened():
    """The page as a person finds it."""
    return looked(start())


# What is seen first


def test_the_registry_has_the_keys_that_links_use():
    assert {control.key for control in options.CONTROLS} >= {f"augmentation.{name}" for name in KEYS}
    assert {f"augmentation.{name}" for name in TRANSFORMS} <= {control.key for control in options.CONTROLS}


def test_the_promised_keys_are_drawn_on_a_fresh_page(opened):
    drawn = {key for key in opened.session_state.keys() if key.startswith("augmentation.")}  # noqa: SIM118
    assert {f"augmentation.{name}" for name in (*KEYS, *TRANSFORMS)} <= drawn
    assert opened.button(key="augmentation.again")


def test_a_fresh_visit_sees_sixteen_versions_of_the_cat_by_chollet_s_policy(opened):
    assert opened.title[0].value == "Augmentation"
    assert url(opened) == {}
    assert not opened.info
    assert opened.selectbox(key="augmentation.preset").value == "chollet"
    assert opened.slider(key="augmentation.rotation_range").value == 40
    assert opened.toggle(key="augmentation.horizontal_flip").value
    shown = tiles(opened)
    assert len(shown) == 16
    assert len({tile["src"] for tile in shown}) == 16
    cat = images.reduce_to(images.read_image(images.SAMPLES["chelsea"].read_bytes()), augmentation_stage.WORK_SIDE)
    _, drawn = PRESETS["chollet"].policy.sample(cat, 16, seed=0)
    assert [tile["words"] for tile in shown] == [describe(PRESETS["chollet"].policy, one) for one in drawn]
    assert "**The original** · Chelsea, a cat · 300 × 451 pixels, made smaller to 213 × 320, colour" in said(opened)


def test_tensorflow_is_not_imported_for_the_first_screen():
    program = """
import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file("app.py", default_timeout=60).run()
at = at.switch_page("pages/augmentation.py").run()
assert not at.exception
assert at.title[0].value == "Augmentation" and at.get("bidi_component")
print(sorted({"tensorflow", "keras", "torch", "jax"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=settings.ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("preset", list(PRESETS))
def test_the_tiles_are_the_policy_s_own_samples_to_the_pixel(preset):
    at = looked(start(link=DIGIT | {"preset": preset}))
    expected, drawn = PRESETS[preset].policy.sample(digit(), 16, seed=0)
    for tile, version, values in zip(tiles(at), expected, drawn, strict=True):
        shown = pixels(tile)[::4, ::4]  # 16 pixels enlarged to 64
        np.testing.assert_array_equal(shown, images.to_rgb(version))
        assert tile["words"] == (describe(PRESETS[preset].policy, values) or ["unchanged"])


# Choosing


def test_one_slider_changes_that_and_nothing_else():
    at = looked(start(link=DIGIT))
    before = tiles(at)
    at.slider(key="augmentation.rotation_range").set_value(90)
    after = tiles(looked(at.run()))
    assert url(at) == DIGIT | {"rotation_range": "90"}
    assert all(one["words"][0] != other["words"][0] for one, other in zip(before, after, strict=True))
    assert [tile["words"][1:] for tile in before] == [tile["words"][1:] for tile in after]
    assert [button.label for button in at.button if button.key == "augmentation.back"] == [
        "Changed: Rotation. Back to it"
    ]
    looked(at.button(key="augmentation.back").click().run())
    assert url(at) == DIGIT
    assert tiles(at) == before


def test_again_draws_anew_and_the_seed_brings_the_old_ones_back():
    at = looked(start(link=DIGIT))
    first = tiles(at)
    looked(at.button(key="augmentation.again").click().run())
    second = tiles(at)
    assert url(at) == DIGIT | {"seed": "1"}
    assert all(one["words"] != other["words"] for one, other in zip(first, second, strict=True))
    at.number_input(key="augmentation.seed").set_value(0)
    assert tiles(looked(at.run())) == first


def test_another_preset_sets_every_slider_and_drops_what_was_changed_before():
    at = looked(start())
    at.slider(key="augmentation.rotation_range").set_value(7)
    looked(at.run())
    at.selectbox(key="augmentation.preset").set_value("flip")
    looked(at.run())
    assert url(at) == {"preset": "flip"}
    assert at.slider(key="augmentation.rotation_range").value == 0
    assert at.toggle(key="augmentation.horizontal_flip").value
    assert {word for tile in tiles(at) for word in tile["words"]} == {"mirrored", "unchanged"}


def test_a_link_says_the_preset_and_what_differs_from_it():
    at = looked(start(link={"preset": "heavy", "zoom_range": "0.1", "brightness_range": "1,1", "fill_mode": "wrap"}))
    assert not at.info
    assert at.slider(key="augmentation.rotation_range").value == 60
    assert at.slider(key="augmentation.zoom_range").value == 0.1
    assert at.slider(key="augmentation.brightness_range").value == (1.0, 1.0)
    assert not any(word.startswith("bright") for word in tiles(at)[0]["words"])
    assert url(at) == {"preset": "heavy", "zoom_range": "0.1", "brightness_range": "1,1", "fill_mode": "wrap"}


def test_values_put_before_the_first_run_stay():
    at = looked(start(rotation_range=90, preset="flip"))
    assert url(at) == {"preset": "flip", "rotation_range": "90"}


def test_the_grey_of_gaps_is_asked_for_where_it_counts():
    at = looked(start())
    assert at.slider(key="augmentation.cval").disabled
    at.selectbox(key="augmentation.fill_mode").set_value("constant")
    assert not looked(at.run()).slider(key="augmentation.cval").disabled


def test_a_click_on_a_version_looks_at_it():
    at = looked(start(link=DIGIT | {"tab": "one"}))
    assert "**Version 1**" in said(at)
    at.session_state["augmentation.version"] = 6
    looked(at.run())
    assert component(at, "versions")["selected"] == 5
    assert "**Version 6**" in said(at)


# A dataset's pictures


def test_sixteen_pictures_of_a_dataset_class_after_class():
    at = looked(start(link={"source": "dataset", "dataset_name": "mnist-small", "preset": "none"}))
    train = cache.dataset("mnist-small").train
    first = [train.images[np.flatnonzero(train.labels == label)[0]] for label in range(10)]
    for tile, expected in zip(tiles(at), first, strict=False):
        np.testing.assert_array_equal(pixels(tile)[::2, ::2, 0], expected[..., 0])
    assert all(tile["words"] == ["unchanged"] for tile in tiles(at))


def test_mixup_says_both_labels_and_what_each_is_worth():
    at = looked(start(link={"source": "dataset", "preset": "none", "mixup": "1"}))
    marks = [tile["mark"] for tile in tiles(at)]
    assert all(marks)
    two = [mark for mark in marks if " + " in mark]
    assert two
    for mark in two:
        assert sum(float(part.split()[0]) for part in mark.split(" + ")) == pytest.approx(1, abs=0.011)


def test_on_one_picture_mixup_cannot_be_moved_and_does_nothing():
    at = looked(start(link={"preset": "none", "mixup": "1"}))
    assert at.slider(key="augmentation.mixup").disabled
    assert all(tile["words"] == ["unchanged"] and not tile["mark"] for tile in tiles(at))


def test_an_empty_split_is_a_sentence():
    at = start(link={"source": "dataset", "dataset_name": "mnist-small", "split": "validation"})
    assert not at.exception
    (error,) = at.error
    assert error.value.endswith("has no pictures in validation. Choose another split.")
    at.segmented_control(key="augmentation.split").set_value("test")
    looked(at.run())


# The tabs


@pytest.mark.parametrize("tab", [tab for tab in TABS if tab != "consequence"])
@pytest.mark.parametrize("link", [{}, {"source": "dataset", "preset": "heavy", "cutmix": "1"}, {"preset": "none"}])
def test_every_tab_opens(tab, link):
    at = looked(start(link={**link, "tab": tab}))
    assert not at.info or tab == "one" or link.get("preset") == "none"


@pytest.mark.parametrize("name", list(SWEEPS))
def test_every_change_can_be_walked_through(name):
    at = looked(start(link=DIGIT | {"tab": "sweep", "sweep": name}))
    walked = [json.loads(each.proto.json) for each in at.get("bidi_component")][-1]["tiles"]
    assert len(walked) >= 2
    assert len({tile["src"] for tile in walked}) >= 2 or name in ("hue_range", "saturation_range", "grey_probability")


def test_the_four_fill_modes_differ_in_the_gaps_only():
    at = looked(start(link=DIGIT | {"tab": "fill"}))
    walked = [json.loads(each.proto.json) for each in at.get("bidi_component")][-1]["tiles"]
    assert [tile["title"] for tile in walked] == ["nearest · chosen", "reflect", "wrap", "constant"]
    assert len({tile["src"] for tile in walked}) >= 3  # the digit's border is as black as the grey of gaps


def test_the_map_of_the_version_is_written_with_its_numbers():
    at = looked(start(link={"preset": "none", "image": "digit", "width_shift_range": "0.5"}))
    _, drawn = Augmentation(width_shift_range=0.5).sample(digit(), 1, seed=0)
    assert f"1.000 & 0.000 & {drawn[0]['tx']:.1f}" in said(at)


def test_experiments_show_what_they_promise():
    for number, experiment in enumerate(EXPERIMENTS):
        at = looked(start(link={"tab": "try"}))
        assert experiment.name in said(at)
        if number == 2:
            continue  # it wakes a trained network; the browser test presses it
        looked(at.button(key=f"augmentation.try_{number}").click().run())
        assert url(at)["rotation_range"] == "180"


# A network's answers


class Bright:
    """A network that tells whether the left half is brighter than the right one."""

    @staticmethod
    def build():
        net = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="sum"),
                keras.layers.Flatten(),
                keras.layers.Dense(1, "sigmoid", use_bias=False),
            ]
        )
        left = np.where(np.arange(8) < 4, -1.0, 1.0)
        net.layers[-1].set_weights([np.tile(left, 8)[:, None] / 5000])
        return Classifier(net, ("left", "right"), "halves")


def left_bright():
    """A picture that is bright on the left."""
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, :4] = 200
    return picture


def test_mirrored_versions_change_the_mind_of_a_network_that_looks_left(monkeypatch):
    picture = left_bright()
    monkeypatch.setattr(
        augmentation_stage, "_of_picture", lambda _: augmentation_stage.Source([picture], ["half"], (), (), "half")
    )
    cache.drawing.clear()
    at = looked(start(Bright.build(), link={"preset": "flip", "tab": "consequence"}))
    asked = next(json.loads(each.proto.json) for each in at.get("bidi_component") if '"good"' in each.proto.json)[
        "tiles"
    ]
    drawn = Augmentation(horizontal_flip=True).sample(picture, 16, seed=0)[1]
    flipped = [one["flip_horizontal"] for one in drawn]
    assert [tile["tone"] for tile in asked] == ["bad" if flip else "good" for flip in flipped]
    assert [tile["mark"].split()[1] for tile in asked] == ["right" if flip else "left" for flip in flipped]
    assert f"**{16 - sum(flipped)} of 16** versions still are" in said(at)
    assert len(at.image) >= 1 + min(7, sum(flipped))
    cache.drawing.clear()


def test_a_network_without_maps_has_no_grad_cam_and_the_page_says_so():
    at = looked(start(classifier("flat"), link=DIGIT | {"tab": "consequence"}))
    assert "of 16** versions" in said(at)


# Bad input


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rotation_range", "181"),
        ("rotation_range", "-1"),
        ("rotation_range", "nan"),
        ("zoom_range", "1"),
        ("brightness_range", "2,1"),
        ("brightness_range", "1"),
        ("fill_mode", "<img>"),
        ("preset", "../../etc/passwd"),
        ("seed", "1e9"),
        ("horizontal_flip", "yes"),
        ("jpeg_quality", "0"),
        ("sweep", "cval"),
    ],
)
def test_a_link_s_bad_value_is_a_note_and_the_default(opened, name, value):
    at = looked(start(link={name: value}))
    (note,) = at.info
    assert "cannot be used" in note.value
    assert url(at) == {}
    assert tiles(at) == tiles(opened)


@pytest.mark.parametrize("turn", range(6))
def test_nonsense_in_the_session_never_raises(turn):
    values = nonsense(options.CONTROLS, turn)
    tab = [tab for tab in TABS if tab != "consequence"][turn]
    at = start(tab=tab, **values)
    assert not at.exception
    linked_to = url(at)
    again_opened = start(link=linked_to)
    assert not again_opened.exception
    assert url(again_opened) == linked_to


# Files


def seen_for(policy, source=None):
    asked = options.Asked("picture", None, "shapes", "train", policy, 3)
    source = source or augmentation_stage.Source([digit()], ["a digit"], (), (), "digit")
    made, drawn = policy.sample(source.originals[0], 16, 3)
    return augmentation_stage.Seen(asked, source.originals, source.names, (), (), made, drawn, None, 2, source.key, "")


def test_the_downloads_are_what_the_page_shows():
    policy = Augmentation(rotation_range=30, horizontal_flip=True)
    seen = seen_for(policy)
    files = {file.file_name: file.make() for file in explanation(seen).downloads}
    assert Augmentation.from_json(files["policy.json"]) == policy
    np.testing.assert_array_equal(images.read_image(files["version-3.png"]), images.to_rgb(seen.versions[2]))
    np.testing.assert_array_equal(images.read_image(files["picture.png"]), images.to_rgb(digit()))
    sheet = images.read_image(files["versions.png"])
    np.testing.assert_array_equal(sheet[20 : 20 + 16, 40 : 40 + 16], images.to_rgb(seen.versions[6]))


def test_the_zip_replays_to_the_pixel():
    policy = PRESETS["heavy"].policy
    seen = seen_for(policy)
    object.__setattr__(seen.asked, "chosen", type("Chosen", (), {"label": "a/../digit"}))
    packed = augmentation_explanation._zip(seen, options.COUNT.default)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        told = json.loads(archive.read("drawn.json"))
        assert len(told) == options.COUNT.default
        assert all(".." not in one["file"].split("/") and one["file"].count("/") == 1 for one in told)
        for one in told[:5]:
            expected = policy.replay(digit(), one["drawn"])
            np.testing.assert_array_equal(images.read_image(archive.read(one["file"])), images.to_rgb(expected))
        assert Augmentation.from_json(archive.read("policy.json")) == policy


def test_the_zip_is_made_when_it_is_asked_for_and_taken_home_with_a_second_press():
    at = looked(start(link=DIGIT | {"tab": "download", "count": "3"}))
    assert not [button for button in at.get("download_button") if button.proto.label.endswith("zip")]
    looked(at.button(key="augmentation.pack").click().run())
    (button,) = [button for button in at.get("download_button") if button.proto.label.endswith("zip")]
    assert button.proto.label == "3 versions, zip"


def test_a_hosted_copy_packs_fewer(monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    at = looked(start(link=DIGIT | {"tab": "download", "count": "500"}))
    assert at.number_input(key="augmentation.count").value == 100


def test_a_heatmap_is_drawn_on_a_copy():
    picture = np.random.default_rng(0).integers(0, 256, (200, 150, 3), np.uint8)
    picture.setflags(write=False)
    before = picture.copy()
    network = classifier("flat")
    png, words = augmentation_consequence._heat(network, picture, "it", network.predict(picture)[0])
    np.testing.assert_array_equal(picture, before)
    assert not np.array_equal(images.read_image(png), before)
    assert "class" in words


def test_the_same_pictures_with_other_labels_are_another_question():
    at = looked(start(link={"source": "dataset", "preset": "none", "mixup": "1", "split": "train"}))
    other = looked(start(link={"source": "dataset", "preset": "none", "mixup": "1", "split": "test"}))
    assert [tile["src"] for tile in tiles(at)] != [tile["src"] for tile in tiles(other)]


def test_a_network_s_name_from_a_link_does_not_become_that_of_every_page():
    at = looked(start(link={"model": "no such network"}))
    assert at.session_state["_network"] != "no such network" if "_network" in at.session_state else True
