"""The passes through a network that all methods share, each compiled once for a network and then reused.

A target is a direction in the space of class scores (logits): one class is a 1 at its place, "this against that" has
a −1 too, and "what speaks against it" is the same with the sign turned. So neither another class nor another picture
compiles anything anew.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.errors import LayerError
from explorer.models import Classifier
from explorer.models.compiled import register_gradient
from explorer.models.layers import tap
from explorer.settings import MAX_LAYER_VALUES

Floats = NDArray[np.float32]


Look = tuple[Floats, Floats, Floats, Floats]
"""Maps (h, w, C), gradients (h, w, C), class scores (K,), direction (K,): float32."""


def maps_and_gradients(classifier: Classifier, layer: str, pixels: Floats, direction: Floats) -> Look:
    """A layer's maps, and how much each of their cells moves the target's score.

    The gradient is of the logits: after a softmax it would nearly vanish where the network is sure.

    Args:
        classifier: the network.
        layer: dotted path of a layer with maps.
        pixels: float32 (1, H, W, C) in 0–255.
        direction: float32 (K,); all zeros ask for the likeliest class.

    Raises:
        LayerError: there is no such layer, or the answer does not depend on it.
    """
    return maps_and_gradients_of(classifier, (layer,), pixels, direction)[layer]


def maps_and_gradients_of(
    classifier: Classifier, layers: Sequence[str], pixels: Floats, direction: Floats
) -> dict[str, Look]:
    """The same for several layers in one pass, which is compiled once for all of them."""
    paths = tuple(dict.fromkeys(layers))
    run = classifier.compiled(("maps_and_gradients", paths), lambda: _compile_maps(classifier, paths))
    every, scores, chosen = run(tf.constant(pixels), tf.constant(direction))
    common = scores.numpy()[0], chosen.numpy()[0]
    return {path: (maps.numpy()[0], gradients.numpy()[0], *common) for path, (maps, gradients) in every.items()}


def pixel_gradients(
    classifier: Classifier, pixels: Floats, direction: Floats, *, guided: bool = False
) -> tuple[Floats, Floats, Floats]:
    """How much each pixel moves the target's score.

    Args:
        classifier: the network.
        pixels: float32 (N, H, W, C) in 0–255.
        direction: float32 (K,); all zeros ask for the likeliest class of each picture.
        guided: at every ReLU let only positive gradients through.

    Returns:
        Gradients (N, H, W, C), class scores (N, K), directions (N, K): float32.
    """
    gradients, scores, chosen = _pixel_pass(classifier, guided=guided)(tf.constant(pixels), tf.constant(direction))
    return gradients.numpy(), scores.numpy(), chosen.numpy()


def has_relu(classifier: Classifier) -> bool:
    """Whether there is a ReLU for the rule of guided backpropagation to work at."""
    operations = _pixel_pass(classifier, guided=True).graph.get_operations()
    return any(operation.type in _guided_rules() for operation in operations)


def masked_scores(classifier: Classifier, pixels: Floats, masks: Floats, fill: Floats) -> tuple[Floats, Floats]:
    """What the network says when parts of a picture are hidden: ``mask · picture + (1 − mask) · fill``.

    Args:
        classifier: the network.
        pixels: float32 (1, H, W, C) in 0–255.
        masks: float32 (N, h, w) in 0–1, 1 where the picture is kept; enlarged bilinearly to (H, W).
        fill: float32 (1, H, W, C), what is seen instead.

    Returns:
        Class scores (N, K) and probabilities (N, K): float32.
    """
    run = classifier.compiled("masked_scores", lambda: _compile_masked(classifier))
    scores, probabilities = run(tf.constant(pixels), tf.constant(masks), tf.constant(fill))
    return scores.numpy(), probabilities.numpy()


def _compile_maps(classifier: Classifier, layers: Sequence[str]) -> Callable[..., Any]:
    outputs_of = tap(classifier.model, [*layers, classifier.output_path], logits=True)

    def run(pixels: Any, direction: Any) -> tuple[Any, ...]:
        outputs = outputs_of(pixels)
        scores = classifier.class_scores(outputs[classifier.output_path])
        for path in layers:
            if len(outputs[path].shape) != 4:
                shape = tuple(outputs[path].shape[1:])
                raise LayerError(f"The layer {path!r} has no maps: its output for a picture is {shape}.")
            if (values := outputs[path].shape[1:].num_elements() or 0) > MAX_LAYER_VALUES:
                raise LayerError(
                    f"The maps of {path!r} are {values / 1e6:,.0f} million numbers; {MAX_LAYER_VALUES / 1e6:,.0f} "
                    "million is the limit. Choose a later layer."
                )
        chosen = _likeliest_where_zero(direction, scores)
        every = tf.gradients(tf.reduce_sum(chosen * scores), [outputs[path] for path in layers])
        for path, gradients in zip(layers, every, strict=True):
            if gradients is None:
                raise LayerError(f"The network's answer does not depend on the layer {path!r}. Choose another layer.")
        looks = {
            path: (tf.cast(outputs[path], tf.float32), tf.cast(gradients, tf.float32))
            for path, gradients in zip(layers, every, strict=True)
        }
        return looks, scores, chosen

    return _concrete(run, classifier.spec, _direction_spec(classifier))


def _pixel_pass(classifier: Classifier, *, guided: bool) -> Any:
    return classifier.compiled(("pixel_gradients", guided), lambda: _compile_pixels(classifier, guided=guided))


def _compile_pixels(classifier: Classifier, *, guided: bool) -> Callable[..., Any]:
    outputs_of = tap(classifier.model, [classifier.output_path], logits=True)

    def run(pixels: Any, direction: Any) -> tuple[Any, ...]:
        rules = _guided_rules() if guided else {}
        with tf.compat.v1.get_default_graph().gradient_override_map(rules):
            scores = classifier.class_scores(outputs_of(pixels)[classifier.output_path])
        chosen = _likeliest_where_zero(direction, scores)
        (gradients,) = tf.gradients(tf.reduce_sum(chosen * scores), [pixels])
        return (tf.zeros_like(pixels) if gradients is None else gradients), scores, chosen

    return _concrete(run, classifier.spec, _direction_spec(classifier))


def _compile_masked(classifier: Classifier) -> Callable[..., Any]:
    outputs_of = tap(classifier.model, [classifier.output_path], logits=True)
    height, width, _ = classifier.input_shape

    def run(pixels: Any, masks: Any, fill: Any) -> tuple[Any, ...]:
        kept = tf.image.resize(masks[..., tf.newaxis], (height, width))
        raw = outputs_of(kept * pixels + (1 - kept) * fill)[classifier.output_path]
        return classifier.class_scores(raw), classifier.probabilities(raw)

    masks = tf.TensorSpec((None, None, None), tf.float32)
    return _concrete(run, classifier.spec, masks, classifier.spec)


def _concrete(run: Callable[..., Any], *signature: Any) -> Callable[..., Any]:
    compiled: Callable[..., Any] = tf.function(run, autograph=False).get_concrete_function(*signature)
    return compiled


def _direction_spec(classifier: Classifier) -> Any:
    return tf.TensorSpec((len(classifier.class_names),), tf.float32)


def _likeliest_where_zero(direction: Any, scores: Any) -> Any:
    """The direction for each picture (N, K): the one asked for, or the class with the highest score."""
    likeliest = tf.one_hot(tf.argmax(scores, axis=1), scores.shape[1], dtype=tf.float32)
    asked = tf.reduce_any(direction != 0)
    return tf.where(asked, tf.broadcast_to(direction, tf.shape(scores)), likeliest)


_GUIDED_RELU, _GUIDED_RELU6 = "ExplorerGuidedRelu", "ExplorerGuidedRelu6"


def _guided_rules() -> dict[str, str]:
    """The gradients of guided backpropagation, by TensorFlow's own registry of gradients: no layer is patched."""
    register_gradient(_GUIDED_RELU, lambda operation, gradient: _guided(gradient, operation.outputs[0] > 0))
    register_gradient(
        _GUIDED_RELU6,
        lambda operation, gradient: _guided(gradient, (operation.outputs[0] > 0) & (operation.outputs[0] < 6)),
    )
    return {"Relu": _GUIDED_RELU, "Relu6": _GUIDED_RELU6}


def _guided(gradient: Any, is_open: Any) -> Any:
    """Through where the ReLU was open and the gradient is positive."""
    return tf.where(is_open & (gradient > 0), gradient, tf.zeros_like(gradient))
