"""The network's and the layer's pickers by themselves, in small apps."""

import pytest
from streamlit.testing.v1 import AppTest

from explorer.errors import ModelError
from explorer.ui import cache
from tests.models.networks import classifier


def two_pages():
    """Two pages' pickers in one app; ``session_state.page`` says which one is drawn."""
    import streamlit as st

    from explorer.ui import networks, state

    page = st.session_state.get("page", "first")
    control = networks.network_control(page)
    control.current()
    own = state.get(state.OWN_NETWORK)
    network = networks.pick_network(page, control) if control.current() == "own" or own is None else own
    st.text(f"{control.current()} {getattr(network, 'name', network)}")


@pytest.fixture
def names_only(monkeypatch):
    """Published networks stand for themselves: nothing is loaded."""
    monkeypatch.setattr(cache, "network", lambda name: name)
    monkeypatch.setattr("explorer.models.fetch_weights", lambda *_: None)


def run(script=two_pages, **session):
    at = AppTest.from_function(script, default_timeout=60)
    for key, value in session.items():
        at.session_state[key] = value
    at.run()
    assert not at.exception
    return at


def test_a_fresh_visit_has_the_bundled_network_and_no_own_one_to_choose(names_only):
    at = run()
    assert at.text[0].value == "EfficientNetLite0 EfficientNetLite0"
    options = at.selectbox(key="first.model").options
    assert options[0] == "EfficientNet-Lite0 · bundled"
    assert "your own network" not in options


def test_the_network_follows_to_another_page_and_back(names_only):
    at = run()
    at.selectbox(key="first.model").set_value("VGG16").run()
    assert at.text[0].value == "VGG16 VGG16"
    at.session_state["page"] = "second"
    assert at.run().text[0].value == "VGG16 VGG16"
    at.selectbox(key="second.model").set_value("Xception").run()
    at.session_state["page"] = "first"
    assert at.run().text[0].value == "Xception Xception"
    assert at.selectbox(key="first.model").value == "Xception"


def test_an_own_network_can_be_chosen_where_there_is_one(names_only):
    at = run(_own_network=classifier("flat"), _network="own")
    assert at.text[0].value == "own flat"
    assert "your own network" in at.selectbox(key="first.model").options


@pytest.mark.parametrize("value", ["own", "ResNet999", 3, None, ["VGG16"], "../../x"])
def test_what_is_no_network_gives_the_bundled_one(names_only, value):
    assert run(_network=value).text[0].value.startswith("EfficientNetLite0 ")
    assert run(**{"first.model": value}).text[0].value.startswith("EfficientNetLite0 ")


def test_a_hosted_copy_takes_no_files(names_only, monkeypatch):
    assert run().get("file_uploader")
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    at = run()
    assert not at.get("file_uploader")
    assert "networks cannot be uploaded" in at.caption[0].value


def uploaded():
    """A page whose upload was sent although the copy may be hosted."""
    from types import SimpleNamespace

    import streamlit as st

    from explorer.ui import networks

    class Upload(SimpleNamespace):
        def getvalue(self):
            return b"GIF89a"

    control = networks.network_control("page")
    upload = Upload(file_id=st.session_state.get("file", "a"), name="mine.keras")
    st.session_state["page.network_file"] = upload
    st.text(networks._accept_upload("page", control))


def test_a_file_that_is_no_network_gives_a_sentence_and_is_read_once(monkeypatch):
    at = run(uploaded)
    assert at.text[0].value.startswith("This is not a .keras file.")
    read = []

    def load(*args):
        read.append(args)
        raise ModelError("Not this one.")

    monkeypatch.setattr("explorer.ui.networks.load_classifier", load)
    assert at.run().text[0].value.startswith("This is not a .keras file.")
    at.session_state["file"] = "b"
    assert at.run().text[0].value == "Not this one."
    assert read == [(b"GIF89a", "mine")]


def test_a_forged_upload_to_a_hosted_copy_is_refused(monkeypatch):
    monkeypatch.setenv("EXPLORER_PROFILE", "hosted")
    assert "cannot be uploaded to this public copy" in run(uploaded).text[0].value


def layers_page():
    """The layer's picker over three layers."""
    import streamlit as st

    from explorer.models.layers import LayerSummary
    from explorer.ui import networks

    names = st.session_state.get("names", ("conv1", "conv2", "base.pool"))
    layers = tuple(LayerSummary(name, "Conv2D", (4, 4, 2), 1, None, True) for name in names)
    picked = networks.pick_layer(networks.LayerChoice(key="page.layer", label="Layer"), layers, names[1])
    st.text(f"{picked.layer.path} | {picked.note}")


def test_the_layer_s_picker_opens_with_the_default_and_keeps_what_is_chosen():
    at = run(layers_page)
    assert at.text[0].value == "conv2 | None"
    assert at.selectbox(key="page.layer").options == [f"{name} · 4 × 4 × 2" for name in ("conv1", "conv2", "base.pool")]
    assert at.selectbox(key="page.layer").set_value("base.pool").run().text[0].value == "base.pool | None"


def test_another_network_s_layer_gives_a_note_only_where_it_was_chosen():
    at = run(layers_page)
    at.session_state["names"] = ("stem", "head")
    assert at.run().text[0].value == "head | None"
    at.selectbox(key="page.layer").set_value("stem").run()
    at.session_state["names"] = ("stem_a", "stem_b")
    said = at.run().text[0].value
    assert said.startswith("stem_b | There is no layer 'stem'. Did you mean 'stem_")
    assert said.endswith("The layer stem_b is shown instead.")
    assert at.run().text[0].value == "stem_b | None"
