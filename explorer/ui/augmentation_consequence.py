"""The Augmentation page's question to a network: what does it say of each version, and what changes its mind?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import figures, images, maps
from explorer.attribution import Explanation, Target, default_layer, explain, over_picture
from explorer.errors import LayerError
from explorer.images.sizing import seen_part
from explorer.models import Classifier
from explorer.ui import augmentation_options as options
from explorer.ui import cache, networks
from explorer.ui.attribution_stage import read_only, size_of
from explorer.ui.augmentation_options import PAGE, VERSIONS
from explorer.ui.augmentation_stage import Seen, tile
from explorer.ui.gallery import gallery
from explorer.ui.texts import plain
from explorer.ui.version_components import Version, versions

MOST_MAPS = 7
"""Changed minds that are explained, beside the original."""
HEAT_SIDE = 240


@dataclass(frozen=True)
class Answers:
    """What a network says.

    Attributes:
        before: float32 (1 or 16, K), probabilities of the originals' classes.
        after: float32 (16, K), of the versions'.
    """

    before: NDArray[np.float32]
    after: NDArray[np.float32]

    def was(self, place: int) -> NDArray[np.float32]:
        """What was said of the original of a version."""
        row: NDArray[np.float32] = self.before[place if len(self.before) > 1 else 0]
        return row

    def changed(self) -> list[int]:
        """The versions of which another class is the likeliest."""
        return [place for place, row in enumerate(self.after) if int(row.argmax()) != int(self.was(place).argmax())]


def draw(seen: Seen) -> None:
    """Each version's likeliest class, which of them change the network's mind, and where it looks then."""
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    with left:
        classifier = networks.pick_network(PAGE, networks.network_control(PAGE))
    with right:
        cams = options.CAMS.draw()
    answers = ask(classifier, seen)
    changed = answers.changed()
    st.markdown(_headline(classifier, seen, answers, changed))
    versions(
        [_tile(classifier, seen, answers, place) for place in range(VERSIONS)],
        key="augmentation.answers",
        alt="What the network says of each version",
        columns=8,
        selected=seen.place,
        on_pick=options.pick,
    )
    if cams:
        _heatmaps(classifier, seen, answers, changed)


def ask(classifier: Classifier, seen: Seen) -> Answers:
    """The network's answers; kept, so that a click on a version asks nothing."""
    key = ("versions", classifier.key, seen.key, seen.sha)

    def make() -> Answers:
        fit = classifier.fit
        after = classifier.predict(np.concatenate([fit(version)[0] for version in seen.versions]))
        return Answers(classifier.predict(np.concatenate([fit(one)[0] for one in seen.originals])), after)

    with st.spinner("Asking the network…"):
        return cache.shelf().get_or_make(key, make, lambda made: made.before.nbytes + made.after.nbytes)


def _headline(classifier: Classifier, seen: Seen, answers: Answers, changed: Sequence[int]) -> str:
    """How many minds changed, and how sure the network still is."""
    kept = VERSIONS - len(changed)
    own = [float(answers.after[place][answers.was(place).argmax()]) for place in range(VERSIONS)]
    worst = int(np.argmin(own))
    if seen.of_dataset:
        said = f"{plain(classifier.name)} says the same of **{kept} of {VERSIONS}** pictures, before and after"
    else:
        index = int(answers.was(0).argmax())
        said = (
            f"Unchanged it is **{plain(classifier.class_names[index])}**, {answers.was(0)[index]:.0%}. "
            f"**{kept} of {VERSIONS}** versions still are"
        )
    foreign = seen.of_dataset and not set(seen.class_names) & set(classifier.class_names)
    known = " It does not know these classes: look only at whether it wavers." if foreign else ""
    return (
        f"{said}; the probability of that class is {np.mean(own):.0%} on average, {own[worst]:.0%} at the lowest "
        f"(version {worst + 1}).{known}"
    )


def _tile(classifier: Classifier, seen: Seen, answers: Answers, place: int) -> Version:
    row, before = answers.after[place], int(answers.was(place).argmax())
    now = int(row.argmax())
    same = now == before
    mark = f"{'✓' if same else '✗'} {classifier.class_names[now]} {row[now]:.0%}"
    shown = tile(seen, place, mark=mark, tone="good" if same else "bad")
    was = [] if same else [f"was {classifier.class_names[before]}, now {row[before]:.0%}"]
    return Version(shown.pixels, shown.title, was, mark, shown.tone)


def _heatmaps(classifier: Classifier, seen: Seen, answers: Answers, changed: Sequence[int]) -> None:
    """Grad-CAM of the original, and of versions that changed the network's mind, each for what is said of it now."""
    try:
        default_layer(classifier)
    except LayerError:
        st.info("This network has no layer with maps, so there is no Grad-CAM of it.")
        return
    if not changed:
        st.caption("No version changed its mind. Below: where it looks in the original, and in the picked version.")
    most = MOST_MAPS // 2 + 1 if seen.of_dataset else MOST_MAPS
    places = list(changed[:most])
    if seen.place not in places:
        places.append(seen.place)
    with st.spinner("Looking where it looks…"):
        shown: list[tuple[bytes, str]] = []
        for place in places:
            if seen.of_dataset or not shown:
                name = f"original of {place + 1}" if seen.of_dataset else "the original"
                shown.append(_heat(classifier, seen.original_of(place), name, answers.was(place)))
            shown.append(_heat(classifier, seen.versions[place], f"version {place + 1}", answers.after[place]))
    gallery(shown, columns=4)
    said = "Each map is for the class that the network says of that picture: what in it speaks for this class."
    if seen.original.shape[0] != seen.original.shape[1]:
        said += " The network reads the middle part only; what has no colours was not seen."
    if len(changed) > most:
        said += f" The first {most} of {len(changed)} changed minds are shown."
    st.caption(said)


def _heat(classifier: Classifier, picture: NDArray[np.uint8], name: str, row: NDArray[np.float32]) -> tuple[bytes, str]:
    """A picture with the map of its likeliest class over it, as far as the network sees it."""
    index = int(row.argmax())
    fitted = np.clip(np.rint(classifier.fit(picture)[0][0]), 0, 255).astype(np.uint8)
    key = ("versions-cam", classifier.key, images.fingerprint(fitted), index)

    def make() -> Explanation:
        return explain(classifier, fitted, target=Target(index))

    found = read_only(cache.shelf().get_or_make(key, make, size_of))
    shown = figures.enlarge(images.to_rgb(picture), HEAT_SIDE).copy()  # it is drawn upon, and the picture is shared
    top, left, height, width = seen_part(shown.shape, classifier.input_shape[:2])
    part = np.ascontiguousarray(shown[top : top + height, left : left + width])
    whole = (0, 0, height, width)
    heat = maps.heat(
        part, over_picture(found.raw_values, part.shape, whole), signed=over_picture(found.raw, part.shape, whole)
    )
    shown[top : top + height, left : left + width] = heat.pixels
    return images.encode_png(shown), f"{name} · **{plain(classifier.class_names[index])}** {row[index]:.0%}"
