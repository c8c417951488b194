"""A heatmap over the picture that it explains: colours, threshold, outline and box."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer import figures
from explorer.errors import MethodError
from explorer.maps.colours import Pixels, between
from explorer.maps.values import Floats, check_known, finite

LEAST_LEVEL = 0.15
"""Outline and box stand at this share of the scale where no threshold is set, as in the Grad-CAM paper, 3.2."""
OUTLINE = (255, 196, 0)
BOX = (255, 255, 255)


@dataclass(frozen=True)
class Colours:
    """One way to give a heatmap colours."""

    name: str
    note: str
    table: int | None = None


COLOURS: Mapping[str, Colours] = MappingProxyType(
    {
        "viridis": Colours(
            "Viridis", "even steps of lightness: violet is nothing, yellow the most", cv2.COLORMAP_VIRIDIS
        ),
        "inferno": Colours("Inferno", "even steps too, from black to pale yellow", cv2.COLORMAP_INFERNO),
        "jet": Colours("Jet", "as in most papers; its bright bands show edges that are not there", cv2.COLORMAP_JET),
        "spotlight": Colours("Spotlight", "the picture itself, dark where the map is low"),
        "signed": Colours("Signed", "before the ReLU: blue raises the score that is asked about, red lowers it"),
    }
)


@dataclass(frozen=True, eq=False)
class Heat:
    """A drawn heatmap.

    Attributes:
        pixels: uint8 (H, W, 3).
        low, high: what the ends of the colours stand for.
        box: top, left, bottom, right (the latter two exclusive) of the largest connected part above the level; None
            where nothing is above it.
        level: the share of the scale at which outline and box stand, 0–1.
        covered: the share of the picture above the level, 0–1.
        held: the share of the map's sum that lies there, 0–1.
    """

    pixels: Pixels
    low: float
    high: float
    box: tuple[int, int, int, int] | None
    level: float
    covered: float
    held: float


def heat(
    image: Pixels,
    values: Floats,
    *,
    signed: Floats | None = None,
    colours: str = "viridis",
    opacity: float = 0.6,
    threshold: float = 0.0,
    outline: bool = False,
    box: bool = False,
    dark: bool = False,
) -> Heat:
    """A map over its picture.

    The colours end where 99.5 % of the values do (:func:`explorer.figures.scale_end`): a gradient's few largest
    values would leave all others dark.

    Args:
        image: uint8 (H, W, 3).
        values: float32 (H, W), nothing negative.
        signed: float32 (H, W), the map before its ReLU, for the colours "signed".
        colours: key of ``COLOURS``.
        opacity: of the map, 0–1.
        threshold: values below this share of the scale leave the picture as it is, 0–1; with "signed", magnitudes.
        outline: draw the line around what is above the threshold.
        box: draw the box around its largest connected part.
        dark: for a dark page.

    Raises:
        MethodError: sizes that do not fit each other.
        LayerError: colours that are not known.

    >>> found = heat(np.zeros((2, 2, 3), np.uint8), np.float32([[0, 0], [0, 8]]), opacity=1.0)
    >>> found.high, found.box, found.covered, found.held
    (8.0, (1, 1, 2, 2), 0.25, 1.0)
    """
    check_known(colours, COLOURS, "colour map")
    if values.shape != image.shape[:2] or (signed is not None and signed.shape != values.shape):
        raise MethodError(f"A map of {values.shape} does not lie over a picture of {image.shape[:2]} pixels.")
    shown = finite(np.abs(signed) if colours == "signed" and signed is not None else values)
    high = figures.scale_end(shown)
    level = max(threshold, LEAST_LEVEL)
    above = shown >= level * high if high > 0 else np.zeros(shown.shape, bool)
    pixels = _blended(
        image,
        np.minimum(shown / np.float32(high or 1.0), np.float32(1)),
        finite(shown if signed is None else signed) / np.float32(high or 1.0),
        colours,
        opacity=opacity,
        threshold=threshold,
        dark=dark,
    )
    largest = _largest_part(above)
    thick = max(1, max(image.shape[:2]) // 240)
    if outline:
        lines, _ = cv2.findContours(above.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        pixels = np.asarray(cv2.drawContours(pixels, lines, -1, OUTLINE, thick), np.uint8)
    if box and largest is not None:
        pixels = figures.framed(pixels, largest, BOX)
    total = float(shown.sum(dtype=np.float64))
    return Heat(
        pixels=pixels,
        low=-high if colours == "signed" else 0.0,
        high=high,
        box=largest,
        level=level,
        covered=float(above.mean()),
        held=float(shown[above].sum(dtype=np.float64)) / total if total else 0.0,
    )


def _blended(
    image: Pixels, share: Floats, signed: Floats, colours: str, *, opacity: float, threshold: float, dark: bool
) -> Pixels:
    """The colours over the picture; below the threshold the picture alone. Both maps are in shares of the scale."""
    opacity = min(max(opacity, 0.0), 1.0)
    above = (share >= threshold)[..., np.newaxis]
    if colours == "spotlight":
        lit = np.where(above, share[..., np.newaxis], 0)
        return np.asarray(np.rint(image * (1 - opacity * (1 - lit))), np.uint8)
    if colours == "signed":
        drawn = between(signed, -1.0, 1.0, dark=dark)
    else:
        drawn = heat_table(colours)[np.rint(share * 255).astype(np.uint8)]
    return np.asarray(np.rint(np.where(above, opacity * drawn + (1 - opacity) * image, image)), np.uint8)


def heat_table(colours: str) -> Pixels:
    """The 256 colours of a colour map that has a table, lowest first: uint8 (256, 3), RGB."""
    code = COLOURS[colours].table
    return figures.colour_table(cv2.COLORMAP_VIRIDIS if code is None else code)


def _largest_part(above: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """The box around the largest connected part."""
    count, _, found, _ = cv2.connectedComponentsWithStats(above.astype(np.uint8), connectivity=8)
    if count < 2:
        return None
    left, top, width, height, _ = (int(n) for n in found[1 + int(found[1:, cv2.CC_STAT_AREA].argmax())])
    return top, left, top + height, left + width
