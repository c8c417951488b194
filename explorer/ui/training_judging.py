"""What a run gets wrong: figures on the test pictures, the confusion matrix, and the pictures themselves."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import charts
from explorer.training import Run, Story
from explorer.training.judging import Judged, class_figures, confusion, mistakes, most_confused, read_judged
from explorer.ui import cache, frame
from explorer.ui import training_options as options
from explorer.ui.texts import plain
from explorer.ui.version_components import Version, versions

PAGE = options.PAGE
SHOWN = 16
"""Pictures on one leaf."""


def draw(run: Run | None, story: Story | None) -> None:
    """The tab."""
    judged = read_judged(run.folder) if run is not None and story is not None and story.tested else None
    if run is None or story is None or judged is None or not len(judged.labels):
        st.info("When a run has ended, the network is asked about pictures that it has never seen. They come here.")
        return
    names = tuple(story.started["classes"])
    matrix = confusion(judged.labels, judged.predicted, len(names))
    _say_figures(story, judged, most_confused(matrix, names))
    left, right = st.columns([1, 1], gap="large")
    with left:
        chart = charts.confusion_heatmap(matrix, names, dark=frame.is_dark(), height=430)
        frame.chart(
            chart, key=f"{PAGE}.confusion", alt="Confusion matrix: what pictures are, and what they were taken for"
        )
    with right:
        _draw_classes(matrix, names)
    _draw_pictures(run, judged, names)


def _say_figures(story: Story, judged: Judged, confused: Sequence[tuple[str, str, int]]) -> None:
    which = "test" if story.tested.get("split") == "test" else "validation"
    columns = st.columns(3)
    columns[0].metric(f"Right, of {len(judged.labels):,} {which} pictures", f"{judged.accuracy:.1%}")
    loss = story.tested.get("loss")
    columns[1].metric("Loss", "–" if loss is None else f"{loss:.3f}")
    columns[2].metric("Mistakes", f"{int((~judged.right).sum()):,}")
    if confused:
        said = "; ".join(f"{true} for {taken} ({count} times)" for true, taken, count in confused)
        st.caption(f"Most often it takes {plain(said)}.")


def _draw_classes(matrix: NDArray[np.int64], names: Sequence[str]) -> None:
    figures = class_figures(matrix, names)
    st.dataframe(
        {
            "class": [each.name for each in figures],
            "pictures": [each.pictures for each in figures],
            "precision": [_hundredths(each.precision) for each in figures],
            "recall": [_hundredths(each.recall) for each in figures],
            "F1": [_hundredths(each.f1) for each in figures],
        },
        hide_index=True,
        key=f"{PAGE}.classes",
        height=min(430, 38 + 35 * len(names)),
        column_config={
            name: st.column_config.NumberColumn(format="%.0f %%", help=told)
            for name, told in {
                "precision": "Of what it calls so, the share that is",
                "recall": "Of what is so, the share that it finds",
                "F1": "Harmonic mean of the two",
            }.items()
        },
    )


def _hundredths(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _draw_pictures(run: Run, judged: Judged, names: Sequence[str]) -> None:
    """A leaf of pictures: the most confident mistakes first, or all in their order."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        only_wrong = options.WRONG.draw(on_change=first_leaf)
        places = (
            mistakes(judged.probabilities, judged.labels, len(judged.labels))
            if only_wrong
            else np.arange(len(judged.labels))
        )
        leaves = max(1, -(-len(places) // SHOWN))
        leaf = min(options.LEAF.current(), leaves)
        st.button(
            "Before",
            key=f"{PAGE}.leaf_before",
            icon=":material/chevron_left:",
            disabled=leaf <= 1,
            on_click=turn,
            args=(leaf - 1,),
        )
        st.button(
            "Next",
            key=f"{PAGE}.leaf_next",
            icon=":material/chevron_right:",
            disabled=leaf >= leaves,
            on_click=turn,
            args=(leaf + 1,),
        )
        st.caption(
            f"{len(places):,} pictures, the most confident first · {leaf} of {leaves}"
            if only_wrong
            else f"{len(places):,} pictures · {leaf} of {leaves}"
        )
    if not len(places):
        st.success("Not one mistake.", icon=":material/check:")
        return
    lesson = cache.lesson(run.id, run)
    split = lesson.dataset.test if len(lesson.dataset.test) else lesson.dataset.validation
    if len(split) != len(judged.labels):
        st.info("The dataset has changed since, so its pictures cannot be shown beside the answers.")
        return
    chosen = places[(leaf - 1) * SHOWN : leaf * SHOWN]
    versions(
        [_version(split.images[place], judged, int(place), names) for place in chosen],
        key=f"{PAGE}.judged",
        alt="Test pictures and what the network took them for"
        if not only_wrong
        else "The network's most confident mistakes",
        columns=8,
        tallest=130,
    )


def _version(pixels: NDArray[np.uint8], judged: Judged, place: int, names: Sequence[str]) -> Version:
    said, true = int(judged.predicted[place]), int(judged.labels[place])
    mark = f"{names[said]} {judged.probabilities[place, said]:.0%}"
    words = [] if said == true else [f"is {names[true]}"]
    return Version(np.asarray(pixels), f"{place}", words, mark, "good" if said == true else "bad")


def first_leaf() -> None:
    """Other pictures: from the first leaf on."""
    options.LEAF.put(1)


def turn(leaf: int) -> None:
    """Another leaf."""
    options.LEAF.put(leaf)
