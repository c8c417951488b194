r"""Class activation maps: a weighted sum of one layer's maps, then a ReLU.

All of them are :math:`L = \operatorname{ReLU}(\sum_k w_k \odot A_k)` over the channels k of a layer, where
:math:`A_k` is the channel's map. They differ in the weights alone, so there is one walk (:func:`explain_by_maps`)
and a leaf of a few lines for each. Most weights come from the gradient :math:`G = \partial s / \partial A` of the
target's score, which is computed in the same pass as the maps.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from explorer.attribution import passes
from explorer.attribution.contract import Computed, Floats, Request, Terms, batch_of, in_batches, share_of_work

Leaf = Callable[[Floats, Floats], Floats]
"""Maps A (h, w, C) and gradients G (h, w, C) → weights, (C,) or (h, w, C)."""

TINY = 1e-12


def grad_cam(maps: Floats, gradients: Floats) -> Floats:  # noqa: ARG001
    r""":math:`w_k = \frac{1}{hw}\sum_{ij} G_{ijk}`, the gradient's mean over the map.

    R. Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based localization", 2017.
    """
    return np.asarray(gradients.mean(axis=(0, 1)), np.float32)


def grad_cam_plus_plus(maps: Floats, gradients: Floats) -> Floats:
    r""":math:`w_k = \sum_{ij} \alpha_{ijk} \operatorname{ReLU}(G_{ijk})`.

    With :math:`\alpha = G^2 / (2 G^2 + G^3 \sum_{ij} A_k) = 1 / (2 + G \sum_{ij} A_k)`, zero where G is zero; in the
    second form a small gradient does not vanish in the rounding. A. Chattopadhyay et al.,
    "Grad-CAM++", 2018, equations 10 and 19. The paper differentiates exp(score), whose first, second and third
    derivatives are the score's G, G² and G³ up to one factor, which the colours' scale takes out.
    """
    wide = gradients.astype(np.float64)
    denominator = 2 + wide * maps.sum(axis=(0, 1), dtype=np.float64)
    safe = np.where(np.abs(denominator) > TINY, denominator, 1.0)
    alpha = np.where((wide != 0) & (np.abs(denominator) > TINY), 1 / safe, 0.0)
    return np.asarray((alpha * np.maximum(wide, 0)).sum(axis=(0, 1)), np.float32)


def hires_cam(maps: Floats, gradients: Floats) -> Floats:  # noqa: ARG001
    r""":math:`w_k = G_k`: each cell has its own weight, nothing is averaged.

    R. Draelos, L. Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
    networks", 2020.
    """
    return gradients


def layer_cam(maps: Floats, gradients: Floats) -> Floats:  # noqa: ARG001
    r""":math:`w_k = \operatorname{ReLU}(G_k)`: each cell's own weight, where it speaks for the target.

    P.-T. Jiang et al., "LayerCAM: Exploring hierarchical class activation maps for localization", 2021.
    """
    return np.maximum(gradients, 0)


def x_grad_cam(maps: Floats, gradients: Floats) -> Floats:
    r""":math:`w_k = \sum_{ij} G_{ijk} A_{ijk} / \sum_{ij} A_{ijk}`, the gradient's mean weighted by the map.

    R. Fu et al., "Axiom-based Grad-CAM: Towards accurate visualization and explanation of CNNs", 2020.
    """
    totals = maps.sum(axis=(0, 1), dtype=np.float64)
    weighted = (gradients.astype(np.float64) * maps).sum(axis=(0, 1))
    safe = np.where(np.abs(totals) > TINY, totals, 1.0)
    return np.asarray(np.where(np.abs(totals) > TINY, weighted / safe, 0.0), np.float32)


def eigen_cam(maps: Floats, gradients: Floats) -> Floats:  # noqa: ARG001
    r""":math:`w = v_1`, the first right singular vector of the maps as a matrix of cells by channels.

    M. Muhammad, M. Yeasin, "Eigen-CAM: Class activation map using principal components", 2020. The sign of a singular
    vector is arbitrary: it is turned so that the map's sum is not negative.
    """
    if not np.isfinite(maps).all():  # of these there are no singular vectors
        return np.full(maps.shape[2], np.nan, np.float32)
    cells = maps.reshape(-1, maps.shape[2]).astype(np.float64)
    gram = cells @ cells.T if len(cells) <= cells.shape[1] else cells.T @ cells  # the smaller of the two
    _, vectors = np.linalg.eigh(gram)  # in rising order
    first = cells.T @ vectors[:, -1] if len(cells) <= cells.shape[1] else vectors[:, -1]
    first = first / (np.linalg.norm(first) or 1.0)
    turned = -first if (cells @ first).sum() < 0 else first
    return np.asarray(turned, np.float32)


def explain_by_maps(request: Request, leaf: Leaf) -> Computed:
    """The walk: maps and gradients in one pass, the leaf's weights, the sum."""
    maps, gradients, scores, direction = _look(request)
    return _summed(Terms(maps, leaf(maps, gradients)), scores, direction)


def _look(request: Request) -> passes.Look:
    """The pass for the layer, unless it has been made together with those for others."""
    if request.look is not None:
        return request.look
    return passes.maps_and_gradients(request.classifier, str(request.layer), request.pixels, request.direction)


def by(leaf: Leaf) -> Callable[[Request], Computed]:
    """The method that has this leaf."""
    return partial(explain_by_maps, leaf=leaf)


def score_cam(request: Request) -> Computed:
    r"""Show the network the picture through each map, and weigh the map by the score that it then gives.

    :math:`w = \operatorname{softmax}_k(s(x \odot H_k) - s(0))` with :math:`H_k` the map, enlarged and stretched to
    0–1. H. Wang et al., "Score-CAM: Score-weighted visual explanations for convolutional neural networks", 2020,
    algorithm 1. Maps that are the same everywhere hide nothing or all, and get no weight; of the others the
    ``channels`` that vary most are tried (R. Ibrahim, M. Shafiq: "Faster Score-CAM").
    """
    classifier, pixels = request.classifier, request.pixels
    maps, _, scores, direction = _look(request)
    low, high = maps.min(axis=(0, 1)), maps.max(axis=(0, 1))
    varying = np.flatnonzero(high > low)
    tried = varying[np.argsort(-maps[..., varying].var(axis=(0, 1)), kind="stable")][: request.whole("channels")]
    masks = np.moveaxis((maps[..., tried] - low[tried]) / (high[tried] - low[tried]), 2, 0)
    nothing = np.zeros_like(pixels)
    baseline = passes.masked_scores(classifier, nothing, np.ones((1, 1, 1), np.float32), nothing)[0] @ direction
    gains: list[Floats] = []
    done = 0
    for first, last in in_batches(len(tried), batch_of(classifier, SCORE_BATCH)):
        if request.cancelled():
            break
        gains.append(passes.masked_scores(classifier, pixels, masks[first:last], nothing)[0] @ direction - baseline)
        done = last
        share_of_work(request.on_progress, done, len(tried))
    weights = np.zeros(maps.shape[2], np.float32)
    notes: tuple[str, ...] = ()
    if done:
        weights[tried[:done]] = _softmax(np.concatenate(gains))
    if done < len(tried):
        notes = (f"Stopped after {done} of {len(tried)} channels: the map is the sum of those.",)
    return replace(_summed(Terms(maps, weights), scores, direction), notes=notes, excused=bool(notes))


SCORE_BATCH = 32
"""Masked pictures in one pass."""


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values.astype(np.float64) - values.max())
    return np.asarray(powers / powers.sum(), np.float32)


def _summed(terms: Terms, scores: Floats, direction: Floats) -> Computed:
    signed = terms.products.sum(axis=2, dtype=np.float64).astype(np.float32)
    return Computed(signed, np.maximum(signed, 0), scores, direction, terms)
