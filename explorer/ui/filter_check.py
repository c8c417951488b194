"""The Filters page's *Check* and *Weights*: does the pattern stand for the filter, and is there a kernel like it?"""

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import depth, figures, images
from explorer.ascent import PRESETS, Growth, Selectivity, ascend, selectivity
from explorer.kernels import Kernel
from explorer.ui import cache, filter_weights
from explorer.ui.feature_lab import picture_set
from explorer.ui.filter_channels import width_of
from explorer.ui.filter_options import DREAM, INVERT, Asked
from explorer.ui.filter_stage import Seen
from explorer.ui.gallery import gallery
from explorer.ui.texts import plain

HAND_SIDE = 96
"""Height and width of what grows for a hand-made kernel, in pixels."""
PHOTO_SIDE = 200


def draw(seen: Seen) -> None:
    """How strongly the channel answers to its pattern, and how strongly to photos."""
    asked, growth = seen.asked, seen.growth
    if asked.mode in (DREAM, INVERT):
        st.info("A check needs a channel with a pattern of its own: choose *Patterns* or *Several answers*.")
        return
    if growth is None:
        st.info("Press **Grow** above first; then its pictures can be checked.")
        return
    every = checked(asked, growth)
    one = every[seen.place]
    better = sum(each.lead > 0 for each in every)
    outdone = f"**{better} of {len(every)}** patterns outdo every bundled photo, as they are shown here."
    st.markdown(f"{outdone} {plain(one.sentence)}")
    if one.margin is not None:
        away = f"{abs(one.margin):.1f} standard deviations of the photos' answers"
        side = "above" if one.margin * one.direction >= 0 else "below"
        st.caption(f"{away} {side} the nearest photo. Framed: the part that the most excited unit sees.")
    key = (asked.key, growth.step, seen.place)
    gallery(cache.drawing("check", key, lambda: _pictures(seen, growth, one)), columns=5)


def checked(asked: Asked, growth: Growth) -> tuple[Selectivity, ...]:
    """Every picture's check; kept while the growth is."""
    channels = asked.channels if len(asked.channels) == len(growth.labels) else asked.channels[:1] * len(growth.labels)
    key = ("check", asked.key, growth.step)

    def make() -> tuple[Selectivity, ...]:
        names, pictures = picture_set("samples")
        return selectivity(
            asked.classifier,
            asked.layer.path,
            channels,
            growth.newest(),
            list(zip(names, pictures, strict=True)),
            objective=asked.recipe.objective,
            direction=asked.direction,
        )

    with st.spinner("Asking the network…"):
        return cache.shelf().get_or_make(key, make, lambda _: 4096)


def _pictures(seen: Seen, growth: Growth, one: Selectivity) -> list[tuple[bytes, str]]:
    """The pattern and the photos, the strongest answer first."""
    names, pictures = picture_set("samples")
    layer = seen.asked.layer
    drawn = dict(zip(names, pictures, strict=True))
    ranked = sorted(one.by_photo.items(), key=lambda item: -item[1] * one.direction)
    pattern = growth.newest()[seen.place]
    tiles = [(_rgb(pattern), f"**the pattern** · {one.reached:.3g}")]
    for name, value in ranked[:9]:
        fitted = np.clip(np.rint(seen.asked.classifier.fit(drawn[name])[0]), 0, 255).astype(np.uint8)
        picture = _rgb(fitted[0])
        if layer.spatial and layer.receptive_field is not None:
            best = depth.most_exciting(seen.asked.classifier, fitted, layer.path, one.channel, k=1)[0]
            picture = figures.framed(picture, layer.receptive_field.at(best.row, best.col))
        tiles.append((picture, f"{plain(name)} · {value:.3g}"))
    return [(images.encode_png(figures.enlarge(picture, PHOTO_SIDE)), words) for picture, words in tiles]


def _rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images.to_rgb(picture)


def weights(seen: Seen) -> None:
    """The layer's kernels beside hand-made ones."""
    channels = seen.asked.channels or tuple(range(min(12, width_of(seen.asked.layer))))
    filter_weights.draw(
        seen.asked.classifier, seen.asked.layer, seen.asked.layers, channels, dark=seen.dark, grow=of_hand_made
    )


def of_hand_made(kernel: Kernel) -> NDArray[np.uint8]:
    """What a network of one layer, this kernel and a ReLU, looks for: uint8 (H, W, 3)."""
    content = (kernel.name, kernel.weights.tobytes())
    return cache.drawing("hand_made", content, lambda: _grown(kernel))


def _grown(kernel: Kernel) -> NDArray[np.uint8]:
    import keras  # noqa: PLC0415

    weights: Any = np.asarray(kernel.weights, np.float32)
    layer = keras.layers.Conv2D(1, weights.shape, use_bias=False, activation="relu", name="kernel")
    model = keras.Sequential([keras.Input((None, None, 1)), layer])
    model.set_weights([weights[:, :, np.newaxis, np.newaxis]])
    recipe = PRESETS["keras"].recipe.but(clip=True, contrast=0.0, steps=60)
    *_, last = ascend(model, "kernel", 0, size=HAND_SIDE, preset=recipe)
    grown: NDArray[np.uint8] = last.images[0].repeat(3, axis=2)
    return grown
