"""The Grad-CAM page's grid of many pictures: does the method look at the same thing everywhere?"""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import datasets, images
from explorer.attribution import Explanation, Target, average_drop
from explorer.errors import ImageInputError
from explorer.images import GALLERY, SAMPLE_LABELS
from explorer.settings import MAX_BATCH_PICTURES
from explorer.ui import attribution_options as options
from explorer.ui import cache, pickers
from explorer.ui.attribution_options import Asked
from explorer.ui.attribution_stage import Explained, answer, on_page, over
from explorer.ui.gallery import gallery
from explorer.ui.texts import plain

SIDE = 300
"""Longest side of a picture in the grid, in pixels."""
SHAPES = 12
"""Drawn shapes in the grid."""


@dataclass(frozen=True)
class One:
    """A picture of the grid: its name, its hash, its pixels."""

    name: str
    sha: str
    pixels: NDArray[np.uint8]


def batch(shown: Explained) -> None:
    """Each picture with the map of its own likeliest class."""
    which = options.BATCH.draw()
    if which == "own":
        st.file_uploader(
            f"Up to {MAX_BATCH_PICTURES} pictures",
            type=list(pickers.FILE_TYPES),
            accept_multiple_files=True,
            key="grad_cam.batch_upload",
            max_upload_size=max(1, cache.limits().max_image_bytes // 1_000_000),
        )
    pictures, problems = _pictures(which)
    for problem in problems:
        st.warning(plain(problem), icon=":material/broken_image:")
    if not pictures:
        return
    if shown.asked.entry.slow:
        st.info(
            f"{shown.asked.entry.title} takes seconds for each picture; the grid shows Grad-CAM's maps, or saliency."
        )
    asked = _quick(shown.asked)
    drawn, found, fitted = [], [], []
    for one in pictures:
        png, words, explanation, pixels = _explained(asked, one, dark=shown.dark)
        drawn.append((png, words))
        found.append(explanation)
        fitted.append(pixels)
    gallery(drawn, columns=4)
    kept = average_drop(asked.classifier, fitted, found)
    st.caption(
        f"With only what the map shows, the probability falls by **{kept.drop:.0%}** of itself on average (*average "
        f"drop*, lower is better) and rises for **{kept.increase:.0%}** of the pictures (*average increase*)."
    )


def _quick(asked: Asked) -> Asked:
    """The same question to a method that takes no seconds."""
    if not asked.entry.slow:
        return asked
    return replace(asked, method="grad-cam" if asked.layer or asked.entry.needs_layer else "saliency", options={})


def _explained(asked: Asked, one: One, *, dark: bool) -> tuple[bytes, str, Explanation, NDArray[np.uint8]]:
    """The picture with its map, and what the network says of it."""
    classifier = asked.classifier
    fitted, _ = cache.fitted(classifier.key, one.sha, classifier, one.pixels)
    index, name, share = cache.top_classes(classifier.key, one.sha, classifier, fitted)[0]
    found = answer(replace(asked, target=Target(index)), fitted, one.sha)
    picture, seen = on_page(one.pixels, classifier.input_shape[:2], SIDE)
    png = images.encode_png(over(picture, seen, found, dark=dark).pixels)
    return png, f"{plain(one.name)} · **{plain(name)}** {share:.0%}", found, fitted


def _pictures(which: str) -> tuple[list[One], list[str]]:
    """The pictures of the grid, and a sentence for each that could not be read."""
    if which == "samples":
        chosen = [pickers.sample(name) for name in GALLERY]
        return [One(SAMPLE_LABELS[one.sample], one.sha, one.picture.pixels) for one in chosen], []
    if which == "shapes":
        shapes = datasets.load("shapes").test
        names = datasets.load("shapes").class_names
        return [
            One(names[label], images.fingerprint(picture), picture)
            for picture, label in zip(shapes.images[:SHAPES], shapes.labels[:SHAPES], strict=True)
        ], []
    return _uploaded()


def _uploaded() -> tuple[list[One], list[str]]:
    """The person's own pictures; one that cannot be read is named and left out."""
    files = st.session_state.get("grad_cam.batch_upload") or []
    read, problems = [], []
    if len(files) > MAX_BATCH_PICTURES:
        problems.append(f"{len(files)} pictures were given; the first {MAX_BATCH_PICTURES} are shown.")
    for file in files[:MAX_BATCH_PICTURES]:
        encoded = file.getvalue()
        sha = hashlib.sha256(encoded).hexdigest()
        try:
            read.append(One(str(file.name)[-40:], sha, cache.picture(sha, (255, 255, 255), encoded).pixels))
        except ImageInputError as error:
            problems.append(f"{str(file.name)[-40:]}: {error}")
    return read, problems
