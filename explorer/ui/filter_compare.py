"""The Filters page's *Before training*: the same filters, grown in the same network with other weights."""

from dataclasses import replace

import streamlit as st

from explorer import images
from explorer.errors import LayerError
from explorer.models import Classifier
from explorer.models.layers import unknown_layer
from explorer.ui import cache, filter_growing, networks, state
from explorer.ui import filter_options as options
from explorer.ui.filter_stage import Seen
from explorer.ui.texts import plain

GROW_BOTH = "_filters_grow_both"
"""True in the run after *Grow beside*."""


def draw(seen: Seen) -> None:
    """The grown pictures, and those of the other network."""
    st.markdown(
        "Are the patterns learned, or does any network of this build grow them? The same channels, recipe and seed, in "
        "a network with other weights."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        against = options.AGAINST.draw(width=340)
        st.button("Grow beside", key="filters.grow_both", on_click=state.put, args=(GROW_BOTH, True))
    pressed = bool(state.get(GROW_BOTH))
    state.put(GROW_BOTH, None)
    if seen.growth is None or not seen.growth.finished:
        st.info("Press **Grow** above first; then its pictures can be compared.")
        return
    asked = replace(seen.asked, classifier=_other(seen, against))
    if pressed:
        growth = filter_growing.grow(asked, dark=seen.dark, stop="filters.stop_both", remember=False)
    else:
        found = filter_growing.found(asked)
        if found is None:
            return
        growth = found
    for column, title, one in zip(
        st.columns(2),
        (seen.asked.classifier.name, asked.classifier.name),
        (seen.growth, growth),
        strict=True,
    ):
        with column:
            png = images.encode_png(filter_growing.sheet(one.newest(), dark=seen.dark).pixels)
            st.image(png, width="stretch", output_format="PNG", alt=f"Pictures grown in {title}")
            first, last = one.scores[0].mean(), one.scores[-1].mean()
            st.caption(f"**{plain(title)}** · mean score from {first:.3g} to **{last:.3g}**")


def _other(seen: Seen, against: str) -> Classifier:
    """The network beside.

    Raises:
        LayerError: it has no such layer.
        ModelError: it cannot be had.
    """
    if against == options.UNTRAINED:
        return cache.untrained(seen.asked.classifier.key, seen.asked.classifier)
    other = networks.get(against)
    layers = {layer.path: layer for layer in cache.layers(other.key, other)}
    path = seen.asked.layer.path
    if path not in layers:
        raise LayerError(f"{other.name} is built otherwise. {unknown_layer(path, list(layers))}")
    return other
