"""Networks: one contract for all of them, every layer by a dotted path, files in and out."""

from explorer.errors import LayerError, ModelError
from explorer.models.archive import load_classifier, save_classifier
from explorer.models.classifier import Classifier
from explorer.models.layers import LayerSummary, describe_layers, layer_paths, tap
from explorer.models.pretrained import PRETRAINED, fetch_weights, load_pretrained
from explorer.models.recipes import RECIPES, build

__all__ = [
    "PRETRAINED",
    "RECIPES",
    "Classifier",
    "LayerError",
    "LayerSummary",
    "ModelError",
    "build",
    "describe_layers",
    "fetch_weights",
    "layer_paths",
    "load_classifier",
    "load_pretrained",
    "save_classifier",
    "tap",
]
