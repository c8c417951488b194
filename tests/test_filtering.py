"""Filtering: the stages of the Kernels page against Keras's layers."""

import itertools

import numpy as np
import pytest

from explorer import kernels
from explorer.errors import KernelError
from explorer.filtering import CHANNELS, Filtering, rows

PICTURE = np.random.default_rng(5).integers(0, 256, (21, 30, 3)).astype(np.uint8)
KERNEL = ((1.0, 0.0, -2.0, 0.5), (2.0, 0.25, -2.0, 0.0))


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ("grey", (PICTURE.astype(float) @ [0.299, 0.587, 0.114])[..., None]),  # ITU-R BT.601
        ("red", PICTURE[..., :1]),
        ("green", PICTURE[..., 1:2]),
        ("blue", PICTURE[..., 2:]),
        ("rgb", PICTURE),
    ],
)
def test_the_source_is_the_chosen_channels(channels, expected):
    source = Filtering(weights=KERNEL, channels=channels).source(PICTURE)
    assert source.dtype == np.float32
    np.testing.assert_allclose(source, expected, atol=1e-3)


@pytest.mark.parametrize("channels", CHANNELS)
def test_a_grey_picture_is_its_own_channels(channels):
    source = Filtering(weights=KERNEL, channels=channels).source(PICTURE[..., 0])
    assert source.shape == (21, 30, 3 if channels == "rgb" else 1)
    np.testing.assert_allclose(source, np.broadcast_to(PICTURE[..., :1], source.shape), atol=1e-3)


CASES = list(itertools.product(["same", "valid"], [1, 3], [False, True], [False, True], ["none", "max", "average"]))


@pytest.mark.parametrize(("padding", "stride", "flip", "relu", "pooling"), CASES)
def test_every_stage_agrees_with_keras_layers(padding, stride, flip, relu, pooling):
    import keras

    filtering = Filtering(
        weights=KERNEL, padding=padding, stride=stride, bias=-30.5, channels="rgb", flip=flip, relu=relu,
        pooling=pooling, pool_size=3,
    )  # fmt: skip
    weights = np.float32(KERNEL)
    weights = np.rot90(weights, 2) if flip else weights
    layer = keras.layers.DepthwiseConv2D(weights.shape, strides=stride, padding=padding)
    batch = PICTURE[None].astype(np.float32)
    layer.build(batch.shape)
    layer.set_weights([np.repeat(weights[..., None, None], 3, axis=2), np.float32([-30.5] * 3)])
    response = layer(batch)
    result = keras.layers.ReLU()(response) if relu else response
    if pooling != "none":
        pool = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}[pooling]
        result = pool(3)(result)
    filtered = filtering.apply(PICTURE)
    np.testing.assert_allclose(filtered.response, np.asarray(response)[0], rtol=0, atol=2e-3)
    np.testing.assert_allclose(filtered.result, np.asarray(result)[0], rtol=0, atol=2e-3)
    assert filtering.stages(21, 30)[-1][1] == result.shape[1:3]
    assert filtering.stages(21, 30)[1][1] == response.shape[1:3]
    assert filtering.stages(21, 30)[0] == ("picture", (21, 30))


def test_a_filtering_is_a_value():
    one, other = Filtering(weights=KERNEL, stride=2), Filtering(weights=KERNEL, stride=2)
    assert one == other
    assert hash(one) == hash(other)
    changed = one.with_weights(kernels.KERNELS["sobel-x"].weights)
    assert changed.stride == 2
    np.testing.assert_array_equal(changed.kernel, kernels.KERNELS["sobel-x"].weights)
    assert rows([1, 0, -1]) == ((1.0, 0.0, -1.0),)


def test_flip_turns_by_half_a_turn_and_no_more():
    np.testing.assert_array_equal(Filtering(weights=KERNEL, flip=True).kernel, [[0, -2, 0.25, 2], [0.5, -2, 0, 1]])


@pytest.mark.parametrize("options", [{"padding": "valid", "dilation": 4}, {"pooling": "max", "pool_size": 8}])
def test_a_window_larger_than_the_picture_is_refused_with_a_sentence(options):
    filtering = Filtering(weights=((1.0,) * 3,) * 3, **options)
    tiny = PICTURE[:7, :7]
    with pytest.raises(KernelError, match=r"window|pooling block"):
        filtering.apply(tiny)
    with pytest.raises(KernelError, match=r"window|pooling block"):
        filtering.stages(7, 7)
