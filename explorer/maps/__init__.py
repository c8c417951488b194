"""Feature maps into pictures: their colours, their order, their pages, and two pictures' maps compared."""

from explorer.maps.colours import SCALES, Coloured, Scale, colour_bar, coloured
from explorer.maps.orders import SORTS, Page, Sort, order, page
from explorer.maps.pictures import Mosaic, mosaic, overlay
from explorer.maps.values import Statistics, cosine, difference, ends, statistics

__all__ = [
    "SCALES",
    "SORTS",
    "Coloured",
    "Mosaic",
    "Page",
    "Scale",
    "Sort",
    "Statistics",
    "colour_bar",
    "coloured",
    "cosine",
    "difference",
    "ends",
    "mosaic",
    "order",
    "overlay",
    "page",
    "statistics",
]
