"""What happens along the depth of a network: fewer values, more zeros, and classes that come apart.

A network is an information distillation pipeline (F. Chollet, "Deep Learning with Python", 2017, section 5.4.1):
layer by layer less about the pixels, more about the class. Here that is measured.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from explorer import maps
from explorer.activations import feature_maps
from explorer.errors import DatasetError, LayerError

Floats = NDArray[np.float32]
Network = Any
"""A ``Classifier``, or a bare Keras model for pictures."""

BATCH = 4
"""Pictures at a time: all the layers of a large network together take about 100 MB for each."""
RIDGE = 0.1
"""The probe's penalty on its squared weights, for each training picture."""


@dataclass(frozen=True)
class LayerProfile:
    """What one layer makes of a set of pictures.

    Attributes:
        path: the layer.
        height: of its maps, in cells; 1 for a layer without spatial output.
        width: the same.
        channels: how many maps.
        values: how many numbers it puts out for one picture, ``height · width · channels``.
        zeros: the share of them that is exactly zero, over all the pictures, 0–1.
        dead: channels that are zero everywhere in every one of the pictures.
    """

    path: str
    height: int
    width: int
    channels: int
    values: int
    zeros: float
    dead: int


def profile(network: Network, images: NDArray[np.uint8], layers: Sequence[str]) -> list[LayerProfile]:
    """Resolution, number of values, share of zeros and dead channels of each layer.

    Args:
        network: a Classifier or a Keras model.
        images: uint8 (N, H, W, C), at least one, as for ``feature_maps``.
        layers: paths, in the order wanted.

    Returns:
        One profile for each layer.

    Raises:
        DatasetError: no pictures.
        LayerError: a layer that the network does not have.
    """
    zero_counts: dict[str, NDArray[np.int64]] = {}
    shapes: dict[str, tuple[int, int, int]] = {}
    for _, outputs in _batches(network, images, layers):
        for path, spatial in outputs.items():
            shapes[path] = spatial.shape[1:]
            counted = np.count_nonzero(spatial == 0, axis=(0, 1, 2))
            zero_counts[path] = zero_counts.get(path, 0) + counted
    return [_profile(path, shapes[path], zero_counts[path], len(images)) for path in layers]


def profile_of(path: str, values: Floats) -> LayerProfile:
    """The same for one picture whose maps are there already.

    Args:
        path: the layer.
        values: float32 (H, W, C), or (K,) for a layer without spatial output.

    >>> found = profile_of("relu", np.float32([[[0, 1], [0, 0]]]))
    >>> found.values, found.zeros, found.dead
    (4, 0.75, 1)
    """
    spatial = values if values.ndim == 3 else values.reshape(1, 1, -1)
    zeros = np.count_nonzero(spatial == 0, axis=(0, 1)).astype(np.int64)
    return _profile(path, (spatial.shape[0], spatial.shape[1], spatial.shape[2]), zeros, 1)


def _profile(path: str, shape: tuple[int, int, int], zeros: NDArray[np.int64], pictures: int) -> LayerProfile:
    height, width, channels = shape
    in_a_channel = pictures * height * width
    share = float(zeros.sum()) / (in_a_channel * channels)
    return LayerProfile(
        path, height, width, channels, height * width * channels, share, int(np.sum(zeros == in_a_channel))
    )


def probe(features: Floats, labels: NDArray[np.int64], *, folds: int = 5, seed: int = 0) -> float:
    """How well a linear classifier tells the classes apart by these features, on pictures it has not seen.

    Ridge regression on one-hot labels in closed form, ``W = (XᵀX + λI)⁻¹ XᵀY`` with ``λ`` 0.1 for each training
    picture; the largest output is the answer (G. Alain, Y. Bengio, "Understanding intermediate layers using
    linear classifier probes", 2016, with least squares for their logistic regression). Stratified k-fold
    cross-validation: each picture is judged once, by a classifier fitted to the other folds; the means and
    deviations that standardise the features come from those as well.

    Args:
        features: float32 (N, D).
        labels: int (N,).
        folds: at least 2; each class needs as many pictures.
        seed: for the folds.

    Returns:
        The share of right answers, 0–1.

    Raises:
        DatasetError: fewer than two classes, a class with too few pictures, or shapes that do not match.

    >>> line = np.linspace(-1, 1, 20, dtype=np.float32).reshape(-1, 1)
    >>> probe(line, (line[:, 0] > 0).astype(int))
    1.0
    """
    classes, answers = np.unique(labels, return_inverse=True)
    _check_probe(features, answers, folds)
    fold = _stratified(answers, folds, np.random.default_rng(seed))
    right = 0
    for number in range(folds):
        train, held_out = fold != number, fold == number
        outputs = _ridge(features[train], np.eye(len(classes))[answers[train]], features[held_out])
        right += int(np.sum(outputs.argmax(axis=1) == answers[held_out]))
    return right / len(answers)


def _stratified(answers: NDArray[np.intp], folds: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Which fold each picture is in: every class is dealt out evenly, int (N,)."""
    shuffled = random.permutation(len(answers))
    by_class = shuffled[np.argsort(answers[shuffled], kind="stable")]
    fold = np.empty(len(answers), np.int64)
    fold[by_class] = np.arange(len(answers)) % folds
    return fold


def _ridge(features: Floats, targets: NDArray[np.float64], others: Floats) -> NDArray[np.float64]:
    """Fit ``targets`` (N, K) by ``features`` (N, D), and apply that to ``others`` (M, D): float (M, K)."""
    wide = features.astype(np.float64)
    mean, deviation = wide.mean(axis=0), wide.std(axis=0)
    deviation[deviation == 0] = 1.0
    x, z = (wide - mean) / deviation, (others - mean) / deviation
    centred = targets - targets.mean(axis=0)
    penalty = RIDGE * len(x)
    if x.shape[1] <= len(x):
        outputs = z @ np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ centred)
    else:  # the same by (XᵀX + λI)⁻¹Xᵀ = Xᵀ(XXᵀ + λI)⁻¹, smaller when there are more features than pictures
        outputs = z @ (x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(len(x)), centred))
    return np.asarray(outputs + targets.mean(axis=0))


def _check_probe(features: Floats, answers: NDArray[np.intp], folds: int) -> None:
    if features.ndim != 2 or len(features) != len(answers) or features.size == 0:
        raise DatasetError(
            f"A probe needs features of the shape (pictures, features) and one label a picture, "
            f"not {features.shape} and {answers.shape}."
        )
    if not np.isfinite(features).all():
        raise DatasetError("The features hold values that are no finite number, so no probe can be fitted to them.")
    counts = np.bincount(answers)
    if folds < 2 or len(counts) < 2 or counts.min() < folds:
        raise DatasetError(
            f"A probe with {folds} folds needs two or more folds and classes, and {max(folds, 2)} pictures of each "
            f"class; here are {len(counts)} classes, the smallest with {counts.min()}. Take more pictures."
        )


@dataclass(frozen=True)
class ProbePoint:
    """One point of the probe curve.

    Attributes:
        path: the layer.
        accuracy: of the probe on that layer's pooled features, 0–1.
        chance: what always naming the most frequent class would get, 0–1.
    """

    path: str
    accuracy: float
    chance: float


def probe_curve(
    network: Network,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    layers: Sequence[str],
    *,
    folds: int = 5,
    seed: int = 0,
    on_progress: Callable[[float], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[ProbePoint]:
    """How far the classes have come apart at each depth: a probe on each layer's mean over its positions.

    The mean leaves one number a channel, whatever the resolution, so that layers can be compared.

    Args:
        network: a Classifier or a Keras model.
        images: uint8 (N, H, W, C), as for ``feature_maps``.
        labels: int (N,).
        layers: paths, in the order wanted.
        folds: see :func:`probe`.
        seed: for the folds, the same for every layer.
        on_progress: called with the share that is done, 0–1.
        cancelled: asked between batches and layers; when it says yes, the points found so far are returned.

    Raises:
        DatasetError: pictures or labels that do not suit a probe.
        LayerError: a layer that the network does not have.
    """
    if len(images) != len(labels):
        raise DatasetError(f"There are {len(images)} pictures and {len(labels)} labels; each picture needs one.")
    report = on_progress or (lambda _: None)
    stop = cancelled or (lambda: False)
    pooled: dict[str, list[Floats]] = {path: [] for path in layers}
    for first, outputs in _batches(network, images, layers):
        if stop():
            return []
        for path, spatial in outputs.items():
            pooled[path].append(spatial.mean(axis=(1, 2)))
        report(0.9 * min(1.0, (first + BATCH) / len(images)))
    chance = float(np.unique(labels, return_counts=True)[1].max()) / len(labels)
    points: list[ProbePoint] = []
    for path in layers:
        if stop():
            break
        accuracy = probe(np.concatenate(pooled[path]), labels, folds=folds, seed=seed)
        points.append(ProbePoint(path, accuracy, chance))
        report(0.9 + 0.1 * len(points) / len(layers))
    return points


def similarity_by_depth(
    network: Network, image_a: NDArray[np.uint8], image_b: NDArray[np.uint8], layers: Sequence[str]
) -> list[tuple[str, float]]:
    """How alike two pictures are for each layer: the cosine of all its values for the one and for the other.

    Args:
        network: a Classifier or a Keras model.
        image_a: uint8 (H, W, C), as for ``feature_maps``.
        image_b: the other.
        layers: paths, in the order wanted.

    Returns:
        (path, cosine) for each layer; −1 to 1.

    Raises:
        LayerError: a layer that the network does not have, or whose maps of the two differ in size.
    """
    one, other = (feature_maps(network, image, list(layers)) for image in (image_a, image_b))
    return [(path, maps.cosine(one[path], other[path])) for path in layers]


@dataclass(frozen=True)
class Excitement:
    """Where a channel is at its highest in one picture.

    Attributes:
        index: of the picture in its set.
        value: of the channel there, in the units of the layer.
        row: of the cell in the map; of equal ones, that with the highest surroundings.
        col: the same.
    """

    index: int
    value: float
    row: int
    col: int


def most_exciting(
    network: Network, images: NDArray[np.uint8], layer: str, channel: int, k: int = 9
) -> list[Excitement]:
    """The pictures that excite a channel most, the strongest first, and where in them.

    M. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, figure 2. The part of
    the picture that does it is ``patch_of(receptive_field(model, layer).at(row, col), image)``, with the picture as
    the network gets it (``classifier.fit``).

    Args:
        network: a Classifier or a Keras model.
        images: uint8 (N, H, W, C), as for ``feature_maps``.
        layer: its path.
        channel: of the layer.
        k: how many pictures; all when there are fewer.

    Raises:
        DatasetError: no pictures.
        LayerError: no such layer or channel.
    """
    found: list[tuple[float, Excitement]] = []
    for first, outputs in _batches(network, images, [layer]):
        spatial = outputs[layer]
        if not 0 <= channel < spatial.shape[3]:
            raise LayerError(
                f"The layer {layer!r} has the channels 0 to {spatial.shape[3] - 1}; there is no {channel}."
            )
        for index, values in enumerate(spatial[..., channel], start=first):
            # A capped activation (ReLU6) has many highest cells: the one with the highest surroundings counts.
            surroundings = cv2.blur(np.ascontiguousarray(values), (3, 3), borderType=cv2.BORDER_REPLICATE)
            highest = np.where(values == values.max(), surroundings, -np.inf)
            row, col = np.unravel_index(int(highest.argmax()), values.shape)
            found.append((float(values.mean()), Excitement(index, float(values[row, col]), int(row), int(col))))
    found.sort(key=lambda one: (-one[1].value, -one[0]))  # and of equal pictures the one with the higher mean
    return [one for _, one in found[: max(0, k)]]


def patch_of(field: tuple[int, int, int, int], image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part of a picture that one unit sees; what the unit sees of the padding is left out.

    Args:
        field: top, left, bottom and right (both exclusive), as from ``ReceptiveField.at``.
        image: (H, W, C) or (H, W), at the network's input size.

    Returns:
        A view of the picture.

    Raises:
        LayerError: the unit sees nothing but padding.

    >>> patch_of((-1, 1, 2, 4), np.arange(9, dtype=np.uint8).reshape(3, 3)).tolist()
    [[1, 2], [4, 5]]
    """
    top, left, bottom, right = (max(0, edge) for edge in field)
    patch = image[top:bottom, left:right]
    if patch.size == 0:
        raise LayerError(
            f"The unit looks at rows {field[0]} to {field[2]}, columns {field[1]} to {field[3]}: padding only."
        )
    return patch


def _batches(
    network: Network, images: NDArray[np.uint8], layers: Sequence[str]
) -> Iterator[tuple[int, dict[str, Floats]]]:
    """A few pictures at a time: the index of the first, and each layer's maps (n, H, W, C), or (n, 1, 1, K)."""
    if len(images) == 0:
        raise DatasetError("There is no picture to look at; choose at least one.")
    for first in range(0, len(images), BATCH):
        outputs = feature_maps(network, images[first : first + BATCH], list(layers))
        yield first, {path: _spatial(values) for path, values in outputs.items()}


def _spatial(values: Floats) -> Floats:
    """(n, H, W, C) as it is; without positions, (n, …) becomes one position with all its values as channels."""
    return values if values.ndim == 4 else values.reshape(len(values), 1, 1, -1)
