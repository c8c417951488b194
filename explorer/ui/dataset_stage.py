"""The Datasets page's first screen: a column of pictures for each class, or one class's; the picked one; the counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import charts, figures, images, maps
from explorer.datasets import Dataset, Split, survey
from explorer.ui import augmentation_options, cache, frame, map_components, pickers, site, state
from explorer.ui import dataset_options as options
from explorer.ui.dataset_loading import Opened
from explorer.ui.dataset_surveying import surveyed
from explorer.ui.map_components import WHOLE_STAGE, Stage
from explorer.ui.texts import plain

IN_A_COLUMN, IN_A_SHEET, SHEET_COLUMNS = 5, 72, 12
FEW = {2: (6, 24), 3: (4, 20), 4: (3, 15)}
"""With so few classes each has a sheet of its own: pictures in a row, and in all."""
TILE_SIDE = 96
"""Height and width of a small picture, in pixels."""
MOST_COLUMNS = 30
"""Classes that have a column at once; the others are on the next leaves."""
SHOWN_SIDE = 320
"""Height and width of the picked picture, at most about, in pixels."""
ONWARD = {
    "kernels": "Kernels",
    "augmentation": "Augmentation",
    "feature_maps": "Feature maps",
    "filters": "Filters",
    "grad_cam": "Grad-CAM",
}
"""The pages that a picture can go on to."""
LISTED = 50
"""Files that were left out and are named."""


@dataclass(frozen=True)
class Seen:
    """What the page looks at.

    Attributes:
        opened: the dataset, and what it was asked for with.
        split: the name of the split.
        label: the number of the class, or None for every class.
        place: the picked picture's place in the split; None where the split is empty.
        dark: whether the page is dark.
    """

    opened: Opened
    split: str
    label: int | None
    place: int | None
    dark: bool

    @property
    def dataset(self) -> Dataset:
        """The dataset."""
        return self.opened.dataset

    @property
    def pictures(self) -> Split:
        """The split's pictures."""
        return self.dataset.splits[self.split]

    def caption(self, place: int, split: str | None = None) -> str:
        """The class of a picture, and its file or number."""
        pictures = self.dataset.splits[split or self.split]
        name = self.dataset.class_names[pictures.labels[place]]
        return f"{name} · {pictures.files[place] if pictures.files else f'picture {place}'}"


def look(opened: Opened, *, dark: bool) -> tuple[Seen, tuple[str, ...]]:
    """Draw split and class; what is looked at, and a sentence for each choice that the dataset does not have."""
    dataset, notes = opened.dataset, []
    asked = options.SPLIT.current()
    split = asked if len(dataset.splits[asked]) else "train"
    if split != asked:
        notes.append(f"{opened.asked.title} has no pictures for {asked}; those for train are shown.")
        options.SPLIT.put(split)
    label = _label(dataset, notes)
    place = options.PICTURE.current()
    if place is not None and place >= len(dataset.splits[split]):
        notes.append(f"The split has the pictures 0 to {len(dataset.splits[split]) - 1:,}, not {place:,}.")
        options.PICTURE.put(None)
        place = None
    if place is None or (label is not None and dataset.splits[split].labels[place] != label):
        place = _first(dataset.splits[split], label)
    seen = Seen(opened, split, label, place, dark)
    leaf, high = options.LEAF.current(), leaves(seen)
    if leaf > high:
        notes.append(f"The last page is {high:,}, so there is no page {leaf:,}; the first is shown.")
        options.LEAF.put(1)
    return seen, tuple(notes)


def _label(dataset: Dataset, notes: list[str]) -> int | None:
    """The chosen class's number."""
    name = options.CLASS.current()
    if name == options.EVERY:
        return None
    if name not in dataset.class_names:
        notes.append(f"There is no class “{name}” here; every class is shown.")
        options.CLASS.put(options.EVERY)
        return None
    return dataset.class_names.index(name)


def _first(split: Split, label: int | None) -> int | None:
    """The picture that is shown before one is picked: the first of the class, or of the first class."""
    of_class = split.labels == (split.labels.min(initial=0) if label is None else label)
    return int(of_class.argmax()) if of_class.any() else None


def places_of(split: Split, label: int | None) -> NDArray[np.intp]:
    """The places of a class's pictures in a split."""
    return np.arange(len(split)) if label is None else np.flatnonzero(split.labels == label)


def draw(seen: Seen) -> None:
    """Everything above the tabs."""
    with st.container(horizontal=True, vertical_alignment="top"):
        options.SPLIT.draw(width="content", on_change=options.turn_back)
        names = [options.EVERY, *seen.dataset.class_names]
        options.CLASS.put(options.CLASS.current() if options.CLASS.current() in names else options.EVERY)
        st.selectbox(
            options.CLASS.label,
            names,
            key=options.CLASS.key,
            format_func=lambda name: name or "Every class",
            on_change=options.turn_back,
            persist_state="session",
            width=240,
        )
        _leaf(seen)
    st.caption(_summary(seen.dataset))
    if seen.label is not None:
        label = seen.label
        sheet(seen, label, key="datasets.sheet", in_a_row=SHEET_COLUMNS, in_all=IN_A_SHEET)
    elif len(seen.dataset.class_names) in FEW:
        side_by_side(seen)
    else:
        columns(seen)
    left, right = st.columns([2, 3], gap="large")
    with left:
        picked(seen)
    with right:
        counts(seen)


def _summary(dataset: Dataset) -> str:
    """How many pictures there are, of what size."""
    height, width, channels = dataset.image_shape
    found = " · ".join(f"**{len(split):,}** {name}" for name, split in dataset.splits.items() if len(split))
    what = "grey" if channels == 1 else "colour"
    return f"{found} · {len(dataset.class_names)} classes · {height} × {width} pixels, {what}"


def leaves(seen: Seen) -> int:
    """How many leaves there are to turn."""
    if seen.label is not None:
        return max(1, -(-len(places_of(seen.pictures, seen.label)) // IN_A_SHEET))
    most = int(np.bincount(seen.pictures.labels, minlength=1).max(initial=0))
    _, on_a_leaf = FEW.get(len(seen.dataset.class_names), (0, IN_A_COLUMN))
    return max(1, -(-most // on_a_leaf)) * groups(seen.dataset)


def groups(dataset: Dataset) -> int:
    """How many times the classes have to share the columns."""
    return -(-len(dataset.class_names) // MOST_COLUMNS)


def _leaf(seen: Seen) -> int:
    """Draw the field that turns the leaves."""
    high = leaves(seen)
    return int(replace(options.LEAF, high=high).draw(width=140)) if high > 1 else 1


def small(pictures: Sequence[NDArray[np.uint8]], columns: int, gap: int, *, dark: bool) -> maps.Mosaic:
    """Small pictures side by side."""
    tiles = images.to_rgb(np.stack(list(pictures)))
    return maps.mosaic(tiles, columns, gap=gap, side=TILE_SIDE, ground=figures.ground(dark=dark))


def columns(seen: Seen) -> None:
    """A column for each class: a click picks a picture, or at its head the class."""
    leaf = options.LEAF.current() - 1
    group, turn = leaf % groups(seen.dataset), leaf // groups(seen.dataset)
    labels = range(group * MOST_COLUMNS, min(len(seen.dataset.class_names), (group + 1) * MOST_COLUMNS))
    key = (seen.dataset.key, seen.split, leaf, seen.dark)
    stages = cache.drawing("classes", key, lambda: [_column(seen, label, turn) for label in labels])
    selected = None if seen.place is None else (_path(int(seen.pictures.labels[seen.place])), seen.place)
    map_components.strip(
        stages=stages,
        selected=selected,
        key="datasets.classes",
        alt=f"Pictures of each class of {seen.dataset.name}",
        threads=False,
        on_pick=lambda picked: _open(seen, picked),
    )


def _path(label: int) -> str:
    return f"class {label}"


def _open(seen: Seen, picked: tuple[str, int] | None) -> None:
    if picked is None:
        return
    path, place = picked
    if place == WHOLE_STAGE:
        options.open_class(seen.dataset.class_names[int(path.removeprefix("class "))])
    else:
        options.open_picture(place)


def _column(seen: Seen, label: int, turn: int) -> Stage:
    """The next pictures of a class; a class that has no more stays empty."""
    places = places_of(seen.pictures, label)
    these = places[turn * IN_A_COLUMN : (turn + 1) * IN_A_COLUMN]
    drawn = small([seen.pictures.images[place] for place in these], 1, 0, dark=seen.dark) if len(these) else None
    return Stage(
        _path(label),
        seen.dataset.class_names[label],
        f"{len(places):,} pictures" if len(places) != 1 else "1 picture",
        tiles_png=images.encode_png(drawn.pixels) if drawn else b"",
        side=drawn.side if drawn else 0,
        channels=tuple(int(place) for place in these),
        labels=tuple(_said(seen, int(place)) for place in these),
    )


def _said(seen: Seen, place: int) -> str:
    return str(seen.pictures.files[place]).rsplit("/", 1)[-1][-60:] if seen.pictures.files else f"picture {place}"


def side_by_side(seen: Seen) -> None:
    """A sheet for each of a few classes."""
    in_a_row, in_all = FEW[len(seen.dataset.class_names)]
    found = np.bincount(seen.pictures.labels, minlength=len(seen.dataset.class_names))
    for label, column in enumerate(st.columns(len(seen.dataset.class_names), gap="medium")):
        with column:
            name = seen.dataset.class_names[label]
            st.button(
                f"**{plain(name)}** · {found[label]:,} pictures",
                key=f"datasets.open_{label}",
                type="tertiary",
                on_click=options.open_class,
                args=(name,),
            )
            sheet(seen, label, key=f"datasets.sheet_{label}", in_a_row=in_a_row, in_all=in_all)


def sheet(seen: Seen, label: int, *, key: str, in_a_row: int, in_all: int) -> None:
    """One class's pictures: a click picks one."""
    leaf = options.LEAF.current() - 1
    places = places_of(seen.pictures, label)[leaf * in_all : (leaf + 1) * in_all]
    if not len(places):
        st.caption(f"No {'more ' if leaf else ''}pictures of this class in {seen.split}.")
        return
    drawn = cache.drawing(
        "class",
        (seen.dataset.key, seen.split, label, leaf, in_a_row, in_all, seen.dark),
        lambda: small([seen.pictures.images[place] for place in places], in_a_row, 3, dark=seen.dark),
    )
    map_components.channel_grid(
        mosaic_png=images.encode_png(drawn.pixels),
        columns=drawn.columns,
        count=drawn.count,
        side=drawn.side,
        gap=drawn.gap,
        channels=[int(place) for place in places],
        labels=[_said(seen, int(place)) for place in places],
        selected=seen.place,
        key=key,
        alt=f"Pictures of one class of {seen.dataset.name}",
        widest=92,
        hint="",
        on_pick=options.open_picture,
    )


def picked(seen: Seen) -> None:
    """The picked picture, and the ways on."""
    if seen.place is None:
        return
    picture = images.to_rgb(seen.pictures.images[seen.place])
    shown = figures.enlarge(picture, SHOWN_SIDE)
    st.image(
        images.encode_png(shown),
        width=min(SHOWN_SIDE, shown.shape[1]),  # Streamlit would blur a picture that is wider
        output_format="PNG",
        alt=f"The picked picture: {seen.caption(seen.place)}",
    )
    size = "" if seen.pictures.sizes is None else _was(seen.pictures.sizes[seen.place], picture.shape[:2])
    st.markdown(f"**{plain(seen.caption(seen.place))}**{size}")
    label = f"{seen.dataset.name}: {seen.caption(seen.place)}"[-60:]
    if state.get(state.SHELL):  # a page that runs by itself has no way on
        st.caption("Take this picture along to")
    with st.container(horizontal=True):
        for page, name in ONWARD.items():
            site.onward(page, name, f"datasets.to_{page}", _take_along, (page, label, picture))


def _take_along(page: str, label: str, picture: NDArray[np.uint8]) -> None:
    """Make the picture that of every page, and see to it that the next one shows it."""
    pickers.use_pixels(page, label, picture)
    augmentation_options.SOURCE.put(augmentation_options.PICTURE)


def _was(size: Sequence[int], now: tuple[int, int]) -> str:
    height, width = int(size[0]), int(size[1])
    return "" if (height, width) == now else f" · the file is {height} × {width}"


def counts(seen: Seen) -> None:
    """Pictures by class and split, what there is to know, and what was left out."""
    dataset = seen.dataset
    counted = {name: of_class.tolist() for name, of_class in survey.counts(dataset).items() if of_class.any()}
    frame.chart(
        charts.stacked_bars(list(dataset.class_names), counted, dark=seen.dark, height=230),
        key="datasets.counts",
        alt="How many pictures of each class are in each split",
    )
    found = surveyed(
        "flaws",
        (dataset.key,),
        dataset,
        lambda tell: survey.flaws(dataset, on_progress=tell),
        purpose="Look for flaws in",
    )
    for sentence in found or ():
        st.markdown(f":material/flag: {plain(sentence)}")
    for sentence in dataset.notes:
        st.caption(plain(sentence))
    if dataset.skipped:
        files = "1 file was" if len(dataset.skipped) == 1 else f"{len(dataset.skipped):,} files were"
        with st.expander(f"{files} left out", icon=":material/broken_image:"):
            for one in dataset.skipped[:LISTED]:
                st.markdown(f"{plain(one.file[-120:])} — {plain(one.reason)}")
            if len(dataset.skipped) > LISTED:
                st.caption(f"And {len(dataset.skipped) - LISTED:,} more: all are in the list under *Download*.")
