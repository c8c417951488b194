"""Window geometry against Keras's own shapes, and receptive fields against the gradient."""

import itertools

import numpy as np
import pytest

from explorer import windows
from explorer.errors import KernelError, LayerError


def test_output_size_and_padding_agree_with_tensorflow_over_thousands_of_cases():
    from keras.src.ops.operation_utils import compute_conv_output_shape

    cases = 0
    for size, window, stride, dilation, mode in itertools.product(
        range(1, 31, 3), range(1, 16, 2), range(1, 9), range(1, 5), ("same", "valid")
    ):
        if mode == "valid" and dilation * (window - 1) + 1 > size:
            with pytest.raises(KernelError, match="spans"):
                windows.output_size(size, window, stride, mode, dilation)
            continue
        shape = compute_conv_output_shape((1, size, size, 1), 1, (window, window), stride, mode, dilation_rate=dilation)
        assert windows.output_size(size, window, stride, mode, dilation) == shape[1]
        cases += 1
    assert cases > 3000


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2: input 13, filter 6, stride 5
        ((13, 6, 5, "same"), (1, 2)),
        ((13, 6, 5, "valid"), (0, 0)),
        ((224, 3, 2, "same"), (0, 1)),
        ((28, 5, 1, "same"), (2, 2)),
        ((10, 3, 1, "same", 4), (4, 4)),
        ((7, 2, 4, "same"), (0, 0)),
        ((5, 4, 1, "reflect"), (1, 2)),
    ],
)
def test_padding_is_tensorflows(arguments, expected):
    assert windows.padding(*arguments) == expected


def test_positions_name_the_cells_of_each_window():
    assert windows.positions(5, 3, stride=2, padding="same", dilation=2).tolist() == [
        [-2, 0, 2],
        [0, 2, 4],
        [2, 4, 6],
    ]
    assert windows.positions(5, 2, stride=3, padding="valid").tolist() == [[0, 1], [3, 4]]


@pytest.mark.parametrize("arguments", [(0, 3), (5, 0), (5, 3, 0), (5, 3, 1, "full"), (5, 3, 1, "same", 0)])
def test_bad_options_are_sentences(arguments):
    with pytest.raises(KernelError, match=r"\.$"):
        windows.output_size(*arguments)


@pytest.fixture(scope="module")
def branching():
    """A network with every kind of layer that moves a window, a branch, and a network inside it."""
    import keras
    from keras import layers

    base = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            layers.Conv2D(1, 3, strides=2, padding="same", name="conv1"),
            layers.DepthwiseConv2D((3, 2), padding="same", name="depthwise"),
        ],
        name="base",
    )
    picture = keras.Input((30, 33, 1))
    x = layers.Rescaling(1.0)(picture)
    x = layers.ZeroPadding2D(((0, 1), (2, 1)), name="pad")(x)
    x = base(x)
    short = layers.AveragePooling2D(2, strides=1, padding="same", name="short")(x)
    long = layers.SeparableConv2D(1, 3, padding="same", dilation_rate=2, name="long")(x)
    x = layers.Add(name="sum")([short, long])
    x = layers.Cropping2D(((1, 0), (0, 2)), name="crop")(x)
    x = layers.AveragePooling2D((2, 3), name="pool")(x)
    gate = layers.Conv2D(1, 1, name="gate")(layers.GlobalAveragePooling2D(keepdims=True, name="mean")(x))
    x = layers.Add(name="gated")([x, gate])
    x = layers.Flatten(name="flat")(x)
    model = keras.Model(picture, layers.Dense(1, name="head")(x))
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    return model


def seen(inputs, output, shape, row, col):
    """The bounds of the pixels that change a unit, by the gradient."""
    import keras
    import tensorflow as tf

    probe = keras.Model(inputs, output)
    picture = tf.Variable(np.ones(shape, np.float32))
    with tf.GradientTape() as tape:
        unit = probe(picture)[0, row, col, 0]
    rows, cols = np.nonzero(np.asarray(tape.gradient(unit, picture))[0, :, :, 0])
    return rows.min(), cols.min(), rows.max() + 1, cols.max() + 1


@pytest.mark.parametrize("name", ["pad", "base", "short", "long", "sum", "crop", "pool"])
def test_a_unit_sees_exactly_its_receptive_field(branching, name):
    output = branching.get_layer(name)._inbound_nodes[-1].output_tensors[0]
    field = windows.receptive_field(branching, name)
    for row, col in [(0, 0), (1, 1), (3, 2), (output.shape[1] - 1, output.shape[2] - 1)]:
        top, left, bottom, right = field.at(row, col)
        visible = (max(0, top), max(0, left), min(30, bottom), min(33, right))
        # The extra zeros that "pad" adds are within the field, but no pixels.
        if visible[0] < visible[2] and visible[1] < visible[3]:
            assert seen(branching.inputs, output, (1, 30, 33, 1), row, col) == visible


def test_layers_of_an_inner_network_have_dotted_paths(branching):
    inner = windows.receptive_field(branching, "base.conv1")
    assert inner == windows.receptive_field(branching, branching.get_layer("base").get_layer("conv1"))
    assert (inner.size, inner.stride) == ((3, 3), (2, 2))
    assert windows.receptive_field(branching, "base").size == (7, 5)
    with pytest.raises(LayerError, match="no layer 'conv1'"):
        windows.receptive_field(branching, "conv1")


@pytest.mark.parametrize("name", ["mean", "gate", "gated", "flat", "head"])
def test_what_stands_above_a_global_layer_sees_the_whole_picture(branching, name):
    assert windows.receptive_field(branching, name).at(4, 4) == (0, 0, 30, 33)


def test_published_receptive_fields():
    import keras

    # VGG-16 in the authors' table: 212 (https://distill.pub/2019/computing-receptive-fields).
    vgg = keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    field = windows.receptive_field(vgg, "block5_pool")
    assert (field.size, field.stride) == ((212, 212), (32, 32))
    assert windows.receptive_field(vgg, "block1_conv2").size == (5, 5)


def test_networks_that_cannot_be_walked_are_sentences():
    import keras
    from keras import layers

    with pytest.raises(LayerError, match="not been built"):
        windows.receptive_field(keras.Sequential([layers.Conv2D(1, 3)]), "conv2d")
    anysize = keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(1, 3, name="c")])
    with pytest.raises(LayerError, match="no fixed picture size"):
        windows.receptive_field(anysize, "c")
    assert windows.receptive_field(anysize, "c", input_size=(9, 9)).size == (3, 3)
    with pytest.raises(LayerError, match="too small"):
        windows.receptive_field(anysize, "c", input_size=(2, 2))
    up = keras.Sequential([keras.Input((8, 8, 1)), layers.UpSampling2D(name="up"), layers.Conv2D(1, 3, name="c")])
    with pytest.raises(LayerError, match="'up'"):
        windows.receptive_field(up, "c")
