"""Why this class? Class activation maps, gradients and perturbations, their receipts, and how far to trust them."""

from explorer.attribution.contract import Choice, Method, Number, Option, Terms
from explorer.attribution.explaining import Explanation, explain, over_picture
from explorer.attribution.layers import default_layer, spatial_layers
from explorer.attribution.receipts import Line, Receipt, receipt
from explorer.attribution.registry import METHODS
from explorer.attribution.targets import Target

__all__ = [
    "METHODS",
    "Choice",
    "Explanation",
    "Line",
    "Method",
    "Number",
    "Option",
    "Receipt",
    "Target",
    "Terms",
    "default_layer",
    "explain",
    "over_picture",
    "receipt",
    "spatial_layers",
]
