"""Gradient ascent on the picture: what would a channel, a class or a layer like to see?

The network's weights stay as they are. The picture is changed, a step at a time, along the gradient of a unit's
activation. Source: Erhan, Bengio, Courville and Vincent, Visualizing Higher-Layer Features of a Deep Network, 2009.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from explorer.ascent.asking import (
    Size,
    channels_of,
    checked_diversity,
    checked_seed,
    layer_at,
    sides_of,
    width_of,
)
from explorer.ascent.moves import blur_at, draw_moves
from explorer.ascent.objectives import likeness, strengths
from explorer.ascent.picture import WAVE_START, Floats, Held, shown
from explorer.ascent.recipe import (
    DREAMING,
    GREY,
    INVERTING,
    PICTURE,
    Recipe,
    recipe_of,
)
from explorer.ascent.steps import FEATURES, Network, Shape, network_of, outputs_of, step_of
from explorer.errors import LayerError, MethodError, ModelError
from explorer.images.sizing import fit
from explorer.models.graph import without_relu
from explorer.settings import MAX_ASCENT_BYTES, MAX_ASCENT_STEP_BYTES


@dataclass(frozen=True, eq=False)
class Frame:
    """The pictures after some steps.

    Attributes:
        step: how many steps were made; 0 is the start.
        steps: how many there will be.
        pixels: float32 (N, H, W, C) as the network is given them, nominally in 0–255. While octaves grow they are
            smaller than asked for.
        scores: float32 (N,), the objective. Before the last step it is of the moved picture, where the recipe moves it.
        size: height and width asked for.
        contrast: see :attr:`Recipe.contrast`.
    """

    step: int
    steps: int
    pixels: Floats
    scores: Floats
    size: tuple[int, int]
    contrast: float = 0.0

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """The pictures as they are shown, uint8 (N, H, W, C) of the size asked for."""
        return shown(_resized(self.pixels, self.size), self.contrast)


def ascend(
    model: Any,
    layer: str,
    channels: int | Sequence[int],
    *,
    size: Size = None,
    steps: int | None = None,
    seed: int = 0,
    preset: str | Recipe = "keras",
    direction: int = 1,
    image: NDArray[Any] | None = None,
    diversity: float = 0.0,
    max_bytes: int = MAX_ASCENT_BYTES,
    **parts: Any,
) -> Iterator[Frame]:
    """Grow the pattern that each channel looks for, all of them together, step by step.

    Everything is checked at the call; the work is done while the frames are taken, so leaving them ends it. What is
    random comes from the seed, the channel and the step alone: a channel's pattern is the same in any company, up to
    the rounding of sums in another order.

    Args:
        model: a :class:`Classifier`, or a Keras network that reads pictures of 0–255.
        layer: dotted path of a convolution, an activation, a dense layer…; of the last layer, logits are followed.
        channels: of the layer's output. A channel that is named several times is grown from as many starts.
        size: height and width of the pictures in pixels; by default the network's own, or 128 where it takes any.
        steps: instead of the preset's; the Keras example's are 30.
        seed: 0 or more.
        preset: one of :data:`PRESETS`, or a recipe.
        direction: 1, or −1 for what the channels like least; that is then followed before a ReLU of the layer's own,
            below which a ReLU knows nothing.
        image: uint8 (H, W, 3 or 1), the picture to start from, for the start ``"picture"``; cropped to the size.
        diversity: weight of the term that keeps the pictures apart; see :func:`diversify`.
        max_bytes: the pictures are split into batches that take about so much memory in the network.
        parts: other parts of the recipe.

    Yields:
        ``steps + 1`` frames, from the start to the finished patterns.

    Raises:
        LayerError: there is no such layer or channel, or the network cannot read pictures of this size.
        MethodError: a preset, part or number that is not allowed.
        ModelError: the network reads no pictures, or gives something that is not a number.

    >>> import keras
    >>> net = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.Conv2D(1, (1, 2), use_bias=False, name="c")])
    >>> net.set_weights([np.float32([[[[3]], [[-3]]]])])
    >>> [frame.images[0, 0, :, 0].tolist() for frame in ascend(net, "c", 0, steps=1, noise=0.0)]
    [[128, 128], [166, 89]]
    """
    network = network_of(model)
    recipe = _with_steps(recipe_of(preset, **parts), steps)
    if not isinstance(direction, int) or direction not in (1, -1):
        raise MethodError(f"direction is {direction!r}; it is 1 (what a channel likes) or -1 (what it likes least).")
    found = layer_at(network, layer)
    if diversity and recipe.start == PICTURE:
        raise MethodError("Pictures that all start from one have nothing to part them by. Start from grey or noise.")
    below = direction < 0 and without_relu(found) is not None
    sides = sides_of(network, size)
    asked = channels_of(channels, outputs_of(network, layer, sides, below=below), layer)
    width = width_of(outputs_of(network, layer, sides, below=below), layer)
    followed = np.zeros((len(asked), width), np.float32)
    followed[np.arange(len(asked)), asked] = direction
    names = [(channel, asked[:place].count(channel)) for place, channel in enumerate(asked)]
    climb = _Climb(
        network, layer, recipe, sides, checked_seed(seed), recipe.objective, below, checked_diversity(diversity)
    )
    climb.check_octaves()
    start = _start_picture(network, recipe, image, sides)
    frames = climb.frames(followed, names, start, max_bytes=max_bytes)
    return (replace(frame, scores=frame.scores * direction) for frame in frames)


def diversify(
    model: Any, layer: str, channel: int, *, count: int = 4, diversity: float = 1.0, **options: Any
) -> Iterator[Frame]:
    """Several different answers for one channel: what else makes it fire?

    The pictures grow together. Each step also goes down the gradient of the mean cosine of their Gram matrices at the
    layer, so away from being alike (Olah, Mordvintsev and Schubert 2017, "Diversity").

    Args:
        model: as in :func:`ascend`.
        layer: as in :func:`ascend`.
        channel: of the layer's output.
        count: how many, 2 to 9.
        diversity: how much being different counts beside the channel, 0 to 10; at 1 as much.
        options: of :func:`ascend`.

    Raises:
        MethodError: count or diversity is not allowed, or the start is a picture; and as in :func:`ascend`.
    """
    if not isinstance(count, int | np.integer) or not 2 <= count <= 9:
        raise MethodError(f"count is {count!r}; it is a whole number from 2 to 9.")
    return ascend(model, layer, [channel] * count, diversity=diversity, **options)


def dream(
    model: Any,
    layer: str,
    image: NDArray[Any],
    *,
    channels: Sequence[int] | None = None,
    size: Size = None,
    steps: int | None = None,
    seed: int = 0,
    recipe: Recipe = DREAMING,
    **parts: Any,
) -> Iterator[Frame]:
    """Deep dream: one picture, changed so that a layer sees more of what it sees in it already.

    Args:
        model: as in :func:`ascend`.
        layer: as in :func:`ascend`.
        image: uint8 (H, W, 3 or 1), the picture to start from.
        channels: those that count together; by default all of the layer.
        size: as in :func:`ascend`.
        steps: as in :func:`ascend`.
        seed: as in :func:`ascend`.
        recipe: by default :data:`DREAMING`, the mean of the squares in three octaves.
        parts: as in :func:`ascend`.

    Yields:
        Frames of one picture each.

    Raises:
        LayerError, MethodError, ModelError: as in :func:`ascend`.
    """
    network = network_of(model)
    recipe = _with_steps(recipe.but(**parts), steps)
    layer_at(network, layer)
    sides = sides_of(network, size)
    outputs = outputs_of(network, layer, sides)
    followed = np.zeros((1, width_of(outputs, layer)), np.float32)
    followed[0, slice(None) if channels is None else channels_of(channels, outputs, layer)] = 1
    followed /= followed.sum()
    climb = _Climb(network, layer, recipe, sides, checked_seed(seed), recipe.objective)
    climb.check_octaves()
    return climb.frames(followed, [(0, 0)], _start_picture(network, recipe, image, sides))


def invert(
    model: Any,
    layer: str,
    image: NDArray[Any],
    *,
    size: Size = None,
    steps: int | None = None,
    seed: int = 0,
    recipe: Recipe = INVERTING,
    **parts: Any,
) -> Iterator[Frame]:
    """A picture grown from noise until a layer cannot tell it from the given one: what the layer still knows.

    Args:
        model: as in :func:`ascend`.
        layer: as in :func:`ascend`.
        image: uint8 (H, W, 3 or 1), the picture whose features are the goal.
        size: as in :func:`ascend`.
        steps: as in :func:`ascend`.
        seed: as in :func:`ascend`.
        recipe: by default :data:`INVERTING`.
        parts: as in :func:`ascend`.

    Yields:
        Frames of one picture each; the score is 1 − |features − goal|² / |goal|², 1 where they are the same.

    Raises:
        LayerError: also where the layer gives zeros only for the picture; else as in :func:`ascend`.
        MethodError, ModelError: as in :func:`ascend`.
    """
    network = network_of(model)
    recipe = _with_steps(recipe.but(**parts), steps).but(octaves=1)
    layer_at(network, layer)
    sides = sides_of(network, size)
    picture = _fitted(network, image, sides)
    goal = outputs_of(network, layer, sides)(tf.constant(picture)).numpy()
    if not np.any(goal):
        raise LayerError(f"The layer {layer!r} gives only zeros for this picture: there is nothing to find it by.")
    climb = _Climb(network, layer, recipe, sides, checked_seed(seed), FEATURES)
    return climb.frames(goal, [(0, 0)], picture if recipe.start == PICTURE else None)


@dataclass(frozen=True)
class _Climb:
    """One ascent, with everything checked."""

    network: Network
    layer: str
    recipe: Recipe
    size: tuple[int, int]
    seed: int
    objective: str
    below: bool = False
    diversity: float = 0.0

    def frames(
        self,
        followed: Floats,
        names: Sequence[tuple[int, int]],
        start: Floats | None,
        *,
        max_bytes: int = MAX_ASCENT_BYTES,
    ) -> Iterator[Frame]:
        """The frames.

        Args:
            followed: a row for each picture: its channels' weights (N, C), or the features of an inversion.
            names: a channel and a number for each picture, which its random numbers come from.
            start: float32 (1, H, W, C) to start from; None for what the recipe says.
            max_bytes: see :func:`ascend`.
        """
        octaves = self._octaves()
        rows: list[slice] | None = None
        pixels: Floats | None = None
        done = 0
        for number, (sides, last) in enumerate(octaves):
            held = self._held(sides)
            step = step_of(self.network, self._shape(held))
            rows = rows or self._rows(len(names), max_bytes)
            held_now = (
                self._first(held, names, start)
                if pixels is None
                else self._next(held, pixels, start, octaves[number - 1][0])
            )
            states = [(held_now[part], tf.zeros_like(held_now[part]), tf.zeros_like(held_now[part])) for part in rows]
            for count in range(1, last - done + 1):
                transforms = tf.constant(draw_moves(self.recipe, *sides, self._draws(names, done + 1)))
                numbers = tf.constant(self._numbers(done, count), tf.float32)
                outs = [
                    step(*state, tf.constant(followed[part]), transforms[part], numbers)
                    for state, part in zip(states, rows, strict=True)
                ]
                states = [out[2:] for out in outs]
                yield self._frame(done, [out[0].numpy() for out in outs], [out[1].numpy() for out in outs])
                done += 1
            pixels = np.concatenate([held.pixels(state[0]).numpy() for state in states])
        assert rows is not None and pixels is not None  # noqa: PT018, S101 - there is at least one octave
        yield self._frame(done, [pixels], [self._scores(pixels[part], followed[part]) for part in rows])

    def check_octaves(self) -> None:
        """Find out whether the network can read the smallest pictures too.

        Raises:
            LayerError: it cannot.
        """
        count = self.recipe.octaves
        try:
            outputs_of(self.network, self.layer, self._octaves()[0][0], below=self.below)
        except LayerError as error:
            raise LayerError(f"{error} It is the smallest of {count} octaves: fewer would do, too.") from error

    def _rows(self, count: int, max_bytes: int) -> list[slice]:
        """The pictures in batches; those that are kept apart stay in one.

        Raises:
            LayerError: even so a step would take too much memory.
        """
        each = _bytes_of(step_of(self.network, self._shape(self._held(self.size))))
        rows = [slice(0, count)] if self.diversity > 0 else _split(count, each, max_bytes)
        largest = each * max(row.stop - row.start for row in rows)
        if largest > MAX_ASCENT_STEP_BYTES:
            raise LayerError(
                f"A step would take about {largest / 1e9:.1f} GB of memory; {MAX_ASCENT_STEP_BYTES / 1e9:.0f} GB is "
                "the limit. Take fewer pictures or a smaller size."
            )
        return rows

    def _octaves(self) -> list[tuple[tuple[int, int], int]]:
        """Each size, and how many steps have been made when it is done."""
        count, steps = self.recipe.octaves, self.recipe.steps
        shrunk = [self.recipe.octave_scale ** (count - 1 - number) for number in range(count)]
        sizes = [(max(1, round(self.size[0] / by)), max(1, round(self.size[1] / by))) for by in shrunk]
        return [(size, round(steps * (number + 1) / count)) for number, size in enumerate(sizes)]

    def _held(self, sides: tuple[int, int]) -> Held:
        return Held(*sides, self.network.input_shape[2], self.recipe.parameterisation, self.recipe.decorrelate)

    def _shape(self, held: Held) -> Shape:
        return Shape.of(
            self.recipe,
            self.layer,
            held,
            objective=self.objective,
            below=self.below,
            diverse=self.diversity > 0,
        )

    def _draws(self, names: Sequence[tuple[int, int]], step: int) -> list[np.random.Generator]:
        """A generator for each picture; step 0 is the start."""
        return [np.random.default_rng([self.seed, channel, number, step]) for channel, number in names]

    def _numbers(self, done: int, count: int) -> tuple[float, ...]:
        recipe = self.recipe
        size = recipe.step_size * (1 - recipe.decay * done / max(1, recipe.steps - 1))
        return count, size, recipe.total_variation, recipe.l2, blur_at(recipe, done), self.diversity

    def _first(self, held: Held, names: Sequence[tuple[int, int]], start: Floats | None) -> Any:
        """The pictures to start from, as they are held."""
        if start is not None:
            return held.parameters(np.repeat(_resized(start, (held.height, held.width)), len(names), axis=0))
        draws = self._draws(names, 0)
        if held.waves and self.recipe.start == GREY:
            waves = [rng.normal(0, WAVE_START, held.shape) for rng in draws]
            return tf.constant(np.stack(waves), tf.float32)
        shape = (held.height, held.width, held.channels)
        grey, noise = (self.recipe.grey, self.recipe.noise) if self.recipe.start == GREY else (127.5, 127.5)
        return held.parameters(np.stack([grey + rng.uniform(-noise, noise, shape) for rng in draws]).astype(np.float32))

    def _next(self, held: Held, pixels: Floats, start: Floats | None, before: tuple[int, int]) -> Any:
        """The pictures of one octave as the start of the next, with the given picture's own detail put back."""
        sides = held.height, held.width
        if start is None:
            return held.parameters(_resized(pixels, sides))
        grown = pixels - _resized(start, before)
        return held.parameters(_resized(start, sides) + _resized(grown, sides))

    def _frame(self, step: int, pixels: Sequence[Floats], scores: Sequence[Floats]) -> Frame:
        found = np.concatenate(scores)
        if not np.isfinite(found).all():
            raise ModelError(
                f"At step {step} the layer {self.layer!r} gives something that is not a number. Take smaller steps, or "
                "a network whose training has not diverged."
            )
        return Frame(step, self.recipe.steps, np.concatenate(pixels), found, self.size, self.recipe.contrast)

    def _scores(self, pixels: Floats, followed: Floats) -> Floats:
        """The objective of finished pictures, which are not moved."""
        outputs = outputs_of(self.network, self.layer, self.size, below=self.below)(tf.constant(pixels))
        if self.objective == FEATURES:
            return np.asarray(likeness(outputs, followed), np.float32)
        return np.asarray(tf.reduce_sum(strengths(outputs, self.objective) * followed, axis=1), np.float32)


def _with_steps(recipe: Recipe, steps: int | None) -> Recipe:
    return recipe if steps is None else recipe.but(steps=steps)


def _start_picture(
    network: Network, recipe: Recipe, image: NDArray[Any] | None, sides: tuple[int, int]
) -> Floats | None:
    """The picture to start from, where the recipe starts from one."""
    if recipe.start != PICTURE:
        return None
    if image is None:
        raise MethodError("The start is a picture, and none was given.")
    return _fitted(network, image, sides)


def _fitted(network: Network, image: NDArray[Any], sides: tuple[int, int]) -> Floats:
    """A picture as the network would read it at this size, float32 (1, H, W, C)."""
    return fit(image, (*sides, network.input_shape[2]))[0][:1]


def _resized(pixels: Floats, sides: tuple[int, int]) -> Floats:
    """Pictures (N, H, W, C) at another size."""
    if pixels.shape[1:3] == sides:
        return pixels
    way = cv2.INTER_AREA if sides[0] < pixels.shape[1] else cv2.INTER_CUBIC
    resized = [cv2.resize(one, (sides[1], sides[0]), interpolation=way) for one in pixels]
    return np.stack(resized).reshape(len(pixels), *sides, pixels.shape[3]).astype(np.float32)


def _split(count: int, each: int, most: int) -> list[slice]:
    """Batches of at most so many bytes, as even as can be; at least one picture in each.

    >>> _split(10, each=3, most=12)
    [slice(0, 4, None), slice(4, 7, None), slice(7, 10, None)]
    """
    batches = -(-count // max(1, most // max(1, each)))
    ends = [-(-count * number // batches) for number in range(batches + 1)]
    return [slice(low, high) for low, high in pairwise(ends)]


def _bytes_of(step: Callable[..., Any]) -> int:
    """How much memory a step takes for each picture at most, about.

    A fifth of all tensors that have a batch. What the forward pass made is kept until the gradient has used it, but
    most operations write over what they read: of EfficientNet-Lite0 between 0.11 and 0.17 of all is alive at once.
    """
    total = 0
    for operation in step.graph.get_operations():  # type: ignore[attr-defined]
        for tensor in operation.outputs:
            shape = tensor.shape
            if shape.rank is not None and shape.rank > 1 and shape[0] is None and None not in shape[1:].as_list():
                total += int(np.prod(shape[1:].as_list())) * tensor.dtype.size
    return total // 5
