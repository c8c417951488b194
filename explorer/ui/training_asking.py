"""Ask a run's network about any picture, or about one that is drawn by hand."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer.training import Run, Story
from explorer.training.sketches import as_trained
from explorer.ui import pickers, site, state, trained
from explorer.ui import training_options as options
from explorer.ui.sketch_components import sketchpad
from explorer.ui.version_components import Version, versions

if TYPE_CHECKING:
    from explorer.models import Classifier

PAGE = options.PAGE
PICKER = f"{PAGE}_picture"
IMAGE = pickers.image_control(PICKER)
MOST = 5
"""Classes that are named."""


def draw(run: Run | None, story: Story | None) -> None:
    """The tab."""
    if run is None or story is None or not run.folder.kept_epochs():
        st.info("Train a network first; then draw something, or take any picture, and ask it.")
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        asked = options.ASK.draw()
        pixels = _drawn(story) if asked == "drawing" else _picked()
    with right:
        if pixels is None:
            st.caption("Draw with the mouse or a finger.")
            return
        _answer(trained.classifier(run), pixels, drawn=asked == "drawing")
        _go_on(run, pixels)


def _drawn(story: Story) -> NDArray[np.uint8] | None:
    """What was drawn, as the network's own pictures are; None before anything is."""
    height, width, channels = story.started["shape"]
    drawing = sketchpad(key=f"{PAGE}.sketch")
    return None if drawing is None else as_trained(drawing, (height, width, channels))


def _picked() -> NDArray[np.uint8]:
    return pickers.pick_image(PICKER, IMAGE).picture.pixels


def _answer(classifier: "Classifier", pixels: NDArray[np.uint8], *, drawn: bool) -> None:
    fitted, notes = classifier.fit(pixels)
    seen = np.clip(np.rint(fitted[0]), 0, 255).astype(np.uint8)
    top = classifier.top(fitted[0], MOST)
    one, many = st.columns([1, 2])
    with one:
        versions(
            [Version(seen, "What it sees")],
            key=f"{PAGE}.asked",
            alt="The picture as the network sees it",
            columns=1,
            narrow=1,
            tallest=180,
        )
    with many:
        for _, name, share in top[:MOST]:
            st.progress(share, f"{name} · {share:.1%}")
    if drawn:
        st.caption("The drawing was cut out, made smaller and centred by its mass, as the pictures of MNIST were.")
    else:
        for note in notes:
            st.caption(note)
    st.caption("It only knows its own classes: to a picture of anything else it still gives one of them.")


def _go_on(run: Run, pixels: NDArray[np.uint8]) -> None:
    """To the other pages, with this network and this picture."""
    with st.container(horizontal=True):
        for page, words in (
            ("feature_maps", "See its feature maps"),
            ("filters", "Grow its filters"),
            ("grad_cam", "Why this class?"),
        ):
            site.onward(page, words, f"{PAGE}.to_{page}", prepare, (run.id, page, pixels))


def prepare(run_id: str, page: str, pixels: NDArray[np.uint8] | None) -> None:
    """Make the run's network, and a picture, the choices of the page that comes."""
    state.put(state.NETWORK, trained.PREFIX + run_id)
    if pixels is not None:
        pickers.use_pixels(page, "asked on the Training page", pixels)
