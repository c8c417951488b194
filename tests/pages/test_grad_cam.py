"""The Grad-CAM page: questions, methods, networks of every build, receipts, comparisons, trust, links, downloads."""

import contextlib
import io

import keras
import numpy as np
import pytest

from explorer import attribution, images, models, settings
from explorer.attribution import METHODS, explain
from explorer.models import Classifier, save_classifier
from explorer.ui import attribution_change, attribution_compare, attribution_options, attribution_stage, cache
from explorer.ui.texts import plain
from tests.models.networks import NETWORKS, classifier, pictures
from tests.pages.visiting import Visits, component, looked, nonsense, said

L = keras.layers
KEYS = {"model", "image", "method", "layer", "target", "opacity", "compare"}
"""The names that tests and links hang on."""
TABS = tuple(attribution_options.TABS.options)
VISITS = Visits("grad_cam", attribution_options.TABS)
start, url = VISITS.start, VISITS.url
QUICK = [name for name, method in METHODS.items() if not method.slow]


@pytest.fixture(scope="module")
def flat():
    return classifier("flat")


@pytest.fixture(scope="module")
def opened():
    """The page as a person finds it, with the bundled network and its trained weights."""
    return looked(start())


def cat_for(network):
    """The cat as the page shows it to a network."""
    pixels, _ = network.fit(images.read_image(images.SAMPLES["chelsea"].read_bytes()))
    return np.rint(pixels[0]).astype(np.uint8)


# What is seen first


def test_the_registry_has_the_keys_that_links_use():
    assert {control.key for control in attribution_options.CONTROLS} >= {f"grad_cam.{name}" for name in KEYS}


def test_a_fresh_visit_sees_why_the_cat_is_a_cat(opened):
    assert opened.title[0].value == "Why this class?"
    assert url(opened) == {}
    assert not opened.info
    assert opened.selectbox(key="grad_cam.method").value == "grad-cam"
    assert opened.selectbox(key="grad_cam.layer").value == "head_relu"
    assert opened.radio(key="grad_cam.top").options[0].startswith("Egyptian cat · 3")
    text = said(opened)
    assert "**Egyptian cat** · logit **9.0" in text
    assert "**Raw map** · 7 × 7 at layer head\\_relu" in text
    assert "Cropped to the 300 × 300 pixels" in text
    assert "1,280 maps" in text


def test_the_receipt_on_the_page_adds_up_to_the_map(opened):
    assert "= the heatmap above ✓" in str(component(opened, "ledger"))
    network = cache.network("EfficientNetLite0")
    found = attribution.receipt(explain(network, cat_for(network)), 5)
    assert component(opened, "ledger")["channels"] == [one.channel for one in found.lines]


# Networks of every build


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"mlp", "flat"}))
def test_every_build_of_network_goes_through_the_page(name):
    network = classifier(name)
    at = looked(start(network, tab="batch"))
    assert component(at, "ledger")
    assert at.selectbox(key="grad_cam.layer").value == attribution.default_layer(network)


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens(flat, tab):
    at = looked(start(flat, tab=tab))
    assert url(at) == {"model": "own"} | ({} if tab == TABS[0] else {"tab": tab})


def test_every_method_goes_through_the_page(flat):
    for name, method in METHODS.items():
        control = attribution_options.OPTIONS[name]
        light = {control[option].key.removeprefix("grad_cam."): value for option, value in method.light.items()}
        at = looked(start(flat, method=name, **light))
        assert bool(component(at, "ledger")) == method.needs_layer
        assert method.title in said(at)


def test_a_network_without_convolutions_gets_a_sentence_and_the_other_methods():
    network = classifier("mlp")
    at = looked(start(network, image="digit"))
    assert "has no convolution" in at.info[0].value
    assert "Saliency is shown instead" in at.info[0].value
    assert "Saliency" in said(at)
    for tab in ("compare", "batch"):
        looked(start(network, image="digit", method="gradient-x-input", tab=tab))


def test_one_sigmoid_unit_can_be_asked_about_both_classes():
    network = classifier("transfer")
    answers = [said(looked(start(network, link={"target": str(index)}))) for index in (0, 1)]
    raw = [explain(network, cat_for(network), target=index) for index in (0, 1)]
    np.testing.assert_allclose(raw[0].raw, -raw[1].raw, atol=1e-6)
    assert f"logit **{raw[0].score:.3f}**" in answers[0]
    assert f"logit **{raw[1].score:.3f}**" in answers[1]


# What is asked


def test_another_class_another_question(flat):
    at = looked(start(flat, link={"target": "1"}))
    about = explain(flat, cat_for(flat), target=1)
    assert f"logit **{about.score:.3f}**" in said(at)
    at.selectbox(key="grad_cam.question").select("against").run()
    assert f"**against class 1** · logit **{-about.score:.3f}**" in said(looked(at))
    at.selectbox(key="grad_cam.question").select("versus").run()
    at.selectbox(key="grad_cam.versus").select(2).run()
    difference = explain(flat, cat_for(flat), target=(1, 2))
    assert f"**class 1 rather than class 2** · difference of logits **{difference.score:.3f}**" in said(looked(at))
    assert url(at) == {"model": "own", "target": "1", "question": "versus", "versus": "2"}


def test_a_class_against_itself_is_said_to_be_none(flat):
    at = looked(start(flat, link={"target": "1", "question": "versus", "versus": "1"}))
    assert "cannot be asked about against itself" in at.info[0].value


def test_the_likeliest_classes_are_buttons(flat):
    at = looked(start(flat))
    order = np.argsort(-flat.predict(cat_for(flat))[0])
    at.radio(key="grad_cam.top").set_value(int(order[2])).run()
    assert url(looked(at)) == {"model": "own", "target": str(order[2])}


def test_options_of_a_method_change_its_map(flat):
    fine, coarse = (
        said(looked(start(flat, link={"method": "occlusion", "occlusion_patch": patch}))) for patch in ("0.1", "0.5")
    )
    raw = explain(flat, cat_for(flat), method="occlusion", patch=0.5)
    assert f"to {raw.raw.max():.3g}" in coarse
    assert fine != coarse


def test_a_class_that_the_network_does_not_have_gives_a_note(flat):
    at = looked(start(flat, link={"target": "7"}))
    assert "classes 0 to 2, not 7" in at.info[0].value
    assert url(at) == {"model": "own"}


# Links and nonsense


def test_a_link_opens_what_it_names(flat):
    link = {"model": "own", "image": "coffee", "method": "layer-cam", "layer": "conv1", "target": "2"}
    link |= {"opacity": "0.3", "compare": "layers", "tab": "compare", "colours": "signed"}
    at = looked(start(flat, link=link))
    assert url(at) == link
    found = explain(flat, np.zeros((12, 12, 3), np.uint8), method="layer-cam", layer="conv1", target=2)
    assert f"{found.raw.shape[0]} × {found.raw.shape[1]} at layer conv1" in said(at)


def test_a_layer_that_does_not_exist_gives_a_note_and_the_default(flat):
    at = looked(start(flat, link={"layer": "conv7"}))
    assert "There is no layer 'conv7'" in at.info[0].value
    assert at.selectbox(key="grad_cam.layer").value == "relu2"


def test_a_hostile_link_gives_defaults_and_notes(flat):
    link = dict.fromkeys(KEYS, "<img src=x onerror=alert(1)>")
    at = looked(start(flat, link=link | {"nothing": "1"}))
    notes = [note.value for note in at.info]
    assert len(notes) == len(KEYS) + 1
    assert not any("<img" in note.replace("\\<", "") for note in notes)
    assert url(at) == {}


@pytest.mark.parametrize("turn", range(6))
def test_nonsense_in_the_session_never_raises(flat, turn):
    at = start(flat, **{"tab": "change"} | nonsense(attribution_options.CONTROLS, turn))
    assert not at.exception
    assert not at.error


def test_names_of_classes_are_shown_as_they_are_and_never_as_markup(sent):
    names = ("<script>alert(1)</script>", "**bold** [x](http://y)", "$\\alpha$ :smile:")
    network = Classifier(NETWORKS["flat"](), names, "<b>net</b>")
    for tab in ("compare", "batch"):
        at = looked(start(network, tab=tab, compare="classes"))
        assert "<script>" not in said(at).replace("\\<", "")
    assert "<script>" not in sent.download("report.html")


# Comparisons


@pytest.mark.parametrize("how", ["methods", "classes", "layers"])
def test_every_comparison_draws(flat, how):
    at = looked(start(flat, tab="compare", compare=how))
    names = {"methods": [METHODS[name].title for name in QUICK], "classes": flat.class_names, "layers": ("relu2",)}
    assert all(name in said(at) for name in names[how])


def test_the_finder_marks_one_layer(flat):
    at = looked(start(flat, tab="compare", compare="layers"))
    assert "most faithful" not in said(at)
    at.button(key="grad_cam.find").click().run()
    assert said(looked(at)).count(":green[**most faithful**]") == 1
    assert "faithful +" in said(at) or "faithful -" in said(at)


@pytest.mark.parametrize(("tab", "more"), [("compare", {"compare": "classes"}), ("change", {"edit": "mirror"})])
def test_a_slow_method_does_not_break_the_tabs(flat, tab, more):
    looked(start(flat, method="occlusion", occlusion_patch=0.5, tab=tab, **more))


def test_a_slow_method_that_is_stopped_is_no_longer_compared(monkeypatch, flat):
    stops = []
    monkeypatch.setattr(attribution_stage, "progress", lambda *_, on_stop, **__: stops.append(on_stop) or quiet())
    looked(start(flat, tab="compare", compared=["grad-cam", "rise"]))
    session = {"grad_cam.compared": ["grad-cam", "rise"]}
    monkeypatch.setattr(attribution_compare.st, "session_state", session)
    stops[-1]()
    assert session == {"grad_cam.compared": ["grad-cam"]}


@contextlib.contextmanager
def quiet():
    yield float


# Can I trust it?


def test_curves_stand_beside_three_maps_that_know_nothing(flat):
    at = looked(start(flat, tab="trust"))
    assert not at.dataframe
    at.button(key="grad_cam.curves").click().run()
    table = looked(at).dataframe[0].value
    assert list(table["map"]) == ["this map", "a random map", "a blob in the middle", "an edge detector"]
    assert ((table["insertion ↑"] >= 0) & (table["insertion ↑"] <= 1)).all()
    assert "average drop" in said(at) or "rises" in said(at)


def test_shuffled_weights_give_a_verdict_and_leave_the_network_alone(flat):
    before = [weight.copy() for weight in flat.model.get_weights()]
    at = looked(start(flat, tab="trust", method="saliency"))
    at.button(key="grad_cam.shuffle").click().run()
    assert not at.exception
    assert len([caption for caption in at.caption if caption.value.startswith("to ")]) >= 2
    check = attribution.randomization_check(flat, cat_for(flat), method="saliency", stages=7)
    (verdict,) = at.success if check.changes else at.error
    assert verdict.value == plain(check.sentence)
    for one, other in zip(before, flat.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# Change the picture


def test_a_covered_part_changes_score_and_map(flat):
    at = looked(start(flat, tab="change"))
    assert "Nothing is changed yet" in at.info[0].value
    key = (flat.key, images_sha())
    at.session_state[attribution_change.PAINTED] = {key: ((5, 5), (5, 6))}
    at.run()
    covered = cat_for(flat)
    covered[5, 5:7] = cat_for(flat).mean(axis=(0, 1)).round()
    expected = explain(flat, covered, target=int(flat.predict(cat_for(flat))[0].argmax()))
    assert at.metric[1].value == f"{expected.score:.3f}"
    assert at.metric[0].value == f"{expected.probability:.1%}"
    assert looked(at)


def images_sha():
    import hashlib

    return hashlib.sha256(images.SAMPLES["chelsea"].read_bytes()).hexdigest()


@pytest.mark.parametrize("how", ["blur", "shift", "mirror", "flip"])
def test_every_change_draws(flat, how):
    at = looked(start(flat, tab="change", edit=how, blur=0.1))
    assert len(at.metric) == 2


def test_a_shift_moves_the_picture_right_and_down(monkeypatch):
    chosen = {"grad_cam.shift_x": 0.5, "grad_cam.shift_y": 0.0}
    monkeypatch.setattr(type(attribution_options.SHIFT_X), "current", lambda control: chosen[control.key])
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    moved = attribution_change.altered(picture, "shift")
    np.testing.assert_array_equal(moved[:, 2:], picture[:, :2])
    assert (moved[:, :2] == 8).all()  # the mean, 7.5, where nothing is known


def test_a_mirrored_picture_is_mirrored():
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(attribution_change.altered(picture, "mirror"), picture[:, ::-1])
    np.testing.assert_array_equal(attribution_change.altered(picture, "flip"), picture[::-1])


# Many pictures


def test_the_grid_explains_every_bundled_photo(flat):
    at = looked(start(flat, tab="batch"))
    assert all(label in said(at) for label in images.SAMPLE_LABELS.values())
    assert "average drop" in said(at)


def test_own_pictures_in_the_grid_and_a_broken_one_is_named(flat):
    at = looked(start(flat, tab="batch", batch="own"))
    good = images.encode_png(pictures(flat.model, 1)[0])
    files = [("mine.png", good, "image/png"), ("broken.png", b"no picture", "image/png")]
    at.file_uploader(key="grad_cam.batch_upload").set_value(files).run()
    assert "broken.png" in at.warning[0].value
    assert "mine.png" in said(looked(at))


def test_more_pictures_than_fit_are_said_to_be_left_out(flat):
    at = looked(start(flat, tab="batch", batch="own"))
    good = [(f"{n}.png", images.encode_png(np.full((4, 4, 3), n, np.uint8)), "image/png") for n in range(26)]
    at.file_uploader(key="grad_cam.batch_upload").set_value(good).run()
    assert f"the first {settings.MAX_BATCH_PICTURES} are shown" in at.warning[0].value


# What is computed when


@pytest.mark.parametrize("tab", ["compare", "batch"])
def test_what_only_changes_the_drawing_asks_no_method(monkeypatch, flat, tab):
    at = looked(start(flat, tab=tab))
    calls = []
    monkeypatch.setattr("explorer.ui.attribution_stage.explain", lambda *_, **asked: calls.append(asked))
    monkeypatch.setattr("explorer.attribution.passes.masked_scores", lambda *asked: calls.append(asked))
    at.slider(key="grad_cam.opacity").set_value(0.2).run()
    at.selectbox(key="grad_cam.colours").select("inferno").run()
    looked(at)
    assert not calls


def test_picture_and_network_follow_from_page_to_page(open_app):
    at = open_app("grad_cam", {"grad_cam.image": "coffee"})
    at.switch_page("pages/feature_maps.py").run()
    assert at.session_state["_picture"].sample == "coffee"
    assert not at.exception


@pytest.mark.slow
def test_an_uploaded_network_is_explained(flat):
    network = Classifier(NETWORKS["two_levels"](), ("ant", "bee", "fly"), "insects")
    at = start(flat)
    file = ("insects.keras", save_classifier(network), "application/octet-stream")
    at.file_uploader(key="grad_cam.network_file").set_value(file).run()
    assert {label.partition(" · ")[0] for label in looked(at).radio(key="grad_cam.top").options} == {
        "ant",
        "bee",
        "fly",
    }


def test_weights_that_cannot_be_had_give_a_sentence(monkeypatch, flat):
    def unreachable(*_):
        raise models.ModelError("The weights cannot be had.")

    monkeypatch.setattr(models, "fetch_weights", unreachable)
    at = start(link={"model": "VGG16"})
    assert not at.exception
    assert "cannot be had" in at.error[0].value


@pytest.mark.parametrize(
    ("number", "link"),
    [
        (0, {"question": "versus", "colours": "signed"}),
        (1, {"image": "coffee", "compare": "layers", "tab": "compare"}),
        (2, {"method": "guided-backpropagation", "tab": "trust"}),
    ],
)
def test_each_experiment_sets_up_what_it_speaks_of(number, link):
    at = looked(start())
    at.button(key=f"grad_cam.try_{number}").click().run()
    assert url(looked(at)) == link


# Taking it away


def test_downloads_are_what_the_page_shows(flat, sent):
    at = looked(start(flat, link={"layer": "conv1"}))
    expected = explain(flat, cat_for(flat), layer="conv1")
    np.testing.assert_allclose(np.load(io.BytesIO(sent.download("map.npy"))), expected.raw_values, atol=1e-6)
    np.testing.assert_allclose(np.load(io.BytesIO(sent.download("signed.npy"))), expected.raw, atol=1e-6)
    np.testing.assert_array_equal(images.read_image(sent.download("picture.png")), cat_for(flat))
    assert images.read_image(sent.download("heatmap.png")).shape[2] == 3
    assert sent.download("report.html").startswith("<!DOCTYPE html>")
    assert "conv1" in at.code[0].value
