"""Which layers have maps, and which one is looked at by itself."""

import keras
import pytest

from explorer.attribution import default_layer, explain, spatial_layers
from explorer.attribution.layers import check_layer
from explorer.errors import LayerError
from explorer.models import Classifier
from tests.models import networks

L = keras.layers

LAYERS = {
    "flat": ["conv1", "pool1", "conv2", "relu2"],
    "without_input": ["conv"],
    "transfer": ["base.conv", "base.norm", "base.relu", "base"],
    "two_levels": [
        *("features.base.conv", "features.base.norm", "features.base.relu"),
        *("features.base", "features.mix", "features"),
    ],
    "shared": ["conv", "inside.mix", "inside", "conv#2", "inside#2.mix", "inside#2"],
    "grey": ["conv", "pool"],
    "mlp": [],
}
LAST = {
    "flat": "relu2",
    "without_input": "conv",
    "transfer": "base.relu",
    "two_levels": "features.mix",
    "branches": "concatenate",
    "shared": "inside#2.mix",
    "grey": "conv",
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_with_maps_are_those_from_the_first_convolution_on(name):
    assert spatial_layers(networks.classifier(name)) == LAYERS[name]


@pytest.mark.parametrize("name", LAST)
def test_the_default_is_the_last_layer_before_the_maps_are_pooled_or_flattened(name):
    network = networks.classifier(name)
    assert default_layer(network) == LAST[name]
    assert check_layer(network, None) == LAST[name]


def test_a_gate_of_one_cell_and_a_pooling_written_as_arithmetic_are_no_maps():
    """Squeeze and excitation: its convolutions are of one cell; keras.ops.mean in place of the pooling layer."""
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3, name="conv")(inputs)
    gate = L.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    gate = L.Conv2D(4, 1, activation="sigmoid", name="excite")(gate)
    x = L.Multiply(name="scaled")([x, gate])
    x = keras.ops.mean(x, axis=(1, 2))
    network = Classifier(keras.Model(inputs, L.Dense(2)(x)), ("a", "b"), "gated")
    assert spatial_layers(network) == ["conv", "scaled"]
    assert default_layer(network) == "scaled"


def test_a_network_without_convolutions_is_told_what_works_on_it():
    network = networks.classifier("mlp")
    sentence = r"^mlp has no convolution.*Methods that ask the pixels themselves work.*saliency.*occlusion, RISE\.$"
    for ask in (
        default_layer,
        lambda one: check_layer(one, None),
        lambda one: explain(one, networks.pictures(one.model)[0]),
    ):
        with pytest.raises(LayerError, match=sentence):
            ask(network)


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        ("relu", r"There is no layer 'relu'\. Did you mean 'base\.relu'"),
        ("base.conv1", "Did you mean 'base.conv'"),
        ("Base.Conv", "There is no layer 'Base.Conv'"),
        ("base.conv#2", "There is no layer"),
        ("", "There is no layer ''"),
        ("average", r"The layer 'average' has no maps \(its output is 4\).*such as 'base\.relu'"),
        ("dog", "has no maps"),
        (3, "There is no layer '3'"),
        (["base.conv"], "There is no layer"),
        (True, "There is no layer"),
    ],
)
def test_other_layers_are_refused_in_a_sentence(layer, sentence):
    with pytest.raises(LayerError, match=sentence):
        check_layer(networks.classifier("transfer"), layer)
