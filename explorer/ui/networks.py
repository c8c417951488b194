"""Choosing a network and one of its layers. Both follow the person from page to page."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import models
from explorer.errors import LayerError, ModelError
from explorer.images import encode_png
from explorer.models import PRETRAINED, Classifier, LayerSummary, load_classifier, save_classifier
from explorer.models.layers import unknown_layer
from explorer.ui import cache, state, trained
from explorer.ui.controls import Control, SelectPresent
from explorer.ui.frame import Download
from explorer.ui.texts import plain

OWN = "own"
"""What a link says where the network was the person's own."""


class NetworkChoice(SelectPresent):
    """A published network, the uploaded one, or one that a run of the visitor's has made."""

    def allows(self, value: Any) -> bool:
        """One of the networks that are there."""
        return super().allows(value) or trained.is_there(value)

    def shown(self) -> list[str]:
        """The networks that are there, the visitor's own runs first."""
        chosen = state.get(state.NETWORK)
        mine = trained.names()
        mine += [chosen] if trained.is_there(chosen) and chosen not in mine else []
        return [*mine, *super().shown()]

    def widget(self, **options: Any) -> None:
        """A list; the names of runs are read once for all of them."""
        names = {trained.PREFIX + run_id: f"{name} · your run" for run_id, name in trained.labels().items()}
        titles = {**self.options, **names}
        st.selectbox(options=self.shown(), format_func=lambda name: titles.get(name, str(name)), **options)

    def allowed(self) -> str:
        """Why a link's network may be missing."""
        return "it names none of the networks, or was its author's own, which a link never carries"

    def current(self) -> Any:
        """The network pressed just now, else the one chosen before, here or on another page."""
        pressed = st.session_state.get(self.key)
        if self.allows(pressed) and pressed != state.taken(self.key):
            return pressed
        chosen = state.get(state.NETWORK)
        return chosen if self.allows(chosen) else self.initial()

    def put(self, value: Any) -> None:
        """Make it the network of every page."""
        state.put(state.NETWORK, value)

    def draw(self, **options: Any) -> Any:
        """The list of networks."""
        value = self.current()
        self.put(value)
        if st.session_state.get(self.key) != value:
            st.session_state[self.key] = value
        state.take(self.key, value)
        self.widget(label=self.label, key=self.key, help=self.help, persist_state="session", **options)
        return value


def network_control(page: str) -> NetworkChoice:
    """The network, as one of a page's choices."""
    names = {name: entry.title + (" · bundled" if entry.bundled else "") for name, entry in PRETRAINED.items()}
    return NetworkChoice(
        key=f"{page}.model",
        label="Network",
        default="EfficientNetLite0",
        options={**names, OWN: "your own network"},
        needs={OWN: state.OWN_NETWORK},
    )


def pick_network(page: str, control: NetworkChoice) -> Classifier:
    """Draw the picker: the published networks and an upload.

    Raises:
        ModelError: the chosen network's weights cannot be had.
    """
    problem = _accept_upload(page, control)
    name = control.draw()
    with st.popover("Your own network", icon=":material/upload_file:", width="stretch"):
        if cache.limits().profile == "hosted":
            st.caption("On this public copy networks cannot be uploaded. On your own machine they can.")
        else:
            st.file_uploader(
                "A network in Keras's format",
                type=["keras"],
                key=f"{page}.network_file",
                help="A .keras file that takes pictures (values 0 to 255) and gives a value for each class.",
            )
        if problem:  # in here, where the eye is: what stands under the button is behind this
            st.error(plain(problem), icon=":material/error:")
    return get(name)


def get(name: str) -> Classifier:
    """The network of this name; its weights are fetched, with a bar, where they are not here yet.

    Raises:
        ModelError: they cannot be had.
    """
    own = state.get(state.OWN_NETWORK)
    if name == OWN and own is not None:
        classifier: Classifier = own
        return classifier
    if name.startswith(trained.PREFIX):
        return trained.classifier(trained.opened(name.removeprefix(trained.PREFIX)))
    _fetch(name)
    return cache.network(name)


FETCHED = "_fetched_networks"
"""Networks whose weights this session has seen to be here."""


def _fetch(name: str) -> None:
    """Download a network's weights where they are not here yet, with a bar; another choice ends it.

    Raises:
        ModelError: they cannot be had.
    """
    if PRETRAINED[name].bundled or name in state.get(FETCHED, ()):
        return
    place = st.empty()
    bar = place.progress(0.0, f"Looking for the weights of {PRETRAINED[name].title}…")

    def report(received: int, expected: int) -> None:
        share = min(1.0, received / expected) if expected else 0.0
        bar.progress(share, f"{received / 1e6:.0f} of {expected / 1e6:.0f} MB")

    try:
        models.fetch_weights(name, report)
    finally:
        place.empty()
    state.put(FETCHED, (*state.get(FETCHED, ()), name))


def _accept_upload(page: str, control: NetworkChoice) -> str | None:
    """Take a newly uploaded network; the sentence that says what was wrong with it, if anything was."""
    key = f"{page}.network_file"
    upload = st.session_state.get(key)
    if upload is None:
        return None
    taken = state.taken(key)
    if taken is not None and taken[0] == upload.file_id:
        return str(taken[1]) if taken[1] else None
    problem = None
    try:
        with st.spinner("Looking into the file…"):
            classifier = load_classifier(upload.getvalue(), upload.name.removesuffix(".keras")[-60:])
        state.put(state.OWN_NETWORK, classifier)
        control.put(OWN)
    except ModelError as error:
        problem = str(error)
    state.take(key, (upload.file_id, problem))
    return problem


def downloads(classifier: Classifier, picture: NDArray[np.uint8]) -> list[Download]:
    """What the programs of a page read: the picture at the network's size, and the network.

    Args:
        classifier: the network.
        picture: uint8 (H, W, C), as the network reads it.
    """
    files = [
        Download("Picture at the network's size, PNG", "picture.png", "image/png", lambda: encode_png(picture)),
        Download("Network, Keras", "network.keras", "application/octet-stream", lambda: save_classifier(classifier)),
    ]
    entry = PRETRAINED.get(classifier.name)
    if cache.limits().profile == "hosted" and not (entry is not None and entry.bundled):
        files.pop()  # hundreds of megabytes for each visitor who asks
    return files


class LayerChoice(Control):
    """A layer's dotted path. Which ones there are depends on the network, so a link's is checked when it is drawn."""

    def initial(self) -> Any:
        """The layer that the network's page opens with; None before a network was drawn."""
        return state.get(state.FIRST_LAYERS, {}).get(self.key)

    def allows(self, value: Any) -> bool:
        """A text that could be a path."""
        return value is None or (isinstance(value, str) and 0 < len(value) <= 300 and value.isprintable())

    def allowed(self) -> str:
        """What it is."""
        return "it is the path of a layer"

    def read(self, text: str) -> str:
        """Itself."""
        return text


@dataclass(frozen=True)
class PickedLayer:
    """A layer, and a sentence where it is not the one that was asked for."""

    layer: LayerSummary
    note: str | None = None


def pick_layer(control: LayerChoice, layers: tuple[LayerSummary, ...], default: str) -> PickedLayer:
    """Draw the picker: every layer in the order in which data flows."""
    by_path = {layer.path: layer for layer in layers}
    asked, opened_with = control.current(), control.initial()
    state.put(state.FIRST_LAYERS, {**state.get(state.FIRST_LAYERS, {}), control.key: default})
    note = None
    if asked not in by_path:
        if asked not in (None, opened_with):
            note = f"{unknown_layer(asked, list(by_path))} The layer {default} is shown instead."
        asked = default
    control.put(asked)
    st.selectbox(
        control.label,
        list(by_path),
        key=control.key,
        format_func=lambda path: _described(by_path[path]) if path in by_path else str(path),
        persist_state="session",
        help="Every layer, in the order in which the picture travels. Type to search.",
    )
    path = control.current()
    if path not in by_path:
        raise LayerError(unknown_layer(str(path), list(by_path)))
    return PickedLayer(by_path[path], note)


def _described(layer: LayerSummary) -> str:
    """``block2a_expand_relu · 112 × 112 × 96``."""
    return f"{layer.path} · {' × '.join(map(str, layer.output_shape))}"
