"""Arrays into pictures: how numbers are given colours, honestly.

Signed values keep their sign, and every picture comes with the range it shows and with what it had to leave out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

# Negative to positive, through the page's own background, so that zero is quiet in either theme.
DIVERGING_LIGHT = (
    (150, 20, 38),
    (214, 96, 77),
    (250, 190, 160),
    (248, 247, 245),
    (170, 207, 229),
    (67, 147, 195),
    (20, 73, 140),
)
DIVERGING_DARK = (
    (255, 150, 140),
    (220, 84, 76),
    (122, 46, 50),
    (30, 32, 38),
    (30, 68, 112),
    (52, 128, 200),
    (122, 193, 255),
)


@dataclass(frozen=True)
class Shown:
    """A picture of an array of numbers.

    Attributes:
        levels: uint8 (H, W, 1), a place in ``table`` for each pixel; or (H, W, 3), the colours themselves.
        low, high: the values at the two ends of the colour scale.
        clipped: the share of values outside that range, 0–1; they are drawn as if at its end.
        legend: one sentence: what the colours mean.
        signed: whether the colours tell negative from positive.
        table: uint8 (256, 3), RGB; None where the levels are greys or colours as they are.
    """

    levels: NDArray[np.uint8]
    low: float
    high: float
    clipped: float
    legend: str
    signed: bool = False
    table: NDArray[np.uint8] | None = None

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture in colours: uint8 (H, W, 3)."""
        if self.table is not None:
            return self.table[self.levels[..., 0]]
        return self.levels if self.levels.shape[2] == 3 else self.levels.repeat(3, axis=2)


def _bytes(scaled: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Values in 0–255 as uint8 of the same shape; what lies outside is clipped."""
    whole = np.clip(scaled, np.float32(0), np.float32(255))
    levels: NDArray[np.uint8] = np.rint(whole, out=whole).astype(np.uint8)
    return levels


def diverging_table(*, dark: bool = False) -> NDArray[np.uint8]:
    """256 colours from most negative (1) through zero (128) to most positive (255): uint8 (256, 3), RGB."""
    anchors = np.array(DIVERGING_DARK if dark else DIVERGING_LIGHT, float)
    position = (np.arange(256) - 128) / 127
    columns = [np.interp(position, np.linspace(-1, 1, len(anchors)), anchors[:, channel]) for channel in range(3)]
    table: NDArray[np.uint8] = np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    return table


def colour_table(code: int) -> NDArray[np.uint8]:
    """The 256 colours of one of OpenCV's colour maps, lowest first: uint8 (256, 3), RGB."""
    drawn = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], code)
    return np.ascontiguousarray(drawn[:, 0, ::-1])


def viridis_table() -> NDArray[np.uint8]:
    """256 colours from violet to yellow: uint8 (256, 3), RGB."""
    return colour_table(cv2.COLORMAP_VIRIDIS)


def signed(values: NDArray[np.float32], *, dark: bool = False) -> Shown:
    """Negative red, zero neutral, positive blue; for colour pictures, zero is mid-grey in each channel.

    The scale is symmetric. Its ends hold all but the 0.5 % largest magnitudes, because the few huge values that
    zero padding makes along a border would otherwise drown the rest; how many lie beyond is in ``clipped``.

    >>> signed(np.float32([[[-2.0], [0.0], [2.0]]])).pixels[0].tolist()
    [[150, 20, 38], [248, 247, 245], [20, 73, 140]]
    """
    magnitudes = np.abs(values)
    extreme = scale_end(magnitudes)
    beyond = float(np.mean(magnitudes > extreme)) if values.size else 0.0
    index = _bytes(np.clip(values * np.float32(127 / extreme if extreme else 0.0), -127, 127) + np.float32(128))
    if values.shape[2] == 3:
        legend = "Zero is mid-grey in each channel; brighter is positive, darker is negative."
        return Shown(index, -extreme, extreme, beyond, legend, signed=True)
    legend = "Blue is positive, red is negative, neutral is zero."
    return Shown(index, -extreme, extreme, beyond, legend, signed=True, table=diverging_table(dark=dark))


def scale_end(magnitudes: NDArray[np.float32]) -> float:
    """The end of a colour scale: 99.5 % of the magnitudes are no larger. The largest, where those are all zero."""
    if not magnitudes.size:
        return 0.0
    return float(np.percentile(magnitudes, 99.5, method="higher")) or float(magnitudes.max())


def absolute(values: NDArray[np.float32], *, dark: bool = False) -> Shown:  # noqa: ARG001
    """Magnitudes from zero (dark) to the scale's end (bright), in viridis; colour pictures keep their channels."""
    magnitudes = np.abs(values)
    high = scale_end(magnitudes)
    beyond = float(np.mean(magnitudes > high)) if values.size else 0.0
    index = _bytes(magnitudes * np.float32(255 / high if high else 0.0))
    if values.shape[2] == 3:
        return Shown(index, 0.0, high, beyond, "Brightness is the size of the value; its sign is not shown.")
    legend = "Yellow is the largest size, violet is zero; the sign is not shown."
    return Shown(index, 0.0, high, beyond, legend, table=viridis_table())


def clipped(values: NDArray[np.float32], *, dark: bool = False) -> Shown:  # noqa: ARG001
    """As a photo viewer does it: below 0 is black, above 255 is white."""
    share = float(np.mean((values < 0) | (values > 255))) if values.size else 0.0
    return Shown(_bytes(values), 0.0, 255.0, share, "Below 0 is drawn black, above 255 white.")


def stretched(values: NDArray[np.float32], *, dark: bool = False) -> Shown:  # noqa: ARG001
    """The smallest value becomes black, the largest white."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    scale = 255 / (high - low) if high > low else 0.0
    pixels = _bytes((values - np.float32(low)) * np.float32(scale))
    return Shown(pixels, low, high, 0.0, "The smallest value is black, the largest is white.")


def automatic(values: NDArray[np.float32]) -> str:
    """The display that suits the values.

    ``signed`` where a tenth or more are negative; ``absolute`` where they are not, but one in a hundred is too
    bright for a photo; else ``clipped``, as a photo.

    >>> automatic(np.float32([-1, 1])), automatic(np.float32([0, 900])), automatic(np.float32([0, 255]))
    ('signed', 'absolute', 'clipped')
    """
    if np.count_nonzero(values < 0) >= max(1, 0.1 * values.size):
        return "signed"
    return "absolute" if np.count_nonzero(values > 255) >= max(1, 0.01 * values.size) else "clipped"


@dataclass(frozen=True)
class Display:
    """One way to give numbers colours."""

    name: str
    note: str
    draw: Callable[..., Shown]


DISPLAYS: Mapping[str, Display] = MappingProxyType(
    {
        "signed": Display("Signed", "red − · blue +", signed),
        "absolute": Display("Absolute", "size only", absolute),
        "clipped": Display("Clipped", "0–255, as a photo", clipped),
        "stretched": Display("Stretched", "min to max", stretched),
    }
)


def enlarge(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Repeat pixels a whole number of times, so that a tiny picture shows crisp squares at about ``side``.

    >>> enlarge(np.zeros((2, 3, 3), np.uint8), 10).shape
    (6, 9, 3)
    """
    times = max(1, side // max(pixels.shape[:2]))
    return pixels.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else pixels


def count_values(values: NDArray[np.float32], bins: int = 64) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """A histogram: how many values fall into each of equally wide bins over their range, zero included.

    Returns:
        int (bins,) and the bins' edges, float32 (bins + 1,).

    >>> count_values(np.float32([0, 0, 3]), bins=3)[0].tolist()
    [2, 0, 1]
    """
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1, dtype=np.float32)
    flat = np.ascontiguousarray(values, np.float32).reshape(-1, 1)
    counts = cv2.calcHist([flat], [0], None, [bins], [low, high]).ravel().astype(np.int64)
    counts[-1] += flat.size - counts.sum()  # OpenCV leaves out the upper end
    return counts, edges


def ground(*, dark: bool = False) -> tuple[int, int, int]:
    """The page's own background, RGB, for what a mosaic leaves free."""
    return (20, 23, 28) if dark else (255, 255, 255)


INK_LIGHT, INK_DARK = "#31333f", "#e6e6ea"
BLUE, RED, GREY = "#2f7fc1", "#cc4b44", "#8a8f98"


def histogram(counts: NDArray[np.int64], edges: NDArray[np.float32], *, dark: bool = False) -> str:
    """How often each value occurs, as a small SVG: negative values red, the rest blue.

    A chart library would keep the whole page waiting for its script, and this is the first thing a page shows.
    Where a few values are far more frequent than the rest, the heights are logarithms.

    Args:
        counts: int (bins,).
        edges: float (bins + 1,), as from :func:`count_values`.
        dark: for a dark page.

    >>> histogram(np.array([1, 3]), np.float32([-1, 0, 1])).count("<rect")
    2
    """
    heights = counts.astype(float)
    logarithmic = counts.max(initial=0) > 50 * max(1, float(np.median(counts)))
    if logarithmic:
        heights = np.log1p(heights)
    heights *= 70 / max(1e-9, heights.max(initial=0.0))
    width, ink = 400 / len(counts), INK_DARK if dark else INK_LIGHT
    rects = "".join(
        f'<rect x="{i * width:.2f}" y="{72 - height:.2f}" width="{width * 0.94:.2f}" height="{height:.2f}" '
        f'fill="{RED if edges[i] + edges[i + 1] < 0 else BLUE}"/>'
        for i, height in enumerate(heights)
        if height > 0
    )
    low, high = float(edges[0]), float(edges[-1])
    places = [(low, 0.0, "start"), (high, 400.0, "end")]
    if low < 0 < high:
        places.insert(1, (0.0, 400 * -low / (high - low), "middle"))
    style = 'font-size="11" font-family="sans-serif"'
    said = f'<text x="400" y="10" text-anchor="end" fill="{GREY}" {style}>log scale</text>' if logarithmic else ""
    words = "".join(
        f'<text x="{x:.1f}" y="88" text-anchor="{anchor}" fill="{ink}" {style}>{value:.4g}</text>'
        for value, x, anchor in places
    )
    frame = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 92" width="400" height="92"'
    return f"<svg {frame}>{rects}{words}{said}</svg>"


def growth_curves(scores: NDArray[np.float32], steps: int, *, selected: int | None = None, dark: bool = False) -> str:
    """Scores by step, a line for each picture, as a small SVG that can be drawn anew many times a second.

    Args:
        scores: float32 (frames, N), the first frame being the start.
        steps: how many there will be; the width of the chart.
        selected: the line that is drawn strong.
        dark: for a dark page.

    >>> growth_curves(np.float32([[0, 1], [2, 3]]), 4, selected=1).count("<polyline")
    2
    """
    low, high = float(scores.min(initial=0.0)), float(scores.max(initial=0.0))
    span, ink = high - low or 1.0, INK_DARK if dark else INK_LIGHT
    left, top, wide, tall = 34.0, 8.0, 360.0, 108.0
    across = [left + wide * step / max(1, steps) for step in range(len(scores))]

    def line(number: int) -> str:
        strong = number == selected
        points = " ".join(
            f"{x:.1f},{top + tall * (high - value) / span:.1f}"
            for x, value in zip(across, scores[:, number], strict=True)
        )
        look = f'stroke="{RED}" stroke-width="2.4"' if strong else f'stroke="{BLUE}" stroke-width="1.1" opacity="0.6"'
        return f'<polyline points="{points}" fill="none" {look}/>'

    order = sorted(range(scores.shape[1]), key=lambda number: number == selected)
    style = f'font-size="11" font-family="sans-serif" fill="{ink}"'
    base = top + tall
    words = (
        f'<text x="{left - 4}" y="{top + 4}" text-anchor="end" {style}>{high:.3g}</text>'
        f'<text x="{left - 4}" y="{base}" text-anchor="end" {style}>{low:.3g}</text>'
        f'<text x="{left}" y="{base + 14}" {style}>step 0</text>'
        f'<text x="{left + wide}" y="{base + 14}" text-anchor="end" {style}>{steps}</text>'
    )
    floor = f'<line x1="{left}" x2="{left + wide}" y1="{base}" y2="{base}" stroke="{GREY}" stroke-width="0.7"/>'
    frame = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 134" width="400" height="134"'
    return f"<svg {frame}>{floor}{''.join(map(line, order))}{words}</svg>"


def framed(
    pixels: NDArray[np.uint8], field: tuple[int, int, int, int], colour: tuple[int, int, int] = (255, 196, 0)
) -> NDArray[np.uint8]:
    """A copy of the picture with a frame around a part of it; what lies outside the picture is cut off.

    Args:
        pixels: uint8 (H, W, 3).
        field: top, left, bottom, right; the latter two exclusive.
        colour: of the frame.
    """
    top, left, bottom, right = field
    height, width = pixels.shape[:2]
    top, left, bottom, right = max(0, top), max(0, left), min(height, bottom), min(width, right)
    marked = np.ascontiguousarray(pixels)
    marked = marked.copy() if marked is pixels else marked
    thick = max(1, max(height, width) // 112)
    return np.asarray(cv2.rectangle(marked, (left, top), (right - 1, bottom - 1), colour, thick), np.uint8)
