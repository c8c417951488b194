"""The Feature maps page: networks of every build, layers, channels, links, own networks and what is computed when."""

import base64
import io
import json

import keras
import numpy as np
import pytest

from explorer import activations, images, overview
from explorer.models import Classifier, save_classifier
from explorer.overview import Shown
from explorer.ui import feature_options, glance_columns
from explorer.ui.glance_columns import Look
from tests.models.networks import NETWORKS, classifier, seeded
from tests.pages.visiting import Visits, component, looked, nonsense, said

L = keras.layers
KEYS = {"model", "image", "layer", "channel", "scale", "sort", "page", "compare"}
GLANCE_KEYS = {"shown", "count", "range", "opened", "pinned", "unfolded"}
"""The names that tests and links hang on."""
TABS = tuple(feature_options.TABS.options)
VISITS = Visits("feature_maps", feature_options.TABS)
start, url = VISITS.start, VISITS.url


def heading(at):
    return at.subheader[0].value.replace("\\", "")


def columns(at):
    """The columns of the whole network at a glance: the picture first, the classes last."""
    return component(at, "glance")["columns"]


def classes(at):
    """The likeliest classes: name → probability."""
    last = columns(at)[-1]
    return dict(zip(last["labels"], last["values"], strict=True))


def numbers(array):
    """A list or array of a chart, as Plotly writes it."""
    if isinstance(array, list):
        return array
    return np.frombuffer(base64.b64decode(array["bdata"]), np.dtype(array["dtype"])).tolist()


def charts(at):
    """The page's charts by their key."""
    found = {}
    for each in at.get("plotly_chart"):
        found[each.proto.id.rpartition(".")[2]] = json.loads(each.proto.spec)["data"]
    return found


@pytest.fixture(scope="module")
def flat():
    return classifier("flat")


@pytest.fixture(scope="module")
def opened():
    """The page as a person finds it, with the bundled network and its trained weights."""
    return looked(start())


# What is seen first


def test_the_registry_has_the_keys_that_links_use():
    assert {control.key for control in feature_options.CONTROLS} >= {
        f"feature_maps.{name}" for name in KEYS | GLANCE_KEYS
    }


def test_a_fresh_visit_sees_a_cat_from_pixels_to_classes(opened):
    assert opened.title[0].value == "Feature maps"
    assert heading(opened) == "stem_relu · ReLU · 112 × 112 × 32"
    assert url(opened) == {}
    assert not opened.info
    found = columns(opened)
    assert [column["shape"] for column in found] == [
        "224 × 224 × 3", "112 × 112 × 32", "112 × 112 × 16", "56 × 56 × 24", "28 × 28 × 40", "14 × 14 × 80",
        "14 × 14 × 112", "7 × 7 × 192", "7 × 7 × 320", "7 × 7 × 1280", "1,000",
    ]  # fmt: skip
    assert all(len(column["channels"]) == 10 for column in found[1:-1])
    assert found[0]["labels"] == ["red", "green", "blue"]
    assert [column["note"] for column in found[3:5]] == ["block 2 of 7: 17 layers", "block 3 of 7: 17 layers"]
    shares = list(classes(opened).values())
    assert next(iter(classes(opened))) == "Egyptian cat"
    assert shares[0] == pytest.approx(0.385, abs=0.05)
    assert shares == sorted(shares, reverse=True)
    assert component(opened, "glance")["selected"] == {
        "path": "stem_relu",
        "channel": component(opened, "grid")["selected"],
    }
    assert component(opened, "glance")["unit"] is None
    assert "Egyptian cat" in component(opened, "glance")["alt"]
    assert len(component(opened, "grid")["channels"]) == 32
    assert "Cropped to the 300 × 300 pixels" in said(opened)
    assert "Resized from 300 × 300 to 224 × 224 pixels" in said(opened)


def test_what_it_means_has_this_layers_numbers(opened):
    assert r"$ 112 \times 112 \times 32 = 401,408 $" in said(opened)
    assert "One unit sees 3 × 3 pixels" in said(opened)


# The whole network at a glance


def test_a_channel_is_unfolded_into_the_sums_that_keras_computes(flat):
    at = looked(start(flat, link={"model": "own", "layer": "relu2", "channel": "3", "unfolded": "1"}))
    unit = component(at, "glance")["unit"]
    pixels, _ = flat.fit(images.read_image(images.SAMPLES["chelsea"].read_bytes()))
    maps = {
        path: np.asarray(keras.Model(flat.model.inputs[0], flat.model.get_layer(path).output)(np.rint(pixels)))[0]
        for path in ("pool1", "conv2", "relu2")
    }
    kernel = np.asarray(flat.model.get_layer("conv2").kernel)[..., 3]
    assert (unit["path"], unit["channel"], unit["gathers"], unit["form"]) == ("relu2", 3, "conv2", "convolution")
    assert {source["path"] for source in unit["sources"]} == {"pool1"}
    for source in unit["sources"]:
        sent = floats(source["values"]).reshape(source["height"], source["width"])
        np.testing.assert_allclose(sent, maps["pool1"][..., source["channel"]], rtol=1e-5)
        np.testing.assert_array_equal(floats(source["weights"]), kernel[..., source["channel"]].ravel())
    np.testing.assert_allclose(floats(unit["total"]), maps["conv2"][..., 3].ravel(), rtol=1e-4)
    np.testing.assert_allclose(floats(unit["result"]), maps["relu2"][..., 3].ravel(), rtol=1e-4)
    assert unit["softmax"] is None


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


@pytest.mark.parametrize("name", ["flat", "transfer"])
def test_a_class_is_unfolded_into_its_logit(name):
    network = classifier(name)
    path = "classes" if name == "flat" else "dog"
    for index in range(2):
        link = {"model": "own", "layer": path, "channel": str(index), "unfolded": "1"}
        unit = component(looked(start(network, link=link)), "glance")["unit"]
        assert unit["channel"] == index
        pixels, _ = network.fit(images.read_image(images.SAMPLES["chelsea"].read_bytes()))
        logit = network.logits(np.rint(pixels))[0][unit["channel"]]
        assert floats(unit["total"]).item() == pytest.approx(logit, rel=1e-4, abs=1e-5)
        products = sum(float(floats(s["values"])[0] * floats(s["weights"])[0]) for s in unit["sources"])
        assert products + floats(unit["rest"]).item() + unit["bias"] == pytest.approx(logit, rel=1e-4, abs=1e-5)
        shares = {name: share for name, _, share, _ in unit["softmax"]["classes"]}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        here = [share for _, _, share, this in unit["softmax"]["classes"] if this]
        assert floats(unit["result"]).item() == pytest.approx(here[0], abs=1e-5)


def test_stages_unfold_and_what_is_pinned_is_shown(opened):
    at = looked(start(link={"opened": "2,2.1", "pinned": "stem_relu:31,block2b_add:5", "count": "6"}))
    found = {column["path"]: column for column in columns(at)}
    assert [path for path in found if path.startswith("block2")] == [
        "block2a_project_bn", "block2b_expand_relu", "block2b_depthwise_relu", "block2b_project_bn", "block2b_add",
    ]  # fmt: skip
    assert found["block2b_add"]["inside"] == ["2", "2.1"]
    assert len(found["block2b_add"]["parents"]) == 2
    assert 31 in found["stem_relu"]["channels"]
    assert 5 in found["block2b_add"]["channels"]
    assert len(found["stem_relu"]["channels"]) == 6
    assert "block2b_expand_relu" not in {column["path"] for column in columns(opened)}


def test_a_stage_within_another_opens_it_too_and_one_that_there_is_not_is_said():
    at = looked(start(link={"opened": "2.1,9.9.9"}))
    assert url(at)["opened"] == "2,2.1"
    assert "block2b_expand_relu" in {column["path"] for column in columns(at)}
    assert [note.value for note in at.info] == ["This network has no stage 9.9.9 that could be opened."]
    assert not looked(at.run()).info
    assert url(at)["opened"] == "2,2.1"


def test_a_layer_without_a_column_says_where_it_is(opened):
    at = looked(start(link={"layer": "block3b_expand_conv", "unfolded": "1"}))
    glance = component(at, "glance")
    assert (glance["selected"], glance["unit"]) == (None, None)
    assert glance["missing"] == "block3b_expand_conv is inside block3: open it with its +."
    assert component(opened, "glance")["missing"] == ""


def test_what_is_not_a_number_has_a_colour_of_its_own():
    values = np.ones((4, 4, 2), np.float32)
    look = Look(dark=False, scale="own", class_names=(), colours=())
    for broken, share in ((0, "0 to 1"), (4, "25%"), (16, "100%")):
        values.reshape(16, 2)[:, 1] = np.where(np.arange(16) < broken, np.nan, np.arange(16) % 2)
        found = glance_columns._maps(Shown(None, values, np.arange(2)), look, None)
        pixels = images.read_image(base64.b64decode(found["tiles"].partition(",")[2]))
        strange = (pixels == glance_columns.STRANGE).all(axis=-1)
        assert (strange[:4].sum(), strange[4:].sum()) == (0, broken)
        assert found["details"][1].startswith(share)


def test_rows_of_numbers_are_small_pictures_of_bars_however_many_there_are():
    rows = np.zeros((60_000, 1, 2), np.float32)
    rows[30_000:, 0, 1] = 1
    small = glance_columns._small(rows)
    assert small.shape == (2, glance_columns.TILE, glance_columns.TILE)
    assert (small[0] == 0).all()
    np.testing.assert_allclose(small[1, : glance_columns.TILE // 2], 0, atol=1e-4)
    np.testing.assert_allclose(small[1, glance_columns.TILE // 2 :], 1, atol=1e-4)


def test_channels_that_speak_for_the_class_are_chosen_by_value_times_gradient(flat):
    at = looked(start(flat, link={"model": "own", "shown": "class", "count": "4"}))
    pixels, _ = flat.fit(images.read_image(images.SAMPLES["chelsea"].read_bytes()))
    plan = overview.plan(flat.model)
    best = int(flat.predict(np.rint(pixels))[0].argmax())
    found = overview.class_importance(flat, plan, np.rint(pixels)[0], best)
    for column in columns(at)[1:-1]:
        assert column["channels"] == np.argsort(-found[column["path"]], kind="stable")[:4].tolist()


def test_a_pin_says_nothing_that_markdown_acts_on(flat):
    pin = "[Click here](//evil.example/x):3"
    at = looked(start(flat, link={"model": "own", "pinned": pin}))
    assert url(at)["pinned"] == pin
    assert "](" not in said(at).replace("\\]", "")
    at.button(key="feature_maps.unpin").click().run()
    assert "pinned" not in url(looked(at))


def test_two_classes_of_one_unit_are_explained_as_a_sigmoid():
    link = {"model": "own", "layer": "dog", "channel": "1", "unfolded": "1"}
    unit = component(looked(start(classifier("transfer"), link=link)), "glance")["unit"]
    assert unit["softmax"]["kind"] == "sigmoid"
    for _, score, share, _ in unit["softmax"]["classes"]:
        assert share == pytest.approx(1 / (1 + np.exp(-score)), abs=1e-5)
    assert not unit["softmax"]["turned"]
    other = component(looked(start(classifier("transfer"), link={**link, "channel": "0"})), "glance")["unit"]
    assert other["softmax"]["turned"]


def test_rows_of_numbers_are_shown_too():
    layers = [keras.Input((8, 8, 3)), L.Reshape((16, 12), name="rows"), L.Conv1D(4, 3, name="along")]
    model = keras.Sequential([*layers, L.GlobalAveragePooling1D(), L.Dense(2)])
    for path in ("along", "rows"):
        looked(start(Classifier(model, ("a", "b"), "rows"), link={"model": "own", "layer": path}))


def test_one_scale_for_all_columns(flat):
    ranges = [column["range"] for column in columns(looked(start(flat, link={"model": "own", "range": "common"})))]
    maps = [each for each in ranges[1:-2] if each]
    assert len({tuple(each) for each in maps}) == 1
    own = [column["range"] for column in columns(looked(start(flat)))]
    assert len({tuple(each) for each in own[1:-2] if each}) > 1


def test_a_selected_channel_is_always_among_those_shown(opened):
    hidden = next(channel for channel in range(32) if channel not in columns(opened)[1]["channels"])
    at = looked(start(link={"channel": str(hidden)}))
    assert columns(at)[1]["channels"] == [*columns(opened)[1]["channels"][:-1], hidden]
    assert component(at, "glance")["selected"] == {"path": "stem_relu", "channel": hidden}


def test_another_network_begins_folded():
    at = looked(start(classifier("branches"), link={"model": "own", "opened": "0", "pinned": "left:1"}))
    assert "left" in {column["path"] for column in columns(at)}
    at.session_state["_own_network"] = classifier("flat")
    assert "opened" not in url(looked(at.run()))


# Networks of every build


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"mlp"}))
def test_every_build_of_network_goes_through_every_tab(name):
    network = classifier(name)
    for tab in TABS if name == "two_levels" else ("pictures", "excites"):
        at = looked(start(network, tab=tab))
        assert url(at) == {"model": "own"} | ({} if tab == TABS[0] else {"tab": tab})
        assert "×" in heading(at)
        assert classes(at)
    probabilities = list(classes(at).values())
    assert len(probabilities) == min(8, len(network.class_names))
    assert sum(probabilities) <= 1 + 1e-5
    assert component(at, "grid")["channels"] == list(range(network_channels(at)))


def network_channels(at):
    return int(heading(at).rpartition(" × ")[2])


def test_one_sigmoid_unit_is_two_classes():
    at = looked(start(classifier("transfer")))
    assert set(classes(at)) == {"class 0", "class 1"}
    assert sum(classes(at).values()) == pytest.approx(1, abs=1e-6)
    assert heading(at).startswith("base.relu · ReLU · 8 × 8 × 4")


def test_a_grey_network_gets_a_grey_picture():
    at = looked(start(classifier("grey"), image="digit"))
    assert columns(at)[0]["shape"] == "28 × 28 × 1"
    assert columns(at)[0]["labels"] == ["grey"]


def test_a_network_without_maps_is_drawn_as_bars_in_every_tab():
    network = classifier("mlp")
    for tab in TABS:
        at = looked(start(network, link={"layer": "hidden"}, tab=tab, image="digit"))
        assert component(at, "grid") is None
        assert [column["look"] for column in columns(at)] == ["picture", "units", "classes"]
    assert heading(at) == "hidden · Dense · 6"


def test_the_bars_of_a_dense_layer_are_its_outputs(flat):
    at = looked(start(flat, link={"layer": "classes"}))
    pixels, _ = flat.fit(images.read_image(images.SAMPLES["chelsea"].read_bytes()))
    expected = np.asarray(flat.model(np.rint(pixels)))[0]
    np.testing.assert_allclose(numbers(charts(at)["bars"][0]["y"]), expected, rtol=1e-5, atol=1e-6)
    assert "3 numbers" in said(at)


def test_a_layer_of_rows_without_space_is_drawn_as_bars_too():
    layers = [keras.Input((6, 6, 1)), L.Conv2D(2, 3, name="conv"), L.Reshape((16, 2), name="rows"), L.Flatten()]
    model = seeded(keras.Sequential([*layers, L.Dense(2, name="logits")]))
    network = Classifier(model, ("a", "b"), "rows")
    for tab in TABS:
        looked(start(network, link={"layer": "rows"}, tab=tab, image="digit"))


# One's own network


def upload(at, content, name="mine.keras"):
    at.file_uploader(key="feature_maps.network_file").set_value((name, content, "application/octet-stream"))
    return at.run()


def test_an_uploaded_network_is_shown_and_a_broken_one_leaves_it(flat):
    network = Classifier(NETWORKS["two_levels"](), ("ant", "bee", "fly"), "insects")
    at = upload(start(flat), save_classifier(network), "insects.keras")
    looked(at)
    assert heading(at) == "features.base.relu · ReLU · 8 × 8 × 4"
    assert set(classes(at)) == {"ant", "bee", "fly"}
    assert url(at) == {"model": "own"}
    assert at.selectbox(key="feature_maps.model").value == "own"
    at = upload(at, b"PK\x03\x04 nothing", "broken.keras")
    assert not at.exception
    assert len(at.error) == 1
    assert ".keras file" in at.error[0].value
    assert heading(at).startswith("features.base.relu")


def test_a_hosted_copy_offers_no_upload(monkeypatch, flat):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    at = looked(start(flat))
    assert "feature_maps.network_file" not in [each.key for each in at.get("file_uploader")]
    assert "networks cannot be uploaded" in said(at)


def test_a_network_that_cannot_be_downloaded_gives_a_sentence_and_the_rest_works(monkeypatch, tmp_path, flat):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("EXPLORER_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers the proxies of its first use
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    at = start(flat, link={"model": "VGG16"})
    assert not at.exception
    assert len(at.error) == 1
    assert "vgg16_weights" in at.error[0].value.replace("\\", "")
    assert "EfficientNetLite0 comes with the app" in at.error[0].value
    at = at.selectbox(key="feature_maps.model").set_value("own").run()
    assert heading(looked(at)).startswith("conv1")


# Links and hostile values


def test_a_link_opens_what_it_names(flat):
    link = {"layer": "relu2", "channel": "3", "scale": "raw", "sort": "mean", "compare": "blur", "image": "coffee"}
    link |= {"tab": "pictures"}
    at = looked(start(flat, link={"model": "own", **link}))
    assert heading(at) == "relu2 · ReLU · 4 × 4 × 5"
    assert component(at, "grid")["selected"] == 3
    assert at.selectbox(key="feature_maps.scale").value == "raw"
    assert "itself blurred" in said(at)
    assert at.selectbox(key="feature_maps.compare").value == "blur"
    assert url(at) == {"model": "own", **link}


def test_a_layer_that_does_not_exist_gives_a_note_and_the_default(flat):
    at = looked(start(flat, link={"model": "own", "layer": "relu3"}))
    note = at.info[0].value.replace("\\", "")
    assert "There is no layer 'relu3'. Did you mean 'relu2'" in note
    assert "The layer conv1 is shown instead" in note
    assert heading(at).startswith("conv1")
    assert not looked(at.run()).info


def test_a_channel_that_does_not_exist_gives_a_sentence_and_the_most_active_one(flat):
    at = looked(start(flat, link={"model": "own", "layer": "conv2", "channel": "5"}))
    assert "The layer has the channels 0 to 4, not 5; the most active is shown." in said(at)
    pixels, _ = flat.fit(images.read_image(images.SAMPLES["chelsea"].read_bytes()))
    inner = keras.Model(flat.model.inputs[0], flat.model.get_layer("conv2").output)
    busiest = np.asarray(inner(np.rint(pixels)))[0].std(axis=(0, 1)).argmax()
    assert component(at, "grid")["selected"] == busiest


def test_a_hostile_link_gives_defaults_and_notes(flat):
    link = dict.fromkeys(KEYS | GLANCE_KEYS, "<img src=x onerror=alert(1)>")
    at = looked(start(flat, link=link | {"nothing": "1"}))
    said = [note.value for note in at.info]
    assert len(said) == len(KEYS | GLANCE_KEYS) + 1
    assert not any("<img" in note.replace("\\<", "") for note in said)
    assert url(at) == {}


@pytest.mark.parametrize("turn", range(6))
def test_nonsense_in_the_session_never_raises(flat, turn):
    at = start(flat, **{"tab": "pictures"} | nonsense(feature_options.CONTROLS, turn))
    assert not at.exception
    assert not at.error


def test_a_page_of_maps_beyond_the_last_falls_back():
    layers = [keras.Input((6, 6, 1)), L.Conv2D(100, 3, name="wide"), L.Flatten(), L.Dense(2, name="logits")]
    network = Classifier(seeded(keras.Sequential(layers)), ("a", "b"), "wide")
    at = looked(start(network, link={"model": "own", "image": "digit", "page": "3"}))
    assert component(at, "grid")["channels"] == list(range(96, 100))
    at = looked(start(network, link={"model": "own", "image": "digit", "page": "9"}))
    assert component(at, "grid")["channels"] == list(range(48))
    at.number_input(key="feature_maps.page").set_value(2).run()
    assert component(looked(at), "grid")["channels"] == list(range(48, 96))


# What follows a choice


def test_another_layer_starts_at_its_first_page_and_its_own_channel(flat):
    at = looked(start(flat, link={"model": "own", "channel": "2"}))
    assert component(at, "grid")["selected"] == 2
    at.selectbox(key="feature_maps.layer").set_value("relu2").run()
    assert heading(looked(at)).startswith("relu2")
    assert "channel" not in url(at)


def test_the_grid_is_in_the_order_of_the_chosen_statistic(flat):
    at = looked(start(flat, link={"model": "own", "sort": "mean"}))
    pixels, _ = flat.fit(images.read_image(images.SAMPLES["chelsea"].read_bytes()))
    inner = keras.Model(flat.model.inputs[0], flat.model.get_layer("conv1").output)
    means = np.asarray(inner(np.rint(pixels)))[0].mean(axis=(0, 1))
    assert component(at, "grid")["channels"] == np.argsort(-means, kind="stable").tolist()


def test_every_scale_and_every_order_draws(flat):
    for scale in feature_options.SCALE.options:
        looked(start(flat, scale=scale))
    for sort in feature_options.SORT.options:
        assert sorted(component(looked(start(flat, sort=sort)), "grid")["channels"]) == [0, 1, 2, 3]


@pytest.mark.parametrize("how", feature_options.COMPARISONS)
def test_every_comparison_draws(flat, how):
    at = looked(start(flat, tab="pictures", compare=how))
    if how == "previous":
        assert "no picture before" in at.info[0].value
    else:
        curve = numbers(charts(at)["cosine"][0]["y"])
        assert all(-1 - 1e-6 <= one <= 1 + 1e-6 for one in curve)


def test_the_previous_picture_can_be_compared_with(flat):
    at = looked(start(flat, tab="pictures", compare="previous"))
    at.pills(key="feature_maps.image").set_value("coffee").run()
    assert "the picture chosen before" in said(looked(at))


def test_a_change_of_layer_order_or_colours_computes_nothing(monkeypatch):
    calls = []
    compute = activations.feature_maps
    monkeypatch.setattr(activations, "feature_maps", lambda *args, **rest: calls.append(1) or compute(*args, **rest))
    model = seeded(NETWORKS["branches"](), seed=77)  # a network of its own, of which no cache knows
    at = looked(start(Classifier(model, ("a", "b", "c"), "counted"), tab="weights"))
    assert calls == [1]
    at.selectbox(key="feature_maps.layer").set_value("concatenate").run()
    at.selectbox(key="feature_maps.sort").set_value("sparsity").run()
    at.selectbox(key="feature_maps.scale").set_value("raw").run()
    assert heading(looked(at)).startswith("concatenate")
    assert calls == [1]
    at.pills(key="feature_maps.image").set_value("coffee").run()
    assert calls == [1, 1]


def test_picture_and_network_follow_from_page_to_page(open_app):
    at = open_app("feature_maps", link={"feature_maps.image": "coffee"})
    assert next(iter(classes(at))) == "espresso"
    at = at.switch_page("pages/kernels.py").run()
    assert "A cup of coffee" in said(at)
    at.pills(key="kernels.image").set_value("camera").run()
    at = at.switch_page("pages/feature_maps.py").run()
    assert next(iter(classes(looked(at)))) == "tripod"


def test_the_linear_probe_is_measured_when_asked_for_and_then_kept(flat):
    at = looked(start(flat, tab="depth"))
    assert "probe_curve" not in charts(at)
    at.button(key="feature_maps.probe").click().run()
    accuracy, chance = charts(looked(at))["probe_curve"]
    assert all(0 <= one <= 1 for one in numbers(accuracy["y"]))
    assert numbers(chance["y"]) == pytest.approx([1 / 3] * len(numbers(chance["y"])), abs=0.01)
    assert "probe_curve" in charts(looked(at.run()))


@pytest.mark.parametrize(
    ("number", "begins", "link"),
    [
        (0, "stem_relu · ReLU", {"scale": "raw", "unfolded": "1"}),
        (1, "block2b_add · Add", {"opened": "2,2.1"}),
        (2, "head_relu · ReLU", {"sort": "sparsity"}),
        (3, "stem_relu", {"image": "coffee"}),
    ],
)
def test_each_experiment_sets_up_what_it_speaks_of(number, begins, link):
    at = looked(start())
    at.button(key=f"feature_maps.try_{number}").click().run()
    assert heading(looked(at)).startswith(begins)
    assert {key: url(at).get(key) for key in link} == link


# Taking it away


def test_downloads_are_what_the_page_shows(flat, sent):
    at = looked(start(flat, link={"model": "own", "layer": "pool1"}))
    pixels, _ = flat.fit(images.read_image(images.SAMPLES["chelsea"].read_bytes()))
    inner = keras.Model(flat.model.inputs[0], flat.model.get_layer("pool1").output)
    with np.load(io.BytesIO(sent.download("maps.npz"))) as arrays:
        np.testing.assert_array_equal(arrays["picture"], np.rint(pixels[0]))
        np.testing.assert_allclose(arrays["maps"], np.asarray(inner(np.rint(pixels)))[0], rtol=1e-5, atol=1e-6)
    assert images.read_image(sent.download("grid.png")).ndim == 3
    np.testing.assert_array_equal(images.read_image(sent.download("picture.png")), np.rint(pixels[0]))
    assert at.code[0].value.startswith("import cv2\nimport keras")
