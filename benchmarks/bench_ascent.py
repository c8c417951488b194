"""The cost of gradient ascent, as ratios measured in one run. Prints a markdown table.

Each ratio has a bar; the program ends with an error when one is above it. It is measured against the loop of
https://keras.io/examples/vision/visualizing_what_convnets_learn/: one filter after the other, each step once through
a ``keras.Model`` that ends at the layer.
"""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from common import Row, interleaved, medians, report

from explorer.ascent import PRESETS, Frame, ascend, climbing
from explorer.models import Classifier, load_pretrained
from explorer.settings import MEGABYTE, ROOT

NETWORK = "EfficientNetLite0"
LAYER = "block4b_expand_relu"
"""Of 153 layers the 51st, 480 channels; at 128 pixels its maps are 8 × 8."""
SIDE = 128
STEPS = 30
RECIPE = PRESETS["keras"].recipe.but(steps=STEPS)
LEARNING_RATE = RECIPE.step_size * np.sqrt(SIDE * SIDE * 3)
"""The example divides the gradient by its norm, we by its root mean square."""
REPEATS = 3
FRAME_REPEATS = 5
UNCOMPILED_STEPS = 3
"""The loop that is not compiled takes minutes: one filter and so many steps are timed."""
STEPS_OF_64 = 10
SMALL_BATCH = 400 * MEGABYTE
"""``max_bytes`` of the row about splitting: a quarter of the app's."""

KerasLoop = Callable[..., tuple[float, np.ndarray]]


def ours(network: Classifier, count: int, steps: int = STEPS) -> Frame:
    """The first filters of the layer, together; the last frame with its pictures."""
    *_, frame = ascend(network, LAYER, range(count), size=SIDE, preset=RECIPE, steps=steps)
    assert frame.images.shape == (count, SIDE, SIDE, 3)
    return frame


def keras_loop(network: Classifier, *, compiled: bool) -> KerasLoop:
    """The example's functions, on a copy of the network for pictures of :data:`SIDE` that reads 0–255 itself."""
    copy = keras.models.clone_model(network.model, input_tensors=keras.Input((SIDE, SIDE, 3)))
    copy.set_weights(network.model.get_weights())
    feature_extractor = keras.Model(inputs=copy.inputs, outputs=copy.get_layer(LAYER).output)

    def compute_loss(input_image: Any, filter_index: Any) -> Any:
        activation = feature_extractor(input_image)
        return tf.reduce_mean(activation[:, 1:-1, 1:-1, filter_index])  # we leave out as much of a map of 8 × 8

    def gradient_ascent_step(img: Any, filter_index: Any, learning_rate: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(img)
            loss = compute_loss(img, filter_index)
        grads = tf.math.l2_normalize(tape.gradient(loss, img))
        return loss, img + learning_rate * grads

    def deprocess_image(img: np.ndarray) -> np.ndarray:
        img = (img - img.mean()) / (img.std() + 1e-5) * 0.15
        return np.clip((np.clip(img + 0.5, 0, 1) * 255), 0, 255).astype("uint8")

    step = tf.function(gradient_ascent_step) if compiled else gradient_ascent_step
    rate = tf.constant(LEARNING_RATE, tf.float32)

    def visualize_filter(filter_index: int, steps: int = STEPS) -> tuple[float, np.ndarray]:
        draw = np.random.default_rng([0, filter_index, 0, 0])  # the start that ours has
        img = tf.constant(RECIPE.grey + draw.uniform(-RECIPE.noise, RECIPE.noise, (1, SIDE, SIDE, 3)), tf.float32)
        index = tf.constant(filter_index)  # as a Python number it would compile the step anew for each filter
        for _ in range(steps):
            loss, img = step(img, index, rate)
        return float(loss), deprocess_image(img[0].numpy())

    return visualize_filter


def check_alike(network: Classifier, loop: KerasLoop) -> None:
    """Both climb as high: the mean of a few filters' scores before the last step is the same to a hundredth."""
    *_, frame, _ = ascend(network, LAYER, range(4), size=SIDE, preset=RECIPE)
    theirs = [loop(number)[0] for number in range(4)]
    assert np.isclose(frame.scores.mean(), np.mean(theirs), rtol=0.01), (frame.scores, theirs)


def loop_rows(network: Classifier) -> list[Row]:
    """All filters together against the loop, its step compiled and not."""
    compiled, uncompiled = keras_loop(network, compiled=True), keras_loop(network, compiled=False)
    check_alike(network, compiled)

    def sixteen() -> None:
        for number in range(16):
            compiled(number)

    of_16, of_64, loop_16, few_steps = medians(
        (
            partial(ours, network, 16),
            partial(ours, network, 64, STEPS_OF_64),
            sixteen,
            partial(uncompiled, 0, UNCOMPILED_STEPS),
        ),
        REPEATS,
    )
    uncompiled_16 = few_steps * 16 * STEPS / UNCOMPILED_STEPS
    print(
        f"Seconds: 16 filters {of_16:.2f}, 64 filters and {STEPS_OF_64} steps {of_64:.2f}; the loop compiled, 16 "
        f"filters {loop_16:.2f}; not compiled, one filter and {UNCOMPILED_STEPS} steps {few_steps:.2f}.",
        file=sys.stderr,
    )
    what = f"16 filters of {LAYER}, {STEPS} steps, {SIDE} × {SIDE}"
    of_many = f"64 filters, {STEPS_OF_64} steps"
    loop = "the keras.io loop, its step {}"
    more, most = 64 * STEPS_OF_64 / (16 * STEPS), 16 * STEPS // UNCOMPILED_STEPS
    return [
        Row(what, loop.format("compiled"), of_16 / loop_16, 0.66),
        Row(of_many, loop.format(f"compiled; {more:.2f} × its time for 16 and {STEPS}"), of_64 / (more * loop_16)),
        Row(
            what,
            loop.format(f"not compiled; {most} × its time for {UNCOMPILED_STEPS} steps"),
            of_16 / uncompiled_16,
            0.2,
        ),
    ]


def frame_row(network: Classifier) -> Row:
    """What it costs to take every frame's pictures."""

    def frames(*, pictures: bool) -> None:
        for frame in ascend(network, LAYER, range(16), size=SIDE, preset=RECIPE):
            assert not pictures or frame.images.dtype == np.uint8

    ratio = interleaved(partial(frames, pictures=True), partial(frames, pictures=False), FRAME_REPEATS)
    return Row("16 filters, the pictures of every frame taken", "no pictures taken", ratio, 1.1)


def traces() -> int:
    """How often layers are called in Python, which is what tracing does, once what was seen is mixed anew."""
    call, calls = keras.layers.Layer.__call__, []

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return call(*args, **options)

    with mock.patch.object(keras.layers.Layer, "__call__", counted):
        network = load_pretrained(NETWORK)  # one for which nothing is compiled yet
        for preset in PRESETS:
            for size in (64, 96):
                list(ascend(network, LAYER, [0, 1], size=size, steps=1, preset=preset))
        assert calls, "tracing is not seen"
        calls.clear()
        for number, preset in enumerate(PRESETS):
            for size in (96, 64):
                list(ascend(network, LAYER, [9, 3, 7], size=size, steps=2, seed=number, preset=preset, step_size=0.5))
    return len(calls)


def print_peak(count: int, side: int, most: int) -> None:
    """The most memory that this process held while filters grew, and what a picture should take, in bytes."""
    network = load_pretrained(NETWORK)
    climb = ascend(network, LAYER, range(count), size=side, steps=2, preset="keras", max_bytes=most)
    with mock.patch.object(climbing, "_split", wraps=climbing._split) as split:  # noqa: SLF001
        for _ in climb:
            pass
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(status.split("VmHWM:")[1].split()[0]) * 1024, split.call_args.args[1])


def peak(count: int, most: int = 2**62, side: int = SIDE) -> tuple[int, int]:
    """What :func:`print_peak` prints in a process of its own."""
    command = [sys.executable, __file__, "--peak", str(count), str(side), str(most)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    held, each = done.stdout.split()
    return int(held), int(each)


def memory_rows() -> list[Row]:
    """What 64 filters add to a process that grows one, as one batch and split."""
    alone, estimate = peak(1)
    whole, split = peak(64)[0], peak(64, SMALL_BATCH)[0]
    megabytes = [each / MEGABYTE for each in (alone, whole, split, estimate)]
    print(
        "Peak memory in MB: 1 filter {:.0f}, 64 filters {:.0f}, 64 filters split {:.0f}; by the estimate {:.1f} a "
        "picture.".format(*megabytes),
        file=sys.stderr,
    )
    return [
        Row("memory that 64 filters take, not split", "the estimate", (whole - alone) / (63 * estimate)),
        Row(
            f"memory that 64 filters take, max_bytes = {SMALL_BATCH // MEGABYTE} MB",
            "max_bytes",
            (split - alone + estimate) / SMALL_BATCH,
            1.25,
        ),
    ]


def main() -> None:
    """Print the table; fail when a bar is not kept."""
    memory = memory_rows()
    network = load_pretrained(NETWORK)
    rows = [*loop_rows(network), frame_row(network)]
    what = (
        f"calls of layers in Python, {len(PRESETS)} presets; channels, steps, seed, step size, order of sizes changed"
    )
    report([*rows, *memory, Row(what, "none", traces(), 0)])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(*map(int, sys.argv[2:5]))
    else:
        main()
