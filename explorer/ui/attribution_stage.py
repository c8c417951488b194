"""The Grad-CAM page's first screen: the picture and its classes, the heatmap over it, the raw map."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import figures, images, maps
from explorer.attribution import METHODS, Explanation, explain, over_picture, spatial_layers
from explorer.images.sizing import seen_part
from explorer.maps import Heat
from explorer.ui import attribution_options as options
from explorer.ui import cache, frame, state
from explorer.ui.attribution_options import Asked, Top
from explorer.ui.progress import progress
from explorer.ui.texts import plain

SHOWN_SIDE = 720
"""Longest side of the picture on the page, in pixels."""
UNSEEN = 0.35
"""How much of the picture's light is left where the network sees nothing."""


@dataclass(frozen=True)
class Explained:
    """A question with its answer, ready to be drawn.

    Attributes:
        asked: the question.
        found: the answer, over the picture as the network reads it.
        fitted: uint8 (H, W, C), that picture.
        picture: uint8 (H, W, 3), the person's own picture, reduced for the page; dim where the network sees nothing.
        seen: top, left, height and width of the part of ``picture`` that the network sees.
        dark: whether the page is dark.
    """

    asked: Asked
    found: Explanation
    fitted: NDArray[np.uint8]
    picture: NDArray[np.uint8]
    seen: tuple[int, int, int, int]
    dark: bool

    @property
    def key(self) -> tuple[str, str]:
        """The network's key and the picture's hash, for what is kept."""
        return self.asked.classifier.key, self.asked.chosen.sha

    def drawn_over(self, found: Explanation) -> Heat:
        """A map over the picture, in the colours that are chosen."""
        return over(self.picture, self.seen, found, dark=self.dark)


def over(picture: NDArray[np.uint8], seen: tuple[int, int, int, int], found: Explanation, *, dark: bool) -> Heat:
    """A map over the part of a picture that the network saw, in the colours that are chosen."""
    top, left, height, width = seen
    part = np.ascontiguousarray(picture[top : top + height, left : left + width])
    whole = (0, 0, height, width)
    drawn = maps.heat(
        part,
        over_picture(found.raw_values, part.shape, whole),
        signed=over_picture(found.raw, part.shape, whole),
        colours=options.HEAT.current(),
        opacity=options.OPACITY.current(),
        threshold=options.THRESHOLD.current(),
        outline=options.OUTLINE.current(),
        box=options.BOX.current(),
        dark=dark,
    )
    pixels = picture.copy()
    pixels[top : top + height, left : left + width] = drawn.pixels
    return replace(drawn, pixels=pixels)


def answer(
    asked: Asked,
    fitted: NDArray[np.uint8],
    sha: str,
    *,
    method: str | None = None,
    layer: str | None = None,
    on_stop: Callable[[], None] | None = None,
) -> Explanation:
    """What a method says about a picture; kept, so that no widget asks twice.

    Args:
        asked: the question.
        fitted: uint8 (H, W, C), the picture as the network reads it.
        sha: names that picture.
        method: another one than the chosen one, with its own defaults.
        layer: another one than the chosen one.
        on_stop: what *Stop* does; with nothing it goes back to a quick method.
    """
    name = method or asked.method
    entry = METHODS[name]
    own: dict[str, Any] = dict(asked.options) if name == asked.method else {}
    layer = (layer or asked.layer) if entry.needs_layer else None
    key = (asked.classifier.key, sha, name, layer, asked.target, tuple(sorted(own.items())))
    ask = partial(explain, asked.classifier, fitted, method=name, layer=layer, target=asked.target, **own)

    def make() -> Explanation:
        if not entry.slow:
            return ask()
        with progress(
            f"grad_cam.stop_{sha256(repr(key).encode()).hexdigest()[:12]}",  # several may run for one page
            f"{entry.title}: {entry.cost}…",
            stop="Stop" if on_stop else "Stop, back to Grad-CAM",
            on_stop=on_stop or options.back_to_the_quick_one,
        ) as report:
            return ask(on_progress=report)

    return read_only(cache.shelf().get_or_make(key, make, size_of))


def quick(asked: Asked) -> Asked:
    """The same question to a method that takes no seconds, for pages of many maps."""
    if not asked.entry.slow:
        return asked
    has_layers = bool(spatial_layers(asked.classifier))
    return replace(asked, method="grad-cam" if has_layers else "saliency", options={})


def instead_of_slow(asked: Asked) -> None:
    """Say that a quick method is shown in place of a slow one."""
    if asked.entry.slow:
        st.info(f"{asked.entry.title} takes seconds for each map; the quick {quick(asked).entry.title} is shown here.")


def _arrays(found: Explanation) -> list[NDArray[np.float32]]:
    terms = [found.terms.maps, found.terms.weights] if found.terms else []
    return [found.values, found.signed, found.raw, found.raw_values, found.pixels, *terms]


def read_only(found: Explanation) -> Explanation:
    """Its arrays cannot be written: other visitors are given the same ones."""
    for array in _arrays(found):
        array.setflags(write=False)
    return found


def size_of(found: Explanation) -> int:
    """Bytes of an explanation's arrays."""
    return sum(array.nbytes for array in _arrays(found))


def on_page(
    pixels: NDArray[np.uint8], size: tuple[int, int], side: int = SHOWN_SIDE
) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """A picture for the page, dim where the network sees nothing, and the part that it sees."""
    rgb = pixels if pixels.ndim == 3 and pixels.shape[2] == 3 else np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, 2)
    small = images.reduce_to(rgb, side) if max(rgb.shape[:2]) > side else figures.enlarge(rgb, side)
    top, left, height, width = seen = seen_part(small.shape, size)
    shown = np.rint(small * UNSEEN).astype(np.uint8)
    shown[top : top + height, left : left + width] = small[top : top + height, left : left + width]
    return shown, seen


def draw(asked: Asked, *, dark: bool) -> tuple[Explained, Heat]:
    """The three pictures, with what belongs to each under it.

    The picture and its classes are there at once; what takes seconds has its bar where the heatmap will be.

    Returns:
        The question with its answer, and the heatmap as it is drawn.
    """
    if state.get(options.STOPPED):
        state.put(options.STOPPED, None)
        st.toast("Stopped. Grad-CAM is shown instead.")
    classifier, chosen = asked.classifier, asked.chosen
    fitted, notes = cache.fitted(classifier.key, chosen.sha, classifier, chosen.picture.pixels)
    picture, seen = on_page(chosen.picture.pixels, classifier.input_shape[:2])
    with st.container(key="stage-attribution"):
        left, middle, right = st.columns([1, 1.25, 0.8])
    with left:
        _png(picture, f"{chosen.label}, bright where the network sees it")
        st.caption(plain(" ".join(notes)) or f"{plain(chosen.label)}, all of it")
        _classes(asked.top, asked.target.index)
    with middle:
        shown = Explained(asked, answer(asked, fitted, chosen.sha), fitted, picture, seen, dark)
        heat = shown.drawn_over(shown.found)
        _png(heat.pixels, f"Heatmap: {asked.target.named(classifier.class_names)}, by {asked.entry.title}")
        st.caption(_said(shown.found, asked, heat))
        _appearance()
    with right:
        _png(raw_map(shown.found, dark=dark), "The map as the method gives it")
        st.caption(_raw_caption(shown.found))
    frame.notes(shown.found.notes)
    return shown, heat


def _png(pixels: NDArray[np.uint8], alt: str) -> None:
    st.image(images.encode_png(pixels), width="stretch", output_format="PNG", alt=alt)


def raw_map(found: Explanation, *, dark: bool, side: int = 480) -> NDArray[np.uint8]:
    """The signed map at its own resolution, each cell a square."""
    extreme = figures.scale_end(np.abs(found.raw)) or 1.0
    return figures.enlarge(maps.between(found.raw, -extreme, extreme, dark=dark), side)


def _raw_caption(found: Explanation) -> str:
    """Size and range of the raw map."""
    height, width = found.raw.shape
    where = f"at layer {plain(found.layer)}" if found.layer else "at the picture's own pixels"
    low, high = float(found.raw.min()), float(found.raw.max())
    signs = METHODS[found.method].signs
    return f"**Raw map** · {height} × {width} {where} · from {low:.3g} to {high:.3g} · {signs}"


def _said(found: Explanation, asked: Asked, heat: Heat) -> str:
    """The score in words, and what the heatmap's colours hold."""
    names, versus = asked.classifier.class_names, asked.target.versus
    parts = [f"**{asked.question}** · {unit_of(asked)} **{found.score:.3f}** · probability {found.probability:.1%}"]
    if versus is not None:
        probabilities = cache.probabilities(asked.classifier.key, asked.chosen.sha, asked.classifier, found.pixels[0])
        parts.append(f"of {plain(names[versus])} {probabilities[versus]:.1%}")
    if heat.box is not None and (options.THRESHOLD.current() or options.OUTLINE.current() or options.BOX.current()):
        parts.append(
            f"above {heat.level:.0%} of the scale: {heat.covered:.0%} of the picture, {heat.held:.0%} of the heat"
        )
    return " · ".join(parts)


def unit_of(asked: Asked) -> str:
    """What the score is, in words."""
    if asked.target.versus is None:
        return "logit"
    one_unit = asked.classifier.model.outputs[0].shape[-1] == 1
    return "difference of logits, z and −z of one unit," if one_unit else "difference of logits"


def _appearance() -> None:
    """How the heatmap is drawn."""
    options.OPACITY.draw()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        options.HEAT.draw(width=150)
        with st.popover("Outline", icon=":material/crop_free:"):
            options.THRESHOLD.draw()
            options.OUTLINE.draw()
            options.BOX.draw()


def _classes(top: Top, chosen: int | None) -> None:
    """The likeliest classes as buttons with their probability: one asks about it."""
    shares = {index: f"{name} · {share:.1%}" for index, name, share in top}
    key = "grad_cam.top"
    st.session_state[key] = chosen if chosen in shares else None

    def ask() -> None:
        pressed = st.session_state.get(key)
        if pressed in shares:
            options.ask_about(pressed, top)

    st.radio(
        "The likeliest classes; press one to ask about it",
        list(shares),
        index=None,
        format_func=lambda index: plain(shares.get(index, str(index))),
        key=key,
        on_change=ask,
    )
