"""What the four kinds of programs differ in, and the short one, which calls :mod:`explorer.ascent`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from explorer.snippets.ascent.climbing import keras_lines, score
from explorer.snippets.ascent.plan import Goal, Place
from explorer.snippets.ascent.writing import Lines, assigned, file_name, listed, number

if TYPE_CHECKING:
    from explorer.ascent import Recipe
    from explorer.models import Classifier


def ascent_programs(
    classifier: "Classifier",
    layer: str,
    channels: Sequence[int],
    recipe: "Recipe",
    *,
    size: tuple[int, int],
    seed: int,
    direction: int = 1,
) -> dict[str, str]:
    """Programs that grow the pattern each channel looks for, as :func:`explorer.ascent.ascend` does.

    They write ``pattern_<channel>.png``; of channels that are named several times ``pattern_<channel>_<number>.png``.

    Args:
        classifier: the network.
        layer: dotted path.
        channels: of the layer's output.
        recipe: how to climb.
        size: height and width of the pictures in pixels.
        seed: 0 or more.
        direction: 1, or −1 for what the channels like least.

    Returns:
        Name of the library → Python source.

    Raises:
        LayerError: there is no such layer.
    """
    asked = [int(channel) for channel in channels]
    numbers = [asked[:place].count(channel) for place, channel in enumerate(asked)]
    place = Place(classifier, layer, recipe, size, seed, direction)
    values: Sequence[object]
    if any(numbers):
        each, series, values = "channel, number", "patterns", [*zip(asked, numbers, strict=True)]
        call, drawn, file = "[channel for channel, _ in patterns]", "number", "pattern_{channel}_{number}.png"
    else:
        each, series, values = "channel", "channels", asked
        call, drawn, file = "channels", "0", "pattern_{channel}.png"
    goal = Goal(
        score=score(place, "[..., channel]"),
        arguments={"channel": "tf.constant(channel)"},
        random=f"[seed, channel, {drawn}, {{step}}]",
        settings=listed(series, values),
        each=f"for {each} in {series}:",
        file=file,
        says='"channel", channel, ',
    )
    options = [*_preset(recipe), *_direction(direction), *_image(recipe)]
    pairs = (f"({each})" if any(numbers) else each, series)
    return _programs(place, goal, _Call("ascend", [call], options, pairs))


def diversify_programs(
    classifier: "Classifier",
    layer: str,
    channel: int,
    recipe: "Recipe",
    *,
    count: int,
    diversity: float,
    size: tuple[int, int],
    seed: int,
    direction: int = 1,
) -> dict[str, str]:
    """Programs for several different answers for one channel, ``answer_<number>.png``; see ``ascent.diversify``.

    Args:
        classifier: the network.
        layer: dotted path.
        channel: of the layer's output.
        recipe: how to climb.
        count: how many answers.
        diversity: how much being different counts.
        size: as in :func:`ascent_programs`.
        seed: as in :func:`ascent_programs`.
        direction: as in :func:`ascent_programs`.

    Returns:
        Name of the library → Python source.

    Raises:
        LayerError: there is no such layer.
    """
    place = Place(classifier, layer, recipe, size, seed, direction)
    goal = Goal(
        score=score(place, "[..., channel]", many=True),
        random="[seed, channel, n, {step}]",
        settings=[f"channel, count = {int(channel)}, {int(count)}"],
        file="answer_{number}.png",
        diversity=float(diversity),
        many=True,
    )
    options = [f"count={int(count)}", f"diversity={number(diversity)}"]
    options += [*_preset(recipe), *_direction(direction), *_image(recipe)]
    return _programs(place, goal, _Call("diversify", ["channel"], options, ("number", "range(count)")))


def dream_programs(
    classifier: "Classifier",
    layer: str,
    channels: Sequence[int] | None,
    recipe: "Recipe",
    *,
    size: tuple[int, int],
    seed: int,
) -> dict[str, str]:
    """Programs that dream a picture on, ``dream.png``, as :func:`explorer.ascent.dream` does.

    Args:
        classifier: the network.
        layer: dotted path.
        channels: those that count together; None for all of the layer.
        recipe: how to climb.
        size: as in :func:`ascent_programs`.
        seed: as in :func:`ascent_programs`.

    Returns:
        Name of the library → Python source.

    Raises:
        LayerError: there is no such layer.
    """
    from explorer.ascent import DREAMING  # noqa: PLC0415 - TensorFlow, which not every page's program needs

    place = Place(classifier, layer, recipe, size, seed)
    counted = None if channels is None else sorted({int(channel) for channel in channels})
    goal = Goal(
        score=score(place, "" if counted is None else "channels"),
        settings=[] if counted is None else listed("channels", counted),
        file="dream.png",
    )
    asked = [] if counted is None else ["channels=channels"]
    return _programs(place, goal, _Call("dream", ["picture"], [*asked, *_parts(recipe, DREAMING)]))


def invert_programs(
    classifier: "Classifier", layer: str, recipe: "Recipe", *, size: tuple[int, int], seed: int
) -> dict[str, str]:
    """Programs that find a picture by its features, ``inversion.png``, as :func:`explorer.ascent.invert` does.

    Args:
        classifier: the network.
        layer: dotted path.
        recipe: how to climb; its octaves do not count.
        size: as in :func:`ascent_programs`.
        seed: as in :func:`ascent_programs`.

    Returns:
        Name of the library → Python source.

    Raises:
        LayerError: there is no such layer.
    """
    from explorer.ascent import INVERTING  # noqa: PLC0415

    place = Place(classifier, layer, recipe.but(octaves=1), size, seed)
    output = place.output
    goal = Goal(
        score=[f"score = 1 - tf.reduce_sum(({output} - goal) ** 2) / tf.reduce_sum(goal**2)"],
        target=[f"goal = {place.reach.ask('picture')}"],
        file="inversion.png",
        whole=True,
        reads=True,
    )
    return _programs(place, goal, _Call("invert", ["picture"], _parts(place.recipe, INVERTING)))


@dataclass(frozen=True)
class _Call:
    """The call in the short program.

    Attributes:
        function: of :mod:`explorer.ascent`.
        arguments: positional ones after network and layer.
        options: keyword arguments after size and seed.
        pairs: names that go with each picture, and the series that they come from; none of a single picture.
    """

    function: str
    arguments: Sequence[str]
    options: Sequence[str]
    pairs: tuple[str, str] | None = None


def _programs(place: Place, goal: Goal, call: _Call) -> dict[str, str]:
    """Name of the library → Python source."""
    return {
        "Keras": "\n".join([*keras_lines(place, goal), ""]),
        "ConvNet Explorer": "\n".join([*_explorer_lines(place, goal, call), ""]),
    }


def _explorer_lines(place: Place, goal: Goal, call: _Call) -> Lines:
    """The short program."""
    reads = place.starts_from_picture or "picture" in call.arguments
    uses = ["Recipe", call.function] if "preset=Recipe()" in call.options else [call.function]
    kind, shown = ("L", "picture[..., 0]") if place.colours == 1 else ("RGB", "picture")
    given = ["network", "layer", *call.arguments, f"size={place.size}", f"seed={place.seed}", *call.options]
    save = f"Image.fromarray({shown}).save({file_name(goal.file)})"
    if call.pairs is None:
        saving = ["picture = last.images[0]", save]
    else:
        saving = [f"for {call.pairs[0]}, picture in zip({call.pairs[1]}, last.images):", f"    {save}"]
    return [
        *(["import numpy as np"] if reads else []),
        "from PIL import Image",
        "",
        f"from explorer.ascent import {', '.join(uses)}",
        "from explorer.models import load_classifier",
        "",
        'network = load_classifier("network.keras", "network")',
        *assigned("layer", place.layer),
        *goal.settings,
        *([f'picture = np.array(Image.open("picture.png").convert("{kind}"))'] if reads else []),
        f"*_, last = {call.function}(  # the last of all frames",
        *[f"    {argument}," for argument in given],
        ")",
        *saving,
    ]


def _preset(recipe: "Recipe") -> Lines:
    """The preset that has most parts in common with a recipe, and the other parts."""
    from explorer.ascent import PRESETS, Recipe  # noqa: PLC0415

    bases = {f'"{name}"': preset.recipe for name, preset in PRESETS.items()} | {"Recipe()": Recipe()}
    parts = {name: _parts(recipe, base) for name, base in bases.items()}
    nearest = min(parts, key=lambda name: len(parts[name]))
    return [f"preset={nearest}", *parts[nearest]]


def _parts(recipe: "Recipe", base: "Recipe") -> Lines:
    """The parts that differ, as keyword arguments."""
    usual = asdict(base)
    return [f"{name}={number(value)}" for name, value in asdict(recipe).items() if value != usual[name]]


def _direction(direction: int) -> Lines:
    return [f"direction={direction}"] if direction != 1 else []


def _image(recipe: "Recipe") -> Lines:
    return ["image=picture"] if recipe.start == "picture" else []
