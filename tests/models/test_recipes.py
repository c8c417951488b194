"""Networks of blocks against what Keras itself says of them."""

import keras
import numpy as np
import pytest

from explorer.blocks import RECIPES, Block, describe, with_dropout
from explorer.errors import ModelError
from explorer.models.recipes import INITIALIZERS, build
from tests.test_blocks import PUBLISHED, any_stack, chance, possible

SMALL = (Block("convolution", filters=2), Block("global_average"), Block("dense", units=3))


def told(model):
    """Output shape and parameters of each layer, as Keras has them."""
    return [(tuple(layer.output.shape[1:]), layer.count_params()) for layer in model.layers]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_has_its_published_parameters(name):
    shape, classes, parameters = PUBLISHED[name]
    model = build(name, shape, classes)
    assert model.count_params() == parameters
    assert told(model)[1:] == [(row.output_shape, row.parameters) for row in describe(name, shape, classes)]


def test_what_is_described_is_what_keras_builds():
    draw, built = chance(0), 0
    while built < 60:
        stack, classes = any_stack(draw), draw.choice((2, 3, 7))
        shape = (draw.randint(1, 24), draw.randint(1, 24), draw.choice((1, 3)))
        if not possible(stack, shape, classes):
            continue
        built += 1
        model = build(stack, shape, classes)
        rows = describe(stack, shape, classes)
        assert told(model)[1:] == [(row.output_shape, row.parameters) for row in rows], stack
        assert [layer.__class__.__name__ for layer in model.layers[1:]][: len(stack)] == [
            {"convolution": "Conv2D", "normalisation": "BatchNormalization", "max_pooling": "MaxPooling2D"}.get(
                each.kind, layer.__class__.__name__
            )
            for each, layer in zip(stack, model.layers[1:], strict=False)
        ]
        for each, layer in zip(stack, model.layers[1:], strict=False):
            asked = each.as_dict()
            if "activation" in asked:
                assert keras.activations.serialize(layer.activation) == asked["activation"]
            if "rate" in asked:
                assert layer.rate == asked["rate"]
            if "padding" in asked:
                assert (layer.padding, layer.strides) == (asked["padding"], (asked["stride"],) * 2)


def test_an_impossible_stack_is_not_built():
    with pytest.raises(ModelError, match=r"^Layer 2, Dense 64: "):
        build((Block("convolution"), Block("dense")), (8, 8, 1), 3)
    with pytest.raises(ModelError, match="There is no recipe"):
        build("lenet", (8, 8, 1), 3)
    with pytest.raises(ModelError, match=r"Weights begin by one of glorot_uniform, .*, not 'ones'\."):
        build(SMALL, (8, 8, 1), 3, initializer="ones")


def test_the_head_follows_the_classes():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.float32)
    two, three = build(SMALL, (8, 8, 1), 2), build(SMALL, (8, 8, 1), 3)
    assert two.layers[-1].activation is keras.activations.sigmoid
    assert three.layers[-1].activation is keras.activations.softmax
    assert np.asarray(two(pixels)).shape == (4, 1)
    assert np.allclose(np.asarray(three(pixels)).sum(1), 1)


def test_the_first_layer_divides_by_255():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.float32)
    model = build((), (8, 8, 3), 3)
    kernel, bias = model.get_weights()
    scores = pixels.reshape(4, -1) / 255 @ kernel + bias
    assert np.allclose(np.asarray(model(pixels)), np.exp(scores) / np.exp(scores).sum(1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_begin_as_asked(name):
    """By the spread that each has by its paper, for 5·5·16 inputs and 5·5·32 outputs of a kernel."""
    keras.utils.set_random_seed(0)
    model = build(
        (Block("convolution", filters=16, window=1), Block("convolution", filters=32, window=5)),
        (28, 28, 1),
        3,
        initializer=name,
    )
    layer = model.get_layer("convolution_2")
    kernel, bias = layer.get_weights()
    fan_in, fan_out = 400, 800
    spread = {
        "glorot_uniform": (2 / (fan_in + fan_out)) ** 0.5,
        "glorot_normal": (2 / (fan_in + fan_out)) ** 0.5,
        "he_uniform": (2 / fan_in) ** 0.5,
        "he_normal": (2 / fan_in) ** 0.5,
        "lecun_normal": (1 / fan_in) ** 0.5,
        "random_normal": 0.05,
        "zeros": 0.0,
    }[name]
    assert abs(kernel.std() - spread) <= 0.03 * spread
    assert (bias == 0).all()
    assert abs(model.layers[-1].get_weights()[0]).max() > 0 or name == "zeros"
    assert (abs(kernel).max() < 2 * spread) == (name.endswith("uniform")) or name == "zeros"


def test_dropout_of_a_recipe_can_be_another():
    model = build("dense-512", (28, 28, 1), 10, dropout=0.25)
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == [0.25]
    bare = build("keras-io-mnist", (28, 28, 1), 10, dropout=0)
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in bare.layers)
    with pytest.raises(ModelError, match="rate is 2"):
        build("dense-512", (28, 28, 1), 10, dropout=2)
    assert with_dropout(RECIPES["dense-512"].blocks, 0.25)[1] == Block("dropout", rate=0.25)


def test_mixed_precision_keeps_the_head_and_the_weights_in_float32():
    model = build(SMALL, (8, 8, 1), 3, mixed_precision=True)
    assert model.get_layer("convolution_1").compute_dtype == "float16"
    assert model.layers[-1].compute_dtype == "float32"
    assert {weight.dtype.name for weight in model.get_weights()} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
