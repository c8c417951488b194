"""Gradients of the score by the pixels, and what is made of them."""

import numpy as np

from explorer.attribution import passes
from explorer.attribution.contract import Computed, Floats, Request


def saliency(request: Request) -> Computed:
    """The gradient's largest magnitude over the colours; signed, its sum over them.

    K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks", 2013.
    """
    gradients, scores, directions = passes.pixel_gradients(request.classifier, request.pixels, request.direction)
    return _by_magnitude(gradients[0], scores[0], directions[0])


def gradient_times_input(request: Request) -> Computed:
    """Gradient times pixel, summed over the colours."""
    raise NotImplementedError


def smoothgrad(request: Request) -> Computed:
    """Averaged."""
    raise NotImplementedError


def integrated_gradients(request: Request) -> Computed:
    """Path."""
    raise NotImplementedError


def guided_backpropagation(request: Request) -> Computed:
    """Guided."""
    raise NotImplementedError


def _by_magnitude(gradients: Floats, scores: Floats, direction: Floats) -> Computed:
    """A map of magnitudes: nothing is cut off by a ReLU, because a gradient of either sign is sensitivity."""
    return Computed(gradients.sum(axis=2), np.abs(gradients).max(axis=2), scores, direction)
