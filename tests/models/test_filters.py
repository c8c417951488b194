"""A filter's own weights: each channel's slice makes that channel, by the definition of the layer."""

import keras
import numpy as np
import pytest

from explorer.errors import LayerError
from explorer.models.filters import colour_order, kernel_of, kernels_of
from explorer.models.preprocessing import preprocessing_layer
from tests.models.networks import NETWORKS

L = keras.layers


def network(layer, shape=(5, 5, 3)):
    model = keras.Sequential([keras.Input(shape), layer])
    rng = np.random.default_rng(4)
    model.set_weights([rng.normal(size=weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


def one_unit(model, pixels):
    """The outputs of the unit in the first row and column."""
    return np.asarray(model(pixels[None]))[0, 0, 0]


def test_a_channel_is_the_sum_of_products_with_its_kernel():
    model = network(L.Conv2D(4, 3, use_bias=False, name="conv"))
    pixels = np.random.default_rng(0).normal(size=(5, 5, 3)).astype(np.float32)
    for channel in range(4):
        kernel = kernel_of(model, "conv", channel)
        assert kernel.shape == (3, 3, 3)
        assert kernel.dtype == np.float32
        assert (kernel * pixels[:3, :3]).sum() == pytest.approx(one_unit(model, pixels)[channel], abs=1e-5)


def test_a_depthwise_channel_has_the_slice_of_its_one_input():
    model = network(L.DepthwiseConv2D(2, depth_multiplier=2, use_bias=False, name="depthwise"))
    pixels = np.random.default_rng(1).normal(size=(5, 5, 3)).astype(np.float32)
    for channel in range(6):
        kernel = kernel_of(model, "depthwise", channel)
        assert kernel.shape == (2, 2, 1)
        total = (kernel[..., 0] * pixels[:2, :2, channel // 2]).sum()
        assert total == pytest.approx(one_unit(model, pixels)[channel], abs=1e-5)


def test_a_transposed_convolution_has_the_weights_of_its_output():
    model = network(L.Conv2DTranspose(4, 2, strides=2, use_bias=False, name="up"))
    pixels = np.random.default_rng(2).normal(size=(5, 5, 3)).astype(np.float32)
    for channel in range(4):
        kernel = kernel_of(model, "up", channel)
        assert kernel.shape == (2, 2, 3)
        assert (kernel[0, 0] * pixels[0, 0]).sum() == pytest.approx(one_unit(model, pixels)[channel], abs=1e-5)


def test_a_separable_convolution_is_the_product_of_its_parts():
    model = network(L.SeparableConv2D(4, 2, depth_multiplier=2, use_bias=False, name="separable"))
    pixels = np.random.default_rng(3).normal(size=(5, 5, 3)).astype(np.float32)
    for channel in range(4):
        kernel = kernel_of(model, "separable", channel)
        assert kernel.shape == (2, 2, 3)
        assert (kernel * pixels[:2, :2]).sum() == pytest.approx(one_unit(model, pixels)[channel], abs=1e-4)


def test_a_layer_inside_a_network_inside_a_network():
    model = NETWORKS["two_levels"]()
    inner = model.get_layer("features").get_layer("base").get_layer("conv")
    expected = np.asarray(inner.kernel)[..., 2]
    np.testing.assert_array_equal(kernel_of(model, "features.base.conv", 2), expected)


@pytest.mark.parametrize("path", ["flatten", "hidden", "classes"])
def test_what_is_no_convolution_has_no_filters(path):
    assert kernel_of(NETWORKS["mlp"](), path, 0) is None


def test_a_layer_or_channel_that_does_not_exist_gives_a_sentence():
    model = NETWORKS["flat"]()
    with pytest.raises(LayerError, match=r"no layer 'conv3'\. Did you mean 'conv"):
        kernel_of(model, "conv3", 0)
    for channel in (4, -1):
        with pytest.raises(LayerError, match=f"the channels 0 to 3; there is no {channel}"):
            kernel_of(model, "conv1", channel)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (L.Conv2D(4, 3, name="some"), (3, 3, 3, 4)),
        (L.DepthwiseConv2D(2, depth_multiplier=2, name="some"), (2, 2, 1, 6)),
        (L.Conv2DTranspose(4, 2, name="some"), (2, 2, 3, 4)),
    ],
)
def test_all_kernels_at_once_are_those_of_each_channel(layer, shape):
    model = network(layer)
    every = kernels_of(model, "some")
    assert every.shape == shape
    assert every.dtype == np.float32
    for channel in range(shape[3]):
        np.testing.assert_array_equal(every[..., channel], kernel_of(model, "some", channel))


def test_all_kernels_of_what_has_none():
    assert kernels_of(NETWORKS["mlp"](), "hidden") is None
    with pytest.raises(LayerError, match="no layer 'conv9'"):
        kernels_of(NETWORKS["flat"](), "conv9")


def behind(*layers):
    """A network of any picture size that begins with these layers and goes on with a convolution."""
    return keras.Sequential([keras.Input((None, None, 3)), *layers, L.Conv2D(2, 3, name="conv")])


@pytest.mark.parametrize(
    ("kind", "order"), [("caffe", (2, 1, 0)), ("tf", (0, 1, 2)), ("torch", (0, 1, 2)), ("inside", (0, 1, 2))]
)
def test_the_colours_are_found_behind_any_preprocessing(kind, order):
    assert colour_order(behind(preprocessing_layer(kind), L.ZeroPadding2D(3)), "conv") == order


def test_the_first_convolution_of_an_inner_network_reads_the_picture():
    model = NETWORKS["two_levels"]()
    assert colour_order(model, "features.base.conv", input_shape=(16, 16, 3)) == (0, 1, 2)
    assert colour_order(model, "features.mix") is None


@pytest.mark.parametrize(
    "before",
    [
        [L.Conv2D(3, 1)],
        [L.DepthwiseConv2D(3)],
        [L.SeparableConv2D(3, 3)],
        [L.Dense(3)],
        [L.Rescaling(-1.0)],  # upside down: its inputs are cyan, magenta and yellow
        [L.Rescaling([1.0, 1.0, 0.0])],
    ],
)
def test_what_reads_no_colours_has_no_order_of_them(before):
    assert colour_order(behind(*before), "conv") is None


def test_colours_that_are_mixed_without_weights_are_no_longer_colours():
    pixels = keras.Input((8, 8, 3))
    mixed = pixels * 0.7 + keras.ops.flip(pixels, axis=-1) * 0.3
    assert colour_order(keras.Model(pixels, L.Conv2D(2, 3, name="conv")(mixed)), "conv") is None


def test_a_grey_network_and_a_second_call_read_no_colours():
    assert colour_order(NETWORKS["grey"](), "conv") is None
    assert colour_order(NETWORKS["shared"](), "conv") == (0, 1, 2)
    assert colour_order(NETWORKS["shared"](), "conv#2") is None
    with pytest.raises(LayerError, match="no layer 'conv9'"):
        colour_order(NETWORKS["flat"](), "conv9")
