"""The parts of the Feature maps page below the strip: one layer's maps, and one channel of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import charts, datasets, depth, figures, images, maps, overview
from explorer.images import SAMPLE_LABELS, SAMPLES
from explorer.models import Classifier, LayerSummary
from explorer.models.filters import kernel_of
from explorer.ui import cache, feature_options, filter_options, frame, map_components, pickers, site
from explorer.ui.feature_options import Choice
from explorer.ui.gallery import gallery
from explorer.ui.texts import plain

COLUMNS = 12
TILE_SIDE = 96
"""Height and width of a map in the grid, in pixels."""
GAP = 3
EXCITING_COUNT = 60
"""Drawn shapes that are looked through."""


@dataclass(frozen=True)
class Looked:
    """What the parts below the strip look at.

    Attributes:
        classifier: the network.
        layer: one of its layers.
        outputs: every layer's output for the picture: path → (H, W, C), or (K,).
        picture: uint8 (H, W, C), as the network reads it.
        key: the network's key and the picture's hash, for caches.
        dark: whether the page is dark.
        channel: the one of the layer's channels that is looked at; of the classes one, also where two share a unit.
        filters: the convolution whose output a normalisation or activation only reshapes; None where there is none.
    """

    classifier: Classifier
    layer: LayerSummary
    outputs: Mapping[str, NDArray[np.float32]]
    picture: NDArray[np.uint8]
    key: tuple[str, str]
    dark: bool
    channel: int
    filters: str | None = None

    @property
    def values(self) -> NDArray[np.float32]:
        """The layer's output."""
        return self.outputs[self.layer.path]

    @property
    def unit(self) -> int:
        """The channel as the layer has it: the one unit where two classes share it."""
        return min(self.channel, int(self.values.shape[-1]) - 1)

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """The picture with three channels."""
        return images.to_rgb(self.picture)


class _Outputs(Mapping[str, NDArray[np.float32]]):
    """Every layer's output; those of the columns are there at once, all others are computed when one is asked for."""

    def __init__(self, first: Mapping[str, NDArray[np.float32]], fetch: Callable[[], cache.Maps]) -> None:
        self._first = first
        self._fetch = fetch

    def __getitem__(self, path: str) -> NDArray[np.float32]:
        return self._first[path] if path in self._first else self._fetch()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fetch())

    def __len__(self) -> int:
        return len(self._fetch())


def look(choice: Choice, *, dark: bool) -> tuple[Looked, tuple[str, ...]]:
    """Show the picture to the network; return what came of it, and a sentence for each thing to know about it."""
    classifier, sha = choice.classifier, choice.chosen.sha
    picture, notes = cache.fitted(classifier.key, sha, classifier, choice.chosen.picture.pixels)
    first = cache.measured(classifier.key, sha, classifier, picture)
    outputs = _Outputs(first.maps, lambda: cache.all_maps(classifier.key, sha, classifier, picture))
    values, asked = outputs[choice.layer.path], feature_options.CHANNEL.current()
    two_classes = choice.layer.path == choice.plan.classes.told.path and values.shape[-1] == 1
    if asked is not None and asked >= values.shape[-1] + two_classes:
        notes += (f"The layer has the channels 0 to {values.shape[-1] - 1}, not {asked}; the most active is shown.",)
        feature_options.CHANNEL.put(None)
        asked = None
    if asked is None:
        busiest = values.reshape(-1, values.shape[-1]).var(axis=0) if values.ndim > 1 else values
        asked = 1 if two_classes else int(busiest.argmax())
        feature_options.by_itself(choice.layer.path, asked)
    filters = overview.filters_of(choice.layer, choice.layers)
    return Looked(classifier, choice.layer, outputs, picture, (classifier.key, sha), dark, asked, filters), notes


def turn(looked: Looked) -> None:
    """Turn the grid to the page of a channel that has been clicked in the picture of the whole network."""
    if feature_options.to_turn() and looked.layer.spatial:
        order = maps.order(looked.values, feature_options.SORT.current())
        place = int(np.flatnonzero(order == looked.unit)[0])
        feature_options.PAGE.put(place // feature_options.PER_PAGE + 1)


def classes(looked: Looked) -> list[tuple[int, str, float]]:
    """The five likeliest classes: index, name, probability."""
    return cache.top_classes(*looked.key, looked.classifier, looked.picture)


def heading(layer: LayerSummary) -> str:
    """``block2a · 112 × 112 × 96``, with the kind of layer."""
    return f"{plain(layer.path)} · {plain(layer.kind)} · {' × '.join(map(str, layer.output_shape))}"


def draw(looked: Looked) -> None:
    """The layer's maps on the left, one channel of them on the right; bars where no space is left."""
    if not looked.layer.spatial:
        bars(looked)
        return
    left, right = st.columns([1.9, 1])
    with left:
        grid(looked)
    with right:
        channel(looked)


@dataclass(frozen=True)
class Sheet:
    """One page of a layer's maps, drawn."""

    png: bytes
    columns: int
    side: int
    channels: tuple[int, ...]
    labels: tuple[str, ...]
    legend: str
    low: float
    high: float
    dead: int
    bar: bytes


def grid(looked: Looked) -> None:
    """The layer's maps as a grid: a click chooses the channel."""
    scale, sort = feature_options.SCALE.current(), feature_options.SORT.current()
    per_page = feature_options.PER_PAGE
    pages = -(-looked.values.shape[2] // per_page)
    paging = replace(feature_options.PAGE, high=pages)
    number = paging.draw(width=160) if pages > 1 else 1
    key = (*looked.key, looked.layer.path, scale, sort, number, looked.dark)
    sheet = cache.drawing("sheet", key, lambda: draw_sheet(looked.values, scale, sort, number - 1, dark=looked.dark))
    map_components.channel_grid(
        mosaic_png=sheet.png,
        columns=sheet.columns,
        count=len(sheet.channels),
        side=sheet.side,
        gap=GAP,
        channels=sheet.channels,
        labels=sheet.labels,
        selected=looked.channel,
        key="feature_maps.grid",
        alt=f"The maps of {looked.layer.path}",
        on_pick=feature_options.open_channel,
    )
    dead = f" · **{sheet.dead}** of {looked.values.shape[2]} are zero everywhere" if sheet.dead else ""
    if scale == "raw":
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"{sheet.low:.4g}")
            st.image(sheet.bar, width=220, output_format="PNG", alt="The colours, from the lowest to the highest value")
            st.caption(f"{sheet.high:.4g}")
    st.caption(f"{sheet.legend}{dead}")


def draw_sheet(values: NDArray[np.float32], scale: str, sort: str, number: int, *, dark: bool) -> Sheet:
    """One page of a layer's maps in colours."""
    page = maps.page(maps.order(values, sort), number, feature_options.PER_PAGE)
    coloured = maps.coloured(values, scale, channels=page.channels, dark=dark)
    drawn = maps.mosaic(coloured.tiles, COLUMNS, gap=GAP, side=TILE_SIDE, ground=figures.ground(dark=dark))
    found = maps.statistics(values)
    labels = tuple(
        f"channel {channel} · mean {found.mean[channel]:.3g} · {found.zeros[channel]:.0%} zeros"
        for channel in page.channels
    )
    return Sheet(
        png=images.encode_png(drawn.pixels),
        columns=drawn.columns,
        side=drawn.side,
        channels=tuple(page.channels.tolist()),
        labels=labels,
        legend=coloured.legend,
        low=coloured.low,
        high=coloured.high,
        dead=int(found.dead.sum()),
        bar=images.encode_png(maps.colour_bar(coloured.low, coloured.high, dark=dark)),
    )


def bars(looked: Looked) -> None:
    """A layer without space: its numbers as bars."""
    frame.chart(
        charts.bars(looked.values, dark=looked.dark),
        key="feature_maps.bars",
        alt=f"The {looked.values.size} numbers of {looked.layer.path}",
    )
    st.caption(f"This layer has no space left: {looked.values.size:,} numbers, one for each unit.")
    _to_filters(looked, f"Grow what unit {looked.unit} looks for")


def channel(looked: Looked) -> None:
    """One channel: its map over the picture, and its histogram."""
    number = looked.unit
    values = looked.values[..., number]
    chooser = replace(feature_options.CHANNEL, high=looked.values.shape[2] - 1)
    chooser.draw(placeholder=f"{number}, which varies most")
    with st.container(horizontal=True, vertical_alignment="center"):
        opacity = feature_options.OPACITY.draw(width=180)
        smooth = feature_options.SMOOTH.draw()
    key = (*looked.key, looked.layer.path, number, opacity, smooth, looked.dark)
    st.image(
        cache.drawing("overlay", key, lambda: _overlay(looked, values, opacity, smooth=smooth)),
        width="stretch",
        output_format="PNG",
        alt=f"Channel {number} over the picture",
    )
    low, high, zeros = float(values.min()), float(values.max()), float(np.mean(values == 0))
    st.caption(f"from **{low:.4g}** to **{high:.4g}** · **{zeros:.0%}** zeros · {_field(looked.layer)}")
    if low == high and values.size > 1:
        silent = ": for this picture the channel is silent" if low == 0 else ""
        st.info(f"Every value of this map is {low:.4g}{silent}.")
    counts, edges = figures.count_values(values)
    svg = figures.histogram(counts, edges, dark=looked.dark)
    st.image(svg, width="stretch", alt="How often each value of the map occurs")
    with st.container(horizontal=True, gap="small"):
        _to_filters(looked, "Grow what it looks for")
        name = f"{looked.layer.path}:{number}"
        pinned = name in feature_options.PINNED.current()
        st.button(
            "Unpin it" if pinned else "Pin it above",
            key="feature_maps.pin",
            icon=":material/keep_off:" if pinned else ":material/keep:",
            help="Always show this channel in the picture of the whole network, where its layer has a column.",
            on_click=feature_options.PINNED.toggle,
            args=(name,),
        )


def _to_filters(looked: Looked, label: str) -> None:
    """On to the pattern of the channel that is looked at."""
    chosen = (looked.layer.path, looked.unit)
    site.onward("filters", label, "feature_maps.to_filters", set_filters, chosen, controls=filter_options.CONTROLS)


def set_filters(path: str, number: int) -> None:
    """Let the Filters page grow this channel's pattern."""
    filter_options.open_at(path, [number])
    filter_options.grow_now()


def _overlay(looked: Looked, values: NDArray[np.float32], opacity: float, *, smooth: bool) -> bytes:
    """The map over the picture, large enough to see."""
    picture = figures.enlarge(looked.rgb, 560)
    return images.encode_png(maps.overlay(picture, values, opacity=opacity, smooth=smooth, dark=looked.dark))


def _field(layer: LayerSummary) -> str:
    """How much of the picture one unit sees."""
    if layer.receptive_field is None:
        return "how much of the picture a unit sees is not known"
    height, width = layer.receptive_field.size
    return f"each unit sees {height} × {width} pixels"


def weights(looked: Looked) -> None:
    """The filter's own numbers, a slice for each of its inputs."""
    number = looked.unit
    path = looked.filters or looked.layer.path
    kernel = kernel_of(looked.classifier.model, path, number)
    if kernel is None:
        st.caption(f"A {looked.layer.kind} layer has no filters of its own.")
        return
    st.caption(f"Channel {number} of {plain(path)}" + ("" if path == looked.layer.path else ", which makes these maps"))
    height, width, depth_in = kernel.shape
    strongest = np.argsort(-np.abs(kernel).sum(axis=(0, 1)), kind="stable")[:24]
    coloured = maps.coloured(kernel, "raw", channels=strongest, dark=looked.dark)
    drawn = maps.mosaic(coloured.tiles, 8, gap=GAP, side=64, ground=figures.ground(dark=looked.dark))
    st.image(images.encode_png(drawn.pixels), output_format="PNG", alt=f"The weights of channel {number}")
    inputs = ", ".join(map(str, strongest[:6])) + (" …" if len(strongest) > 6 else "")
    st.caption(
        f"{height} × {width} × {depth_in} weights from {kernel.min():.3g} to {kernel.max():.3g}; the slices for the "
        f"{len(strongest)} inputs that weigh most (input {inputs}). {coloured.legend}"
    )


def exciting(looked: Looked) -> None:
    """The pictures of a set that excite the channel most, and the part that does it."""
    number = looked.unit
    where = feature_options.EXCITING.draw()
    key = (looked.classifier.key, looked.layer.path, number, where)
    found = cache.drawing("exciting", key, lambda: _exciting(looked, number, where))
    gallery(found)
    if looked.layer.receptive_field is not None and looked.layer.spatial:
        st.caption("Framed: the part of the picture that the most excited unit sees.")


def _exciting(looked: Looked, number: int, where: str) -> list[tuple[bytes, str]]:
    """Each picture with its frame, and a sentence."""
    names, pictures = picture_set(where)
    fitted = np.stack([looked.classifier.fit(picture)[0][0] for picture in pictures])
    best = depth.most_exciting(looked.classifier, fitted, looked.layer.path, number, k=8)
    drawn = []
    for one in best:
        picture = np.clip(np.rint(fitted[one.index]), 0, 255).astype(np.uint8)
        picture = images.to_rgb(picture)
        if looked.layer.receptive_field is not None and looked.layer.spatial:
            picture = figures.framed(picture, looked.layer.receptive_field.at(one.row, one.col))
        drawn.append((images.encode_png(figures.enlarge(picture, 160)), f"{names[one.index]} · {one.value:.3g}"))
    return drawn


def picture_set(where: str) -> tuple[list[str], list[NDArray[np.uint8]]]:
    """The bundled photos, or some drawn shapes, with a name each."""
    if where == "samples":
        return list(SAMPLE_LABELS.values()), [pickers.sample(name).picture.pixels for name in SAMPLES]
    shapes = datasets.load("shapes")
    chosen = shapes.validation
    names = [shapes.class_names[label] for label in chosen.labels[:EXCITING_COUNT]]
    return names, list(chosen.images[:EXCITING_COUNT])
