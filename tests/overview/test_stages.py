"""The layers that stand for a network's stages, on lists of layers and networks where the right answer is plain."""

import keras
import pytest

from explorer import overview
from explorer.models import PRETRAINED, describe_layers, load_pretrained
from explorer.models.layers import LayerSummary
from tests.models.networks import NETWORKS

L = keras.layers


def layer(path, shape, kind="Conv2D", parameters=1):
    return LayerSummary(path, kind, shape, parameters, None, len(shape) == 3)


def chain(*sides, kind="Conv2D"):
    return [layer(f"{index}", (side, side, 4), kind) for index, side in enumerate(sides)]


def chosen(layers, most=9):
    return [each.path for each in overview.stages(layers, most)]


def test_each_resolution_gives_its_last_layer_and_the_longest_run_the_rest():
    layers = chain(8, 8, 4, 2, 2, 2, 2)
    assert chosen(layers, 3) == ["1", "2", "6"]
    assert chosen(layers, 4) == ["1", "2", "4", "6"]
    assert chosen(layers, 99) == [each.path for each in layers]


def test_of_more_resolutions_than_columns_some_are_left_out_and_the_last_stays():
    assert chosen(chain(64, 32, 16, 8, 4), 3) == ["1", "3", "4"]
    assert chosen(chain(64, 32, 16, 8, 4), 1) == ["4"]


def test_where_a_run_has_activations_only_those_count():
    layers = [layer("conv", (4, 4, 2)), layer("relu", (4, 4, 2), "ReLU", 0), layer("norm", (4, 4, 2))]
    assert chosen(layers) == ["relu"]


def test_what_comes_before_the_first_parameters_is_still_the_picture():
    layers = [layer("scale", (9, 9, 3), "Rescaling", 0), layer("conv", (9, 9, 2)), layer("pool", (4, 4, 2), "Max", 0)]
    assert chosen(layers) == ["conv", "pool"]


def test_padding_shortcuts_and_squeeze_and_excite_are_no_stages():
    layers = [
        layer("stem", (8, 8, 4)),
        layer("pad", (9, 9, 4), "ZeroPadding2D", 0),
        layer("squeeze", (1, 1, 4), "ReLU"),
        layer("shortcut", (4, 4, 4)),
        layer("scaled", (8, 8, 4), "Multiply", 0),
        layer("down", (4, 4, 4)),
        layer("top", (1, 1, 9)),
    ]
    assert chosen(layers) == ["stem", "scaled", "down", "top"]


def test_a_network_without_maps_has_no_stages():
    assert overview.stages([]) == []
    assert overview.stages([layer("dense", (3,), "Dense")]) == []
    assert overview.stages(describe_layers(NETWORKS["mlp"]())) == []


def test_the_layers_of_the_bundled_network():
    network = load_pretrained("EfficientNetLite0", weights=None)
    found = overview.stages(describe_layers(network.model), 7)
    assert [each.output_shape[0] for each in found] == [112, 56, 28, 14, 14, 7, 7]
    assert found[0].path == "block2a_expand_relu"
    assert found[-1].path == "head_relu"
    assert {each.kind for each in found} == {"ReLU"}


@pytest.mark.parametrize("name", ["MobileNetV3Small", "ResNet50"])
def test_published_networks_with_side_paths_and_padding_fall_step_by_step(name):
    network = PRETRAINED[name].architecture(weights=None)
    found = overview.stages(describe_layers(network, input_shape=(224, 224, 3)), 7)
    sides = [each.output_shape[0] for each in found]
    assert sides == sorted(sides, reverse=True)
    assert {112, 56, 28, 14, 7} <= set(sides) <= {112, 56, 55, 28, 14, 7, 1}
    assert sides.count(1) <= 1
    assert not any("pad" in each.path for each in found)
