"""The Filters page: what grows and its scores, modes, presets, parts, channels, stopping, tabs, links, downloads."""

import base64
import contextlib
import io
import json
import re
from dataclasses import dataclass

import keras
import numpy as np
import pytest
import streamlit as st
from PIL import Image, ImageSequence
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from explorer import atlas, images, models
from explorer.ascent import (
    DREAMING,
    INVERTING,
    PRESETS,
    ascend,
    diversify,
    dream,
    invert,
    selectivity,
)
from explorer.ascent.climbing import Frame
from explorer.errors import LayerError
from explorer.kernels import KERNELS
from explorer.models import Classifier, describe_layers, save_classifier
from explorer.models.untrained import untrained
from explorer.settings import MAX_ASCENT_PICTURES, ROOT
from explorer.ui import (
    cache,
    filter_channels,
    filter_check,
    filter_growing,
    filter_options,
    filter_stage,
    map_components,
)
from explorer.ui.feature_lab import picture_set
from explorer.ui.shelf import Shelf
from tests.models.networks import NETWORKS
from tests.pages.visiting import PATIENCE, Visits, component, looked, nonsense, said

L = keras.layers
KEYS = {"model", "layer", "channels", "preset", "steps", "size", "mode", "seed", "pattern"}
"""The names that tests and links hang on."""
TABS = tuple(filter_options.TABS.options)
VISITS = Visits("filters", filter_options.TABS)
start, url = VISITS.start, VISITS.url
TINY = {"steps": 3, "size": 12, "channels": "0-3"}
"""What grows in a moment in the networks of the tests."""
FOUR = (0, 1, 2, 3)


def both_signs(name, classes=None):
    """A network whose kernels have negative weights too: with positive ones alone white would please every channel."""
    model = NETWORKS[name]()
    random = np.random.default_rng(3)
    drawn = [random.choice([-1, 1], weight.shape) if weight.ndim > 1 else 1 for weight in model.get_weights()]
    model.set_weights([weight * sign for weight, sign in zip(model.get_weights(), drawn, strict=True)])
    units = model.outputs[0].shape[-1]
    return Classifier(model, classes or tuple(f"class {place}" for place in range(max(2, units))), name)


@pytest.fixture(scope="module")
def flat():
    return both_signs("flat")


@pytest.fixture(scope="module")
def opened():
    """The page as a person finds it, with the bundled network and its trained weights."""
    return looked(start())


@pytest.fixture(scope="module")
def typed(flat):
    """A page to type channels into, one text after the other."""
    return looked(start(flat))


@pytest.fixture(scope="module")
def grown(flat):
    """Four channels of the second convolution, grown with the first preset. Only to be looked at."""
    return looked(press(start(flat, **TINY)))


@pytest.fixture
def bare_shelf(monkeypatch):
    """Nothing has grown yet, for anybody."""
    shelf = Shelf(10**8)
    monkeypatch.setattr(cache, "shelf", lambda: shelf)
    return shelf


@pytest.fixture
def inside_the_app(monkeypatch):
    """``inside_the_app(page, network, **choices)`` opens a page of the app.

    AppTest takes each run for a server's first, and would run the page without the app around it before that.
    """
    made = PagesManager.__init__

    def make(manager, *arguments, **options):
        made(manager, *arguments, **options)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", make)

    def start_app(page, network, **choices):
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
        at.session_state["_own_network"], at.session_state["_network"] = network, "own"
        for name, value in choices.items():
            at.session_state[name.replace("__", ".")] = value
        return looked(at.run().switch_page(f"pages/{page}.py").run())

    return start_app


def press(at, button="grow"):
    return at.button(key=f"filters.{button}").click().run()


def again(at, **choices):
    """The same session with other choices."""
    for name, value in choices.items():
        at.session_state[f"filters.{name}"] = value
    return at.run()


def last(frames):
    *_, end = frames
    return end


def grids(at):
    """What each grid says of its pictures."""
    found = [each.proto for each in at.get("bidi_component") if each.proto.component_name.endswith("channel_grid")]
    return [json.loads(each.json)["labels"] for each in found]


def words(at):
    """What the first grid says of its pictures; nothing where there is no grid."""
    return (grids(at) or [None])[0]


def expected(labels, scores):
    return [f"{label} · {score:.3g}" for label, score in zip(labels, scores, strict=True)]


def lit(labels):
    """Labels without the words of those that stayed dark."""
    return [label.removesuffix(" · did not light") for label in labels]


def cat():
    return images.read_image(images.SAMPLES["chelsea"].read_bytes())


@dataclass
class Climbs:
    """What was asked for, and how many frames of it were taken."""

    asked: list
    frames: int = 0


@pytest.fixture
def climbs(monkeypatch, bare_shelf):
    """Counts the steps that the page lets a climb make."""
    counted, climb = Climbs([]), filter_growing.climb

    def counting(asked):
        counted.asked.append(asked)
        for frame in climb(asked):
            counted.frames += 1
            yield frame

    monkeypatch.setattr(filter_growing, "climb", counting)
    return counted


@pytest.fixture
def pretended(monkeypatch, bare_shelf):
    """Climbs that are only asked for: two grey frames take their place."""
    counted = Climbs([])

    def climb(asked):
        counted.asked.append(asked)
        count = len(filter_growing.labels(asked))
        for step in range(2):
            yield Frame(step, 1, np.full((count, 8, 8, 3), 128, np.float32), np.full(count, step, np.float32), (8, 8))

    monkeypatch.setattr(filter_growing, "climb", climb)
    return counted


@pytest.fixture
def asked_for(monkeypatch):
    """What each run of the page asks for."""
    asked, draw = [], filter_stage.draw
    monkeypatch.setattr(filter_stage, "draw", lambda one, **options: asked.append(one) or draw(one, **options))
    return asked


@pytest.fixture
def stop_after(monkeypatch):
    """``stop_after(n)`` plays a press on *Stop* while the frame of step n is on the page."""

    def arrange(count):
        @contextlib.contextmanager
        def progress(*_):
            made = iter(range(count))

            def report(_):
                if next(made, None) is None:
                    st.rerun()

            yield report

        monkeypatch.setattr(filter_growing, "progress", progress)

    return arrange


@pytest.fixture
def buttons_for_tiles(monkeypatch):
    """A button takes the place of each picture in a grid, so that a test can press it."""

    def grid(*, key, channels, on_pick, **_):
        for channel in channels:
            st.button(str(channel), key=f"{key}_{channel}", on_click=on_pick, args=(channel,))

    monkeypatch.setattr(map_components, "channel_grid", grid)


# What is seen first


def test_the_registry_has_the_keys_that_links_use():
    assert {control.key for control in filter_options.CONTROLS} >= {f"filters.{name}" for name in KEYS}


def test_a_fresh_visit_sees_patterns_of_every_depth_without_a_click(opened):
    assert opened.title[0].value == "What is this filter looking for?"
    assert url(opened) == {}
    assert not opened.info
    shown = grids(opened)
    assert len(shown) == len(atlas.rows()) == 10
    first, classes = atlas.rows()[0], atlas.rows()[-1]
    assert shown[0][0] == f"channel {first.channels[0]} · {first.scores[0]:.3g}"
    assert shown[-1][0] == f"{classes.channels[0]} · {classes.names[0]} · {classes.scores[0]:.3g}"
    assert "to watch it grow" in said(opened)


@pytest.mark.usefixtures("bare_shelf")
def test_before_anything_has_grown_the_page_says_what_grow_would_do(flat):
    at = looked(start(flat, **TINY))
    assert "Press **Grow**: 4 pictures of 12 × 12 pixels in 3 steps" in at.info[0].value
    assert words(at) is None


# What grows


def test_what_has_grown_is_what_the_package_grows(flat, grown):
    end = last(ascend(flat, "relu2", FOUR, size=12, preset="lucid", steps=3))
    assert lit(words(grown)) == expected([f"channel {channel}" for channel in FOUR], end.scores)
    assert "**relu2** · Lucid, with parts changed · 12 × 12 pixels, 3 steps, seed 0" in said(grown)
    first = next(iter(ascend(flat, "relu2", FOUR, size=12, preset="lucid", steps=3)))
    assert f"**channel 0** · mean activation from {first.scores[0]:.3g} to **{end.scores[0]:.3g}**" in said(grown)
    assert url(grown) == {"model": "own", "steps": "3", "size": "12", "channels": "0-3"}


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "lucid"])
def test_every_preset_grows_as_the_package_does(flat, preset):
    at = looked(press(start(flat, preset=preset, **TINY | {"channels": "4, 1"})))
    end = last(ascend(flat, "relu2", [4, 1], size=12, preset=preset, steps=3))
    assert lit(words(at)) == expected(["channel 4", "channel 1"], end.scores)
    assert PRESETS[preset].title in said(at)
    assert PRESETS[preset].url in said(at)
    assert url(at)["preset"] == preset


def test_several_answers_are_of_one_channel_and_kept_apart(flat):
    at = looked(press(start(flat, mode="answers", count=3, diversity=1.5, **TINY | {"channels": "2, 1"})))
    recipe = PRESETS["lucid"].recipe.but(steps=3)
    end = last(diversify(flat, "relu2", 2, count=3, diversity=1.5, size=12, preset=recipe))
    assert lit(words(at)) == expected([f"channel 2, answer {place}" for place in (1, 2, 3)], end.scores)
    assert url(at)["count"] == "3"


def test_a_dream_is_one_picture_grown_from_the_person_s_own(flat):
    at = looked(press(start(flat, mode="dream", size=24, steps=3, octaves=2)))
    frames = list(dream(flat, "relu2", cat(), size=24, recipe=DREAMING.but(steps=3, octaves=2)))
    assert words(at) is None
    text = f"**relu2 dreams** · mean square from {frames[0].scores[0]:.3g} to **{frames[-1].scores[0]:.3g}**"
    assert text in said(at)
    assert "Your picture, as the network reads it" in said(at)
    again(at, dream_channels="1-2")
    assert "Press **Grow**" in at.info[0].value
    some = last(dream(flat, "relu2", cat(), channels=[1, 2], size=24, recipe=DREAMING.but(steps=3, octaves=2)))
    assert f"to **{some.scores[0]:.3g}**" in said(looked(press(at)))


@pytest.mark.slow
def test_a_picture_is_inverted_at_depths_up_to_the_chosen_layer(flat):
    at = looked(press(start(flat, mode="invert", layer="conv2", size=12, steps=3)))
    paths = [label.partition(" · ")[0] for label in words(at)]
    every = [layer.path for layer in describe_layers(flat.model)]
    assert paths[-1] == "conv2"
    assert len(paths) > 1
    assert [every.index(path) for path in paths] == sorted(every.index(path) for path in paths)
    ends = [last(invert(flat, path, cat(), size=12, recipe=INVERTING.but(steps=3))).scores[0] for path in paths]
    assert words(at) == expected(paths, ends)
    assert "likeness of the features" in said(at)


def test_what_a_channel_likes_least(flat):
    at = looked(press(start(flat, least=True, preset="keras", **TINY)))
    frames = list(ascend(flat, "relu2", FOUR, size=12, preset="keras", steps=3, direction=-1))
    assert lit(words(at)) == expected([f"channel {channel}" for channel in FOUR], frames[-1].scores)
    assert (frames[-1].scores < frames[0].scores).all()
    assert not any("did not light" in label for label in words(at))
    assert "mean activation before the ReLU" in said(at)
    assert "x_t - 4.1" in said(at)


def test_the_seed_and_every_part_count(flat, asked_for):
    start(flat, seed=7, jitter=3, rotation=2.0, l2=0.5, clip=True, objective="centre", **TINY)
    asked = asked_for[-1]
    assert asked.seed == 7
    parts = {"jitter": 3, "rotation": 2.0, "l2": 0.5, "clip": True, "objective": "centre", "steps": 3}
    assert asked.recipe == PRESETS["lucid"].recipe.but(**parts)
    assert (asked.size, asked.channels, asked.direction, asked.mode) == ((12, 12), FOUR, 1, "patterns")


@pytest.mark.slow
def test_a_start_from_one_s_own_picture_depends_on_it_and_another_start_does_not(flat, asked_for):
    keys = []
    for part in ({"start": "picture"}, {}):
        for image in ("chelsea", "coffee"):
            start(flat, image=image, **part, **TINY)
            keys.append(asked_for[-1].key)
    assert keys[0] != keys[1]
    assert keys[2] == keys[3]
    looked(press(start(flat, preset="keras", start="picture", **TINY | {"channels": "0"})))


# Dead filters


@pytest.mark.slow
def test_a_filter_that_does_not_light_says_so(flat):
    model = NETWORKS["flat"]()
    kernel, bias = model.get_layer("conv2").get_weights()
    kernel[..., 1], bias[1] = 0, -1
    model.get_layer("conv2").set_weights([kernel, bias])
    dead = Classifier(model, flat.class_names, "with a dead filter")
    at = looked(press(start(dead, preset="keras", **TINY)))
    assert [label.endswith("did not light") for label in words(at)] == [False, True, False, False]
    assert at.info[0].value.startswith("channel 1: the score never rose")
    alone = looked(press(again(at, channels="1")))
    assert "the score never rose" in alone.info[0].value
    alive = looked(press(again(at, channels="2")))
    assert not alive.info


@pytest.mark.slow
def test_the_bundled_network_s_dead_filter_says_so():
    at = looked(press(start(layer="block6a_expand_relu", preset="keras", steps=2, size=32, channels="178, 7")))
    assert [label.endswith("did not light") for label in words(at)] == [True, False]
    assert "channel 178: the score never rose" in at.info[0].value


# What is kept


def test_what_has_grown_stays_through_reruns_tabs_and_other_pages(flat, climbs, inside_the_app):
    at = inside_the_app("filters", flat)
    shown = words(press(again(at, **TINY)))
    assert shown
    assert climbs.frames == 4
    assert words(looked(at.run())) == shown
    assert words(looked(again(at, tab=filter_options.TABS.options["code"]))) == shown
    looked(at.switch_page("pages/home.py").run())
    assert words(looked(at.switch_page("pages/filters.py").run())) == shown
    assert climbs.frames == 4


def test_another_visitor_finds_what_has_grown_without_work_and_grow_grows_it_anew(flat, climbs):
    shown = words(press(start(flat, **TINY)))
    other = looked(start(flat, **TINY))
    assert words(other) == shown
    assert climbs.frames == 4
    assert words(looked(press(other))) == shown
    assert climbs.frames == 8
    assert words(looked(again(other, seed=1))) is None  # another question


def test_stop_keeps_what_has_grown_says_where_and_no_more_steps_are_made(flat, climbs, stop_after):
    stop_after(2)
    at = looked(press(start(flat, **TINY | {"steps": 30})))
    assert climbs.frames == 3  # the start and two steps
    frames = list(ascend(flat, "relu2", FOUR, size=12, preset="lucid", steps=30))
    assert lit(words(at)) == expected([f"channel {channel}" for channel in FOUR], frames[2].scores)
    assert "**Stopped at step 2 of 30.**" in said(at)
    assert words(looked(at.run())) == words(at)
    assert climbs.frames == 3
    looked(again(at, seed=1))
    assert words(at) is None
    assert "Stopped" not in said(at)
    assert "Stopped at step 2 of 30" in said(looked(again(at, seed=0)))  # and back


def test_stopped_at_the_start_the_noise_is_shown(flat, climbs, stop_after):
    stop_after(0)
    at = looked(press(start(flat, **TINY)))
    assert climbs.frames == 1
    assert "Stopped at step 0 of 3" in said(at)
    assert not any("did not light" in label for label in words(at))


def test_one_visitor_s_unfinished_growth_is_never_another_s(flat, climbs, stop_after, monkeypatch):
    progress = filter_growing.progress
    stop_after(1)
    mine = looked(press(start(flat, **TINY)))
    assert "Stopped at step 1 of 3" in said(mine)
    other = looked(start(flat, **TINY))
    assert words(other) is None
    monkeypatch.setattr(filter_growing, "progress", progress)
    looked(press(other))
    assert "Stopped" not in said(other)
    assert words(looked(mine.run())) == words(other)  # finished by the other: now it is here for everyone
    assert "Stopped" not in said(mine)


def test_a_climb_that_fails_half_way_is_a_sentence_and_leaves_what_has_grown(flat, bare_shelf, monkeypatch):
    climb = filter_growing.climb

    def failing(asked):
        for frame in climb(asked):
            if frame.step == 2:
                raise LayerError("The network gave up.")
            yield frame

    monkeypatch.setattr(filter_growing, "climb", failing)
    at = press(start(flat, **TINY))
    assert not at.exception
    assert at.error[0].value == "The network gave up."
    assert "Stopped at step 1 of 3" in said(looked(at.run()))


def test_a_mistake_in_what_is_asked_for_uses_up_the_press_on_grow(flat, climbs):
    at = press(start(flat, **TINY | {"channels": "99"}))
    assert at.error
    looked(again(at, channels="0-3"))
    assert "Press **Grow**" in at.info[0].value
    assert climbs.frames == 0


# Channels


@pytest.mark.parametrize(
    ("written", "channels"),
    [
        ("0-2", (0, 1, 2)),
        ("4, 1, 2-3", (4, 1, 2, 3)),
        (" 3 - 4 ,,1 ", (3, 4, 1)),
        ("2–3", (2, 3)),
        ("1 1, 1-2", (1, 2)),
        ("٣", (3,)),
        ("0-15", (0, 1, 2, 3, 4)),  # the first sixteen, of which there are five
        ("random", (0, 1, 2, 3, 4)),
    ],
)
def test_channels_are_numbers_and_ranges_each_once(typed, asked_for, written, channels):
    looked(again(typed, channels=written))
    assert asked_for[-1].channels == channels


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("", "Name 1 to 64 channels"),
        (" , ", "Name 1 to 64 channels"),
        ("x", "“x” is not a channel"),
        ("1.5", "“1.5” is not a channel"),
        ("-1", "“-1” is not a channel"),
        ("1-2-3", "“1-2-3” is not a channel"),
        ("²", "is not a channel"),
        ("99999999999", "is not a channel"),
        ("5-2", "channels 0 to 4; “5-2” is not among them"),
        ("0-5", "channels 0 to 4; “0-5” is not among them"),
        ("9999999", "channels 0 to 4"),
        ("<script>alert(1)</script>", "is not a channel"),
        ("7," * 199, "channels 0 to 4"),
    ],
)
def test_channels_that_there_are_not_give_a_sentence_and_can_be_mended(typed, written, sentence):
    at = again(typed, channels=written)
    assert not at.exception
    (error,) = at.error
    assert sentence in error.value
    assert "<script" not in error.value.replace("\\<", "")
    assert not at.text_input(key="filters.channels").disabled
    at.text_input(key="filters.channels").set_value("1").run()
    looked(at)


def test_more_channels_than_can_grow_together_give_a_sentence():
    at = start(layer="block2a_expand_relu", channels="0-95")
    assert "Name 1 to 64 channels" in at.error[0].value
    at.text_input(key="filters.channels").set_value(f"0-{MAX_ASCENT_PICTURES - 1}").run()
    looked(at)


@pytest.mark.slow
def test_random_channels_are_sixteen_by_the_seed_and_the_most_active_those_that_vary_most(asked_for):
    at = start(layer="block2a_expand_relu", channels="random", seed=5)
    at = again(at, seed=6)
    at = again(at, seed=5)
    one, other, back = (asked.channels for asked in asked_for)
    assert one == back != other
    assert len(set(one)) == len(one) == 16
    assert list(one) == sorted(one)
    assert max(one) < 96
    looked(press(at, "active"))
    network = cache.network("EfficientNetLite0")
    outputs = models.tap(network.model, ["block2a_expand_relu"])(network.fit(cat())[0])["block2a_expand_relu"]
    strongest = np.asarray(outputs)[0].std(axis=(0, 1)).argsort()[::-1][:16]
    assert asked_for[-1].channels == tuple(strongest.tolist())
    press(at, "random")
    assert asked_for[-1].channels == one
    press(at, "first")
    assert asked_for[-1].channels == tuple(range(16))
    assert "channels" not in url(at)


def test_most_active_of_a_layer_without_maps_are_the_largest_numbers(flat, asked_for):
    start(flat, layer="classes", channels="active", size=12)
    probabilities = flat.predict(cat())[0]
    assert asked_for[-1].channels == tuple(np.argsort(-probabilities, kind="stable").tolist())


# Layers, sizes, networks of every build


def test_a_layer_that_does_not_exist_gives_a_note_and_the_default(flat):
    at = looked(start(flat, link={"layer": "conv7"}))
    assert "There is no layer 'conv7'" in at.info[0].value
    assert at.selectbox(key="filters.layer").value == "relu2"


def test_a_size_that_is_not_allowed_gives_a_note(flat):
    for size in ("0", "1025", "12.5", "x"):
        at = looked(start(flat, link={"size": size}))
        assert "whole number from 1 to 1024" in at.info[0].value
        assert "size" not in url(at)


def test_a_size_that_the_network_cannot_read_gives_a_sentence(flat):
    at = press(start(flat, size=1, steps=1, channels="0"))
    assert not at.exception
    assert "1 × 1" in at.error[0].value or "(1, 1" in at.error[0].value
    rigid = both_signs("without_input")
    at = press(start(rigid, layer="logits", size=20, steps=1, channels="0"))
    assert not at.exception
    assert at.error
    at.number_input(key="filters.size").set_value(None).run()  # its own size
    looked(press(at))
    assert "8 × 8 pixels" in said(at)


def test_of_the_last_layer_the_units_are_classes_and_the_finder_adds_them(flat, asked_for):
    at = looked(start(flat, layer="classes", **TINY | {"channels": "0-15"}))
    at.selectbox(key="filters.class").select(2).run()
    assert at.text_input(key="filters.channels").value == "2"
    at.selectbox(key="filters.class").select(0).run()
    assert at.text_input(key="filters.channels").value == "2, 0"
    assert at.selectbox(key="filters.class").value is None
    assert asked_for[-1].channels == (2, 0)
    looked(press(at))
    end = last(ascend(flat, "classes", [2, 0], size=12, preset="lucid", steps=3))
    assert lit(words(at)) == expected(["2 · class 2", "0 · class 0"], end.scores)
    assert "· logit from" in said(at)
    assert "before the softmax" in said(at)


def test_units_before_the_softmax_are_classes_and_others_of_the_same_number_are_not(opened):
    network = cache.network("EfficientNetLite0")
    layers = describe_layers(network.model)
    named = [layer.path for layer in layers if filter_channels.is_class_layer(network, layers, layer)]
    assert named == ["logits", "softmax"]
    two = keras.Sequential(
        [keras.Input((4, 4, 1)), L.Flatten(), L.Dense(3, name="hidden"), L.Dense(3, activation="softmax", name="out")]
    )
    deep = Classifier(two, ("a", "b", "c"), "two dense layers")
    layers = describe_layers(two)
    assert [layer.path for layer in layers if filter_channels.is_class_layer(deep, layers, layer)] == ["out"]


def test_one_sigmoid_unit_looks_for_the_second_class_and_least_for_the_first():
    network = both_signs("transfer", ("cat", "dog"))
    at = looked(press(start(network, layer="dog", preset="keras", size=16, steps=3)))
    assert "**0 · dog**" in said(at)
    assert "**0 · cat**" in said(looked(press(again(at, least=True))))
    lines = re.findall(r"from (-?[\d.e-]+) to \*\*(-?[\d.e-]+)", said(at))
    assert float(lines[0][1]) < float(lines[0][0])


@pytest.mark.slow
def test_a_grey_network_grows_grey_pictures_in_every_mode(sent):
    network = both_signs("grey")
    for mode in ("patterns", "dream", "invert"):
        at = looked(press(start(network, mode=mode, image="digit", layer="conv", steps=2, tab="check")))
        picture = images.read_image(sent.download("patterns.png"))
        assert picture.std() > 1
        np.testing.assert_array_equal(picture[..., 0], picture[..., 2])
        assert "**conv** · " in said(at)


def test_a_network_without_convolutions_grows_too_and_has_no_kernels():
    network = both_signs("mlp")
    at = looked(press(start(network, image="digit", layer="hidden", steps=3, tab="weights")))
    end = last(ascend(network, "hidden", range(6), preset="lucid", steps=3))
    assert lit(words(at)) == expected([f"channel {channel}" for channel in range(6)], end.scores)
    assert any("no kernels that slide" in note.value for note in at.info)
    looked(again(at, tab=filter_options.TABS.options["check"]))


@pytest.mark.parametrize("name", ["two_levels", "branches", "shared"])
def test_networks_inside_networks_branches_and_shared_layers_grow(name):
    network = both_signs(name)
    at = looked(press(start(network, **TINY | {"size": 16 if name == "two_levels" else None, "channels": "0"})))
    assert re.search(r"\*\*channel 0\*\* · mean activation from", said(at))


def test_a_picture_that_is_not_square_stays_so(sent):
    model = keras.Sequential([keras.Input((10, 16, 3)), L.Conv2D(2, 3, name="conv"), L.Flatten(), L.Dense(2)])
    network = Classifier(model, ("a", "b"), "wide")
    at = looked(press(start(network, layer="conv", preset="keras", steps=2)))
    assert "10 × 16 pixels" in said(at)
    end = last(ascend(network, "conv", [0, 1], preset="keras", steps=2))
    picture = images.read_image(sent.download("patterns.png"))  # one above the other, each in the middle of a square
    assert picture.shape == (2 * 16 + filter_growing.GAP, 16, 3)
    np.testing.assert_array_equal(picture[3:13], end.images[0])
    np.testing.assert_array_equal(picture[-13:-3], end.images[1])


@pytest.mark.slow
def test_an_uploaded_network_grows(flat, pretended):
    network = Classifier(NETWORKS["two_levels"](), ("ant", "bee", "fly"), "insects")
    at = start(flat)
    file = ("insects.keras", save_classifier(network), "application/octet-stream")
    looked(at.file_uploader(key="filters.network_file").set_value(file).run())
    looked(again(at, layer="logits"))
    press(at)
    assert [label.partition(" · ")[2][:3] for label in words(at)] == ["ant", "bee", "fly"]
    assert pretended.asked[-1].classifier.name == "insects"


def test_a_public_copy_refuses_too_much_work_in_a_sentence(flat, climbs, monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    at = press(start(flat, size=1024, steps=2000, channels="0-3"))
    assert not at.exception
    assert "209.7 times what this copy allows at once. Take fewer channels" in at.error[0].value
    assert climbs.frames == 0
    looked(press(again(at, **TINY)))
    assert climbs.frames == 4


def test_names_of_classes_and_layers_are_shown_as_they_are_and_never_as_markup(sent):
    names = ("<script>alert(1)</script>", "**bold** [x](http://y)", "$\\alpha$ :smile:")
    network = both_signs("flat", names)
    at = looked(press(start(network, layer="classes", preset="keras", **TINY | {"channels": "0-2"})))
    for tab in ("check", "compare"):
        looked(again(at, pattern=tab == "check", tab=filter_options.TABS.options[tab]))
        assert "<script>" not in said(at).replace("\\<", "")
    assert "\\<script\\>" in said(at)
    assert "\\*\\*bold\\*\\*" in said(again(at, pattern=1))


# Parts


def test_another_preset_brings_its_own_parts(flat, asked_for):
    at = looked(start(flat))
    assert asked_for[-1].recipe == PRESETS["lucid"].recipe
    at.number_input(key="filters.steps").set_value(3).run()
    assert url(at) == {"model": "own", "steps": "3"}
    for preset in ("chollet", "smooth", "keras"):
        at.selectbox(key="filters.preset").select(preset).run()
        assert asked_for[-1].recipe == PRESETS[preset].recipe
        assert url(looked(at)) == {"model": "own", "preset": preset}
    at.slider(key="filters.noise").set_value(30.0).run()
    at.toggle(key="filters.clip").set_value(True).run()
    assert asked_for[-1].recipe == PRESETS["keras"].recipe.but(noise=30.0, clip=True)
    assert url(at) == {"model": "own", "preset": "keras", "noise": "30", "clip": "1"}
    press(at, "fresh")
    assert asked_for[-1].recipe == PRESETS["keras"].recipe
    assert url(at) == {"model": "own", "preset": "keras"}


def test_another_mode_brings_its_own_parts(flat, asked_for):
    at = looked(start(flat))
    for mode, recipe in (("dream", DREAMING), ("invert", INVERTING), ("patterns", PRESETS["lucid"].recipe)):
        at.segmented_control(key="filters.mode").set_value(mode).run()
        assert asked_for[-1].recipe == recipe
        assert url(looked(at)) == {"model": "own"} | ({} if mode == "patterns" else {"mode": mode})


def test_a_link_with_preset_and_parts_opens_what_it_names(flat, asked_for):
    link = {"model": "own", "preset": "chollet", "noise": "30", "jitter": "2", "layer": "conv1", "channels": "2, 0"}
    link |= {"size": "24", "seed": "9", "least": "1", "steps": "5", "tab": "weights", "pattern": "1"}
    at = looked(start(flat, link=link))
    assert url(at) == link
    asked = asked_for[-1]
    assert asked.recipe == PRESETS["chollet"].recipe.but(noise=30.0, jitter=2, steps=5)
    assert (asked.layer.path, asked.channels, asked.size, asked.seed) == ("conv1", (2, 0), (24, 24), 9)
    assert asked.direction == -1


@pytest.mark.parametrize(
    ("link", "recipe"),
    [
        ({"mode": "dream", "octaves": "2", "image": "coffee"}, DREAMING.but(octaves=2)),
        ({"mode": "invert", "steps": "9"}, INVERTING.but(steps=9)),
        ({"mode": "answers", "count": "5", "diversity": "0.3"}, PRESETS["lucid"].recipe),
    ],
)
def test_a_link_to_another_mode_opens_it(flat, asked_for, link, recipe):
    at = looked(start(flat, link=link))
    assert url(at) == {"model": "own"} | link
    assert asked_for[-1].recipe == recipe
    assert asked_for[-1].mode == link["mode"]


def test_a_hostile_link_gives_defaults_and_notes(flat):
    controls = [control.key.removeprefix("filters.") for control in filter_options.CONTROLS]
    at = looked(start(flat, link=dict.fromkeys(controls, "<img src=x onerror=alert(1)>") | {"nothing": "1"}))
    notes = [note.value for note in at.info if "link" in note.value.lower() or "layer" in note.value]
    assert len(notes) == len(controls) + 1
    assert not any("<img" in note.replace("\\<", "") for note in notes)
    assert url(at) == {}


@pytest.mark.parametrize("turn", range(6))
def test_nonsense_in_the_session_never_raises(flat, pretended, turn):
    values = nonsense(filter_options.CONTROLS, turn)
    at = start(flat, **{"tab": ("check", "weights", "compare", "atlas")[turn % 4]} | values)
    assert not at.exception
    press(at)
    assert not at.exception
    assert all("is not a channel" in error.value for error in at.error)
    assert pretended.asked or at.error


# Checking, weights, before training


def test_the_check_sets_each_pattern_beside_the_photos(flat, grown):
    at = looked(press(start(flat, tab="check", **TINY)))
    names, pictures = picture_set("samples")
    end = last(ascend(flat, "relu2", FOUR, size=12, preset="lucid", steps=3))
    every = selectivity(flat, "relu2", FOUR, end.images, list(zip(names, pictures, strict=True)))
    ahead = sum(one.reached > max(one.by_photo.values()) * (1 + 1e-5) for one in every)
    assert f"**{ahead} of 4** patterns outdo every bundled photo" in said(at)
    assert f"**the pattern** · {every[0].reached:.3g}" in said(at)
    assert f"{max(every[2].by_photo.values()):.3g}" in said(looked(again(at, pattern=2)))
    assert f"**the pattern** · {every[2].reached:.3g}" in said(at)
    answers = looked(press(again(at, mode="answers", count=2)))
    assert "of 2** patterns" in said(answers)
    assert "needs a channel with a pattern of its own" in again(at, mode="dream").info[-1].value


def test_checks_ask_for_something_grown_first(flat, bare_shelf):
    for tab in ("check", "compare"):
        assert "Press **Grow** above first" in looked(start(flat, tab=tab, **TINY)).info[-1].value


def test_the_weights_stand_beside_hand_made_kernels_and_a_hand_made_one_has_its_picture(flat):
    at = looked(start(flat, layer="conv1", tab="weights", **TINY))
    assert "4 kernels of 3 × 3 × 3 weights" in said(at)
    assert said(at).count("**filter ") == 4
    assert "What it looks for: a picture" in said(at)
    looked(again(at, layer="pool1"))
    assert "conv1" in looked(again(at, layer="conv1", channels="2")).selectbox(key="filters.layer").value
    assert said(at).count("**filter ") == 1


def test_what_grows_for_a_hand_made_kernel_is_what_it_answers_to():
    kernel = KERNELS["sobel-x"]
    grown = filter_check.of_hand_made(kernel)[..., 0].astype(float)
    assert np.ptp(grown) > 100
    inner = grown[20:-20, 20:-20]
    up_and_down, across = np.abs(np.diff(inner, axis=0)).mean(), np.abs(np.diff(inner, axis=1)).mean()
    assert across > up_and_down  # it looks for upright edges


def test_beside_the_untrained_network_the_same_filters_grow(flat):
    at = looked(press(start(flat, tab="compare", **TINY)))
    drawn = len(at.image)
    looked(press(at, "grow_both"))
    assert len(at.image) == drawn + 2
    trained = list(ascend(flat, "relu2", FOUR, size=12, preset="lucid", steps=3))
    fresh = list(ascend(untrained(flat), "relu2", FOUR, size=12, preset="lucid", steps=3))
    for name, frames_of in (("flat", trained), ("flat, untrained", fresh)):
        first, end = frames_of[0].scores.mean(), frames_of[-1].scores.mean()
        assert f"**{name}** · mean score from {first:.3g} to **{end:.3g}**" in said(at)
    assert "flat, untrained" in said(looked(at.run()))


def test_beside_a_network_of_another_build_there_is_a_sentence(flat):
    at = press(start(flat, tab="compare", against="EfficientNetLite0", **TINY), "grow")
    assert not at.exception
    assert "EfficientNet" in at.error[0].value
    assert "built otherwise" in at.error[0].value
    looked(again(at, tab=filter_options.TABS.options["weights"]))


def test_the_atlas_has_a_tab_for_when_something_else_stands_above(flat, opened, pretended):
    assert "is of the bundled" in looked(start(flat, tab="atlas", **TINY)).info[-1].value
    at = looked(start(tab="atlas", **TINY))
    assert "It is above" in at.info[0].value
    looked(press(at))
    assert len(grids(at)) == 1 + len(atlas.rows())


@pytest.mark.usefixtures("buttons_for_tiles")
def test_a_click_in_the_atlas_grows_that_channel(pretended):
    row = atlas.rows()[5]
    at = start(least=True, preset="keras", mode="patterns", pattern=3, size=40)
    looked(at.button(key=f"filters.atlas_5_{row.channels[5]}").click().run())
    (asked,) = pretended.asked
    assert (asked.layer.path, asked.channels) == (row.layer, (row.channels[5],))
    assert (asked.recipe, asked.direction) == (PRESETS[atlas.atlas().preset].recipe, 1)
    assert asked.size == (atlas.atlas().grown, atlas.atlas().grown)
    assert url(at) == {"layer": row.layer, "channels": str(row.channels[5])}
    assert f"**channel {row.channels[5]}**" in said(at)


@pytest.mark.usefixtures("buttons_for_tiles")
def test_a_click_in_the_grid_looks_at_that_picture(flat, pretended):
    at = looked(press(start(flat, **TINY)))
    assert "**channel 0**" in said(at)
    looked(at.button(key="filters.grid_2").click().run())
    assert "**channel 2**" in said(at)
    assert url(at)["pattern"] == "2"
    assert "**channel 1**" in said(looked(press(again(at, channels="0-1"))))  # the last one that there is


# To and from other pages


def test_its_feature_maps_and_grad_cam_open_the_same_layer_and_channel(flat, pretended, inside_the_app):
    at = looked(press(again(inside_the_app("filters", flat), layer="conv1", pattern=2, **TINY)))
    looked(press(at, "to_maps"))
    assert at.selectbox(key="feature_maps.layer").value == "conv1"
    assert component(at, "channel_grid")["selected"] == 2
    looked(at.switch_page("pages/filters.py").run())
    assert words(at)
    looked(press(at, "to_grad_cam"))
    assert at.selectbox(key="grad_cam.layer").value == "conv1"
    assert at.selectbox(key="grad_cam.method").value == "grad-cam"


def test_without_space_there_is_no_way_to_grad_cam_and_by_itself_the_page_has_none(flat, pretended, inside_the_app):
    at = looked(press(again(inside_the_app("filters", flat), layer="classes", **TINY | {"channels": "0"})))
    keys = {button.key for button in at.button}
    assert "filters.to_maps" in keys
    assert "filters.to_grad_cam" not in keys
    alone = looked(press(start(flat, **TINY)))
    assert not {"filters.to_maps", "filters.to_grad_cam"} & {button.key for button in alone.button}


def test_a_feature_map_leads_here_and_what_it_looks_for_grows(flat, pretended, inside_the_app):
    at = inside_the_app("feature_maps", flat, filters__least=True, feature_maps__layer="conv1")
    at.session_state["feature_maps.channel"] = 3
    looked(at.run())
    looked(at.button(key="feature_maps.to_filters").click().run())
    (asked,) = pretended.asked
    assert (asked.layer.path, asked.channels, asked.direction) == ("conv1", (3,), 1)
    assert "**channel 3**" in said(at)


@pytest.mark.parametrize(
    ("number", "link"),
    [
        (0, {"layer": "block2a_expand_relu", "channels": ", ".join(map(str, range(16)))}),
        (1, {"layer": "softmax", "channels": "1, 88, 130, 340, 417, 487, 779, 963, 985"}),
        (2, {"layer": "block6a_expand_relu", "mode": "dream"}),
    ],
)
def test_each_experiment_sets_up_what_it_speaks_of_and_grows_it(pretended, number, link):
    at = looked(start(preset="keras", noise=3.0, seed=4))
    looked(press(at, f"try_{number}"))
    assert url(at) == link
    assert len(pretended.asked) == 1
    if number == 1:
        assert words(at)[0].startswith("1 · goldfish")


# Taking it away


def animated(gif):
    """The pictures of an animation, as RGB."""
    with Image.open(io.BytesIO(gif)) as opened:
        return [np.asarray(picture.convert("RGB")) for picture in ImageSequence.Iterator(opened)]


def test_downloads_are_what_has_grown(flat, sent):
    at = looked(press(start(flat, preset="keras", **TINY | {"size": 80})))
    end = last(ascend(flat, "relu2", FOUR, size=80, preset="keras", steps=3))
    picture = images.read_image(sent.download("patterns.png"))
    step = 80 + filter_growing.GAP
    assert picture.shape == (step + 80, step + 80, 3)
    for place, (top, left) in enumerate(((0, 0), (0, step), (step, 0), (step, step))):
        np.testing.assert_array_equal(picture[top : top + 80, left : left + 80], end.images[place])
    shown = animated(sent.download("growth.gif"))
    assert len(shown) == 4
    steps = list(ascend(flat, "relu2", FOUR, size=80, preset="keras", steps=3))
    for place, picture in enumerate(shown):
        assert nearest(picture[:160, :160], [doubled(frame) for frame in steps]) == place
    assert "relu2" in at.code[0].value


def test_the_animation_ends_with_what_has_grown_also_where_not_every_step_is_kept(flat, sent):
    looked(press(start(flat, preset="keras", **TINY | {"size": 80, "steps": 49, "channels": "0"})))
    steps = list(ascend(flat, "relu2", 0, size=80, preset="keras", steps=49))
    shown = animated(sent.download("growth.gif"))
    assert [nearest(picture, [doubled(frame) for frame in steps]) for picture in shown] == [*range(0, 50, 2), 49]


def doubled(frame):
    """The first picture of a frame, 80 × 80, as the animation shows it."""
    return frame.images[0].repeat(2, axis=0).repeat(2, axis=1)


def nearest(picture, others):
    """The place of the picture that is most like this one."""
    return int(np.argmin([np.abs(picture.astype(int) - other).mean() for other in others]))


def test_pictures_on_the_page_are_those_that_were_grown(flat, grown):
    grid = component(grown, "channel_grid")
    sheet = images.read_image(base64.b64decode(grid["mosaic"].partition(",")[2]))
    end = last(ascend(flat, "relu2", FOUR, size=12, preset="lucid", steps=3))
    times, step = grid["side"] // 12, grid["side"] + filter_growing.GAP
    for place, (top, left) in enumerate(((0, 0), (0, step), (step, 0), (step, step))):
        shown = sheet[top : top + grid["side"] : times, left : left + grid["side"] : times]
        np.testing.assert_array_equal(shown, end.images[place])


def test_a_growth_is_named_by_all_that_it_depends_on(flat, asked_for):
    at = start(flat, **TINY)
    for choice in ({"seed": 3}, {"size": 13}, {"channels": "0"}, {"noise": 3.0}, {"l2": 1.0}, {"least": True}):
        again(at, **choice)
    again(at, mode="answers")
    again(at, diversity=1.0)
    again(at, layer="conv1")
    keys = [asked.key for asked in asked_for]
    assert len(set(keys)) == len(keys) == 10
