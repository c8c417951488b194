"""The Augmentation page's question whether what is on a picture is still what its label says, with examples."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer.augmentation import TRANSFORMS, Augmentation, describe
from explorer.augmentation.glyphs import glyphs
from explorer.augmentation.survival import BREAKING, Blame, Example, Survival, blame, survival
from explorer.ui import augmentation_options as options
from explorer.ui import cache
from explorer.ui.augmentation_options import LETTERS
from explorer.ui.augmentation_stage import Seen, opened
from explorer.ui.progress import progress
from explorer.ui.texts import plain
from explorer.ui.version_components import Version, versions

Pictures = tuple[NDArray[np.uint8], NDArray[np.int64], Sequence[str], str]
"""Pictures, labels, names of the classes, and what names them all."""

SHOWN = 4
"""Examples on the page."""


def draw(seen: Seen) -> None:
    """The verdict for the chosen pictures, examples for it, and which parameter is to blame."""
    name = options.LABELS_ON.draw()
    if not seen.policy.active:
        st.info("The policy changes nothing, and so no label.", icon=":material/check_circle:")
        return
    loud = st.container()
    pictures = _pictures(name)
    found = _survival(seen.policy, pictures, seen.asked.seed)
    icon = ":material/warning:" if found.breaks else ":material/help:" if found.loses else ":material/check_circle:"
    (st.warning if found.breaks else st.info)(plain(found.verdict), icon=icon)
    examples = _different(found.examples)[:SHOWN]
    if examples:
        versions(
            [shown for example in examples for shown in _three(seen.policy, example)],
            key="augmentation.examples",
            alt="Pictures before and after, and the picture of another class that each now resembles",
            columns=6,
            narrow=3,
        )
        st.caption("In threes: the picture, what chance made of it, and a picture of another class that this is like.")
    parts = _blame(seen.policy, pictures, seen.asked.seed)
    for one in () if found.breaks else parts:
        if one.breaks:
            what, share = TRANSFORMS[one.parameter].option.label.rstrip(" ↔↕°"), f"{one.convincing_after:.0%}"
            loud.warning(
                plain(f"Careful: “{what}” alone makes {share} of the pictures look like another class."),
                icon=":material/warning:",
            )
    if len(parts) > 1:
        st.markdown(_table(parts))
        st.caption(f"Each change alone, on {parts[0].pictures} of these pictures.")
    st.caption(
        "For each picture the ones with the most similar edges are looked for, before and after; no network is asked. "
        "It *looks like* another class where the three nearest are of that class and about as near as its own pictures "
        f"are. By accident this would come out with {plain(found.accident)}. What looks alike to edges need not to a "
        "person: look at the examples."
    )


def _pictures(name: str) -> Pictures:
    """The pictures that are asked about.

    Raises:
        DatasetError: the dataset cannot be opened.
    """
    if name == LETTERS:
        images, labels, names = glyphs()
        return images, labels, names, LETTERS
    dataset = opened(name)
    return dataset.train.images, dataset.train.labels, dataset.class_names, dataset.key or name


def _survival(policy: Augmentation, pictures: Pictures, seed: int) -> Survival:
    """What becomes of the labels; kept, and with a bar while it is looked for."""
    images, labels, names, key = pictures

    def make() -> Survival:
        with progress("augmentation.stop_labels", "Looking for look-alikes…", on_stop=options.leave_labels) as report:
            return survival(policy, images, labels, names, seed=seed, report=report)

    return cache.shelf().get_or_make(("survival", key, policy.to_json(), seed), make, _bytes_of)


def _bytes_of(found: Survival) -> int:
    """What a survival with its examples takes."""
    return 1000 + sum(one.original.nbytes + one.changed.nbytes + one.look_alike.nbytes for one in found.examples)


def _blame(policy: Augmentation, pictures: Pictures, seed: int) -> Sequence[Blame]:
    """What each parameter does alone; likewise."""
    images, labels, names, key = pictures

    def make() -> Sequence[Blame]:
        with progress("augmentation.stop_blame", "Each change alone…", on_stop=options.leave_labels) as report:
            return blame(policy, images, labels, names, seed=seed, report=report)

    return cache.shelf().get_or_make(("blame", key, policy.to_json(), seed), make, lambda _: 1000)


def _different(examples: Sequence[Example]) -> list[Example]:
    """The convincing ones first, and of each pair of classes one before a second of any."""
    told: dict[tuple[str, str], int] = {}
    ranked = []
    for place, example in enumerate(examples):
        pair = (example.label, example.other)
        ranked.append((not example.convincing, told.get(pair, 0), place))
        told[pair] = told.get(pair, 0) + 1
    return [examples[place] for _, _, place in sorted(ranked)]


def _three(policy: Augmentation, example: Example) -> list[Version]:
    """A picture, the same changed, and its look-alike."""
    return [
        Version(example.original, "before", [], example.label),
        Version(example.changed, "after", describe(policy, example.drawn), f"still {example.label}?", "bad"),
        Version(example.look_alike, "like", [], example.other),
    ]


def _table(parts: Sequence[Blame]) -> str:
    """What each parameter does alone, the worst first."""
    rows = [
        f"| {plain(TRANSFORMS[one.parameter].option.label)} | {_share(one.convincing_after, one.convincing_before)} | "
        f"{_share(one.after, one.before)} |"
        for one in parts
    ]
    head = ["| Alone | looks like another class | is nearest to another class |", "|---|---|---|"]
    return "\n".join([*head, *rows])


def _share(after: float, before: float) -> str:
    """A share, marked where it has risen by so much that it matters."""
    mark = "**" if after - before >= BREAKING else ""
    return f"{mark}{after:.0%}{mark} (unchanged {before:.0%})"
