"""The Filters page's first screen: what grows, what has grown, and the one picture that is looked at."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import figures, images
from explorer.ascent import PRESETS, Growth
from explorer.ui import (
    attribution_options,
    cache,
    feature_options,
    filter_atlas,
    filter_growing,
    map_components,
    site,
    state,
)
from explorer.ui import filter_options as options
from explorer.ui.filter_growing import GAP
from explorer.ui.filter_options import ANSWERS, DREAM, INVERT, PATTERNS, Asked
from explorer.ui.texts import plain

LARGE_SIDE, ALONE_SIDE = 384, 512
"""Height and width of the picture that is looked at, beside others and alone, in pixels."""


ONE_CHANNEL = (PATTERNS, ANSWERS)
"""What grows for one channel each."""


@dataclass(frozen=True)
class Seen:
    """A question and what has grown for it.

    Attributes:
        asked: the question.
        growth: what has grown, which may have been stopped; None before *Grow*.
        place: of the picture that is looked at.
        dark: whether the page is dark.
    """

    asked: Asked
    growth: Growth | None
    place: int
    dark: bool

    @property
    def channel(self) -> int | None:
        """The channel of the picture that is looked at; None where it has none."""
        channels = self.asked.channels
        if self.asked.mode in (DREAM, INVERT) or not channels:
            return None
        return channels[min(self.place, len(channels) - 1)]


def draw_mode() -> bool:
    """What to grow, and the button that starts it; whether this run is to grow.

    One press is good for one run, also where that run ends with an error.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        options.MODE.draw(on_change=options.fresh_parts, label_visibility="collapsed")
        st.button(
            "Grow",
            key="filters.grow",
            type="primary",
            icon=":material/psychiatry:",
            on_click=options.grow_now,
        )
    pressed = bool(state.get(options.GROW_NOW))
    state.put(options.GROW_NOW, None)
    return pressed


def draw(asked: Asked, *, grow: bool, dark: bool) -> Seen:
    """Grow where that was asked for; else show what has grown, or what there is to see before.

    Raises:
        ExplorerError: as the functions of :mod:`explorer.ascent`.
    """
    growth = filter_growing.grow(asked, dark=dark) if grow else filter_growing.found(asked)
    place = options.PATTERN.current() or 0
    if not shows_atlas(asked, growth):
        st.caption(options.MODE_SENTENCES[asked.mode])
    if growth is None or growth.step < 0:
        _before(asked, dark=dark)
        return Seen(asked, None, 0, dark)
    seen = Seen(asked, growth, min(place, len(growth.labels) - 1), dark)
    left, right = st.columns([1.55, 1], gap="medium")
    with left:
        if len(growth.labels) == 1:
            _alone(seen, growth)
        else:
            _grid(seen, growth)
    with right:
        _looked_at(seen, growth)
    return seen


def shows_atlas(asked: Asked, growth: Growth | None) -> bool:
    """Whether the atlas stands where the pictures will grow."""
    return growth is None and asked.mode == PATTERNS and filter_atlas.is_of(asked.classifier)


def atlas_tab(seen: Seen) -> None:
    """The atlas, where it is not on the first screen."""
    if not filter_atlas.is_of(seen.asked.classifier):
        st.info("The atlas is of the bundled EfficientNet-Lite0. Of any other network, patterns grow while you wait.")
    elif shows_atlas(seen.asked, seen.growth):
        st.info("It is above, until something else has grown there.")
    else:
        filter_atlas.draw(dark=seen.dark)


def _before(asked: Asked, *, dark: bool) -> None:
    """What there is to see before anything has grown."""
    if shows_atlas(asked, None):
        filter_atlas.draw(dark=dark)
        return
    st.info(f"Press **Grow**: {filter_growing.what(asked)}, on this page, step by step.", icon=":material/psychiatry:")


def _grid(seen: Seen, growth: Growth) -> None:
    """All pictures; a click looks at one."""
    pictures = growth.newest()
    key = (seen.asked.key, growth.step, seen.dark)
    png, columns, side = cache.drawing("grown", key, lambda: _sheet(pictures, dark=seen.dark))
    unlit = _unlit(seen, growth)
    scores = growth.scores[-1]
    words = tuple(
        f"{label} · {score:.3g}" + (" · did not light" if place in unlit else "")
        for place, (label, score) in enumerate(zip(growth.labels, scores, strict=True))
    )
    map_components.channel_grid(
        mosaic_png=png,
        columns=columns,
        count=len(pictures),
        side=side,
        gap=GAP,
        channels=tuple(range(len(pictures))),
        labels=words,
        selected=seen.place,
        key="filters.grid",
        widest=side if columns > 1 else LARGE_SIDE,
        alt=f"{len(pictures)} grown pictures: {', '.join(growth.labels[:16])}",
        on_pick=options.pick_pattern,
    )
    st.caption(_said(seen, growth))
    _dead(seen, growth)


def _sheet(pictures: NDArray[np.uint8], *, dark: bool) -> tuple[bytes, int, int]:
    """The pictures side by side as a PNG, how many stand in a row, and the side of each."""
    drawn = filter_growing.sheet(pictures, dark=dark)
    return images.encode_png(drawn.pixels), drawn.columns, drawn.side


def _unlit(seen: Seen, growth: Growth) -> set[int]:
    """The places of the pictures that did not light."""
    return set(growth.unlit(seen.asked.direction)) if growth.step > 0 and seen.asked.mode in ONE_CHANNEL else set()


def _dead(seen: Seen, growth: Growth) -> None:
    """Say which filters did not light."""
    if unlit := _unlit(seen, growth):
        dead = ", ".join(growth.labels[place] for place in sorted(unlit)[:8]) + (" …" if len(unlit) > 8 else "")
        way = "fell below" if seen.asked.direction < 0 else "rose above"
        st.info(
            f"{plain(dead)}: the score never {way} the start's. Where a ReLU is shut, the way was followed as if it "
            "were open. Another start, seed or preset may light it; some filters are dead after training.",
            icon=":material/light_off:",
        )


def _alone(seen: Seen, growth: Growth) -> None:
    """A single picture, large."""
    png = _png(growth.newest()[0], ALONE_SIDE)
    st.image(png, width="stretch", output_format="PNG", alt=f"What has grown: {growth.labels[0]}")
    st.caption(_said(seen, growth))
    _dead(seen, growth)


def _png(picture: NDArray[np.uint8], side: int) -> bytes:
    """A picture of one or three colours, large enough to see."""
    rgb = images.to_rgb(picture)
    return images.encode_png(figures.enlarge(rgb, side))


def _said(seen: Seen, growth: Growth) -> str:
    """What the grid shows, in a line."""
    asked = seen.asked
    how = PRESETS[options.PRESET.current()].title if asked.mode in ONE_CHANNEL else "its own recipe"
    changed = "" if asked.recipe == options.preset_recipe() else ", with parts changed"
    rounds = f"{asked.size[0]} × {asked.size[1]} pixels, {growth.step} steps, seed {asked.seed}"
    click = "" if len(growth.labels) == 1 else " Click a picture to look closer."
    return f"**{plain(asked.layer.path)}** · {how}{changed} · {rounds}.{click}"


def _looked_at(seen: Seen, growth: Growth) -> None:
    """One picture, its scores, and where to go on."""
    label = growth.labels[seen.place]
    if not growth.finished:
        st.markdown(f":material/stop_circle: **Stopped at step {growth.step} of {growth.steps}.**")
    if len(growth.labels) > 1:
        png = _png(growth.newest()[seen.place], LARGE_SIDE)
        st.image(png, width="stretch", output_format="PNG", alt=f"What {label} looks for")
    first, last = float(growth.scores[0][seen.place]), float(growth.scores[-1][seen.place])
    st.caption(f"**{plain(label)}** · {_score_name(seen.asked)} from {first:.3g} to **{last:.3g}**")
    if seen.asked.mode in (DREAM, INVERT):
        png = _png(seen.asked.fitted, LARGE_SIDE if seen.asked.mode == DREAM else LARGE_SIDE // 2)
        st.image(png, width="stretch" if seen.asked.mode == DREAM else 160, output_format="PNG", alt="Your picture")
        st.caption("Your picture, as the network reads it")
    if growth.step > 0:
        svg = figures.growth_curves(
            np.stack(growth.scores),
            growth.steps,
            selected=seen.place if len(growth.labels) > 1 else None,
            dark=seen.dark,
        )
        st.image(svg, width="stretch", alt=f"Scores by step; that of {label} ends at {last:.3g}")
    _onward(seen)


def _score_name(asked: Asked) -> str:
    """What the score is."""
    if asked.mode == INVERT:
        return "likeness of the features (1: the same)"
    names = {"mean": "mean activation", "centre": "centre unit", "dream": "mean square"}
    name = "logit" if asked.climbs_logits else names[asked.recipe.objective]
    return f"{name} before the ReLU" if asked.below_relu else name


def _onward(seen: Seen) -> None:
    """The same layer and channel on the other pages."""
    layer = seen.asked.layer
    with st.container(horizontal=True):
        site.onward(
            "feature_maps",
            "Its feature maps",
            "filters.to_maps",
            feature_options.open_at,
            (layer.path, seen.channel),
            controls=feature_options.CONTROLS,
        )
        if layer.spatial:
            site.onward(
                "grad_cam",
                "Grad-CAM here",
                "filters.to_grad_cam",
                attribution_options.open_at,
                (layer.path,),
                controls=attribution_options.CONTROLS,
            )
