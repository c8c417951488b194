"""Stacks of blocks: shapes and parameters by hand, impossible ones explained, what the smallest pictures are."""

import random
import re
from dataclasses import replace

import numpy as np
import pytest

from explorer import blocks
from explorer.blocks import (
    ACTIVATIONS,
    KINDS,
    OPTIONS,
    RECIPES,
    Block,
    compact,
    describe,
    from_compact,
    least_side,
    with_dropout,
)
from explorer.errors import ModelError
from explorer.settings import MAX_BLOCKS, MAX_NETWORK_SIDE

PUBLISHED = {
    "mlp-500-250-100": ((28, 28, 1), 10, 543_860),
    "dense-512": ((28, 28, 1), 10, 407_050),
    "convnet-32-64-64": ((28, 28, 1), 10, 93_322),
    "convnet-64-64": ((28, 28, 1), 10, 243_786),
    "keras-io-mnist": ((28, 28, 1), 10, 34_826),
    "cats-dogs": ((150, 150, 3), 2, 3_453_121),
    "cats-dogs-dropout": ((150, 150, 3), 2, 3_453_121),
    "course-16-32-64": ((150, 150, 3), 2, 9_494_561),
    "rock-paper-scissors": ((150, 150, 3), 3, 3_473_475),
}
"""Input shape, classes and parameters, as ``model.summary()`` prints them where the networks are published."""


def chance(seed):
    return random.Random(seed)  # noqa: S311 - the same stacks every time


def any_block(draw):
    """A block with every option drawn."""
    return Block(
        draw.choice(list(KINDS)),
        filters=draw.randint(1, 9),
        units=draw.randint(1, 30),
        rate=draw.choice((0.0, 0.2, 0.9)),
        window=draw.randint(1, 5),
        stride=draw.randint(1, 3),
        padding=draw.choice(("valid", "same")),
        activation=draw.choice(blocks.ACTIVATIONS),
    )


FLAT = ("flatten", "global_average", "global_max")


def any_stack(draw):
    """A stack that may be impossible; half of them have their layers in an order that can be."""
    stack = [any_block(draw) for _ in range(draw.randint(0, 7))]
    if draw.random() < 0.5:
        return tuple(stack)
    rows = [each for each in stack if each.kind in ("dense", "dropout", "normalisation")]
    maps = [each for each in stack if each.kind not in ("dense", *FLAT) and each not in rows[1:]]
    return (*maps, Block(draw.choice(FLAT)), *rows)


def possible(stack, shape, classes):
    try:
        describe(stack, shape, classes)
    except ModelError:
        return False
    return True


def test_there_are_all_published_networks():
    assert set(RECIPES) == set(PUBLISHED)
    for name, recipe in RECIPES.items():
        assert (recipe.input_shape, recipe.classes, recipe.parameters) == PUBLISHED[name]
        assert recipe.title
        assert recipe.source
        assert recipe.note.endswith(".")


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_has_its_published_parameters(name):
    shape, classes, parameters = PUBLISHED[name]
    rows = describe(name, shape, classes)
    assert sum(row.parameters for row in rows) == parameters
    assert [row.block for row in rows[:-1]] == list(RECIPES[name].blocks)
    assert rows[-1].block is None


def test_every_layer_of_the_cats_and_dogs_network_is_that_of_the_book():
    """Listing 5.5 of the book prints these."""
    rows = describe("cats-dogs", (150, 150, 3), 2)
    assert [(row.output_shape, row.parameters) for row in rows] == [
        ((148, 148, 32), 896),
        ((74, 74, 32), 0),
        ((72, 72, 64), 18496),
        ((36, 36, 64), 0),
        ((34, 34, 128), 73856),
        ((17, 17, 128), 0),
        ((15, 15, 128), 147584),
        ((7, 7, 128), 0),
        ((6272,), 0),
        ((512,), 3211776),
        ((1,), 513),
    ]
    assert [row.label for row in rows[:2]] == ["Convolution 32 · 3 × 3", "Max pooling 2 × 2"]
    assert rows[-1].label == "Dense 1 · sigmoid"


def test_maps_at_the_end_of_a_stack_are_laid_out():
    rows = describe((Block("convolution", filters=2),), (5, 6, 3), 4)
    assert [(row.label, row.output_shape, row.parameters) for row in rows] == [
        ("Convolution 2 · 3 × 3", (3, 4, 2), 56),
        ("Flatten", (24,), 0),
        ("Dense 4 · softmax", (4,), 100),
    ]
    assert [row.label for row in describe((), (1, 1, 1), 2)] == ["Flatten", "Dense 1 · sigmoid"]


def test_two_classes_end_in_a_sigmoid_and_more_in_a_softmax():
    for classes, units, activation, loss in (
        (2, 1, "sigmoid", "binary_crossentropy"),
        (3, 3, "softmax", "categorical_crossentropy"),
    ):
        assert blocks.head_units(classes) == units
        assert blocks.head_activation(classes) == activation
        assert blocks.loss_name(classes) == loss
        assert describe((), (2, 2, 1), classes)[-1].output_shape == (units,)


IMPOSSIBLE = [
    (("convolution", "dense"), (8, 8, 1), r"^Layer 2, Dense 64: .*Put Flatten or a global pooling before it\.$"),
    (("flatten", "convolution"), (8, 8, 1), r"^Layer 2, Convolution 32 · 3 × 3: .*Put it before Flatten"),
    (("flatten", "max_pooling"), (8, 8, 1), r"^Layer 2, Max pooling 3 × 3 .*Put it before Flatten"),
    (("global_average", "flatten"), (8, 8, 1), r"^Layer 2, Flatten: .*Put it before"),
    (("global_max", "global_max"), (8, 8, 1), r"^Layer 2, Global maximum: "),
    (
        ("convolution", "convolution"),
        (4, 9, 3),
        r"^Layer 2, Convolution 32 · 3 × 3: Its .* maps of 2 × 7\. .* or take pictures of at least 5 × 5 pixels\.$",
    ),
]


@pytest.mark.parametrize(("kinds", "shape", "said"), IMPOSSIBLE)
def test_an_impossible_stack_says_which_layer_and_what_helps(kinds, shape, said):
    with pytest.raises(ModelError, match=said):
        describe([Block(kind) for kind in kinds], shape, 3)


def test_what_is_said_to_help_helps():
    """Every advised size makes the layer that was named possible, and one pixel less does not."""
    draw, advised = chance(1), 0
    for _ in range(800):
        stack, shape = any_stack(draw), (draw.randint(1, 12), draw.randint(1, 12), 1)
        try:
            describe(stack, shape, 3)
        except ModelError as error:
            place = int(re.match(r"Layer (\d+), ", str(error))[1])
            found = re.search(r"at least (\d+) × \1 pixels", str(error))
            assert possible(stack[: place - 1], shape, 3)
            assert not possible(stack[:place], shape, 3)
            if found:
                side, advised = int(found[1]), advised + 1
                assert possible(stack, (side, side, 1), 3)
                assert not possible(stack, (side - 1, side - 1, 1), 3)
    assert advised > 20


def test_the_least_side_works_and_one_less_does_not():
    draw, checked = chance(2), 0
    for _ in range(600):
        stack = any_stack(draw)
        side = least_side(stack, 1)
        if side is None:
            assert not possible(stack, (MAX_NETWORK_SIDE, MAX_NETWORK_SIDE, 1), 2)
            continue
        checked += side > 1
        by_trying = next(size for size in range(1, 400) if possible(stack, (size, size, 1), 2))
        assert side == by_trying
    assert checked > 20


def test_the_least_sides_of_the_recipes():
    """By hand: each pooling doubles, each 3 × 3 convolution adds two."""
    for name, side in {"cats-dogs": 46, "course-16-32-64": 22, "convnet-32-64-64": 18, "dense-512": 1}.items():
        assert least_side(name) == side
    assert least_side((Block("dense"),)) is None


def test_too_many_parameters_give_a_sentence():
    with pytest.raises(ModelError, match=r"has [\d,]+ parameters; 200,000,000 is the limit\. Pool more often"):
        describe([Block("flatten"), Block("dense", units=4096)], (512, 512, 3), 10)


@pytest.mark.parametrize(
    ("shape", "classes"),
    [
        ((8, 8), 3),
        ((8, 8, 2), 3),
        ((0, 8, 1), 3),
        ((8.0, 8, 1), 3),
        ((True, 8, 1), 3),
        ((MAX_NETWORK_SIDE + 1, 8, 1), 3),
        ("8x8", 3),
        (None, 3),
        ((8, 8, 1), 1),
        ((8, 8, 1), True),
        ((8, 8, 1), 2.0),
        ((8, 8, 1), 10**9),
    ],
)
def test_pictures_and_classes_that_cannot_be_give_a_sentence(shape, classes):
    with pytest.raises(ModelError, match=r"\.$"):
        describe((Block("flatten"),), shape, classes)


def test_dropout_goes_before_the_dense_layers():
    for name, recipe in RECIPES.items():
        kinds = [each.kind for each in with_dropout(recipe.blocks, 0.3)]
        assert kinds.count("dropout") == 1
        assert kinds[kinds.index("flatten") + 1] == "dropout", name
        assert with_dropout(recipe.blocks, None) == recipe.blocks
        assert [each for each in recipe.blocks if each.kind != "dropout"] == list(with_dropout(recipe.blocks, 0))
        assert sum(row.parameters for row in describe(with_dropout(recipe.blocks, 0.3), *PUBLISHED[name][:2])) == (
            recipe.parameters
        )
    maps = (Block("convolution"), Block("dropout", rate=0.1))
    assert with_dropout(maps, 0.4) == (maps[0], Block("dropout", rate=0.4))
    assert with_dropout((Block("global_max"), Block("dense")), 0.4)[1] == Block("dropout", rate=0.4)
    assert with_dropout((), 0.2) == (Block("dropout", rate=0.2),)
    for rate in (-0.1, 0.95, 2, float("nan"), "half"):
        with pytest.raises(ModelError, match="rate is"):
            with_dropout(maps, rate)


def test_a_block_is_made_again_of_what_it_says():
    draw = chance(3)
    for _ in range(100):
        made = any_block(draw)
        assert blocks.block(made.as_dict()) == made
        assert set(made.as_dict()) == {"kind", *KINDS[made.kind].uses}
        assert replace(made) == made
        assert replace(made, **blocks.values(made)) == made
    assert Block("flatten", units=3, activation="no matter") == Block("flatten")
    assert blocks.to_dicts([Block("dense", units=3)]) == [{"kind": "dense", "units": 3, "activation": "relu"}]


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        "dense",
        {},
        {"units": 3},
        {"kind": "dense", "colour": "red"},
        {"kind": "attention"},
        {"kind": []},
        {"kind": {}},
        {"kind": None},
        {"kind": "dense", "units": True},
        {"kind": "dense", "units": 0},
        {"kind": "dense", "units": 1.0},
        {"kind": "dense", "units": "64"},
        {"kind": "dense", "units": 10**300},
        {"kind": "dense", "units": []},
        {"kind": "dropout", "rate": float("nan")},
        {"kind": "dropout", "rate": float("inf")},
        {"kind": "dropout", "rate": 1.0},
        {"kind": "convolution", "padding": "reflect"},
        {"kind": "convolution", "padding": []},
        {"kind": "convolution", "activation": None},
        {"kind": "convolution", "window": 16},
        {"kind": "max_pooling", "stride": 0},
        {1: 2, "kind": "dense"},
    ],
)
def test_what_is_no_block_gives_a_sentence(values):
    with pytest.raises(ModelError, match=r"\.$"):
        blocks.block(values)


def test_what_is_no_stack_gives_a_sentence():
    with pytest.raises(ModelError, match="There is no recipe 'lenet'"):
        blocks.blocks_of("lenet")
    with pytest.raises(ModelError, match=f"up to {MAX_BLOCKS} blocks"):
        blocks.blocks_of([Block("dropout")] * (MAX_BLOCKS + 1))
    with pytest.raises(ModelError, match="up to"):
        blocks.blocks_of(["flatten"])
    assert len(describe([Block("dropout")] * MAX_BLOCKS, (2, 2, 1), 2)) == MAX_BLOCKS + 2


def test_every_option_belongs_to_a_kind():
    used = {name for kind in KINDS.values() for name in kind.uses}
    assert used == set(OPTIONS)
    assert {name: option.default for name, option in OPTIONS.items()} == {
        name: getattr(Block("convolution"), name) for name in OPTIONS
    }


def test_a_stack_as_a_short_text_comes_back():
    rng = np.random.default_rng(0)
    stacks = [recipe.blocks for recipe in RECIPES.values()]
    for _ in range(50):
        made = []
        for kind in rng.choice(list(KINDS), 12):
            given = {
                "filters": int(rng.integers(1, 99)),
                "units": int(rng.integers(1, 99)),
                "rate": rng.integers(10) / 10,
            }
            given |= {"window": int(rng.integers(1, 9)), "stride": int(rng.integers(1, 9))}
            given |= {"padding": str(rng.choice(["valid", "same"])), "activation": str(rng.choice(ACTIVATIONS))}
            made.append(Block(str(kind), **given))
        stacks.append(tuple(made))
    for stack in (*stacks, ()):
        text = compact(stack)
        assert from_compact(text) == stack
        assert re.fullmatch(r"[a-z0-9._-]+", text)


@pytest.mark.parametrize(
    "text", ["", "z", "c--1", "c32.3", "f1", "d64", "c1025", "cx", "o5", "c8.3.1.none", "-", "c_d", "none-f", "c²"]
)
def test_what_is_no_short_text_of_a_stack_is_refused(text):
    with pytest.raises(ModelError):
        from_compact(text)
