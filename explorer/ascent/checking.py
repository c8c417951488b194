"""Is a pattern what the channel looks for? Its answers to the finished pattern beside its answers to real photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.ascent.asking import checked_channels
from explorer.ascent.objectives import strengths
from explorer.ascent.recipe import MEAN
from explorer.ascent.steps import Network, network_of, outputs_of
from explorer.errors import ImageInputError, ModelError
from explorer.models import Classifier

MOST_PIXELS = 16 * 224 * 224
"""Most pixels in one pass, so that memory stays bounded."""
EQUAL = 1e-5
"""Answers closer than this share of the larger one are the same: sums in another order differ as much."""


def answers(
    model: Any,
    layer: str,
    channels: Sequence[int],
    images: NDArray[np.uint8],
    *,
    objective: str = MEAN,
    direction: int = 1,
) -> NDArray[np.float32]:
    """How strongly each channel answers to finished pictures.

    Args:
        model: a :class:`Classifier`, or a Keras network that reads pictures of 0–255.
        layer: dotted path; of the last layer, logits are taken.
        channels: of the layer's output.
        images: uint8 (P, H, W, C) of any size that the network takes, with its number of colour channels.
        objective: as in :class:`Recipe`; the ascent's score of the same picture is the same number.
        direction: as in :func:`ascend`: −1 takes the answers before a ReLU of the layer's own. Their sign is kept.

    Returns:
        float32 (P, len(channels)).

    Raises:
        ImageInputError: the array holds no such pictures.
        LayerError: there is no such layer or channel, or the network cannot read pictures of this size.
        ModelError: the network reads no pictures, or gives something that is not a number.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.Conv2D(1, (1, 2), use_bias=False, name="c")])
    >>> net.set_weights([np.float32([[[[3]], [[-3]]]])])
    >>> answers(net, "c", [0], np.uint8([[[[9], [4]]]])).tolist()
    [[15.0]]
    """
    network = network_of(model)
    if np.ndim(images) != 4 or np.shape(images)[3] != network.input_shape[2] or np.size(images) == 0:
        raise ImageInputError(
            f"Pictures to check have the shape (P, H, W, {network.input_shape[2]}) for this network, not "
            f"{np.shape(images)}."
        )
    return _measured(network, layer, channels, images, objective=objective, direction=direction)


def _measured(
    network: Network, layer: str, channels: Sequence[int], images: NDArray[Any], *, objective: str, direction: int
) -> NDArray[np.float32]:
    """The answers to pictures (P, H, W, C) in 0–255, in batches."""
    height, width = images.shape[1:3]
    run = outputs_of(network, layer, (height, width), below=direction < 0)
    batch = max(1, MOST_PIXELS // (height * width))
    parts = []
    for start in range(0, len(images), batch):
        found = strengths(run(tf.constant(images[start : start + batch], tf.float32)), objective).numpy()
        parts.append(found[:, checked_channels(channels, found.shape[1], layer)])
    values = np.concatenate(parts)
    if not np.isfinite(values).all():
        raise ModelError(f"The layer {layer!r} gives something that is not a number; its training has diverged.")
    return values


@dataclass(frozen=True)
class Selectivity:
    """A channel's answer to its pattern beside its answers to photos.

    Attributes:
        channel: of the layer's output.
        reached: its answer to the pattern as shown, so rounded and cut to 0–255.
        by_photo: a photo's name → the channel's answer to it, at the network's own size.
        direction: 1; −1 where the pattern is to be what the channel likes least, so that low answers are good.

    >>> Selectivity(7, 6.0, {"cat": 1.5, "wall": 0.5}).sentence
    'Channel 7 gives 6 for the pattern, 4 times as much as for cat, the nearest of the 2 photos: 1.5.'
    """

    channel: int
    reached: float
    by_photo: Mapping[str, float]
    direction: int = 1

    @property
    def nearest(self) -> str:
        """The photo that the channel answers to most (least, in the direction −1); the first of those that tie."""
        return max(self.by_photo, key=lambda name: self.direction * self.by_photo[name])

    @property
    def best(self) -> float:
        """The answer to :attr:`nearest`."""
        return self.by_photo[self.nearest]

    @property
    def lead(self) -> float:
        """By how much the pattern is ahead of that photo; negative where it is behind, 0 where they tie."""
        return self._lead_over(self.best)

    @property
    def margin(self) -> float | None:
        """The lead in standard deviations of the photos' answers; None where all photos' answers are the same."""
        values = list(self.by_photo.values())
        return None if _same(min(values), max(values)) else self.lead / float(np.std(values))

    @property
    def ahead(self) -> int:
        """How many photos are ahead of the pattern."""
        return sum(self._lead_over(value) < 0 for value in self.by_photo.values())

    @property
    def sentence(self) -> str:
        """All this in plain words."""
        alone = len(self.by_photo) == 1
        photos = "the photo" if alone else f"the {len(self.by_photo)} photos"
        begin = f"Channel {self.channel} gives {_number(self.reached)} for the pattern"
        if not any(self.by_photo.values()) and not self.ahead:
            return (
                f"{begin} and {photos}: nothing here makes it answer."
                if not self.reached
                else f"{begin}, 0 for {photos}."
            )
        if self.ahead:
            more, most = ("less", "least") if self.direction < 0 else ("more", "most")
            some = photos if self.ahead == len(self.by_photo) else f"{self.ahead} of {photos}"
            return f"{begin}, but {more} for {some}, {most} for {self.nearest}: {_number(self.best)}."
        nearest = self.nearest if alone else f"{self.nearest}, the nearest of {photos}"
        return f"{begin}, {self._comparison()} for {nearest}: {_number(self.best)}."

    def _comparison(self) -> str:
        """A ratio where that says something, else a difference."""
        if not self.lead:
            return "as much as"
        if self.direction > 0 and self.best > 0:
            return f"{_number(self.reached / self.best)} times as much as"
        return f"{_number(abs(self.lead))} {'less' if self.direction < 0 else 'more'} than"

    def _lead_over(self, value: float) -> float:
        return 0.0 if _same(self.reached, value) else self.direction * (self.reached - value)


def selectivity(
    classifier: Classifier,
    layer: str,
    channels: Sequence[int],
    patterns: NDArray[np.uint8],
    photos: Sequence[tuple[str, NDArray[np.uint8]]],
    *,
    objective: str = MEAN,
    direction: int = 1,
) -> tuple[Selectivity, ...]:
    """Each channel's answer to its own pattern beside its answers to photos: how selective is it?

    Args:
        classifier: the network.
        layer: as in :func:`answers`.
        channels: one for each pattern.
        patterns: uint8 (N, h, w, C), as they are shown.
        photos: name and uint8 (H, W, 3 or 1) of each, at least one; they are fitted to the network's own size.
        objective: as in :func:`answers`.
        direction: as in :func:`answers`.

    Raises:
        ImageInputError: there is no photo, not one pattern for each channel, or one of them is no picture.
        LayerError, ModelError: as in :func:`answers`.
    """
    if len(patterns) != len(channels) or not photos:
        raise ImageInputError(
            f"{len(patterns)} patterns for {len(channels)} channels, and {len(photos)} photos: there has to be one "
            "pattern for each channel, and at least one photo."
        )
    fitted = np.concatenate([classifier.fit(photo)[0] for _, photo in photos])
    of_photos = _measured(network_of(classifier), layer, channels, fitted, objective=objective, direction=direction)
    of_patterns = answers(classifier, layer, channels, patterns, objective=objective, direction=direction)
    names = [name for name, _ in photos]
    return tuple(
        Selectivity(
            channel,
            float(of_patterns[place, place]),
            dict(zip(names, of_photos[:, place].tolist(), strict=True)),
            direction,
        )
        for place, channel in enumerate(channels)
    )


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= EQUAL * max(abs(one), abs(other))


def _number(value: float) -> str:
    """Three digits, with a true minus.

    >>> _number(-0.01234), _number(12345.6)
    ('−0.0123', '12,346')
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value + 0.0:.3g}"
    return text.replace("-", "−")
