"""Layers joined to units: one that gathers, and those after it that treat every channel alone.

``Conv2D → BatchNormalization → ReLU`` is one unit: a person thinks of its output as the maps of that convolution. The
picture, with the preprocessing that follows it, is a unit that gathers nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from explorer.models.graph import Visit

ACTIVATIONS = frozenset(
    {
        "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Relu", "Relu6", "Sigmoid", "Silu", "Gelu",
        "Tanh", "HardSigmoid", "HardSilu", "HardSwish", "Selu", "Elu", "LeakyRelu", "Softplus", "LogSoftmax",
    }
)  # fmt: skip
"""Kinds of layers and operations that are nothing but an activation function."""
NORMALISATIONS = frozenset(
    {"BatchNormalization", "LayerNormalization", "RMSNormalization", "GroupNormalization", "UnitNormalization"}
)
SCALINGS = frozenset({"Rescaling", "Normalization", "LayerScale"})
QUIET = frozenset(
    {
        "Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization",
        "Identity", "Cast", "StochasticDepth", "ZeroPadding2D", "Cropping2D", "Flatten", "Reshape", "Squeeze",
    }
)  # fmt: skip
"""Kinds that change no value: at most its place, or the border."""
CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"})
POOLINGS = frozenset({"MaxPooling2D", "AveragePooling2D"})
GLOBAL_POOLINGS = frozenset(
    {
        "GlobalAveragePooling2D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "Mean", "Max",
    }
)  # fmt: skip
SUMS = frozenset({"Add", "Subtract", "Average", "Maximum", "Minimum", "CustomScaleLayer"})
PICTURE = 0
"""The number of the picture's tensor, as :func:`~explorer.models.graph.visits` has it."""


@dataclass(frozen=True, eq=False)
class Unit:
    """One layer that gathers, with what treats its channels alone.

    Attributes:
        op: the call that gathers; None of the picture.
        steps: the calls after it, in order, each on the one before.
    """

    op: Visit | None
    steps: tuple[Visit, ...]

    @property
    def calls(self) -> tuple[Visit, ...]:
        """All its calls, in order."""
        return self.steps if self.op is None else (self.op, *self.steps)

    @cached_property
    def told(self) -> Visit | None:
        """The call whose output stands for the unit: the last one that changes a value; None of the bare picture."""
        loud = [call for call in self.calls if kind(call) not in QUIET]
        return loud[-1] if loud else self.op

    @property
    def path(self) -> str:
        """That call's path; empty for the bare picture."""
        return "" if self.told is None else self.told.path

    @property
    def output(self) -> int:
        """The number of the tensor that stands for the unit."""
        return PICTURE if self.told is None else self.told.outputs[0]

    @property
    def inputs(self) -> tuple[int, ...]:
        """The numbers of the tensors that it gathers from."""
        return () if self.op is None else self.op.inputs


def kind(call: Visit) -> str:
    """The class of a call's layer or operation, such as ``"Conv2D"``."""
    return type(call.layer).__name__


def units(every: Sequence[Visit]) -> list[Unit]:
    """The units of a network, the picture first, in the order in which data flows.

    A unit ends where its output goes to more than one place, and before the next layer that gathers.

    Args:
        every: the network's calls, as :func:`~explorer.models.graph.visits` lists them.

    >>> import keras
    >>> from explorer.models.graph import visits
    >>> L = keras.layers
    >>> net = keras.Sequential([keras.Input((8, 8, 3)), L.Rescaling(2.0, name="scale"), L.Conv2D(4, 3, name="conv"),
    ...     L.BatchNormalization(name="norm"), L.ReLU(name="relu"), L.Flatten(name="flat"), L.Dense(2, name="logits")])
    >>> [[call.path for call in unit.calls] for unit in units(visits(net))]
    [['scale'], ['conv', 'norm', 'relu', 'flat'], ['logits']]
    >>> [unit.path for unit in units(visits(net))]
    ['scale', 'relu', 'logits']
    """
    calls = [call for call in every if not call.inner]
    readers: dict[int, list[Visit]] = {}
    for call in calls:
        for number in call.inputs:
            readers.setdefault(number, []).append(call)
    picture = Unit(None, _alone_after(PICTURE, readers))
    taken = set(picture.steps)
    found = [picture]
    for call in calls:
        if call not in taken:
            found.append(Unit(call, _alone_after(call.outputs[0], readers)))
            taken.update(found[-1].calls)
    return found


def makers(found: Sequence[Unit]) -> Mapping[int, Unit]:
    """Which unit makes each tensor, by the tensor's number."""
    made = {number: unit for unit in found for call in unit.calls for number in call.outputs}
    return {PICTURE: found[0], **made}


def parents(found: Sequence[Unit]) -> dict[Unit, tuple[Unit, ...]]:
    """The units that each one gathers from, each once."""
    made = makers(found)
    return {unit: tuple(dict.fromkeys(made[number] for number in unit.inputs)) for unit in found}


def _alone_after(number: int, readers: Mapping[int, list[Visit]]) -> tuple[Visit, ...]:
    """The calls that follow a tensor one after the other, each the only reader and treating every channel alone."""
    steps: list[Visit] = []
    while len(readers.get(number, ())) == 1 and treats_alone(readers[number][0]):
        steps.append(readers[number][0])
        number = steps[-1].outputs[0]
    return tuple(steps)


def summands(call: Visit) -> tuple[float, ...]:
    """What each parent of a sum is multiplied by."""
    count = len(call.inputs)
    match kind(call):
        case "Subtract":
            return (1.0, -1.0)
        case "Average":
            return (1 / count,) * count
        case "CustomScaleLayer":  # of Inception-ResNet: the sum of the first and a part of the second
            return (1.0, float(call.layer.scale))
    return (1.0,) * count


def treats_alone(call: Visit) -> bool:
    """Whether a call has one input and makes each channel from itself alone, without looking at its neighbours."""
    if len(call.inputs) != 1 or len(call.outputs) != 1:
        return False
    known = ACTIVATIONS | NORMALISATIONS | SCALINGS | QUIET
    return kind(call) in known or _keeps_shape(call)


def _keeps_shape(call: Visit) -> bool:
    """An operation on one tensor, or a layer without weights, that keeps its shape: preprocessing, ``x * 0.5``."""
    weights: Any = getattr(call.layer, "weights", ())
    before = tuple(call.node.input_tensors[0].shape[1:])
    windowed = CONVOLUTIONS | POOLINGS | {"Dense"}
    return not weights and before == call.shape and kind(call) not in windowed
