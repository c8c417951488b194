"""A network as columns: where it is cut, what is joined, and what feeds what."""

import keras
import pytest

from explorer import overview
from explorer.models import RECIPES, build
from explorer.models.graph import visits
from explorer.models.pretrained import PRETRAINED
from tests.models.networks import NETWORKS

L = keras.layers


def names(plan, opened=()):
    return [column.group.name for column in plan.columns(opened)]


def every_unit(groups):
    """The single units of a tree, in order."""
    return [unit for group in groups for unit in (every_unit(group.parts) if group.parts else group.units)]


def residual():
    """Two residual blocks of one name, as in ResNet, between two plain layers."""
    inputs = keras.Input((16, 16, 3), name="pixels")
    x = L.ReLU(name="stem_relu")(L.Conv2D(4, 3, padding="same", name="stem")(inputs))
    for block in (1, 2):
        before = x
        x = L.Conv2D(4, 1, activation="relu", name=f"conv2_block{block}_1_conv")(x)
        x = L.Conv2D(4, 3, padding="same", name=f"conv2_block{block}_2_conv")(x)
        x = L.ReLU(name=f"conv2_block{block}_out")(L.Add(name=f"conv2_block{block}_add")([before, x]))
    x = L.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, L.Dense(2, name="classes")(x), name="residual")


def test_a_plain_chain_is_a_column_a_unit():
    plan = overview.plan(NETWORKS["flat"]())
    assert names(plan) == ["picture", "conv1", "pool1", "conv2", "average", "classes"]
    told = [column.group.told.path for column in plan.columns()]
    assert told == ["scale", "conv1", "pool1", "relu2", "average", "classes"]
    assert [column.parents for column in plan.columns()] == [(), (0,), (1,), (2,), (3,), (4,)]
    assert [column.level for column in plan.columns()] == [0, 1, 2, 3, 4, 5]


def test_a_residual_block_is_one_column_until_it_is_unfolded():
    plan = overview.plan(residual())
    assert names(plan) == ["picture", "stem", "conv2_block1", "conv2_block2", "pool", "classes"]
    block = plan.columns()[2].group
    assert block.told.path == "conv2_block1_out"
    assert [part.name for part in block.parts] == [
        "conv2_block1_1_conv", "conv2_block1_2_conv", "conv2_block1_add",
    ]  # fmt: skip
    opened = plan.columns([block.id])
    assert [column.group.name for column in opened[2:5]] == [part.name for part in block.parts]
    assert opened[4].parents == (1, 3), "the addition reads the stem and the second convolution"
    assert [column.level for column in opened[1:5]] == [1, 2, 3, 4]
    assert all(column.inside == (block.id,) for column in opened[2:5])
    assert opened[5].parents == (4,)


def test_blocks_of_one_name_are_joined_where_there_are_too_many():
    plan = overview.plan(residual(), most=3)
    assert names(plan) == ["picture", "stem", "conv2", "pool", "classes"]
    stage = plan.stages[1]
    assert [part.name for part in stage.parts] == ["conv2_block1", "conv2_block2"]
    assert names(plan, [stage.id])[2:4] == ["conv2_block1", "conv2_block2"]
    inner = stage.parts[1]
    assert names(plan, [stage.id, inner.id])[3:6] == [part.name for part in inner.parts]
    assert plan.columns([stage.id, inner.id])[4].inside == (stage.id, inner.id)
    assert overview.words_for(plan.columns()[2], plan.stages) == "8 layers", "it is the only one that folds"
    assert overview.words_for(plan.columns()[2], ()) == "2 parts, 8 layers"
    stem, *_ = plan.columns([stage.id])
    assert overview.words_for(stem, plan.stages) == ""
    blocks = overview.plan(residual())
    told = [overview.words_for(column, blocks.stages) for column in blocks.columns()]
    assert told == ["", "", "block 1 of 2: 4 layers", "block 2 of 2: 4 layers", "", ""]


def numbered(names):
    """A plain chain of stages of two convolutions each."""
    x = start = keras.Input((16, 16, 3))
    for name in names:
        for part in ("a", "b"):
            x = keras.layers.Conv2D(2, 3, padding="same", name=f"{name}_{part}")(x)
        x = keras.layers.MaxPooling2D(name=f"{name}_pool")(x)
    x = keras.layers.Dense(2, name="classes")(keras.layers.Flatten()(x))
    return keras.Model(start, x)


@pytest.mark.parametrize("nested", [False, True])
def test_blocks_are_counted_without_a_stem_that_is_named_otherwise(nested):
    model = numbered(["stem", "block1", "block2", "block3"])
    if nested:
        model.name = "base"
        start = keras.Input((16, 16, 3))
        model = keras.Model(start, keras.layers.Dense(2, name="scores")(model(start)))
    plan = overview.plan(model, most=5 if nested else 4)
    blocks = [f"base.block{place}" if nested else f"block{place}" for place in (1, 2, 3)]
    assert names(plan)[1:5] == ["base.stem_a …" if nested else "stem_a–stem_b", *blocks]
    told = [overview.words_for(column, plan.stages).split(": ")[0] for column in plan.columns()]
    assert told[1:5] == ["2 layers", "block 1 of 3", "block 2 of 3", "block 3 of 3"]


def test_branches_stand_one_below_the_other():
    plan = overview.plan(NETWORKS["branches"]())
    (stage, _) = plan.stages
    columns = plan.columns([stage.id])
    places = {column.group.name: (column.level, column.lane, column.lanes) for column in columns}
    assert places["left"] == (1, 0, 2) or places["left"] == (1, 1, 2)
    assert places["left"][0] == places["right"][0]
    assert {places["left"][1], places["right"][1]} == {0, 1}
    by_name = {column.group.name: column for column in columns}
    parents = {name: {columns[at].group.name for at in column.parents} for name, column in by_name.items()}
    assert parents["add"] == {"left", "right"}
    assert parents["concatenate"] == {"add", "right"}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_unit_is_in_one_column(name):
    plan = overview.plan(NETWORKS[name]())
    found = [plan.picture.told, *every_unit(plan.stages), plan.classes.told]
    assert len(found) == len(set(found)) == len(set(plan.makers.values()))
    ids = [group.id for group in plan.groups()]
    assert len(ids) == len(set(ids))
    everything = plan.columns(ids)
    assert [column.group.told for column in everything[1:-1]] == every_unit(plan.stages)
    for column in everything:
        assert set(column.parents) == {
            index for index, other in enumerate(everything) if other.group.told in plan.parents[column.group.told]
        }


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipes_fit_unfolded(name):
    recipe = RECIPES[name]
    model = build(name, recipe.input_shape, 10)
    plan = overview.plan(model)
    assert len(plan.stages) <= 9
    counted = sum(overview.parameters_of(group, plan.parameters) for group in (*plan.stages, plan.classes))
    assert counted == model.count_params()


def test_a_network_of_one_layer():
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Flatten(), L.Dense(3, "softmax", name="only")])
    assert names(overview.plan(model)) == ["picture", "only"]
    assert overview.plan(model).columns()[1].parents == (0,)


def test_a_branch_that_leads_nowhere_is_left_out():
    inner_inputs = keras.Input((8, 8, 3))
    used = L.Conv2D(2, 3, name="used")(inner_inputs)
    inner = keras.Model(inner_inputs, [used, L.Conv2D(2, 3, name="unused")(used)], name="inner")
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, L.Dense(2)(L.GlobalAveragePooling2D()(inner(inputs)[0])))
    paths = {unit.path for unit in every_unit(overview.plan(model).stages)}
    assert "inner.used" in paths
    assert "inner.unused" not in paths


def test_unknown_groups_change_nothing():
    plan = overview.plan(residual())
    assert names(plan, ["99", "0", "<script>"]) == names(plan)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("VGG16", ["block1", "block2", "block3", "block4", "block5", "fc1", "fc2"]),
        ("ResNet50", ["conv1_conv", "pool1_pool", "conv2", "conv3", "conv4", "conv5", "avg_pool"]),
        ("InceptionV3", None),
        ("MobileNetV2", None),
    ],
)
def test_published_networks_fit_folded(name, stages):
    model = PRETRAINED[name].architecture(weights=None)
    plan = overview.plan(model)
    assert len(plan.stages) <= overview.plan.__kwdefaults__["most"]
    assert [column.parents for column in plan.columns()[1:]] == [(at,) for at in range(len(plan.stages) + 1)]
    if stages is not None:
        assert [stage.name for stage in plan.stages] == stages
    counted = sum(overview.parameters_of(group, plan.parameters) for group in (*plan.stages, plan.classes))
    assert counted == model.count_params()
    calls = sum(len(unit.calls) for unit in [plan.picture.told, *every_unit(plan.stages), plan.classes.told])
    assert calls == len([call for call in visits(model) if not call.inner])
