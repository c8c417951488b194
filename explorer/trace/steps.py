"""What happens to a value after the sum: normalisation and activation, as numbers that can be shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
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


@dataclass(frozen=True, eq=False)
class Normalisation:
    """``gain · (x − mean) / deviation + offset``; of a scaling the mean is 0 and the deviation 1.

    Attributes:
        mean, deviation: of the channel over the training pictures; or of this picture's own values, a number or
            float32 (H, W), one for each place. The deviation has epsilon in it, ``√(σ² + ε)``.
        gain, offset: what was learned, γ and β, or what is written in the network.
    """

    mean: float | Floats
    deviation: float | Floats
    gain: float
    offset: float

    @property
    def scales(self) -> bool:
        """Whether it is nothing but ``gain · x + offset``."""
        return np.ndim(self.mean) == np.ndim(self.deviation) == 0 and (self.mean, self.deviation) == (0, 1)

    def opposite(self) -> "Normalisation":
        """What makes −y of −x where this one makes y of x."""
        return replace(self, mean=-self.mean, offset=-self.offset)

    def __call__(self, x: Any) -> Any:
        """Of a number or an array."""
        return self.gain * (x - self.mean) / self.deviation + self.offset


@dataclass(frozen=True, eq=False)
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


def step_of(call: Visit, channel: int, before: Floats) -> Step:
    """What one call does to one channel.

    Args:
        call: of a unit's steps.
        channel: of the layer.
        before: what the call is given, float32 (…, C).
    """
    name, layer = kind(call), call.layer
    if name in QUIET:
        return Step(call.path, "same", name)
    numbers = NUMBERS[name](call, channel, before) if name in NUMBERS else None
    if numbers is not None:
        return Step(call.path, "scaling" if numbers.scales else "normalisation", name, numbers)
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


def _batch_normalised(call: Visit, channel: int, _before: Floats) -> Normalisation | None:
    """At inference: with the moving mean and variance (Ioffe and Szegedy 2015)."""
    layer = call.layer
    if not _over_channels(call):
        return None
    deviation = float(np.sqrt(_at(layer.moving_variance, channel) + layer.epsilon))
    return _learned(_at(layer.moving_mean, channel), deviation, layer.gamma, layer.beta, channel)


def _layer_normalised(call: Visit, channel: int, before: Floats) -> Normalisation | None:
    """With mean and variance of all channels at each place (Ba, Kiros and Hinton 2016)."""
    layer = call.layer
    if not _over_channels(call):
        return None
    deviation = np.sqrt(before.var(axis=-1, dtype=np.float64) + layer.epsilon)
    if layer.rms_scaling:  # Keras then leaves out the mean and the offset, and nothing else
        return _learned(0.0, deviation, layer.gamma, None, channel)
    return _learned(before.mean(axis=-1, dtype=np.float64), deviation, layer.gamma, layer.beta, channel)


def _root_mean_square(call: Visit, channel: int, before: Floats) -> Normalisation | None:
    """With the root of the mean square of all channels at each place (Zhang and Sennrich 2019)."""
    layer = call.layer
    if not _over_channels(call):
        return None
    deviation = np.sqrt(np.square(before, dtype=np.float64).mean(axis=-1) + layer.epsilon)
    return _learned(0.0, deviation, layer.scale, None, channel)


def _unit_length(call: Visit, _channel: int, before: Floats) -> Normalisation | None:
    """With the length of the vector of all channels at each place."""
    if not _over_channels(call):
        return None
    length = np.sqrt(np.square(before, dtype=np.float64).sum(axis=-1))
    return _learned(0.0, np.maximum(length, 1e-12), None, None, 0)


def _group_normalised(call: Visit, channel: int, before: Floats) -> Normalisation | None:
    """With mean and variance of the whole map over the channels of one group (Wu and He 2018)."""
    layer, channels = call.layer, before.shape[-1]
    if not _over_channels(call):
        return None
    size = channels // (channels if layer.groups == -1 else layer.groups)
    group = before[..., channel // size * size :][..., :size]
    deviation = float(np.sqrt(group.var(dtype=np.float64) + layer.epsilon))
    return _learned(float(group.mean(dtype=np.float64)), deviation, layer.gamma, layer.beta, channel)


def _learned(mean: Any, deviation: Any, gain: Any, offset: Any, channel: int) -> Normalisation:
    """With the gain and offset that a layer has learned, where it has them; maps as float32."""
    mean, deviation = (np.float32(each) if np.ndim(each) else float(each) for each in (mean, deviation))
    one = 1.0 if gain is None else _at(gain, channel)
    return Normalisation(mean, deviation, one, 0.0 if offset is None else _at(offset, channel))


def _normalised(call: Visit, channel: int, _before: Floats) -> Normalisation | None:
    """A Normalization layer, or its inverse, which puts mean and deviation back."""
    if not _by_channel(call.layer, call):
        return None
    mean, variance = _at(call.layer.mean, channel), _at(call.layer.variance, channel)
    spread = max(float(np.sqrt(variance)), SMALLEST)
    return _scaling(spread, mean) if call.layer.invert else Normalisation(mean, spread, 1.0, 0.0)


def _scaling(gain: float, offset: float = 0.0) -> Normalisation:
    return Normalisation(0.0, 1.0, gain, offset)


def _rescaled(call: Visit, channel: int, _before: Floats) -> Normalisation | None:
    return _scaling(_at(call.layer.scale, channel), _at(call.layer.offset, channel))


def _layer_scaled(call: Visit, channel: int, _before: Floats) -> Normalisation | None:
    """ConvNeXt's LayerScale: each channel times its own learned number (Touvron et al. 2021)."""
    gamma = getattr(call.layer, "gamma", None)
    return None if gamma is None else _scaling(_at(gamma, channel))


def _with_number(call: Visit, channel: int, _before: Floats) -> Normalisation | None:
    """``x + 3``, ``x / 6``, ``1 − x`` and the like, written with a number in place of a layer."""
    given = [*call.node.arguments.args, *call.node.arguments.kwargs.values()]
    if len(given) != 2 or sum(isinstance(each, keras.KerasTensor) for each in given) != 1:
        return None
    first = isinstance(given[0], keras.KerasTensor)
    constant = np.asarray(given[1] if first else given[0])
    if constant.size != 1 and not constant.size == constant.shape[-1] == call.shape[-1]:  # another one at each place
        return None
    number, name = _at(constant, channel), kind(call)
    if name == "Add":
        return _scaling(1.0, number)
    if name == "Subtract":
        return _scaling(1.0, -number) if first else _scaling(-1.0, number)
    if name == "Multiply":
        return _scaling(number)
    return _scaling(1 / number) if first and number else None


NUMBERS: Mapping[str, Callable[[Visit, int, Floats], Normalisation | None]] = MappingProxyType(
    {
        "BatchNormalization": _batch_normalised,
        "LayerNormalization": _layer_normalised,
        "RMSNormalization": _root_mean_square,
        "GroupNormalization": _group_normalised,
        "UnitNormalization": _unit_length,
        "Normalization": _normalised,
        "Rescaling": _rescaled,
        "LayerScale": _layer_scaled,
        "Add": _with_number,
        "Subtract": _with_number,
        "Multiply": _with_number,
        "Divide": _with_number,
        "TrueDivide": _with_number,
    }
)
"""What is known of each kind of step that scales and shifts; None where it does so otherwise."""


def _by_channel(layer: Any, call: Visit) -> bool:
    """Whether a Normalization layer has one mean for all, or one for each channel."""
    axes = np.ravel(() if layer.axis is None else layer.axis).tolist()
    means = np.size(layer.mean)
    return means == 1 or (means == call.shape[-1] and all(_last(axis, call) for axis in axes))


def _over_channels(call: Visit) -> bool:
    """Whether a layer's one axis is that of the channels."""
    axes = np.ravel(call.layer.axis)
    return len(axes) == 1 and _last(axes[0], call)


def _last(axis: Any, call: Visit) -> bool:
    return axis in (-1, len(call.shape))


def _at(numbers: Any, channel: int) -> float:
    values = np.asarray(numbers, np.float64).reshape(-1)
    return float(values[channel if values.size > 1 else 0])
