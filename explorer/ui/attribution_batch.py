"""The Grad-CAM page's grid of many pictures: does the method look at the same thing everywhere?"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import images
from explorer.attribution import Explanation, Target, average_drop
from explorer.errors import ImageInputError
from explorer.images import GALLERY, SAMPLE_LABELS
from explorer.images.sizing import seen_part
from explorer.models import Classifier
from explorer.settings import MAX_BATCH_PICTURES
from explorer.ui import attribution_options as options
from explorer.ui import cache, pickers
from explorer.ui.attribution_options import Asked
from explorer.ui.attribution_stage import Explained, answer, instead_of_slow, on_page, over, quick
from explorer.ui.gallery import gallery
from explorer.ui.texts import plain

SIDE = 300
"""Longest side of a picture in the grid, in pixels."""
SHAPES = 12
"""Drawn shapes in the grid."""


@dataclass(frozen=True)
class One:
    """A picture of the grid: its name, its hash, and what reads its pixels, uint8 (H, W, C)."""

    name: str
    sha: str
    read: Callable[[], NDArray[np.uint8]]


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
    asked = quick(shown.asked)
    drawn, found, fitted = [], [], []
    with st.spinner("Asking about each picture…"):
        for one in pictures:
            try:
                png, words, explanation, pixels = _explained(asked, one, dark=shown.dark)
            except ImageInputError as error:
                problems.append(f"{one.name}: {error}")
                continue
            drawn.append((png, words))
            found.append(explanation)
            fitted.append(pixels)
    for problem in problems:
        st.warning(plain(problem), icon=":material/broken_image:")
    if not drawn:
        return
    instead_of_slow(shown.asked)
    gallery(drawn, columns=4)
    shas = tuple(one.sha for one in pictures)
    kept = cache.shelf().get_or_make(
        ("drops", asked.classifier.key, asked.method, asked.layer, tuple(sorted(asked.options.items())), shas),
        lambda: average_drop(asked.classifier, fitted, found),
        lambda _: 1000,
    )
    st.caption(
        f"With only what the map shows, the probability falls by **{kept.drop:.0%}** of itself on average (*average "
        f"drop*, lower is better) and rises for **{kept.increase:.0%}** of the pictures (*average increase*)."
    )


def _explained(asked: Asked, one: One, *, dark: bool) -> tuple[bytes, str, Explanation, NDArray[np.uint8]]:
    """The picture with its map, and what the network says of it."""
    classifier = asked.classifier
    fitted, picture = cache.shelf().get_or_make(
        ("grid", classifier.key, one.sha),
        lambda: _sizes(classifier, one.read()),
        lambda made: sum(picture.nbytes for picture in made),
    )
    seen = seen_part(picture.shape, classifier.input_shape[:2])
    index, name, share = cache.top_classes(classifier.key, one.sha, classifier, fitted)[0]
    found = answer(replace(asked, target=Target(index)), fitted, one.sha)
    png = images.encode_png(over(picture, seen, found, dark=dark).pixels)
    return png, f"{plain(one.name)} · **{plain(name)}** {share:.0%}", found, fitted


def _sizes(classifier: Classifier, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture as the network reads it, and as the grid shows it; its many pixels need not be kept."""
    fitted, _ = classifier.fit(pixels)
    shown, _ = on_page(pixels, classifier.input_shape[:2], SIDE)
    return np.clip(np.rint(fitted[0]), 0, 255).astype(np.uint8), shown


def _pictures(which: str) -> tuple[list[One], list[str]]:
    """The pictures of the grid, and a sentence for each that could not be read."""
    if which == "samples":
        return [_sample(name) for name in GALLERY], []
    if which == "shapes":
        shapes = cache.dataset("shapes")
        shown = zip(shapes.test.images[:SHAPES], shapes.test.labels[:SHAPES], strict=True)
        return [_drawn(shapes.class_names[label], picture) for picture, label in shown], []
    return _uploaded()


def _sample(name: str) -> One:
    chosen = pickers.sample(name)
    return One(SAMPLE_LABELS[name], chosen.sha, lambda: chosen.picture.pixels)


def _drawn(name: str, picture: NDArray[np.uint8]) -> One:
    return One(name, images.fingerprint(picture), lambda: picture)


def _uploaded() -> tuple[list[One], list[str]]:
    """The person's own pictures; of too many, the first."""
    files = st.session_state.get("grad_cam.batch_upload") or []
    problems = []
    if len(files) > MAX_BATCH_PICTURES:
        problems.append(f"{len(files)} pictures were given; the first {MAX_BATCH_PICTURES} are shown.")
    return [_file(str(file.name)[-40:], file.getvalue()) for file in files[:MAX_BATCH_PICTURES]], problems


def _file(name: str, encoded: bytes) -> One:
    return One(name, hashlib.sha256(encoded).hexdigest(), lambda: images.read_image(encoded))
