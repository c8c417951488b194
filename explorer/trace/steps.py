"""What happens to a value after the sum: normalisation and activation, as numbers that can be shown."""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from explorer.models.graph import Visit, activation_name
from explorer.models.units import ACTIVATIONS, QUIET, kind

Floats = NDArray[np.float32]
StepKind = Literal["normalisation", "scaling", "activation", "same", "other"]
SMALLEST = 1e-7
"""Keras's epsilon: the least that its Normalization layer divides by."""
CURVE = np.linspace(-1.0, 1.0, 121)
"""Where an activation's curve is sampled, in units of its reach."""


@dataclass(frozen=True)
class Normalisation:
    """``gain · (x − mean) / deviation + offset``.

    Attributes:
        mean, deviation: of the channel over the training pictures; the deviation has epsilon in it, ``√(σ² + ε)``.
        gain, offset: what was learned, γ and β.
    """

    mean: float
    deviation: float
    gain: float
    offset: float

    def __call__(self, x: Any) -> Any:
        """Of a number or an array."""
        return self.gain * (x - self.mean) / self.deviation + self.offset


@dataclass(frozen=True)
class Step:
    """One layer after the sum, for one channel.

    Attributes:
        path: of the layer; the gathering layer's own path for an activation that is written into it.
        kind: "normalisation", "scaling" (``gain · x + offset``), "activation", "same" (changes no value), or "other".
        name: the activation's function or the layer's class.
        normalisation: its numbers, of a normalisation or a scaling.
        call: what the layer does to an array; None where it needs more than the one channel, as a softmax does.
    """

    path: str
    kind: StepKind
    name: str
    normalisation: Normalisation | None = None
    call: Any = None

    def curve(self, reach: float) -> tuple[Floats, Floats] | None:
        """The function from −reach to reach: x and y, float32 (121,); None where it is not one of a single number."""
        if self.call is None:
            return None
        x = (CURVE * reach).astype(np.float32)
        return x, np.asarray(self.call(x.reshape(1, -1)), np.float32).reshape(-1)


def own_activation(op: Visit) -> Step | None:
    """The activation that is written into a layer; None where it has none."""
    name = activation_name(op.layer)
    if name == "linear" or kind(op) in ACTIVATIONS:
        return None
    return Step(op.path, "activation", name, call=_single(op.layer.activation, name))


def step_of(call: Visit, channel: int) -> Step:
    """What one call does to one channel.

    Args:
        call: of a unit's steps.
        channel: of the layer.
    """
    name, layer = kind(call), call.layer
    if name in QUIET:
        return Step(call.path, "same", name)
    if name == "BatchNormalization" and _last(layer.axis, call):
        return Step(call.path, "normalisation", name, _batch_normalisation(layer, channel))
    if name == "Normalization" and _by_channel(layer, call):
        return _normalised(call, channel)
    if name == "Rescaling":
        return Step(
            call.path, "scaling", name, Normalisation(0, 1, _at(layer.scale, channel), _at(layer.offset, channel))
        )
    if name in ACTIVATIONS:
        function = activation_name(call.layer) if name == "Activation" else name.lower()
        return Step(call.path, "activation", function, call=_single(layer, function) if name != "PReLU" else None)
    return Step(call.path, "other", name)


def _single(function: Any, name: str) -> Any:
    """The function, where it is one of a single number; of an activation that is itself a layer, of those known."""
    inner = getattr(function, "activation", function)
    if isinstance(inner, keras.layers.Layer) and type(inner).__name__ not in ACTIVATIONS - {"Softmax", "PReLU"}:
        return None
    return None if name in {"softmax", "log_softmax", "logsoftmax", "sparsemax"} else function


def _batch_normalisation(layer: Any, channel: int) -> Normalisation:
    """At inference: with the moving mean and variance (Ioffe and Szegedy 2015)."""
    variance = _at(layer.moving_variance, channel)
    return Normalisation(
        mean=_at(layer.moving_mean, channel),
        deviation=float(np.sqrt(variance + layer.epsilon)),
        gain=1.0 if layer.gamma is None else _at(layer.gamma, channel),
        offset=0.0 if layer.beta is None else _at(layer.beta, channel),
    )


def _normalised(call: Visit, channel: int) -> Step:
    """A Normalization layer, or its inverse, which puts mean and deviation back."""
    mean, variance = _at(call.layer.mean, channel), _at(call.layer.variance, channel)
    spread = max(float(np.sqrt(variance)), SMALLEST)
    if call.layer.invert:
        return Step(call.path, "scaling", kind(call), Normalisation(0.0, 1.0, spread, mean))
    return Step(call.path, "normalisation", kind(call), Normalisation(mean, spread, 1.0, 0.0))


def _by_channel(layer: Any, call: Visit) -> bool:
    """Whether a Normalization layer has one mean for all, or one for each channel."""
    axes = np.ravel(() if layer.axis is None else layer.axis).tolist()
    means = np.size(layer.mean)
    return means == 1 or (means == call.shape[-1] and all(_last(axis, call) for axis in axes))


def _last(axis: Any, call: Visit) -> bool:
    return axis in (-1, len(call.shape))


def _at(numbers: Any, channel: int) -> float:
    values = np.asarray(numbers, np.float64).reshape(-1)
    return float(values[channel if values.size > 1 else 0])
