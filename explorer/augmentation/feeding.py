"""The way of pictures into training: a ``tf.data`` pipeline that calls the code of the preview.

TensorFlow is imported inside, so that a page can show versions of a picture without waiting for it.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer.augmentation.drawing import stream
from explorer.errors import AugmentationError

if TYPE_CHECKING:
    import tensorflow as tf

    from explorer.augmentation.policy import Augmentation

Labelled = tuple[NDArray[np.uint8], NDArray[Any]]
"""Pictures uint8 (N, H, W, C) and their labels, int (N,) or one-hot (N, K)."""


EPOCHS, ORDERS = 2**63 + 1, 2**63 + 2
"""Places of the seeds of an epoch's batches, and of its order, among the streams of pictures."""
AT_ONCE = 256
"""Seeds drawn at once."""
MAX_HELD_BYTES = 256_000_000
"""Pictures up to this size are handed to TensorFlow as a whole, which saves a call of Python for each batch."""


def seeds(seed: int, epoch: int = 0, start: int = 0) -> "tf.data.Dataset":
    """A seed for each element of a pipeline: other ones in each epoch, the same ones for the same ``seed``.

    TensorFlow's own ``Dataset.random`` also depends on ``tf.random.set_seed``, and cannot begin at a later epoch.

    Args:
        seed: the same gives the same.
        epoch: the number of the first run through the pipeline.
        start: elements of each epoch that are left out.
    """
    import tensorflow as tf  # noqa: PLC0415

    epochs = itertools.count(epoch)

    def numbers() -> Iterator[NDArray[np.int64]]:
        drawn = stream(seed, EPOCHS, next(epochs))
        while True:
            yield drawn.integers(2**63, size=AT_ONCE, dtype=np.int64, endpoint=False)

    made = (
        tf.data.Dataset.from_generator(numbers, output_signature=tf.TensorSpec((AT_ONCE,), tf.int64))
        .unbatch()
        .skip(start)
    )
    return made.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


def mapped(
    policy: "Augmentation", dataset: "tf.data.Dataset", seed: int, epoch: int, start: int = 0
) -> "tf.data.Dataset":
    """What :meth:`Augmentation.map` does."""
    import tensorflow as tf  # noqa: PLC0415

    batched = _check(policy, dataset.element_spec)
    mixes, changes = bool(policy.mixup or policy.cutmix), bool(policy.active)
    scale = np.float32(1.0 if policy.rescale is None else policy.rescale)

    def changed(images: NDArray[Any], number: int) -> NDArray[np.uint8]:
        return policy.augment(images if batched else images[None], int(number))

    def blended(images: NDArray[np.uint8], labels: NDArray[Any], number: int) -> Labelled:
        made = policy.mix(images, labels, int(number))
        return made.images, made.labels

    def one(element: Any, number: "tf.Tensor | None" = None) -> Any:
        images, *rest = element if isinstance(element, tuple) else (element,)
        made = images
        if changes:
            made = tf.numpy_function(changed, [images, number], tf.uint8)
            made = made if batched else made[0]
        if mixes:
            labels = rest[0]
            made, shares = tf.numpy_function(blended, [made, labels, number], [tf.uint8, tf.float32])
            shares.set_shape(labels.shape)
            rest = [shares, *rest[1:]]
        made.set_shape(images.shape)
        levels = tf.cast(made, tf.float32) * scale
        return (levels, *rest) if isinstance(element, tuple) else levels

    if not (changes or mixes):  # nothing is drawn
        return dataset.map(lambda *parts: one(parts if isinstance(dataset.element_spec, tuple) else parts[0]))
    return tf.data.Dataset.zip((dataset, seeds(seed, epoch, start))).map(one, num_parallel_calls=tf.data.AUTOTUNE)


def _check(policy: "Augmentation", spec: Any) -> bool:
    """Whether the elements are batches.

    Raises:
        AugmentationError: they are no pictures, or lack the labels that a mixture needs.
    """
    parts = spec if isinstance(spec, tuple) else (spec,)
    shape = getattr(parts[0], "shape", None) if parts else None
    rank = getattr(shape, "rank", None)
    if rank not in (3, 4) or shape[-1] not in (None, 1, 3):  # type: ignore[index]
        raise AugmentationError(
            "The dataset's elements have to be pictures (H, W, C) or batches (N, H, W, C), or tuples that begin with "
            f"them; they are {str(spec)[:200]}."
        )
    if policy.mixup or policy.cutmix:
        labels = getattr(parts[1], "shape", None) if len(parts) > 1 else None
        if rank != 4 or getattr(labels, "rank", None) != 2:
            raise AugmentationError("MixUp and CutMix need batches of pictures with one-hot labels (N, K).")
    return bool(rank == 4)


def feeds(
    train: Labelled,
    validation: Labelled,
    policy: "Augmentation",
    *,
    batch_size: int = 32,
    classes: int | None = None,
    seed: int = 0,
    epoch: int = 0,
    start: int = 0,
) -> tuple["tf.data.Dataset", "tf.data.Dataset"]:
    """What ``model.fit`` is given: pictures to learn from, changed anew in each epoch, and others as they are.

    Args:
        train: pictures and labels to learn from; shuffled anew in each epoch.
        validation: pictures and labels to judge by; never changed, never shuffled, only multiplied by ``rescale``.
        policy: the changes.
        batch_size: pictures in a batch, at least 1.
        classes: makes labels one-hot, which MixUp and CutMix need; None leaves them as they are.
        seed: of the order and of the changes; the same gives the same, epoch by epoch.
        epoch: the number of the first one, for a training that goes on.
        start: batches of the first epoch that are left out, for one that goes on within it; such a pipeline is for
            that epoch alone.

    Returns:
        Two pipelines of (float32 (N, H, W, C), labels).

    Raises:
        AugmentationError: pictures and labels do not go together, or a number is not allowed.
    """
    _check_pair(train, classes)
    _check_pair(validation, classes)
    if batch_size < 1:
        raise AugmentationError(f"A batch has 1 or more pictures, not {batch_size}.")
    if not 0 <= start * batch_size <= len(train[0]):
        raise AugmentationError(f"{start} batches of {batch_size} cannot be left out of {len(train[0])} pictures.")
    from explorer.augmentation.policy import Augmentation, check_seed  # noqa: PLC0415

    check_seed(seed)
    order = _batches(train, batch_size, classes, seed=seed, epoch=epoch, start=start)
    plain = _batches(validation, batch_size, classes)
    as_it_is = Augmentation(rescale=policy.rescale)
    return mapped(policy, order, seed, epoch, start).prefetch(2), as_it_is.map(plain).prefetch(2)


def _check_pair(pair: Labelled, classes: int | None) -> None:
    """Raise an AugmentationError where pictures and labels do not go together."""
    images, labels = pair[0], np.asarray(pair[1])
    if np.ndim(images) != 4 or len(images) != len(labels):
        raise AugmentationError(
            f"Pictures (N, H, W, C) and labels (N,) go together, not {np.shape(images)} and {labels.shape}."
        )
    if classes is not None and (labels.ndim != 1 or labels.dtype.kind not in "iu"):
        raise AugmentationError("Labels that are made one-hot are whole numbers, one for each picture.")
    if classes is not None and len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise AugmentationError(f"The labels go from {labels.min()} to {labels.max()}; {classes} classes were given.")


def _batches(
    pair: Labelled, batch_size: int, classes: int | None, *, seed: int | None = None, epoch: int = 0, start: int = 0
) -> "tf.data.Dataset":
    """Batches in another order each epoch, from number ``start`` on; in their own without a seed."""
    import tensorflow as tf  # noqa: PLC0415

    labels, fetch = np.asarray(pair[1]), _fetching(pair[0])

    def batch(places: "tf.Tensor") -> tuple["tf.Tensor", "tf.Tensor"]:
        chosen = tf.gather(labels, places)
        return fetch(places), chosen if classes is None else tf.one_hot(chosen, classes)

    places = (
        tf.data.Dataset.range(len(labels)) if seed is None else _order(len(labels), seed, epoch, start * batch_size)
    )
    return places.batch(batch_size).map(batch)


def _order(count: int, seed: int, epoch: int, start: int) -> "tf.data.Dataset":
    """The places of so many pictures, in another order each epoch, from ``start`` on."""
    import tensorflow as tf  # noqa: PLC0415

    epochs = itertools.count(epoch)

    def drawn() -> NDArray[np.int64]:
        return stream(seed, ORDERS, next(epochs)).permutation(count)[start:]

    def order(_: "tf.Tensor") -> "tf.data.Dataset":
        places = tf.numpy_function(drawn, [], tf.int64)  # once an epoch; a generator would take ten times as long
        return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(places, (count - start,)))

    made = tf.data.Dataset.range(1).flat_map(order)
    return made.apply(tf.data.experimental.assert_cardinality(count - start))


def _fetching(images: NDArray[Any]) -> Callable[["tf.Tensor"], "tf.Tensor"]:
    """What gives the pictures at some places; many of them stay where they are, on a disk perhaps, until then."""
    import tensorflow as tf  # noqa: PLC0415

    if images.nbytes <= MAX_HELD_BYTES:
        held = tf.constant(images)
        return lambda places: tf.gather(held, places)

    def fetched(places: "tf.Tensor") -> "tf.Tensor":
        made = tf.numpy_function(lambda chosen: np.asarray(images[chosen]), [places], images.dtype)
        made.set_shape([None, *images.shape[1:]])
        return made

    return fetched
