"""Gradients of the score by the pixels, and what is made of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from explorer.attribution import passes
from explorer.attribution.contract import Computed, Floats, Request, batch_of, in_batches, share_of_work
from explorer.attribution.perturbation import fill_of

Doubles = NDArray[np.float64]

BATCH = 16
"""Pictures in one pass forward and back."""
MOST_STEPS = 8
"""How many times as many steps as asked for integrated gradients takes before it says that the sum is not right."""
MISS = 1e-2
"""What the sum of integrated gradients may miss, as a share of what the score changes."""
LEAST_CHANGE = 1e-3
"""A smaller change, as a share of the scores, is not told from none: their own rounding would count."""


def saliency(request: Request) -> Computed:
    """The gradient's largest magnitude over the colours; signed, its sum over them.

    K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks", 2013.
    """
    gradients, scores, directions = passes.pixel_gradients(request.classifier, request.pixels, request.direction)
    return _by_magnitude(gradients[0], scores[0], directions[0])


def gradient_times_input(request: Request) -> Computed:
    r"""Gradient times pixel (0–255), summed over the colours: :math:`M_{ij} = \sum_c x_{ijc} G_{ijc}`.

    A. Shrikumar et al., "Not just a black box", 2016.
    """
    gradients, scores, directions = passes.pixel_gradients(request.classifier, request.pixels, request.direction)
    shares = (gradients[0].astype(np.float64) * request.pixels[0]).sum(axis=2)
    return _by_sign(shares, scores[0], directions[0])


def smoothgrad(request: Request) -> Computed:
    """The mean of the gradients of noisy copies of the picture, then as saliency.

    D. Smilkov et al., "SmoothGrad", 2017. The target is the class of the clean picture, for all copies.

    Options: ``samples``, how many copies; ``noise``, its standard deviation as a share of the picture's largest value
    less its smallest; ``seed``.
    """
    _, scores, directions = passes.pixel_gradients(request.classifier, request.pixels, request.direction)
    samples = request.whole("samples")
    deviation = np.float32(request.number("noise") * np.ptp(request.pixels))
    random = np.random.default_rng(request.whole("seed"))
    total = np.zeros(request.pixels.shape[1:], np.float64)
    done = 0
    for first, last in in_batches(samples, batch_of(request.classifier, BATCH)):
        if request.cancelled():
            break
        noise = random.standard_normal((last - first, *total.shape), np.float32) * deviation
        gradients = passes.pixel_gradients(request.classifier, request.pixels + noise, directions[0])[0]
        total += gradients.sum(axis=0, dtype=np.float64)
        done = last
        share_of_work(request.on_progress, done, samples)
    mean = (total / max(done, 1)).astype(np.float32)
    if done == samples:
        return _by_magnitude(mean, scores[0], directions[0])
    note = f"Stopped after {done} of {samples} noisy copies: the map is their mean."
    return _by_magnitude(mean, scores[0], directions[0], [note], excused=True)


def integrated_gradients(request: Request) -> Computed:
    r"""The gradient along the straight way from a baseline to the picture, added up.

    :math:`M_{ij} = \sum_c (x - x')_{ijc} \int_0^1 \partial s / \partial x_{ijc}(x' + \alpha (x - x'))\,d\alpha`, by the
    trapezoid rule. The sum of the map is the change of the score, :math:`s(x) - s(x')`; what each step misses of it
    is known, because the scores are. So the steps that miss most are halved until the sum is right to one per cent,
    or until there are eight times as many as asked for: most of the change is close to the baseline, and even steps
    would be spent on the rest. M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", 2017.

    Options: ``steps`` at least; ``baseline``, see :func:`explorer.attribution.perturbation.fill_of`.
    """
    way = _Way(request)
    steps = request.whole("steps")
    if way.is_blank:
        note = "The picture is the same as the baseline, so there is no way between them. Choose another baseline."
        return way.answer([note], excused=True)
    new = np.arange(1, steps) / steps
    while new.size:
        for first, last in in_batches(new.size, batch_of(request.classifier, BATCH)):
            if request.cancelled():
                note = f"Stopped after {way.steps} step{'s' * (way.steps > 1)}: {way.sums()}."
                return way.answer([note], excused=True)
            way.look(new[first:last])
            share_of_work(request.on_progress, way.steps, MOST_STEPS * steps)
        new = way.worst(min(BATCH, MOST_STEPS * steps - way.steps)) if way.is_rough else np.empty(0)
    request.on_progress(1.0)
    notes = [f"After {way.steps} steps {way.sums()}. Raise the steps."] if way.is_wrong else []
    return way.answer(notes)


def guided_backpropagation(request: Request) -> Computed:
    """Saliency whose gradient goes on at a ReLU only where it is positive and the ReLU is open.

    J. Springenberg et al., "Striving for simplicity: The all convolutional net", 2014.
    """
    found = passes.pixel_gradients(request.classifier, request.pixels, request.direction, guided=True)
    gradients, scores, directions = found
    notes = [] if passes.has_relu(request.classifier) else ["The network has no ReLU, so this is plain saliency."]
    return _by_magnitude(gradients[0], scores[0], directions[0], notes)


class _Way:
    """The straight way from a baseline (0) to a picture (1), as far as it is known: at both ends and between them.

    Attributes:
        logits: float32 (K,), the class scores of the picture.
        direction: float32 (K,), the target.
    """

    def __init__(self, request: Request) -> None:
        _, logits, directions = passes.pixel_gradients(request.classifier, request.pixels, request.direction)
        self.logits, self.direction = logits[0], directions[0]
        self._classifier = request.classifier
        self._baseline = fill_of(request.pixels, request.choice("baseline"))
        self._change = request.pixels - self._baseline
        self._places, self._scores, self._slopes = np.empty((3, 0))
        self._maps: list[Floats] = []  # gradient times change, summed over the colours
        self._magnitude = 0.0
        self.look(np.array([0.0, 1.0]))

    def look(self, places: Doubles) -> None:
        """Compute score and gradient at these places too."""
        shares = places.astype(np.float32)[:, np.newaxis, np.newaxis, np.newaxis]
        pictures = self._baseline + shares * self._change
        gradients, logits, _ = passes.pixel_gradients(self._classifier, pictures, self.direction)
        maps = (gradients * self._change).sum(axis=3)
        known = np.concatenate([self._places, places])
        order = np.argsort(known, kind="stable")
        self._places = known[order]
        self._scores = np.concatenate([self._scores, logits.astype(np.float64) @ self.direction])[order]
        self._slopes = np.concatenate([self._slopes, maps.sum(axis=(1, 2), dtype=np.float64)])[order]
        every = [*self._maps, *maps]
        self._maps = [every[i] for i in order]
        self._magnitude = max(self._magnitude, float(np.abs(logits * self.direction).max()))

    @property
    def is_blank(self) -> bool:
        """Whether the picture is the baseline."""
        return not self._change.any()

    @property
    def steps(self) -> int:
        """From place to place."""
        return len(self._places) - 1

    @property
    def total(self) -> Doubles:
        """Each pixel's share of what the score changes, float64 (H, W), by the trapezoid rule."""
        widths = np.diff(self._places, prepend=0.0, append=1.0)
        total = np.zeros(self._maps[0].shape)
        for weight, one in zip((widths[1:] + widths[:-1]) / 2, self._maps, strict=True):
            total += weight * one
        return total

    def answer(self, notes: list[str], *, excused: bool = False) -> Computed:
        """The map, and the score that it starts from."""
        found = _by_sign(self.total, self.logits, self.direction, notes, excused=excused)
        return replace(found, start=float(self._scores[0]))

    @property
    def gained(self) -> float:
        """What the score changes."""
        return float(self._scores[-1] - self._scores[0])

    @property
    def misses(self) -> Doubles:
        """What the trapezoid of each step has too little of the score's change, float64 (steps,)."""
        return np.diff(self._scores) - np.diff(self._places) * (self._slopes[1:] + self._slopes[:-1]) / 2

    @property
    def is_wrong(self) -> bool:
        """Whether the sum misses what the score changes by more than is allowed."""
        return bool(abs(self.misses.sum()) > self._allowed)

    @property
    def is_rough(self) -> bool:
        """Whether it does, or is right by chance only, because steps that miss much cancel out."""
        return self.is_wrong or bool(np.abs(self.misses).sum() > 10 * self._allowed)

    @property
    def _allowed(self) -> float:
        return MISS * max(abs(self.gained), LEAST_CHANGE * self._magnitude)

    def worst(self, most: int) -> Doubles:
        """The middles of the steps that miss most, in order."""
        chosen = np.sort(np.argsort(-np.abs(self.misses), kind="stable")[:most])
        return (self._places[chosen] + self._places[chosen + 1]) / 2

    def sums(self) -> str:
        """What the map adds up to and should, in words."""
        found = self.gained - self.misses.sum()
        return f"the map adds up to {found:.3g}, while the score changes by {self.gained:.3g}"


def _by_magnitude(
    gradients: Floats, scores: Floats, direction: Floats, notes: Sequence[str] = (), *, excused: bool = False
) -> Computed:
    """A map of magnitudes: nothing is cut off by a ReLU, because a gradient of either sign is sensitivity."""
    signed, shown = gradients.sum(axis=2), np.abs(gradients).max(axis=2)
    return Computed(signed, shown, scores, direction, notes=tuple(notes), excused=excused)


def _by_sign(
    shares: Doubles, scores: Floats, direction: Floats, notes: Sequence[str] = (), *, excused: bool = False
) -> Computed:
    """A map of each pixel's share (H, W) of the score."""
    signed = shares.astype(np.float32)
    return Computed(signed, np.maximum(signed, 0), scores, direction, notes=tuple(notes), excused=excused)
