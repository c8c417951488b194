"""Why this class? Class activation maps, gradients and perturbations, their receipts, and how far to trust them."""

from explorer.attribution.baselines import BASELINES
from explorer.attribution.contract import Method, Terms
from explorer.attribution.explaining import Explanation, explain, explain_layers, over_picture
from explorer.attribution.layers import default_layer, spatial_layers
from explorer.attribution.randomization import RandomizationCheck, RandomizationPoint, randomization_check
from explorer.attribution.receipts import Line, Receipt, receipt
from explorer.attribution.registry import METHODS
from explorer.attribution.targets import Target
from explorer.attribution.trust import (
    Curve,
    DeletionInsertion,
    DropIncrease,
    LayerScore,
    average_drop,
    compare,
    deletion_insertion,
    layer_finder,
    most_faithful,
)

__all__ = [
    "BASELINES",
    "METHODS",
    "Curve",
    "DeletionInsertion",
    "DropIncrease",
    "Explanation",
    "LayerScore",
    "Line",
    "Method",
    "RandomizationCheck",
    "RandomizationPoint",
    "Receipt",
    "Target",
    "Terms",
    "average_drop",
    "compare",
    "default_layer",
    "deletion_insertion",
    "explain",
    "explain_layers",
    "layer_finder",
    "most_faithful",
    "over_picture",
    "randomization_check",
    "receipt",
    "spatial_layers",
]
