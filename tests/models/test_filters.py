"""A filter's own weights: each channel's slice makes that channel, by the definition of the layer."""

import keras
import numpy as np
import pytest

from explorer.errors import LayerError
from explorer.models.filters import kernel_of
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
