"""Small networks as stacks of blocks: plain data, with shapes and parameters worked out without TensorFlow.

A page can so show a network, and say why it is impossible, before anything is built.
:func:`explorer.models.build` makes a Keras network of a stack.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Literal

from explorer.errors import KernelError, MethodError, ModelError, shown
from explorer.options import Choice, Number
from explorer.settings import MAX_BLOCKS, MAX_CLASSES, MAX_MODEL_PARAMETERS, MAX_NETWORK_SIDE
from explorer.windows import output_size

Shape = tuple[int, ...]
"""(H, W, C), or (K,) where the places are gone."""

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


def _conv(filters: int, **options: Any) -> Block:
    return Block(CONVOLUTION, filters=filters, **options)


def _pool(window: int = 2) -> Block:
    return Block(MAX_POOLING, window=window, stride=window)


def _dense(units: int) -> Block:
    return Block(DENSE, units=units)


@dataclass(frozen=True)
class Recipe:
    """A network of a tutorial.

    Attributes:
        title: what a page calls it.
        blocks: the stack, without the head.
        input_shape: (H, W, C) of the pictures it was published for.
        classes: how many it tells apart there.
        parameters: how many it then has.
        source: where it is from.
        note: what it is good for, in a sentence.
    """

    title: str
    blocks: tuple[Block, ...]
    input_shape: tuple[int, int, int]
    classes: int
    parameters: int
    source: str
    note: str


_FLAT = Block(FLATTEN)
_HALF = Block(DROPOUT, rate=0.5)
_CATS = (_conv(32), _pool(), _conv(64), _pool(), _conv(128), _pool(), _conv(128), _pool(), _FLAT)
_ROCKS = (_conv(64), _pool(), _conv(64), _pool(), _conv(128), _pool(), _conv(128), _pool(), _FLAT)
_GREY, _COLOUR = (28, 28, 1), (150, 150, 3)
_CHOLLET = "F. Chollet, Deep Learning with Python"

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "convnet-32-64-64": Recipe(
            "Convnet 32-64-64",
            (_conv(32), _pool(), _conv(64), _pool(), _conv(64), _FLAT, _dense(64)),
            _GREY,
            10,
            93_322,
            f"{_CHOLLET}, first edition, listing 5.3: MNIST",
            "Three convolutions, small and quick: the first network to try.",
        ),
        "keras-io-mnist": Recipe(
            "Convnet of keras.io",
            (_conv(32), _pool(), _conv(64), _pool(), _FLAT, _HALF),
            _GREY,
            10,
            34_826,
            "keras.io, Simple MNIST convnet",
            "Two convolutions, dropout, and no hidden dense layer.",
        ),
        "convnet-64-64": Recipe(
            "Convnet 64-64-128",
            (_conv(64), _pool(), _conv(64), _pool(), _FLAT, _dense(128)),
            _GREY,
            10,
            243_786,
            "deeplearning.ai TensorFlow course, week 3: Fashion-MNIST",
            "Wide convolutions; most weights are in the dense layer.",
        ),
        "dense-512": Recipe(
            "Dense 512",
            (_FLAT, _dense(512)),
            _GREY,
            10,
            407_050,
            f"{_CHOLLET}, listing 2.2: MNIST",
            "No convolution at all: what a convnet has to beat.",
        ),
        "mlp-500-250-100": Recipe(
            "MLP 500-250-100",
            (_FLAT, _dense(500), _dense(250), _dense(100)),
            _GREY,
            10,
            543_860,
            "Fashion-MNIST walk-through of the fully connected kind",
            "Three hidden layers that see a row of numbers, not a picture.",
        ),
        "cats-dogs": Recipe(
            "Cats and dogs",
            (*_CATS, _dense(512)),
            _COLOUR,
            2,
            3_453_121,
            f"{_CHOLLET}, first edition, listing 5.5",
            "For photos of 150 × 150 pixels; overfits 2,000 of them within minutes.",
        ),
        "cats-dogs-dropout": Recipe(
            "Cats and dogs, dropout",
            (*_CATS, _HALF, _dense(512)),
            _COLOUR,
            2,
            3_453_121,
            f"{_CHOLLET}, first edition, listing 5.13",
            "The same with dropout: made to be trained with augmentation.",
        ),
        "course-16-32-64": Recipe(
            "Course 16-32-64",
            (_conv(16), _pool(), _conv(32), _pool(), _conv(64), _pool(), _FLAT, _dense(512)),
            _COLOUR,
            2,
            9_494_561,
            "deeplearning.ai TensorFlow course 2, week 1: cats and dogs",
            "Fewer filters, but 9 million weights in the dense layer.",
        ),
        "rock-paper-scissors": Recipe(
            "Rock, paper, scissors",
            (*_ROCKS, _HALF, _dense(512)),
            _COLOUR,
            3,
            3_473_475,
            "deeplearning.ai TensorFlow course 2, week 4",
            "Three classes of 150 × 150 pixels.",
        ),
    }
)
"""Networks by name."""


@dataclass(frozen=True)
class Row:
    """One layer of a described network.

    Attributes:
        label: kind and values, such as ``Convolution 32 · 3 × 3``.
        output_shape: (H, W, C) or (K,).
        parameters: how many it learns or keeps.
        block: what it was made of; None for the head and what is added for it.
    """

    label: str
    output_shape: Shape
    parameters: int
    block: Block | None = None


def blocks_of(recipe: str | Sequence[Block]) -> tuple[Block, ...]:
    """The stack of a recipe, or the stack itself.

    Raises:
        ModelError: there is no recipe of this name, or no stack or one that is too high.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ModelError(f"There is no recipe {shown(recipe)}; there are {', '.join(RECIPES)}.")
        return RECIPES[recipe].blocks
    stack = tuple(recipe)
    if len(stack) > MAX_BLOCKS or not all(isinstance(each, Block) for each in stack):
        raise ModelError(f"A network is up to {MAX_BLOCKS} blocks; this is {shown(stack)}.")
    return stack


def with_dropout(stack: Sequence[Block], rate: float | None) -> tuple[Block, ...]:
    """The stack with this dropout before its dense layers, instead of its own; None leaves it as it is.

    >>> [each.kind for each in with_dropout(RECIPES["dense-512"].blocks, 0.3)]
    ['flatten', 'dropout', 'dense']
    >>> RECIPES["cats-dogs"].blocks == with_dropout(RECIPES["cats-dogs-dropout"].blocks, 0)
    True
    """
    if rate is None:
        return tuple(stack)
    bare = [each for each in stack if each.kind != DROPOUT]
    if rate == 0:
        return tuple(bare)
    rows = (FLATTEN, GLOBAL_AVERAGE, GLOBAL_MAX)
    place = next((place + 1 for place, each in enumerate(bare) if each.kind in rows), len(bare))
    return (*bare[:place], Block(DROPOUT, rate=rate), *bare[place:])


def describe(recipe: str | Sequence[Block], input_shape: tuple[int, int, int], classes: int) -> list[Row]:
    """Every layer with its output's shape and its parameters, the head included.

    Two classes end in one sigmoid unit, more in a softmax.

    Args:
        recipe: a key of :data:`RECIPES`, or a stack.
        input_shape: (H, W, C) of the pictures.
        classes: how many are told apart.

    Raises:
        ModelError: the stack is impossible; the sentence says where and what helps.

    >>> rows = describe("keras-io-mnist", (28, 28, 1), 10)
    >>> rows[0].label, rows[0].output_shape, sum(row.parameters for row in rows)
    ('Convolution 32 · 3 × 3', (26, 26, 32), 34826)
    """
    stack = blocks_of(recipe)
    check_input(input_shape, classes)
    rows: list[Row] = []
    shape: Shape = input_shape
    for place, each in enumerate(stack):
        try:
            after = _after(each, shape)
        except ModelError as error:
            raise ModelError(f"Layer {place + 1}, {title(each)}: {error}{_remedy(stack, input_shape, place)}") from None
        rows.append(Row(title(each), after, _parameters(each, shape), each))
        shape = after
    if len(shape) == 3:
        rows.append(Row("Flatten", (math.prod(shape),), 0))
        shape = rows[-1].output_shape
    units = head_units(classes)
    rows.append(Row(f"Dense {units} · {head_activation(classes)}", (units,), (shape[0] + 1) * units))
    total = sum(row.parameters for row in rows)
    if total > MAX_MODEL_PARAMETERS:
        raise ModelError(
            f"The network has {total:,} parameters; {MAX_MODEL_PARAMETERS:,} is the limit. "
            "Pool more often before the first dense layer, or give it fewer units."
        )
    return rows


def head_units(classes: int) -> int:
    """Units of the last layer: one for two classes."""
    return 1 if classes == 2 else classes


def head_activation(classes: int) -> str:
    """What turns the last layer's scores into probabilities."""
    return "sigmoid" if classes == 2 else "softmax"


def loss_name(classes: int) -> str:
    """The loss that goes with the head, by its name in Keras."""
    return "binary_crossentropy" if classes == 2 else "categorical_crossentropy"


def check_input(input_shape: object, classes: object) -> None:
    """Raise a ModelError where no network of ours can be built for these pictures and classes."""
    sides = tuple(input_shape) if isinstance(input_shape, tuple | list) else ()
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if (
        len(sides) != 3
        or not whole
        or not all(1 <= side <= MAX_NETWORK_SIDE for side in sides)
        or sides[2] not in (1, 3)
    ):
        raise ModelError(
            f"Pictures for a network are (height, width, 1 or 3), up to {MAX_NETWORK_SIDE} pixels a side; "
            f"this is {shown(input_shape)}."
        )
    if not isinstance(classes, int) or isinstance(classes, bool) or not 2 <= classes <= MAX_CLASSES:
        raise ModelError(f"A network tells 2 to {MAX_CLASSES:,} classes apart, not {shown(classes)}.")


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


def _after(each: Block, shape: Shape) -> Shape:
    """The shape after a block."""
    spatial = len(shape) == 3
    if each.kind == DENSE:
        if spatial:
            raise ModelError("It takes a row of numbers, and here are maps. Put Flatten or a global pooling before it.")
        return (each.units,)
    if each.kind in (NORMALISATION, DROPOUT):
        return shape
    if not spatial:
        raise ModelError("It takes maps, and here is a row of numbers. Put it before Flatten and the dense layers.")
    if each.kind == FLATTEN:
        return (math.prod(shape),)
    if each.kind in (GLOBAL_AVERAGE, GLOBAL_MAX):
        return (shape[2],)
    try:
        sides = [output_size(side, each.window, each.stride, each.padding) for side in shape[:2]]
    except KernelError:
        sides = [0]
    if min(sides) < 1:
        raise ModelError(f"Its {each.window} × {each.window} window does not fit into maps of {shape[0]} × {shape[1]}.")
    return (*sides, each.filters if each.kind == CONVOLUTION else shape[2])


def _parameters(each: Block, shape: Shape) -> int:
    if each.kind == CONVOLUTION:
        return (each.window * each.window * shape[-1] + 1) * each.filters
    if each.kind == DENSE:
        return (shape[-1] + 1) * each.units
    return 4 * shape[-1] if each.kind == NORMALISATION else 0


def _remedy(stack: tuple[Block, ...], input_shape: tuple[int, int, int], place: int) -> str:
    """What helps against a window that does not fit: larger pictures, where those do."""
    if "window" not in KINDS[stack[place].kind].uses:
        return ""
    side = least_side(stack, input_shape[2])
    larger = f", or take pictures of at least {side} × {side} pixels" if side and side > min(input_shape[:2]) else ""
    return f" Pool less before it, or pad with “same”{larger}."


def least_side(recipe: str | Sequence[Block], channels: int = 3) -> int | None:
    """The smallest square pictures that a stack can be built for, in pixels a side; None where there are none.

    >>> least_side("cats-dogs"), least_side("convnet-32-64-64"), least_side("dense-512")
    (46, 18, 1)
    """
    stack = blocks_of(recipe)
    low, high = 1, MAX_NETWORK_SIDE
    while low < high:  # what fits into smaller pictures fits into larger ones
        middle = (low + high) // 2
        low, high = (low, middle) if _fits(stack, (middle, middle, channels)) else (middle + 1, high)
    return low if _fits(stack, (low, low, channels)) else None


def _fits(stack: tuple[Block, ...], shape: Shape) -> bool:
    try:
        for each in stack:
            shape = _after(each, shape)
    except ModelError:
        return False
    return True


def to_dicts(stack: Sequence[Block]) -> list[dict[str, Any]]:
    """The stack as plain data for JSON."""
    return [each.as_dict() for each in stack]


LETTERS: Mapping[str, str] = MappingProxyType(
    {
        CONVOLUTION: "c",
        NORMALISATION: "n",
        MAX_POOLING: "m",
        AVERAGE_POOLING: "a",
        DROPOUT: "o",
        FLATTEN: "f",
        GLOBAL_AVERAGE: "g",
        GLOBAL_MAX: "x",
        DENSE: "d",
    }
)
"""Each kind in :func:`compact`."""
EMPTY = "none"


def compact(stack: Sequence[Block]) -> str:
    """The stack as a short text: a letter a layer, and its values up to the last that is not the usual one.

    >>> compact(RECIPES["keras-io-mnist"].blocks), compact([Block("convolution", padding="same", activation="tanh")])
    ('c-m2.2-c64-m2.2-f-o', 'c32.3.1.same.tanh')
    """
    return "-".join(map(_compact, stack)) or EMPTY


def _compact(each: Block) -> str:
    said = [(getattr(each, name), OPTIONS[name].default) for name in KINDS[each.kind].uses]
    while said and said[-1][0] == said[-1][1]:
        said.pop()
    return LETTERS[each.kind] + ".".join(str(value).removeprefix("0.") for value, _ in said)


def from_compact(text: str) -> tuple[Block, ...]:
    """The stack that :func:`compact` has written so.

    Raises:
        ModelError: it is no such text, or a value in it is not allowed.

    >>> from_compact("f-o25-d512") == (Block("flatten"), Block("dropout", rate=0.25), Block("dense", units=512))
    True
    """
    parts = [] if text == EMPTY else text.split("-", MAX_BLOCKS)
    if len(parts) > MAX_BLOCKS:
        raise ModelError(f"A network is up to {MAX_BLOCKS} layers.")
    return tuple(map(_from_compact, parts))


def _from_compact(part: str) -> Block:
    kind = next((kind for kind, letter in LETTERS.items() if letter == part[:1]), None)
    given = part[1:].split(".") if part[1:] else []
    if kind is None or len(given) > len(KINDS[kind].uses):
        raise ModelError(f"There is no layer {shown(part)}.")
    found = Block(kind, **{name: _said(name, value) for name, value in zip(KINDS[kind].uses, given, strict=False)})
    if _compact(found) != part:
        raise ModelError(f"There is no layer {shown(part)}.")
    return found


def _said(name: str, value: str) -> Any:
    option = OPTIONS[name]
    if isinstance(option, Choice):
        return value
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise ModelError(f"{name} is {shown(value)}; it is a number.")
    return int(value) if option.whole else float(f"0.{value}")


def values(each: Block) -> dict[str, Any]:
    """Every value of a block, those that it does not use included."""
    return asdict(each)
