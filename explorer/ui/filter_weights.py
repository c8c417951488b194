"""The Filters page's *Weights*: learned kernels beside the hand-made ones that they are most like."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import figures, images, likeness, maps, overview
from explorer.errors import LayerError
from explorer.kernels import KERNELS, Kernel
from explorer.likeness import Match, Slices
from explorer.maps.colours import MAGENTA
from explorer.models import Classifier, LayerSummary
from explorer.models.filters import colour_order, kernels_of
from explorer.settings import ROOT
from explorer.ui import cache, kernel_editor, state
from explorer.ui.controls import Select, Whole
from explorer.ui.texts import plain

PER_PAGE = 12
"""Filters that are shown at a time."""
SLICES = 9
"""Most slices of a filter in its small mosaic."""
TILE, GAP = 108, 8
"""Height and width of each of a card's pictures and the space between two, in pixels of the file."""
FRAME = 6
"""Space between two slices."""
CARD_WIDTH = (3 * TILE + 2 * GAP) // 2
"""Of a card on the page, which shows two pixels of the file as one: on a phone two cards stand side by side."""
AS_GOOD_AS_ZERO = 1e-5
"""A slice whose weights are all below this share of the layer's largest is compared with nothing: weight decay has
left of such a filter what no later layer can tell from zero."""
KERNELS_PAGE = ROOT / "pages" / "kernels.py"

PAGE = Whole(key="filters.weights_page", label="Page of filters", default=1, low=1, high=10_000)
HAND = Select(
    key="filters.hand_kernel",
    label="Hand-made kernel",
    default="gabor-45",
    options={slug: label for slug, label in kernel_editor.PRESET.options.items() if slug in likeness.CANDIDATES},
    help="A filter need not be learned: this one is used as if it were a network's only layer.",
)
CONTROLS = (PAGE, HAND)

Grow = Callable[[Kernel], NDArray[np.uint8] | None]
"""The picture that a kernel looks for, uint8 (H, W, 3); None where none was grown."""
GROWN_SIDE = 360
"""A smaller grown picture has its pixels repeated up to about this size."""
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Card:
    """One filter, drawn.

    Attributes:
        channel: which one of its layer.
        png: the filter, what of it is compared, and the hand-made kernel, side by side.
        width: of that picture on the page, in pixels.
        words: what it is and its range, in Markdown.
        match: the hand-made kernel; None where there is nothing to compare.
    """

    channel: int
    png: bytes
    width: int
    words: str
    match: Match | None


@dataclass(frozen=True)
class Drawn:
    """Some of a layer's filters as cards.

    Attributes:
        cards: those that are shown.
        legend: what the pictures on a card are.
        summary: what was found in the whole layer, in Markdown; or why nothing is compared.
        chance: the cosine that a likeness has to exceed; 1 where nothing is compared.
    """

    cards: tuple[Card, ...]
    legend: str
    summary: str
    chance: float


@dataclass(frozen=True, eq=False)
class Compared:
    """All kernels of a convolution, compared with those made by hand.

    Attributes:
        kernels: float32 (kh, kw, C, K); of a layer that reads a picture, C in the order red, green, blue.
        colours: whether it reads the colours of a picture.
        slices: what of each kernel is compared.
        reason: why nothing is, else None.
        matches: for each kernel the hand-made one.
        chance: as in :class:`Drawn`.
    """

    kernels: NDArray[np.float32]
    colours: bool
    slices: Slices
    reason: str | None
    matches: Sequence[Match | None]
    chance: float


def draw(
    classifier: Classifier,
    layer: LayerSummary,
    layers: Sequence[LayerSummary],
    channels: Sequence[int],
    *,
    dark: bool,
    grow: Grow,
) -> None:
    """The tab: some of a layer's kernels with the hand-made ones most like them; one hand-made kernel, grown.

    Args:
        classifier: the network.
        layer: one of its layers; of a normalisation or activation, the convolution before it is shown.
        layers: all of them, in the order in which data flows.
        channels: which of the layer's filters to show; a dozen at a time.
        dark: whether the page is dark.
        grow: makes the picture that a hand-made kernel looks for.

    Raises:
        LayerError: a channel that the layer does not have.
    """
    path = overview.filters_of(layer, layers) or layer.path
    kernels = kernels_of(classifier.model, path)
    if kernels is None:
        st.info(
            f"{plain(layer.path)} ({plain(layer.kind)}) has no kernels that slide over a picture. Choose a "
            "convolution, or the normalisation or activation that follows one.",
            icon=":material/info:",
        )
    else:
        height, width, inputs, count = kernels.shape
        passing = "" if path == layer.path else f", whose maps {plain(layer.path)} passes on"
        st.markdown(f"**{plain(path)}**{passing}: {count} kernels of {height} × {width} × {inputs} weights.")
        shown = _shown(channels, count, path)
        key = (classifier.key, path, shown, dark)
        _cards(cache.drawing("filter weights", key, lambda: _drawn(classifier, path, kernels, shown, dark=dark)))
    st.subheader("A filter made by hand", anchor=False)
    _hand_made(grow, dark=dark)


def _shown(channels: Sequence[int], count: int, path: str) -> tuple[int, ...]:
    """The channels on the chosen page; draws its number where there are several pages."""
    absent = [channel for channel in channels if not 0 <= channel < count]
    if absent:
        raise LayerError(f"The layer {path} has the channels 0 to {count - 1}; there is no {absent[0]}.")
    pages = -(-len(channels) // PER_PAGE)
    number = replace(PAGE, high=pages).draw(width=160) if pages > 1 else 1
    return tuple(map(int, channels[(number - 1) * PER_PAGE : number * PER_PAGE]))


def _cards(drawn: Drawn) -> None:
    """The filters in rows of as many as there is room for; what they show; what was found."""
    with st.container(horizontal=True, gap="small"):
        for card in drawn.cards:
            with st.container(width=CARD_WIDTH, gap="xxsmall"):
                alt = f"Filter {card.channel}" + (f" and {card.match.kernel.name}" if card.match else "")
                st.image(card.png, width=card.width, output_format="PNG", alt=alt)
                st.caption(card.words)
                if card.match:
                    _open_button(card.match.slug, card.match.size, key=f"filters.open_{card.channel}")
                    st.caption(likeness_words(card.match, drawn.chance))
    st.markdown(drawn.summary)
    st.caption(drawn.legend)


def likeness_words(match: Match, chance: float) -> str:
    """The cosine, strong where it says something, and what there is to know about it.

    >>> likeness_words(Match("box", 3, -0.5, 0, 0), 0.8)
    'cosine −0.50, its negative, as by chance'
    """
    strong = abs(match.cosine) > chance
    number = f"{match.cosine:.2f}".replace("-", "−")
    sign = ", its negative" if match.cosine < 0 else ""
    return f"cosine **{number}**{sign}" if strong else f"cosine {number}{sign}, as by chance"


def _open_button(slug: str, size: int, *, key: str) -> None:
    """Opens a hand-made kernel on the Kernels page. A page that was started by itself has no way there."""
    kernel = KERNELS[slug]
    if state.get(state.SHELL):
        st.button(
            kernel.name,
            key=key,
            icon=":material/grid_on:",
            help=f"Open it on the Kernels page, {size} × {size}. {kernel.note}",
            on_click=_open,
            args=(slug, size),
            type="tertiary",
        )
    else:
        st.markdown(kernel.name)


def _open(slug: str, size: int) -> None:
    kernel_editor.set_kernel(slug)
    kernel_editor.SIZE.put(size)
    st.switch_page(KERNELS_PAGE)


def _hand_made(grow: Grow, *, dark: bool) -> None:
    """A hand-made kernel, and the picture that it looks for."""
    slug = HAND.draw(width=320)
    kernel = KERNELS[slug]
    left, right = st.columns([1, 2])
    with left:
        tile = _square(_signed(kernel.weights, dark=dark), 4 * TILE, dark=dark)
        st.image(images.encode_png(tile), width=2 * TILE, output_format="PNG", alt=f"The weights of {kernel.name}")
        size = len(kernel.weights)
        st.caption(f"{size} × {size} weights, ±{np.abs(kernel.weights).max():.2g}. {kernel.note}")
        _open_button(slug, size, key="filters.open_hand")
    with right:
        with st.spinner("Growing…"):
            grown = grow(kernel)
        if grown is None:
            st.caption("No picture was grown for this kernel.")
            return
        png = images.encode_png(figures.enlarge(grown, GROWN_SIDE))
        st.image(png, output_format="PNG", alt=f"What {kernel.name} looks for")
        st.caption(
            "What it looks for: a picture, changed step by step until the kernel answers it most, as for the "
            "learned filters."
        )


# Comparing and drawing.


def _drawn(
    classifier: Classifier, path: str, kernels: NDArray[np.float32], channels: Sequence[int], *, dark: bool
) -> Drawn:
    """Compare the whole layer; draw some of it."""
    compared = _compare(kernels, colour_order(classifier.model, path, input_shape=classifier.input_shape))
    return Drawn(
        cards=tuple(_card(compared, channel, dark=dark) for channel in channels),
        legend=_legend(compared),
        summary=compared.reason or _summary(compared),
        chance=compared.chance,
    )


def _compare(kernels: NDArray[np.float32], order: tuple[int, int, int] | None) -> Compared:
    """The kernels of a layer and what they are most like; ``order`` as from :func:`colour_order`."""
    if order is not None:
        kernels = kernels[:, :, order]
    height, width = kernels.shape[:2]
    slices = likeness.compared_slices(kernels, colours=order is not None)
    reason = likeness.why_not(height, width)
    if reason:
        return Compared(kernels, order is not None, slices, reason, [None] * kernels.shape[3], 1.0)
    matches = likeness.nearest(slices.weights, floor=AS_GOOD_AS_ZERO * _end(kernels))
    return Compared(kernels, order is not None, slices, None, matches, likeness.by_chance(height, width))


def _card(compared: Compared, channel: int, *, dark: bool) -> Card:
    """One filter's pictures and words."""
    kernel, match = compared.kernels[..., channel], compared.matches[channel]
    tiles, words = [_whole(kernel, colours=compared.colours, dark=dark)], f"**filter {channel}** · ±{_end(kernel):.2g}"
    if compared.reason is None and kernel.shape[2] > 1:
        one = compared.slices.weights[..., channel]
        tiles.append(_signed(one, dark=dark))
        words += f"  \n{_source(compared, channel)} · ±{_end(one):.2g}"
    if kernel.shape[:2] == (1, 1):
        words += f"  \nmost of {_largest(kernel[0, 0])}"
    if match is not None:
        tiles.append(_signed(match.laid_over(*kernel.shape[:2]), dark=dark))
    elif compared.reason is None:
        words += "  \n" + ("as good as zero" if np.isfinite(kernel).all() else "not all weights are numbers")
    squares = [_square(tile, TILE if compared.reason is None else 2 * TILE, dark=dark) for tile in tiles]
    space = np.full((len(squares[0]), GAP, 3), figures.ground(dark=dark), np.uint8)
    row = np.concatenate([part for square in squares for part in (space, square)][1:], axis=1)
    return Card(channel, images.encode_png(row), row.shape[1] // 2, words, match)


def _source(compared: Compared, channel: int) -> str:
    """What of the kernel is compared."""
    source = compared.slices.channels[channel]
    if source is None:
        return "sum of the colours"
    return f"{COLOURS[source]} alone" if compared.colours else f"input {source}"


def _largest(weights: NDArray[np.float32]) -> str:
    """The two inputs that a 1 × 1 kernel takes most of.

    >>> _largest(np.float32([0.5, -2, 0]))
    'input 1 (−2), 0 (+0.5)'
    """
    first = np.argsort(-np.abs(np.nan_to_num(weights)), kind="stable")[:2]
    return "input " + ", ".join(f"{place} ({weights[place]:+.2g})".replace("-", "−") for place in first)


def _legend(compared: Compared) -> str:
    """What the pictures on a card are."""
    height, width, inputs, _ = compared.kernels.shape
    signs = "Blue is positive, red is negative, neutral is zero"
    if height == width == 1:
        return f"A cell for each of the {inputs} inputs, row by row. {signs}, up to the range of the filter."
    if compared.colours:
        left = "Left: the kernel in its colours; mid-grey is zero, in each of red, green and blue."
        middle = (
            " Middle: what is compared, the sum over the colours, which is the answer to a grey picture; or the "
            "strongest colour alone, where the colours work against each other and little is left for grey."
        )
    elif inputs > 1:
        left = f"Left: the {min(SLICES, inputs)} strongest of the {inputs} slices, one for each input."
        middle = " Middle: the strongest, which is compared."
    else:
        left, middle = "Left: the kernel.", ""
    if compared.reason:
        return f"{left} {signs}."
    return (
        f"{left}{middle} Right: the hand-made kernel of largest cosine, in the place where it is largest: the smaller "
        "is shifted inside the larger, with zeros around it. Where the cosine is negative, its negative is drawn. "
        f"{signs}; each picture has its own range. No mean is subtracted, so that a kernel of mostly one sign is like "
        "a blur."
    )


def _summary(compared: Compared) -> str:
    """How much of the layer is like something made by hand, and what."""
    strong = [match for match in compared.matches if match is not None and abs(match.cosine) > compared.chance]
    count = len(compared.matches)
    text = (
        f"**In the whole layer, {len(strong)} of {count} kernels ({len(strong) / count:.0%})** exceed a cosine of "
        f"{compared.chance:.2f}, as only 5% of kernels of random numbers do."
    )
    chance = (1 - likeness.RANDOM_SHARE) * count
    if len(strong) <= chance + 2 * sqrt(chance):
        return f"{text} That is no more than chance gives: the likenesses say nothing here."
    names = Counter(KERNELS[match.slug].name for match in strong).most_common(4)
    return f"{text} Most often they are like {', '.join(f'{name} ({times})' for name, times in names)}."


def _whole(kernel: NDArray[np.float32], *, colours: bool, dark: bool) -> NDArray[np.uint8]:
    """A whole kernel as one picture: in its colours, as its weights, or as its strongest slices.

    Args:
        kernel: float32 (kh, kw, C).
        colours: whether C is red, green and blue.
        dark: for a dark page.
    """
    height, width, inputs = kernel.shape
    if height == width == 1:
        side = ceil(sqrt(inputs))
        cells = np.full((side * side, 3), figures.ground(dark=dark), np.uint8)
        cells[:inputs] = _signed(kernel[0, 0], dark=dark)
        return cells.reshape(side, side, 3)[: ceil(inputs / side)]
    if colours:
        return _picture(kernel)
    if inputs == 1:
        return _signed(kernel[..., 0], dark=dark)
    first = likeness.strongest(kernel[..., np.newaxis])[:SLICES, 0]
    tiles = _signed(np.moveaxis(kernel[..., first], 2, 0), _end(kernel), dark=dark)
    columns = ceil(sqrt(len(first)))
    side = (TILE - FRAME) // columns - FRAME
    return maps.mosaic(tiles, columns, gap=FRAME, side=side, ground=figures.ground(dark=dark)).pixels


def _picture(kernel: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A kernel over red, green and blue as pixels: 128 is zero, 1 and 255 are its largest magnitude."""
    shares = np.nan_to_num(kernel, posinf=0, neginf=0).astype(np.float64) / (_end(kernel) or 1.0)
    pixels: NDArray[np.uint8] = np.rint(128 + 127 * shares).astype(np.uint8)
    pixels[~np.isfinite(kernel).all(axis=2)] = MAGENTA
    return pixels


def _signed(weights: NDArray[np.float32], end: float | None = None, *, dark: bool) -> NDArray[np.uint8]:
    """Weights of any shape in red and blue around zero, up to ``end`` or else the largest: uint8 (*shape, 3)."""
    end = (_end(weights) if end is None else end) or 1.0
    pixels = maps.between(np.nan_to_num(weights, posinf=0, neginf=0), -end, end, dark=dark)
    pixels[~np.isfinite(weights)] = MAGENTA
    return pixels


def _end(weights: NDArray[np.float32]) -> float:
    """The largest magnitude of the finite weights."""
    return float(np.abs(weights, where=np.isfinite(weights), out=np.zeros_like(weights)).max(initial=0.0))


def _square(tile: NDArray[np.uint8], side: int, *, dark: bool) -> NDArray[np.uint8]:
    """A tile, its cells enlarged, in a thin frame in the middle of a square: uint8 (side, side, 3)."""
    drawn = maps.mosaic(tile[np.newaxis], 1, side=side - 4, ground=figures.ground(dark=dark)).pixels
    framed = np.pad(drawn, ((2, 2), (2, 2), (0, 0)), constant_values=96 if dark else 192)
    square = np.full((side, side, 3), figures.ground(dark=dark), np.uint8)
    top, left = (side - framed.shape[0]) // 2, (side - framed.shape[1]) // 2
    square[top : top + framed.shape[0], left : left + framed.shape[1]] = framed
    return square
