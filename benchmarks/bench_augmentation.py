"""The cost of random changes to pictures, as ratios measured in one run. Prints a markdown table.

Each ratio is of times, so that a quarter means four times as fast; the program ends with an error when one is above its
bar. Images per second go to the error stream.
"""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import tensorflow as tf
from common import Row, medians, report
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from PIL import Image

from explorer import images
from explorer.augmentation import PRESETS, Augmentation
from explorer.snippets.augmentation import keras_layers

SIDE, BATCH, PICTURES = 150, 32, 512
ROUNDS = 5
LARGE, SHOWN, VERSIONS = 1000, 320, 16
"""Sides of a 1-megapixel picture and of what the Augmentation page makes of it, and the versions that it shows."""
PAGE_ROUNDS = 31
TUTORIAL = PRESETS["chollet"].policy
GEOMETRY = ("theta", "tx", "ty", "shear", "zx", "zy")


def photos() -> list[np.ndarray]:
    """The bundled colour photos, uint8."""
    return [images.read_image(images.SAMPLES[name].read_bytes()) for name in ("astronaut", "chelsea", "coffee")]


def crops() -> np.ndarray:
    """Random parts of the photos: uint8 (N, 150, 150, 3)."""
    rng, sources = np.random.default_rng(0), photos()
    made = np.empty((PICTURES, SIDE, SIDE, 3), np.uint8)
    for index in range(PICTURES):
        photo = sources[index % len(sources)]
        top, left = rng.integers(photo.shape[0] - SIDE), rng.integers(photo.shape[1] - SIDE)
        made[index] = photo[top : top + SIDE, left : left + SIDE]
    return made


def exhausted(dataset: tf.data.Dataset) -> Callable[[], object]:
    """A function that takes everything from a pipeline."""

    def run() -> None:
        assert sum(len(batch) for batch in dataset) == PICTURES

    return run


def batches(pictures: np.ndarray) -> tf.data.Dataset:
    """Batches of pictures, as every pipeline here begins."""
    return tf.data.Dataset.from_tensor_slices(pictures).batch(BATCH)


def ours(policy: Augmentation, pictures: np.ndarray) -> Callable[[], object]:
    """``Augmentation.map``."""
    return exhausted(policy.map(batches(pictures)).prefetch(2))


def legacy(pictures: np.ndarray) -> Callable[[], object]:
    """``ImageDataGenerator.flow`` with the tutorial's arguments; one picture is checked to become the same as ours."""
    names = ("rotation_range", "width_shift_range", "height_shift_range", "shear_range", "zoom_range")
    generator = ImageDataGenerator(
        **{name: getattr(TUTORIAL, name) for name in names}, horizontal_flip=True, fill_mode=TUTORIAL.fill_mode
    )
    made, drawn = TUTORIAL.sample(pictures[0], 4)
    for version, values in zip(made, drawn, strict=True):
        theirs = generator.apply_transform(pictures[0].astype(np.float32), values)
        assert np.abs(version - theirs).mean() < 1, "the generator makes something else"

    def run() -> None:
        flow = generator.flow(pictures, batch_size=BATCH)
        assert sum(len(next(flow)) for _ in range(PICTURES // BATCH)) == PICTURES

    return run


def stacked(pictures: np.ndarray) -> Callable[[], object]:
    """The layers of the program that the page shows."""
    left: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Image.fromarray(pictures[0]).save("picture.png")
        exec(keras_layers(TUTORIAL), left)  # noqa: S102
    layers = left["augmentation"]
    assert callable(layers)
    changed = batches(pictures).map(lambda batch: layers(batch, training=True), num_parallel_calls=tf.data.AUTOTUNE)
    return exhausted(changed.prefetch(2))


def transforms(drawn: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The tutorial's changes composed into one affine map for each picture, (N, 8), as TensorFlow takes it."""
    theta, shear = (np.pi / 180 * drawn[name] for name in ("theta", "shear"))
    one, zero = tf.ones_like(theta), tf.zeros_like(theta)
    centre = one * (SIDE - 1) / 2

    def matrix(*rows: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.stack([*rows, zero, zero, one], axis=1), [-1, 3, 3])

    whole = matrix(one, zero, centre, zero, one, centre)
    for part in (
        matrix(tf.cos(theta), -tf.sin(theta), zero, tf.sin(theta), tf.cos(theta), zero),
        matrix(one, zero, drawn["tx"], zero, one, drawn["ty"]),
        matrix(one, -tf.sin(shear), zero, zero, tf.cos(shear), zero),
        matrix(drawn["zx"] * (1 - 2 * drawn["flip_horizontal"]), zero, zero, zero, drawn["zy"], zero),
        matrix(one, zero, -centre, zero, one, -centre),
    ):
        whole = whole @ part
    return tf.reshape(whole, [-1, 9])[:, :8]


def projected(batch: tf.Tensor, drawn: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """One resampling by TensorFlow."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(batch, tf.float32),
        transforms=transforms(drawn),
        output_shape=[SIDE, SIDE],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def one_affine(pictures: np.ndarray) -> Callable[[], object]:
    """TensorFlow's own operation, drawn for and composed in TensorFlow; checked against our pixels."""
    made, drawn = TUTORIAL.sample(pictures[0], 8)
    values = {name: tf.constant([float(one[name]) for one in drawn]) for name in (*GEOMETRY, "flip_horizontal")}
    theirs = projected(np.stack([pictures[0]] * 8), values).numpy()
    assert np.abs(theirs - made).mean() < 1, "TensorFlow's operation makes something else"
    ends = {
        "theta": (-TUTORIAL.rotation_range, TUTORIAL.rotation_range),
        "tx": (-TUTORIAL.width_shift_range * SIDE, TUTORIAL.width_shift_range * SIDE),
        "ty": (-TUTORIAL.height_shift_range * SIDE, TUTORIAL.height_shift_range * SIDE),
        "shear": (-TUTORIAL.shear_range, TUTORIAL.shear_range),
        "zx": TUTORIAL.zoom,
        "zy": TUTORIAL.zoom,
    }

    def change(batch: tf.Tensor) -> tf.Tensor:
        count = tf.shape(batch)[0]
        drawn = {name: tf.random.uniform([count], low, high) for name, (low, high) in ends.items()}
        flip = tf.cast(tf.random.uniform([count]) < 0.5, tf.float32)
        return projected(batch, drawn | {"flip_horizontal": flip})

    return exhausted(batches(pictures).map(change, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2))


def told(names: Sequence[str], seconds: Sequence[float]) -> None:
    """Images per second, to the error stream."""
    for name, taken in zip(names, seconds, strict=True):
        print(f"{name:<45} {PICTURES / taken:>7,.0f} images/s", file=sys.stderr)


def training_rows(pictures: np.ndarray) -> list[Row]:
    """The ways of pictures into training, in turn."""
    others = {
        "ImageDataGenerator.flow": legacy(pictures),
        "the stacked Keras layers in tf.data": stacked(pictures),
        "ImageProjectiveTransformV3 in tf.data": one_affine(pictures),
    }
    presets = {preset: ours(PRESETS[preset].policy, pictures) for preset in ("heavy", "rand-augment", "aug-mix")}
    first, *seconds = medians([ours(TUTORIAL, pictures), *others.values(), *presets.values()], ROUNDS)
    told(["Augmentation.map", *others, *presets], [first, *seconds])
    what = f"map, the tutorial's policy, {SIDE} × {SIDE}, batches of {BATCH}"
    bars = (0.25, 0.25, None)
    rows = [Row(what, other, first / taken, bar) for other, taken, bar in zip(others, seconds, bars, strict=False)]
    titles = [f"map, the preset “{PRESETS[preset].title}”" for preset in presets]
    slower = zip(titles, seconds[len(others) :], strict=True)
    return rows + [Row(title, "map, the tutorial's policy", taken / first) for title, taken in slower]


def page_rows() -> list[Row]:
    """The versions that the page shows of a 1-megapixel picture, against one resize of it."""
    picture = cv2.resize(photos()[0], (LARGE, LARGE), interpolation=cv2.INTER_CUBIC)
    by_pillow = Image.fromarray(picture)
    functions: list[Callable[[], object]] = [
        lambda: TUTORIAL.sample(images.reduce_to(picture, SHOWN), VERSIONS),
        lambda: TUTORIAL.sample(picture, VERSIONS),
        lambda: cv2.resize(picture, (SHOWN, SHOWN), interpolation=cv2.INTER_AREA),
        lambda: by_pillow.resize((SHOWN, SHOWN)),
    ]
    reduced, whole, opencv, pillow = medians(functions, PAGE_ROUNDS)
    print(
        f"Milliseconds: {VERSIONS} versions, reduced first {reduced * 1e3:.1f}, whole {whole * 1e3:.1f}; "
        f"cv2.resize {opencv * 1e3:.2f}, Pillow {pillow * 1e3:.2f}.",
        file=sys.stderr,
    )
    times = {f"reduced to {SHOWN} pixels as on the page": reduced, "whole": whole}
    resizes = {f"cv2.resize of it to {SHOWN}, by area": opencv, f"Pillow's resize of it to {SHOWN}, bicubic": pillow}
    return [
        Row(f"{VERSIONS} versions of 1 megapixel, {how}", resize, taken / once)
        for how, taken in times.items()
        for resize, once in resizes.items()
    ]


def main() -> None:
    """Print the table; fail when a bar is not kept."""
    # SciPy warns at each call of Keras's legacy module that it will end the namespace that is called.
    warnings.filterwarnings("ignore", "Please import `affine_transform` from", DeprecationWarning)
    report([*training_rows(crops()), *page_rows()])


if __name__ == "__main__":
    main()
