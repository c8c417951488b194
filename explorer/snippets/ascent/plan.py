"""What a program climbs, and which of the recipe's parts take part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from explorer.snippets.ascent.reaching import Reach, reach
from explorer.snippets.ascent.writing import Lines

if TYPE_CHECKING:
    from explorer.ascent import Recipe
    from explorer.models import Classifier


@dataclass(frozen=True)
class Place:
    """Where and how to climb.

    Attributes:
        classifier: the network.
        layer: dotted path.
        recipe: the parts.
        size: height and width of the pictures in pixels.
        seed: of the random numbers.
        direction: 1, or −1 for what is liked least.
    """

    classifier: "Classifier"
    layer: str
    recipe: "Recipe"
    size: tuple[int, int]
    seed: int
    direction: int = 1

    @cached_property
    def reach(self) -> "Reach":
        """How the program gets at the layer."""
        return reach(
            self.classifier.model, self.layer, self.size, octaves=self.recipe.octaves > 1, below=self.direction < 0
        )

    @property
    def output(self) -> str:
        """What the program calls the layer's output."""
        return "maps" if self.reach.rank == 4 else "outputs"

    @property
    def colours(self) -> int:
        """Channels of the pictures."""
        return int(self.classifier.model.inputs[0].shape[-1])

    @property
    def waves(self) -> bool:
        """Whether the pictures are held as waves."""
        return self.recipe.parameterisation == "fourier"

    @property
    def held(self) -> str:
        """What the program calls that which it changes."""
        return "waves" if self.waves else "pixels"

    @property
    def mixed(self) -> bool:
        """Whether colours are mixed from ones that vary independently."""
        return self.recipe.decorrelate and self.colours == 3

    @property
    def moves(self) -> bool:
        """Whether the pictures are moved before each step."""
        return bool(self.recipe.jitter or self.turns)

    @property
    def turns(self) -> bool:
        """Whether they are turned or scaled."""
        return bool(self.recipe.rotation or self.recipe.scale)

    @property
    def grows(self) -> bool:
        """Whether there are octaves."""
        return self.recipe.octaves > 1

    @property
    def starts_from_picture(self) -> bool:
        """Whether the picture is what is grown from."""
        return self.recipe.start == "picture"

    @property
    def starts_as_waves(self) -> bool:
        """Whether waves themselves are drawn at random."""
        return self.waves and self.recipe.start == "grey"

    @property
    def returns_to_waves(self) -> bool:
        """Whether pixels have to be written down as waves."""
        return self.waves and (not self.starts_as_waves or self.grows or self.recipe.blur > 0)

    def octaves(self) -> list[tuple[int, int, range]]:
        """Height and width of each octave, and its steps."""
        count, steps = self.recipe.octaves, self.recipe.steps
        ends = [round(steps * number / count) for number in range(count + 1)]
        shrunk = [self.recipe.octave_scale ** (count - 1 - number) for number in range(count)]
        return [
            (max(1, round(self.size[0] / by)), max(1, round(self.size[1] / by)), range(*ends[number : number + 2]))
            for number, by in enumerate(shrunk)
        ]


@dataclass(frozen=True)
class Goal:
    """What is climbed.

    Attributes:
        score: lines that make ``score`` from the layer's output.
        arguments: of the step, besides the pictures: name in the function → what it is called with.
        random: what the random numbers of a ``{step}`` come from; of step 0 the start's.
        settings: lines before the functions, for both programs.
        target: such a line for the program in Keras alone.
        each: the line of a loop around the whole climb.
        file: name of the finished picture's file, the inside of an f-string.
        says: what is printed before the score.
        diversity: weight of being different.
        many: several pictures climb together.
        whole: all of the layer's output counts, its border too.
        reads: ``picture.png`` is needed, whatever is started from.
    """

    score: Lines
    file: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    random: str = "[seed, 0, 0, {step}]"
    settings: Sequence[str] = ()
    target: Sequence[str] = ()
    each: str = ""
    says: str = ""
    diversity: float = 0.0
    many: bool = False
    whole: bool = False
    reads: bool = False

    @property
    def count(self) -> str:
        """How many pictures, as the program says it."""
        return "count" if self.many else "1"
