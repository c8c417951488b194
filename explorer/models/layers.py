"""Every layer of a network by a dotted path, in the order the picture travels, and what comes out of any of them."""

import difflib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from explorer.errors import LayerError
from explorer.models.graph import (
    Model,
    Shape,
    Tensor,
    Visit,
    activation_name,
    call_arguments,
    final_visit,
    visits,
    visits_for,
    without_activation,
    without_relu,
)
from explorer.windows import ReceptiveField, receptive_fields


@dataclass(frozen=True)
class LayerSummary:
    """A layer as a page lists it.

    Attributes:
        path: dotted path.
        kind: the Keras class, such as ``"Conv2D"``.
        output_shape: without the batch: (H, W, C), or (K,) for a layer without spatial output.
        parameters: numbers that the layer holds, with those of the layers inside it.
        receptive_field: what a unit can see of the picture; None where it is not known.
        spatial: whether the output is a stack of maps (H, W, C).
    """

    path: str
    kind: str
    output_shape: Shape
    parameters: int
    receptive_field: ReceptiveField | None
    spatial: bool


def layer_paths(model: Model, *, input_shape: Shape | None = None) -> list[str]:
    """The dotted path of every layer call, in the order the picture travels.

    A layer ``conv1`` of a network ``base`` inside the network is ``"base.conv1"``; the inner network itself,
    ``"base"``, follows its layers, for its output comes after theirs. The second and third call of a shared
    layer are ``"conv#2"`` and ``"conv#3"``. Input layers compute nothing and are left out.

    Args:
        model: a Sequential or functional Keras network.
        input_shape: (H, W, C) of the pictures, for a Sequential that has neither an ``Input`` nor seen a picture
            yet: it is then built for it.

    Raises:
        ModelError: the network has no graph to walk.

    >>> layer_paths(keras.Sequential([keras.layers.Dense(2, name="a"), keras.layers.ReLU(name="b")]), input_shape=(3,))
    ['a', 'b']
    """
    return [visit.path for visit in visits(model, input_shape=input_shape)]


def tap(
    model: Model,
    paths: Sequence[str],
    *,
    logits: bool = False,
    before_relu: Collection[str] = (),
    input_shape: Shape | None = None,
) -> Callable[[Tensor], dict[str, Tensor]]:
    """A function that gives the outputs of the layers asked for, all in one pass.

    Only the layers that these outputs need are computed, in inference mode, so nothing after the last of them.
    It can be differentiated, and compiled with ``tf.function``.

    Args:
        model: a Sequential or functional Keras network.
        paths: as :func:`layer_paths` lists them; of a layer with several outputs, the first counts.
        logits: leave out the final softmax or sigmoid, so that the last layer gives logits.
        before_relu: those of the paths that are wanted without their own ReLU, where they end with one.
        input_shape: as in :func:`layer_paths`.

    Returns:
        Pixels (N, H, W, C) → a tensor (N, …) for each path, in the order asked for.

    Raises:
        LayerError: there is no such layer; the message names similar ones.
        ModelError: as in :func:`layer_paths`.

    >>> double = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(2, name="double")])
    >>> tap(double, ["double"])(tf.constant([[3.0]]))["double"].numpy().tolist()
    [[6.0]]
    """
    every = visits(model, input_shape=input_shape)
    slots = {visit.path: visit.outputs[0] for visit in every}
    for path in paths:
        if path not in slots:
            raise LayerError(unknown_layer(path, list(slots)))
    steps = visits_for(every, {slots[path] for path in paths})
    final = final_visit(every) if logits else None
    bare = {visit: without_relu(visit.layer) for visit in steps if visit.path in before_relu}
    dtype = model.inputs[0].dtype

    def run(pixels: Tensor) -> dict[str, Tensor]:
        values = {0: tf.cast(pixels, dtype)}
        below: dict[str, Tensor] = {}
        for step in steps:
            args, kwargs = call_arguments(step, values)
            if without := bare.get(step):
                below[step.path] = without(*args, **kwargs)
            layer = without_activation(step.layer) if step is final else step.layer
            values.update(zip(step.outputs, keras.tree.flatten(layer(*args, **kwargs)), strict=True))
        return {path: below.get(path, values[slots[path]]) for path in paths}

    return run


def describe_layers(model: Model, *, input_shape: Shape | None = None) -> list[LayerSummary]:
    """What each layer is, in the order of :func:`layer_paths`.

    Args:
        model: a Sequential or functional Keras network.
        input_shape: (H, W, C) of the pictures, where the network accepts any size or is not built yet.

    >>> net = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, name="conv")])
    >>> summary = describe_layers(net)[0]
    >>> summary.kind, summary.output_shape, summary.parameters, summary.receptive_field.size
    ('Conv2D', (6, 6, 4), 40, (3, 3))
    """
    every = visits(model, input_shape=input_shape)
    shape = tuple(input_shape or model.inputs[0].shape[1:])
    shapes = _shapes(model, every, shape)
    fields = _receptive_fields(model, shape)
    return [
        LayerSummary(
            path=visit.path,
            kind=type(visit.layer).__name__,
            output_shape=shapes[visit.path],
            parameters=visit.layer.count_params() if isinstance(visit.layer, keras.layers.Layer) else 0,
            receptive_field=fields.get(visit.path),
            spatial=len(shapes[visit.path]) == 3,
        )
        for visit in every
    ]


def final_activation(model: Model) -> str:
    """What makes the output: "softmax", "sigmoid", "linear" for logits, or another function's name.

    >>> final_activation(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")]))
    'softmax'
    """
    return activation_name(final_visit(visits(model)).layer)


def unknown_layer(path: str, paths: Sequence[str]) -> str:
    """The sentence for a layer that is not there, with similar paths.

    >>> unknown_layer("conv9", ["base.conv1", "pool"])
    "There is no layer 'conv9'. Did you mean 'base.conv1'?"
    """
    by_ending: dict[str, str] = {}
    for known in paths:
        by_ending.setdefault(known.rpartition(".")[2], known)
    near = difflib.get_close_matches(path, paths, n=3)
    near += [by_ending[end] for end in difflib.get_close_matches(path.rpartition(".")[2], by_ending, n=3)]
    near = list(dict.fromkeys(near))[:3]
    if not near:
        return f"There is no layer {path!r}. The first is {paths[0]!r}, the last is {paths[-1]!r}."
    return f"There is no layer {path!r}. Did you mean {' or '.join(map(repr, near))}?"


def _shapes(model: Model, every: Sequence[Visit], shape: Shape) -> dict[str, Shape]:
    shapes = {visit.path: visit.shape for visit in every}
    if not any(None in known for known in shapes.values()):
        return shapes
    traced = tf.function(tap(model, list(shapes)), autograph=False)
    outputs = traced.get_concrete_function(tf.TensorSpec((None, *shape), tf.float32)).structured_outputs
    return {path: tuple(outputs[path].shape[1:]) for path in shapes}


def _receptive_fields(model: Model, shape: Shape) -> dict[str, ReceptiveField]:
    """Those that are known; of a layer's second and later calls (``conv#2``) none is."""
    size = None if len(shape) != 3 or shape[0] is None or shape[1] is None else (shape[0], shape[1])
    try:
        return receptive_fields(model, input_size=size)
    except LayerError:
        return {}
