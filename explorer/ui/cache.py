"""Every cached computation, and nothing else. Keys are content hashes; arrays come in as ``_underscored``, unhashed.

Cached arrays are shared between visitors, so they are read-only. A key is the hash of the content itself: who does
not have the picture cannot name it.
"""

import gc
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import datasets, figures, images, settings
from explorer.errors import ModelError
from explorer.filtering import Filtering
from explorer.images import SAMPLES, Picture
from explorer.settings import MAX_MAP_VALUES, MAX_OPEN_DATASETS, MAX_SHELF_BYTES
from explorer.ui.browser import jpeg_address
from explorer.ui.shelf import Shelf

if TYPE_CHECKING:
    from explorer.models import Classifier, LayerSummary
    from explorer.overview import Measured, Plan
    from explorer.trace import Wiring
    from explorer.training import Run
    from explorer.training.lessons import Lesson

THUMBNAIL_SIDE = 96
AUTOMATIC = "auto"
"""The display that is chosen by the values, see ``figures.automatic``."""


def limits() -> settings.Settings:
    """The limits in force."""
    return settings.current()


@st.cache_data(max_entries=32, show_spinner=False)
def sample_bytes(name: str) -> bytes:
    """The file of a bundled picture."""
    return SAMPLES[name].read_bytes()


@st.cache_data(max_entries=64, show_spinner=False)
def thumbnail(name: str) -> str:
    """A bundled picture's centre square as a ``data:`` address, small enough to sit in a button."""
    pixels = images.read_image(sample_bytes(name))
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    square = pixels[top : top + side, left : left + side]
    way = cv2.INTER_AREA if side > THUMBNAIL_SIDE else cv2.INTER_NEAREST
    small = cv2.resize(square, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=way)
    return jpeg_address(small)


@st.cache_resource(max_entries=8, show_spinner="Reading the picture…")
def picture(sha: str, background: tuple[int, int, int], _encoded: bytes) -> Picture:  # noqa: ARG001
    """The decoded picture of a file with this sha256, its transparent parts on this colour.

    Raises:
        ImageInputError: it cannot be read, or is over a limit.
    """
    decoded = images.read(_encoded, background=background)
    decoded.pixels.setflags(write=False)
    return decoded


@st.cache_resource(max_entries=4, show_spinner="Opening the dataset…")
def dataset(name: str) -> datasets.Dataset:
    """A built-in dataset. Read-only, shared."""
    return datasets.load(name)


@dataclass(frozen=True)
class View:
    """What the Kernels page shows of one filtering: small, encoded, ready to send.

    Attributes:
        source_png, result_png: the two pictures, at most ``max_shown_side`` wide and high.
        source_shape, result_shape: (H, W, C) of the arrays they were made from.
        source_reduction, reduction: by how much each was made smaller for the page; 1 where it was not.
        display: the one of ``DISPLAYS`` that was used.
        shown: ranges and legend of the result's colours (its ``levels`` are empty here).
        low, high: least and greatest value of the result.
        negative: share of values below zero, 0–1.
        counts, edges: histogram of the result's values.
    """

    source_png: bytes
    result_png: bytes
    source_shape: tuple[int, ...]
    result_shape: tuple[int, ...]
    source_reduction: float
    reduction: float
    display: str
    shown: figures.Shown
    low: float
    high: float
    negative: float
    counts: NDArray[np.int64]
    edges: NDArray[np.float32]


@st.cache_data(max_entries=64, show_spinner=False)
def source_png(sha: str, channels: str, _filtering: Filtering, _pixels: NDArray[np.uint8]) -> tuple[bytes, float]:  # noqa: ARG001
    """The picture as the kernel is given it, and by how much it was reduced for the page."""
    return _page_png(figures.clipped(_filtering.source(_pixels)))


@st.cache_data(max_entries=64, show_spinner=False)
def view(sha: str, filtering: Filtering, display: str, dark: bool, _pixels: NDArray[np.uint8]) -> View:
    """Everything the first screen of the Kernels page shows."""
    filtered = filtering.apply(_pixels)
    result = filtered.result
    display = figures.automatic(result) if display == AUTOMATIC else display
    shown = figures.DISPLAYS[display].draw(result, dark=dark)
    png, reduction = _page_png(shown)
    low, high = float(result.min()), float(result.max())
    counts, edges = figures.count_values(result)
    source, source_reduction = source_png(sha, filtering.channels, filtering, _pixels)
    return View(
        source_png=source,
        result_png=png,
        source_shape=filtered.source.shape,
        result_shape=result.shape,
        source_reduction=source_reduction,
        reduction=reduction,
        display=display,
        shown=replace(shown, levels=np.empty((0, 0, 1), np.uint8)),
        low=low,
        high=high,
        negative=float(np.count_nonzero(result < 0)) / result.size,
        counts=counts,
        edges=edges,
    )


@st.cache_data(max_entries=256, show_spinner=False)
def preview(sha: str, filtering: Filtering, display: str, dark: bool, _pixels: NDArray[np.uint8]) -> bytes:  # noqa: ARG001
    """The result alone, for a small picture in a mosaic."""
    result = filtering.apply(_pixels).result
    display = figures.automatic(result) if display == AUTOMATIC else display
    return _png(figures.DISPLAYS[display].draw(result, dark=dark), 200)


def _page_png(shown: figures.Shown) -> tuple[bytes, float]:
    """A picture for the page, and by how much it was reduced; the pixels of a tiny one are repeated."""
    side = limits().max_shown_side
    longest = max(shown.levels.shape[:2])
    if longest > side:
        small = images.reduce_to(shown.pixels, side)
        return images.encode_png(small), longest / max(small.shape[:2])
    return _png(shown, 480), 1.0


def _png(shown: figures.Shown, side: int) -> bytes:
    """The picture, exactly, in a file that is quick to write; where it stays on the machine, not even compressed."""
    levels = figures.enlarge(shown.levels, side)
    if shown.table is None:
        return images.encode_png(levels)
    return images.encode_indexed_png(levels, shown.table, compress=limits().profile == "hosted")


Drawn = TypeVar("Drawn")


@st.cache_data(max_entries=256, show_spinner=False)
def drawing(kind: str, key: tuple[Hashable, ...], _draw: Callable[[], Drawn]) -> Drawn:  # noqa: ARG001
    """What ``_draw`` gives, kept: small, encoded pictures and their captions.

    Args:
        kind: names the drawing.
        key: everything that it depends on.
        _draw: makes it, when it is not there yet.
    """
    return _draw()


# Networks. TensorFlow is imported inside, because the Kernels page uses this module too and must not wait for it.

Maps = Mapping[str, NDArray[np.float32]]


@st.cache_resource(max_entries=4, show_spinner="Waking TensorFlow and loading the network…")
def network(name: str) -> "Classifier":
    """A published network. Read-only, shared.

    Raises:
        ModelError: its weights cannot be had.
    """
    from explorer.models import load_pretrained  # noqa: PLC0415

    settle()
    return load_pretrained(name)


@st.cache_resource(max_entries=8, show_spinner="Waking TensorFlow and loading the network…")
def trained(run_id: str, epoch: int | None, version: tuple[Hashable, ...], _run: "Run") -> "Classifier":  # noqa: ARG001
    """A training run's network. Read-only, shared.

    Args:
        run_id: of the run.
        epoch: its number; None for the network as it is now.
        version: changes whenever that is another one.

    Raises:
        RunError: it is not there.
    """
    import explorer.models  # noqa: F401, PLC0415

    settle()
    return _run.classifier(epoch)


@st.cache_data(max_entries=600, show_spinner=False)
def run_summary(run_id: str, stamp: tuple[int, int], _make: Callable[[], Drawn]) -> Drawn:  # noqa: ARG001
    """What is to be said of a training run; ``stamp`` tells whether anything has happened since."""
    return _make()


@st.cache_resource(max_entries=2, show_spinner=False)
def lesson(run_id: str, _run: "Run") -> "Lesson":  # noqa: ARG001
    """The pictures of a training run. Read-only, shared.

    Raises:
        DatasetError, RunError: they cannot be had any more.
    """
    return _run.lesson()


@st.cache_resource(show_spinner=False)
def settle() -> None:
    """Leave TensorFlow and Keras, once they are imported, out of every later search for garbage.

    Streamlit searches after each run of a page, twice where Keras is loaded: a quarter of a second among their hundreds
    of thousands of objects, none of which ever becomes garbage. Networks are loaded afterwards, so that they can.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(max_entries=2, show_spinner="Drawing new weights…")
def untrained(key: str, _classifier: "Classifier") -> "Classifier":  # noqa: ARG001
    """The same network before it learned anything. Read-only, shared."""
    from explorer.models.untrained import untrained as fresh  # noqa: PLC0415

    return fresh(_classifier)


@st.cache_resource(max_entries=16, show_spinner=False)
def layers(key: str, _classifier: "Classifier") -> "tuple[LayerSummary, ...]":  # noqa: ARG001
    """What each layer of a network is."""
    from explorer.models import describe_layers  # noqa: PLC0415

    return tuple(describe_layers(_classifier.model, input_shape=_classifier.input_shape))


@st.cache_resource(max_entries=4, show_spinner="The picture travels through the network…")
def all_maps(key: str, sha: str, _classifier: "Classifier", _pixels: NDArray[np.uint8]) -> Maps:  # noqa: ARG001
    """Every layer's output for one picture, in one pass: path → float32 (H, W, C), or (K,) without space.

    A change of layer, order or colours then computes nothing. One picture takes 50 to 250 MB, so four are kept.
    """
    from explorer.activations import feature_maps  # noqa: PLC0415

    every = layers(key, _classifier)
    values = sum(int(np.prod([side or 1 for side in layer.output_shape])) for layer in every)
    if values > MAX_MAP_VALUES:
        raise ModelError(
            f"All the maps of this network are {values / 1e6:,.0f} million numbers for one picture; "
            f"{MAX_MAP_VALUES / 1e6:,.0f} million is the limit. Choose a smaller network."
        )
    paths = [layer.path for layer in every]
    outputs = {path: maps[0] for path, maps in feature_maps(_classifier, _pixels, paths).items()}
    for maps in outputs.values():
        maps.setflags(write=False)
    return outputs


@st.cache_data(max_entries=24, show_spinner=False)
def glance(key: tuple[Hashable, ...], _draw: Callable[[], Drawn]) -> Drawn:  # noqa: ARG001
    """The whole network at a glance, or one channel unfolded, as the browser is sent it: up to 2 MB."""
    return _draw()


@st.cache_resource(max_entries=4, show_spinner=False)
def plan(key: str, _classifier: "Classifier") -> "Plan":  # noqa: ARG001
    """A network as stages that fit a screen. Read-only, shared."""
    from explorer import overview  # noqa: PLC0415

    return overview.plan(_classifier.model, input_shape=_classifier.input_shape)


@st.cache_resource(max_entries=8, show_spinner="The picture travels through the network…")
def measured(key: str, sha: str, _classifier: "Classifier", _pixels: NDArray[np.uint8]) -> "Measured":  # noqa: ARG001
    """What one picture made of a network's stages, 5 to 30 MB."""
    from explorer import overview  # noqa: PLC0415

    found = overview.measure(_classifier, plan(key, _classifier), _classifier.fit(_pixels)[0][0])
    for maps in found.maps.values():
        maps.setflags(write=False)
    return found


@st.cache_resource(max_entries=2, show_spinner=False)
def wiring(key: str, sha: str, _classifier: "Classifier", _pixels: NDArray[np.uint8]) -> "Wiring":
    """A network with every layer's output for one picture, for channels to be unfolded."""
    from explorer.trace import Wiring  # noqa: PLC0415

    outputs = all_maps(key, sha, _classifier, _pixels)
    given = _classifier.fit(_pixels)[0][0]
    return Wiring(_classifier.model, outputs, given, input_shape=_classifier.input_shape)


@st.cache_data(max_entries=256, show_spinner=False)
def top_classes(
    key: str,  # noqa: ARG001
    sha: str,  # noqa: ARG001
    _classifier: "Classifier",
    _pixels: NDArray[np.uint8],
) -> list[tuple[int, str, float]]:
    """The five likeliest classes: index, name, probability."""
    return _classifier.top(_pixels, 5)


@st.cache_data(max_entries=64, show_spinner=False)
def probabilities(
    key: str,  # noqa: ARG001
    sha: str,  # noqa: ARG001
    _classifier: "Classifier",
    _pixels: NDArray[np.float32],
) -> NDArray[np.float32]:
    """The probability of each class, float32 (K,)."""
    return np.asarray(_classifier.predict(_pixels)[0], np.float32)


@st.cache_data(max_entries=256, show_spinner=False)
def fitted(
    key: str,  # noqa: ARG001
    sha: str,  # noqa: ARG001
    _classifier: "Classifier",
    _pixels: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The picture as the network reads it, uint8 (H, W, C), and a sentence for each thing that was done to it."""
    pixels, sentences = _classifier.fit(_pixels)
    return np.clip(np.rint(pixels[0]), 0, 255).astype(np.uint8), sentences


@st.cache_resource(show_spinner=False)
def opened() -> Shelf:
    """Datasets that are open: each holds a file open, and its pictures are on the disk as long as it does."""
    return Shelf(MAX_OPEN_DATASETS)


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """Explanations and measurements that take seconds."""
    return Shelf(MAX_SHELF_BYTES)
