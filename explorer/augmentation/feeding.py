"""The way of pictures into training: a ``tf.data`` pipeline that calls the code of the preview.

TensorFlow is imported inside, so that a page can show versions of a picture without waiting for it.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import AugmentationError

if TYPE_CHECKING:
    import tensorflow as tf

    from explorer.augmentation.policy import Augmentation

Labelled = tuple[NDArray[np.uint8], NDArray[Any]]
"""Pictures uint8 (N, H, W, C) and their labels, int (N,) or one-hot (N, K)."""


def seeds(seed: int) -> "tf.data.Dataset":
    """A seed for each element of a pipeline: other ones in each epoch, the same ones for the same ``seed``."""
    import tensorflow as tf  # noqa: PLC0415

    return tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)


def mapped(policy: "Augmentation", dataset: "tf.data.Dataset", seed: int) -> "tf.data.Dataset":
    """What :meth:`Augmentation.map` does."""
    import tensorflow as tf  # noqa: PLC0415

    batched = _check(policy, dataset.element_spec)
    mixes = bool(policy.mixup or policy.cutmix)
    scale = np.float32(1.0 if policy.rescale is None else policy.rescale)

    def changed(images: NDArray[Any], number: int) -> NDArray[np.uint8]:
        return policy.augment(images if batched else images[None], int(number))

    def blended(images: NDArray[np.uint8], labels: NDArray[Any], number: int) -> Labelled:
        made = policy.mix(images, labels, int(number))
        return made.images, made.labels

    def one(element: Any, number: "tf.Tensor") -> Any:
        images, *rest = element if isinstance(element, tuple) else (element,)
        made = tf.numpy_function(changed, [images, number], tf.uint8)
        if not batched:
            made = made[0]
        if mixes:
            labels = rest[0]
            made, shares = tf.numpy_function(blended, [made, labels, number], [tf.uint8, tf.float32])
            shares.set_shape(labels.shape)
            rest = [shares, *rest[1:]]
        made.set_shape(images.shape)
        levels = tf.cast(made, tf.float32) * scale
        return (levels, *rest) if isinstance(element, tuple) else levels

    return tf.data.Dataset.zip((dataset, seeds(seed))).map(one, num_parallel_calls=tf.data.AUTOTUNE)


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
) -> tuple["tf.data.Dataset", "tf.data.Dataset"]:
    """What ``model.fit`` is given: pictures to learn from, changed anew in each epoch, and others as they are.

    Args:
        train: pictures and labels to learn from; shuffled anew in each epoch.
        validation: pictures and labels to judge by; never changed, never shuffled, only multiplied by ``rescale``.
        policy: the changes.
        batch_size: pictures in a batch, at least 1.
        classes: makes labels one-hot, which MixUp and CutMix need; None leaves them as they are.
        seed: of the order and of the changes.

    Returns:
        Two pipelines of (float32 (N, H, W, C), labels).

    Raises:
        AugmentationError: pictures and labels do not go together, or a number is not allowed.
    """
    _check_pair(train, classes)
    _check_pair(validation, classes)
    if batch_size < 1:
        raise AugmentationError(f"A batch has 1 or more pictures, not {batch_size}.")
    from explorer.augmentation.policy import Augmentation  # noqa: PLC0415

    order = _batches(train, batch_size, classes, seed)
    as_it_is = Augmentation(rescale=policy.rescale)
    plain = as_it_is.map(_batches(validation, batch_size, classes, None))
    return policy.map(order, seed=seed).prefetch(2), plain.prefetch(2)


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


def _batches(pair: Labelled, batch_size: int, classes: int | None, seed: int | None) -> "tf.data.Dataset":
    """Batches in random order, or in their own where ``seed`` is None; pictures stay where they are until then."""
    import tensorflow as tf  # noqa: PLC0415

    images, labels = pair
    targets = np.asarray(labels) if classes is None else np.eye(classes, dtype=np.float32)[np.asarray(labels)]
    order = tf.data.Dataset.range(len(images))
    if seed is not None and len(images):
        order = order.shuffle(len(images), seed=seed, reshuffle_each_iteration=True)

    def fetched(places: "tf.Tensor") -> tuple["tf.Tensor", "tf.Tensor"]:
        made = tf.numpy_function(lambda chosen: np.asarray(images[np.asarray(chosen)]), [places], images.dtype)
        made.set_shape([None, *images.shape[1:]])
        return made, tf.gather(targets, places)

    return order.batch(batch_size).map(fetched, num_parallel_calls=1)
