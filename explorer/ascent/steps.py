"""One step uphill for a batch of pictures, as one compiled graph."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tensorflow as tf

from explorer.ascent.moves import blurred, moved, moves, roughness
from explorer.ascent.objectives import alikeness, likeness, strengths
from explorer.ascent.picture import MIDDLE, Held
from explorer.ascent.recipe import ADAM, Recipe
from explorer.errors import LayerError, ModelError
from explorer.models import Classifier
from explorer.models.compiled import CompiledFunctions, register_gradient
from explorer.models.layers import tap

FEATURES = "features"
"""The objective of an inversion: the features of a given picture."""
FIRST_MOMENT, SECOND_MOMENT, TINY = 0.9, 0.999, 1e-8
"""Adam's constants (Kingma and Ba 2015)."""


@dataclass(frozen=True)
class Shape:
    """What a compiled step depends on; everything else is given to it as numbers.

    Attributes:
        layer: dotted path.
        held: how the pictures are held, with their size.
        objective: one of :data:`OPTIONS`' or ``"features"``.
        rule: ``"gradient"`` or ``"adam"``.
        below: whether the layer's own ReLU is left out.
        moves, smooth, grey, blur, clip, diverse: which parts take part.
    """

    layer: str
    held: Held
    objective: str
    rule: str
    below: bool = False
    moves: bool = False
    smooth: bool = False
    grey: bool = False
    blur: bool = False
    clip: bool = False
    diverse: bool = False

    @classmethod
    def of(cls, recipe: Recipe, layer: str, held: Held, *, objective: str, below: bool, diverse: bool) -> "Shape":
        """What a recipe's steps depend on."""
        return cls(
            layer=layer,
            held=held,
            objective=objective,
            rule=recipe.rule,
            below=below,
            moves=moves(recipe),
            smooth=recipe.total_variation > 0,
            grey=recipe.l2 > 0,
            blur=recipe.blur > 0,
            clip=recipe.clip and not held.waves,
            diverse=diverse,
        )


@dataclass(frozen=True, eq=False)
class Network:
    """A network, and where its compiled functions are kept.

    Attributes:
        model: the Keras network.
        functions: its compiled functions.
        input_shape: (H, W, C) of the pictures; a side is None where any is accepted.
    """

    model: Any
    functions: CompiledFunctions
    input_shape: tuple[int | None, int | None, int]


def network_of(model: Any) -> Network:
    """A network to climb in.

    Args:
        model: a :class:`Classifier`, which keeps the compiled functions, or a Keras network that reads pictures of
            0–255; of these, the last two used are kept.

    Raises:
        ModelError: it does not read pictures.
    """
    if isinstance(model, Classifier):
        return Network(model.model, model.functions, _picture_shape(model.model))
    return _bare_network(model)


@lru_cache(maxsize=2)
def _bare_network(model: Any) -> Network:
    return Network(model, CompiledFunctions(), _picture_shape(model))


def _picture_shape(model: Any) -> tuple[int | None, int | None, int]:
    inputs = getattr(model, "inputs", None) or []
    shapes = [tuple(tensor.shape[1:]) for tensor in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] not in (1, 3):
        found = " and ".join(map(str, shapes)) or "not known"
        raise ModelError(
            f"A pattern is a picture, and {getattr(model, 'name', 'this')!r} reads none: its input is {found}. It has "
            "to be one input (height, width, channels) with 1 or 3 channels; begin a Sequential with keras.Input."
        )
    height, width, channels = shapes[0]
    return height, width, channels


def step_of(network: Network, shape: Shape) -> Callable[..., Any]:
    """The compiled step; see :func:`_compile_step`."""
    return network.functions.get(("ascent_step", shape), lambda: _compile_step(network, shape))


def outputs_of(network: Network, layer: str, size: tuple[int, int], *, below: bool = False) -> Callable[[Any], Any]:
    """A compiled function from pixels (N, H, W, C) of one size to a layer's output; of the last layer, to logits.

    Raises:
        LayerError: there is no such layer, or the network cannot read pictures of this size.
    """
    return network.functions.get(
        ("ascent_outputs", layer, size, below), lambda: _compile_outputs(network, layer, size, below=below)
    )


def _compile_outputs(network: Network, layer: str, size: tuple[int, int], *, below: bool) -> Callable[[Any], Any]:
    run = tap(network.model, [layer], logits=True, before_relu=[layer] if below else ())
    return _traced(
        lambda pixels: tf.cast(run(pixels)[layer], tf.float32),
        (tf.TensorSpec((None, *size, network.input_shape[2]), tf.float32),),
        layer,
        size,
    )


def _compile_step(network: Network, shape: Shape) -> Callable[..., Any]:
    """A function from the pictures as they are held to those a step further.

    It takes the parameters (N, …), both of Adam's moments (N, …), what is followed (N, C) (or, for an inversion, the
    goal's features), transforms (N, 8), and six numbers: Adam's count of steps from 1, step size, and the weights of
    smoothness, greyness, blur and diversity. It gives the pixels (N, H, W, C) before the step, their objective (N,),
    and parameters and moments after it.
    """
    held = shape.held
    run = tap(network.model, [shape.layer], logits=True, before_relu=[shape.layer] if shape.below else ())

    def step(*state_and_goal: Any) -> tuple[Any, ...]:
        held_now, first, second, followed, transforms, numbers = state_and_goal
        count, size, smoothness, greyness, sigma, diversity = tf.unstack(numbers)
        pixels = held.pixels(held_now)
        with tf.compat.v1.get_default_graph().gradient_override_map(_redirected_rules()):
            seen = moved(pixels, transforms) if shape.moves else pixels
            outputs = run(seen)[shape.layer]
            objective = _objective(shape, outputs, followed)
            alike = alikeness(outputs) if shape.diverse else None
        (uphill,) = tf.gradients(objective, [pixels])
        if uphill is None:
            raise LayerError(f"The layer {shape.layer!r} does not depend on the picture's pixels. Choose another.")
        uphill = _normalised(uphill)
        if shape.diverse:
            uphill -= diversity * _normalised(tf.gradients(alike, [pixels])[0])
        if shape.smooth:
            uphill -= smoothness * tf.gradients(roughness(pixels), [pixels])[0]
        if shape.grey:
            uphill -= greyness * (pixels - MIDDLE) / MIDDLE
        (uphill,) = tf.gradients(pixels, [held_now], grad_ys=uphill)
        if shape.rule == ADAM:
            first = FIRST_MOMENT * first + (1 - FIRST_MOMENT) * uphill
            second = SECOND_MOMENT * second + (1 - SECOND_MOMENT) * tf.square(uphill)
            ahead = first / (1 - FIRST_MOMENT**count)
            uphill = ahead / (tf.sqrt(second / (1 - SECOND_MOMENT**count)) + TINY)
        else:
            uphill = _normalised(uphill)
        return pixels, objective, _finished(shape, held_now + size * uphill, sigma), first, second

    batch = tf.TensorSpec((None, *held.shape), tf.float32)
    rows = tf.TensorSpec(None, tf.float32) if shape.objective == FEATURES else tf.TensorSpec((None, None), tf.float32)
    signature = (
        *(batch, batch, batch),
        rows,
        tf.TensorSpec((None, 8), tf.float32),
        tf.TensorSpec((6,), tf.float32),
    )
    return _traced(step, signature, shape.layer, (held.height, held.width))


def _objective(shape: Shape, outputs: Any, followed: Any) -> Any:
    if shape.objective == FEATURES:
        return likeness(outputs, tf.reshape(followed, tf.shape(outputs)))
    return tf.reduce_sum(strengths(outputs, shape.objective) * followed, axis=1)


def _finished(shape: Shape, held_now: Any, sigma: Any) -> Any:
    """What is done to the pictures after a step."""
    if not (shape.blur or shape.clip):
        return held_now
    pixels = shape.held.pixels(held_now)
    if shape.blur:
        pixels = blurred(pixels, sigma)
    if shape.clip:
        pixels = tf.clip_by_value(pixels, 0.0, 255.0)
    return shape.held.parameters(pixels)


def _normalised(gradient: Any) -> Any:
    """The gradient with a root mean square of 1 in each picture; zero stays zero."""
    axes = list(range(1, len(gradient.shape)))
    largest = tf.reduce_max(tf.abs(gradient), axis=axes, keepdims=True)
    gradient = gradient / (largest + 1e-37)  # first, so that no square overflows or vanishes
    return gradient / (tf.sqrt(tf.reduce_mean(tf.square(gradient), axis=axes, keepdims=True)) + 1e-30)


def _traced(
    function: Callable[..., Any], signature: tuple[Any, ...], layer: str, size: tuple[int, int]
) -> Callable[..., Any]:
    """The function as one graph."""
    try:
        compiled: Callable[..., Any] = tf.function(function, autograph=False).get_concrete_function(*signature)
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        raise LayerError(
            f"At {size[0]} × {size[1]} pixels (height × width) the network cannot be followed to the layer {layer!r}: "
            "the picture is too small for it, or the network reads one size only. Choose another size."
        ) from error
    return compiled


_REDIRECTED = "ExplorerRedirectedRelu"
NEAREST = 3
"""So many ReLUs before the layer can be followed while they are shut. To look for it at all of them makes a step half
as long again, and farther back a layer without a single open unit does not occur."""


def _redirected_rules() -> dict[str, str]:
    """At one of the nearest ReLUs that is shut everywhere in a picture, the way up is followed as if it were open.

    Otherwise a unit that starts dead would have no gradient and stay grey for ever. Where any of the gradient goes
    through, it is left alone. Source: Lucid, ``redirected_relu_grad``.
    """
    register_gradient(_REDIRECTED, _redirected)
    return {"Relu": _REDIRECTED, "Relu6": _REDIRECTED}


def _redirected(operation: Any, gradient: Any) -> Any:
    plain = tf.raw_ops.ReluGrad if operation.type == "Relu" else tf.raw_ops.Relu6Grad
    through = plain(gradients=gradient, features=operation.outputs[0])
    graph = tf.compat.v1.get_default_graph()
    graph.add_to_collection(_REDIRECTED, operation)  # gradients are built backwards: the nearest ReLU comes first
    if len(graph.get_collection(_REDIRECTED)) > NEAREST:
        return through
    axes = list(range(1, len(gradient.shape)))
    most, least = (reduce(through, axes, keepdims=True) for reduce in (tf.reduce_max, tf.reduce_min))
    shut = tf.equal(most, 0) & tf.equal(least, 0)

    def opened() -> Any:
        return tf.where(shut & (operation.inputs[0] <= 0), tf.nn.relu(gradient), through)

    return tf.cond(tf.reduce_any(shut), opened, lambda: through)
