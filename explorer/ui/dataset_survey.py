"""The Datasets page's own tabs: mean pictures, colours and sizes, copies between splits, shortcuts."""

from collections.abc import Callable

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import charts, figures, images
from explorer.datasets import cues as trivial
from explorer.datasets import survey
from explorer.datasets.duplicates import Compared, Duplicates, Pair, near_duplicates
from explorer.ui import cache, frame
from explorer.ui.dataset_stage import TILE_SIDE, Seen
from explorer.ui.dataset_surveying import surveyed
from explorer.ui.gallery import gallery
from explorer.ui.texts import plain

MOST_CLASSES = 40
"""Classes whose mean pictures are shown."""
MEANS_BYTES = 64_000_000
"""Most bytes of mean pictures; of large pictures those of fewer classes are shown."""
MOST_PAIRS = 8
"""Pairs of copies that are shown."""
MOST_SIZES = 12
CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}


def means(seen: Seen) -> None:
    """The mean picture of each class, and where its pictures differ most."""
    tiles = surveyed(
        "means",
        (seen.dataset.key, seen.split),
        seen.dataset,
        lambda tell: _mean_tiles(seen, tell),
        lambda made: sum(len(png) for png, _ in made),
    )
    if tiles is None:
        return
    st.markdown(
        "All pictures of a class, averaged pixel by pixel. A sharp mean says that the pictures are alike and centred; "
        "grey fog says that no pixel alone tells the class, and that is what convolutions are for. On the right of "
        "each: how much the pictures differ there, brighter for more."
    )
    gallery(tiles, columns=6)
    if len(seen.dataset.class_names) > len(tiles):
        st.caption(f"Shown are {len(tiles)} of {len(seen.dataset.class_names)} classes.")


def _mean_tiles(seen: Seen, tell: Callable[[float], object]) -> list[tuple[bytes, str]]:
    """Mean and spread of each of the first classes, side by side."""
    names = seen.dataset.class_names
    each = 8 * int(np.prod(seen.dataset.image_shape))
    some = max(1, min(len(names), MOST_CLASSES, MEANS_BYTES // each))
    found = survey.mean_images(seen.pictures, some, on_progress=tell)
    tiles = []
    for label in np.flatnonzero(found.counts):
        both = np.concatenate([_shown(found.mean[label]), _shown(_spread(found.deviation[label]))], axis=1)
        tiles.append((images.encode_png(both), f"**{plain(names[label])}**"))
    return tiles


def _spread(deviation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard deviations of 0–127.5 as grey levels: 127.5, the most there can be, is white."""
    return deviation * 2


def _shown(values: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    levels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return figures.enlarge(images.reduce_to(images.to_rgb(levels), 2 * TILE_SIDE), 2 * TILE_SIDE)


def colours(seen: Seen) -> None:
    """How often each grey level occurs, the classes' mean colours, the sizes of the files."""
    classes = len(seen.dataset.class_names)
    found = surveyed(
        "colours",
        (seen.dataset.key, seen.split),
        seen.dataset,
        lambda tell: survey.colours(seen.pictures, classes, on_progress=tell),
        lambda made: made.brightness.nbytes + made.mean.nbytes * 2,
    )
    if found is None:
        return
    channels = CHANNELS[seen.dataset.image_shape[2]]
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**How often each level occurs, 0 to 255**")
        counted = dict(zip(channels, found.histogram, strict=True))
        frame.chart(
            charts.level_counts(counted, dark=seen.dark), key="datasets.levels", alt="How often each level occurs"
        )
        total = found.histogram.sum(axis=1, keepdims=True)
        mean = (found.histogram * np.arange(256)).sum(axis=1) / total[:, 0]
        st.caption(
            "Mean " + ", ".join(f"{name} {value:.1f}" for name, value in zip(channels, mean, strict=True)) + " of 255."
        )
    with right:
        st.markdown("**Brightness and contrast of each class**")
        st.dataframe(
            {
                "class": list(seen.dataset.class_names),
                **{f"mean {name}": found.mean[:, place].round(1) for place, name in enumerate(channels)},
                **{f"spread {name}": found.deviation[:, place].round(1) for place, name in enumerate(channels)},
            },
            hide_index=True,
            height=240,
            key="datasets.colour_table",
        )
    sizes = survey.size_counts(seen.pictures, MOST_SIZES)
    if sizes:
        st.markdown(f"**Sizes of the files in {seen.split}, height × width**")
        more = len(seen.pictures) - sum(count for _, count in sizes)
        listed = [f"{height} × {width}: **{count:,}**" for (height, width), count in sizes]
        st.markdown(" · ".join([*listed, f"others: **{more:,}**"] if more else listed))


def copies(seen: Seen) -> None:
    """The same picture in two splits: what makes a test look too good."""
    found = surveyed(
        "copies",
        (seen.dataset.key,),
        seen.dataset,
        lambda tell: near_duplicates(seen.dataset, on_progress=tell),
    )
    if found is None:
        return
    st.markdown(
        "A network that has seen a test picture, or nearly, while it learned, need not understand anything to get it "
        "right ([Barz and Denzler, 2020](https://arxiv.org/abs/1902.00423))."
    )
    for (earlier, later), compared in found.compared.items():
        st.markdown(_compared(earlier, later, compared))
    if not found.compared:
        st.info("There is only one split with pictures, so nothing can be in two.", icon=":material/info:")
    for name, within in found.within.items():
        if within.count or within.contradictory_count:
            said = f"{within.count:,} pictures of {name} are exact copies of another one there"
            wrong = f"; {within.contradictory_count:,} groups of copies have different labels"
            st.markdown(f"{said}{wrong if within.contradictory_count else ''}.")
    for note in found.notes:
        st.caption(plain(note))
    gallery(cache.drawing("copies", (seen.dataset.key, seen.dark), lambda: _pairs(seen, found)), columns=4)


def _compared(earlier: str, later: str, compared: Compared) -> str:
    found = compared.exact + compared.near
    if not found:
        return f"**None** of the {compared.later:,} {later} pictures is also in {earlier}."
    other = f", {compared.other_label:,} of them under another label" if compared.other_label else ""
    return (
        f"**{found:,}** of the {compared.later:,} {later} pictures are also in {earlier}: {compared.exact:,} exactly, "
        f"{compared.near:,} nearly{other}."
    )


def _pairs(seen: Seen, found: Duplicates) -> list[tuple[bytes, str]]:
    """Two pictures side by side each."""
    return [(_side_by_side(seen, pair), _pair_words(seen, pair)) for pair in found.pairs[:MOST_PAIRS]]


def _side_by_side(seen: Seen, pair: Pair) -> bytes:
    splits = seen.dataset.splits
    both = [
        _shown(splits[split].images[place])
        for split, place in ((pair.earlier, pair.earlier_index), (pair.later, pair.later_index))
    ]
    return images.encode_png(np.concatenate(both, axis=1))


def _pair_words(seen: Seen, pair: Pair) -> str:
    how = "exact copy" if pair.exact else f"likeness {pair.likeness:.3f}"
    first, second = (
        plain(seen.caption(place, split))
        for split, place in ((pair.earlier, pair.earlier_index), (pair.later, pair.later_index))
    )
    return f"{pair.earlier}: {first} — {pair.later}: {second} · {how}"


def cues(seen: Seen) -> None:
    """How far something trivial tells the classes apart, without any network."""
    on = seen.split if seen.split != "train" else None
    found = surveyed(
        "cues",
        (seen.dataset.key, on),
        seen.dataset,
        lambda tell: trivial.cues(seen.dataset, on=on, on_progress=tell),
    )
    if found is None:
        return
    st.markdown(
        "A network takes the easiest way. Where something trivial tells the classes apart, it may learn that and "
        "never look at the thing itself ([Geirhos and others, 2020](https://arxiv.org/abs/2004.07780)). No network "
        "is asked here: a straight line between the classes has to do. A coarse thumbnail may well help; corners and "
        "the mean colour should not."
    )
    for column, cue in zip(st.columns(max(1, len(found))), found, strict=False):
        with column, st.container(border=True, height="stretch"):
            above = f"{100 * (cue.accuracy - cue.chance):+.0f} points to guessing"
            st.metric(plain(cue.title), f"{cue.accuracy:.0%}", above, delta_color="off")
            st.caption(plain(cue.sentence))
    if not found:
        st.info("There are too few pictures to say.", icon=":material/info:")
