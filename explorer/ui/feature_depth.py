"""The Feature maps page's curves: what changes along the depth, and how two pictures grow alike or apart."""

from collections.abc import Callable

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import charts, datasets, depth, figures, images, maps, overview
from explorer.models import Classifier, LayerSummary
from explorer.ui import cache, feature_options, frame, state
from explorer.ui.feature_lab import Looked
from explorer.ui.progress import progress
from explorer.ui.texts import plain, titles

TURNED = ("mirror", "upside-down")
"""Comparisons that move every part of the picture elsewhere."""
PROBED = 12
"""Layers along the depth that are measured."""
PICTURES_A_CLASS = 40
"""Labelled pictures of each class that the probe learns from."""


def distillation(looked: Looked, layers: tuple[LayerSummary, ...]) -> None:
    """Along the depth: resolution, number of values, zeros, dead channels; and what a linear probe makes of it."""
    chosen = overview.stages(layers, PROBED)
    if not chosen:
        st.info("This network has no layers with maps.")
        return
    paths = [layer.path for layer in chosen]
    key = (*looked.key, tuple(paths))
    found = cache.drawing("profile", key, lambda: [depth.profile_of(path, looked.outputs[path]) for path in paths])
    frame.chart(
        charts.depth_profile(
            titles(paths),
            {
                "side of a map": [one.height for one in found],
                "channels": [one.channels for one in found],
                "values": [one.values for one in found],
            },
            log=True,
            dark=looked.dark,
        ),
        key="feature_maps.profile",
        alt="Side, channels and values by depth",
    )
    frame.chart(
        charts.depth_profile(
            titles(paths),
            {
                "share of zeros": [one.zeros for one in found],
                "share of channels silent for this picture": [one.dead / one.channels for one in found],
            },
            dark=looked.dark,
        ),
        key="feature_maps.zeros",
        alt="Zeros and silent channels by depth",
    )
    _probe(looked, paths)


def _probe(looked: Looked, paths: list[str]) -> None:
    """How far the classes of a small labelled set have come apart, layer by layer."""
    st.markdown(
        "**Less about pixels, more about class?** On each layer's channel means a linear classifier learns to tell "
        f"circles, squares and triangles apart ({3 * PICTURES_A_CLASS} drawn pictures, five-fold cross-validation)."
    )
    key = ("probe", looked.classifier.key, tuple(paths))
    points = state.get(PROBES, {}).get(key)
    if points is None and st.button("Measure it", key="feature_maps.probe", icon=":material/science:"):
        points = _with_progress(looked.classifier, paths)
        state.put(PROBES, {**state.get(PROBES, {}), key: points})
    if points:
        frame.chart(
            charts.depth_profile(
                titles([point.path for point in points]),
                {"accuracy": [point.accuracy for point in points], "chance": [point.chance for point in points]},
                dark=looked.dark,
            ),
            key="feature_maps.probe_curve",
            alt="Accuracy of a linear probe by depth",
        )


PROBES = "_feature_maps_probes"
"""Probe curves measured in this session: (network, layers) → points."""


def _with_progress(classifier: Classifier, paths: list[str]) -> list[depth.ProbePoint]:
    """Measure, with a bar. *Stop*, or any other choice, ends it at the next batch."""
    with progress("feature_maps.probe_stop", "Showing the pictures to the network…") as report:
        return measure(classifier, paths, report)


def measure(classifier: Classifier, paths: list[str], on_progress: Callable[[float], object]) -> list[depth.ProbePoint]:
    """The probe curve on drawn shapes."""
    shapes = datasets.shapes(train=3 * PICTURES_A_CLASS, validation=3, test=3).train
    return depth.probe_curve(classifier, shapes.images, shapes.labels, paths, on_progress=on_progress)


def altered(picture: NDArray[np.uint8], how: str) -> NDArray[np.uint8]:
    """Another version of a picture.

    Args:
        picture: uint8 (H, W, C).
        how: a key of ``feature_options.COMPARISONS`` other than ``previous``.

    >>> altered(np.uint8([[[1], [2]]]), "mirror")[0, :, 0].tolist()
    [2, 1]
    """
    changed = picture.copy()
    height, width = picture.shape[:2]
    if how == "mirror":
        return np.ascontiguousarray(picture[:, ::-1])
    if how == "upside-down":
        return np.ascontiguousarray(picture[::-1])
    if how == "blur":
        blurred = cv2.GaussianBlur(picture, (0, 0), max(height, width) / 40)
        return np.asarray(blurred, np.uint8).reshape(picture.shape)
    if how == "occluded":
        changed[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = 127
        return changed
    changed[:] = images.to_grey(picture).round().astype(np.uint8)[..., None] if picture.shape[2] == 3 else picture
    return changed


def two_pictures(looked: Looked, layers: tuple[LayerSummary, ...]) -> None:
    """The same layer for two pictures: maps, difference, and how alike they are at each depth."""
    how = feature_options.COMPARE.draw(width=300)
    previous = state.get(state.PREVIOUS_PICTURE)
    if how == "previous" and previous is None:
        st.info("There is no picture before this one yet. Choose another picture, and come back.")
        return
    if how == "previous":
        classifier = looked.classifier
        sha = previous.sha
        other, _ = cache.fitted(classifier.key, sha, classifier, previous.picture.pixels)
    else:
        sha = f"{looked.key[1]} {how}"
        other = altered(looked.picture, how)
    outputs = cache.all_maps(looked.classifier.key, sha, looked.classifier, other)
    outputs = {path: turned_back(values, how) for path, values in outputs.items()}
    left, right, third = st.columns(3)
    rgb = images.to_rgb(other)
    for column, picture, label in ((left, looked.rgb, "this picture"), (right, rgb, feature_options.COMPARISONS[how])):
        with column:
            st.image(images.encode_png(figures.enlarge(picture, 300)), width="stretch", output_format="PNG", alt=label)
            st.caption(label)
    if looked.layer.spatial:
        channel = looked.channel
        a, b = (every[looked.layer.path][..., channel] for every in (looked.outputs, outputs))
        ends = maps.ends(np.stack([a, b], axis=-1))
        for column, values in ((left, a), (right, b)):
            with column:
                _one_map(values, ends, dark=looked.dark)
        with third:
            _difference(a, b, dark=looked.dark)
            turned = ", the second turned back" if how in TURNED else ""
            st.caption(f"first minus second{turned}; channel {channel} of {plain(looked.layer.path)}")
    with third:
        st.caption(_answers(looked, sha, other))
    paths = [layer.path for layer in overview.stages(layers, PROBED)]
    cosines = cache.drawing(
        "cosines",
        (*looked.key, sha, tuple(paths)),
        lambda: [maps.cosine(looked.outputs[path], outputs[path]) for path in paths],
    )
    frame.chart(
        charts.depth_profile(
            titles(paths),
            {"cosine similarity": cosines},
            dark=looked.dark,
        ),
        key="feature_maps.cosine",
        alt="How alike the two pictures are, by depth",
    )


def turned_back(values: NDArray[np.float32], how: str) -> NDArray[np.float32]:
    """The maps of a mirrored picture, mirrored back, so that each cell meets the one for the same part."""
    if values.ndim != 3 or how not in TURNED:
        return values
    return values[:, ::-1] if how == "mirror" else values[::-1]


def _difference(a: NDArray[np.float32], b: NDArray[np.float32], *, dark: bool) -> None:
    """The one map minus the other, zero in the middle of the colours."""
    extreme = float(np.abs(a - b).max())
    if extreme == 0:
        st.info("The two maps are the same, value by value.")
    else:
        _one_map(a - b, (-extreme, extreme), dark=dark)


def _one_map(values: NDArray[np.float32], ends: tuple[float, float], *, dark: bool) -> None:
    """A map in its colours, the range printed."""
    low, high = ends
    pixels = maps.overlay(
        np.zeros((*values.shape, 3), np.uint8), values.astype(np.float32), opacity=1.0, low=low, high=high, dark=dark
    )
    st.image(images.encode_png(figures.enlarge(pixels, 300)), width="stretch", output_format="PNG", alt="A feature map")
    st.caption(f"colours from {low:.3g} to {high:.3g}")


def _answers(looked: Looked, sha: str, other: NDArray[np.uint8]) -> str:
    """The likeliest class of each picture."""
    key, classifier = looked.classifier.key, looked.classifier
    first = cache.top_classes(*looked.key, classifier, looked.picture)[0]
    second = cache.top_classes(key, sha, classifier, other)[0]
    return " → ".join(f"**{plain(name)}** {share:.0%}" for _, name, share in (first, second))
