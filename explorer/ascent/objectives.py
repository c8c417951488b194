"""What is made as large as possible: a number for each picture, from a layer's output.

Which channels count is a row of weights for each picture: one 1 for a single channel, several for a mixture. So other
channels compile nothing anew.
"""

from typing import Any

import tensorflow as tf

from explorer.ascent.recipe import CENTRE, DREAM

BORDER = 2
"""Most cells at each border of a map that its mean leaves out, as in the Keras example: they see the padding."""


def strengths(outputs: Any, objective: str) -> Any:
    """How strongly each channel answers to each picture.

    Args:
        outputs: a layer's output: maps (N, h, w, C), sequences (N, T, C) or units (N, C).
        objective: ``"mean"`` of a map without its border, its ``"centre"`` unit, or the ``"dream"``'s mean of squares.

    Returns:
        float32 tensor (N, C).
    """
    values = tf.cast(outputs, tf.float32)
    if objective == DREAM:
        values = tf.square(values)
    if len(values.shape) == 2:
        return values
    if len(values.shape) == 4:
        height, width = values.shape[1:3]
        if objective == CENTRE:
            return values[:, height // 2, width // 2]
        down, across = (min(BORDER, (side - 1) // 4) for side in (height, width))  # half of a small map is kept
        values = values[:, down : height - down, across : width - across]
    return tf.reduce_mean(values, axis=list(range(1, len(values.shape) - 1)))


def likeness(outputs: Any, goal: Any) -> Any:
    """How much of the goal's features a picture's have: 1 − |f − goal|² / |goal|², (N,); 1 where they are the same.

    Source: Mahendran and Vedaldi, Understanding Deep Image Representations by Inverting Them, CVPR 2015, eq. 2.
    """
    values, goal = tf.cast(outputs, tf.float32), tf.cast(goal, tf.float32)
    axes = list(range(1, len(values.shape)))
    miss = tf.reduce_sum(tf.square(values - goal), axis=axes)
    return 1 - miss / tf.maximum(tf.reduce_sum(tf.square(goal), axis=axes), 1e-12)


def alikeness(outputs: Any) -> Any:
    """How alike each picture is to the others in what a layer makes of them, (N,): the mean cosine of their Grams.

    The Gram matrix says which channels fire together, wherever that is. Source: Olah, Mordvintsev and Schubert 2017,
    "Diversity".
    """
    values = tf.cast(outputs, tf.float32)
    flat = tf.reshape(values, (tf.shape(values)[0], -1, values.shape[-1]))
    cells = values.shape[1:-1].num_elements()
    if cells is not None and cells < values.shape[-1]:  # the same products from smaller matrices
        products = tf.reduce_sum(tf.square(tf.einsum("isc,jtc->ijst", flat, flat)), axis=(2, 3))
        lengths = tf.sqrt(tf.maximum(tf.linalg.diag_part(products), 1e-12))
        return _mean_of_others(products / (lengths[:, tf.newaxis] * lengths))
    grams = tf.math.l2_normalize(tf.reshape(tf.matmul(flat, flat, transpose_a=True), (tf.shape(values)[0], -1)), axis=1)
    return _mean_of_others(tf.matmul(grams, grams, transpose_b=True))


def _mean_of_others(cosines: Any) -> Any:
    """Of each row (N, N) the mean without the diagonal, (N,)."""
    others = tf.cast(tf.maximum(tf.shape(cosines)[0] - 1, 1), tf.float32)
    return (tf.reduce_sum(cosines, axis=1) - tf.linalg.diag_part(cosines)) / others
