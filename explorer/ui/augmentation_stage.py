"""The Augmentation page's first screen: the picture as it is, and versions of it with what was drawn for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import figures, images
from explorer.augmentation import Augmentation, Drawn, describe, drawing
from explorer.augmentation.mixing import Mixed
from explorer.datasets import Dataset
from explorer.errors import DatasetError
from explorer.ui import augmentation_options as options
from explorer.ui import cache, dataset_loading, state
from explorer.ui.augmentation_options import DATASET_SOURCE, OPENED, VERSIONS, Asked
from explorer.ui.texts import plain
from explorer.ui.version_components import Version, versions

Images = NDArray[np.uint8]

WORK_SIDE = 320
"""Longest side of a picture that is changed here, in pixels: about what a network reads."""
FEWEST_ROWS, MAX_WORK_SIDE = 32, 2048
"""A strip is made no lower than this, if it then is no longer than that."""
TALLEST = 106
"""Most pixels that a version is high, so that four rows are on the first screen."""
FAR = 90
"""Degrees from which on a rotation gets a word of caution."""
ORIGINAL_SIDE = 300
"""Longest side of the original on the page, at least about, in pixels."""


@dataclass(frozen=True)
class Seen:
    """The question with its answer.

    Attributes:
        asked: the question.
        originals: uint8 (H, W, C) each: one picture, or one for each version.
        names: what each original is called.
        labels: the class of each original; empty for one picture.
        class_names: of the dataset; empty for one picture.
        versions: uint8 (16, H, W, C).
        drawn: for each version.
        mixed: what MixUp or CutMix drew; None without them.
        place: of the version that is looked at.
        key: names the originals.
        note: what had to be done otherwise than asked.
    """

    asked: Asked
    originals: Sequence[Images]
    names: Sequence[str]
    labels: Sequence[int]
    class_names: Sequence[str]
    versions: Images
    drawn: Sequence[Drawn]
    mixed: Mixed | None
    place: int
    key: str
    note: str

    @property
    def policy(self) -> Augmentation:
        """The policy."""
        return self.asked.policy

    @property
    def original(self) -> Images:
        """What the version that is looked at was made of."""
        return self.original_of(self.place)

    @property
    def version(self) -> Images:
        """The version that is looked at."""
        version: Images = self.versions[self.place]
        return version

    @property
    def of_dataset(self) -> bool:
        """Whether each version is of another picture."""
        return len(self.originals) > 1

    def original_of(self, place: int) -> Images:
        """What a version was made of."""
        return self.originals[place if self.of_dataset else 0]

    def name_of(self, place: int) -> str:
        """What the original of a version is called."""
        return self.names[place if self.of_dataset else 0]

    @cached_property
    def sha(self) -> str:
        """Names the versions."""
        return images.fingerprint(self.versions)


@dataclass(frozen=True)
class Source:
    """The pictures that are changed; attributes as of :class:`Seen`."""

    originals: Sequence[Images]
    names: Sequence[str]
    labels: Sequence[int]
    class_names: Sequence[str]
    key: str
    note: str = ""


def look(asked: Asked) -> Seen:
    """Draw by chance and change the pictures.

    Raises:
        DatasetError: the dataset cannot be opened, or has no picture there.
        AugmentationError: a picture cannot be changed.
    """
    source = of_dataset(asked) if asked.source == DATASET_SOURCE else _of_picture(asked)
    made, drawn, mixed = cache.shelf().get_or_make(
        ("augmented", source.key, asked.policy.to_json(), asked.seed),
        lambda: _versions(asked.policy, source, asked.seed),
        lambda found: found[0].nbytes,
    )
    place = options.VERSION.current() - 1
    return Seen(
        asked,
        source.originals,
        source.names,
        source.labels,
        source.class_names,
        made,
        drawn,
        mixed,
        place,
        source.key,
        source.note,
    )


def _versions(policy: Augmentation, source: Source, seed: int) -> tuple[Images, list[Drawn], Mixed | None]:
    """Sixteen versions: of one picture, or one of each, which MixUp and CutMix then blend."""
    if len(source.originals) == 1:
        made, drawn = policy.sample(source.originals[0], VERSIONS, seed)
        made.setflags(write=False)
        return made, drawn, None
    every = [drawing.draw(policy, original.shape, seed, place) for place, original in enumerate(source.originals)]
    made = policy.augment(np.stack(source.originals), seed)
    made.setflags(write=False)
    if not (policy.mixup or policy.cutmix):
        return made, every, None
    mixed = policy.mix(made, np.eye(len(source.class_names), dtype=np.float32)[np.array(source.labels)], seed)
    mixed.images.setflags(write=False)
    return mixed.images, every, mixed


def _of_picture(asked: Asked) -> Source:
    """The chosen picture, made small where it is large."""
    pixels = asked.chosen.picture.pixels
    # Of a strip enough is left to see it turn.
    least = -(-FEWEST_ROWS * max(pixels.shape[:2]) // min(pixels.shape[:2]))
    small = images.reduce_to(pixels, min(MAX_WORK_SIDE, max(WORK_SIDE, least)))
    note = "" if small is pixels else f"{pixels.shape[0]} × {pixels.shape[1]} pixels, made smaller to "
    return Source([small], [asked.chosen.label], (), (), f"{asked.chosen.sha}-{WORK_SIDE}", note)


def of_dataset(asked: Asked, count: int = VERSIONS) -> Source:
    """So many pictures of a dataset, class after class in turn.

    Raises:
        DatasetError: it cannot be opened, or the split is empty.
    """
    dataset = opened(asked.dataset)
    split = dataset.splits[asked.split]
    if not len(split):
        raise DatasetError(f"{dataset.name} has no pictures in {asked.split}. Choose another split.")
    places = _spread(split.labels, count)
    originals = [np.ascontiguousarray(images.reduce_to(split.images[place], WORK_SIDE)) for place in places]
    labels = [int(split.labels[place]) for place in places]
    names = [dataset.class_names[label] for label in labels]
    key = f"{dataset.key or dataset.name}-{asked.split}-{count}-{WORK_SIDE}"
    return Source(originals, names, labels, dataset.class_names, key)


def _spread(labels: NDArray[np.int64], count: int) -> list[int]:
    """Places of so many pictures, class after class in turn, the first ones of each; again where they are too few."""
    order = np.argsort(labels, kind="stable")
    _, starts = np.unique(labels[order], return_index=True)
    classes = [places[:count] for places in np.split(order, starts[1:])]
    turns = [int(each[turn]) for turn in range(count) for each in classes if turn < len(each)]
    return [turns[place % len(turns)] for place in range(count)]


def opened(name: str) -> Dataset:
    """A dataset of the page's choice.

    Raises:
        DatasetError: it cannot be opened.
    """
    if name == OPENED:
        return dataset_loading.shared(state.get(state.DATASET))
    return cache.dataset(name)


def draw(seen: Seen) -> None:
    """The picture and its versions, on one screen."""
    with st.container(key="stage-augmentation"):
        left, right = st.columns([0.3, 0.7], gap="medium")
        with left:
            _draw_original(seen)
            options.SEED.draw()
            st.button(
                "Again",
                key="augmentation.again",
                icon=":material/casino:",
                on_click=options.again,
                width="stretch",
                help="Draws anew, as each epoch of training does.",
            )
            _point_to_labels(seen)
        with right:
            versions(
                [tile(seen, place) for place in range(VERSIONS)],
                key="augmentation.versions",
                alt=f"{VERSIONS} versions of {seen.names[0] if not seen.of_dataset else 'pictures of a dataset'}",
                tallest=TALLEST,
                brief=True,
                selected=seen.place,
                on_pick=options.pick,
            )


def _point_to_labels(seen: Seen) -> None:
    """Where a policy mirrors, or turns far, a word of caution, and the way to the evidence."""
    policy = seen.policy
    if not (policy.horizontal_flip or policy.vertical_flip or policy.rotation_range >= FAR):
        return
    what = "Turned far" if not (policy.horizontal_flip or policy.vertical_flip) else "Mirrored"
    st.caption(f"{what}, a cat is a cat, but a {'6 can be a 9' if what == 'Turned far' else 'b is a d'}.")
    st.button(
        "Do labels survive?",
        key="augmentation.to_labels",
        icon=":material/label:",
        on_click=options.open_labels,
        args=(seen.asked,),
        type="tertiary",
    )


def _draw_original(seen: Seen) -> None:
    original = seen.original
    height, width, channels = original.shape
    shown = figures.enlarge(images.to_rgb(original), ORIGINAL_SIDE)
    name = seen.name_of(seen.place)
    st.image(images.encode_png(shown), width="stretch", output_format="PNG", alt=f"The original: {name}")
    equal = channels == 3 and bool((original == original[..., :1]).all())
    colours = "grey" if channels == 1 else "grey in three equal channels" if equal else "colour"
    st.caption(f"**The original** · {plain(name)} · {seen.note}{height} × {width}, {colours}")


def tile(seen: Seen, place: int, *, mark: str = "", tone: str = "") -> Version:
    """A version with its words."""
    words = describe(seen.policy, seen.drawn[place], seen.versions.shape[3])
    if seen.mixed is not None:
        mark = mark or _shares(seen, place)
        words = [_blend(seen, seen.mixed, place), *words]
    return Version(seen.versions[place], str(place + 1), words or ["unchanged"], mark, tone)


def _blend(seen: Seen, mixed: Mixed, place: int) -> str:
    """What came from another picture."""
    partner = int(mixed.partners[place])
    kind = {"mixup": "MixUp", "cutmix": "CutMix"}[mixed.kind]
    return f"{kind}: {1 - mixed.weights[place]:.0%} of {partner + 1} ({seen.class_names[seen.labels[partner]]})"


def _shares(seen: Seen, place: int) -> str:
    """What the label of a blended picture is."""
    if seen.mixed is None:
        return ""
    row = seen.mixed.labels[place]
    order = np.argsort(-row, kind="stable")
    return " + ".join(f"{row[label]:.2f} {seen.class_names[label]}" for label in order[:2] if row[label] > 0.005)
