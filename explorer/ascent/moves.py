"""What happens to the picture before and after a step: small random moves, blur, and the pull towards smoothness.

A pattern that only works to the pixel is noise to us. One that survives being shifted, turned and enlarged is what
the filter looks for. Source: Olah, Mordvintsev and Schubert 2017, "Transformation Robustness".
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.ascent.recipe import Recipe

Floats = NDArray[np.float32]
BLUR_RADIUS = 4
"""Pixels; a Gaussian of the widest blur that is allowed has 82 % of its weight within."""


def moves(recipe: Recipe) -> bool:
    """Whether the picture is moved before each step."""
    return bool(recipe.jitter or recipe.rotation or recipe.scale)


def draw_moves(recipe: Recipe, height: int, width: int, draws: Sequence[np.random.Generator]) -> Floats:
    """One random shift, turn and enlargement for each picture, as projective transforms.

    Args:
        recipe: how far at most: ``jitter`` whole pixels, ``rotation`` degrees, ``scale`` as a share.
        height: of the pictures.
        width: of the pictures.
        draws: a random generator for each picture.

    Returns:
        float32 (N, 8), as ``tf.raw_ops.ImageProjectiveTransformV3`` takes them: they map a pixel of the moved
        picture to the place it is taken from.
    """
    drawn = np.empty((len(draws), 8), np.float32)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    for row, rng in zip(drawn, draws, strict=True):
        shift_x, shift_y = rng.integers(-recipe.jitter, recipe.jitter, size=2, endpoint=True)
        angle = np.deg2rad(rng.uniform(-recipe.rotation, recipe.rotation))
        size = 1 + rng.uniform(-recipe.scale, recipe.scale)
        cosine, sine = np.cos(angle) / size, np.sin(angle) / size
        row[:] = (
            *(cosine, -sine, middle_x - cosine * middle_x + sine * middle_y + shift_x),
            *(sine, cosine, middle_y - sine * middle_x - cosine * middle_y + shift_y),
            *(0, 0),
        )
    return drawn


def moved(pixels: Any, transforms: Any) -> Any:
    """Pictures (N, H, W, C) under transforms (N, 8), bilinear; what comes in from outside is the mirrored picture.

    TensorFlow takes the gradient by the inverse transform, which is exact for shifts away from the border and within
    the scale's square for the rest.
    """
    drawn = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=transforms,
        output_shape=pixels.shape[1:3],
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )
    return tf.ensure_shape(drawn, pixels.shape)


def blurred(pixels: Any, sigma: Any) -> Any:
    """Pictures (N, H, W, C) under a Gaussian of standard deviation ``sigma`` pixels; 0 leaves them as they are.

    At the border only what is there is averaged.
    """
    channels = pixels.shape[-1]
    offsets = tf.range(-BLUR_RADIUS, BLUR_RADIUS + 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * tf.square(offsets / tf.maximum(sigma, 1e-3)))
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        kernel = tf.tile(tf.reshape(weights, shape), (1, 1, channels, 1))
        total = tf.nn.depthwise_conv2d(tf.ones_like(pixels[:1]), kernel, (1, 1, 1, 1), "SAME")
        pixels = tf.nn.depthwise_conv2d(pixels, kernel, (1, 1, 1, 1), "SAME") / total
    return pixels


def blur_at(recipe: Recipe, step: int) -> float:
    """The blur after a step, in pixels: every so many steps, falling to zero until the last.

    >>> [blur_at(Recipe(steps=8, blur=1.0, blur_every=2), step) for step in (0, 1, 3, 7)]
    [0.0, 0.75, 0.5, 0.0]
    """
    if not recipe.blur or (step + 1) % recipe.blur_every:
        return 0.0
    return recipe.blur * (1 - (step + 1) / recipe.steps)


def roughness(pixels: Any) -> Any:
    """Total variation: the sum of the lengths of the differences between neighbours, a number for each picture (N,).

    One grey level is added under the root, so that its gradient is finite where neighbours are equal
    (Rudin, Osher and Fatemi 1992). The gradient of a pixel lies between −4 and 4, whatever the contrast.
    """
    down = pixels[:, 1:, :-1] - pixels[:, :-1, :-1]
    across = pixels[:, :-1, 1:] - pixels[:, :-1, :-1]
    return tf.reduce_sum(tf.sqrt(tf.square(down) + tf.square(across) + 1.0), axis=(1, 2, 3))
