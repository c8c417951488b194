"""Feature maps into pictures: their colours, their order, their pages, and two pictures' maps compared."""

from explorer.maps.colours import SCALES, Coloured, Scale, between, colour_bar, coloured, indexed
from explorer.maps.heat import COLOURS, Colours, Heat, heat
from explorer.maps.orders import SORTS, Page, Sort, order, page
from explorer.maps.pictures import Mosaic, mosaic, overlay
from explorer.maps.values import Statistics, cosine, difference, ends, statistics

__all__ = [
    "COLOURS",
    "SCALES",
    "SORTS",
    "Coloured",
    "Colours",
    "Heat",
    "Mosaic",
    "Page",
    "Scale",
    "Sort",
    "Statistics",
    "between",
    "colour_bar",
    "coloured",
    "cosine",
    "difference",
    "ends",
    "heat",
    "indexed",
    "mosaic",
    "order",
    "overlay",
    "page",
    "statistics",
]
