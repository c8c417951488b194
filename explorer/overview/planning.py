"""A network as columns: its units, joined to blocks and stages that fit a screen, and what feeds what.

Wherever all that flows goes through one unit, the network can be cut. What lies between two cuts is a block: a residual
block, an Inception module, or a single unit of a plain chain. Blocks of one name (``block2a``, ``conv3``) and, where
they are still too many, neighbours of one resolution are joined to stages, so that stages form a chain.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from explorer.models.graph import Model, Shape, Visit, visits
from explorer.models.layers import describe_layers
from explorer.models.units import GLOBAL_POOLINGS, POOLINGS, Unit, kind, makers, parents, units
from explorer.overview.flow import Kept

MOST_BLOCKS = 400
"""Most blocks that are compared with their neighbours; of a network with more, several are joined as they come."""
MOST = 9
"""Most columns between the picture and the classes while everything is folded."""
LONGEST_TITLE = 22
"""Letters of a title that tells both ends of what was joined."""


@dataclass(frozen=True, eq=False)
class Group:
    """A unit, or several that one column can stand for.

    Attributes:
        id: its place in the tree, such as ``"3"`` for a stage and ``"3.1"`` for the second part of it.
        name: what a person calls it.
        units: all its units, in order.
        parts: what it unfolds into; nothing for a single unit.
        told: the unit whose maps stand for it.
    """

    id: str
    name: str
    units: tuple[Unit, ...]
    parts: tuple["Group", ...]
    told: Unit


@dataclass(frozen=True, eq=False)
class Column:
    """A group where it is drawn.

    Attributes:
        group: what it stands for.
        level: how many columns the picture is away, 0 for the picture itself.
        lane: its place among those of one level, from 0: branches stand one below the other.
        lanes: how many there are at that level.
        parents: indices of the columns that feed it, without others between.
        inside: ids of the unfolded groups that it is a part of, outermost first.
    """

    group: Group
    level: int
    lane: int
    lanes: int
    parents: tuple[int, ...]
    inside: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """A network's tree of stages.

    Attributes:
        picture: the picture, as the first layer that gathers reads it.
        stages: what lies between, in order.
        classes: the unit that makes the scores of the classes.
        parents: what each unit gathers from.
        makers: which unit makes each tensor.
        shapes: the output shape of each call, by its path, without the batch.
        parameters: how many numbers each call holds, by its path.
        calls: every call, in order.
        weights: sums of the layers' weights, computed when they are first asked for.
    """

    picture: Group
    stages: tuple[Group, ...]
    classes: Group
    parents: Mapping[Unit, tuple[Unit, ...]]
    makers: Mapping[int, Unit]
    shapes: Mapping[str, Shape]
    parameters: Mapping[str, int]
    calls: tuple[Visit, ...]
    weights: Kept

    def groups(self) -> Iterator[Group]:
        """Every group of the tree but the picture and the classes, outer ones first."""
        waiting = list(self.stages)
        while waiting:
            group = waiting.pop(0)
            yield group
            waiting = [*group.parts, *waiting]

    def columns(self, opened: Collection[str] = ()) -> list[Column]:
        """What is drawn while some groups are unfolded.

        Args:
            opened: ids of groups; unknown ones, and those of single units, change nothing.

        Returns:
            The picture first, the classes last.
        """
        drawn = [(self.picture, ()), *_unfolded(self.stages, frozenset(opened), ()), (self.classes, ())]
        place = {group.told: index for index, (group, _) in enumerate(drawn)}
        feeds = [self._drawn_parents(group.told, place) for group, _ in drawn]
        levels: list[int] = []
        for feeders in feeds:
            levels.append(1 + max((levels[index] for index in feeders), default=-1))
        levels[-1] = max([levels[-1], *(level + 1 for level in levels[:-1])])
        return [
            Column(group, level, levels[:index].count(level), levels.count(level), feeders, inside)
            for index, ((group, inside), level, feeders) in enumerate(zip(drawn, levels, feeds, strict=True))
        ]

    def _drawn_parents(self, unit: Unit, place: Mapping[Unit, int]) -> tuple[int, ...]:
        """The drawn units that are met first on the way back from a unit."""
        found: set[int] = set()
        seen: set[Unit] = set()
        waiting = list(self.parents[unit])
        while waiting:
            parent = waiting.pop()
            if parent in place:
                found.add(place[parent])
            elif parent not in seen:
                seen.add(parent)
                waiting.extend(self.parents[parent])
        return tuple(sorted(found))


def plan(model: Model, *, input_shape: Shape | None = None, most: int = MOST) -> Plan:
    """The tree of a network's stages.

    Args:
        model: a Sequential or functional Keras network.
        input_shape: (H, W, C) of the pictures, where the network accepts any size.
        most: stages, at most.

    Raises:
        ModelError: the network has no graph to walk.

    >>> import keras
    >>> L = keras.layers
    >>> net = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3, name="conv"), L.ReLU(name="relu"),
    ...     L.MaxPooling2D(name="pool"), L.Flatten(name="flat"), L.Dense(2, name="logits")])
    >>> [column.group.name for column in plan(net).columns()]
    ['picture', 'conv', 'pool', 'logits']
    """
    every = visits(model, input_shape=input_shape)
    summaries = describe_layers(model, input_shape=input_shape)
    shapes: dict[str, Shape] = {layer.path: layer.output_shape for layer in summaries}
    shapes[""] = tuple(input_shape or model.inputs[0].shape[1:])
    calls = tuple(call for call in every if not call.inner)
    found = units(every)
    made, above = makers(found), parents(found)
    last = made[every[-1].outputs[0]]
    needed = _ancestors(last, above)
    chain = [unit for unit in found[1:] if unit in needed and unit is not last]
    blocks = [_block(part, shapes) for part in _cut(chain, found[0], last, above)]
    stages = _staged(blocks, shapes, most)
    return Plan(
        picture=_leaf("picture", found[0]),
        stages=tuple(_numbered(stage, str(index)) for index, stage in enumerate(stages)),
        classes=_leaf(_name(last), last),
        parents=above,
        makers=made,
        shapes=shapes,
        parameters={layer.path: layer.parameters for layer in summaries},
        calls=calls,
        weights=Kept(),
    )


Drawn = tuple[Group, tuple[str, ...]]


def _unfolded(groups: Sequence[Group], opened: Collection[str], inside: tuple[str, ...]) -> Iterator[Drawn]:
    for group in groups:
        if group.parts and group.id in opened:
            yield from _unfolded(group.parts, opened, (*inside, group.id))
        else:
            yield group, inside


def _ancestors(unit: Unit, above: Mapping[Unit, tuple[Unit, ...]]) -> set[Unit]:
    found, waiting = {unit}, [unit]
    while waiting:
        for parent in above[waiting.pop()]:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def _cut(
    chain: Sequence[Unit], picture: Unit, last: Unit, above: Mapping[Unit, tuple[Unit, ...]]
) -> Iterator[list[Unit]]:
    """The units between each two cuts: a cut follows a unit when nothing from before it is read behind it."""
    reach = {unit: index for index, unit in enumerate(chain)}
    for index, unit in enumerate(chain):
        for parent in above[unit]:
            reach[parent] = index
    for parent in set(above[last]) - set(chain[-1:]):
        reach[parent] = len(chain)
    begun, furthest = 0, reach.get(picture, -1)  # how far what lies before a unit is read
    for index, unit in enumerate(chain):
        if furthest <= index:
            yield list(chain[begun : index + 1])
            begun = index + 1
        furthest = max(furthest, reach[unit])
    if begun < len(chain):
        yield list(chain[begun:])


def _leaf(name: str, unit: Unit) -> Group:
    return Group(name, name, (unit,), (), unit)


def _block(found: Sequence[Unit], shapes: Mapping[str, Shape]) -> Group:
    if len(found) == 1:
        return _leaf(_name(found[0]), found[0])
    parts = [_leaf(_name(unit), unit) for unit in found]
    return _joined(parts, _common_name([part.name for part in parts]), shapes)


def _joined(parts: Sequence[Group], name: str, shapes: Mapping[str, Shape]) -> Group:
    every = tuple(unit for part in parts for unit in part.units)
    return Group("", name, every, tuple(parts), _told(every, shapes))


def _told(every: Sequence[Unit], shapes: Mapping[str, Shape]) -> Unit:
    """The unit that stands for several: the last that has maps, and of those the last that does not only pool."""
    spatial = [unit for unit in every if len(shapes[unit.path]) == 3]
    summing = [unit for unit in spatial if unit.op is not None and kind(unit.op) not in POOLINGS]
    return (summing or spatial or list(every))[-1]


def _name(unit: Unit) -> str:
    return unit.path if unit.op is None else unit.op.path


def _common_name(names: Sequence[str]) -> str:
    """What names begin with alike, where that has a digit in it; else the last of them.

    >>> _common_name(["conv2_block1_1_conv", "conv2_block1_add"]), _common_name(["conv2d_5", "mixed0"])
    ('conv2_block1', 'mixed0')
    """
    tokens = [name.split("_") for name in names]
    shared = [same[0] for same in zip(*tokens, strict=False) if len(set(same)) == 1]
    alike = [
        same for index, same in enumerate(shared) if all(each[: index + 1] == shared[: index + 1] for each in tokens)
    ]
    return "_".join(alike) if any(letter.isdigit() for letter in "".join(alike)) else names[-1]


def _block_name(name: str) -> str:
    """A name up to its first part with a digit: ``block2a_expand_conv`` → ``block2a``; Keras's own names stay whole.

    >>> [_block_name(name) for name in ("block2a_expand_conv", "conv2_block1_out", "block_1_expand", "conv2d_5", "fc1")]
    ['block2a', 'conv2', 'block_1', 'conv2d_5', 'fc1']
    """
    prefix, dot, own = name.rpartition(".")
    if _by_keras(own):  # each such layer is its own block
        return name
    kept: list[str] = []
    for token in own.split("_"):
        kept.append(token)
        if any(letter.isdigit() for letter in token):
            return prefix + dot + "_".join(kept)
    return name


def _by_keras(name: str) -> bool:
    """Whether this looks like a name that Keras made of a class's: ``conv2d_5``, ``dense``, ``re_lu_1``."""
    own = name.rpartition(".")[2].partition("#")[0]
    return re.fullmatch(r"([a-z]+_)*[a-z]+(2d)?(_\d+)?", own) is not None


def _stage_name(name: str) -> str:
    """A block's name without the letter that counts its repeats: ``block2a`` → ``block2``."""
    return re.sub(r"(?<=\d)[a-z]$", "", _block_name(name))


def _staged(blocks: list[Group], shapes: Mapping[str, Shape], most: int) -> list[Group]:
    """Blocks joined until there are few enough: by their names, then neighbours of one resolution, smallest first."""
    if len(blocks) > MOST_BLOCKS:
        size = -(-len(blocks) // MOST_BLOCKS)
        cut = [blocks[at : at + size] for at in range(0, len(blocks), size)]
        blocks = [_joined(same, _between(same[0].name, same[-1].name), shapes) for same in cut]
    for rule in (_block_name, _stage_name):
        if len(blocks) > most:
            blocks = _by_name(blocks, rule, shapes)
    loose: set[Group] = set()
    while len(blocks) > most:
        pairs = range(len(blocks) - 1)
        at = min(pairs, key=lambda index: _cost(blocks[index], blocks[index + 1], shapes))
        one, other = blocks[at : at + 2]
        parts = [part for group in (one, other) for part in (group.parts if group in loose else (group,))]
        blocks[at] = _joined(parts, _between(parts[0].name, parts[-1].name), shapes)
        loose.add(blocks[at])
        del blocks[at + 1]
    return blocks


def _between(first: str, last: str) -> str:
    """Both ends of what was joined, as short as can be; of names that Keras itself gave only what is needed.

    >>> _between("block2", "block5"), _between("conv2d_1", "conv2d_2"), _between("Stem", "Block4")
    ('block2–5', 'conv2d_1–2', 'Stem–Block4')
    >>> _between("max_pooling2d_1", "mixed2"), _between("block_15", "global_average_pooling2d")
    ('mixed2', 'block_15 …')
    """
    one, other = (re.fullmatch(r"(.*\D)(\d+)", name) for name in (first, last))
    if one and other and one[1] == other[1]:
        return f"{first}–{other[2]}"
    if _by_keras(first) != _by_keras(last):
        return last if _by_keras(first) else f"{first} …"
    both = f"{first}–{last}"
    return both if len(both) <= LONGEST_TITLE else f"{first} …"


def _by_name(blocks: Sequence[Group], rule: Callable[[str], str], shapes: Mapping[str, Shape]) -> list[Group]:
    joined: list[list[Group]] = []
    for block in blocks:
        if joined and rule(joined[-1][-1].name) == rule(block.name):
            joined[-1].append(block)
        else:
            joined.append([block])
    return [_joined(same, rule(same[0].name), shapes) if len(same) > 1 else same[0] for same in joined]


def _cost(one: Group, other: Group, shapes: Mapping[str, Shape]) -> tuple[int, int]:
    """How little two neighbours belong together: those of one resolution most, a mean over all with what it is of."""
    op = other.told.op
    if len(other.units) == 1 and op is not None and kind(op) in GLOBAL_POOLINGS:
        return 0, 0
    same = shapes[one.told.path][:-1] == shapes[other.told.path][:-1]
    return (1 if same else 2), len(one.units) + len(other.units)


def _numbered(group: Group, number: str) -> Group:
    parts = tuple(_numbered(part, f"{number}.{index}") for index, part in enumerate(group.parts))
    return Group(number, group.name, group.units, parts, group.told)


def parameters_of(group: Group, parameters: Mapping[str, int]) -> int:
    """How many numbers the layers of a group hold."""
    layers = {id(call.layer): call.path for unit in reversed(group.units) for call in unit.calls}
    return sum(parameters.get(path, 0) for path in layers.values())


def words_for(drawn: Column, siblings: Sequence[Group]) -> str:
    """What a folded column hides: ``"3 parts, 27 layers"``, or ``"block 2 of 4: 9 layers"``; nothing for a unit.

    Args:
        drawn: the column.
        siblings: the groups that it is counted among.
    """
    group = drawn.group
    if not group.parts:
        return ""
    layers = sum(len(unit.calls) for unit in group.units)
    if group not in siblings:
        return f"{len(group.parts)} parts, {layers} layers"
    blocks = _blocks(siblings)
    if group not in blocks or len(blocks) == 1:
        return f"{layers} layers"
    return f"block {blocks.index(group) + 1} of {len(blocks)}: {layers} layers"


def _blocks(stages: Sequence[Group]) -> list[Group]:
    """The stages that fold; where most of these are named alike and numbered, only those: no stem, no head."""
    folded = [stage for stage in stages if stage.parts]
    numbered = [re.match(r"[^\W\d]+?(?=_?\d)", stage.name.rpartition(".")[2]) for stage in folded]
    names = Counter(found[0] for found in numbered if found)
    name, count = names.most_common(1)[0] if names else ("", 0)
    if 2 * count <= len(folded):
        return folded
    return [stage for stage, found in zip(folded, numbered, strict=True) if found and found[0] == name]
