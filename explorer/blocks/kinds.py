"""The kinds of layers that a network can be stacked of, and one such layer."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Literal

from explorer.errors import MethodError, ModelError, shown
from explorer.options import Choice, Number

CONVOLUTION, NORMALISATION, DROPOUT, FLATTEN, DENSE = "convolution", "normalisation", "dropout", "flatten", "dense"
MAX_POOLING, AVERAGE_POOLING = "max_pooling", "average_pooling"
GLOBAL_AVERAGE, GLOBAL_MAX = "global_average", "global_max"
ACTIVATIONS = ("relu", "linear", "leaky_relu", "elu", "gelu", "tanh", "sigmoid")

OPTIONS: Mapping[str, Number | Choice] = MappingProxyType(
    {
        "filters": Number("Filters", 32, 1, 1024, 1),
        "units": Number("Units", 64, 1, 4096, 1),
        "rate": Number("Rate", 0.5, 0.0, 0.9, 0.05),
        "window": Number("Window", 3, 1, 15, 1),
        "stride": Number("Stride", 1, 1, 8, 1),
        "padding": Choice("Padding", "valid", {"valid": "valid", "same": "same"}),
        "activation": Choice("Activation", "relu", {name: name for name in ACTIVATIONS}),
    }
)
"""What can be set of a block."""


@dataclass(frozen=True)
class Kind:
    """One kind of block.

    Attributes:
        title: what a page calls it.
        layer: the name of the Keras layer.
        uses: the keys of :data:`OPTIONS` that it has.
        note: what it does, in a few words.
    """

    title: str
    layer: str
    uses: tuple[str, ...]
    note: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        CONVOLUTION: Kind(
            "Convolution",
            "Conv2D",
            ("filters", "window", "stride", "padding", "activation"),
            "slides learned filters over all channels",
        ),
        NORMALISATION: Kind("Batch normalisation", "BatchNormalization", (), "centres and scales each channel"),
        MAX_POOLING: Kind(
            "Max pooling", "MaxPooling2D", ("window", "stride", "padding"), "keeps the largest of each window"
        ),
        AVERAGE_POOLING: Kind(
            "Average pooling", "AveragePooling2D", ("window", "stride", "padding"), "keeps the mean of each window"
        ),
        DROPOUT: Kind("Dropout", "Dropout", ("rate",), "silences a random share of numbers while training"),
        FLATTEN: Kind("Flatten", "Flatten", (), "lays all maps out as one row"),
        GLOBAL_AVERAGE: Kind("Global average", "GlobalAveragePooling2D", (), "keeps the mean of each map"),
        GLOBAL_MAX: Kind("Global maximum", "GlobalMaxPooling2D", (), "keeps the largest of each map"),
        DENSE: Kind("Dense", "Dense", ("units", "activation"), "connects every number with every unit"),
    }
)
"""Every kind of block by name."""


@dataclass(frozen=True)
class Block:
    """One layer of a stack. Values that its kind does not use keep their defaults.

    Attributes:
        kind: key of :data:`KINDS`.
        filters: of a convolution.
        units: of a dense layer.
        rate: of dropout, 0–0.9.
        window: height and width of a kernel or of what is pooled, in cells.
        stride: step of the window, in cells.
        padding: ``"valid"`` or ``"same"``.
        activation: key of the option's choices.

    Raises:
        ModelError: a value is not allowed; the sentence says what is.

    >>> Block("convolution", filters=0)
    Traceback (most recent call last):
    explorer.errors.ModelError: filters is 0; it is a whole number from 1 to 1024.
    """

    kind: str
    filters: int = 32
    units: int = 64
    rate: float = 0.5
    window: int = 3
    stride: int = 1
    padding: Literal["valid", "same"] = "valid"
    activation: str = "relu"

    def __post_init__(self) -> None:
        """Check every value; what the kind does not use goes back to its default, so that equal blocks are equal."""
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise ModelError(f"There is no kind of layer {shown(self.kind)}; there are {', '.join(KINDS)}.")
        for name, option in OPTIONS.items():
            if name not in KINDS[self.kind].uses:
                object.__setattr__(self, name, option.default)
                continue
            try:
                object.__setattr__(self, name, option.check(name, getattr(self, name)))
            except MethodError as error:
                raise ModelError(str(error)) from None

    def as_dict(self) -> dict[str, Any]:
        """The kind and the values that it uses; ``Block(**…)`` makes the block again."""
        return {"kind": self.kind, **{name: getattr(self, name) for name in KINDS[self.kind].uses}}


def block(values: object) -> Block:
    """The block that a mapping describes, such as one of :meth:`Block.as_dict`.

    Raises:
        ModelError: it describes none.
    """
    known = {field.name for field in fields(Block)}
    if not isinstance(values, Mapping) or "kind" not in values or not set(values) <= known:
        raise ModelError(f"A layer has a kind and some of {', '.join(OPTIONS)}; this is {shown(values)}.")
    return Block(**values)


def title(each: Block) -> str:
    """A block in a few words.

    >>> title(Block("max_pooling", window=2, stride=2)), title(Block("dropout", rate=0.25))
    ('Max pooling 2 × 2', 'Dropout 25 %')
    """
    name = KINDS[each.kind].title
    if each.kind == DENSE:
        return f"{name} {each.units}" + (f" · {each.activation}" if each.activation != "relu" else "")
    if each.kind == DROPOUT:
        return f"{name} {each.rate * 100:g} %"
    if "window" not in KINDS[each.kind].uses:
        return name
    usual = 1 if each.kind == CONVOLUTION else each.window
    words = [f"{name} {each.filters} ·" if each.kind == CONVOLUTION else name, f"{each.window} × {each.window}"]
    more = [f"stride {each.stride}"] if each.stride != usual else []
    more += ["same"] if each.padding == "same" else []
    more += [each.activation] if each.kind == CONVOLUTION and each.activation != "relu" else []
    return " ".join(words) + "".join(f" · {word}" for word in more)


def to_dicts(stack: Sequence[Block]) -> list[dict[str, Any]]:
    """The stack as plain data for JSON."""
    return [each.as_dict() for each in stack]


def values(each: Block) -> dict[str, Any]:
    """Every value of a block, those that it does not use included."""
    return asdict(each)
